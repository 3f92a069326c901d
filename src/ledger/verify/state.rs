//! Whether what the ledger says is deployed is what its records delivered.
//!
//! Replays the outcomes in order; asks no cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::{canonical, note, problem};
use crate::affected::Action;
use crate::files::{EntryKind, Files};
use crate::ledger::entry::{Entry, EntryKind as Kind, EntryStep};
use crate::ledger::read::{file, parse_objects};
use crate::ledger::{DeployedApp, LedgerError, LedgerState, path, read};
use crate::name::{AppId, Digest, Environment, RepoPath};
use crate::object::{self, ObjectKey};
use crate::problem::{Code, Problem};

/// What may be deployed of one app: nothing, or a set by digest and intent.
type Allowed = BTreeSet<Option<(Digest, u64)>>;
type Expected = BTreeMap<AppId, Allowed>;

pub(super) fn check(
    files: &dyn Files,
    entries: &BTreeMap<u64, Entry>,
    open: &BTreeMap<Environment, BTreeSet<u64>>,
    found: &mut Vec<Problem>,
) -> Result<(), LedgerError> {
    let mut expected = replay(entries);
    let named = folders(files)?;
    for environment in named.iter().chain(expected.keys().cloned().collect::<Vec<_>>().iter()) {
        expected.entry(environment.clone()).or_default();
    }
    for (environment, mut apps) in expected {
        let Some(state) = note(found, read(files, &environment))? else { continue };
        lease(&state, entries, open.get(&environment), &mut apps, found);
        deployed(files, &state, entries, &apps, found)?;
        header(files, &state, entries, found)?;
    }
    Ok(())
}

fn folders(files: &dyn Files) -> Result<BTreeSet<Environment>, LedgerError> {
    let mut all = BTreeSet::new();
    for top in ["environments", "staged"] {
        let Some(entry) = files.entry(&RepoPath::root().child(top))? else { continue };
        if entry.kind == EntryKind::Directory {
            all.extend(files.list(entry.id)?.iter().filter_map(|(name, _)| Environment::parse(name).ok()));
        }
    }
    Ok(all)
}

/// What every environment may hold, by its outcomes. Records that cannot be
/// read are problems already, and say nothing here.
fn replay(entries: &BTreeMap<u64, Entry>) -> BTreeMap<Environment, Expected> {
    let mut all: BTreeMap<Environment, Expected> = BTreeMap::new();
    for entry in entries.values() {
        let (Ok(Kind::Outcome), Ok(environment), Ok(steps)) =
            (entry.kind(), entry.environment(), entry.steps())
        else {
            continue;
        };
        let Ok(Some(intent)) = entry.intent() else { continue };
        let unsure = matches!(entry.verdict(), Ok(Some("left-as-is" | "stuck")));
        let apps = all.entry(environment).or_default();
        for step in steps {
            after(apps, &step, intent, unsure);
        }
    }
    all
}

fn after(apps: &mut Expected, step: &EntryStep, intent: u64, unsure: bool) {
    let written = match step.order.action {
        Action::Apply => step.digest.map(|digest| (digest, intent)),
        Action::Prune => None,
        Action::Verify => return,
    };
    match step.status.as_str() {
        "delivered" | "pruned" => {
            apps.insert(step.order.app.clone(), Allowed::from([written]));
        }
        // It may stand half-way; both are accepted until it is deployed again.
        "failed" | "stuck" if unsure => {
            apps.entry(step.order.app.clone()).or_insert_with(|| Allowed::from([None])).insert(written);
        }
        _ => {}
    }
}

/// A lease belongs to an open intent, and an open intent to a lease. While it
/// runs, its steps may have been taken or not.
fn lease(
    state: &LedgerState,
    entries: &BTreeMap<u64, Entry>,
    open: Option<&BTreeSet<u64>>,
    apps: &mut Expected,
    found: &mut Vec<Problem>,
) {
    let at = path::state(&path::environment(&state.environment));
    let held = state.at.lease.as_ref().map(|lease| lease.seq);
    for seq in open.into_iter().flatten().filter(|seq| held != Some(**seq)) {
        let message = format!("intent {seq} has neither an outcome nor the lease of its environment");
        found.push(problem(Code::LedgerBroken, &path::record(*seq), message));
    }
    let staged = path::staged(&state.environment);
    match held {
        None if state.goal.is_some() || !state.staged.is_empty() => {
            found.push(problem(
                Code::LedgerState,
                &staged,
                "sets are staged, and nobody holds the environment",
            ));
        }
        None => {}
        Some(seq) if open.is_none_or(|open| !open.contains(&seq)) => {
            let message = format!("it is held for intent {seq}, which is not open");
            found.push(problem(Code::LedgerState, &at, message));
        }
        Some(seq) => {
            for step in entries.get(&seq).and_then(|entry| entry.steps().ok()).into_iter().flatten() {
                let id = &step.order.app;
                let is_staged = state.staged.get(id).map(|app| (app.digest, app.seq));
                let meant = step.digest.map(|digest| (digest, seq));
                if step.order.action == Action::Apply && is_staged != meant {
                    let message = format!("what is staged is not what intent {seq} announced");
                    found.push(problem(Code::LedgerState, &path::app(&staged, id), message));
                }
                let allowed = apps.entry(id.clone()).or_insert_with(|| Allowed::from([None]));
                match step.order.action {
                    Action::Apply => allowed.insert(meant),
                    Action::Prune => allowed.insert(None),
                    Action::Verify => false,
                };
            }
        }
    }
}

