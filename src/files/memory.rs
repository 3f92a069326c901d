//! Files held in memory: for unit tests, and for files that were rendered and
//! never stood in a repository.
//!
//! Its ids are not git's. They say only that equal content has equal ids.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use super::{Entry, EntryKind, Files, Listing, MARKERS, ReadError, TreeFacts, find, is_looked_for, sort_key};
use crate::name::{Digest, ObjectId, RepoPath};

/// A set of files in memory.
#[derive(Debug, Clone)]
pub struct MemoryFiles {
    root: ObjectId,
    trees: HashMap<ObjectId, Listing>,
    blobs: HashMap<ObjectId, Arc<[u8]>>,
}

/// One directory while it is being put together.
#[derive(Default)]
struct Folder {
    files: BTreeMap<String, Entry>,
    folders: BTreeMap<String, Folder>,
}

impl MemoryFiles {
    /// These files. Where a path is both a file and another's directory, the
    /// directory stays. A [`EntryKind::Directory`] is ignored: directories come
    /// from paths.
    pub fn of(files: BTreeMap<RepoPath, (EntryKind, Vec<u8>)>) -> Self {
        let mut top = Folder::default();
        let mut blobs = HashMap::new();
        for (path, (kind, bytes)) in files {
            if kind == EntryKind::Directory {
                continue;
            }
            let id = id_of(b"blob", &bytes);
            blobs.insert(id, Arc::from(bytes));
            let mut folder = &mut top;
            for part in path.parent().as_str().split('/').filter(|part| !part.is_empty()) {
                folder = folder.folders.entry(part.to_owned()).or_default();
            }
            folder.files.insert(path.file_name().to_owned(), Entry { id, kind });
        }
        let mut trees = HashMap::new();
        let root = top.store(&mut trees);
        Self { root, trees, blobs }
    }

    /// Plain files from `(path, text)`.
    ///
    /// # Panics
    ///
    /// Where a path is none.
    #[cfg(test)]
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let file = |(path, text): (&str, &str)| {
            (RepoPath::parse(path).unwrap(), (EntryKind::File, text.as_bytes().to_vec()))
        };
        Self::of(files.into_iter().map(file).collect())
    }
}

impl Folder {
    fn store(self, trees: &mut HashMap<ObjectId, Listing>) -> ObjectId {
        let Self { mut files, folders } = self;
        for (name, folder) in folders {
            let id = folder.store(trees);
            files.insert(name, Entry { id, kind: EntryKind::Directory });
        }
        let mut listing: Vec<(String, Entry)> = files.into_iter().collect();
        listing.sort_by(|(a, x), (b, y)| sort_key(a, x.kind).cmp(sort_key(b, y.kind)));
        let mut text = String::new();
        for (name, entry) in &listing {
            // Writing to a String cannot fail.
            let _ = write!(text, "{:?} {} {name}\0", entry.kind, entry.id);
        }
        let id = id_of(b"tree", text.as_bytes());
        trees.insert(id, listing.into());
        id
    }
}

fn id_of(kind: &[u8], bytes: &[u8]) -> ObjectId {
    let digest = Digest::of(&[kind, b"\0", bytes].concat()).to_string();
    let hex = digest.trim_start_matches("sha256:");
    // 40 of its 64 digits always are an id; the fallback cannot be reached.
    ObjectId::parse(&hex[..40]).unwrap_or(ObjectId([0; 20]))
}

impl Files for MemoryFiles {
    fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, ReadError> {
        let mut at = Entry { id: self.root, kind: EntryKind::Directory };
        for part in path.as_str().split('/').filter(|part| !part.is_empty()) {
            if at.kind != EntryKind::Directory {
                return Ok(None);
            }
            match find(&self.list(at.id)?, part) {
                Some(entry) => at = entry,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn list(&self, tree: ObjectId) -> Result<Listing, ReadError> {
        self.trees.get(&tree).cloned().ok_or_else(|| ReadError::new(tree, "no such tree"))
    }

    fn blob(&self, id: ObjectId) -> Result<Arc<[u8]>, ReadError> {
        self.blobs.get(&id).cloned().ok_or_else(|| ReadError::new(id, "no such file"))
    }

    fn facts(&self, tree: ObjectId) -> Result<TreeFacts, ReadError> {
        let mut facts = TreeFacts::default();
        for (name, entry) in self.list(tree)?.iter() {
            facts.has_looked_for |= is_looked_for(name);
            facts = facts.or(match entry.kind {
                EntryKind::Directory => TreeFacts { has_looked_for: false, ..self.facts(entry.id)? },
                EntryKind::Link | EntryKind::Submodule => {
                    TreeFacts { has_links: true, ..TreeFacts::default() }
                }
                EntryKind::File | EntryKind::Executable => {
                    let bytes = self.blob(entry.id)?;
                    let has = |marker: &str| bytes.windows(marker.len()).any(|w| w == marker.as_bytes());
                    TreeFacts { mentions_apps: MARKERS.iter().any(|m| has(m)), ..TreeFacts::default() }
                }
            });
        }
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_look_below() {
        let files = MemoryFiles::new([("a/b/c", "apiVersion: argoproj.io/v1alpha1"), ("d/e", "x")]);
        let facts = |path: &str| {
            let entry = files.entry(&RepoPath::parse(path).unwrap()).unwrap().unwrap();
            files.facts(entry.id).unwrap().mentions_apps
        };
        assert!(facts("") && facts("a") && facts("a/b"));
        assert!(!facts("d"));
    }
}
