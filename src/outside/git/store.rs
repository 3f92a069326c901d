//! Objects out of a repository's database: handles for many threads, trees
//! parsed once.
//!
//! Does not know commits' files or history. Blobs are not kept: whoever reads
//! one parses it once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use git2::{ObjectType, Repository};

use super::cache::Cache;
use super::{object_id, oid};
use crate::files::{Entry, EntryKind, Listing, MAX_BLOB, ReadError, TreeFacts, sort_key};
use crate::name::ObjectId;

/// With fewer objects a thread costs more than it saves.
const WORTH_A_THREAD: usize = 64;

/// One repository's objects, for any number of threads.
pub(super) struct Store {
    git_dir: PathBuf,
    /// Handles that nobody uses now. libgit2's are for one thread at a time.
    pool: Mutex<Vec<Repository>>,
    trees: RwLock<HashMap<ObjectId, Listing>>,
    facts: RwLock<HashMap<ObjectId, TreeFacts>>,
    cache: Cache,
}

impl Store {
    pub(super) fn new(git_dir: PathBuf, cache: Cache) -> Self {
        let facts = RwLock::new(cache.load());
        Self { git_dir, pool: Mutex::default(), trees: RwLock::default(), facts, cache }
    }

    pub(super) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    fn pool(&self) -> MutexGuard<'_, Vec<Repository>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` with a handle that no other thread uses meanwhile.
    pub(super) fn with<T>(&self, f: impl FnOnce(&Repository) -> T) -> Result<T, ReadError> {
        let idle = self.pool().pop();
        let repo = match idle {
            Some(repo) => repo,
            // "Bare" only means that libgit2 need not look for a working tree,
            // and so does not ask who owns it.
            None => Repository::open_bare(&self.git_dir)
                .map_err(|e| ReadError::new(self.git_dir.display(), e.message()))?,
        };
        let result = f(&repo);
        self.pool().push(repo);
        Ok(result)
    }