fn deployed(
    files: &dyn Files,
    state: &LedgerState,
    entries: &BTreeMap<u64, Entry>,
    expected: &Expected,
    found: &mut Vec<Problem>,
) -> Result<(), LedgerError> {
    let top = path::environment(&state.environment);
    for (id, allowed) in expected {
        if !state.apps.contains_key(id) && !allowed.contains(&None) {
            let message = "it was delivered, and is not there";
            found.push(problem(Code::LedgerState, &path::app(&top, id), message));
        }
    }
    for (id, app) in &state.apps {
        let folder = path::app(&top, id);
        let is = Some((app.digest, app.seq));
        if expected.get(id).is_none_or(|allowed| !allowed.contains(&is)) {
            let message = format!("no outcome delivered {} by intent {}", app.digest, app.seq);
            found.push(problem(Code::LedgerState, &path::meta(&folder), message));
        }
        let pins = entries.get(&app.seq).and_then(|entry| entry.steps().ok()).into_iter().flatten();
        if let Some(step) = pins.into_iter().find(|step| step.order.app == *id)
            && step.pins != app.pins
        {
            let message = format!("its pins are not those of intent {}", app.seq);
            found.push(problem(Code::LedgerState, &path::meta(&folder), message));
        }
        note(found, set(files, &folder, app))?;
    }
    Ok(())
}

/// A stored set is what its `app.json` says.
fn set(files: &dyn Files, folder: &RepoPath, app: &DeployedApp) -> Result<(), LedgerError> {
    let (at, meta) = (path::objects(folder), path::meta(folder));
    let fault = |at: &RepoPath, why: &str| Err(LedgerError::fault(Code::LedgerState, at, why));
    let Some(bytes) = file(files, &at)? else { return fault(&at, "its objects are missing") };
    let objects = parse_objects(&at, &bytes)?;
    if Digest::of(&object::canonical(&objects)) != app.digest {
        return fault(&at, "its objects are not those that were delivered");
    }
    if object::to_yaml(&objects).as_bytes() != bytes {
        return fault(&at, "it holds text that Luigi did not write");
    }
    let inventory: BTreeSet<&ObjectKey> = objects.iter().map(|object| &object.key).collect();
    if !inventory.into_iter().eq(app.inventory.iter()) {
        return fault(&meta, "its inventory is not that of its objects");
    }
    match canonical(files, &meta)? {
        Some(true) => Ok(()),
        Some(false) | None => fault(&meta, "it is not canonical JSON: it was written by another program"),
    }
}

/// `environment.json` names an outcome that deployed its commit.
fn header(
    files: &dyn Files,
    state: &LedgerState,
    entries: &BTreeMap<u64, Entry>,
    found: &mut Vec<Problem>,
) -> Result<(), LedgerError> {
    let at = path::state(&path::environment(&state.environment));
    if note(found, canonical(files, &at))?.flatten() == Some(false) {
        let message = "it is not canonical JSON: it was written by another program";
        found.push(problem(Code::LedgerState, &at, message));
    }
    let (commit, seq) = match (state.at.commit, state.at.seq) {
        (None, None) => return Ok(()),
        (Some(commit), Some(seq)) => (commit, seq),
        (Some(_), None) | (None, Some(_)) => {
            found.push(problem(
                Code::LedgerState,
                &at,
                "it names a commit without its entry, or the reverse",
            ));
            return Ok(());
        }
    };
    let fits = entries.get(&seq).is_some_and(|entry| {
        let head = entry.source_head().ok().flatten();
        matches!(entry.kind(), Ok(Kind::Outcome))
            && entry.environment().is_ok_and(|environment| environment == state.environment)
            && head.is_none_or(|head| head == commit)
    });
    if !fits {
        let message = format!("entry {seq} did not deploy {commit}");
        found.push(problem(Code::LedgerState, &at, message));
    }
    Ok(())
}
