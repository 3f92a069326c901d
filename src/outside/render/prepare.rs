//! What Flux, Argo CD or `helm dependency build` would have put into the content
//! before the tool starts: a kustomization file, and `file://` dependencies.
//!
//! Changes only a folder that is ours. Fetches nothing: `helm dependency build`
//! is never run, and `helm template` does not read a `Chart.lock`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::fence::kustomization_names;
use super::folder::{Content, Found, names};
use crate::catalog::chart;
use crate::catalog::job::{Dependency, Kustomize, Mount};
use crate::name::RepoPath;
use crate::object::yaml;
use crate::problem::{Code, Place, Problem};

/// The deepest nesting and most files of a chart that is copied.
const MOST_DEPTH: usize = 32;
const MOST_FILES: usize = 20_000;

/// Puts the text of `replace` in place of the folder's own kustomization file,
/// under the name that this one has.
pub(super) fn replace(content: &Content<'_>, kustomize: &Kustomize) -> Result<(), Vec<Problem>> {
    let Some(text) = &kustomize.replace else { return Ok(()) };
    let dir = folder(content, &kustomize.dir)?;
    let present = kustomization_names(content, &dir);
    let name = present.first().map_or("kustomization.yaml", String::as_str);
    let file = dir.child(name);
    let write = || -> io::Result<()> {
        // Removed first: it may be a link, or one file with somebody else's.
        for name in &present {
            fs::remove_file(content.disk(&dir.child(name)))?;
        }
        fs::write(content.disk(&file), text)
    };
    write().map_err(|error| failed(content, &file, &error))
}

/// Copies each `file://` dependency to `charts/` of the chart that names it,
/// the deepest first, so that a copy has its own dependencies in it. What a
/// chart already carries stays: Helm would not fetch it either.
pub(super) fn dependencies(content: &Content<'_>, all: &[Dependency]) -> Result<(), Vec<Problem>> {
    let mut left: BTreeSet<&Dependency> = all.iter().collect();
    while !left.is_empty() {
        let ready = left.iter().find(|one| !left.iter().any(|other| other.chart == one.from)).copied();
        let Some(one) = ready else {
            let place =
                left.iter().next().map(|one| Place::file(content.shown(&one.chart.child("Chart.yaml"))));
            let message = "charts depend on one another in a circle";
            return Err(vec![Problem::new(Code::ContentCycle, place, message)]);
        };
        left.remove(one);
        dependency(content, one)?;
    }
    Ok(())
}

fn dependency(content: &Content<'_>, one: &Dependency) -> Result<(), Vec<Problem>> {
    let (chart, from) = (folder(content, &one.chart)?, folder(content, &one.from)?);
    let charts = chart.child("charts");
    let to = charts.child(one.from.file_name());
    match content.find(&chart, "charts") {
        Found::Missing => {}
        Found::Folder(found) if found == charts => {}
        Found::Folder(_) | Found::File(_) | Found::Escapes => {
            return Err(vec![content.link_escapes(&charts)]);
        }
    }
    if is_there(content, &charts, &from) || content.disk(&to).symlink_metadata().is_ok() {
        return Ok(());
    }
    let mut copy = Copy { content, files: 0 };
    copy.folder(&from, &to, 0)
}

/// Whether `charts/` has that chart already, as a folder or an archive.
fn is_there(content: &Content<'_>, charts: &RepoPath, from: &RepoPath) -> bool {
    let Some(name) = chart_name(content, from) else { return false };
    names(&content.disk(charts)).iter().any(|entry| {
        let archive = entry.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('-'));
        archive.is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit() || c == 'v') && rest.strip_suffix(".tgz").is_some()
        }) || chart_name(content, &charts.child(entry)).is_some_and(|other| other == name)
    })
}

