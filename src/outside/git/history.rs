//! Commits: which one a revision names, its parents, what two have in common.
//!
//! Reads parents from the commit objects, so a shallow clone's last commits have
//! theirs. Where cut-off history could make an answer wrong, there is none.

use std::collections::HashSet;

use git2::{ErrorCode, Repository};

use super::store::{self, RawCommit};
use super::{GitError, Repo, commit_id, oid};
use crate::name::{CommitId, ObjectId};

/// How far a walk came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The commit looked for was met.
    Found,
    /// Everything was seen, down to the first commits.
    Whole,
    /// Some history was cut off.
    Cut,
}

impl Repo {
    /// The commit that a revision names: an id (whole or short), a branch, a
    /// tag, `HEAD~2`, anything of gitrevisions(7) that libgit2 reads. A branch
    /// that exists only at the remote is found under its plain name.
    pub fn resolve(&self, rev: &str) -> Result<CommitId, GitError> {
        if let Ok(id) = CommitId::parse(rev)
            && !self.has_object(id.0)?
        {
            return Err(GitError::Missing(id));
        }
        let remote = self.remote_name()?;
        self.with(|repo| {
            let object = repo.revparse_single(rev).or_else(|first| match &remote {
                Some(remote) if first.code() == ErrorCode::NotFound => {
                    repo.revparse_single(&format!("refs/remotes/{remote}/{rev}")).map_err(|_| first)
                }
                Some(_) | None => Err(first),
            });
            let unresolved = |why: &str| GitError::Unresolved { rev: rev.to_owned(), why: why.to_owned() };
            let object = object.map_err(|e| unresolved(e.message()))?;
            store::peel_to_commit(&object).map(CommitId).ok_or_else(|| unresolved("it is no commit"))
        })?
    }

    /// The commit that is checked out.
    pub fn head(&self) -> Result<CommitId, GitError> {
        self.resolve("HEAD")
    }

    /// Whether the commit is in the object database.
    pub fn has_commit(&self, commit: CommitId) -> Result<bool, GitError> {
        self.has_object(commit.0)
    }

    fn has_object(&self, id: ObjectId) -> Result<bool, GitError> {
        self.with(|repo| Ok::<_, GitError>(store::odb(repo)?.exists(oid(id))))?
    }

    /// Whether some history was left out when this was cloned or fetched.
    pub fn is_shallow(&self) -> Result<bool, GitError> {
        Ok(!self.boundary()?.is_empty())
    }

    /// The commits at which this clone's history ends (`shallow` in the git
    /// directory that all worktrees share).
    pub(super) fn boundary(&self) -> Result<HashSet<ObjectId>, GitError> {
        let file = self.common_dir()?.join("shallow");
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok(text.lines().filter_map(|line| ObjectId::parse(line.trim()).ok()).collect()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(HashSet::new()),
            Err(e) => Err(GitError::failed("read which commits end a shallow clone's history", &e)),
        }
    }

    /// The git directory that linked worktrees share.
    pub(super) fn common_dir(&self) -> Result<std::path::PathBuf, GitError> {
        self.with(|repo| repo.commondir().to_path_buf())
    }

    pub(super) fn raw_commit(&self, commit: CommitId) -> Result<RawCommit, GitError> {
        self.with(|repo| {
            let odb = store::odb(repo)?;
            if !odb.exists(oid(commit.0)) {
                return Err(GitError::Missing(commit));
            }
            Ok(store::read_commit(&odb, commit.0)?)
        })?
    }

    /// All parents, the first one first. They are what the commit says; a
    /// shallow clone may not have them.
    pub fn parents(&self, commit: CommitId) -> Result<Vec<CommitId>, GitError> {
        Ok(self.raw_commit(commit)?.parents.into_iter().map(CommitId).collect())
    }

    /// The first parent; `None` for a root commit.
    pub fn first_parent(&self, commit: CommitId) -> Result<Option<CommitId>, GitError> {
        Ok(self.parents(commit)?.first().copied())
    }

    /// The commit's tree.
    pub fn commit_tree(&self, commit: CommitId) -> Result<ObjectId, GitError> {
        Ok(self.raw_commit(commit)?.tree)
    }

    /// When it was committed, in seconds since 1970.
    pub fn commit_time(&self, commit: CommitId) -> Result<i64, GitError> {
        Ok(self.raw_commit(commit)?.time)
    }

    /// The first line of its message.
    pub fn commit_subject(&self, commit: CommitId) -> Result<String, GitError> {
        Ok(self.raw_commit(commit)?.subject)
    }

    /// The newest `count` commits from `from` along first parents, newest first.
    /// Fewer where history begins or was cut off.
    pub fn commits(&self, from: CommitId, count: usize) -> Result<Vec<CommitId>, GitError> {
        let mut commits = Vec::new();
        let mut next = Some(from);
        while let Some(commit) = next.filter(|_| commits.len() < count) {
            commits.push(commit);
            next = match self.first_parent(commit)? {
                Some(parent) if self.has_commit(parent)? => Some(parent),
                Some(_) | None => None,
            };
        }
        Ok(commits)
    }

