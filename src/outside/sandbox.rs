//! Repositories made from nothing, for `luigi demo`.
//!
//! Writes only below the folder it is given.

use std::path::{Path, PathBuf};

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};

use crate::name::{CommitId, ObjectId};

/// Why the sandbox could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// git.
    #[error("git: {0}")]
    Git(#[from] git2::Error),
    /// The disk.
    #[error("{path}: {why}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
}

/// A work tree and the bare repository that is its remote.
pub struct Sandbox {
    repo: Repository,
    /// The work tree.
    pub work: PathBuf,
    /// The bare repository.
    pub remote: PathBuf,
}

impl Sandbox {
    /// Makes both below `dir`, on branch `main`.
    pub fn new(dir: &Path) -> Result<Self, SandboxError> {
        let (work, remote) = (dir.join("platform"), dir.join("remote.git"));
        let init = |path: &Path, bare: bool| {
            let mut options = RepositoryInitOptions::new();
            options.initial_head("main").external_template(false).bare(bare);
            Repository::init_opts(path, &options)
        };
        init(&remote, true)?;
        let repo = init(&work, false)?;
        repo.remote("origin", &remote.to_string_lossy())?;
        Ok(Self { repo, work, remote })
    }

    /// Writes files of the work tree.
    pub fn write(&self, files: &[(&str, String)]) -> Result<(), SandboxError> {
        for (name, text) in files {
            put(&self.work.join(name), text)?;
        }
        Ok(())
    }

    /// Commits all of the work tree to `main`.
    pub fn commit(&self, message: &str) -> Result<CommitId, SandboxError> {
        let mut index = self.repo.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.write()?;
        let tree = self.repo.find_tree(index.write_tree()?)?;
        let who = Signature::now("demo", "demo@luigi.dev")?;
        let parent = self.repo.head().ok().map(|head| head.peel_to_commit()).transpose()?;
        let parents: Vec<_> = parent.iter().collect();
        let id = self.repo.commit(Some("HEAD"), &who, &who, message, &tree, &parents)?;
        let mut bytes = [0; 20];
        bytes.copy_from_slice(id.as_bytes());
        Ok(CommitId(ObjectId(bytes)))
    }

    /// Gives the remote a hook that is asked before every push.
    pub fn hook(&self, script: &str) -> Result<(), SandboxError> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.remote.join("hooks").join("pre-receive");
        put(&path, script)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(|e| io(&path, &e))
    }
}

fn put(path: &Path, text: &str) -> Result<(), SandboxError> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|e| io(dir, &e))?;
    }
    std::fs::write(path, text).map_err(|e| io(path, &e))
}

fn io(path: &Path, error: &std::io::Error) -> SandboxError {
    SandboxError::Io { path: path.display().to_string(), why: error.to_string() }
}
