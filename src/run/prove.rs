//! `luigi prove`: the affected set against brute force, over a repository's own
//! history.
//!
//! For each commit and its first parent, what Luigi calls changed (dependents
//! apart) is compared with what rendering every app from full exports of both
//! says. The oracle takes from Luigi which apps there are and how each is
//! rendered, checks both against what the exports hold, and never takes a file
//! list, a cached render or an object id.
//!
//! Does not look at working trees, and compares with nothing that is deployed.

mod files;
mod found;
pub mod oracle;
pub mod pair;
mod reach;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::RunError;
use super::reading::Reader;
use super::world::World;
use crate::name::{AppKey, CommitId, ObjectId};
use crate::problem::{Code, Problem};
use crate::report::proof::{NotRendered, Proof};
use oracle::Oracle;
use pair::Seen;

/// What is being done.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// The next commit is read and rendered.
    Commit {
        /// The commit.
        commit: CommitId,
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// The oracle rendered an app.
    Rendered(&'a AppKey),
}

/// Proves the newest `last` commits up to `head` along first parents; all of
/// them without a number. The world's configuration, that of `head`, holds for
/// all of them.
///
/// # Errors
///
/// [`RunError::Usage`] where there is no pair to compare: a proof of nothing
/// would look like one.
pub fn prove(
    world: &World,
    head: CommitId,
    last: Option<usize>,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Proof, RunError> {
    let count = last.map_or(usize::MAX, |n| n.saturating_add(1));
    let mut commits = world.repo.commits(head, count)?;
    commits.reverse();
    if commits.len() < 2 {
        let why = "there is no commit with a parent here, so there is nothing to compare; \
                   fetch more history (`fetch-depth: 0`)";
        return Err(RunError::Usage(why.to_owned()));
    }
    let mut reader = Reader::new(world);
    // What is inferred at head holds for all.
    reader.catalog(&world.repo.files(head)?)?;
    let mut proof = Proof {
        head,
        environments: world.environments.clone(),
        pairs: Vec::new(),
        not_rendered: Vec::new(),
        problems: Vec::new(),
    };
    let mut notes = Notes::default();
    let mut before: Option<Seen> = None;
    let mut looked: Option<(ObjectId, Arc<Oracle>)> = None;
    for (i, commit) in commits.iter().enumerate() {
        progress(Progress::Commit { commit: *commit, number: i + 1, of: commits.len() });
        let files = world.repo.files(*commit)?;
        let catalog = reader.catalog(&files)?;
        reader.forget();
        // Only the very same tree may be believed to render to the same.
        let oracle = match looked.take().filter(|(tree, _)| *tree == files.root()) {
            Some((_, oracle)) => oracle,
            None => {
                Arc::new(oracle::look(world, *commit, &catalog, &|key| progress(Progress::Rendered(key)))?)
            }
        };
        looked = Some((files.root(), Arc::clone(&oracle)));
        notes.take(*commit, &catalog.problems, &oracle);
        let after = Seen { commit: *commit, files, catalog, oracle };
        if let Some(before) = before.take() {
            let first = proof.pairs.is_empty();
            let mut pair = pair::compare(world, before, &after)?;
            if first {
                pair.also_of_base();
            }
            proof.pairs.push(pair.into_pair());
        }
        before = Some(after);
    }
    proof.not_rendered = notes.not_rendered.into_values().collect();
    proof.problems = notes.problems;
    Ok(proof)
}

/// What is said once, not once for each commit.
#[derive(Default)]
struct Notes {
    not_rendered: BTreeMap<AppKey, NotRendered>,
    problems: Vec<Problem>,
    known: BTreeSet<(&'static str, String)>,
}

impl Notes {
    fn take(&mut self, commit: CommitId, problems: &[Problem], oracle: &Oracle) {
        for app in oracle.apps() {
            self.not_rendered.remove(app);
        }
        for one in oracle.not_rendered() {
            self.not_rendered.insert(one.app.clone(), one);
        }
        for problem in problems.iter().filter(|p| hides(p)) {
            if self.known.insert((problem.code.as_str(), problem.message.clone())) {
                let message = format!("at {}: {}", commit.short(), problem.message);
                self.problems.push(Problem { message, ..problem.clone() });
            }
        }
    }
}

/// Whether apps may be hidden. What luigi.yaml names and an older commit does
/// not have yet hides nothing there.
fn hides(problem: &Problem) -> bool {
    problem.hides_apps() && problem.code != Code::ConfigNoMatch
}
