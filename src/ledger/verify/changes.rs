//! Whether what one commit changed in what is deployed or staged is what a run
//! changes: under a lease, to what its intent staged or to what was there before.
//!
//! Looks at two trees side by side. Whether entries are only added is for
//! `only_added`; whether the newest tree fits the records is for `state`.

use std::collections::BTreeSet;

use super::{note, problem};
use crate::files::{EntryKind, Files};
use crate::ledger::read::{file, state_of};
use crate::ledger::{EnvironmentState, LedgerError, path};
use crate::name::{CommitId, Environment, ObjectId, RepoPath};
use crate::problem::{Code, Problem};

/// `<kind>/<namespace>/<name>`.
const APP_DEPTH: usize = 3;

/// What a commit changed that no run does. `earlier` gives a commit's files:
/// what an intent may put back. `commit` names the child in messages.
pub fn unaccounted(
    parent: &dyn Files,
    child: &dyn Files,
    earlier: &dyn Fn(CommitId) -> Option<Box<dyn Files>>,
    commit: &str,
) -> Result<Vec<Problem>, LedgerError> {
    let mut found = Vec::new();
    let adds = parent.entry(&path::entries())? != child.entry(&path::entries())?;
    for environment in changed_environments(parent, child)? {
        let (of, staged) = (path::environment(&environment), path::staged(&environment));
        let states = state_of(parent, &of).and_then(|then| Ok((then, state_of(child, &of)?)));
        let Some((then, now)) = note(&mut found, states)? else { continue };
        let (then, now) = (then.unwrap_or_default(), now.unwrap_or_default());
        let mut say = |at: &RepoPath, why: &str| {
            found.push(problem(Code::LedgerState, at, format!("commit {commit} changed it, and {why}")));
        };
        if !adds && without_lease(&then) != without_lease(&now) {
            say(&path::state(&of), "added no entry");
        }
        let sets = (parent.entry(&staged)?, child.entry(&staged)?);
        let goes = sets.1.is_none();
        if sets.0 != sets.1 && !(adds && (goes || then.lease.is_none())) {
            say(&staged, "neither began nor ended an intent");
        }
        let folders = differing(parent, child, &of, APP_DEPTH)?;
        let Some(lease) = &then.lease else {
            for app in &folders {
                say(&of.child(app), &format!("no run held {environment}"));
            }
            continue;
        };
        let before = lease.before.and_then(earlier);
        for app in &folders {
            let at = of.child(app);
            let was = before.as_ref().map(|before| before.entry(&at)).transpose()?.flatten();
            let is = child.entry(&at)?;
            let put_back = is == was;
            let pruned = is.is_none() && parent.entry(&staged.child(app))?.is_none();
            let fits = put_back || pruned || is_staged(parent, &staged.child(app), child, &at)?;
            if !fits {
                say(&at, &format!("not to what intent {} staged, nor to what was before", lease.seq));
            }
        }
    }
    Ok(found)
}

fn without_lease(state: &EnvironmentState) -> EnvironmentState {
    EnvironmentState { lease: None, ..state.clone() }
}

/// Whether an app's files are the staged ones, with the time of delivery added.
fn is_staged(
    parent: &dyn Files,
    staged: &RepoPath,
    child: &dyn Files,
    at: &RepoPath,
) -> Result<bool, LedgerError> {
    let objects: (Option<ObjectId>, Option<ObjectId>) = (
        parent.entry(&path::objects(staged))?.map(|entry| entry.id),
        child.entry(&path::objects(at))?.map(|entry| entry.id),
    );
    let meta = |files: &dyn Files, of: &RepoPath| -> Result<Option<serde_json::Value>, LedgerError> {
        let Some(bytes) = file(files, &path::meta(of))? else { return Ok(None) };
        let mut value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        if let Some(map) = value.as_mut().and_then(serde_json::Value::as_object_mut) {
            map.remove("settledAt");
        }
        Ok(value)
    };
    let metas = (meta(parent, staged)?, meta(child, at)?);
    Ok(objects.0.is_some() && objects.0 == objects.1 && metas.0.is_some() && metas.0 == metas.1)
}

fn changed_environments(parent: &dyn Files, child: &dyn Files) -> Result<BTreeSet<Environment>, LedgerError> {
    let mut all = BTreeSet::new();
    for top in ["environments", "staged"] {
        let names = differing(parent, child, &RepoPath::root().child(top), 1)?;
        all.extend(names.iter().filter_map(|name| Environment::parse(name).ok()));
    }
    Ok(all)
}

/// The folders so many levels below a path that are not the same in both trees.
/// Equal trees are not entered.
fn differing(
    parent: &dyn Files,
    child: &dyn Files,
    of: &RepoPath,
    depth: usize,
) -> Result<Vec<String>, LedgerError> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), depth)];
    while let Some((name, depth)) = open.pop() {
        let at = if name.is_empty() { of.clone() } else { of.child(&name) };
        let both = [(parent, parent.entry(&at)?), (child, child.entry(&at)?)];
        if both[0].1 == both[1].1 {
            continue;
        }
        if depth == 0 {
            found.push(name);
            continue;
        }
        let mut below = BTreeSet::new();
        for (files, entry) in both {
            let Some(entry) = entry.filter(|entry| entry.kind == EntryKind::Directory) else { continue };
            let list = files.list(entry.id)?;
            let folders = list.iter().filter(|(_, entry)| entry.kind == EntryKind::Directory);
            below.extend(folders.map(|(name, _)| name.clone()));
        }
        let join = |inner: String| if name.is_empty() { inner } else { format!("{name}/{inner}") };
        open.extend(below.into_iter().map(|inner| (join(inner), depth - 1)));
    }
    found.sort();
    Ok(found)
}
