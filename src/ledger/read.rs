//! One environment out of the ledger's tree.
//!
//! Goes on from no ledger that is visibly cut or changed; whether all of it fits
//! the records is for `verify`.

use std::collections::BTreeMap;

use super::entry::{Entry, Previous};
use super::json::{Field, parse};
use super::{API_VERSION, DeployedApp, EnvironmentState, Head, LedgerError, LedgerState, path};
use crate::files::{Entry as FileEntry, EntryKind, Files};
use crate::name::{AppId, Digest, Environment, RepoPath};
use crate::object::Object;
use crate::problem::Code;

/// One environment's state, of a ledger that a run may go on from: see
/// [`intact`]. A branch without `ledger.json` is foreign; an environment that is
/// not there is empty.
pub fn read(files: &dyn Files, environment: &Environment) -> Result<LedgerState, LedgerError> {
    require_ledger(files)?;
    let head = intact(files)?;
    let state = environment_at(files, environment, head)?;
    let newest = head.map_or(0, |head| head.seq);
    let named = |at: RepoPath, seq: Option<u64>| match seq {
        Some(seq) if seq > newest => {
            let message = format!("it names entry {seq}, and the newest is {newest}: entries were cut off");
            Err(LedgerError::fault(Code::LedgerSequence, &at, message))
        }
        Some(_) | None => Ok(()),
    };
    let of = path::environment(environment);
    named(path::state(&of), state.at.seq)?;
    named(path::state(&of), state.at.lease.as_ref().map(|lease| lease.seq))?;
    for (app, meta) in &state.apps {
        named(path::meta(&path::app(&of, app)), Some(meta.seq))?;
    }
    Ok(state)
}

/// What a run asks of the entries before it adds one, without reading them all:
/// none is missing, and the newest is a record that stands in its place and
/// follows the one before it. The rest of the chain is for `verify`.
fn intact(files: &dyn Files) -> Result<Option<Head>, LedgerError> {
    for (seq, number) in (1..).zip(numbers(files)?) {
        if seq != number {
            let message = format!("entry {seq} is missing");
            return Err(LedgerError::fault(Code::LedgerSequence, &path::record(seq), message));
        }
    }
    let Some(head) = head(files)? else { return Ok(None) };
    let before = match head.seq {
        1 => None,
        seq => file(files, &path::record(seq - 1))?.map(|bytes| Digest::of(&bytes)),
    };
    let bytes = file(files, &path::record(head.seq))?.unwrap_or_default();
    Entry::parse(head.seq, &bytes)?.holds(&bytes, Previous::Known(before))?;
    Ok(Some(head))
}

/// One environment's state, whatever the entries are.
pub(super) fn environment_of(
    files: &dyn Files,
    environment: &Environment,
) -> Result<LedgerState, LedgerError> {
    environment_at(files, environment, head(files)?)
}

fn environment_at(
    files: &dyn Files,
    environment: &Environment,
    head: Option<Head>,
) -> Result<LedgerState, LedgerError> {
    let deployed = path::environment(environment);
    let staged = path::staged(environment);
    Ok(LedgerState {
        environment: environment.clone(),
        tree: files.entry(&deployed)?.map(|entry| entry.id),
        at: state_of(files, &deployed)?.unwrap_or_default(),
        apps: apps(files, &deployed)?,
        staged: apps(files, &staged)?,
        goal: state_of(files, &staged)?,
        head,
    })
}

/// Refuses a branch that is no ledger, or one of a form that this version does
/// not know.
pub fn require_ledger(files: &dyn Files) -> Result<(), LedgerError> {
    let top = path::top();
    let Some(bytes) = file(files, &top)? else {
        return Err(LedgerError::fault(Code::LedgerForeign, &top, "the branch has no ledger.json"));
    };
    let value = parse(&top, &bytes)?;
    let version = Field::top(&top, &value).need("apiVersion")?.text()?;
    if version != API_VERSION {
        let message = format!("the ledger is {version}, and this version of Luigi knows {API_VERSION}");
        return Err(LedgerError::fault(Code::LedgerForeign, &top, message));
    }
    Ok(())
}

/// The newest entry of the whole ledger.
pub fn head(files: &dyn Files) -> Result<Option<Head>, LedgerError> {
    let Some(seq) = numbers(files)?.into_iter().next_back() else { return Ok(None) };
    let path = path::record(seq);
    let Some(bytes) = file(files, &path)? else {
        return Err(LedgerError::fault(Code::LedgerSequence, &path, "the newest entry has no record"));
    };
    Ok(Some(Head { seq, digest: Digest::of(&bytes) }))
}

