//! Bringing commits over: one by its exact id, a branch's tip, cut-off history.
//!
//! Never guesses a depth: a shallow clone gets the one commit that was named, or
//! all of history. Checks out nothing and leaves local branches alone.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write as _;

use super::smart::{Boundary, Depth, Request};
use super::{GitError, Remote, Repo, copy, object_id, oid};
use crate::name::{CommitId, ObjectId};

/// How many commits that are here the other side is told of.
const MAX_HAVES: usize = 256;

impl Repo {
    /// Makes sure that a commit and its files are here, fetching it by its id
    /// where they are not. A whole clone stays whole; a shallow one gets this
    /// commit alone.
    pub fn fetch_commit(&self, commit: CommitId) -> Result<(), GitError> {
        if self.has_commit(commit)? {
            return Ok(());
        }
        let remote = self.remote()?.ok_or(GitError::Missing(commit))?;
        let depth = if self.is_shallow()? { Depth::One } else { Depth::Whole };
        self.fetch_from(&remote, &[commit], depth)
    }

    /// The tip of a branch at the remote, fetched; `None` when it has no such
    /// branch. Moves the branch's remote-tracking ref.
    pub fn fetch_branch(&self, branch: &str) -> Result<Option<CommitId>, GitError> {
        let remote = self.remote()?.ok_or(GitError::NoRemote)?;
        let Some(tip) = remote.tip(branch)? else { return Ok(None) };
        if !self.has_commit(tip)? {
            let depth = if self.is_shallow()? { Depth::One } else { Depth::Whole };
            self.fetch_from(&remote, &[tip], depth)?;
        }
        self.track(&remote, branch, tip)?;
        Ok(Some(tip))
    }

    /// Makes sure that all of these commits' history is here: what a merge base
    /// and "is part of" need. Fetches nothing in a clone that is whole.
    pub fn complete_history(&self, of: &[CommitId]) -> Result<(), GitError> {
        for commit in of {
            self.fetch_commit(*commit)?;
        }
        if self.history_is_complete(of)? {
            return Ok(());
        }
        let remote = self.remote()?.ok_or(GitError::NoRemote)?;
        self.fetch_from(&remote, of, Depth::Unshallow)
    }

    pub(super) fn track(&self, remote: &Remote, branch: &str, tip: CommitId) -> Result<(), GitError> {
        let name = format!("refs/remotes/{}/{branch}", remote.name());
        self.with(|repo| {
            repo.reference(&name, oid(tip.0), true, "luigi: fetch")
                .map(|_| ())
                .map_err(|e| GitError::failed(&format!("update {name}"), &e.message()))
        })?
    }

    pub(super) fn fetch_from(&self, remote: &Remote, of: &[CommitId], depth: Depth) -> Result<(), GitError> {
        let mut shallow: Vec<ObjectId> = self.boundary()?.into_iter().collect();
        shallow.sort();
        let request =
            Request { wants: of.iter().map(|id| id.0).collect(), haves: self.haves()?, shallow, depth };
        let moved = remote.fetch(self, &request)?;
        self.move_boundary(&moved)?;
        for commit in of {
            if !self.has_commit(*commit)? {
                return Err(remote.failed("fetch from", format!("it did not send commit {commit}")));
            }
        }
        Ok(())
    }

    /// Commits that are here, newest of each ref first, so that the other side
    /// need not send what they hold.
    fn haves(&self) -> Result<Vec<ObjectId>, GitError> {
        let tips = self.with(|repo| {
            let mut tips: Vec<ObjectId> = Vec::new();
            let names = repo.references().map_err(|e| GitError::failed("list refs", &e.message()))?;
            let head = repo.head().ok();
            for reference in head.into_iter().chain(names.flatten()) {
                if let Ok(commit) = reference.peel_to_commit() {
                    tips.push(object_id(commit.id()));
                }
            }
            Ok::<_, GitError>(tips)
        })??;
        let (mut seen, mut haves, mut level) = (HashSet::new(), Vec::new(), tips);
        while !level.is_empty() && haves.len() < MAX_HAVES {
            let mut next = Vec::new();
            for id in level {
                if haves.len() < MAX_HAVES && seen.insert(id) && self.has_commit(CommitId(id))? {
                    haves.push(id);
                    next.extend(self.raw_commit(CommitId(id))?.parents);
                }
            }
            level = next;
        }
        Ok(haves)
    }

    /// Writes the `shallow` file as git does: beside it, under its lock, then
    /// renamed.
    fn move_boundary(&self, moved: &Boundary) -> Result<(), GitError> {
        if *moved == Boundary::default() {
            return Ok(());
        }
        let failed = |e: std::io::Error| GitError::failed("record where this clone's history ends", &e);
        let file = self.common_dir()?.join("shallow");
        let lock = file.with_extension("lock");
        let mut out = OpenOptions::new().write(true).create_new(true).open(&lock).map_err(failed)?;
        let write = || -> Result<(), GitError> {
            let mut ends: Vec<ObjectId> = self.boundary()?.into_iter().collect();
            ends.retain(|id| !moved.removed.contains(id));
            ends.extend(moved.added.iter().filter(|id| !ends.contains(id)).copied().collect::<Vec<_>>());
            ends.sort();
            if ends.is_empty() {
                // Nothing was cut off any more: no file, as in a whole clone.
                return match std::fs::remove_file(&file) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed(e)),
                    Ok(()) | Err(_) => std::fs::remove_file(&lock).map_err(failed),
                };
            }
            let text: Vec<String> = ends.iter().map(|id| format!("{id}\n")).collect();
            out.write_all(text.concat().as_bytes()).map_err(failed)?;
            std::fs::rename(&lock, &file).map_err(failed)?;
            copy::sync(&file).map_err(failed)
        };
        let mut write = write;
        let result = write();
        if result.is_err() {
            let _ = std::fs::remove_file(&lock);
        }
        result
    }
}
