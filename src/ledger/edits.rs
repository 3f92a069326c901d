//! What a run changes on the branch, as edits: a path and its new bytes, or
//! nothing where it goes.
//!
//! Edits are computed from the tip that they are committed on. Edits that the
//! tip has already are none: doing them twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::read::file;
use super::{DeployedApp, EnvironmentState, Lease, LedgerError, LedgerState, path};
use crate::affected::Action;
use crate::files::{EntryKind, Files, Next, walk};
use crate::name::{AppId, RepoPath};
use crate::object::{ObjectKey, to_yaml};
use crate::plan::Step;
use crate::problem::Code;

/// Paths with their new bytes; `None` removes.
pub type Edits = BTreeMap<RepoPath, Option<Vec<u8>>>;

/// The rendered set of one app, as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The app.
    pub app: AppId,
    /// `app.json`, without intent and time.
    pub meta: DeployedApp,
    /// `objects.yaml`.
    pub objects: String,
}

impl Set {
    /// What a step writes; `None` unless it applies. `head` is the plan's commit,
    /// which its objects are of unless it says otherwise.
    pub fn of(step: &Step, head: crate::name::CommitId) -> Option<Self> {
        match step.action {
            Action::Verify | Action::Prune => return None,
            Action::Apply => {}
        }
        let digest =
            step.digest.unwrap_or_else(|| crate::name::Digest::of(&crate::object::canonical(&step.objects)));
        let inventory: BTreeSet<ObjectKey> = step.objects.iter().map(|object| object.key.clone()).collect();
        let meta = DeployedApp {
            revision: step.revision.unwrap_or(head),
            digest,
            inventory: inventory.into_iter().collect(),
            needs: step.all_needs.clone(),
            pins: step.pins.clone(),
            target: step.target.clone(),
            seq: 0,
            settled_at: None,
        };
        Some(Self { app: step.app.clone(), meta, objects: to_yaml(&step.objects) })
    }
}

/// What stands at the top of every ledger; no edit where it is there.
pub fn top(files: Option<&dyn Files>) -> Result<Edits, LedgerError> {
    let at = path::top();
    if let Some(files) = files
        && files.entry(&at)?.is_some()
    {
        return Ok(Edits::new());
    }
    let value = serde_json::json!({ "apiVersion": super::API_VERSION });
    Ok(Edits::from([(at, Some(serde_json_canonicalizer::to_vec(&value)?))]))
}

/// An entry alone.
pub fn entry(seq: u64, record: Vec<u8>) -> Edits {
    Edits::from([(path::record(seq), Some(record))])
}

/// An intent: its entry, the lease, and everything that it is going to write.
pub fn intent(
    now: &LedgerState,
    record: Vec<u8>,
    sets: &[Set],
    goal: &EnvironmentState,
    lease: Lease,
) -> Result<Edits, LedgerError> {
    let seq = lease.seq;
    let staged = path::staged(&now.environment);
    let mut edits = Edits::from([(path::record(seq), Some(record))]);
    edits.insert(path::state(&staged), Some(bytes(goal)?));
    for set in sets {
        let folder = path::app(&staged, &set.app);
        let meta = DeployedApp { seq, settled_at: None, ..set.meta.clone() };
        edits.insert(path::meta(&folder), Some(bytes(&meta)?));
        edits.insert(path::objects(&folder), Some(set.objects.clone().into_bytes()));
    }
    edits.extend(leased(now, lease)?);
    Ok(edits)
}

/// The lease with this holder: renewed, or taken over.
pub fn leased(now: &LedgerState, lease: Lease) -> Result<Edits, LedgerError> {
    let at = path::state(&path::environment(&now.environment));
    let state = EnvironmentState { lease: Some(lease), ..now.at.clone() };
    Ok(Edits::from([(at, Some(bytes(&state)?))]))
}

/// Staged apps become deployed. An app that already is, is left out.
pub fn apply(
    files: &dyn Files,
    now: &LedgerState,
    apps: &[AppId],
    settled_at: &str,
) -> Result<Edits, LedgerError> {
    let mut edits = Edits::new();
    let deployed = path::environment(&now.environment);
    let staged = path::staged(&now.environment);
    for app in apps {
        let from = path::app(&staged, app);
        let missing = || LedgerError::fault(Code::LedgerState, &from, "nothing is staged for this step");
        let meta = now.staged.get(app).ok_or_else(missing)?;
        if is_applied(now, app) {
            continue;
        }
        let objects = file(files, &path::objects(&from))?.ok_or_else(missing)?;
        let to = path::app(&deployed, app);
        let meta = DeployedApp { settled_at: Some(settled_at.to_owned()), ..meta.clone() };
        edits.insert(path::objects(&to), Some(objects));
        edits.insert(path::meta(&to), Some(bytes(&meta)?));
    }
    Ok(edits)
}

