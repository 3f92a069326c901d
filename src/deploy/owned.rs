//! Whether a live object still has, as field manager's own, every field that was
//! applied: then its values are those that were applied, too.
//!
//! Server-side apply takes a field from its manager the moment that anybody else
//! gives it another value (Kubernetes documentation, "Server-Side Apply", field
//! management). So a look at who owns what says whether an apply would change
//! anything. Unsure means no: applying again does no harm.

use serde_json::{Map, Value};

use super::fields::{at, items, text};

/// Fields that say which object it is: nobody owns them.
const IDENTITY: [&[&str]; 4] =
    [&["apiVersion"], &["kind"], &["metadata", "name"], &["metadata", "namespace"]];

/// Whether `manager` owns, by its applies, every field of `desired` in `live`.
pub fn owns(live: &Value, manager: &str, desired: &Value) -> bool {
    let entries = items(live, &["metadata", "managedFields"]);
    let mine = entries.iter().find(|entry| {
        text(entry, &["manager"]) == Some(manager)
            && text(entry, &["operation"]) == Some("Apply")
            && text(entry, &["subresource"]).unwrap_or("").is_empty()
    });
    let same_version = |entry: &Value| text(entry, &["apiVersion"]) == text(desired, &["apiVersion"]);
    match mine.filter(|entry| same_version(entry)).and_then(|entry| at(entry, &["fieldsV1"])) {
        Some(fields) => map_owned(fields, desired.as_object(), &mut Vec::new()),
        None => false,
    }
}

fn map_owned<'v>(fields: &Value, desired: Option<&'v Map<String, Value>>, path: &mut Vec<&'v str>) -> bool {
    let Some(desired) = desired else { return false };
    desired.iter().all(|(key, value)| {
        path.push(key);
        let identity = IDENTITY.contains(&path.as_slice());
        let owned = identity
            || value.is_null()
            || match fields.get(format!("f:{key}")) {
                Some(fields) => value_owned(fields, value, path),
                // Of metadata that only says which object it is, nobody owns anything.
                None if path.as_slice() == ["metadata"] => map_owned(&Value::Null, value.as_object(), path),
                // A mapping may be owned through what is in it only.
                None => false,
            };
        path.pop();
        owned
    })
}

fn value_owned<'v>(fields: &Value, value: &'v Value, path: &mut Vec<&'v str>) -> bool {
    let Some(inside) = fields.as_object() else { return false };
    if inside.keys().all(|key| key == ".") {
        // A leaf, or a list or mapping that is owned as a whole.
        return true;
    }
    match value {
        Value::Object(map) => map_owned(fields, Some(map), path),
        Value::Array(list) => list.iter().all(|item| item_owned(inside, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// An item of a list that is a set (`v:`), or is told apart by keys (`k:`).
fn item_owned(fields: &Map<String, Value>, item: &Value) -> bool {
    fields.iter().any(|(key, inside)| {
        if let Some(json) = key.strip_prefix("v:") {
            return serde_json::from_str::<Value>(json).is_ok_and(|value| value == *item);
        }
        let Some(Ok(Value::Object(names))) = key.strip_prefix("k:").map(serde_json::from_str) else {
            return false;
        };
        // A key that is not written has its default.
        let named = names.iter().all(|(name, value)| item.get(name).is_none_or(|own| own == value));
        named && value_owned(inside, item, &mut Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live(fields: &Value) -> Value {
        json!({"metadata": {"managedFields": [
            {"manager": "luigi", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": fields},
            {"manager": "luigi", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {}},
        ]}})
    }

    fn desired() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "b"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [
                {"name": "c", "image": "x", "ports": [{"containerPort": 80}]},
            ], "volumes": [{"name": "v", "emptyDir": {}}]}}},
        })
    }

    fn owned() -> Value {
        json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {
            "f:containers": {"k:{\"name\":\"c\"}": {
                ".": {}, "f:name": {}, "f:image": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            }},
            "f:volumes": {"k:{\"name\":\"v\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
        }}}})
    }

    #[test]
    fn all_owned_is_all_applied() {
        assert!(owns(&live(&owned()), "luigi", &desired()));
        assert!(!owns(&live(&owned()), "other", &desired()));
        assert!(!owns(&json!({}), "luigi", &desired()));
    }

    #[test]
    fn a_field_that_was_taken_away_shows() {
        for path in
            ["/f:spec/f:replicas", "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"c\"}/f:image"]
        {
            let mut fields = owned();
            let (parent, key) = path.rsplit_once('/').unwrap();
            fields.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
            assert!(!owns(&live(&fields), "luigi", &desired()), "{path}");
        }
        let mut more = desired();
        more["spec"]["paused"] = json!(true);
        assert!(!owns(&live(&owned()), "luigi", &more), "a field that was never applied");
        let mut more = desired();
        more["metadata"]["labels"] = json!({"a": "b"});
        assert!(!owns(&live(&owned()), "luigi", &more), "a label that was never applied");
    }
}
