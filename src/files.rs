//! The files of one commit, as the pure modules see them: a trait, and what can
//! be said of any two sets of files.
//!
//! Does not know git, a disk or a cache. Never reads a failure as emptiness: an
//! object that should be there and is not is a [`ReadError`], and the run stops.

mod memory;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use memory::MemoryFiles;

use crate::name::{ObjectId, RepoPath};

/// What a name in a tree stands for (git's file modes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A plain file (100644).
    File,
    /// A file that may be run (100755).
    Executable,
    /// A symbolic link (120000); its blob is the target.
    Link,
    /// A tree (40000).
    Directory,
    /// A commit of another repository (160000); it has no object here.
    Submodule,
}

/// One name's object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The blob, tree or (for a submodule) commit.
    pub id: ObjectId,
    /// What it is.
    pub kind: EntryKind,
}

/// A directory's entries, in git's order.
pub type Listing = Arc<[(String, Entry)]>;

/// An object that should be readable is not. The run stops; this is never read
/// as empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {what}: {why}")]
pub struct ReadError {
    /// The object or path.
    pub what: String,
    /// Why, as a lowercase fragment.
    pub why: String,
}

impl ReadError {
    /// An error about `what`.
    pub fn new(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self { what: format!("{what}"), why: format!("{why}") }
    }
}

/// What the files below a tree say in general. A function of the tree's id, so
/// it is computed once ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeFacts {
    /// Some file holds one of [`MARKERS`]. A file too large to scan counts as
    /// holding one: unknown is never "no".
    pub mentions_apps: bool,
    /// Some entry leads out of the tree: a symbolic link, or a submodule.
    pub has_links: bool,
    /// The tree itself, not one below it, has an entry with a name of [`LOOKED_FOR`],
    /// whatever stands there.
    pub has_looked_for: bool,
}

impl TreeFacts {
    /// What is true of both together.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            mentions_apps: self.mentions_apps || other.mentions_apps,
            has_links: self.has_links || other.has_links,
            has_looked_for: self.has_looked_for || other.has_looked_for,
        }
    }
}

/// The API groups without which no document can define an app. A file that has
/// none of these bytes defines none, whatever its name.
pub const MARKERS: [&str; 4] =
    ["argoproj.io", "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io", "luigi.dev"];

/// Names that are looked for in every folder that an app reads, and the beginning
/// of one. Most folders have none of them, and need not be opened to know.
pub const LOOKED_FOR: [&str; 5] =
    ["Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization", ARGO_OVERRIDES];

/// How the names of files begin in which Argo CD keeps parameters of its own
/// beside an app's content (`.argocd-source.yaml`, `.argocd-source-NAME.yaml`).
pub const ARGO_OVERRIDES: &str = ".argocd-source";

/// Whether a name is one of [`LOOKED_FOR`].
pub fn is_looked_for(name: &str) -> bool {
    LOOKED_FOR.contains(&name) || name.starts_with(ARGO_OVERRIDES)
}

/// The largest blob that is read whole, in bytes.
pub const MAX_BLOB: usize = 64 << 20;

/// A read-only view of one commit's files.
pub trait Files: Sync {
    /// What is at that path; the root is the commit's tree. `None` when nothing
    /// is there, which includes paths through a link or a submodule.
    fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, ReadError>;

    /// A tree's entries in git's order. A name that is not UTF-8 is an error
    /// that shows it.
    fn list(&self, tree: ObjectId) -> Result<Listing, ReadError>;

    /// A blob's bytes. Larger than [`MAX_BLOB`] is an error.
    fn blob(&self, id: ObjectId) -> Result<Arc<[u8]>, ReadError>;

    /// How many bytes a blob has, also where it is too large to be read.
    fn size(&self, id: ObjectId) -> Result<usize, ReadError> {
        Ok(self.blob(id)?.len())
    }

    /// What the files below a tree say in general.
    fn facts(&self, tree: ObjectId) -> Result<TreeFacts, ReadError>;

    /// Many blobs, in the order asked for; faster than one by one where the
    /// files are on a disk.
    fn blobs(&self, ids: &[ObjectId]) -> Result<Vec<Arc<[u8]>>, ReadError> {
        ids.iter().map(|id| self.blob(*id)).collect()
    }
}

