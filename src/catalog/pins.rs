//! Content at a pin: another commit of this repository, or a child repository at a
//! tag or commit.
//!
//! Fetches nothing: what is asked for and not known is wanted, and read again once
//! the caller has answered. A pin means one commit for the whole run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::scope::Meaning;
use crate::files::Files;
use crate::name::{CommitId, RepoUrl};

/// Which revision of which repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// Whose.
    pub repository: Repository,
    /// A tag or a commit id.
    pub revision: String,
}

/// Whose revision a pin is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repository {
    /// This one's.
    Own,
    /// That of a child, by its URL as it is written.
    Child(String),
}

/// The commit that a pin means: where a job's files are read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct At {
    /// The repository; `None` is this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<RepoUrl>,
    /// The commit.
    pub commit: CommitId,
}

/// The files at a pin.
#[derive(Clone)]
pub struct Pinned {
    /// The commit.
    pub at: At,
    /// Its files.
    pub files: Arc<dyn Files + Send + Sync>,
}

/// What a pin came to; or why it cannot be had.
pub type Answer = Result<Pinned, String>;

/// Every pin of a run.
#[derive(Default)]
pub struct Pins {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<Pin, Answer>,
    wanted: BTreeSet<Pin>,
}

impl Pin {
    /// The pin that a source names; `None` where it means the compared commit, or
    /// nobody knows yet.
    pub fn of(meaning: Meaning, url: &str, revision: &str) -> Option<Self> {
        let repository = match meaning {
            Meaning::OwnHistory => Repository::Own,
            Meaning::Elsewhere => Repository::Child(url.to_owned()),
            Meaning::Here | Meaning::Undecided => return None,
        };
        (!revision.is_empty()).then(|| Self { repository, revision: revision.to_owned() })
    }
}

impl Pins {
    /// The files at a pin; `None` while nobody has looked.
    pub fn ask(&self, pin: &Pin) -> Option<Answer> {
        let mut state = self.state();
        if let Some(answer) = state.known.get(pin) {
            return Some(answer.clone());
        }
        state.wanted.insert(pin.clone());
        None
    }

    /// The files that a job reads, where those are not the compared commit's.
    pub fn files(&self, at: &At) -> Option<Arc<dyn Files + Send + Sync>> {
        let state = self.state();
        let found = state.known.values().flatten().find(|pinned| pinned.at == *at)?;
        Some(Arc::clone(&found.files))
    }

    /// The pins that were asked for and are not known.
    pub fn take_wanted(&self) -> BTreeSet<Pin> {
        std::mem::take(&mut self.state().wanted)
    }

    /// Takes an answer; the first one stays for the whole run.
    pub fn answer(&self, pin: Pin, answer: Answer) {
        self.state().known.entry(pin).or_insert(answer);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.state().known.keys()).finish()
    }
}
