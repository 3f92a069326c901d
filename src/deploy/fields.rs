//! Fields of objects as JSON, read by path.
//!
//! Never fails: a field that is absent or of another type is `None`, and what
//! that means is for the rule that asked.

use serde_json::Value;

/// The value at a path of keys.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// The text at a path.
pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path)?.as_str()
}

/// The whole number at a path; a text of digits is one too, because some
/// controllers write `observedGeneration` so.
pub(super) fn int(value: &Value, path: &[&str]) -> Option<i64> {
    match at(value, path)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether there is `true` at a path.
pub(super) fn is_true(value: &Value, path: &[&str]) -> bool {
    at(value, path).and_then(Value::as_bool) == Some(true)
}

/// The items of the list at a path; none where there is no list.
pub(super) fn items<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// An annotation's text.
pub(super) fn annotation<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    text(value, &["metadata", "annotations", name])
}

/// The time at a path, in seconds since 1970.
pub(super) fn time(value: &Value, path: &[&str]) -> Option<i64> {
    let time: jiff::Timestamp = text(value, path)?.parse().ok()?;
    Some(time.as_second())
}

/// The uid of the owner that manages the object.
pub(super) fn controller_uid(value: &Value) -> Option<&str> {
    let owners = items(value, &["metadata", "ownerReferences"]);
    owners.iter().find(|owner| is_true(owner, &["controller"])).and_then(|owner| text(owner, &["uid"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_there_is_none() {
        let value = json!({"a": {"b": 3, "c": "4", "d": null, "t": "2026-01-02T03:04:05Z"}, "l": [1]});
        assert_eq!(int(&value, &["a", "b"]), Some(3));
        assert_eq!(int(&value, &["a", "c"]), Some(4));
        assert_eq!(int(&value, &["a", "d"]), None);
        assert_eq!(text(&value, &["a", "b"]), None);
        assert_eq!(time(&value, &["a", "t"]), Some(1_767_323_045));
        assert_eq!(time(&value, &["a", "c"]), None);
        assert_eq!((items(&value, &["l"]).len(), items(&value, &["a"]).len()), (1, 0));
    }

    #[test]
    fn the_controller_is_the_owner_that_manages() {
        let value = json!({"metadata": {"ownerReferences": [
            {"uid": "a"}, {"uid": "b", "controller": true},
        ]}});
        assert_eq!(controller_uid(&value), Some("b"));
        assert_eq!(controller_uid(&json!({})), None);
    }
}