/// The numbers of all entries, ascending.
pub(super) fn numbers(files: &dyn Files) -> Result<Vec<u64>, LedgerError> {
    let entries = path::entries();
    let Some(tree) = files.entry(&entries)? else { return Ok(Vec::new()) };
    let mut numbers = Vec::new();
    for (name, entry) in files.list(tree.id)?.iter() {
        let number = name.parse::<u64>().ok().filter(|number| number.to_string() == *name && *number > 0);
        let Some(number) = number.filter(|_| entry.kind == EntryKind::Directory) else {
            let message = "it is not an entry's number";
            return Err(LedgerError::fault(Code::LedgerBroken, &entries.child(name), message));
        };
        numbers.push(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A file's bytes; `None` when nothing is there. Anything but a file is a fault.
pub(super) fn file(files: &dyn Files, at: &RepoPath) -> Result<Option<Vec<u8>>, LedgerError> {
    match files.entry(at)? {
        None => Ok(None),
        Some(FileEntry { id, kind: EntryKind::File }) => Ok(Some(files.blob(id)?.to_vec())),
        Some(_) => Err(LedgerError::fault(Code::LedgerBroken, at, "it is not a plain file")),
    }
}

/// `environment.json` below `environments/<e>` or `staged/<e>`.
pub(super) fn state_of(files: &dyn Files, of: &RepoPath) -> Result<Option<EnvironmentState>, LedgerError> {
    let at = path::state(of);
    let Some(bytes) = file(files, &at)? else { return Ok(None) };
    Ok(Some(Field::top(&at, &parse(&at, &bytes)?).environment_state()?))
}

fn apps(files: &dyn Files, of: &RepoPath) -> Result<BTreeMap<AppId, DeployedApp>, LedgerError> {
    let mut apps = BTreeMap::new();
    for app in app_ids(files, of)? {
        let at = path::meta(&path::app(of, &app));
        let Some(bytes) = file(files, &at)? else {
            return Err(LedgerError::fault(Code::LedgerState, &at, "a deployed app has no app.json"));
        };
        apps.insert(app, Field::top(&at, &parse(&at, &bytes)?).deployed_app()?);
    }
    Ok(apps)
}

/// The apps that have a folder below `environments/<e>` or `staged/<e>`.
fn app_ids(files: &dyn Files, of: &RepoPath) -> Result<Vec<AppId>, LedgerError> {
    let mut found = Vec::new();
    for kind in folders(files, of)? {
        for namespace in folders(files, &of.child(&kind))? {
            for name in folders(files, &of.child(&kind).child(&namespace))? {
                let text = format!("{kind}/{namespace}/{name}");
                let at = of.child(&text);
                let id = AppId::parse(&text)
                    .map_err(|e| LedgerError::fault(Code::LedgerBroken, &at, format!("it is no app: {e}")))?;
                found.push(id);
            }
        }
    }
    Ok(found)
}

fn folders(files: &dyn Files, of: &RepoPath) -> Result<Vec<String>, LedgerError> {
    let Some(entry) = files.entry(of)? else { return Ok(Vec::new()) };
    if entry.kind != EntryKind::Directory {
        return Err(LedgerError::fault(Code::LedgerBroken, of, "it is not a folder"));
    }
    let list = files.list(entry.id)?;
    let folder =
        |(name, entry): &(String, FileEntry)| (entry.kind == EntryKind::Directory).then(|| name.clone());
    Ok(list.iter().filter_map(folder).collect())
}

/// A deployed app with its objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// `app.json`.
    pub app: DeployedApp,
    /// `objects.yaml`, read.
    pub objects: Vec<Object>,
}

/// An app's stored objects; an app that is not there is a fault.
pub fn objects(
    files: &dyn Files,
    environment: &Environment,
    app: &AppId,
) -> Result<Vec<Object>, LedgerError> {
    objects_of(files, &path::environment(environment), app)
}

/// The objects that the running intent staged for an app.
pub fn staged_objects(
    files: &dyn Files,
    environment: &Environment,
    app: &AppId,
) -> Result<Vec<Object>, LedgerError> {
    objects_of(files, &path::staged(environment), app)
}

fn objects_of(files: &dyn Files, of: &RepoPath, app: &AppId) -> Result<Vec<Object>, LedgerError> {
    let at = path::objects(&path::app(of, app));
    let Some(bytes) = file(files, &at)? else {
        return Err(LedgerError::fault(Code::LedgerState, &at, "an app has no objects.yaml"));
    };
    parse_objects(&at, &bytes)
}

/// Every deployed app with its objects; a set that is not the one delivered is a
/// fault: what compares with it would call it deployed.
pub fn stored(files: &dyn Files, state: &LedgerState) -> Result<BTreeMap<AppId, Stored>, LedgerError> {
    state
        .apps
        .iter()
        .map(|(id, app)| {
            let objects = objects(files, &state.environment, id)?;
            if Digest::of(&crate::object::canonical(&objects)) != app.digest {
                let at = path::objects(&path::app(&path::environment(&state.environment), id));
                let why = "its objects are not those that were delivered";
                return Err(LedgerError::fault(Code::LedgerState, &at, why));
            }
            Ok((id.clone(), Stored { app: app.clone(), objects }))
        })
        .collect()
}

pub(super) fn parse_objects(at: &RepoPath, bytes: &[u8]) -> Result<Vec<Object>, LedgerError> {
    let broken = |why: String| LedgerError::fault(Code::LedgerState, at, why);
    let (objects, problems) = crate::object::objects(at.as_str(), bytes);
    match problems.into_iter().next() {
        Some(problem) => Err(broken(problem.message)),
        None => Ok(objects),
    }
}
