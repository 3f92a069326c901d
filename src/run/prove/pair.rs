//! One commit against its parent: what Luigi calls changed, what the oracle says
//! differs, and where the two disagree.
//!
//! Renders nothing but what Luigi itself would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::hides;
use super::oracle::{Content, Oracle};
use crate::catalog::{Catalog, Completeness};
use crate::name::{AppKey, CommitId, Digest};
use crate::object::canonical;
use crate::outside::git::CommitFiles;
use crate::report::proof::{Excess, Miss, Missed, Pair};
use crate::run::compare::{Base, Comparison};
use crate::run::error::RunError;
use crate::run::rendering::AppRender;
use crate::run::world::World;

/// One commit, read and looked at.
pub struct Seen {
    /// The commit.
    pub commit: CommitId,
    /// Its files.
    pub files: CommitFiles,
    /// Luigi's catalog of it.
    pub catalog: Catalog,
    /// The oracle's view of it.
    pub oracle: Arc<Oracle>,
}

/// A pair, and what is wrong with its base alone: that was said with the pair
/// before it, unless there is none.
pub struct Compared {
    pair: Pair,
    of_base: Vec<Miss>,
}

impl Compared {
    /// Takes what is wrong with base into the pair.
    pub fn also_of_base(&mut self) {
        self.pair.misses.append(&mut self.of_base);
        self.pair.misses.sort();
        self.pair.misses.dedup();
    }

    /// The pair.
    pub fn into_pair(self) -> Pair {
        self.pair
    }
}

/// Compares a commit with its parent.
pub fn compare(world: &World, base: Seen, head: &Seen) -> Result<Compared, RunError> {
    let complete = !base.catalog.problems.iter().chain(&head.catalog.problems).any(hides);
    let mut comparison = Comparison::between(
        world,
        (Base::Commit(base.commit), Some(base.files), Some(base.catalog)),
        (head.commit, head.files.clone(), head.catalog.clone()),
    )?;
    let before: BTreeSet<AppKey> = comparison.changes.keys().cloned().collect();
    let (_, renders) = comparison.filter(world, &|_| {});
    let called = &comparison.changes;
    let apps: BTreeSet<&AppKey> = base.oracle.apps().chain(head.oracle.apps()).collect();
    let mut misses = head.oracle.faults.clone();
    let mut differ: BTreeSet<&AppKey> = BTreeSet::new();
    for key in &apps {
        let facts = head.oracle.facts(&base.oracle, key);
        if facts.is_empty() {
            continue;
        }
        differ.insert(key);
        if !called.contains_key(*key) {
            misses.push(Miss { app: (*key).clone(), what: Missed::NotCalled { facts } });
        }
    }
    misses.extend(unfaithful(&renders.base, &base.oracle));
    misses.extend(unfaithful(&renders.head, &head.oracle));
    misses.sort();
    misses.dedup();
    let excess: Vec<Excess> = called
        .iter()
        .filter(|(key, _)| !differ.contains(key))
        .map(|(key, change)| Excess { app: key.clone(), differences: change.differences.clone() })
        .collect();
    let all_excess = before.iter().filter(|key| !differ.contains(key)).count();
    let pair = Pair {
        base: base.commit,
        head: head.commit,
        apps: apps.len(),
        called: called.len(),
        differ: differ.len(),
        misses,
        excess_before: all_excess - excess.len(),
        excess,
        compared: head.oracle.compared(),
        completeness: if complete { Completeness::Complete } else { Completeness::Incomplete },
    };
    Ok(Compared { pair, of_base: base.oracle.faults.clone() })
}

/// Renders from Luigi's own list of files that are not what the full export
/// renders to.
fn unfaithful(renders: &BTreeMap<AppKey, AppRender>, oracle: &Oracle) -> Vec<Miss> {
    let mut out = Vec::new();
    for (key, render) in renders {
        let why = match (render, oracle.content(key)) {
            (AppRender::Objects(objects, _), Some(Content::Objects(digest))) => {
                if Digest::of(&canonical(objects)) == *digest {
                    continue;
                }
                "its objects are others".to_owned()
            }
            (AppRender::Failed(problems), Some(Content::Objects(_))) => {
                problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; ")
            }
            (AppRender::Objects(..), Some(Content::Files(_, why) | Content::Nothing(why))) => {
                format!("the full export does not render: {why}")
            }
            (AppRender::NotRendered(_), _)
            | (AppRender::Failed(_), Some(Content::Files(..) | Content::Nothing(_)) | None)
            | (AppRender::Objects(..), None) => continue,
        };
        out.push(Miss { app: key.clone(), what: Missed::Render { why } });
    }
    out
}
