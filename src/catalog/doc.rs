//! Documents that define things: read once per blob, shared by both commits.
//!
//! Keeps the places of a raw file; a rendered document has only its parent's.

mod places;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value as Json;

use self::places::Places;
use super::app::Content;
use super::parallel::parallel;
use crate::files::{Files, MAX_BLOB, ReadError, bounded};
use crate::name::{ObjectId, RepoPath};
use crate::object::yaml::{Node, Value, documents};
use crate::problem::{Code, Place, Problem};

/// Lists in lists, at most.
const MAX_LISTS: usize = 8;

/// One document.
#[derive(Debug)]
pub struct Doc {
    /// Its value.
    pub json: Arc<Json>,
    /// What was read from a file, where it or what it was rendered from was.
    raw: Option<Raw>,
    /// The whole document's place.
    pub place: Place,
    definition: OnceLock<Arc<Json>>,
    content: OnceLock<Arc<Content>>,
}

/// A document as it stands in a file.
#[derive(Debug, Clone)]
struct Raw {
    json: Arc<Json>,
    places: Arc<Places>,
}

impl Doc {
    /// A document from a file.
    pub fn raw(file: &str, node: Node) -> Self {
        let (place, places) = (node.place(file), Arc::new(Places::of(&node)));
        let json = Arc::new(node.into_json());
        let raw = Raw { json: Arc::clone(&json), places };
        Self { json, raw: Some(raw), place, definition: OnceLock::new(), content: OnceLock::new() }
    }

    /// A document that a parent rendered; `place` is the parent's.
    pub fn rendered(json: Json, place: Place) -> Self {
        Self { json: Arc::new(json), raw: None, place, definition: OnceLock::new(), content: OnceLock::new() }
    }

    /// A document that a parent rendered from a raw one, whose places it keeps.
    pub fn rendered_from(json: Json, raw: &Self) -> Self {
        let (raw, place) = (raw.raw.clone(), raw.place.clone());
        Self { json: Arc::new(json), raw, place, definition: OnceLock::new(), content: OnceLock::new() }
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
        let mark = self.raw.as_ref().and_then(|raw| raw.places.find(&raw.json, path));
        mark.map_or_else(|| self.place.clone(), |mark| mark.place(&self.place.file))
    }

    /// The content of the app that it defines; where it is equal to that at another
    /// commit, the two are one.
    pub fn shared(&self, content: Content) -> Arc<Content> {
        let content = Arc::new(content);
        let first = self.content.get_or_init(|| Arc::clone(&content));
        if *first == content { Arc::clone(first) } else { content }
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

/// The same as nodes.
type Nodes = Arc<(Vec<Node>, Vec<Problem>)>;

/// Every file parsed so far, by blob and path: the second commit, and the second
/// round of the fixpoint, find most of theirs here.
#[derive(Debug, Default)]
pub struct Parses {
    docs: Mutex<ByBlob<Parsed>>,
    nodes: Mutex<ByBlob<Nodes>>,
    defining_trees: Mutex<BTreeMap<ObjectId, bool>>,
}

/// Few blobs stand at more than one path. Nothing comes out in this order.
#[derive(Debug)]
struct ByBlob<T>(HashMap<ObjectId, Vec<(RepoPath, T)>>);

impl<T> Default for ByBlob<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> ByBlob<T> {
    fn get(&self, id: ObjectId, path: &RepoPath) -> Option<&T> {
        self.0.get(&id)?.iter().find(|(at, _)| at == path).map(|(_, parsed)| parsed)
    }

    fn insert(&mut self, id: ObjectId, path: RepoPath, parsed: T) {
        if self.get(id, &path).is_none() {
            self.0.entry(id).or_default().push((path, parsed));
        }
    }
}

impl Parses {
    /// The documents of one file.
    pub fn get(&self, files: &dyn Files, path: &RepoPath, id: ObjectId) -> Result<Parsed, ReadError> {
        if let Some(found) = lock(&self.docs).get(id, path) {
            return Ok(Arc::clone(found));
        }
        let parsed = docs(path, bounded(files, id)?.as_deref());
        lock(&self.docs).insert(id, path.clone(), Arc::clone(&parsed));
        Ok(parsed)
    }

    /// The documents of one file as nodes, for whoever needs the places of keys.
    pub fn nodes(&self, files: &dyn Files, path: &RepoPath, id: ObjectId) -> Result<Nodes, ReadError> {
        if let Some(found) = lock(&self.nodes).get(id, path) {
            return Ok(Arc::clone(found));
        }
        let parsed = Arc::new(nodes(path, bounded(files, id)?.as_deref()));
        lock(&self.nodes).insert(id, path.clone(), Arc::clone(&parsed));
        Ok(parsed)
    }

    /// Reads many files on all processors, so that `get` finds them.
    pub fn warm(&self, files: &dyn Files, wanted: &[(RepoPath, ObjectId)]) -> Result<(), ReadError> {
        let missing: Vec<&(RepoPath, ObjectId)> = {
            let known = lock(&self.docs);
            wanted.iter().filter(|(path, id)| known.get(*id, path).is_none()).collect()
        };
        let parsed = parallel(&missing, |(path, id)| Ok(docs(path, bounded(files, *id)?.as_deref())))?;
        let mut known = lock(&self.docs);
        for ((path, id), parsed) in missing.into_iter().zip(parsed) {
            known.insert(*id, path.clone(), parsed);
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

    fn trees(&self) -> MutexGuard<'_, BTreeMap<ObjectId, bool>> {
        lock(&self.defining_trees)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The documents in a file's bytes; there are none where it is too large.
fn docs(path: &RepoPath, bytes: Option<&[u8]>) -> Parsed {
    let (nodes, problems) = nodes(path, bytes);
    let docs = nodes.into_iter().map(|node| Arc::new(Doc::raw(path.as_str(), node)));
    Arc::new((docs.collect(), problems))
}

fn nodes(path: &RepoPath, bytes: Option<&[u8]>) -> (Vec<Node>, Vec<Problem>) {
    let Some(bytes) = bytes else { return (Vec::new(), vec![too_large(path)]) };
    let (nodes, problems) = documents(path.as_str(), bytes);
    let mut unpacked = Vec::with_capacity(nodes.len());
    for node in nodes {
        unpack(node, 0, &mut unpacked);
    }
    (unpacked, problems)
}

/// A `List` stands for its items, as kubectl and both controllers have it.
fn unpack(mut node: Node, depth: usize, out: &mut Vec<Node>) {
    let is_list = node.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List"));
    let has_items = node.get("items").and_then(Node::as_list).is_some();
    if !(is_list && has_items && node.get("apiVersion").is_some() && depth < MAX_LISTS) {
        return out.push(node);
    }
    if let Value::Map(entries) = &mut node.value {
        for entry in entries.drain(..).filter(|entry| entry.key == "items") {
            if let Value::List(items) = entry.value.value {
                for item in items {
                    unpack(item, depth + 1, out);
                }
            }
        }
    }
}

fn too_large(path: &RepoPath) -> Problem {
    let message = format!("the file is larger than {} MiB", MAX_BLOB >> 20);
    Problem::new(Code::YamlTooLarge, Some(Place::new(path.as_str(), 1, 1)), message)
}
