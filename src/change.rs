//! Two catalogs → how each app differs between base and head.
//!
//! Says nothing about dependents: that is `affected`. Renders nothing: an app
//! that only looks changed is dropped later, by its rendered objects.

use serde::Serialize;

use crate::name::Environment;

/// How one app differs. The first that fits, in this order of weight: added,
/// removed, moved, definition, pin, content, none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Not at base.
    Added,
    /// Not at head.
    Removed,
    /// The same app at another destination or in another environment: an
    /// ownership transfer, not a delete and a create.
    Moved,
    /// Its definition.
    Definition,
    /// A remote input's version.
    Pin,
    /// A file that it reads.
    Content,
    /// Nothing of its own.
    None,
}

/// One fact that makes an app differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Difference {
    /// The definition is new.
    Added {
        /// The defining file.
        path: String,
    },
    /// The definition is gone.
    Removed {
        /// The file that defined it.
        path: String,
    },
    /// Another destination or environment.
    Moved {
        /// Where it was.
        from: String,
        /// Where it is.
        to: String,
    },
    /// A field of the definition.
    Definition {
        /// The defining file.
        path: String,
        /// The field's path, as in `.spec.source.path`.
        field: String,
    },
    /// A file that it reads.
    Content {
        /// The file, or the folder when all below it is new or gone.
        path: String,
    },
    /// A remote input's version.
    Pin {
        /// What is pinned.
        what: String,
        /// The version before; empty when it is new.
        from: String,
        /// The version after; empty when it is gone.
        to: String,
    },
    /// An input that cannot be followed: unknown means affected.
    Unknown {
        /// Where it is named.
        path: String,
        /// Why it cannot be followed.
        why: String,
    },
    /// There is no base to compare with.
    NoBase,
    /// It was last deployed apart from its environment, at that commit.
    DeployedApart {
        /// The commit.
        commit: String,
    },
    /// It is not deployed, whatever the commits say.
    NotDeployed,
}

/// How one app differs, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The heaviest kind.
    pub kind: ChangeKind,
    /// Every difference, sorted; empty only for `None`.
    pub differences: Vec<Difference>,
    /// The environment it moved from or to, when it moved between two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}
