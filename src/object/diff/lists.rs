//! Which items of two lists are the same item.
//!
//! Kubernetes names a merge key for most lists of mappings (`x-kubernetes-list-map-keys`
//! in its OpenAPI); the table here holds those of the core kinds by field name. A list
//! whose items the keys do not tell apart is matched by index.

use std::collections::BTreeMap;

use serde_json::Value;

/// One item, on one side or both.
pub(super) struct Pair<'v> {
    /// What names it, such as `name=app` or `3`.
    pub(super) label: String,
    pub(super) before: Option<&'v Value>,
    pub(super) after: Option<&'v Value>,
}

/// The items that belong together, and the order of the keys before and after where the
/// items that both have do not come in the same order.
pub(super) struct Pairing<'v> {
    pub(super) pairs: Vec<Pair<'v>>,
    pub(super) order: Option<(Value, Value)>,
}

/// The keys to try for a field, each a set: the first key must be there, the others may.
fn candidates(field: &str) -> &'static [&'static [&'static str]] {
    match field {
        "ports" => &[&["containerPort", "protocol"], &["port", "protocol"], &["name"]],
        "volumeMounts" => &[&["mountPath"]],
        "volumeDevices" => &[&["devicePath"]],
        "hostAliases" => &[&["ip"]],
        "conditions" => &[&["type"]],
        "topologySpreadConstraints" => &[&["topologyKey", "whenUnsatisfiable"]],
        "matchExpressions" | "items" => &[&["key"], &["name"]],
        "ownerReferences" => &[&["uid"]],
        "subjects" => &[&["name", "kind", "namespace"]],
        "paths" => &[&["path", "pathType"]],
        _ => &[&["name"], &["key"]],
    }
}

pub(super) fn pair<'v>(field: &str, before: &'v [Value], after: &'v [Value]) -> Pairing<'v> {
    let keyed = candidates(field).iter().find_map(|keys| Some((labels(keys, before)?, labels(keys, after)?)));
    match keyed {
        Some((old, new)) => by_label(&old, &new, before, after),
        None => by_index(before, after),
    }
}

/// A label for each item, if all have one and no two the same.
fn labels(keys: &[&str], items: &[Value]) -> Option<Vec<String>> {
    let labels: Vec<String> = items.iter().map(|item| label(keys, item)).collect::<Option<_>>()?;
    let mut unique: Vec<&String> = labels.iter().collect();
    unique.sort();
    unique.dedup();
    (unique.len() == labels.len()).then_some(labels)
}

fn label(keys: &[&str], item: &Value) -> Option<String> {
    let map = item.as_object()?;
    let mut parts = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        match map.get(*key) {
            Some(Value::String(text)) => parts.push(format!("{key}={text}")),
            Some(Value::Number(number)) => parts.push(format!("{key}={number}")),
            None if at > 0 => {}
            None | Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => return None,
        }
    }
    Some(parts.join(","))
}

fn by_label<'v>(old: &[String], new: &[String], before: &'v [Value], after: &'v [Value]) -> Pairing<'v> {
    let new_at: BTreeMap<&str, &Value> = new.iter().map(String::as_str).zip(after).collect();
    let old_at: BTreeMap<&str, &Value> = old.iter().map(String::as_str).zip(before).collect();
    let mut pairs: Vec<Pair<'v>> = old
        .iter()
        .zip(before)
        .map(|(label, item)| Pair {
            label: label.clone(),
            before: Some(item),
            after: new_at.get(label.as_str()).copied(),
        })
        .collect();
    pairs.extend(
        new.iter()
            .zip(after)
            .filter(|(label, _)| !old_at.contains_key(label.as_str()))
            .map(|(label, item)| Pair { label: label.clone(), before: None, after: Some(item) }),
    );
    let common_old: Vec<&String> = old.iter().filter(|label| new_at.contains_key(label.as_str())).collect();
    let common_new: Vec<&String> = new.iter().filter(|label| old_at.contains_key(label.as_str())).collect();
    let order = (common_old != common_new).then(|| (Value::from(old.to_vec()), Value::from(new.to_vec())));
    Pairing { pairs, order }
}

fn by_index<'v>(before: &'v [Value], after: &'v [Value]) -> Pairing<'v> {
    let pairs = (0..before.len().max(after.len()))
        .map(|at| Pair { label: at.to_string(), before: before.get(at), after: after.get(at) })
        .collect();
    Pairing { pairs, order: None }
}
