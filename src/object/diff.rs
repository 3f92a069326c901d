//! What differs between two sets of objects, field by field.
//!
//! Leaves out what a cluster writes (`status`, `metadata.managedFields`). A Secret's
//! values never get into what comes out: only that one was there before or is after.

mod fields;
mod lists;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Object, ObjectKey};

/// How one object differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectChange {
    /// Which object.
    pub key: ObjectKey,
    /// What happened to it.
    pub change: Change,
    /// Each field that differs, where the object is on both sides; by path.
    pub fields: Vec<FieldChange>,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is in the second set only.
    Added,
    /// It is in the first set only.
    Removed,
    /// It is in both and differs.
    Changed,
}

/// How one field differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Where, such as `.spec.template.spec.containers[name=app].image`.
    pub path: String,
    /// What it was, `None` where it was not there.
    pub before: Option<Shown>,
    /// What it is, `None` where it is not there.
    pub after: Option<Shown>,
}

/// A field's value, or that there is one which is not shown. A hidden value is not in
/// here, so nothing can print it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// The value itself.
    Value(Value),
    /// A secret value of the first set, `(before)`.
    HiddenBefore,
    /// A secret value of the second set, `(after)`.
    HiddenAfter,
}

impl Shown {
    /// The value, if it may be seen.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::HiddenBefore | Self::HiddenAfter => None,
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::HiddenBefore => f.write_str("(before)"),
            Self::HiddenAfter => f.write_str("(after)"),
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(s),
            Self::HiddenBefore => s.serialize_str("(before)"),
            Self::HiddenAfter => s.serialize_str("(after)"),
        }
    }
}

/// How the objects differ, by key; an object that is the same is left out.
pub fn compare(before: &[Object], after: &[Object]) -> Vec<ObjectChange> {
    let by_key = |objects| -> BTreeMap<&ObjectKey, &Object> { Iterator::collect(keyed(objects)) };
    let (before, after) = (by_key(before), by_key(after));
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    keys.into_iter()
        .filter_map(|key| {
            let (change, fields) = match (before.get(key), after.get(key)) {
                (Some(before), Some(after)) => {
                    let fields = fields::compare(before, after);
                    if fields.is_empty() {
                        return None;
                    }
                    (Change::Changed, fields)
                }
                (Some(_), None) => (Change::Removed, Vec::new()),
                (None, Some(_)) => (Change::Added, Vec::new()),
                (None, None) => return None,
            };
            Some(ObjectChange { key: key.clone(), change, fields })
        })
        .collect()
}

fn keyed(objects: &[Object]) -> impl Iterator<Item = (&ObjectKey, &Object)> {
    objects.iter().map(|object| (&object.key, object))
}

/// The lines that differ between two texts, as a unified diff with three lines around.
pub fn text_diff(before: &str, after: &str) -> String {
    similar::TextDiff::from_lines(before, after).unified_diff().context_radius(3).to_string()
}

#[cfg(test)]
mod tests;