impl Files for &dyn Files {
    fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, ReadError> {
        (**self).entry(path)
    }
    fn list(&self, tree: ObjectId) -> Result<Listing, ReadError> {
        (**self).list(tree)
    }
    fn blob(&self, id: ObjectId) -> Result<Arc<[u8]>, ReadError> {
        (**self).blob(id)
    }
    fn size(&self, id: ObjectId) -> Result<usize, ReadError> {
        (**self).size(id)
    }
    fn facts(&self, tree: ObjectId) -> Result<TreeFacts, ReadError> {
        (**self).facts(tree)
    }
    fn blobs(&self, ids: &[ObjectId]) -> Result<Vec<Arc<[u8]>>, ReadError> {
        (**self).blobs(ids)
    }
}

/// A blob's bytes; `None` where it is larger than [`MAX_BLOB`], which is a fault
/// of that file and must not end the run.
pub fn bounded(files: &dyn Files, id: ObjectId) -> Result<Option<Arc<[u8]>>, ReadError> {
    match files.blob(id) {
        Ok(bytes) if bytes.len() <= MAX_BLOB => Ok(Some(bytes)),
        Ok(_) => Ok(None),
        Err(error) => match files.size(id) {
            Ok(size) if size > MAX_BLOB => Ok(None),
            Ok(_) | Err(_) => Err(error),
        },
    }
}

/// The entry of that name in a listing, by binary search.
pub fn find(listing: &[(String, Entry)], name: &str) -> Option<Entry> {
    // git sorts a directory as if its name ended in '/', so a name can be in
    // either of two places.
    [false, true].into_iter().find_map(|directory| {
        let at = listing
            .binary_search_by(|(other, entry)| {
                compare(other, entry.kind == EntryKind::Directory, name, directory)
            })
            .ok()?;
        Some(listing[at].1)
    })
}

/// The bytes by which git orders a name in a tree.
pub fn sort_key(name: &str, kind: EntryKind) -> impl Iterator<Item = u8> + '_ {
    key(name, kind == EntryKind::Directory)
}

/// [`key`]s in order; what both have in common is compared as a whole.
fn compare(one: &str, one_directory: bool, other: &str, other_directory: bool) -> Ordering {
    let common = one.len().min(other.len());
    let (start, rest) = one.as_bytes().split_at(common);
    let (other_start, other_rest) = other.as_bytes().split_at(common);
    let end = |rest: &[u8], directory: bool| rest.first().copied().or(directory.then_some(b'/'));
    // One rest at least is empty, and no name has a `/`: the next byte decides.
    start.cmp(other_start).then_with(|| end(rest, one_directory).cmp(&end(other_rest, other_directory)))
}

fn key(name: &str, directory: bool) -> impl Iterator<Item = u8> + '_ {
    name.bytes().chain(directory.then_some(b'/'))
}

/// What a visitor of [`walk`] wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on; if this is a directory, into it.
    Enter,
    /// Go on, not into this directory.
    Skip,
}

/// Visits everything below a tree in git's order, a directory before what is in
/// it. `at` is the tree's own path.
pub fn walk(
    files: &dyn Files,
    tree: ObjectId,
    at: &RepoPath,
    visit: &mut dyn FnMut(RepoPath, Entry) -> Result<Next, ReadError>,
) -> Result<(), ReadError> {
    // A stack of our own: a repository's depth must not be able to end the program.
    let push = |stack: &mut Vec<(RepoPath, Entry)>, tree, at: &RepoPath| {
        let listing = files.list(tree)?;
        stack.extend(listing.iter().rev().map(|(name, entry)| (at.child(name), *entry)));
        Ok::<_, ReadError>(())
    };
    let mut stack = Vec::new();
    push(&mut stack, tree, at)?;
    while let Some((path, entry)) = stack.pop() {
        let directory = (entry.kind == EntryKind::Directory).then(|| path.clone());
        match (visit(path, entry)?, directory) {
            (Next::Enter, Some(path)) => push(&mut stack, entry.id, &path)?,
            (Next::Enter, None) | (Next::Skip, _) => {}
        }
    }
    Ok(())
}

