//! STUB until h-git's.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use std::collections::BTreeMap;
use std::time::SystemTime;

use super::git::Repo;
use crate::name::{CommitId, ObjectId, RepoPath};

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BranchError(pub String);
impl From<git2::Error> for BranchError {
    fn from(e: git2::Error) -> Self {
        Self(e.message().to_owned())
    }
}
#[derive(Debug)]
pub enum Pushed {
    Won,
    Lost { tip: Option<CommitId> },
    Refused { reason: String },
}
pub struct Branch {
    dir: std::path::PathBuf,
    name: String,
}
fn cid(o: git2::Oid) -> CommitId {
    CommitId(ObjectId::parse(&o.to_string()).unwrap())
}
fn oid(c: CommitId) -> git2::Oid {
    git2::Oid::from_bytes(&c.0.0).unwrap()
}
impl Branch {
    pub fn open(repo: &Repo, name: &str) -> Result<Self, BranchError> {
        Ok(Self { dir: repo.git_dir().to_owned(), name: format!("refs/heads/{name}") })
    }
    fn repo(&self) -> Result<git2::Repository, BranchError> {
        Ok(git2::Repository::open_bare(&self.dir)?)
    }
    pub fn fetch(&self) -> Result<Option<CommitId>, BranchError> {
        let repo = self.repo()?;
        Ok(repo.find_reference(&self.name).ok().and_then(|r| r.target()).map(cid))
    }
    pub fn commit(
        &self,
        parent: Option<CommitId>,
        edits: &BTreeMap<RepoPath, Option<Vec<u8>>>,
        message: &str,
        _: SystemTime,
    ) -> Result<CommitId, BranchError> {
        let repo = self.repo()?;
        let parent = parent.map(|p| repo.find_commit(oid(p))).transpose()?;
        let mut index = git2::Index::new()?;
        if let Some(p) = &parent {
            index.read_tree(&p.tree()?)?;
        }
        for (path, bytes) in edits {
            match bytes {
                None => index.remove_path(std::path::Path::new(path.as_str()))?,
                Some(b) => {
                    let id = repo.blob(b)?;
                    index.add(&git2::IndexEntry {
                        ctime: git2::IndexTime::new(0, 0),
                        mtime: git2::IndexTime::new(0, 0),
                        dev: 0,
                        ino: 0,
                        mode: 0o100644,
                        uid: 0,
                        gid: 0,
                        file_size: 0,
                        id,
                        flags: 0,
                        flags_extended: 0,
                        path: path.as_str().as_bytes().to_vec(),
                    })?;
                }
            }
        }
        let tree = repo.find_tree(index.write_tree_to(&repo)?)?;
        let sig = git2::Signature::now("luigi", "luigi@localhost")?;
        let parents: Vec<&git2::Commit> = parent.iter().collect();
        Ok(cid(repo.commit(None, &sig, &sig, message, &tree, &parents)?))
    }
    pub fn push(&self, expect: Option<CommitId>, new: CommitId) -> Result<Pushed, BranchError> {
        let repo = self.repo()?;
        let zero = git2::Oid::ZERO_SHA1;
        let r = match expect {
            Some(e) => repo.reference_matching(&self.name, oid(new), true, oid(e), "luigi"),
            None => repo.reference_matching(&self.name, oid(new), true, zero, "luigi"),
        };
        match r {
            Ok(_) => Ok(Pushed::Won),
            Err(_) => Ok(Pushed::Lost { tip: self.fetch()? }),
        }
    }
}
