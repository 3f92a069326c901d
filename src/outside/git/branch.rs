//! A branch as an append-only store: read its tip, add a commit, push it if
//! nobody else did meanwhile.
//!
//! Knows nothing of what the files mean. Never checks anything out, never
//! forces, never reads a branch that it could not reach as an empty one.

use std::sync::Arc;
use std::time::Duration;

use git2::ObjectType;

use super::edit::{self, Edits, New};
use super::http::Http;
use super::remote::Place;
use super::smart::{self, Depth};
use super::{CommitFiles, GitError, Remote, Repo, copy, receive};
use crate::name::{CommitId, ObjectId};

/// Who writes the branch's commits.
const WRITER: &str = "luigi <luigi@luigi.dev>";

/// How often a server that was busy with another push is asked again.
const TRIES: u32 = 6;

/// One branch of a repository, and of its remote when there is one.
#[derive(Clone)]
pub struct Branch {
    repo: Repo,
    name: String,
    remote: Option<Remote>,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The branch's tip is the new commit, durably.
    Won,
    /// Somebody else moved the branch; nothing was written.
    Lost {
        /// Where it is now; `None` when it was deleted.
        tip: Option<CommitId>,
    },
    /// The other side does not allow it; the tip is what it was.
    Refused {
        /// What the server or a hook said: untrusted text.
        reason: String,
    },
}

impl Branch {
    /// The branch of that name (`luigi/ledger`), at the repository's remote when
    /// it has one. It need not exist.
    pub fn open(repo: &Repo, name: &str) -> Result<Self, GitError> {
        let branch = Self { repo: repo.clone(), name: name.to_owned(), remote: repo.remote()? };
        if !git2::Reference::is_valid_name(&branch.ref_name()) {
            return Err(GitError::failed("use the branch", &format!("{name:?} is no branch's name")));
        }
        Ok(branch)
    }