    /// All best common ancestors, sorted; none for unrelated histories. In a
    /// shallow clone an error, unless both histories are complete.
    pub fn merge_bases(&self, a: CommitId, b: CommitId) -> Result<Vec<CommitId>, GitError> {
        self.require(a)?;
        self.require(b)?;
        self.require_history(&[a, b], || format!("what {} and {} have in common", a.short(), b.short()))?;
        self.with(|repo| match repo.merge_bases(oid(a.0), oid(b.0)) {
            Ok(bases) => {
                let mut bases: Vec<CommitId> = bases.iter().map(|id| commit_id(*id)).collect();
                bases.sort();
                Ok(bases)
            }
            Err(e) if e.code() == ErrorCode::NotFound => Ok(Vec::new()),
            Err(e) => Err(GitError::failed("find the merge base", &e.message())),
        })?
    }

    /// Whether `a` is `b` or can be reached from it. "No" is an error in a
    /// shallow clone where cut-off history could hide a "yes".
    pub fn is_ancestor(&self, a: CommitId, b: CommitId) -> Result<bool, GitError> {
        self.require(b)?;
        let reach = if self.boundary()?.is_empty() {
            if !self.has_commit(a)? {
                return Ok(false);
            }
            let descends = self.with(|repo| repo.graph_descendant_of(oid(b.0), oid(a.0)))?;
            let descends = descends.map_err(|e| GitError::failed("compare two commits", &e.message()))?;
            return Ok(a == b || descends);
        } else {
            self.reach(&[b], Some(a))?
        };
        match reach {
            Reach::Found => Ok(true),
            Reach::Whole => Ok(false),
            Reach::Cut => {
                Err(GitError::Shallow { question: format!("whether {} is part of {}", a.short(), b.short()) })
            }
        }
    }

    fn require(&self, commit: CommitId) -> Result<(), GitError> {
        if self.has_commit(commit)? { Ok(()) } else { Err(GitError::Missing(commit)) }
    }

    fn require_history(&self, of: &[CommitId], question: impl Fn() -> String) -> Result<(), GitError> {
        if self.history_is_complete(of)? { Ok(()) } else { Err(GitError::Shallow { question: question() }) }
    }

    /// Whether no commit that can be reached from these was cut off.
    pub fn history_is_complete(&self, of: &[CommitId]) -> Result<bool, GitError> {
        Ok(self.boundary()?.is_empty() || self.reach(of, None)? == Reach::Whole)
    }

    /// Walks a shallow clone's history. libgit2's own walks know nothing of the
    /// `shallow` file and fail at its commits.
    fn reach(&self, from: &[CommitId], wanted: Option<CommitId>) -> Result<Reach, GitError> {
        let boundary = self.boundary()?;
        let mut seen: HashSet<CommitId> = from.iter().copied().collect();
        let mut todo: Vec<CommitId> = from.to_vec();
        let mut reach = Reach::Whole;
        while let Some(commit) = todo.pop() {
            if Some(commit) == wanted {
                return Ok(Reach::Found);
            }
            if boundary.contains(&commit.0) {
                reach = Reach::Cut;
                continue;
            }
            todo.extend(self.parents(commit)?.into_iter().filter(|parent| seen.insert(*parent)));
        }
        Ok(reach)
    }

    /// The remote that fetches and pushes go to: `origin`, or the only one.
    pub fn remote_name(&self) -> Result<Option<String>, GitError> {
        let names = self.with(|repo| repo.remotes().map(|names| names_of(&names)))?;
        let names = names.map_err(|e| GitError::failed("list the remotes", &e.message()))?;
        match names.as_slice() {
            [only] => Ok(Some(only.clone())),
            _ => Ok(names.into_iter().find(|name| name == "origin")),
        }
    }

    /// A remote's URL after `url.<base>.insteadOf`; `None` when there is no such
    /// remote. It may hold a credential: never print it.
    pub fn remote_url(&self, name: &str) -> Result<Option<String>, GitError> {
        self.with(|repo| match repo.find_remote(name) {
            Ok(remote) => Ok(remote.url().ok().map(str::to_owned)),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
            Err(e) => Err(GitError::failed("read a remote's URL", &e.message())),
        })?
    }

    /// The default branch's name: the remote's HEAD as it was when cloned, else
    /// `main` or `master` where one exists, else what is checked out. `None` on
    /// a detached HEAD without any of them.
    pub fn default_branch(&self) -> Result<Option<String>, GitError> {
        let remote = self.remote_name()?;
        self.with(|repo| {
            let of_remote = remote.as_ref().and_then(|remote| {
                let prefix = format!("refs/remotes/{remote}/");
                let target = symbolic(repo, &format!("{prefix}HEAD"))?;
                target.strip_prefix(&prefix).map(str::to_owned)
            });
            let usual = || {
                ["main", "master"].into_iter().find(|name| {
                    let tracked = remote.as_ref().map(|remote| format!("refs/remotes/{remote}/{name}"));
                    let local = format!("refs/heads/{name}");
                    [Some(local), tracked].iter().flatten().any(|r| repo.find_reference(r).is_ok())
                })
            };
            let current = || symbolic(repo, "HEAD")?.strip_prefix("refs/heads/").map(str::to_owned);
            of_remote.or_else(|| usual().map(str::to_owned)).or_else(current)
        })
    }
}

fn symbolic(repo: &Repository, name: &str) -> Option<String> {
    let reference = repo.find_reference(name).ok()?;
    reference.symbolic_target().ok().flatten().map(str::to_owned)
}

fn names_of(names: &git2::string_array::StringArray) -> Vec<String> {
    names.iter().flatten().flatten().map(str::to_owned).collect()
}
