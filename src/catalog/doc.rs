//! Documents that define things: read once per blob, shared by both commits.
//!
//! Keeps the places of a raw file; a rendered document has only its parent's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value as Json;

use crate::files::{Files, MAX_BLOB, ReadError, bounded};
use crate::name::{ObjectId, RepoPath};
use crate::object::yaml::{Node, documents};
use crate::problem::{Code, Place, Problem};

/// Lists in lists, at most.
const MAX_LISTS: usize = 8;

/// One document.
#[derive(Debug)]
pub struct Doc {
    /// Its value.
    pub json: Arc<Json>,
    /// The same with places, when it was read from a file.
    node: Option<Node>,
    /// The whole document's place.
    pub place: Place,
    definition: OnceLock<Arc<Json>>,
}

impl Doc {
    /// A document from a file.
    pub fn raw(file: &str, node: Node) -> Self {
        Self {
            json: Arc::new(node.to_json()),
            place: node.place(file),
            node: Some(node),
            definition: OnceLock::new(),
        }
    }

    /// A document that a parent rendered; `place` is the parent's.
    pub fn rendered(json: Json, place: Place) -> Self {
        Self { json: Arc::new(json), node: None, place, definition: OnceLock::new() }
    }

    /// A document that a parent rendered from a raw one, whose places it keeps.
    pub fn rendered_from(json: Json, raw: &Self) -> Self {
        let (node, place) = (raw.node.clone(), raw.place.clone());
        Self { json: Arc::new(json), node, place, definition: OnceLock::new() }
    }

    /// The document with places; `None` for a rendered one.
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// The document without what never makes a difference: what a server
    /// fills in, and the fields of [`WITHOUT_EFFECT`].
    pub fn definition(&self) -> Arc<Json> {
        Arc::clone(self.definition.get_or_init(|| {
            if !WITHOUT_EFFECT.iter().any(|path| has(&self.json, path)) {
                return Arc::clone(&self.json);
            }
            let mut json = Json::clone(&self.json);
            for path in WITHOUT_EFFECT {
                remove(&mut json, path);
            }
            Arc::new(json)
        }))
    }

    /// The place of a field, or of the nearest thing around it that is there.
    /// List items are named by their index.
    pub fn place_of(&self, path: &[&str]) -> Place {
        let mut at = self.node.as_ref();
        let mut place = self.place.clone();
        for key in path {
            let next = at.and_then(|node| match key.parse::<usize>() {
                Ok(index) => node.as_list().and_then(|l| l.get(index)),
                Err(_) => node.get(key),
            });
            let Some(node) = next else { break };
            place = node.place(&self.place.file);
            at = Some(node);
        }
        place
    }

    /// The text at a path of keys.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.at(path).and_then(Json::as_str)
    }

    /// The value at a path of keys; `null` counts as absent.
    pub fn at(&self, path: &[&str]) -> Option<&Json> {
        at(&self.json, path)
    }

    /// `apiVersion` up to the slash; empty for the core group.
    pub fn group(&self) -> &str {
        self.text(&["apiVersion"]).and_then(|v| v.split_once('/')).map_or("", |(group, _)| group)
    }

    /// `kind`, or empty.
    pub fn kind(&self) -> &str {
        self.text(&["kind"]).unwrap_or("")
    }

    /// `metadata.name`, or empty.
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"]).unwrap_or("")
    }

    /// `metadata.namespace`, or empty.
    pub fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"]).unwrap_or("")
    }

    /// One annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.text(&["metadata", "annotations", name])
    }
}

/// The value at a path of keys below `json`; `null` counts as absent.
pub fn at<'a>(json: &'a Json, path: &[&str]) -> Option<&'a Json> {
    let mut value = json;
    for key in path {
        value = value.as_object()?.get(*key)?;
    }
    (!value.is_null()).then_some(value)
}

