//! Jobs and Pods: what runs to an end, or is gone.
//!
//! A Job counts its own failures; how many are forgiven is in its `backoffLimit`.

use serde_json::Value;

use super::conditions::{Condition, conditions};
use super::faults::ended_badly;
use super::{Case, Failure, Pod, Purpose, Settle};
use crate::deploy::fields::{int, is_true};

pub(super) fn job(case: &Case<'_>, live: &Value) -> Settle {
    let conditions = conditions(live);
    let is = |kind: &str| conditions.iter().find(|condition| condition.is(kind, "True"));
    if is("Complete").is_some() {
        return Settle::Ready(None);
    }
    // `FailureTarget` says that it will be `Failed` once its pods are gone.
    if let Some(failed) = is("Failed").or_else(|| is("FailureTarget")) {
        return Settle::Failed(Failure { reason: failed.words(), faults: ended_badly(case, live) });
    }
    if is_true(live, &["spec", "suspend"]) {
        return Settle::suspended(case, &["spec", "suspend"], "the Job is suspended");
    }
    let count = |name: &str| int(live, &["status", name]).unwrap_or(0);
    let want = int(live, &["spec", "completions"]).or_else(|| int(live, &["spec", "parallelism"]));
    let (succeeded, active, failed) = (count("succeeded"), count("active"), count("failed"));
    let want = want.unwrap_or(1);
    let begun = super::at(live, &["status", "startTime"]).is_some();
    if !begun {
        return Settle::waiting("the Job has not begun");
    }
    Settle::Waiting(format!("{succeeded} of {want} runs have succeeded, {active} run, {failed} failed"))
}

pub(super) fn pod(case: &Case<'_>, live: &Value) -> Settle {
    let pod = Pod::read(live);
    match (pod.phase.as_str(), case.purpose) {
        ("Succeeded", _) => Settle::Ready(None),
        ("Failed", _) => {
            let faults = ended_badly(case, live);
            let words = faults.first().map(ToString::to_string).or(pod.message);
            Settle::Failed(Failure {
                reason: words.unwrap_or_else(|| "the Pod has failed".to_owned()),
                faults,
            })
        }
        ("Running", Purpose::Part) if pod.ready => Settle::Ready(None),
        ("Running", Purpose::Part) => Settle::waiting("the Pod runs and is not ready"),
        ("Running", Purpose::Hook) => Settle::waiting("the Pod runs and has not ended"),
        ("", _) => Settle::waiting("the Pod has not been seen by a scheduler"),
        (phase, _) => Settle::Waiting(format!("the Pod is {phase}")),
    }
}

/// An object that is not there. A Job with a time to live goes by itself.
pub(super) fn gone(case: &Case<'_>, last: Option<&Value>) -> Settle {
    if case.applied.uid.is_none() && last.is_none() {
        return Settle::waiting("it is not there yet");
    }
    let key = &case.desired.key;
    let job = key.group == "batch" && key.kind == "Job";
    let lives = int(&case.desired.json, &["spec", "ttlSecondsAfterFinished"]).is_some();
    if !(job && lives) {
        return Settle::failed("it was there and is gone: somebody has deleted it");
    }
    let last = last.map(conditions).unwrap_or_default();
    let is = |condition: &&Condition, kind: &str| condition.is(kind, "True");
    if let Some(failed) = last.iter().find(|c| is(c, "Failed") || is(c, "FailureTarget")) {
        return Settle::failed(failed.words());
    }
    if last.iter().any(|condition| is(&condition, "Complete") || is(&condition, "SuccessCriteriaMet")) {
        return Settle::Ready(None);
    }
    Settle::noted("the Job is gone by its time to live; how it ended was not seen")
}
