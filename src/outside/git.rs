//! Git repositories, by libgit2 inside this program.
//!
//! Never checks anything out, runs no `git`, no filter, no hook and no command
//! from a configuration. Decides nothing: which commits are compared is for
//! `event` and `run`.

pub mod branch;
mod cache;
mod copy;
mod edit;
mod export;
mod facts;
mod fetch;
mod history;
mod http;
mod pin;
mod receive;
mod remote;
mod smart;
mod store;
mod view;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::Repository;

pub use cache::Cache;
pub use edit::Edits;
pub use export::Exported;
pub use remote::Remote;
pub use view::CommitFiles;

use crate::files::ReadError;
use crate::name::{CommitId, ObjectId};
use store::Store;

/// What can go wrong with a repository. The text says what to do where a person
/// can do something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GitError {
    /// No repository there.
    #[error("{dir} is not in a git repository; run inside one, or name one with -C")]
    NotFound {
        /// The directory as given.
        dir: String,
    },
    /// There is one, and it cannot be used.
    #[error("cannot open the git repository at {dir}: {why}")]
    Open {
        /// Its git directory.
        dir: String,
        /// Why.
        why: String,
    },
    /// A revision that names no commit.
    #[error("{rev:?} names no commit here: {why}; give a branch, a tag or a commit id")]
    Unresolved {
        /// The revision as given.
        rev: String,
        /// Why.
        why: String,
    },
    /// A commit that is not in the object database.
    #[error(
        "commit {0} is not in this repository; fetch it (`git fetch origin {0}`), or check out with fetch-depth: 0"
    )]
    Missing(CommitId),
    /// An answer that needs history which a shallow clone has cut off.
    #[error(
        "this clone is shallow and its history ends before {question} can be answered; `git fetch --unshallow`, or check out with fetch-depth: 0"
    )]
    Shallow {
        /// What was asked.
        question: String,
    },
    /// Something needs the remote, and there is none.
    #[error(
        "this repository has no remote `origin`, and not exactly one of another name; `git remote add origin URL`"
    )]
    NoRemote,
    /// The remote's address cannot be used.
    #[error("the remote {remote:?} cannot be used: {why}")]
    RemoteUnusable {
        /// Its name.
        remote: String,
        /// Why, and what to do.
        why: String,
    },
    /// The remote could not be read or written.
    #[error("cannot {what} {remote}: {why}")]
    Remote {
        /// `read`, `fetch from`, `push to`.
        what: String,
        /// Its address without user and password.
        remote: String,
        /// Why.
        why: String,
    },
    /// A branch that is only ever added to has lost commits that were seen.
    #[error(
        "{branch} at {remote} {is}, and this clone has seen it at {was}: commits were taken from it; if that was meant, `git update-ref -d {tracking}` forgets them"
    )]
    WoundBack {
        /// The branch.
        branch: String,
        /// The remote's address.
        remote: String,
        /// Where it is now, in words.
        is: String,
        /// Where it was.
        was: CommitId,
        /// The ref that remembers that.
        tracking: String,
    },
    /// An object could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Anything else libgit2 reports.
    #[error("git cannot {what}: {why}")]
    Failed {
        /// What was tried.
        what: String,
        /// Why.
        why: String,
    },
}

impl GitError {
    fn failed(what: &str, why: &impl ToString) -> Self {
        Self::Failed { what: what.to_owned(), why: why.to_string() }
    }
}

/// An open repository. Cheap to clone; all clones share what was read.
#[derive(Clone)]
pub struct Repo {
    store: Arc<Store>,
    work_dir: Option<PathBuf>,
}

impl Repo {
    /// Opens the repository that holds `dir`, as `git -C dir` finds it: a bare
    /// one, a linked worktree, or any directory below either's top.
    ///
    /// Who owns the files is not asked. git's `safe.directory` protects people
    /// from hooks, filters and commands that a stranger's configuration would
    /// have git run, and this module runs none of them; a container action
    /// always runs as another user than the checkout's.
    pub fn open(dir: &Path) -> Result<Self, GitError> {
        Self::open_with(dir, Cache::none())
    }

