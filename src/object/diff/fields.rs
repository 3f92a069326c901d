//! The fields of one object that differ.
//!
//! Does not decide which list items belong together (`lists`). What is secret is
//! taken out of both sides before anything is compared.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::lists::{self, Pairing};
use super::{FieldChange, Shown};
use crate::object::Object;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The changes from one version of an object to another, by path.
pub(super) fn compare(before: &Object, after: &Object) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let secret = before.kind() == "Secret";
    let (before, after) = (comparable(&before.json), comparable(&after.json));
    if secret {
        let ((before, hidden_before), (after, hidden_after)) = (split(before), split(after));
        hidden(&mut changes, &hidden_before, &hidden_after);
        value(&mut changes, "", "", &before, &after);
    } else {
        value(&mut changes, "", "", &before, &after);
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// The object without what the cluster writes.
fn comparable(json: &Value) -> Value {
    let mut json = json.clone();
    if let Some(map) = json.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = json.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    json
}

/// What a Secret hides, with the path of each part.
type Hidden = std::collections::BTreeMap<String, Value>;

/// A Secret without what it hides, and what it hides.
fn split(mut json: Value) -> (Value, Hidden) {
    let mut hidden = Hidden::new();
    for field in ["data", "stringData"] {
        let taken = json.as_object_mut().and_then(|map| map.remove(field));
        match taken {
            Some(Value::Object(values)) => {
                hidden
                    .extend(values.into_iter().map(|(key, value)| (step(&format!(".{field}"), &key), value)));
            }
            Some(Value::Null) | None => {}
            Some(other) => {
                hidden.insert(format!(".{field}"), other);
            }
        }
    }
    if let Some(annotations) = json.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations")) {
        // Annotations that are not a mapping might hold anything.
        match annotations.as_object_mut() {
            Some(map) => {
                if let Some(value) = map.remove(LAST_APPLIED) {
                    hidden.insert(step(".metadata.annotations", LAST_APPLIED), value);
                }
            }
            None => {
                hidden.insert(".metadata.annotations".to_owned(), annotations.take());
            }
        }
    }
    (json, hidden)
}

fn hidden(changes: &mut Vec<FieldChange>, before: &Hidden, after: &Hidden) {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old != new {
            changes.push(FieldChange {
                path: path.clone(),
                before: old.map(|_| Shown::HiddenBefore),
                after: new.map(|_| Shown::HiddenAfter),
            });
        }
    }
}

/// `field` is the name of the field that holds the value, for its list's keys.
fn value(changes: &mut Vec<FieldChange>, path: &str, field: &str, before: &Value, after: &Value) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(before), Value::Object(after)) => map(changes, path, before, after),
        (Value::Array(before), Value::Array(after)) => list(changes, path, field, before, after),
        _ => changes.push(change(path, Some(before), Some(after))),
    }
}

fn change(path: &str, before: Option<&Value>, after: Option<&Value>) -> FieldChange {
    let shown = |value: &Value| Shown::Value(value.clone());
    FieldChange { path: path.to_owned(), before: before.map(shown), after: after.map(shown) }
}

fn map(changes: &mut Vec<FieldChange>, path: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let path = step(path, key);
        match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) => value(changes, &path, key, before, after),
            (before, after) => changes.push(change(&path, before, after)),
        }
    }
}

fn list(changes: &mut Vec<FieldChange>, path: &str, field: &str, before: &[Value], after: &[Value]) {
    let count = changes.len();
    let Pairing { pairs, order } = lists::pair(field, before, after);
    for pair in pairs {
        let path = format!("{path}[{}]", pair.label);
        match (pair.before, pair.after) {
            (Some(before), Some(after)) => value(changes, &path, field, before, after),
            (before, after) => changes.push(change(&path, before, after)),
        }
    }
    if let Some((before, after)) = order {
        changes.push(change(&format!("{path}[order]"), Some(&before), Some(&after)));
    }
    // A list that differs must never come out as the same.
    if changes.len() == count {
        changes.push(change(path, Some(&Value::Array(before.to_vec())), Some(&Value::Array(after.to_vec()))));
    }
}

/// The path of a key in a mapping; a key that is no plain word stands in quotes.
fn step(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(plain) {
        format!("{path}.{key}")
    } else {
        format!("{path}[{}]", Value::from(key))
    }
}
