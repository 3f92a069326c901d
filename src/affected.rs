//! Who must move or be looked at again, and every reason why.
//!
//! Affected = changed ∪ all that need a changed app, directly or not. Does not
//! order them: that is `plan`.

use serde::Serialize;

use crate::change::{ChangeKind, Difference};
use crate::name::{AppId, AppKey};

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

/// How another app's change reaches this one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Because {
    /// It needs an affected app.
    Needs {
        /// That app.
        app: AppId,
    },
    /// An affected app is in an earlier sync wave of the same parent.
    Wave {
        /// The earlier wave.
        wave: i64,
        /// The parent, as `kind/namespace/name`; `root` for luigi.yaml.
        parent: String,
    },
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
