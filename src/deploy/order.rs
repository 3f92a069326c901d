//! The order inside one app: phases, waves and stages, hooks in their places.
//!
//! Values in, batches of indexes out. Writes nothing, waits for nothing, and
//! does not know what is in the cluster.

mod hook;
mod options;
mod stage;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::fields::{annotation, text};
use crate::object::{Object, ObjectKey};

pub use hook::{DeletePolicy, Dialect, Hook, HookEvent, HookSource, Operation, Role, role};
pub use options::{SyncOptions, WriteWhen, write_when};
pub use stage::{Stage, stage};

/// The parts of a deploy that come after each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// What all else stands on: Namespaces, and with Helm definitions.
    First,
    /// Hooks that go before: `PreSync`, `pre-install`, `pre-upgrade`.
    Before,
    /// The objects themselves, and hooks of `Sync`.
    Main,
    /// Hooks that go after: `PostSync`, `post-install`, `post-upgrade`.
    After,
}

/// What must be so before the next batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// Nothing: it was only to be written first.
    GoOn,
    /// The objects of this batch are ready. After definitions the server's list
    /// of kinds must be read again.
    BatchReady,
    /// All objects written so far are ready; a hook has run to its end.
    AllReady,
}

/// Objects that may be written at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// The phase.
    pub phase: Phase,
    /// The wave in it: Argo CD's sync wave, or the weight of a Helm hook.
    pub wave: i64,
    /// The stage in that.
    pub stage: Stage,
    /// Which objects, by their index in what was given.
    pub items: Vec<usize>,
    /// What must be so before the next batch.
    pub then: Then,
}

/// An object that is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its index.
    pub item: usize,
    /// Why, for people.
    pub why: String,
}

/// Something in an annotation that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The object.
    pub key: ObjectKey,
    /// What kind of fault.
    pub kind: FaultKind,
    /// For people.
    pub words: String,
}

/// Kinds of faults in annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A hook of no known name: when to run it is not known, so it is left out.
    /// A caller should refuse the app.
    UnknownHook,
    /// A delete policy of no known name; it is ignored.
    UnknownDeletePolicy,
    /// A wave or weight that is no whole number; it is taken as 0, as Argo CD
    /// and Helm take it.
    NotANumber,
}

/// An app's objects in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is written, in order.
    pub batches: Vec<Batch>,
    /// Hooks that run when the deploy has failed.
    pub on_failure: Vec<Batch>,
    /// What each object is, by index.
    pub roles: Vec<Role>,
    /// What is not written in this operation.
    pub left_out: Vec<LeftOut>,
    /// What is not understood.
    pub faults: Vec<Fault>,
}

/// Where an object stands: phase and wave, compared in this order.
type Place = (Phase, i64);

/// One object in one place.
#[derive(Debug, Clone)]
struct Entry {
    item: usize,
    place: Place,
    stage: Stage,
    /// Helm runs its hooks one by one.
    alone: bool,
}

