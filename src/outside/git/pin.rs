//! A commit that a definition pins: by its id or by a tag, of this repository or
//! of a child repository that is kept bare in the cache.
//!
//! Never follows a branch: what it means can change between two runs.

use std::path::Path;

use git2::Repository;

use super::cache::Cache;
use super::remote::Place;
use super::smart::Depth;
use super::{GitError, Remote, Repo, smart};
use crate::name::{CommitId, Digest, ObjectId};

impl Repo {
    /// A bare repository of its own for that URL, below `dir`. Made where there is
    /// none; whatever it has from earlier runs it keeps.
    pub fn child(dir: &Path, url: &str) -> Result<Self, GitError> {
        let digest = Digest::of(url.as_bytes()).to_string();
        let at = dir.join(&digest["sha256:".len()..][..32]);
        let failed = |e: &dyn std::fmt::Display| GitError::failed("keep a child repository", &e.to_string());
        if Repository::open_bare(&at).is_err() {
            std::fs::create_dir_all(&at).map_err(|e| failed(&e))?;
            Repository::init_bare(&at).map_err(|e| failed(&e.message()))?;
        }
        Self::open_with(&at, Cache::none())
    }

    /// A commit of this repository, by its id or by a tag: as it is here, else as
    /// the remote has it.
    pub fn own_pin(&self, revision: &str) -> Result<CommitId, GitError> {
        if let Ok(commit) = CommitId::parse(revision) {
            self.fetch_commit(commit)?;
            return Ok(commit);
        }
        if let Ok(commit) = self.resolve(&format!("refs/tags/{}", tag(revision))) {
            return Ok(commit);
        }
        let remote = self.remote()?.ok_or(GitError::NoRemote)?;
        let depth = if self.is_shallow()? { Depth::One } else { Depth::Whole };
        self.pinned(&remote, revision, depth)
    }

    /// A commit of the repository behind `remote`, by its id or by a tag, brought
    /// into this one.
    pub fn child_pin(&self, remote: &Remote, revision: &str) -> Result<CommitId, GitError> {
        self.pinned(remote, revision, Depth::One)
    }

    fn pinned(&self, remote: &Remote, revision: &str, depth: Depth) -> Result<CommitId, GitError> {
        let want = match CommitId::parse(revision) {
            Ok(commit) => commit,
            Err(_) => CommitId(remote.tag(tag(revision))?.ok_or_else(|| {
                let why = format!("it has no tag {revision:?}; a branch is not followed");
                remote.failed("read", why)
            })?),
        };
        if !self.has_commit(want)? {
            self.fetch_from(remote, &[want], depth)?;
        }
        // An annotated tag's id is peeled.
        self.resolve(&want.to_string())
    }
}

fn tag(revision: &str) -> &str {
    revision.strip_prefix("refs/tags/").unwrap_or(revision)
}

impl Remote {
    /// What a tag stands for: a commit, or a tag object. `None` when there is none.
    fn tag(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let full = format!("refs/tags/{name}");
        match &self.place {
            Place::Http(http) => smart::tip(http, &full).map_err(|why| self.failed("read", why)),
            Place::Local(repo) => match repo.resolve(&full) {
                Ok(commit) => Ok(Some(commit.0)),
                Err(GitError::Unresolved { .. }) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}
