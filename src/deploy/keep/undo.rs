//! What a change does that rolling back does not undo.
//!
//! Compares desired objects only. What a Job did to a database, or which custom
//! objects exist, it cannot know: it says that there is something to know.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::immutable::{changed, claims_go};
use super::{Occasion, keep};
use crate::deploy::fields::{annotation, int, is_true, items, text};
use crate::object::{Object, ObjectKey};

/// Why a change cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A Namespace goes, and all that is in it.
    NamespaceDeleted,
    /// A definition goes, and every object of its kind.
    DefinitionDeleted,
    /// A version of a kind is no longer served.
    DefinitionVersionDropped,
    /// Objects are stored in another version from now on; a definition that
    /// does not have it will be refused.
    DefinitionStorageMoved,
    /// A claim goes, and with most storage classes its data.
    ClaimDeleted,
    /// A volume goes.
    VolumeDeleted,
    /// A `StatefulSet`'s claims are deleted with it or with its last pods.
    ClaimsGoWithSet,
    /// A field that may not change does: the server refuses, or the object
    /// has to be deleted and made again.
    ImmutableField,
    /// Something that runs once will run; what it does is done.
    JobRuns,
}

/// One thing that rolling back will not undo.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Irreversible {
    /// The object.
    pub key: ObjectKey,
    /// Why.
    pub why: Why,
    /// For people: what happens, without a full stop.
    pub words: String,
}

/// Kinds that run once.
const RUN_ONCE: &[(&str, &str)] = &[
    ("batch", "Job"),
    ("argoproj.io", "Workflow"),
    ("tekton.dev", "PipelineRun"),
    ("tekton.dev", "TaskRun"),
];

/// What changing the first set of objects into the second does that cannot be
/// undone, by object. `removed` says whether the app goes as a whole. Objects
/// that an annotation keeps are not deleted, so nothing is said of them.
pub fn irreversible(before: &[Object], after: &[Object], removed: Occasion) -> Vec<Irreversible> {
    let by_key = |objects| -> BTreeMap<&ObjectKey, &Object> { Iterator::collect(keyed(objects)) };
    let (old, new) = (by_key(before), by_key(after));
    let mut found = Vec::new();
    for (key, object) in &old {
        match new.get(*key) {
            Some(other) => found.extend(changing(object, other)),
            None if keep(Some(object), None, removed).is_some() => {}
            None => found.extend(deleting(object)),
        }
    }
    found.extend(new.iter().filter(|(key, _)| !old.contains_key(*key)).filter_map(|(_, new)| running(new)));
    found.sort();
    found
}

fn keyed(objects: &[Object]) -> impl Iterator<Item = (&ObjectKey, &Object)> {
    objects.iter().map(|object| (&object.key, object))
}

fn say(object: &Object, why: Why, words: impl Into<String>) -> Irreversible {
    Irreversible { key: object.key.clone(), why, words: words.into() }
}

fn is(object: &Object, group: &str, kind: &str) -> bool {
    object.key.group == group && object.key.kind == kind
}

fn deleting(object: &Object) -> Option<Irreversible> {
    if is(object, "", "Namespace") {
        return Some(say(object, Why::NamespaceDeleted, "the Namespace is deleted with all that is in it"));
    }
    if is(object, "apiextensions.k8s.io", "CustomResourceDefinition") {
        let words = "the definition is deleted with every object of its kind";
        return Some(say(object, Why::DefinitionDeleted, words));
    }
    if is(object, "", "PersistentVolumeClaim") {
        let words = "the claim is deleted; whether its data stays is for its storage class to say";
        return Some(say(object, Why::ClaimDeleted, words));
    }
    if is(object, "", "PersistentVolume") {
        return Some(say(object, Why::VolumeDeleted, "the volume is deleted"));
    }
    (is(object, "apps", "StatefulSet") && claims_go(&object.json, "whenDeleted"))
        .then(|| say(object, Why::ClaimsGoWithSet, "the StatefulSet's claims are deleted with it"))
}

fn changing(before: &Object, after: &Object) -> Vec<Irreversible> {
    let mut found: Vec<Irreversible> = changed(before, after)
        .into_iter()
        .map(|field| say(after, Why::ImmutableField, format!("{field} changes, which the server refuses")))
        .collect();
    if is(after, "apiextensions.k8s.io", "CustomResourceDefinition") {
        found.extend(definition(before, after));
    }
    if is(after, "apps", "StatefulSet") && claims_go(&after.json, "whenScaled") {
        let replicas = |object: &Object| int(&object.json, &["spec", "replicas"]).unwrap_or(1);
        if replicas(after) < replicas(before) {
            let words = "the claims of the StatefulSet's last pods are deleted with them";
            found.push(say(after, Why::ClaimsGoWithSet, words));
        }
    }
    if without_metadata(before) != without_metadata(after) {
        found.extend(running(after));
    }
    found
}

fn without_metadata(object: &Object) -> Vec<(&String, &Value)> {
    let fields = object.json.as_object().into_iter().flatten();
    fields.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status")).collect()
}

/// A definition's versions: those no longer served, and another stored one.
fn definition(before: &Object, after: &Object) -> Vec<Irreversible> {
    let versions = |object: &'_ Object, flag: &str| -> Vec<String> {
        let all = items(&object.json, &["spec", "versions"]).iter();
        let named = all.filter(|version| is_true(version, &[flag])).filter_map(|v| text(v, &["name"]));
        named.map(str::to_owned).collect()
    };
    let (served, stored) = (versions(after, "served"), versions(after, "storage"));
    let dropped = versions(before, "served").into_iter().filter(|version| !served.contains(version));
    let mut found: Vec<Irreversible> = dropped
        .map(|version| {
            let words = format!("version {version} is no longer served; what asks for it fails");
            say(after, Why::DefinitionVersionDropped, words)
        })
        .collect();
    for version in versions(before, "storage").into_iter().filter(|version| !stored.contains(version)) {
        let new = stored.first().map_or("none", String::as_str);
        let words = format!("objects are stored as {new} from now on, no longer as {version}");
        found.push(say(after, Why::DefinitionStorageMoved, words));
    }
    found
}

/// Something that runs once and is new or differs.
fn running(object: &Object) -> Option<Irreversible> {
    let once = RUN_ONCE.iter().any(|(group, kind)| is(object, group, kind));
    let hook = ["helm.sh/hook", "argocd.argoproj.io/hook"]
        .iter()
        .any(|name| annotation(&object.json, name).is_some());
    let pod = is(object, "", "Pod") && hook;
    let test = annotation(&object.json, "helm.sh/hook").is_some_and(|text| text.starts_with("test"));
    let words = format!("this {} runs; rolling back does not undo what it does", object.key.kind);
    ((once || pod) && !test).then(|| say(object, Why::JobRuns, words))
}
