//! Moving a branch of a repository on this machine as git's receive-pack does:
//! its hooks are asked, then the ref moves under git's own lock if nobody else
//! moved it.
//!
//! Runs `pre-receive` and `update` and no other hook. Brings no objects over.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use git2::ErrorCode;

use super::branch::Pushed;
use super::{GitError, Repo, copy, oid};
use crate::name::{CommitId, ObjectId};

/// A lock is held while a few bytes are written; longer means that its holder
/// died.
const LOCK_TRIES: u32 = 40;

/// Asks the repository's hooks; the text of one that declines.
pub(super) fn ask_hooks(
    repo: &Repo,
    name: &str,
    old: Option<CommitId>,
    new: CommitId,
) -> Result<Option<String>, GitError> {
    let old = old.map_or(ObjectId([0; 20]), |old| old.0).to_string();
    let new = new.to_string();
    let dir = hooks_dir(repo)?;
    let hooks = [
        ("pre-receive", Vec::new(), format!("{old} {new} {name}\n")),
        ("update", vec![name, old.as_str(), new.as_str()], String::new()),
    ];
    for (hook, args, input) in hooks {
        let program = dir.join(hook);
        let runs = program.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
        if runs && let Some(text) = run(&program, repo.git_dir(), &args, &input)? {
            return Ok(Some(if text.is_empty() {
                format!("its {hook} hook declined")
            } else {
                format!("{text} ({hook} hook declined)")
            }));
        }
    }
    Ok(None)
}

fn hooks_dir(repo: &Repo) -> Result<PathBuf, GitError> {
    let configured = repo.with(|repo| repo.config().and_then(|c| c.get_path("core.hooksPath")).ok())?;
    // A relative one counts from where hooks run: the git directory here.
    Ok(match configured {
        Some(dir) => repo.git_dir().join(dir),
        None => repo.common_dir()?.join("hooks"),
    })
}

fn run(program: &Path, git_dir: &Path, args: &[&str], input: &str) -> Result<Option<String>, GitError> {
    let failed = |e: std::io::Error| GitError::failed(&format!("run {}", program.display()), &e);
    let mut command = Command::new(program);
    command.args(args).current_dir(git_dir).env_clear().env("GIT_DIR", git_dir);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook need not read what it is told.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(None);
    }
    let text = [output.stdout, output.stderr].concat();
    Ok(Some(String::from_utf8_lossy(&text).trim().to_owned()))
}

/// Moves a branch from exactly `old` (`None`: it must not exist) to `new`.
pub(super) fn compare_and_swap(
    repo: &Repo,
    name: &str,
    old: Option<CommitId>,
    new: CommitId,
) -> Result<Pushed, GitError> {
    let checked_out = repo.with(|r| {
        let head = r.find_reference("HEAD").ok()?;
        head.symbolic_target().ok().flatten().map(|target| target == name)
    })?;
    let bare = repo.with(|r| r.config().and_then(|c| c.get_bool("core.bare")).unwrap_or(false))?;
    if checked_out == Some(true) && !bare {
        return Ok(Pushed::Refused {
            reason: format!("{name} is checked out there; check out another branch"),
        });
    }
    let expected = old.map_or(git2::Oid::ZERO_SHA1, |old| oid(old.0));
    for attempt in 0..LOCK_TRIES {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        // The zero id means to libgit2, too, that the ref must not exist yet.
        // It compares under the ref's lock.
        let moved = repo.with(|repo| {
            repo.reference_matching(name, oid(new.0), true, expected, "luigi: push").map(|_| ())
        })?;
        match moved {
            Ok(()) => {
                sync_ref(repo, name)?;
                return Ok(Pushed::Won);
            }
            Err(e) if e.code() == ErrorCode::Modified => return lost(repo, name, new),
            Err(e) if e.code() == ErrorCode::Locked => {}
            Err(e) => {
                // libgit2 has no code of its own for a ref that went away
                // meanwhile; the tip says what happened.
                if repo.reference(name)?.map(CommitId) != old {
                    return lost(repo, name, new);
                }
                return Err(GitError::failed(&format!("update {name}"), &e.message()));
            }
        }
    }
    Err(GitError::failed(
        &format!("update {name}"),
        &format!("it stays locked; if no git is running, remove {name}.lock in {}", repo.git_dir().display()),
    ))
}

fn lost(repo: &Repo, name: &str, new: CommitId) -> Result<Pushed, GitError> {
    let tip = repo.reference(name)?.map(CommitId);
    Ok(if tip == Some(new) { Pushed::Won } else { Pushed::Lost { tip } })
}

fn sync_ref(repo: &Repo, name: &str) -> Result<(), GitError> {
    let failed = |e: std::io::Error| GitError::failed(&format!("make {name} durable"), &e);
    let file = repo.common_dir()?.join(name);
    copy::sync(&file).map_err(failed)?;
    file.parent().map_or(Ok(()), |dir| copy::sync(dir).map_err(failed))
}
