//! Scratch repositories, made with the real `git`.
//!
//! No test sees the machine's git configuration, and none leaves anything behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A `git` that reads no configuration but the repository's and has a fixed clock.
pub fn git_command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "t").env(format!("GIT_{who}_EMAIL"), "t@example.com");
        command.env(format!("GIT_{who}_DATE"), "1700000000 +0000");
    }
    command
}

/// Runs `git` and gives its trimmed output; panics with its error where it fails.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = try_git(dir, args);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs `git`, whatever comes of it.
pub fn try_git(dir: &Path, args: &[&str]) -> Output {
    git_command(dir).args(args).output().unwrap()
}

/// A repository in a folder that goes away with it.
pub struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    /// An empty repository on branch `main`.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "-q", "-b", "main", "repo"]);
        Self { dir }
    }

    /// The repository's top.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// The folder around it, for clones.
    pub fn around(&self) -> &Path {
        self.dir.path()
    }

    /// Writes files and commits everything; gives the commit's id.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        for (path, text) in files {
            let path = self.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs `git` in it.
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.path(), args)
    }
}
