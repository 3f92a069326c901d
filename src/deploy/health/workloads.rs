//! Deployments, stateful sets, daemon sets, replica sets.
//!
//! By their status; which pods are to blame is for `faults`. The generation has
//! been compared before these are asked.

use serde_json::Value;

use super::conditions::{conditions, find};
use super::generic::unobserved;
use super::{Case, Settle};
use crate::deploy::fields::{int, is_true, text};

/// A count of the status; absent is 0.
fn count(live: &Value, name: &str) -> i64 {
    int(live, &["status", name]).unwrap_or(0)
}

/// How many pods are wanted; the server's default is 1.
fn replicas(live: &Value) -> i64 {
    int(live, &["spec", "replicas"]).unwrap_or(1)
}

/// Waits while there are fewer than wanted.
fn fewer(have: i64, want: i64, what: &str) -> Option<Settle> {
    (have < want).then(|| Settle::Waiting(format!("{have} of {want} pods {what}")))
}

/// Waits while there are more than wanted.
fn surplus(have: i64, want: i64) -> Option<Settle> {
    (have > want).then(|| Settle::Waiting(format!("{} old pods have to go", have - want)))
}

pub(super) fn deployment(case: &Case<'_>, live: &Value) -> Settle {
    if is_true(live, &["spec", "paused"]) {
        return Settle::suspended(case, &["spec", "paused"], "the Deployment is paused");
    }
    let conditions = conditions(live);
    let progress = find(&conditions, "Progressing");
    let deadline = int(live, &["spec", "progressDeadlineSeconds"]);
    if let Some(late) = progress.filter(|condition| condition.reason == "ProgressDeadlineExceeded") {
        // The controller keeps this of the revision before until pods of the new
        // one have come up (`DeploymentTimedOut`, deployment_util.go). A deadline that
        // ran out for this revision did so a deadline after the write.
        let since = case.applied.at.map(|at| at.saturating_add(deadline.unwrap_or(600) / 2));
        let stale = matches!((late.changed, since), (Some(changed), Some(since)) if changed < since);
        if stale {
            return Settle::waiting("the controller still reports that the revision before made no progress");
        }
        return Settle::failed(late.words());
    }
    let want = replicas(live);
    let updated = count(live, "updatedReplicas");
    let numbers = unobserved(live)
        .or_else(|| fewer(updated, want, "are of this revision"))
        .or_else(|| fewer(count(live, "replicas"), want, "are there"))
        .or_else(|| surplus(count(live, "replicas"), updated.max(want)))
        .or_else(|| fewer(count(live, "availableReplicas"), updated, "are available"))
        .or_else(|| fewer(count(live, "readyReplicas"), want, "are ready"))
        .or_else(|| surplus(count(live, "replicas"), want));
    if let Some(settle) = numbers {
        return settle;
    }
    // Without a deadline the controller sets no such condition; what it takes
    // for none is the largest number (`HasProgressDeadline`).
    let has_deadline = deadline.is_some_and(|seconds| seconds != i64::from(i32::MAX));
    let done = progress.is_some_and(|c| c.status == "True" && c.reason == "NewReplicaSetAvailable");
    if has_deadline && !done {
        return Settle::waiting("the rollout is not complete");
    }
    match find(&conditions, "Available") {
        Some(available) if available.status == "True" => Settle::Ready(None),
        Some(other) => Settle::Waiting(other.words()),
        None => Settle::waiting("it is not said to be available"),
    }
}

pub(super) fn stateful_set(live: &Value) -> Settle {
    if let Some(settle) = unobserved(live) {
        return settle;
    }
    let want = replicas(live);
    let (have, ready) = (count(live, "replicas"), count(live, "readyReplicas"));
    let updated = count(live, "updatedReplicas");
    let partition = int(live, &["spec", "updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0).max(0);
    if text(live, &["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        let stale = (updated < have).then(|| {
            format!(
                "{} of {have} pods keep the revision before until they are deleted (OnDelete)",
                have - updated
            )
        });
        if updated == 0 && have >= want && want > 0 {
            return Settle::Ready(stale);
        }
        let numbers = fewer(have, want, "are there")
            .or_else(|| fewer(ready, want, "are ready"))
            .or_else(|| surplus(have, want));
        return numbers.unwrap_or(Settle::Ready(stale));
    }
    let numbers = fewer(have, want, "are there")
        .or_else(|| fewer(updated, want - partition, "are of this revision"))
        .or_else(|| fewer(ready, want, "are ready"))
        .or_else(|| surplus(have, want))
        .or_else(|| {
            let slow = int(live, &["spec", "minReadySeconds"]).unwrap_or(0) > 0;
            slow.then(|| fewer(count(live, "availableReplicas"), want, "are available")).flatten()
        });
    if let Some(settle) = numbers {
        return settle;
    }
    if partition > 0 {
        let kept = partition.min(have - updated);
        let words = || format!("{kept} of {have} pods keep the revision before by its partition");
        return Settle::Ready((kept > 0).then(words));
    }
    let revision = |name: &str| text(live, &["status", name]);
    if revision("currentRevision") == revision("updateRevision") {
        return Settle::Ready(None);
    }
    Settle::waiting("the rollout is not complete")
}

pub(super) fn daemon_set(live: &Value) -> Settle {
    if let Some(settle) = unobserved(live) {
        return settle;
    }
    let Some(want) = int(live, &["status", "desiredNumberScheduled"]) else {
        return Settle::waiting("its controller has not counted its nodes yet");
    };
    let updated = count(live, "updatedNumberScheduled");
    let on_delete = text(live, &["spec", "updateStrategy", "type"]) == Some("OnDelete");
    let numbers = fewer(count(live, "currentNumberScheduled"), want, "are there")
        .or_else(|| if on_delete { None } else { fewer(updated, want, "are of this revision") })
        .or_else(|| fewer(count(live, "numberAvailable"), want, "are available"))
        .or_else(|| fewer(count(live, "numberReady"), want, "are ready"));
    match numbers {
        // Pods of the revision before are not this revision's to answer for.
        Some(_) if on_delete && updated == 0 && want > 0 => {}
        Some(settle) => return settle,
        None if want == 0 => return Settle::noted("no node wants it"),
        None => {}
    }
    let kept = want - updated;
    let words =
        || format!("{kept} of {want} pods keep the revision before until they are deleted (OnDelete)");
    Settle::Ready((on_delete && kept > 0).then(words))
}

pub(super) fn replica_set(live: &Value) -> Settle {
    let want = replicas(live);
    let labelled = int(live, &["status", "fullyLabeledReplicas"]).unwrap_or(0);
    unobserved(live)
        .or_else(|| fewer(labelled, want, "are there"))
        .or_else(|| fewer(count(live, "availableReplicas"), want, "are available"))
        .or_else(|| fewer(count(live, "readyReplicas"), want, "are ready"))
        .or_else(|| surplus(count(live, "replicas"), want))
        .unwrap_or(Settle::Ready(None))
}
