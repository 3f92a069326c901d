//! Carries the deploy machine's effects out on the ledger: one commit and one
//! push for each set of apps that is ready together.
//!
//! Everything that a crashed run leaves behind is on the branch, so that any
//! other run can end it. Decides nothing about order, failure or rollback: that
//! is `deploy`; nor what stands where: that is `ledger`.

mod announce;
mod conclude;
pub(in crate::run) mod drive;
mod history;
mod recover;
#[cfg(test)]
mod tests;
pub(in crate::run) mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::deploy::{Event, EventError, IllegalEvent, OnFailure};
use crate::ledger::{EnvironmentState, LedgerError, OnCrash};
use crate::name::{CommitId, ObjectId};
use crate::outside::branch::Branch;
use crate::outside::git::{GitError, Repo};
use crate::outside::host::ProcessName;
use crate::policy::ApprovedPlan;
use crate::record::{Outcome, Record};
use crate::run::kubernetes::Cluster;

pub use history::{snapshot, snapshot_at, verify};

/// What every run on the ledger has at hand.
pub struct Context<'a> {
    /// The repository that has the branch.
    pub repo: &'a Repo,
    /// The ledger's branch.
    pub branch: &'a Branch,
    /// Its name, as records show it.
    pub branch_name: &'a str,
    /// Who runs.
    pub who: Who,
    /// The clock.
    pub now: &'a dyn Fn() -> SystemTime,
    /// Set by a signal: stop, and put back what was begun.
    pub cancel: &'a AtomicBool,
    /// How long to wait for a run that holds the environment.
    pub wait: Duration,
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// How long a server that does not answer is asked again.
    pub patience: Duration,
    /// What happens when a step fails.
    pub on_failure: OnFailure,
    /// What happens to a dead run's intent.
    pub on_crash: OnCrash,
    /// Whether the first commit is the second or an ancestor of it; `None` when
    /// the history at hand does not say.
    pub is_ancestor: &'a dyn Fn(CommitId, CommitId) -> Option<bool>,
    /// Told of every event, for progress.
    pub progress: &'a dyn Fn(&Event),
    /// Told of things that a person wants to know.
    pub say: &'a dyn Fn(&str),
    /// Where steps are carried out, when that is not the branch itself.
    pub cluster: Option<&'a Cluster>,
}

/// Who runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The run's id, as in its record.
    pub run: String,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// Who started it.
    pub actor: String,
    /// The process.
    pub process: ProcessName,
}

/// What is to be carried out.
pub struct Request<'a> {
    /// The plan.
    pub approved: &'a ApprovedPlan,
    /// What `environment.json` says when all of it is done; see
    /// [`EnvironmentState::after`].
    pub goal: EnvironmentState,
    /// The environment's subtree that the plan was made against.
    pub against: Option<ObjectId>,
    /// Whether the plan's commit must be the newest.
    pub direction: Direction,
    /// The record as far as it is known before the deploy.
    pub record: Record,
}

/// Whether a run may go back to an older commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A deploy: never over a newer one.
    Forward,
    /// A rollback or restore: asked for by name.
    Any,
}

/// How a call ended.
#[derive(Debug)]
pub enum Ended {
    /// The run has a verdict. Its record has a place in the ledger, unless
    /// nothing was written, or another run has taken the environment.
    Finished(Box<Record>),
    /// The environment is not what the plan was made against: plan again.
    Replan(String),
    /// A dead run's intent was ended first: plan again.
    Recovered(Recovered),
}

/// A dead run's intent that was ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// The dead run.
    pub run: String,
    /// The number of its outcome.
    pub seq: u64,
    /// Its outcome's record.
    pub record: Value,
}

/// Why a run on the ledger could not go on. What it had announced is for the
/// next run to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Git, or the remote, could not do something.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A push without an answer: whether the branch has it, the next run sees.
    #[error("the ledger's remote does not answer: {0}")]
    Unanswered(String),
    /// The ledger is not what it should be.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The machine and this driver do not agree: a bug.
    #[error("the deploy machine: {0}")]
    Machine(#[from] IllegalEvent),
    /// An event that cannot be written down.
    #[error(transparent)]
    Event(#[from] EventError),
    /// JSON that cannot be written.
    #[error("cannot write the record: {0}")]
    Json(#[from] serde_json::Error),
    /// A clock outside the years that RFC 3339 can write.
    #[error("the clock cannot be written down: {0}")]
    Clock(#[from] jiff::Error),
    /// A dead run's intent could not be taken up on the cluster; it stays.
    #[error("the cluster: {0}")]
    Cluster(String),
    /// The server refuses what has to come before this run.
    #[error("{what} was refused: {reason}")]
    Refused {
        /// What was to be written.
        what: &'static str,
        /// The server's reason.
        reason: String,
    },
    /// The server refused the outcome: the verdict stands, but the ledger does
    /// not have it yet, and the next run will end this one's intent.
    #[error("the outcome was refused: {reason}")]
    OutcomeRefused {
        /// The server's reason.
        reason: String,
        /// The record as it would have been.
        record: Box<Record>,
    },
}

impl Context<'_> {
    /// Now, as records have it.
    fn timestamp(&self) -> Result<String, RunError> {
        rfc3339((self.now)())
    }

    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::SeqCst)
    }
}

/// RFC 3339, UTC, whole seconds.
pub fn rfc3339(time: SystemTime) -> Result<String, RunError> {
    Ok(jiff::Timestamp::from_second(seconds(time)?)?.to_string())
}

/// Whole seconds since 1970.
fn seconds(time: SystemTime) -> Result<i64, RunError> {
    Ok(jiff::Timestamp::try_from(time)?.as_second())
}

/// Carries an approved plan out and records it.
pub fn deploy(ctx: &Context<'_>, request: Request<'_>) -> Result<Ended, RunError> {
    conclude::deploy(ctx, request)
}

/// Appends the outcome of a run that wrote nothing: denied, or stopped by
/// problems. The environment is not touched, whoever holds it.
pub fn append(ctx: &Context<'_>, mut record: Record, outcome: Outcome) -> Result<Record, RunError> {
    record.outcome = Some(outcome);
    conclude::append(ctx, &record)
}
