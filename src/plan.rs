//! Ordered steps with rendered objects, and the digest that stands for them.
//!
//! Decides nothing: whether the plan may be carried out is for `policy`.

mod build;

pub use build::{Parts, build};

use serde::Serialize;

use crate::affected::{Action, Reason};
pub use crate::catalog::Completeness;
use crate::change::ChangeKind;
use crate::name::{AppId, CommitId, Digest, Environment};
use crate::object::diff::ObjectChange;
use crate::object::{Object, ObjectKey};

/// What would be done in one environment, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The environment.
    pub environment: Environment,
    /// The commit compared with; `None` when everything is new or unknown.
    pub base: Option<CommitId>,
    /// The commit to deploy.
    pub head: CommitId,
    /// The steps; every step's needs stand before it.
    pub steps: Vec<Step>,
    /// Apps whose files differ and whose objects do not: no step.
    pub touched: Vec<AppId>,
    /// Whether the catalogs at both ends were read completely. If not, nothing
    /// may be pruned and an empty plan proves nothing.
    pub completeness: Completeness,
    /// SHA-256 of the canonical form: environment, ordered steps, object
    /// digests and deletes. No commit ids, so a squash that changes nothing
    /// keeps it.
    pub digest: Digest,
}

/// One app's part of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The app.
    pub app: AppId,
    /// What is done.
    pub action: Action,
    /// How the app differs.
    pub change: ChangeKind,
    /// Why it is here.
    pub reasons: Vec<Reason>,
    /// Steps of this plan that must be settled first.
    pub needs: Vec<AppId>,
    /// All that the app needs, in the plan or not: kept with what is deployed,
    /// so that a restore knows the order from the ledger alone.
    pub all_needs: Vec<AppId>,
    /// The objects to write (`Apply`), sorted by key; empty otherwise.
    pub objects: Vec<Object>,
    /// SHA-256 of `object::canonical` of the objects; `None` unless `Apply`.
    pub digest: Option<Digest>,
    /// What differs from what is there, object by object.
    pub changes: Vec<ObjectChange>,
    /// The objects that go.
    pub deletes: Vec<ObjectKey>,
    /// Why the app could not be rendered; empty when it was.
    pub not_rendered: Vec<String>,
    /// Versions of its remote inputs, as `what@revision`.
    pub pins: Vec<String>,
    /// The commit that the objects are of, where that is not the plan's: what is
    /// put back keeps its own.
    pub revision: Option<CommitId>,
    /// Where and as whom its objects are written on a cluster.
    pub target: Target,
}

/// Where and as whom an app's objects are written on a cluster. Kept with what is
/// deployed, so that a rollback knows it from the ledger alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The namespace of objects that name none; empty when there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The `ServiceAccount` that the definition names; `None`: the one that is made
    /// of the app's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// The digest of a plan: SHA-256 of the canonical JSON of the environment and
/// the ordered steps with their object digests and deletes.
pub fn digest(environment: &Environment, steps: &[Step]) -> Result<Digest, serde_json::Error> {
    #[derive(Serialize)]
    struct Line<'a> {
        app: &'a AppId,
        action: Action,
        digest: Option<Digest>,
        deletes: &'a [ObjectKey],
    }
    let line = |step: &'_ Step| {
        serde_json::to_value(Line {
            app: &step.app,
            action: step.action,
            digest: step.digest,
            deletes: &step.deletes,
        })
    };
    let lines = steps.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let all = serde_json::json!({ "environment": environment, "steps": lines });
    Ok(Digest::of(&serde_json_canonicalizer::to_vec(&all)?))
}
