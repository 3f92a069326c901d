//! Who must move or be looked at again, and every reason why.
//!
//! Affected = changed ∪ all that need a changed app, directly or not. Does not
//! order them: that is `plan`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::change::{Change, ChangeKind, Difference};
use crate::config::Dependents;
pub use crate::graph::Because;
use crate::graph::Graph;
use crate::name::AppKey;

/// What a deploy does with an affected app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Its objects are written.
    Apply,
    /// Its health is waited for; nothing is written.
    Verify,
    /// Its objects are deleted.
    Prune,
}

/// One reason for which an app is affected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Reason {
    /// It differs itself.
    Changed(Difference),
    /// Another app does.
    Because(Because),
}

/// One affected app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// The app.
    #[serde(skip)]
    pub key: AppKey,
    /// How it differs itself.
    pub change: ChangeKind,
    /// What is to be done.
    pub action: Action,
    /// Every reason, sorted; never empty.
    pub reasons: Vec<Reason>,
}

/// Who is affected, given how apps differ. Keys are apps of the graph; removed
/// ones must be in it, with the needs they had.
pub fn affected(
    graph: &Graph,
    changes: &BTreeMap<AppKey, Change>,
    dependents: Dependents,
) -> BTreeMap<AppKey, Affected> {
    let reached = graph.needed_by_closure(changes.keys());
    let mut out = BTreeMap::new();
    for (key, because) in reached {
        let change = changes.get(&key);
        let mut reasons: Vec<Reason> =
            change.into_iter().flat_map(|c| c.differences.iter().cloned().map(Reason::Changed)).collect();
        reasons.extend(because.into_iter().map(Reason::Because));
        let action = match change {
            Some(change) if is_gone(change) => Action::Prune,
            Some(_) => Action::Apply,
            None => match dependents {
                Dependents::Verify => Action::Verify,
                Dependents::Apply => Action::Apply,
            },
        };
        let kind = change.map_or(ChangeKind::None, |c| c.kind);
        out.insert(key.clone(), Affected { key, change: kind, action, reasons });
    }
    out
}

/// Whether the app is not there at head.
fn is_gone(change: &Change) -> bool {
    change.differences.iter().any(|d| matches!(d, Difference::Removed { .. }))
}
