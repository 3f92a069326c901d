//! Where to look for definitions: globs, plain folders, and texts that may hold
//! one.
//!
//! Decides nothing about what is found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde_json::Value as Json;

use super::Request;
use super::app::Content;
use super::closure::{Found, What, real_path};
use super::doc::Doc;
use super::job::{Depth, Input, Job, Plain};
use super::kinds::may_define_apps;
use super::link::{self, End};
use super::values::Named;
use crate::files::{Entry, EntryKind, Files, Next, ReadError, bounded, walk};
use crate::name::{ObjectId, RepoPath};
use crate::problem::{Code, Place, Problem};

/// Files with their blobs.
pub type Blobs = Vec<(RepoPath, ObjectId)>;

fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// The manifests that a glob of `apps` matches, by path; links that lead nowhere.
pub fn matching(files: &dyn Files, glob: &str) -> Result<(Blobs, Vec<Problem>), ReadError> {
    let Ok(matcher) = GlobBuilder::new(glob).literal_separator(true).build().map(|g| g.compile_matcher())
    else {
        return Ok(Default::default());
    };
    let fixed: Vec<&str> = glob.split('/').take_while(|p| !p.contains(['*', '?', '[', '{'])).collect();
    let Ok(dir) = RepoPath::parse(&fixed.join("/")) else { return Ok(Default::default()) };
    let mut out = Vec::new();
    let (mut links, mut folders) = (Vec::new(), Vec::new());
    match files.entry(&dir)? {
        Some(Entry { id, kind: EntryKind::File | EntryKind::Executable }) => out.push((dir, id)),
        Some(Entry { kind: EntryKind::Link, .. }) => links.push(dir),
        Some(Entry { id, kind: EntryKind::Directory }) => {
            let deep = glob.contains("**");
            let depth = glob.split('/').count();
            walk(files, id, &dir, &mut |path, entry| {
                let level = path.as_str().split('/').count();
                let inside = deep || level < depth;
                if inside && entry.kind == EntryKind::Link && !matcher.is_match(path.as_str()) {
                    folders.push(path.clone());
                }
                if is_manifest(path.file_name()) && matcher.is_match(path.as_str()) {
                    match entry.kind {
                        EntryKind::File | EntryKind::Executable => out.push((path.clone(), entry.id)),
                        EntryKind::Link => links.push(path.clone()),
                        EntryKind::Directory | EntryKind::Submodule => {}
                    }
                }
                Ok(if inside { Next::Enter } else { Next::Skip })
            })?;
        }
        Some(_) | None => {}
    }
    let mut problems = follow_all(files, links, &mut out)?;
    problems.extend(linked_folders(files, folders)?);
    out.sort();
    Ok((out, problems))
}

/// Folders that a pattern would enter through a link. They are not entered, and
/// what they hold is not seen.
fn linked_folders(files: &dyn Files, links: Vec<RepoPath>) -> Result<Vec<Problem>, ReadError> {
    let mut problems = Vec::new();
    for at in links {
        if let End::Found(Found { what: What::Tree(_), real }) = link::follow(files, &at)?.end {
            let message = format!("{at} is a link to the folder {real}, and patterns enter none");
            let place = Some(Place::new(at.as_str(), 1, 1));
            let problem = Problem::new(Code::LinkedFolder, place, message);
            problems.push(problem.help(format!("Name {real} in `apps`, beside or instead of the link.")));
        }
    }
    Ok(problems)
}

/// Takes the files that links lead to, under the links' names.
fn follow_all(files: &dyn Files, links: Vec<RepoPath>, out: &mut Blobs) -> Result<Vec<Problem>, ReadError> {
    let mut problems = Vec::new();
    for at in links {
        let end = link::follow(files, &at)?.end;
        let (code, message) = match &end {
            End::Found(Found { what: What::Blob(id), .. }) => {
                out.push((at, *id));
                continue;
            }
            End::Found(Found { what: What::Tree(_), .. }) => continue,
            End::Found(Found { what: What::Absent, .. }) | End::Submodule(_) => {
                (Code::PathMissing, format!("the link {at} leads to nothing that is here"))
            }
            End::Leaves(_) | End::Circle(_) => (Code::LinkEscapes, end.fault().unwrap_or_default()),
        };
        problems.push(Problem::new(code, Some(Place::new(at.as_str(), 1, 1)), message));
    }
    Ok(problems)
}

/// The files of a plain folder that a controller would read.
pub fn plain_files(files: &dyn Files, job: &Job, plain: &Plain) -> Result<Blobs, ReadError> {
    let Some(dir) = real_path(&job.mounts, &plain.path) else { return Ok(Vec::new()) };
    let include = plain.include.as_deref().and_then(matcher);
    let exclude = plain.exclude.as_deref().and_then(matcher);
    let wanted = |relative: &str| {
        include.as_ref().is_none_or(|m| m.is_match(relative))
            && !exclude.as_ref().is_some_and(|m| m.is_match(relative))
    };
    let mut out = Vec::new();
    let mut links = Vec::new();
    match files.entry(&dir)? {
        Some(Entry { id, kind: EntryKind::File | EntryKind::Executable }) => out.push((dir, id)),
        Some(Entry { kind: EntryKind::Link, .. }) => links.push(dir),
        Some(Entry { id, kind: EntryKind::Directory }) => {
            walk(files, id, &RepoPath::root(), &mut |path, entry| {
                if is_manifest(path.file_name())
                    && wanted(path.as_str())
                    && let Ok(full) = dir.join(path.as_str())
                {
                    match entry.kind {
                        EntryKind::File | EntryKind::Executable => out.push((full, entry.id)),
                        EntryKind::Link => links.push(full),
                        EntryKind::Directory | EntryKind::Submodule => {}
                    }
                }
                Ok(match plain.depth {
                    Depth::Recursive => Next::Enter,
                    Depth::Folder => Next::Skip,
                })
            })?;
        }
        Some(_) | None => {}
    }
    // The closure has told of links that lead out.
    follow_all(files, links, &mut out)?;
    out.sort();
    Ok(out)
}

