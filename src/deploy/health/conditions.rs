//! The conditions of an object's status.
//!
//! Those that say of themselves that they are about an older generation are left
//! out; what a condition means is for the rules.

use serde_json::Value;

use crate::deploy::fields::{annotation, int, items, text, time};

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) kind: String,
    /// `True`, `False` or `Unknown`.
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) message: String,
    /// When it was last written or became so, in seconds since 1970.
    pub(super) changed: Option<i64>,
    /// Whether it says which generation it is about.
    pub(super) dated: bool,
}

/// The conditions that are about the object as it is.
pub(super) fn conditions(live: &Value) -> Vec<Condition> {
    let found = items(live, &["status", "conditions"]);
    if found.is_empty() {
        return autoscaler_v1(live);
    }
    of(found, int(live, &["metadata", "generation"]))
}

/// A list of conditions of an object of this generation.
pub(super) fn of(list: &[Value], generation: Option<i64>) -> Vec<Condition> {
    let current = |condition: &&Value| match (int(condition, &["observedGeneration"]), generation) {
        (Some(observed), Some(generation)) => observed >= generation,
        _ => true,
    };
    list.iter().filter(current).map(Condition::read).collect()
}

/// `autoscaling/v1` has its conditions in an annotation.
fn autoscaler_v1(live: &Value) -> Vec<Condition> {
    let text = annotation(live, "autoscaling.alpha.kubernetes.io/conditions");
    let list: Option<Vec<Value>> = text.and_then(|text| serde_json::from_str(text).ok());
    list.iter().flatten().map(Condition::read).collect()
}

impl Condition {
    fn read(json: &Value) -> Self {
        let own = |name: &str| text(json, &[name]).unwrap_or_default().to_owned();
        let times = ["lastUpdateTime", "lastTransitionTime"].map(|name| time(json, &[name]));
        Self {
            kind: own("type"),
            status: own("status"),
            reason: own("reason"),
            message: own("message"),
            changed: times.into_iter().flatten().max(),
            dated: int(json, &["observedGeneration"]).is_some(),
        }
    }

    /// Whether it is of this type and status.
    pub(super) fn is(&self, kind: &str, status: &str) -> bool {
        self.kind == kind && self.status == status
    }

    /// For people: `Ready is False: Reason: message`.
    pub(super) fn words(&self) -> String {
        let mut words = format!("{} is {}", self.kind, self.status);
        for part in [&self.reason, &self.message] {
            if !part.is_empty() {
                words.push_str(": ");
                words.push_str(part);
            }
        }
        words
    }
}

/// The first condition of a type.
pub(super) fn find<'c>(conditions: &'c [Condition], kind: &str) -> Option<&'c Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}
