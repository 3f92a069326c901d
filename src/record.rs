//! Everything that happened in one run → one canonical document.
//!
//! RFC 8785 bytes: the same run gives the same digest on every machine. Holds
//! no token and no secret value. Not the report: that is made from it.

use serde::Serialize;

use crate::affected::{Action, Reason};
use crate::change::ChangeKind;
use crate::name::{AppId, CommitId, Digest, Environment};
use crate::object::ObjectKey;
use crate::object::diff::ObjectChange;
use crate::plan::Completeness;
use crate::policy::Decision;
use crate::problem::Problem;

/// The form of this document. Changes when a reader of the old one could be
/// misled.
pub const API_VERSION: &str = "luigi.dev/record/v1";

/// One run, or its announcement, in one environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`API_VERSION`].
    pub api_version: &'static str,
    /// What kind of entry this is.
    pub kind: RecordKind,
    /// Who ran what, when.
    pub run: Run,
    /// Who that is, as their token says; `None` where the environment does not ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<crate::identity::Principal>,
    /// The environment.
    pub environment: Environment,
    /// The commits.
    pub source: Source,
    /// What the user selected.
    pub selection: Selection,
    /// The plan's digest; `None` when there was no plan.
    pub plan_digest: Option<Digest>,
    /// The plan's steps in order, with what became of each.
    pub steps: Vec<StepRecord>,
    /// Apps whose files differ and whose objects do not.
    pub touched: Vec<AppId>,
    /// Who allowed or denied it, and why; `None` when it never came to that.
    pub decision: Option<Decision>,
    /// How it ended; `None` in an intent.
    pub outcome: Option<Outcome>,
    /// Every problem found.
    pub problems: Vec<Problem>,
    /// The machine's events in order: replaying them gives the state.
    pub log: Vec<serde_json::Value>,
    /// The credentials that apps were deployed with; never a token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialRecord>,
    /// How long each phase took.
    pub phases: Vec<Phase>,
    /// Its place in the ledger; `None` when it was not appended.
    pub ledger: Option<LedgerPosition>,
    /// Whether it is sealed, and if not, why.
    pub seal: Seal,
    /// The program.
    pub tool: Tool,
}

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A plan; nothing was to be written.
    Plan,
    /// What is about to be written. Stands before the first write.
    Intent,
    /// What came of it, or of a run that never got that far.
    Outcome,
}

/// Who ran what, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Links an intent to its outcome; unique per run and attempt.
    pub id: String,
    /// The CI attempt, from 1.
    pub attempt: u32,
    /// The command, as in `deploy`.
    pub command: String,
    /// What started it: an event's name, or `terminal`.
    pub event: String,
    /// Who started it, as the CI system or the operating system names them.
    pub actor: String,
    /// Where the run can be looked at.
    pub url: Option<String>,
    /// RFC 3339, UTC, seconds.
    pub started: String,
    /// RFC 3339, UTC, seconds; `None` in an intent.
    pub finished: Option<String>,
}

/// The commits of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The repository, without credentials; `None` when it has no remote.
    pub repository: Option<String>,
    /// The commit compared with.
    pub base: Option<CommitId>,
    /// The commit planned or deployed.
    pub head: Option<CommitId>,
    /// The pull request's own head, where `head` is a merge.
    pub pull_request_head: Option<CommitId>,
    /// The commit whose luigi.yaml was believed.
    pub authority: Option<CommitId>,
    /// Whether that commit is on a protected branch, as far as Luigi can know.
    pub authority_protected: bool,
    /// The branch or tag, when there was one.
    pub reference: Option<String>,
}

/// What the user selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// `--app`; empty for all.
    pub apps: Vec<String>,
    /// Whether the catalogs were read completely.
    pub completeness: Completeness,
    /// The number of apps in the environment at head.
    pub apps_in_environment: usize,
    /// The ledger entry that was rolled back to or restored, if any.
    pub entry: Option<u64>,
}

/// One step, with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// The app.
    pub app: AppId,
    /// What was to be done.
    pub action: Action,
    /// How the app differs.
    pub change: ChangeKind,
    /// Why it is here.
    pub reasons: Vec<Reason>,
    /// Steps that had to be settled first.
    pub needs: Vec<AppId>,
    /// The digest of its rendered objects.
    pub digest: Option<Digest>,
    /// The number of its rendered objects.
    pub objects: usize,
    /// What differs, object by object.
    pub changes: Vec<ObjectChange>,
    /// The objects that go.
    pub deletes: Vec<ObjectKey>,
    /// Why the app could not be rendered.
    pub not_rendered: Vec<String>,
    /// Versions of its remote inputs.
    pub pins: Vec<String>,
    /// What became of it.
    pub result: StepResult,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// Where it ended.
    pub status: StepStatus,
    /// Why, when it failed, was undone or was not begun.
    pub reason: Option<String>,
    /// From the effect's start to its end, milliseconds; 0 when not begun.
    pub duration_ms: u64,
}

