//! Rules for objects of every kind.
//!
//! Whether it is the object that was written, whether it is being deleted, whether
//! its controller has seen it, and the two conditions that mean the same
//! everywhere (`Stalled`, `Reconciling`; sigs.k8s.io/cli-utils `pkg/kstatus`).

use serde_json::Value;

use super::conditions::conditions;
use super::{Applied, Case, Settle};
use crate::deploy::fields::{annotation, at, int, items, text};
use crate::object::Object;

/// Annotations by which an object is not waited for: Luigi's, and Argo CD's.
pub const OPT_OUTS: &[(&str, &str)] =
    &[("luigi.dev/wait", "disabled"), ("argocd.argoproj.io/ignore-healthcheck", "true")];

/// The annotation by which an object is not waited for, if it has one.
pub fn opted_out(object: &Object) -> Option<&'static str> {
    let has = |(name, value): &&(&str, &str)| {
        annotation(&object.json, name).is_some_and(|text| text.trim().eq_ignore_ascii_case(value))
    };
    OPT_OUTS.iter().find(has).map(|(name, _)| *name)
}

/// What goes before all rules, the user's own included.
pub(super) fn before_all(case: &Case<'_>, live: &Value) -> Option<Settle> {
    if older(case.applied, live) {
        return Some(Settle::waiting("what was read is older than what was written"));
    }
    let uid = text(live, &["metadata", "uid"]);
    if let (Some(written), Some(found)) = (case.applied.uid.as_deref(), uid)
        && written != found
    {
        return Some(Settle::failed("somebody else has deleted it and made it anew"));
    }
    if let Some(name) = opted_out(case.desired) {
        return Some(Settle::noted(format!("it is not waited for, by its annotation {name}")));
    }
    let deleting = at(live, &["metadata", "deletionTimestamp"]).is_some_and(|time| !time.is_null());
    deleting.then(|| {
        let holders = items(live, &["metadata", "finalizers"]).iter().filter_map(Value::as_str);
        match holders.collect::<Vec<_>>().as_slice() {
            [] => Settle::waiting("it is being deleted"),
            holders => Settle::waiting(format!("it is being deleted, held by {}", holders.join(", "))),
        }
    })
}

/// Whether this is a state from before the write. Resource versions grow as
/// decimal numbers (Kubernetes KEP-5504); others are not compared.
fn older(applied: &Applied, live: &Value) -> bool {
    // Generations of two objects of one name say nothing about each other.
    let same = applied.uid.is_none() || applied.uid.as_deref() == text(live, &["metadata", "uid"]);
    if let (Some(written), Some(found)) = (applied.generation, int(live, &["metadata", "generation"]))
        && found < written
        && same
    {
        return true;
    }
    let number = |text: &str| text.parse::<u128>().ok();
    let written = applied.resource_version.as_deref().and_then(number);
    let found = text(live, &["metadata", "resourceVersion"]).and_then(number);
    matches!((written, found), (Some(written), Some(found)) if found < written)
}

/// What the status says whatever the kind; `None` where the kind decides.
pub(super) fn by_status(live: &Value) -> Option<Settle> {
    let generation = int(live, &["metadata", "generation"]);
    let observed = int(live, &["status", "observedGeneration"]);
    if let (Some(generation), Some(observed)) = (generation, observed)
        && generation != observed
    {
        let words = format!("its controller has seen generation {observed}, and this is {generation}");
        return Some(Settle::Waiting(words));
    }
    let conditions = conditions(live);
    if let Some(stalled) = conditions.iter().find(|condition| condition.is("Stalled", "True")) {
        return Some(Settle::failed(stalled.words()));
    }
    let working = conditions.iter().find(|condition| condition.is("Reconciling", "True"));
    working.map(|condition| Settle::Waiting(condition.words()))
}

/// For kinds whose controller always says which generation it has seen: waits
/// until it has said so once.
pub(super) fn unobserved(live: &Value) -> Option<Settle> {
    let seen = int(live, &["status", "observedGeneration"]).is_some();
    (!seen).then(|| Settle::waiting("its controller has not seen it yet"))
}