/// Fields of a definition whose change changes nothing that is deployed: how
/// often a controller looks, how much history it keeps, and what servers fill
/// in. Everything else counts.
pub const WITHOUT_EFFECT: [&[&str]; 12] = [
    &["status"],
    &["metadata", "creationTimestamp"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
    &["metadata", "uid"],
    &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"],
    &["metadata", "annotations", "argocd.argoproj.io/refresh"],
    &["spec", "interval"],
    &["spec", "retryInterval"],
    &["spec", "chart", "spec", "interval"],
    &["spec", "revisionHistoryLimit"],
];

/// Whether something is at a path of keys, `null` included.
fn has(json: &Json, path: &[&str]) -> bool {
    path.iter().try_fold(json, |value, key| value.get(*key)).is_some()
}

fn remove(json: &mut Json, path: &[&str]) {
    let Some((last, before)) = path.split_last() else { return };
    let mut value = json;
    for key in before {
        match value.get_mut(*key) {
            Some(next) => value = next,
            None => return,
        }
    }
    if let Some(map) = value.as_object_mut() {
        map.remove(*last);
    }
}

/// A file's documents and what is wrong with it.
type Parsed = Arc<(Vec<Arc<Doc>>, Vec<Problem>)>;

/// Every file parsed so far, by blob and path: the second commit, and the second
/// round of the fixpoint, find most of theirs here.
#[derive(Debug, Default)]
pub struct Parses {
    by_blob: Mutex<ByBlob>,
    defining_trees: Mutex<BTreeMap<ObjectId, bool>>,
}

/// Few blobs stand at more than one path. Nothing comes out in this order.
#[derive(Debug, Default)]
struct ByBlob(HashMap<ObjectId, Vec<(RepoPath, Parsed)>>);

impl ByBlob {
    fn get(&self, id: ObjectId, path: &RepoPath) -> Option<&Parsed> {
        self.0.get(&id)?.iter().find(|(at, _)| at == path).map(|(_, parsed)| parsed)
    }

    fn insert(&mut self, id: ObjectId, path: RepoPath, parsed: Parsed) {
        if self.get(id, &path).is_none() {
            self.0.entry(id).or_default().push((path, parsed));
        }
    }
}

impl Parses {
    /// The documents of one file.
    pub fn get(&self, files: &dyn Files, path: &RepoPath, id: ObjectId) -> Result<Parsed, ReadError> {
        if let Some(found) = self.lock().get(id, path) {
            return Ok(Arc::clone(found));
        }
        let parsed = read(files, path, id)?;
        self.lock().insert(id, path.clone(), Arc::clone(&parsed));
        Ok(parsed)
    }

    /// Reads many files on all cores, so that `get` finds them.
    pub fn warm(&self, files: &dyn Files, wanted: &[(RepoPath, ObjectId)]) -> Result<(), ReadError> {
        let missing: Vec<&(RepoPath, ObjectId)> = {
            let known = self.lock();
            wanted.iter().filter(|(path, id)| known.get(*id, path).is_none()).collect()
        };
        if missing.len() < 64 {
            return Ok(());
        }
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let part = missing.len().div_ceil(workers);
        let results: Vec<Result<Vec<_>, ReadError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = missing
                .chunks(part)
                .map(|chunk| {
                    scope.spawn(move || {
                        let ids: Vec<ObjectId> = chunk.iter().map(|(_, id)| *id).collect();
                        let Ok(blobs) = files.blobs(&ids) else {
                            // One that is too large must not keep the others from being read.
                            return chunk.iter().map(|(path, id)| read(files, path, *id)).collect();
                        };
                        let parsed = chunk.iter().zip(blobs).map(|((path, _), blob)| parse(path, &blob));
                        Ok(parsed.collect())
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|t| t.join().unwrap_or_else(|_| Err(ReadError::new("definitions", "a reader stopped"))))
                .collect()
        });
        for (chunk, result) in missing.chunks(part).zip(results) {
            let mut known = self.lock();
            for ((path, id), parsed) in chunk.iter().zip(result?) {
                known.insert(*id, path.clone(), parsed);
            }
        }
        Ok(())
    }

    /// Whether a tree may define apps; `find_out` is asked once per tree.
    pub fn tree_defines(
        &self,
        tree: ObjectId,
        find_out: impl FnOnce() -> Result<bool, ReadError>,
    ) -> Result<bool, ReadError> {
        let known = |this: &Self| this.trees().get(&tree).copied();
        if let Some(found) = known(self) {
            return Ok(found);
        }
        let found = find_out()?;
        self.trees().insert(tree, found);
        Ok(found)
    }

    fn trees(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectId, bool>> {
        self.defining_trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ByBlob> {
        self.by_blob.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(files: &dyn Files, path: &RepoPath, id: ObjectId) -> Result<Parsed, ReadError> {
    Ok(bounded(files, id)?.map_or_else(|| too_large(path), |bytes| parse(path, &bytes)))
}

fn parse(path: &RepoPath, bytes: &[u8]) -> Parsed {
    let (nodes, problems) = documents(path.as_str(), bytes);
    let mut docs = Vec::with_capacity(nodes.len());
    for node in nodes {
        unpack(path.as_str(), node, 0, &mut docs);
    }
    Arc::new((docs, problems))
}

/// A `List` stands for its items, as kubectl and both controllers have it.
fn unpack(file: &str, node: Node, depth: usize, out: &mut Vec<Arc<Doc>>) {
    let is_list = node.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List"));
    match node.get("items").and_then(Node::as_list) {
        Some(items) if is_list && node.get("apiVersion").is_some() && depth < MAX_LISTS => {
            for item in items {
                unpack(file, item.clone(), depth + 1, out);
            }
        }
        Some(_) | None => out.push(Arc::new(Doc::raw(file, node))),
    }
}

fn too_large(path: &RepoPath) -> Parsed {
    let message = format!("the file is larger than {} MiB", MAX_BLOB >> 20);
    let place = Place::new(path.as_str(), 1, 1);
    Arc::new((Vec::new(), vec![Problem::new(Code::YamlTooLarge, Some(place), message)]))
}
