//! The ledger's layout: what stands where on the branch, reading it, and the
//! edits that change it.
//!
//! Pushes nothing and takes no clock. The layout is
//! `docs/decisions/0003-ledger-layout.md`.

pub mod edits;
pub mod entry;
mod json;
pub mod plans;
mod read;
#[cfg(test)]
mod tests;
pub mod verify;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::files::ReadError;
use crate::name::{AppId, CommitId, Digest, Environment, NameError, ObjectId, RepoPath};
use crate::object::ObjectKey;
use crate::plan::Target;
use crate::problem::{Code, Place, Problem};
use crate::record::Holder;

pub use entry::Entry;
pub use read::{Stored, head, objects, read, require_ledger, staged_objects, stored};

/// The form of the branch, in `ledger.json` at its top.
pub const API_VERSION: &str = "luigi.dev/ledger/v1";

pub use crate::config::OnCrash;

/// One environment, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerState {
    /// The environment.
    pub environment: Environment,
    /// Its subtree's id: two equal ids are two equal states. `None` when
    /// nothing is there.
    pub tree: Option<ObjectId>,
    /// `environment.json`.
    pub at: EnvironmentState,
    /// What is deployed.
    pub apps: BTreeMap<AppId, DeployedApp>,
    /// What the running intent is going to write.
    pub staged: BTreeMap<AppId, DeployedApp>,
    /// What `environment.json` will be when the running intent is done.
    pub goal: Option<EnvironmentState>,
    /// The newest entry of the whole ledger.
    pub head: Option<Head>,
}

/// The newest entry of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number, from 1.
    pub seq: u64,
    /// The SHA-256 of its `record.json`.
    pub digest: Digest,
}

/// `environments/<environment>/environment.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentState {
    /// The last commit that was deployed as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The outcome that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Apps that were deployed at other commits since.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "texts")]
    pub apart: BTreeMap<AppId, CommitId>,
    /// Who is writing, if anyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}

fn texts<S: serde::Serializer>(map: &BTreeMap<AppId, CommitId>, s: S) -> Result<S::Ok, S::Error> {
    s.collect_map(map.iter().map(|(app, commit)| (app.to_string(), commit)))
}

/// Who may write to an environment, and since which intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The intent.
    pub seq: u64,
    /// The ledger's tip before the intent: what an undo puts back. `None` when
    /// the intent was the first entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<CommitId>,
    /// Who holds it; after a takeover not the one that announced it.
    pub holder: Holder,
}

/// `app.json` of a deployed or staged app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployedApp {
    /// The commit that it was rendered from.
    pub revision: CommitId,
    /// SHA-256 of `object::canonical` of its objects.
    pub digest: Digest,
    /// Its objects, sorted.
    pub inventory: Vec<ObjectKey>,
    /// All apps that it needs: what a restore goes by.
    pub needs: Vec<AppId>,
    /// Versions of its remote inputs, as `what@revision`.
    pub pins: Vec<String>,
    /// Where and as whom its objects are written on a cluster.
    #[serde(flatten)]
    pub target: Target,
    /// The intent that wrote it: the fencing epoch.
    pub seq: u64,
    /// RFC 3339, UTC, seconds; `None` while staged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<String>,
}

/// Why the ledger cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// An object could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was read is not what it should be.
    #[error("{0}")]
    Fault(Box<Problem>),
    /// A value that cannot be written as JSON.
    #[error("cannot write canonical JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A name that cannot be a path.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl LedgerError {
    pub(super) fn fault(code: Code, path: &RepoPath, message: impl Into<String>) -> Self {
        Self::Fault(Box::new(Problem::new(code, Some(Place::file(path.as_str())), message)))
    }
}

impl LedgerState {
    /// An environment that the ledger knows nothing of.
    pub fn empty(environment: Environment) -> Self {
        Self {
            environment,
            tree: None,
            at: EnvironmentState::default(),
            apps: BTreeMap::new(),
            staged: BTreeMap::new(),
            goal: None,
            head: None,
        }
    }

    /// The number of the next entry.
    pub fn next_seq(&self) -> u64 {
        self.head.map_or(1, |head| head.seq.saturating_add(1))
    }
}

impl EnvironmentState {
    /// This goal once it is reached by the outcome `seq`. A commit that was
    /// there before keeps the outcome that brought it.
    #[must_use]
    pub fn reached(&self, before: &Self, seq: u64) -> Self {
        let goal = Self { lease: None, ..self.clone() };
        match goal.seq {
            Some(_) => goal,
            None if goal.commit.is_none() => goal,
            None if goal.commit == before.commit && goal.apart == before.apart => {
                Self { seq: before.seq, ..goal }
            }
            None => Self { seq: Some(seq), ..goal },
        }
    }

    /// What it becomes when all of a plan is done: a whole plan moves the
    /// environment to the commit, a part sets its apps apart.
    #[must_use]
    pub fn after(&self, plan: &crate::plan::Plan, extent: Extent) -> Self {
        use crate::affected::Action;
        use crate::plan::Completeness;
        match (extent, plan.completeness) {
            (Extent::Environment, Completeness::Complete) => {
                Self { commit: Some(plan.head), seq: None, apart: BTreeMap::new(), lease: None }
            }
            // Apps that nobody has seen may be at another commit still.
            (Extent::Environment, Completeness::Incomplete) | (Extent::Selection, _) => {
                let mut state = Self { lease: None, ..self.clone() };
                for step in &plan.steps {
                    match step.action {
                        Action::Apply => state.apart.insert(step.app.clone(), plan.head),
                        Action::Prune => state.apart.remove(&step.app),
                        Action::Verify => None,
                    };
                }
                state
            }
        }
    }
}

/// How much of an environment a plan speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Environment,
    /// What `--app` names.
    Selection,
}

/// Where things stand on the branch.
pub mod path {
    use crate::name::{AppId, Environment, RepoPath};

    /// `ledger.json`.
    pub fn top() -> RepoPath {
        RepoPath::root().child("ledger.json")
    }
    /// `entries`.
    pub fn entries() -> RepoPath {
        RepoPath::root().child("entries")
    }
    /// `entries/<seq>/record.json`.
    pub fn record(seq: u64) -> RepoPath {
        entries().child(&seq.to_string()).child("record.json")
    }
    /// `environments/<environment>`.
    pub fn environment(environment: &Environment) -> RepoPath {
        RepoPath::root().child("environments").child(environment.as_str())
    }
    /// `staged/<environment>`.
    pub fn staged(environment: &Environment) -> RepoPath {
        RepoPath::root().child("staged").child(environment.as_str())
    }
    /// The file of what was deployed last, or will be, below either of them.
    pub fn state(of: &RepoPath) -> RepoPath {
        of.child("environment.json")
    }
    /// An app's folder below either of them.
    pub fn app(of: &RepoPath, app: &AppId) -> RepoPath {
        of.child(app.kind()).child(app.namespace()).child(app.name())
    }
    /// An app's `objects.yaml`, in its folder.
    pub fn objects(app: &RepoPath) -> RepoPath {
        app.child("objects.yaml")
    }
    /// An app's `app.json`, in its folder.
    pub fn meta(app: &RepoPath) -> RepoPath {
        app.child("app.json")
    }
}