/// All paths that are not the same in two trees, sorted: files, links and
/// submodules, never directories. Only subtrees whose ids differ are opened.
/// `at` is the trees' own path; `None` is a tree that does not exist.
pub fn changed_paths(
    base: &dyn Files,
    base_tree: Option<ObjectId>,
    head: &dyn Files,
    head_tree: Option<ObjectId>,
    at: &RepoPath,
) -> Result<Vec<RepoPath>, ReadError> {
    let mut changed = Vec::new();
    let mut todo = vec![(at.clone(), base_tree, head_tree)];
    while let Some((at, base_tree, head_tree)) = todo.pop() {
        if base_tree == head_tree {
            continue;
        }
        let base_list = base_tree.map(|tree| base.list(tree)).transpose()?;
        let head_list = head_tree.map(|tree| head.list(tree)).transpose()?;
        let mut names: BTreeMap<&str, (Option<Entry>, Option<Entry>)> = BTreeMap::new();
        for (name, entry) in base_list.iter().flat_map(|list| list.iter()) {
            names.entry(name).or_default().0 = Some(*entry);
        }
        for (name, entry) in head_list.iter().flat_map(|list| list.iter()) {
            names.entry(name).or_default().1 = Some(*entry);
        }
        for (name, (before, after)) in names {
            if before == after {
                continue;
            }
            let path = at.child(name);
            let (trees, leaves) = (tree_of(before, after), leaf_of(before) != leaf_of(after));
            if leaves {
                changed.push(path.clone());
            }
            todo.push((path, trees.0, trees.1));
        }
    }
    changed.sort();
    Ok(changed)
}

fn tree_of(before: Option<Entry>, after: Option<Entry>) -> (Option<ObjectId>, Option<ObjectId>) {
    let tree = |entry: Option<Entry>| entry.filter(|e| e.kind == EntryKind::Directory).map(|e| e.id);
    (tree(before), tree(after))
}

fn leaf_of(entry: Option<Entry>) -> Option<Entry> {
    entry.filter(|e| e.kind != EntryKind::Directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(base: &MemoryFiles, head: &MemoryFiles) -> Vec<String> {
        let root = RepoPath::root();
        let tree = |files: &MemoryFiles| files.entry(&root).unwrap().map(|e| e.id);
        changed_paths(base, tree(base), head, tree(head), &root)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn every_kind_of_change_is_a_path() {
        let base = MemoryFiles::new([("a/same", "1"), ("a/edit", "1"), ("gone/x", "1"), ("turn", "1")]);
        let head = MemoryFiles::new([("a/same", "1"), ("a/edit", "2"), ("new/x", "1"), ("turn/y", "1")]);
        assert_eq!(changed(&base, &head), ["a/edit", "gone/x", "new/x", "turn", "turn/y"]);
        assert_eq!(changed(&head, &base), changed(&base, &head));
        assert!(changed(&base, &base).is_empty());
    }

    #[test]
    fn walks_in_gits_order_and_skips_what_it_is_told() {
        // git: "a.b" < "a/" < "a0"
        let files = MemoryFiles::new([("a0", ""), ("a/x", ""), ("a/y/z", ""), ("a.b", "")]);
        let top = files.entry(&RepoPath::root()).unwrap().unwrap();
        let mut seen = Vec::new();
        walk(&files, top.id, &RepoPath::root(), &mut |path, _| {
            let next = if path.as_str() == "a/y" { Next::Skip } else { Next::Enter };
            seen.push(path.to_string());
            Ok(next)
        })
        .unwrap();
        assert_eq!(seen, ["a.b", "a", "a/x", "a/y", "a0"]);
    }

    #[test]
    fn finds_files_and_directories_by_name() {
        let files = MemoryFiles::new([("a.b", ""), ("a/x", ""), ("a0", "")]);
        for (path, kind) in [("a.b", EntryKind::File), ("a", EntryKind::Directory), ("a0", EntryKind::File)] {
            let entry = files.entry(&RepoPath::parse(path).unwrap()).unwrap().unwrap();
            assert_eq!(entry.kind, kind, "{path}");
        }
        for path in ["b", "a.b/x", "a/x/y"] {
            assert_eq!(files.entry(&RepoPath::parse(path).unwrap()).unwrap(), None, "{path}");
        }
    }
}
