//! Whether a ledger holds: its chain, its records, its tree, its history.
//!
//! Offline and without keys: it finds what was removed, reordered, edited or
//! added by hand. Who signed an entry is for `seal`; whether the newest entries
//! were cut off is for those who remember a head.

mod changes;
mod state;

use std::collections::{BTreeMap, BTreeSet};

pub use changes::unaccounted;

use super::entry::{Entry, EntryKind as Kind, Previous};
use super::json::parse;
use super::read::file;
use super::{LedgerError, path, require_ledger};
use crate::files::{Entry as FileEntry, EntryKind, Files, Listing, Next, find, walk};
use crate::name::{AppId, Digest, Environment, RepoPath};
use crate::problem::{Code, Place, Problem};

/// Everything that is wrong with the ledger at one tip, sorted. An error only
/// where an object cannot be read.
pub fn verify(files: &dyn Files) -> Result<Vec<Problem>, LedgerError> {
    let mut found = Vec::new();
    if !note(&mut found, require_ledger(files))?.is_some_and(|()| true) {
        return Ok(found);
    }
    let entries = chain(files, &mut found)?;
    let open = links(&entries, &mut found);
    shape(files, &mut found)?;
    state::check(files, &entries, &open, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// Keeps a fault as a problem; hands on an object that cannot be read.
fn note<T>(found: &mut Vec<Problem>, result: Result<T, LedgerError>) -> Result<Option<T>, LedgerError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(LedgerError::Fault(problem)) => {
            found.push(*problem);
            Ok(None)
        }
        Err(e @ (LedgerError::Read(_) | LedgerError::Json(_) | LedgerError::Name(_))) => Err(e),
    }
}

fn problem(code: Code, at: &RepoPath, message: impl Into<String>) -> Problem {
    Problem::new(code, Some(Place::file(at.as_str())), message)
}

/// Every entry that can be read, by number; each tied to the one before it.
fn chain(files: &dyn Files, found: &mut Vec<Problem>) -> Result<BTreeMap<u64, Entry>, LedgerError> {
    let numbers = note(found, super::read::numbers(files))?.unwrap_or_default();
    let mut entries = BTreeMap::new();
    let mut before: Option<(u64, Digest)> = None;
    for seq in numbers {
        let at = path::record(seq);
        let last = before.map_or(0, |(last, _)| last);
        if seq != last + 1 {
            let missing = if seq == last + 2 {
                format!("entry {} is missing", last + 1)
            } else {
                format!("entries {} to {} are missing", last + 1, seq - 1)
            };
            found.push(problem(Code::LedgerSequence, &path::record(last + 1), missing));
        }
        let Some(bytes) = note(found, file(files, &at))?.flatten() else {
            found.push(problem(Code::LedgerSequence, &at, format!("entry {seq} has no record")));
            before = None;
            continue;
        };
        let digest = Digest::of(&bytes);
        if let Some(entry) = note(found, Entry::parse(seq, &bytes))? {
            let previous = match before {
                _ if last + 1 != seq => Previous::Unknown,
                before => Previous::Known(before.map(|(_, digest)| digest)),
            };
            note(found, entry.holds(&bytes, previous))?;
            entries.insert(seq, entry);
        }
        before = Some((seq, digest));
    }
    Ok(entries)
}

/// The intents that have no outcome, by environment; and every outcome that has
/// no intent of its own.
fn links(entries: &BTreeMap<u64, Entry>, found: &mut Vec<Problem>) -> BTreeMap<Environment, BTreeSet<u64>> {
    let mut open: BTreeMap<u64, &Entry> = BTreeMap::new();
    for (seq, entry) in entries {
        match entry.kind() {
            Ok(Kind::Intent) => {
                open.insert(*seq, entry);
            }
            Ok(Kind::Outcome) => {
                let Ok(Some(intent)) = entry.intent() else { continue };
                let fits = open.get(&intent).is_some_and(|intent| {
                    intent.run_id().ok() == entry.run_id().ok()
                        && intent.environment().ok() == entry.environment().ok()
                });
                if fits {
                    open.remove(&intent);
                } else {
                    let message = format!("it ends intent {intent}, which is not an open intent of its run");
                    found.push(problem(Code::LedgerBroken, &path::record(*seq), message));
                }
            }
            Err(_) => {}
        }
    }
    let mut by_environment: BTreeMap<Environment, BTreeSet<u64>> = BTreeMap::new();
    for (seq, entry) in open {
        if let (Ok(environment), Ok(run)) = (entry.environment(), entry.run_id()) {
            let message = format!("intent {seq} of run {run} in {environment} has no outcome");
            found.push(problem(Code::LedgerOpen, &path::record(seq), message));
            by_environment.entry(environment).or_default().insert(seq);
        }
    }
    by_environment
}