/// Where a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// Not begun.
    Pending,
    /// Written, accepted, read back (engine `ledger`).
    Delivered,
    /// Nothing was written; what is deployed was found in place.
    Verified,
    /// Its objects are gone.
    Pruned,
    /// It failed.
    Failed,
    /// It was put back as it was before.
    RolledBack,
    /// It could not be put back: a person is needed.
    Stuck,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The verdict.
    pub verdict: OutcomeKind,
    /// The exit code that says the same.
    pub exit_code: u8,
    /// One sentence for people.
    pub message: String,
}

/// The verdicts a run can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// A plan was made; nothing was to be written.
    Planned,
    /// Proved: nothing differs.
    NothingToDo,
    /// All steps done.
    Done,
    /// A rule said no; nothing was written.
    Denied,
    /// The user's files or arguments have problems; nothing was written.
    Problems,
    /// A step failed; everything is as it was before.
    RolledBack,
    /// A step failed, and so did putting things back.
    Stuck,
    /// A step failed; things are left as they are, by request.
    LeftAsIs,
    /// Cancelled, with what had been begun put back.
    Cancelled,
    /// Another run holds the environment, or has outrun this one.
    Outrun,
    /// Something unexpected; nothing further was written.
    Error,
}

/// One app's credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialRecord {
    /// The app.
    pub app: AppId,
    /// How it was got, as in `tokenRequest`.
    pub provider: String,
    /// As whom.
    pub account: String,
    /// For whom; empty for the API server's own.
    pub audiences: Vec<String>,
    /// How long it was asked for, seconds.
    pub life_seconds: u64,
    /// The SHA-256 of the token.
    pub digest: Digest,
    /// What became of it.
    pub revocation: String,
    /// The Secret that it was bound to.
    pub secret: String,
}

/// How long a phase took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// `read`, `render`, `plan`, `deploy`, …
    pub name: String,
    /// Milliseconds.
    pub duration_ms: u64,
}

/// An entry's place in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerPosition {
    /// The ledger's branch.
    pub branch: String,
    /// The entry's number, from 1.
    pub seq: u64,
    /// The SHA-256 of the entry's predecessor's `record.json`; `None` for the
    /// first.
    pub previous: Option<Digest>,
    /// The intent that this outcome ends.
    pub intent: Option<u64>,
    /// Who holds the environment from this intent on.
    pub holder: Option<Holder>,
}

/// Who holds an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The run's id.
    pub run: String,
    /// Its attempt.
    pub attempt: u32,
    /// The machine, by name and boot.
    pub host: String,
    /// The process on it, by number and start time.
    pub process: String,
    /// RFC 3339: after it, anyone may take over.
    pub deadline: String,
}

/// Whether a record is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Seal {
    /// There is no signature.
    Unsealed {
        /// Why not.
        reason: String,
    },
}

/// The program that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// `luigi`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Render tools, as `name version`.
    pub renderers: Vec<String>,
}

impl Record {
    /// The record's canonical bytes (RFC 8785). Fails only when a number in it
    /// cannot be written, which none of its types can hold.
    pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }
}

impl OutcomeKind {
    /// The exit code that says the same.
    pub fn exit_code(self) -> u8 {
        match self {
            OutcomeKind::Planned | OutcomeKind::NothingToDo | OutcomeKind::Done => 0,
            OutcomeKind::Error => 1,
            OutcomeKind::Problems => 2,
            OutcomeKind::Denied => 3,
            OutcomeKind::RolledBack => 4,
            OutcomeKind::Stuck => 5,
            OutcomeKind::Cancelled => 6,
            OutcomeKind::LeftAsIs => 7,
            OutcomeKind::Outrun => 9,
        }
    }
}

impl StepRecord {
    /// A step that has not begun.
    pub fn of(step: &crate::plan::Step) -> Self {
        Self {
            app: step.app.clone(),
            action: step.action,
            change: step.change,
            reasons: step.reasons.clone(),
            needs: step.needs.clone(),
            digest: step.digest,
            objects: step.objects.len(),
            changes: step.changes.clone(),
            deletes: step.deletes.clone(),
            not_rendered: step.not_rendered.clone(),
            pins: step.pins.clone(),
            result: StepResult { status: StepStatus::Pending, reason: None, duration_ms: 0 },
        }
    }
}
