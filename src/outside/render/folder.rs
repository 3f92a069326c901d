//! The private folder that a tool sees, and paths in it: every path is resolved
//! here, link by link, and none leads out.
//!
//! Does not know tools or jobs. Content's own paths are [`RepoPath`]s from the
//! top of the content.

use std::path::{Path, PathBuf};

use crate::catalog::job::Mount;
use crate::name::RepoPath;
use crate::problem::{Code, Place, Problem};

/// How many links may be followed for one path (Linux follows 40).
const MAX_LINKS: usize = 40;

/// Where content lies on the disk, and where its folders come from.
pub(super) struct Content<'a> {
    /// The top of the content; canonical.
    pub(super) top: PathBuf,
    /// For names in problems: people know paths of the repository.
    pub(super) mounts: &'a [Mount],
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A file; the path has no links in it.
    File(RepoPath),
    /// A folder; the path has no links in it.
    Folder(RepoPath),
    /// Nothing.
    Missing,
    /// Out of the content, or in a circle.
    Escapes,
}

impl Content<'_> {
    /// The path on the disk, as it is.
    pub(super) fn disk(&self, path: &RepoPath) -> PathBuf {
        if path.is_root() { self.top.clone() } else { self.top.join(path.as_str()) }
    }

    /// Follows `relative` from the folder `dir`, through links, never out.
    pub(super) fn find(&self, dir: &RepoPath, relative: &str) -> Found {
        let mut at = dir.clone();
        let mut rest: Vec<String> = relative.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        let mut missing = false;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." if at.is_root() => return Found::Escapes,
                ".." => {
                    at = at.parent();
                    continue;
                }
                name => at = at.child(name),
            }
            let disk = self.disk(&at);
            let Ok(facts) = disk.symlink_metadata() else {
                // The rest may still climb out: look on, by names only.
                missing = true;
                continue;
            };
            if !facts.is_symlink() {
                continue;
            }
            links += 1;
            let Ok(target) = std::fs::read_link(&disk) else { return Found::Missing };
            let Some(target) = target.to_str() else { return Found::Escapes };
            if links > MAX_LINKS || target.starts_with('/') {
                return Found::Escapes;
            }
            at = at.parent();
            rest.extend(target.split('/').rev().map(str::to_owned));
        }
        match self.disk(&at).symlink_metadata() {
            _ if missing => Found::Missing,
            Ok(facts) if facts.is_dir() => Found::Folder(at),
            Ok(facts) if facts.is_file() => Found::File(at),
            Ok(_) => Found::Escapes,
            Err(_) => Found::Missing,
        }
    }

    /// The path in the repository, for people.
    pub(super) fn shown(&self, path: &RepoPath) -> String {
        repository_path(self.mounts, path).to_string()
    }

    /// Visits what lies below a folder, by name, without following links.
    pub(super) fn each(&self, dir: &RepoPath, visit: &mut dyn FnMut(&RepoPath, &std::fs::Metadata)) {
        let mut todo = vec![dir.clone()];
        while let Some(dir) = todo.pop() {
            for name in names(&self.disk(&dir)) {
                let path = dir.child(&name);
                let Ok(facts) = self.disk(&path).symlink_metadata() else { continue };
                visit(&path, &facts);
                if facts.is_dir() {
                    todo.push(path);
                }
            }
        }
    }

    /// A link that leads out, named.
    pub(super) fn link_escapes(&self, path: &RepoPath) -> Problem {
        Problem::new(
            Code::LinkEscapes,
            Some(Place::file(self.shown(path))),
            "this symbolic link leaves the repository, or goes in a circle",
        )
    }
}

/// Where a path of the content lies in the repository.
pub(super) fn repository_path(mounts: &[Mount], path: &RepoPath) -> RepoPath {
    let mount =
        mounts.iter().filter(|mount| path.is_within(&mount.at)).max_by_key(|mount| mount.at.as_str().len());
    match mount {
        None => path.clone(),
        Some(mount) => place_below(&mount.from, path.below(&mount.at).unwrap_or("")),
    }
}

/// A path below a folder; an empty rest is the folder itself.
pub(super) fn place_below(dir: &RepoPath, rest: &str) -> RepoPath {
    if rest.is_empty() { dir.clone() } else { dir.child(rest) }
}

/// The names in a folder, sorted. Not UTF-8: left out, git would not have it.
pub(super) fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}