    /// Runs `f` on parts of `items` in several threads, each with a handle of
    /// its own, and puts the parts' results together in order.
    pub(super) fn parallel<I: Sync, O: Send>(
        &self,
        items: &[I],
        f: impl Fn(&git2::Odb<'_>, &I) -> Result<O, ReadError> + Sync,
    ) -> Result<Vec<O>, ReadError> {
        let part = |items: &[I]| {
            self.with(|repo| {
                let odb = odb(repo)?;
                items.iter().map(|item| f(&odb, item)).collect::<Result<Vec<O>, ReadError>>()
            })?
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
        if threads < 2 || items.len() < 2 * WORTH_A_THREAD {
            return part(items);
        }
        let size = items.len().div_ceil(threads).max(WORTH_A_THREAD);
        std::thread::scope(|scope| {
            let parts: Vec<_> = items.chunks(size).map(|items| scope.spawn(|| part(items))).collect();
            let mut all = Vec::with_capacity(items.len());
            for thread in parts {
                let result =
                    thread.join().map_err(|_| ReadError::new("objects", "a reading thread ended"))?;
                all.extend(result?);
            }
            Ok(all)
        })
    }

    /// A tree's entries; parsed once.
    pub(super) fn list(&self, tree: ObjectId) -> Result<Listing, ReadError> {
        if let Some(listing) = self.known_tree(tree) {
            return Ok(listing);
        }
        let listing = self.with(|repo| read_tree(&odb(repo)?, tree))??;
        self.remember_tree(tree, &listing);
        Ok(listing)
    }

    /// Reads many trees at once, so that [`Store::list`] has them.
    pub(super) fn warm(&self, trees: &[ObjectId]) -> Result<(), ReadError> {
        let missing: Vec<ObjectId> =
            trees.iter().copied().filter(|tree| self.known_tree(*tree).is_none()).collect();
        let listings = self.parallel(&missing, |odb, tree| read_tree(odb, *tree))?;
        let mut known = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(missing.into_iter().zip(listings));
        Ok(())
    }

    fn known_tree(&self, tree: ObjectId) -> Option<Listing> {
        self.trees.read().unwrap_or_else(PoisonError::into_inner).get(&tree).cloned()
    }

    fn remember_tree(&self, tree: ObjectId, listing: &Listing) {
        self.trees.write().unwrap_or_else(PoisonError::into_inner).insert(tree, Arc::clone(listing));
    }

    pub(super) fn known_facts(&self, tree: ObjectId) -> Option<TreeFacts> {
        self.facts.read().unwrap_or_else(PoisonError::into_inner).get(&tree).copied()
    }

    pub(super) fn remember_facts(&self, learnt: &[(ObjectId, TreeFacts)]) {
        self.facts.write().unwrap_or_else(PoisonError::into_inner).extend(learnt.iter().copied());
        self.cache.add(learnt);
    }
}

pub(super) fn odb(repo: &Repository) -> Result<git2::Odb<'_>, ReadError> {
    repo.odb().map_err(|e| ReadError::new("the object database", e.message()))
}

/// How many bytes an object has.
pub(super) fn size(odb: &git2::Odb<'_>, id: ObjectId) -> Result<usize, ReadError> {
    let header = odb.read_header(oid(id)).map_err(|e| ReadError::new(format!("object {id}"), why(&e)))?;
    Ok(header.0)
}

fn why(e: &git2::Error) -> String {
    match e.code() {
        git2::ErrorCode::NotFound => {
            "it is not in this repository (a partial clone, or a broken one); fetch it whole".to_owned()
        }
        _ => e.message().to_owned(),
    }
}

/// What `f` makes of an object's bytes, when it is of that kind and not too large.
pub(super) fn read_with<T>(
    odb: &git2::Odb<'_>,
    id: ObjectId,
    kind: ObjectType,
    f: impl FnOnce(&[u8]) -> T,
) -> Result<T, ReadError> {
    let what = || format!("{kind} {id}");
    let size = size(odb, id)?;
    if size > MAX_BLOB {
        return Err(ReadError::new(what(), format!("it has {size} bytes, more than {MAX_BLOB}")));
    }
    let object = odb.read(oid(id)).map_err(|e| ReadError::new(what(), why(&e)))?;
    if object.kind() != kind {
        return Err(ReadError::new(what(), format!("it is a {}", object.kind())));
    }
    Ok(f(object.data()))
}

fn read_tree(odb: &git2::Odb<'_>, tree: ObjectId) -> Result<Listing, ReadError> {
    let listing = read_with(odb, tree, ObjectType::Tree, parse_tree)?;
    listing.map(Into::into).map_err(|why| ReadError::new(format!("tree {tree}"), why))
}

/// Reads a tree object: for each entry `mode SP name NUL id`. What git's own
/// fsck would refuse (names that are paths, wrong order, twice the same) is
/// refused here too: every lookup relies on it.
fn parse_tree(mut data: &[u8]) -> Result<Vec<(String, Entry)>, String> {
    let mut entries: Vec<(String, Entry)> = Vec::new();
    while !data.is_empty() {
        let cut = || "it ends inside an entry".to_owned();
        let space = data.iter().position(|b| *b == b' ').ok_or_else(cut)?;
        let nul = space + data[space..].iter().position(|b| *b == 0).ok_or_else(cut)?;
        let id = data.get(nul + 1..nul + 21).ok_or_else(cut)?;
        let name = str::from_utf8(&data[space + 1..nul]).map_err(|_| {
            format!("the name {:?} in it is not UTF-8", data[space + 1..nul].escape_ascii().to_string())
        })?;
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return Err(format!("{name:?} in it is no file's name"));
        }
        let kind = kind_of(&data[..space]).ok_or_else(|| format!("{name:?} in it has an unknown mode"))?;
        let mut bytes = [0; 20];
        bytes.copy_from_slice(id);
        if let Some((before, entry)) = entries.last()
            && sort_key(before, entry.kind).ge(sort_key(name, kind))
        {
            return Err(format!("{name:?} in it is not in git's order"));
        }
        entries.push((name.to_owned(), Entry { id: ObjectId(bytes), kind }));
        data = &data[nul + 21..];
    }
    Ok(entries)
}

