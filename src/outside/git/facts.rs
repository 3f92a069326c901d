//! What a tree's files say in general, computed once ever for each tree.
//!
//! Looks for bytes, not for meaning: a marker in a comment counts.

use std::collections::{HashMap, HashSet};

use git2::ObjectType;
use memchr::memmem::Finder;

use super::oid;
use super::store::{self, Store};
use crate::files::{EntryKind, MARKERS, MAX_BLOB, ReadError, TreeFacts, is_looked_for};
use crate::name::ObjectId;

/// The facts of a tree: from memory, from the cache on disk, or by reading every
/// file below it that no known tree holds.
pub(super) fn facts(store: &Store, tree: ObjectId) -> Result<TreeFacts, ReadError> {
    if let Some(known) = store.known_facts(tree) {
        return Ok(known);
    }
    let unknown = unknown_trees(store, tree)?;
    let mentions = scan(store, &unknown)?;
    let mut learnt: HashMap<ObjectId, TreeFacts> = HashMap::with_capacity(unknown.len());
    // Children come after parents in `unknown`, so backwards each is complete.
    for tree in unknown.iter().rev() {
        let mut facts = TreeFacts::default();
        for (name, entry) in store.list(*tree)?.iter() {
            facts.has_looked_for |= is_looked_for(name);
            facts = facts.or(match entry.kind {
                EntryKind::Directory => {
                    let known = learnt.get(&entry.id).copied().or_else(|| store.known_facts(entry.id));
                    let below = known.ok_or_else(|| {
                        ReadError::new(format!("tree {}", entry.id), "it was not scanned before its parent")
                    })?;
                    TreeFacts { has_looked_for: false, ..below }
                }
                EntryKind::File | EntryKind::Executable => {
                    TreeFacts { mentions_apps: mentions.contains(&entry.id), ..TreeFacts::default() }
                }
                EntryKind::Link | EntryKind::Submodule => {
                    TreeFacts { has_links: true, ..TreeFacts::default() }
                }
            });
        }
        learnt.insert(*tree, facts);
    }
    let facts = learnt.get(&tree).copied().unwrap_or_default();
    let mut learnt: Vec<_> = learnt.into_iter().collect();
    learnt.sort_by_key(|(id, _)| *id);
    store.remember_facts(&learnt);
    Ok(facts)
}

/// All trees below `top` whose facts nobody knows, itself included, in an order
/// where each comes after every tree that holds it.
fn unknown_trees(store: &Store, top: ObjectId) -> Result<Vec<ObjectId>, ReadError> {
    // By level, so that each level is read in parallel. A tree that shows up
    // again on a deeper level moves there, for the order's sake.
    let mut level_of: HashMap<ObjectId, usize> = HashMap::from([(top, 0)]);
    let mut level = vec![top];
    let mut depth = 0;
    while !level.is_empty() {
        depth += 1;
        store.warm(&level)?;
        let mut next = HashSet::new();
        for tree in &level {
            for (_, entry) in store.list(*tree)?.iter() {
                if entry.kind == EntryKind::Directory && store.known_facts(entry.id).is_none() {
                    level_of.insert(entry.id, depth);
                    next.insert(entry.id);
                }
            }
        }
        level = next.into_iter().collect();
    }
    let mut trees: Vec<(usize, ObjectId)> = level_of.into_iter().map(|(id, level)| (level, id)).collect();
    trees.sort_unstable();
    Ok(trees.into_iter().map(|(_, id)| id).collect())
}

/// Which blobs directly in these trees hold a marker.
fn scan(store: &Store, trees: &[ObjectId]) -> Result<HashSet<ObjectId>, ReadError> {
    let mut seen = HashSet::new();
    let mut blobs = Vec::new();
    for tree in trees {
        for (_, entry) in store.list(*tree)?.iter() {
            let file = matches!(entry.kind, EntryKind::File | EntryKind::Executable);
            if file && seen.insert(entry.id) {
                blobs.push(entry.id);
            }
        }
    }
    let finders = MARKERS.map(Finder::new);
    let found = store.parallel(&blobs, |odb, id| mentions(odb, *id, &finders))?;
    Ok(blobs.into_iter().zip(found).filter_map(|(id, found)| found.then_some(id)).collect())
}

fn mentions(odb: &git2::Odb<'_>, id: ObjectId, finders: &[Finder<'_>]) -> Result<bool, ReadError> {
    // Too large to scan: unknown is never "no".
    if odb.read_header(oid(id)).is_ok_and(|(size, _)| size > MAX_BLOB) {
        return Ok(true);
    }
    store::read_with(odb, id, ObjectType::Blob, |data| finders.iter().any(|f| f.find(data).is_some()))
}