    /// The remote that holds the truth; without one, the local branch does.
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// The branch's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn ref_name(&self) -> String {
        format!("refs/heads/{}", self.name)
    }

    /// The newest tip, with its files here; `None` when there is no such branch.
    /// A remote that cannot be read is an error, and so is one that lacks commits
    /// of the branch that this clone has seen there.
    pub fn fetch(&self) -> Result<Option<CommitId>, GitError> {
        let Some(remote) = &self.remote else {
            return Ok(self.repo.reference(&self.ref_name())?.map(CommitId));
        };
        // Before the remote is asked: what another process sees meanwhile is newer.
        let tracking = self.tracking(remote);
        let seen = self.repo.reference(&tracking)?.map(CommitId);
        for attempt in 0.. {
            let tip = remote.tip(&self.name)?;
            if let Some(tip) = tip
                && !self.repo.has_commit(tip)?
            {
                let depth = if self.repo.is_shallow()? { Depth::One } else { Depth::Whole };
                self.repo.fetch_from(remote, &[tip], depth)?;
            }
            let Some(was) = seen.filter(|was| !self.follows(*was, tip)) else {
                if let Some(tip) = tip {
                    self.repo.track(remote, &self.name, tip)?;
                }
                return Ok(tip);
            };
            // A server of several machines may be behind for a moment.
            if attempt == TRIES {
                let is = tip.map_or_else(|| "is gone".to_owned(), |tip| format!("is at {tip}"));
                let (branch, remote) = (self.name.clone(), remote.shown());
                return Err(GitError::WoundBack { branch, remote, is, was, tracking });
            }
            std::thread::sleep(Duration::from_millis(50) * attempt);
        }
        Ok(None)
    }

    fn tracking(&self, remote: &Remote) -> String {
        format!("refs/remotes/{}/{}", remote.name(), self.name)
    }

    /// Whether a tip has what was seen, as far as the history here says.
    fn follows(&self, was: CommitId, tip: Option<CommitId>) -> bool {
        tip.is_some_and(|tip| self.repo.is_ancestor(was, tip).unwrap_or(true))
    }

    /// Makes sure that the branch's history down to its first commit is here.
    pub fn complete_history(&self, tip: CommitId) -> Result<(), GitError> {
        self.repo.complete_history(&[tip])
    }

    /// The tip as it was when last read, asking nobody; for reading offline.
    pub fn last_known(&self) -> Result<Option<CommitId>, GitError> {
        let tracked = match &self.remote {
            Some(remote) => self.repo.reference(&self.tracking(remote))?,
            None => None,
        };
        match tracked {
            Some(tip) => Ok(Some(CommitId(tip))),
            None => Ok(self.repo.reference(&self.ref_name())?.map(CommitId)),
        }
    }

    /// The files of a commit of it.
    pub fn read(&self, commit: CommitId) -> Result<CommitFiles, GitError> {
        self.repo.files(commit)
    }

    /// Writes a commit that is `parent` with these edits; moves nothing. `time`
    /// is in seconds since 1970. The same arguments give the same id.
    pub fn commit(
        &self,
        parent: Option<CommitId>,
        edits: &Edits,
        message: &str,
        time: i64,
    ) -> Result<CommitId, GitError> {
        let before = parent.map(|parent| self.repo.commit_tree(parent)).transpose()?;
        let mut new = New::default();
        let tree = edit::edited(&self.repo.store, before, edits, &mut new)?;
        let parent = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
        let text = format!(
            "tree {tree}\n{parent}author {WRITER} {time} +0000\ncommitter {WRITER} {time} +0000\n\n{}\n",
            message.trim_end()
        );
        let id = new.add(ObjectType::Commit, text.into_bytes())?;
        new.write(&self.repo.store)?;
        Ok(CommitId(id))
    }

    /// Moves the branch from exactly `expect` (`None`: it must not exist) to
    /// `new`, which must be a child of it.
    ///
    /// An error means that nobody knows whether it moved: read the tip. A push
    /// whose answer got lost counts as won when `new` turns out to be in the
    /// branch, so commits of different runs must differ.
    pub fn push(&self, expect: Option<CommitId>, new: CommitId) -> Result<Pushed, GitError> {
        if self.repo.first_parent(new)? != expect {
            return Err(GitError::failed("push", &"the new commit is not a child of the expected tip"));
        }
        let pushed = match &self.remote {
            None => receive::compare_and_swap(&self.repo, &self.ref_name(), expect, new)?,
            Some(remote) => match &remote.place {
                Place::Local(there) => self.push_local(there, expect, new)?,
                Place::Http(http) => self.push_http(remote, http, expect, new)?,
            },
        };
        if let (Pushed::Won, Some(remote)) = (&pushed, &self.remote) {
            self.repo.track(remote, &self.name, new)?;
        }
        Ok(pushed)
    }

    fn push_local(&self, there: &Repo, expect: Option<CommitId>, new: CommitId) -> Result<Pushed, GitError> {
        let name = self.ref_name();
        let tip = there.reference(&name)?.map(CommitId);
        if tip != expect {
            return Ok(if tip == Some(new) { Pushed::Won } else { Pushed::Lost { tip } });
        }
        // The other side has the parent, so its copy of history grows by one.
        copy::copy(
            &self.repo.store,
            &there.store,
            &[new.0],
            Depth::Whole,
            &there.boundary()?,
            &self.repo.boundary()?,
        )?;
        if let Some(reason) = receive::ask_hooks(there, &name, expect, new)? {
            return Ok(Pushed::Refused { reason });
        }
        receive::compare_and_swap(there, &name, expect, new)
    }

    fn push_http(
        &self,
        remote: &Remote,
        http: &Arc<Http>,
        expect: Option<CommitId>,
        new: CommitId,
    ) -> Result<Pushed, GitError> {
        let name = self.ref_name();
        let old = expect.map(|expect| expect.0);
        let failed = |why| remote.failed("push to", why);
        let mut pack: Option<Vec<u8>> = None;
        let mut reason = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(100) * attempt);
            }
            let tip = smart::receiving_tip(http, &name).map_err(failed)?;
            if tip != old {
                return self.passed_by(remote, tip, new);
            }
            let bytes = match pack.take() {
                Some(bytes) => bytes,
                None => self.pack_of(expect, new)?,
            };
            match smart::push(http, &name, old, new.0, &bytes) {
                Ok(smart::Pushed::Ok) => return Ok(Pushed::Won),
                Ok(smart::Pushed::No { word, said }) => {
                    let tip = smart::receiving_tip(http, &name).map_err(failed)?;
                    if tip != old {
                        return self.passed_by(remote, tip, new);
                    }
                    reason = if said.is_empty() { word.clone() } else { format!("{said} ({word})") };
                    if !is_race(&word) {
                        return Ok(Pushed::Refused { reason });
                    }
                }
                Err(why) => {
                    // The answer is lost, not necessarily the push.
                    let tip = smart::receiving_tip(http, &name).map_err(failed)?;
                    if tip != old {
                        return self.passed_by(remote, tip, new);
                    }
                    return Err(failed(why));
                }
            }
            pack = Some(bytes);
        }
        Ok(Pushed::Refused { reason })
    }

    /// The branch is not where it was expected: because of us, or of others?
    fn passed_by(&self, remote: &Remote, tip: Option<ObjectId>, new: CommitId) -> Result<Pushed, GitError> {
        let lost = Pushed::Lost { tip: tip.map(CommitId) };
        let Some(tip) = tip.map(CommitId) else { return Ok(lost) };
        // Down to what is here, not further: `new` is newer than all of that.
        if !self.repo.has_commit(tip)? {
            self.repo.fetch_from(remote, &[tip], Depth::Whole)?;
        }
        let (ends, stop) = (self.repo.boundary()?, self.repo.first_parent(new)?);
        let mut at = Some(tip);
        while let Some(commit) = at.filter(|at| Some(*at) != stop) {
            if commit == new {
                return Ok(Pushed::Won);
            }
            at = if ends.contains(&commit.0) { None } else { self.repo.first_parent(commit)? };
        }
        Ok(lost)
    }

    fn pack_of(&self, parent: Option<CommitId>, new: CommitId) -> Result<Vec<u8>, GitError> {
        let before = parent.map(|parent| self.repo.commit_tree(parent)).transpose()?;
        let tree = self.repo.commit_tree(new)?;
        let objects = copy::new_objects(&self.repo.store, new.0, tree, before)?;
        self.repo.with(|repo| copy::pack(repo, &objects))?
    }
}

/// Whether a server's word says that another push was in the way, not that this
/// one is not allowed. Words of git's receive-pack and of GitHub.
fn is_race(word: &str) -> bool {
    let words = [
        "failed to update ref",
        "lock",
        "incorrect old value",
        "reference already exists",
        "fetch first",
        "stale info",
        "but expected",
    ];
    words.iter().any(|known| word.contains(known))
}