fn chart_name(content: &Content<'_>, dir: &RepoPath) -> Option<String> {
    let Found::File(path) = content.find(dir, "Chart.yaml") else { return None };
    let bytes = fs::read(content.disk(&path)).ok()?;
    let (nodes, _) = yaml::documents("", &bytes);
    let (chart, _) = chart::read("", nodes.first()?);
    (!chart.name.is_empty()).then_some(chart.name)
}

struct Copy<'a> {
    content: &'a Content<'a>,
    files: usize,
}

impl Copy<'_> {
    /// Copies what links lead to, not the links: they would lead elsewhere.
    fn folder(&mut self, from: &RepoPath, to: &RepoPath, depth: usize) -> Result<(), Vec<Problem>> {
        let content = self.content;
        let fail = |error: &io::Error| failed(content, from, error);
        fs::create_dir_all(content.disk(to)).map_err(|error| fail(&error))?;
        for name in names(&content.disk(from)) {
            self.files += 1;
            if depth > MOST_DEPTH || self.files > MOST_FILES {
                let place = Some(Place::file(content.shown(from)));
                let message = "the chart has too many files or folders";
                return Err(vec![Problem::new(Code::RenderLimit, place, message)]);
            }
            match content.find(from, &name) {
                Found::File(path) => {
                    let to = content.disk(&to.child(&name));
                    fs::copy(content.disk(&path), to).map_err(|error| fail(&error))?;
                }
                Found::Folder(path) => self.folder(&path, &to.child(&name), depth + 1)?,
                Found::Missing => {}
                Found::Escapes => return Err(vec![content.link_escapes(&from.child(&name))]),
            }
        }
        Ok(())
    }
}

/// The folder that a job names, without links.
pub(super) fn folder(content: &Content<'_>, path: &RepoPath) -> Result<RepoPath, Vec<Problem>> {
    match content.find(&RepoPath::root(), path.as_str()) {
        Found::Folder(found) => Ok(found),
        Found::Escapes => Err(vec![content.link_escapes(path)]),
        Found::File(_) | Found::Missing => Err(vec![missing(content, path, "there is no such folder")]),
    }
}

/// A path that is not there.
pub(super) fn missing(content: &Content<'_>, path: &RepoPath, message: &str) -> Problem {
    Problem::new(Code::PathMissing, Some(Place::file(content.shown(path))), message)
}

fn failed(content: &Content<'_>, path: &RepoPath, error: &io::Error) -> Vec<Problem> {
    let place = Some(Place::file(content.shown(path)));
    vec![Problem::new(Code::RenderFailed, place, format!("the folder cannot be prepared: {error}"))]
}

/// Makes `to` a copy of the export `from`, its files shared by hard links, with
/// the mounts in place. The export itself is never written to.
pub(super) fn share(from: &Path, to: &Path, mounts: &[Mount]) -> io::Result<()> {
    if !mounts.iter().any(|mount| mount.at.is_root()) {
        share_folder(from, to)?;
    }
    let mut mounts: Vec<&Mount> = mounts.iter().collect();
    mounts.sort_by_key(|mount| mount.at.as_str().len());
    for mount in mounts {
        let (source, target) = (from.join(mount.from.as_str()), to.join(mount.at.as_str()));
        if !mount.at.is_root() && target.symlink_metadata().is_ok() {
            if target.is_symlink() || !target.is_dir() {
                fs::remove_file(&target)?;
            } else {
                fs::remove_dir_all(&target)?;
            }
        }
        if source.is_dir() {
            share_folder(&source, &target)?;
        } else if source.is_file() {
            target.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::hard_link(&source, &target)?;
        }
    }
    Ok(())
}

/// Makes `to` a folder whose files are those of `from`, shared.
pub(super) fn share_folder(from: &Path, to: &Path) -> io::Result<()> {
    let mut todo = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = todo.pop() {
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                todo.push((from, to));
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?;
            } else {
                fs::hard_link(&from, &to)?;
            }
        }
    }
    Ok(())
}