/// Puts an app's objects in order.
///
/// Objects are written phase by phase, in a phase wave by wave, in a wave stage by
/// stage. Between waves all must be ready; between stages only Namespaces and
/// definitions must be. A Namespace or definition that something earlier
/// needs is pulled to that place, as Argo CD does. A hook with several
/// phases stands in each. The order of what is given does not count.
pub fn order(objects: &[Object], operation: Operation, dialect: Dialect) -> Order {
    let mut faults = Vec::new();
    let roles: Vec<Role> = objects.iter().map(|object| role(object, &mut faults)).collect();
    let (mut entries, mut failing, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (item, (object, role)) in objects.iter().zip(&roles).enumerate() {
        let entry = |place, alone| Entry { item, place, stage: stage(&object.key), alone };
        match role {
            Role::Part => entries.push(entry(part_place(object, dialect, &mut faults), false)),
            Role::Hook(hook) => {
                let wave = Hook::wave(object, &mut faults);
                let phases = hook.phases(operation, dialect);
                let alone = hook.source == HookSource::Helm && dialect == Dialect::Helm;
                entries.extend(phases.iter().map(|phase| entry((*phase, wave), alone)));
                if hook.events.contains(&HookEvent::SyncFail) {
                    failing.push(entry((Phase::After, wave), alone));
                } else if phases.is_empty() {
                    let why = format!("it is a hook for {}", hook.names());
                    left_out.push(LeftOut { item, why });
                }
            }
            Role::LeftOut(why) => left_out.push(LeftOut { item, why: (*why).to_owned() }),
        }
    }
    pull_up(&mut entries, objects);
    faults.sort();
    faults.dedup();
    left_out.sort_by(|a, b| objects[a.item].key.cmp(&objects[b.item].key));
    let on_failure = batches(failing, objects);
    Order { batches: batches(entries, objects), on_failure, roles, left_out, faults }
}

/// Where an object that is no hook stands.
fn part_place(object: &Object, dialect: Dialect, faults: &mut Vec<Fault>) -> Place {
    match hook::sync_wave(object, faults) {
        Some(wave) => (Phase::Main, wave),
        None if is_namespace(&object.key) => (Phase::First, 0),
        // Helm installs `crds/` before its first hook; Argo CD after `PreSync`.
        None if is_definition(&object.key) && dialect == Dialect::Helm => (Phase::First, 0),
        None => (Phase::Main, 0),
    }
}

fn is_namespace(key: &ObjectKey) -> bool {
    key.group.is_empty() && key.kind == "Namespace"
}

fn is_definition(key: &ObjectKey) -> bool {
    key.group == "apiextensions.k8s.io" && key.kind == "CustomResourceDefinition"
}

/// Moves Namespaces and definitions to where they are first needed.
fn pull_up(entries: &mut [Entry], objects: &[Object]) {
    let mut namespaces: BTreeMap<&str, Place> = BTreeMap::new();
    let mut kinds: BTreeMap<(&str, &str), Place> = BTreeMap::new();
    for entry in entries.iter() {
        let key = &objects[entry.item].key;
        if !key.namespace.is_empty() {
            earliest(&mut namespaces, key.namespace.as_str(), entry.place);
        }
        earliest(&mut kinds, (key.group.as_str(), key.kind.as_str()), entry.place);
    }
    for entry in entries {
        let object = &objects[entry.item];
        let needed = if is_namespace(&object.key) {
            namespaces.get(object.key.name.as_str())
        } else if is_definition(&object.key) {
            let field = |path: &[&str]| text(&object.json, path).unwrap_or_default();
            kinds.get(&(field(&["spec", "group"]), field(&["spec", "names", "kind"])))
        } else {
            None
        };
        if let Some(place) = needed.filter(|place| **place < entry.place) {
            entry.place = *place;
            entry.alone = false;
        }
    }
}

fn earliest<K: Ord>(places: &mut BTreeMap<K, Place>, key: K, place: Place) {
    let known = places.entry(key).or_insert(place);
    *known = place.min(*known);
}

/// The entries as batches, in order.
fn batches(mut entries: Vec<Entry>, objects: &[Object]) -> Vec<Batch> {
    let key = |entry: &Entry| &objects[entry.item].key;
    entries.sort_by(|a, b| {
        let groups = (a.place, a.alone).cmp(&(b.place, b.alone));
        groups
            // Helm: by weight, then name; kinds keep their order in that.
            .then_with(|| if a.alone { key(a).name.cmp(&key(b).name) } else { Ordering::Equal })
            .then_with(|| a.stage.cmp(&b.stage))
            .then_with(|| key(a).cmp(key(b)))
            .then_with(|| objects[a.item].api_version().cmp(objects[b.item].api_version()))
    });
    let mut batches: Vec<Batch> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| entries.get(before));
        let same = before.is_some_and(|before| {
            !entry.alone && !before.alone && (before.place, before.stage) == (entry.place, entry.stage)
        });
        match batches.last_mut().filter(|_| same) {
            Some(batch) => batch.items.push(entry.item),
            None => batches.push(Batch {
                phase: entry.place.0,
                wave: entry.place.1,
                stage: entry.stage,
                items: vec![entry.item],
                then: if entry.alone { Then::AllReady } else { Then::GoOn },
            }),
        }
    }
    for at in 0..batches.len() {
        let ends = batches.get(at + 1).is_none_or(|next| {
            let batch = &batches[at];
            (next.phase, next.wave) != (batch.phase, batch.wave)
        });
        let batch = &mut batches[at];
        if ends {
            batch.then = Then::AllReady;
        } else if batch.then == Then::GoOn && matches!(batch.stage, Stage::Namespaces | Stage::Definitions) {
            batch.then = Then::BatchReady;
        }
    }
    batches
}

/// How an app's objects are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Hooks to run before: `PreDelete`, `pre-delete`.
    pub before: Vec<Batch>,
    /// Indexes to delete, in order; each list must be gone before the next.
    pub lists: Vec<Vec<usize>>,
    /// Hooks to run after: `PostDelete`, `post-delete`.
    pub after: Vec<Batch>,
}

/// The order in which an app is removed as a whole: its delete hooks around
/// the reverse of the order in which it was written.
pub fn deletion(objects: &[Object], dialect: Dialect) -> Deletion {
    let mut faults = Vec::new();
    let (mut before, mut after, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (item, object) in objects.iter().enumerate() {
        match role(object, &mut faults) {
            Role::Hook(hook) => {
                let entry = Entry {
                    item,
                    place: (Phase::Main, Hook::wave(object, &mut faults)),
                    stage: stage(&object.key),
                    alone: hook.source == HookSource::Helm && dialect == Dialect::Helm,
                };
                if hook.events.contains(&HookEvent::PreDelete) {
                    before.push(entry.clone());
                }
                if hook.events.contains(&HookEvent::PostDelete) {
                    after.push(entry);
                }
            }
            Role::Part => {
                let place = part_place(object, dialect, &mut faults);
                parts.push(Entry { item, place, stage: stage::when_deleted(&object.key), alone: false });
            }
            Role::LeftOut(_) => {}
        }
    }
    pull_up(&mut parts, objects);
    let mut lists: BTreeMap<(Place, Stage), BTreeSet<(&ObjectKey, usize)>> = BTreeMap::new();
    for entry in parts {
        let list = lists.entry((entry.place, entry.stage)).or_default();
        list.insert((&objects[entry.item].key, entry.item));
    }
    let lists = lists.into_values().rev().map(|list| list.into_iter().map(|(_, item)| item).collect());
    Deletion { before: batches(before, objects), lists: lists.collect(), after: batches(after, objects) }
}

/// The order in which objects are pruned of which only the keys are known:
/// stages backwards. Each list must be gone before the next.
pub fn deletion_by_key(keys: &[ObjectKey]) -> Vec<Vec<usize>> {
    let mut lists: BTreeMap<Stage, BTreeSet<(&ObjectKey, usize)>> = BTreeMap::new();
    for (item, key) in keys.iter().enumerate() {
        lists.entry(stage::when_deleted(key)).or_default().insert((key, item));
    }
    lists.into_values().rev().map(|list| list.into_iter().map(|(_, item)| item).collect()).collect()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