/// Nothing stands in the tree that Luigi does not write.
fn shape(files: &dyn Files, found: &mut Vec<Problem>) -> Result<(), LedgerError> {
    let Some(top) = files.entry(&RepoPath::root())? else { return Ok(()) };
    walk(files, top.id, &RepoPath::root(), &mut |at, entry| {
        let parts: Vec<&str> = at.as_str().split('/').collect();
        match (entry.kind, belongs(&parts)) {
            (EntryKind::Directory, Belongs::Below) => Ok(Next::Enter),
            (EntryKind::File, Belongs::File) => Ok(Next::Skip),
            (EntryKind::Directory, Belongs::File | Belongs::No)
            | (EntryKind::File, Belongs::Below | Belongs::No)
            | (EntryKind::Executable | EntryKind::Link | EntryKind::Submodule, _) => {
                found.push(problem(Code::LedgerBroken, &at, "Luigi writes nothing of that kind there"));
                Ok(Next::Skip)
            }
        }
    })?;
    Ok(())
}

/// What may stand at a path.
enum Belongs {
    File,
    Below,
    No,
}

fn belongs(parts: &[&str]) -> Belongs {
    let number = |text: &str| text.parse::<u64>().is_ok_and(|n| n > 0 && n.to_string() == text);
    match parts {
        ["ledger.json"] => Belongs::File,
        ["entries" | "environments" | "staged"] => Belongs::Below,
        ["entries", seq] if number(seq) => Belongs::Below,
        ["entries", seq, "record.json" | "seal.sigstore.json"] if number(seq) => Belongs::File,
        ["environments" | "staged", environment, rest @ ..] if Environment::parse(environment).is_ok() => {
            match rest {
                ["environment.json"] => Belongs::File,
                [] | [_] | [_, _] => Belongs::Below,
                [kind, namespace, name, rest @ ..] => {
                    let id = AppId::parse(&format!("{kind}/{namespace}/{name}"));
                    match (id, rest) {
                        (Ok(_), []) => Belongs::Below,
                        (Ok(_), ["objects.yaml" | "app.json"]) => Belongs::File,
                        (Ok(_) | Err(_), _) => Belongs::No,
                    }
                }
            }
        }
        _ => Belongs::No,
    }
}

/// What one commit took away from the entries before it, or changed in them:
/// nothing, ever. A seal may come later, and then stays. `commit` names the
/// child in messages.
pub fn only_added(parent: &dyn Files, child: &dyn Files, commit: &str) -> Result<Vec<Problem>, LedgerError> {
    let mut found = Vec::new();
    let at = path::entries();
    let (Some(before), after) = (parent.entry(&at)?, child.entry(&at)?) else { return Ok(found) };
    if after == Some(before) {
        return Ok(found);
    }
    let list = |files: &dyn Files, entry: FileEntry| -> Result<Option<Listing>, LedgerError> {
        match entry.kind {
            EntryKind::Directory => Ok(Some(files.list(entry.id)?)),
            EntryKind::File | EntryKind::Executable | EntryKind::Link | EntryKind::Submodule => Ok(None),
        }
    };
    let olds = list(parent, before)?;
    let news = after.map(|after| list(child, after)).transpose()?.flatten();
    let added = |list: &Option<Listing>| list.as_ref().map_or(0, |list| list.len());
    if added(&news) > added(&olds) + 1 {
        let message = format!("commit {commit} adds more than one entry, which no run does");
        found.push(problem(Code::LedgerSequence, &at, message));
    }
    for (name, old) in olds.iter().flat_map(|list| list.iter()) {
        let folder = at.child(name);
        let Some(new) = news.as_ref().and_then(|list| find(list, name)) else {
            let message = format!("commit {commit} removed it");
            found.push(problem(Code::LedgerSequence, &folder, message));
            continue;
        };
        if new == *old {
            continue;
        }
        let kept = list(child, new)?;
        for (file, old) in list(parent, *old)?.iter().flat_map(|list| list.iter()) {
            let same = kept.as_ref().and_then(|list| find(list, file)).is_some_and(|new| new == *old);
            if !same {
                let message = format!("commit {commit} changed or removed it");
                found.push(problem(Code::LedgerBroken, &folder.child(file), message));
            }
        }
    }
    Ok(found)
}

/// What the branch's first commit holds: one entry at most. More were never added
/// one by one.
pub fn first(files: &dyn Files, commit: &str) -> Result<Vec<Problem>, LedgerError> {
    let at = path::entries();
    let Some(FileEntry { id, kind: EntryKind::Directory }) = files.entry(&at)? else { return Ok(Vec::new()) };
    let message = format!("the branch begins with commit {commit}, which holds more than one entry");
    let more = files.list(id)?.len() > 1;
    Ok(more.then(|| problem(Code::LedgerSequence, &at, message)).into_iter().collect())
}

/// Whether a file's JSON is in canonical form.
fn canonical(files: &dyn Files, at: &RepoPath) -> Result<Option<bool>, LedgerError> {
    let Some(bytes) = file(files, at)? else { return Ok(None) };
    Ok(Some(serde_json_canonicalizer::to_vec(&parse(at, &bytes)?)? == bytes))
}
