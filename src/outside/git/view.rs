//! One commit's files, read by tree from the object database.
//!
//! Does not follow links and does not open submodules.

use std::sync::Arc;

use git2::ObjectType;

use super::store::{self, Store};
use crate::files::{Entry, EntryKind, Files, Listing, ReadError, TreeFacts, find, is_looked_for};
use crate::name::{ObjectId, RepoPath};

/// The files of one commit. Views of the same repository share what they read.
#[derive(Clone)]
pub struct CommitFiles {
    store: Arc<Store>,
    root: ObjectId,
}

impl CommitFiles {
    pub(super) fn new(store: Arc<Store>, root: ObjectId) -> Self {
        Self { store, root }
    }

    /// The commit's tree.
    pub fn root(&self) -> ObjectId {
        self.root
    }

    /// Reads many trees with all processors, so that each later
    /// [`Files::list`] of one of them is a lookup. Worth it from about a hundred.
    pub fn warm(&self, trees: &[ObjectId]) -> Result<(), ReadError> {
        self.store.warm(trees)
    }
}

impl Files for CommitFiles {
    fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, ReadError> {
        let mut at = Entry { id: self.root, kind: EntryKind::Directory };
        for part in path.as_str().split('/').filter(|part| !part.is_empty()) {
            if at.kind != EntryKind::Directory {
                return Ok(None);
            }
            // A folder known to have none of these names need not be opened.
            if is_looked_for(part) && self.store.known_facts(at.id).is_some_and(|f| !f.has_looked_for) {
                return Ok(None);
            }
            match find(&self.store.list(at.id)?, part) {
                Some(entry) => at = entry,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn list(&self, tree: ObjectId) -> Result<Listing, ReadError> {
        self.store.list(tree)
    }

    fn blob(&self, id: ObjectId) -> Result<Arc<[u8]>, ReadError> {
        self.store
            .with(|repo| store::read_with(&store::odb(repo)?, id, ObjectType::Blob, |data| Arc::from(data)))?
    }

    fn size(&self, id: ObjectId) -> Result<usize, ReadError> {
        self.store.with(|repo| store::size(&store::odb(repo)?, id))?
    }

    fn facts(&self, tree: ObjectId) -> Result<TreeFacts, ReadError> {
        super::facts::facts(&self.store, tree)
    }

    fn blobs(&self, ids: &[ObjectId]) -> Result<Vec<Arc<[u8]>>, ReadError> {
        self.store
            .parallel(ids, |odb, id| store::read_with(odb, *id, ObjectType::Blob, |data| Arc::from(data)))
    }
}
