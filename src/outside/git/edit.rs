//! A commit from a commit and a few changed files: only touched subtrees are
//! read and written.
//!
//! Moves no ref. What it wrote is durable when it returns.

use std::collections::{BTreeMap, HashMap};

use git2::{ObjectType, Oid};

use super::store::{self, Store};
use super::{GitError, copy, object_id, oid};
use crate::files::{Entry, EntryKind, find, sort_key};
use crate::name::{ObjectId, RepoPath};

/// A file's new bytes by path; `None` removes what is there.
pub type Edits = BTreeMap<RepoPath, Option<Vec<u8>>>;

/// Up to this many objects are written one by one, more as a pack: git draws the
/// line at the same place (`receive.unpackLimit`).
const LOOSE: usize = 100;

/// Objects that are to be written, each before those that name it.
#[derive(Default)]
pub(super) struct New {
    order: Vec<ObjectId>,
    bytes: HashMap<ObjectId, (ObjectType, Vec<u8>)>,
}

impl New {
    pub(super) fn add(&mut self, kind: ObjectType, bytes: Vec<u8>) -> Result<ObjectId, GitError> {
        let id = Oid::hash_object(kind, &bytes).map_err(|e| GitError::failed("hash", &e.message()))?;
        let id = object_id(id);
        if self.bytes.insert(id, (kind, bytes)).is_none() {
            self.order.push(id);
        }
        Ok(id)
    }

    /// Writes all of them, durably.
    pub(super) fn write(&self, store: &Store) -> Result<(), GitError> {
        let failed = |why: &dyn ToString| GitError::failed("write objects", &why.to_string());
        if self.order.len() > LOOSE {
            return self.write_pack(store);
        }
        let dir = store.with(|repo| repo.commondir().join("objects"))?;
        store.with(|repo| {
            let odb = store::odb(repo)?;
            for id in &self.order {
                let (kind, bytes) = &self.bytes[id];
                odb.write(*kind, bytes).map_err(|e| failed(&e.message()))?;
                let name = id.to_string();
                let folder = dir.join(&name[..2]);
                copy::sync(&folder.join(&name[2..])).map_err(|e| failed(&e))?;
                copy::sync(&folder).map_err(|e| failed(&e))?;
            }
            copy::sync(&dir).map_err(|e| failed(&e))
        })?
    }

    fn write_pack(&self, store: &Store) -> Result<(), GitError> {
        let failed = |e: git2::Error| GitError::failed("write objects", &e.message());
        // A handle of its own: the objects held in memory must end with it.
        let repo = git2::Repository::open_bare(store.git_dir()).map_err(failed)?;
        let odb = repo.odb().map_err(failed)?;
        let _memory = odb.add_new_mempack_backend(1000).map_err(failed)?;
        for (kind, bytes) in self.order.iter().filter_map(|id| self.bytes.get(id)) {
            odb.write(*kind, bytes).map_err(failed)?;
        }
        let pack = copy::pack(&repo, &self.order)?;
        store.with(|repo| copy::unpack(repo, &mut pack.as_slice()))?
    }
}

/// What the edits change below one directory.
#[derive(Default)]
struct Folder<'a> {
    files: BTreeMap<&'a str, Option<&'a [u8]>>,
    folders: BTreeMap<&'a str, Folder<'a>>,
}

/// The tree that `tree` becomes with these edits. Folders left empty go.
pub(super) fn edited(
    store: &Store,
    tree: Option<ObjectId>,
    edits: &Edits,
    new: &mut New,
) -> Result<ObjectId, GitError> {
    let mut top = Folder::default();
    for (path, bytes) in edits {
        let mut folder = &mut top;
        let mut parts: Vec<&str> = path.as_str().split('/').collect();
        let Some(name) = parts.pop().filter(|name| !name.is_empty()) else {
            return Err(GitError::failed("write a file", &"the top is no file"));
        };
        for part in parts {
            folder = folder.folders.entry(part).or_default();
        }
        folder.files.insert(name, bytes.as_deref());
    }
    match top.apply(store, tree, new)? {
        Some(tree) => Ok(tree),
        None => new.add(ObjectType::Tree, Vec::new()),
    }
}

impl Folder<'_> {
    fn apply(
        &self,
        store: &Store,
        tree: Option<ObjectId>,
        new: &mut New,
    ) -> Result<Option<ObjectId>, GitError> {
        let before = tree.map(|tree| store.list(tree)).transpose()?;
        let before = before.as_deref().unwrap_or(&[]);
        let mut after: BTreeMap<&str, Entry> = before.iter().map(|(name, e)| (name.as_str(), *e)).collect();
        for (name, folder) in &self.folders {
            let was = find(before, name).filter(|e| e.kind == EntryKind::Directory).map(|e| e.id);
            match folder.apply(store, was, new)? {
                Some(id) => after.insert(name, Entry { id, kind: EntryKind::Directory }),
                None => after.remove(name),
            };
        }
        for (name, bytes) in &self.files {
            match bytes {
                Some(bytes) => {
                    let id = new.add(ObjectType::Blob, bytes.to_vec())?;
                    after.insert(name, Entry { id, kind: EntryKind::File });
                }
                None if !self.folders.contains_key(name) => {
                    after.remove(name);
                }
                None => {}
            }
        }
        if after.is_empty() {
            return Ok(None);
        }
        let mut entries: Vec<(&str, Entry)> = after.into_iter().collect();
        entries.sort_by(|(a, x), (b, y)| sort_key(a, x.kind).cmp(sort_key(b, y.kind)));
        let mut bytes = Vec::new();
        for (name, entry) in entries {
            bytes.extend_from_slice(mode(entry.kind).as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(oid(entry.id).as_bytes());
        }
        new.add(ObjectType::Tree, bytes).map(Some)
    }
}

fn mode(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "100644",
        EntryKind::Executable => "100755",
        EntryKind::Link => "120000",
        EntryKind::Directory => "40000",
        EntryKind::Submodule => "160000",
    }
}