fn kind_of(mode: &[u8]) -> Option<EntryKind> {
    let mode = u32::from_str_radix(str::from_utf8(mode).ok()?, 8).ok()?;
    // Old trees hold modes such as 100664; git reads only these bits.
    match mode & 0o170_000 {
        0o100_000 if mode & 0o100 == 0 => Some(EntryKind::File),
        0o100_000 => Some(EntryKind::Executable),
        0o120_000 => Some(EntryKind::Link),
        0o040_000 => Some(EntryKind::Directory),
        0o160_000 => Some(EntryKind::Submodule),
        _ => None,
    }
}

/// Reads the commit object itself, where `git2::Commit` would show a shallow
/// clone's last commit as one without parents.
pub(super) fn read_commit(odb: &git2::Odb<'_>, id: ObjectId) -> Result<RawCommit, ReadError> {
    let parsed = read_with(odb, id, ObjectType::Commit, RawCommit::parse)?;
    parsed.ok_or_else(|| ReadError::new(format!("commit {id}"), "its header is broken"))
}

/// What a commit object says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawCommit {
    pub(super) tree: ObjectId,
    pub(super) parents: Vec<ObjectId>,
    /// Seconds since 1970, of the committer.
    pub(super) time: i64,
    pub(super) subject: String,
}

impl RawCommit {
    fn parse(data: &[u8]) -> Option<Self> {
        let end = data.windows(2).position(|w| w == b"\n\n").unwrap_or(data.len());
        let header = String::from_utf8_lossy(&data[..end]);
        let message = String::from_utf8_lossy(data.get(end + 2..).unwrap_or(b"")).into_owned();
        let mut commit = Self {
            tree: ObjectId([0; 20]),
            parents: Vec::new(),
            time: 0,
            subject: message.trim_start().lines().next().unwrap_or("").to_owned(),
        };
        let mut lines = header.lines();
        commit.tree = ObjectId::parse(lines.next()?.strip_prefix("tree ")?).ok()?;
        for line in lines {
            match line.split_once(' ') {
                Some(("parent", id)) => commit.parents.push(ObjectId::parse(id).ok()?),
                // "committer NAME <MAIL> SECONDS ZONE"; signatures come after it.
                Some(("committer", rest)) => {
                    commit.time = rest.rsplit(' ').nth(1)?.parse().ok()?;
                    break;
                }
                Some(_) | None => {}
            }
        }
        Some(commit)
    }
}

/// Peels whatever is at `id` (a tag, say) down to a commit.
pub(super) fn peel_to_commit(object: &git2::Object<'_>) -> Option<ObjectId> {
    object.peel(ObjectType::Commit).ok().map(|commit| object_id(commit.id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut data = Vec::new();
        for (mode, name) in entries {
            data.extend([mode.as_bytes(), b" ", name, b"\0", &[7; 20]].concat());
        }
        data
    }

    #[test]
    fn trees_are_read_as_git_writes_them() {
        let data =
            raw(&[("100644", b"a.b"), ("40000", b"a"), ("120000", b"l"), ("160000", b"m"), ("100775", b"x")]);
        let kinds: Vec<_> = parse_tree(&data).unwrap().into_iter().map(|(_, e)| e.kind).collect();
        use EntryKind::{Directory, Executable, File, Link, Submodule};
        assert_eq!(kinds, [File, Directory, Link, Submodule, Executable]);
    }

    #[test]
    fn trees_that_git_would_not_write_are_refused() {
        let refused = |data: &[u8]| parse_tree(data).unwrap_err();
        assert!(refused(&raw(&[("100644", b"\xff.yaml")])).contains(r"\\xff.yaml"));
        for name in ["..", ".", "", "a/b"] {
            refused(&raw(&[("100644", name.as_bytes())]));
        }
        refused(&raw(&[("100644", b"b"), ("100644", b"a")]));
        refused(&raw(&[("100644", b"a"), ("100644", b"a")]));
        refused(&raw(&[("1", b"a")]));
        refused(b"100644 a\0short");
    }
}