    /// Like [`Repo::open`], with a place to remember what was learnt about trees.
    pub fn open_with(dir: &Path, cache: Cache) -> Result<Self, GitError> {
        let found = Repository::discover_path(dir, std::iter::empty::<&Path>())
            .map_err(|_| GitError::NotFound { dir: shown(dir) })?;
        let open =
            |why: &dyn ToString| GitError::Open { dir: found.display().to_string(), why: why.to_string() };
        let store = Store::new(found.clone(), cache);
        let work_dir = store.with(|repo| work_dir(repo, &found)).map_err(|e| open(&e.why))?;
        let work_dir = work_dir.map_err(|why| open(&why))?;
        Ok(Self { store: Arc::new(store), work_dir })
    }

    /// The git directory (`.git`, or the bare repository itself).
    pub fn git_dir(&self) -> &Path {
        self.store.git_dir()
    }

    /// The top of the checked out files; `None` when bare.
    pub fn work_dir(&self) -> Option<&Path> {
        self.work_dir.as_deref()
    }

    /// Runs `f` with a repository handle of this thread's own.
    fn with<T>(&self, f: impl FnOnce(&Repository) -> T) -> Result<T, GitError> {
        Ok(self.store.with(f)?)
    }

    /// The files of one commit.
    pub fn files(&self, commit: CommitId) -> Result<CommitFiles, GitError> {
        let tree = self.commit_tree(commit)?;
        Ok(CommitFiles::new(Arc::clone(&self.store), tree))
    }

    /// Changed and untracked paths of the working tree, sorted; empty when bare.
    /// Ignored files and submodules are not looked at: neither is ever read.
    pub fn uncommitted(&self) -> Result<Vec<String>, GitError> {
        let Some(dir) = &self.work_dir else { return Ok(Vec::new()) };
        let failed = |e: git2::Error| GitError::failed("compare the working tree with HEAD", &e.message());
        let repo = Repository::open_bare(self.git_dir()).map_err(failed)?;
        repo.set_workdir(dir, false).map_err(failed)?;
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true);
        let statuses = repo.statuses(Some(&mut options)).map_err(failed)?;
        let mut paths: Vec<String> =
            statuses.iter().map(|s| String::from_utf8_lossy(s.path_bytes()).into_owned()).collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }
}

/// A directory for people: `.` says nothing in a log.
fn shown(dir: &Path) -> String {
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).display().to_string()
}

/// Where the files of this git directory are checked out.
///
/// The handle is opened as bare, which asks for no owner; so the working tree is
/// found here, by the rules of gitrepository-layout(5) and `core.worktree`.
fn work_dir(repo: &Repository, git_dir: &Path) -> Result<Option<PathBuf>, String> {
    let config = repo.config().map_err(|e| e.message().to_owned())?;
    match config.get_string("extensions.refstorage") {
        Ok(kind) if kind != "files" => {
            return Err(format!(
                "its refs are stored as {kind:?}, which libgit2 cannot read; `git refs migrate --ref-format=files`"
            ));
        }
        Ok(_) | Err(_) => {}
    }
    match config.get_string("extensions.objectformat") {
        Ok(kind) if kind != "sha1" => return Err(format!("its object ids are {kind}; only sha1 is read")),
        Ok(_) | Err(_) => {}
    }
    // A linked worktree's git directory names its checkout's .git file.
    if let Ok(text) = std::fs::read_to_string(git_dir.join("gitdir")) {
        let dot_git = git_dir.join(text.trim_end());
        return Ok(dot_git.parent().map(Path::to_path_buf));
    }
    if config.get_bool("core.bare").unwrap_or(false) {
        return Ok(None);
    }
    if let Ok(path) = config.get_string("core.worktree") {
        return Ok(Some(git_dir.join(path)));
    }
    Ok(match git_dir.file_name() {
        Some(name) if name == ".git" => git_dir.parent().map(Path::to_path_buf),
        Some(_) | None => None,
    })
}

fn oid(id: ObjectId) -> git2::Oid {
    // 20 bytes always are an id; the fallback cannot be reached.
    git2::Oid::from_bytes(&id.0).unwrap_or(git2::Oid::ZERO_SHA1)
}

fn object_id(oid: git2::Oid) -> ObjectId {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(oid.as_bytes());
    ObjectId(bytes)
}

fn commit_id(oid: git2::Oid) -> CommitId {
    CommitId(object_id(oid))
}