/// Argo CD's `directory.include`: doublestar globs, where `*` crosses no `/`.
fn matcher(glob: &str) -> Option<GlobMatcher> {
    Glob::new(glob).ok().map(|g| g.compile_matcher())
}

/// Whether an app's content, or values in its definition, may define apps.
pub fn may_define(request: &Request<'_>, content: &Content, doc: &Doc) -> Result<bool, ReadError> {
    if inputs_define((request, request.files), &content.inputs)? {
        return Ok(true);
    }
    for job in content.jobs.iter().filter(|job| job.at.is_some()) {
        if inputs_define((request, &*request.files_of(job)), &job.inputs)? {
            return Ok(true);
        }
    }
    let values = [&["spec", "source", "helm"][..], &["spec", "sources"], &["spec", "source", "kustomize"]];
    Ok(values.iter().filter_map(|path| doc.at(path)).any(|json| may_define_apps(lines(json).as_bytes())))
}

fn inputs_define(
    (request, files): (&Request<'_>, &dyn Files),
    inputs: &BTreeMap<RepoPath, Input>,
) -> Result<bool, ReadError> {
    for (path, input) in inputs {
        let defines = match input {
            Input::Absent => false,
            Input::Blob(id) => defines(files, *id)?,
            Input::Tree(id) => tree_defines((request, files), path, *id)?,
        };
        if defines {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a file may define apps. One that is too large to look into may.
pub fn defines(files: &dyn Files, id: ObjectId) -> Result<bool, ReadError> {
    Ok(bounded(files, id)?.is_none_or(|text| may_define_apps(&text)))
}

/// A value's texts, a line each, so that a definition in them can be seen.
fn lines(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(list) => list.iter().map(lines).collect::<Vec<_>>().join("\n"),
        Json::Object(map) => {
            map.iter().map(|(key, value)| format!("{key}: {}", lines(value))).collect::<Vec<_>>().join("\n")
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => String::new(),
    }
}

fn tree_defines(
    (request, files): (&Request<'_>, &dyn Files),
    path: &RepoPath,
    id: ObjectId,
) -> Result<bool, ReadError> {
    if !files.facts(id)?.mentions_apps {
        return Ok(false);
    }
    request.parses.tree_defines(id, || {
        let mut defines = false;
        walk(files, id, path, &mut |_, entry| {
            match entry.kind {
                EntryKind::File | EntryKind::Executable if !defines => {
                    defines = self::defines(files, entry.id)?;
                }
                EntryKind::Directory if defines || !files.facts(entry.id)?.mentions_apps => {
                    return Ok(Next::Skip);
                }
                EntryKind::File
                | EntryKind::Executable
                | EntryKind::Directory
                | EntryKind::Link
                | EntryKind::Submodule => {}
            }
            Ok(Next::Enter)
        })?;
        Ok(defines)
    })
}

/// Whether some manifest of the content mentions one of these names.
pub fn mentions(
    request: &Request<'_>,
    content: &Content,
    wanted: &BTreeSet<Named>,
) -> Result<bool, ReadError> {
    if inputs_mention(request.files, &content.inputs, wanted)? {
        return Ok(true);
    }
    for job in content.jobs.iter().filter(|job| job.at.is_some()) {
        if inputs_mention(&*request.files_of(job), &job.inputs, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn inputs_mention(
    files: &dyn Files,
    inputs: &BTreeMap<RepoPath, Input>,
    wanted: &BTreeSet<Named>,
) -> Result<bool, ReadError> {
    for (path, id) in blobs(files, inputs)? {
        if !is_manifest(path.file_name()) {
            continue;
        }
        let Some(bytes) = bounded(files, id)? else { continue };
        let text = String::from_utf8_lossy(&bytes);
        if wanted.iter().any(|named| text.contains(named.name.as_str())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Every file among the inputs, those in folders included.
fn blobs(files: &dyn Files, inputs: &BTreeMap<RepoPath, Input>) -> Result<Blobs, ReadError> {
    let mut out = Vec::new();
    for (path, input) in inputs {
        match input {
            Input::Absent => {}
            Input::Blob(id) => out.push((path.clone(), *id)),
            Input::Tree(id) => walk(files, *id, path, &mut |path, entry| {
                if matches!(entry.kind, EntryKind::File | EntryKind::Executable) {
                    out.push((path, entry.id));
                }
                Ok(Next::Enter)
            })?,
        }
    }
    // A file may be an input of its own and lie in a folder that is one.
    out.sort();
    out.dedup();
    Ok(out)
}

/// Documents by kind and name; `None` where several have the same.
pub type RawPlaces = BTreeMap<(String, String), Option<Arc<Doc>>>;

/// Raw documents among a parent's inputs by kind and name: a rendered child has
/// its place there. `None` where several have the same.
pub fn raw_places(request: &Request<'_>, job: &Job) -> Result<RawPlaces, ReadError> {
    let mut out = RawPlaces::new();
    let files = request.files_of(job);
    for (path, id) in blobs(&*files, &job.inputs)? {
        let template = path.as_str().contains("/templates/");
        if template || !is_manifest(path.file_name()) || !defines(&*files, id)? {
            continue;
        }
        for doc in &request.parses.get(&*files, &path, id)?.0 {
            out.entry((doc.kind().to_owned(), doc.name().to_owned()))
                .and_modify(|slot| *slot = None)
                .or_insert_with(|| Some(Arc::clone(doc)));
        }
    }
    Ok(out)
}
