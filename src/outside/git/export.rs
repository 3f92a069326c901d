//! A commit's files written to a folder, for the brute-force check of
//! `luigi prove`.
//!
//! Not a checkout: no filters, no submodules, no index. No link that is written
//! can lead out of the folder.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;

use super::{GitError, Repo};
use crate::files::{EntryKind, Files as _, Next, ReadError, walk};
use crate::name::{CommitId, RepoPath};

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many files and links.
    pub files: usize,
    /// Submodules, and links that would lead out, in git's order.
    pub left_out: Vec<RepoPath>,
}

impl Repo {
    /// Writes all files of a commit into `dir`, which is made where it does not
    /// exist. A file that exists already is an error.
    pub fn export(&self, commit: CommitId, dir: &Path) -> Result<Exported, GitError> {
        let files = self.files(commit)?;
        let mut done = Exported { files: 0, left_out: Vec::new() };
        let wrong = |path: &RepoPath, e: std::io::Error| ReadError::new(format!("{path} for the export"), e);
        fs::create_dir_all(dir).map_err(|e| wrong(&RepoPath::root(), e))?;
        walk(&files, files.root(), &RepoPath::root(), &mut |path, entry| {
            let to = dir.join(path.as_str());
            match entry.kind {
                EntryKind::Directory => fs::create_dir(&to).map_err(|e| wrong(&path, e))?,
                EntryKind::File => write(&to, &files.blob(entry.id)?, 0o644).map_err(|e| wrong(&path, e))?,
                EntryKind::Executable => {
                    write(&to, &files.blob(entry.id)?, 0o755).map_err(|e| wrong(&path, e))?;
                }
                EntryKind::Link => match safe_target(&path, &files.blob(entry.id)?) {
                    Some(target) => symlink(target, &to).map_err(|e| wrong(&path, e))?,
                    None => done.left_out.push(path.clone()),
                },
                EntryKind::Submodule => done.left_out.push(path.clone()),
            }
            let written = matches!(entry.kind, EntryKind::File | EntryKind::Executable | EntryKind::Link);
            if written && done.left_out.last() != Some(&path) {
                done.files += 1;
            }
            Ok(Next::Enter)
        })?;
        Ok(done)
    }
}

fn write(to: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(to)?.write_all(bytes)
}

/// The link's target, when following it can never leave the top: relative, `..`
/// only in front, and no more of them than there are directories above.
///
/// A `..` after a name is refused even where the text stays inside: the name may
/// be a link to higher up. In front, each `..` leaves a real directory.
fn safe_target(link: &RepoPath, target: &[u8]) -> Option<String> {
    let target = str::from_utf8(target).ok()?;
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return None;
    }
    let depth = link.as_str().matches('/').count();
    let parts: Vec<&str> = target.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let climbs = parts.iter().take_while(|part| **part == "..").count();
    let inside = climbs <= depth && !parts[climbs..].contains(&"..");
    inside.then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside() {
        let safe = |link: &str, target: &str| {
            safe_target(&RepoPath::parse(link).unwrap(), target.as_bytes()).is_some()
        };
        assert!(safe("a/b/l", "../../c") && safe("l", "x/./y") && safe("a/l", ".."));
        assert!(!safe("a/l", "../../c") && !safe("l", "/etc") && !safe("l", "d/../x") && !safe("l", ""));
    }
}