/// Whether what is deployed is what the running intent staged.
pub fn is_applied(now: &LedgerState, app: &AppId) -> bool {
    match (now.apps.get(app), now.staged.get(app)) {
        (Some(deployed), Some(staged)) => deployed.seq == staged.seq && deployed.digest == staged.digest,
        (Some(_) | None, _) => false,
    }
}

/// Apps go, with all their files. One that is gone already is left out.
pub fn prune(files: &dyn Files, now: &LedgerState, apps: &[AppId]) -> Result<Edits, LedgerError> {
    let deployed = path::environment(&now.environment);
    let mut edits = Edits::new();
    for app in apps {
        edits.extend(removal(files, &path::app(&deployed, app))?);
    }
    Ok(edits)
}

/// Apps become what they were in `before`, byte for byte. One that is so
/// already is left out.
pub fn undo(
    files: &dyn Files,
    before: Option<&dyn Files>,
    now: &LedgerState,
    apps: &[AppId],
) -> Result<Edits, LedgerError> {
    let deployed = path::environment(&now.environment);
    let mut edits = Edits::new();
    for app in apps {
        let folder = path::app(&deployed, app);
        let then = before.map(|before| before.entry(&folder)).transpose()?.flatten();
        if files.entry(&folder)? == then {
            continue;
        }
        edits.extend(removal(files, &folder)?);
        if let (Some(before), Some(then)) = (before, then) {
            walk(before, then.id, &folder, &mut |at, entry| {
                match entry.kind {
                    EntryKind::File | EntryKind::Executable => {
                        edits.insert(at, Some(before.blob(entry.id)?.to_vec()));
                    }
                    EntryKind::Directory | EntryKind::Link | EntryKind::Submodule => {}
                }
                Ok(Next::Enter)
            })?;
        }
    }
    Ok(edits)
}

/// An outcome: its entry, what the environment now is, and no lease.
pub fn outcome(
    files: Option<&dyn Files>,
    now: &LedgerState,
    entry: (u64, Vec<u8>),
    state: &EnvironmentState,
) -> Result<Edits, LedgerError> {
    let (seq, record) = entry;
    let mut edits = Edits::from([(path::record(seq), Some(record))]);
    if let Some(files) = files {
        edits.extend(removal(files, &path::staged(&now.environment))?);
    }
    let at = path::state(&path::environment(&now.environment));
    let state = EnvironmentState { lease: None, ..state.clone() };
    if state != now.at {
        edits.insert(at, (state != EnvironmentState::default()).then_some(bytes(&state)?));
    }
    Ok(edits)
}

/// What `environment.json` says after a run that was not done as a whole: apps
/// that have this intent's sets are apart.
/// `applied` and `pruned` are those that come with the same commit.
pub fn left(
    now: &LedgerState,
    steps: &[crate::deploy::StepOrder],
    applied: &[AppId],
    pruned: &[AppId],
) -> EnvironmentState {
    let mut state = EnvironmentState { lease: None, ..now.at.clone() };
    for step in steps {
        match (step.action, now.apps.get(&step.app)) {
            (Action::Apply, Some(app)) if is_applied(now, &step.app) => {
                state.apart.insert(step.app.clone(), app.revision);
            }
            (Action::Apply, _) if applied.contains(&step.app) => {
                if let Some(app) = now.staged.get(&step.app) {
                    state.apart.insert(step.app.clone(), app.revision);
                }
            }
            (Action::Prune, Some(_)) if pruned.contains(&step.app) => {
                state.apart.remove(&step.app);
            }
            (Action::Prune, None) => {
                state.apart.remove(&step.app);
            }
            (Action::Apply | Action::Prune | Action::Verify, _) => {}
        }
    }
    state
}

fn removal(files: &dyn Files, folder: &RepoPath) -> Result<Edits, LedgerError> {
    let mut edits = Edits::new();
    if let Some(entry) = files.entry(folder)? {
        walk(files, entry.id, folder, &mut |at, entry| {
            if entry.kind != EntryKind::Directory {
                edits.insert(at, None);
            }
            Ok(Next::Enter)
        })?;
    }
    Ok(edits)
}

fn bytes(value: &impl serde::Serialize) -> Result<Vec<u8>, LedgerError> {
    Ok(serde_json_canonicalizer::to_vec(value)?)
}
