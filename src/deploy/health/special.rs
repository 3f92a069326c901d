//! Custom kinds whose status needs more than a table of conditions.
//!
//! Argo CD's Application has no observed generation; a route's conditions are
//! those of each of its parents.

use serde_json::Value;

use super::conditions::{Condition, of};
use super::{Case, Settle};
use crate::deploy::fields::{at, int, items, text, time};

/// Healthy and synced, by a comparison with the source that it has now. What
/// went wrong before the write is no failure of this revision.
pub(super) fn argo_application(case: &Case<'_>, live: &Value) -> Settle {
    let status = |path: &[&str]| text(live, path).unwrap_or("not known yet");
    let since = |path: &[&str]| match (case.applied.at, time(live, path)) {
        (Some(written), Some(then)) => then >= written,
        (Some(_), None) => false,
        (None, _) => true,
    };
    let operation = text(live, &["status", "operationState", "phase"]);
    let said = text(live, &["status", "operationState", "message"]).unwrap_or("no reason given");
    let compared = ["source", "sources"].iter().all(|name| {
        let wanted = at(live, &["spec", name]).filter(|value| !value.is_null());
        let seen = at(live, &["status", "sync", "comparedTo", name]).filter(|value| !value.is_null());
        wanted.is_none() || wanted == seen
    });
    if at(live, &["operation"]).is_some_and(|value| !value.is_null()) || operation == Some("Running") {
        return Settle::waiting("Argo CD is syncing it");
    }
    if !compared {
        return Settle::waiting("Argo CD has not compared it with this source yet");
    }
    if matches!(operation, Some("Failed" | "Error")) && since(&["status", "operationState", "finishedAt"]) {
        return Settle::failed(format!("its sync has failed: {said}"));
    }
    match (status(&["status", "sync", "status"]), status(&["status", "health", "status"])) {
        ("Synced", "Healthy") => Settle::Ready(None),
        ("Synced", "Suspended") => Settle::noted("its health is Suspended"),
        ("Synced", "Degraded") if since(&["status", "reconciledAt"]) => {
            let why = text(live, &["status", "health", "message"]).unwrap_or("no reason given");
            Settle::failed(format!("its health is Degraded: {why}"))
        }
        (sync, health) => Settle::Waiting(format!("its sync is {sync} and its health {health}")),
    }
}

/// Accepted by all of its parents, with all references resolved
/// (Gateway API, `RouteParentStatus`).
pub(super) fn route(live: &Value) -> Settle {
    let generation = int(live, &["metadata", "generation"]);
    let parents = items(live, &["status", "parents"]);
    let wanted = items(live, &["spec", "parentRefs"]).len();
    if parents.len() < wanted.max(1) {
        return Settle::Waiting(format!("{} of {} parents have seen it", parents.len(), wanted.max(1)));
    }
    for parent in parents {
        let conditions = of(items(parent, &["conditions"]), generation);
        let name = text(parent, &["parentRef", "name"]).unwrap_or("a parent");
        let no = |kind: &str| conditions.iter().find(|condition| condition.is(kind, "False"));
        if let Some(refused) = no("Accepted").or_else(|| no("ResolvedRefs")) {
            return Settle::Waiting(format!("{name}: {}", refused.words()));
        }
        let yes = |kind: &str| conditions.iter().any(|c: &Condition| c.is(kind, "True"));
        if !(yes("Accepted") && yes("ResolvedRefs")) {
            return Settle::Waiting(format!("{name} has not accepted it yet"));
        }
    }
    Settle::Ready(None)
}
