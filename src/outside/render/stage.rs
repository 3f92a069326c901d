//! Writes a job's inputs into a private folder: these files and no others.
//!
//! Does not decide what a job reads. Links are written as they are and checked
//! when all is in place: none may lead out.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{self, Content, Found};
use crate::catalog::job::{Input, Job, Mount};
use crate::files::{Entry, EntryKind, Files, ReadError};
use crate::name::{ObjectId, RepoPath};
use crate::problem::{Code, Place, Problem};

/// Why a folder could not be made. Lowercase fragments.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageError {
    /// The disk said no.
    #[error("writing {path}: {source}")]
    Disk {
        /// The path in the repository.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// An object of the repository cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// More bytes than are allowed.
    #[error("the inputs have more than {0} bytes")]
    TooLarge(u64),
}

/// Writes the job's inputs below `top`, which exists and is empty, and says what
/// is wrong with them.
pub(super) fn write(
    files: &dyn Files,
    job: &Job,
    top: &Path,
    most_bytes: u64,
) -> Result<Vec<Problem>, StageError> {
    let mut stage = Stage {
        files,
        top: top.to_owned(),
        mounts: all_mounts(job),
        left: most_bytes,
        most: most_bytes,
        links: Vec::new(),
        problems: Vec::new(),
    };
    for (path, input) in &job.inputs {
        stage.input(path, *input)?;
    }
    let links = stage.write_links()?;
    let content = Content { top: top.to_owned(), mounts: &job.mounts };
    let mut problems = stage.problems;
    for link in &links {
        if content.find(&link.parent(), link.file_name()) == Found::Escapes {
            problems.push(content.link_escapes(link));
        }
    }
    Ok(problems)
}

/// The job's mounts, and where none covers the top, the repository as it is.
fn all_mounts(job: &Job) -> Vec<Mount> {
    let mut mounts = job.mounts.clone();
    if !mounts.iter().any(|mount| mount.at.is_root()) {
        mounts.push(Mount { at: RepoPath::root(), from: RepoPath::root() });
    }
    mounts
}

struct Stage<'a> {
    files: &'a dyn Files,
    top: PathBuf,
    mounts: Vec<Mount>,
    left: u64,
    most: u64,
    /// The links still to write: path in the content, in the repository, target.
    /// Written last, so that no file is ever written through one.
    links: Vec<(RepoPath, RepoPath, String)>,
    problems: Vec<Problem>,
}

impl Stage<'_> {
    fn input(&mut self, path: &RepoPath, input: Input) -> Result<(), StageError> {
        let entry = match input {
            Input::Absent => return Ok(()),
            Input::Tree(id) => Entry { id, kind: EntryKind::Directory },
            Input::Blob(id) => self.blob_entry(path, id)?,
        };
        for mount in self.mounts.clone() {
            if let Some(rest) = path.below(&mount.from) {
                let at = folder::place_below(&mount.at, rest);
                self.write(&mount, &at, path, entry)?;
            } else if mount.from.is_within(path)
                && entry.kind == EntryKind::Directory
                && let Some(part) = self.files.entry(&mount.from)?
            {
                self.write(&mount, &mount.at, &mount.from, part)?;
            }
        }
        Ok(())
    }

    /// A blob may be a link; only its tree knows.
    fn blob_entry(&self, path: &RepoPath, id: ObjectId) -> Result<Entry, StageError> {
        let found = self.files.entry(path)?.filter(|entry| entry.id == id);
        Ok(found.unwrap_or(Entry { id, kind: EntryKind::File }))
    }

    /// Writes an entry and all below it. `at` is its path in the content, `path`
    /// in the repository.
    fn write(
        &mut self,
        mount: &Mount,
        at: &RepoPath,
        path: &RepoPath,
        entry: Entry,
    ) -> Result<(), StageError> {
        let mut todo = vec![(at.clone(), path.clone(), entry)];
        while let Some((at, path, entry)) = todo.pop() {
            if self.is_covered(mount, &at) {
                continue;
            }
            if !is_safe(&at) {
                self.refuse(&path, "a name that is not safe on a disk");
                continue;
            }
            match entry.kind {
                EntryKind::Directory => {
                    self.disk(&path, |top| fs::create_dir_all(top.join(at.as_str())))?;
                    let list = self.files.list(entry.id)?;
                    let children =
                        list.iter().map(|(name, entry)| (at.child(name), path.child(name), *entry));
                    todo.extend(children);
                }
                EntryKind::File | EntryKind::Executable => self.file(&at, &path, entry.id)?,
                EntryKind::Link => self.link(&at, &path, entry.id)?,
                EntryKind::Submodule => self.refuse(&path, "a submodule, whose files are not here"),
            }
        }
        Ok(())
    }

    /// Whether a longer mount decides what is at this path.
    fn is_covered(&self, mount: &Mount, at: &RepoPath) -> bool {
        self.mounts
            .iter()
            .any(|other| other.at.as_str().len() > mount.at.as_str().len() && at.is_within(&other.at))
    }

    fn file(&mut self, at: &RepoPath, path: &RepoPath, id: ObjectId) -> Result<(), StageError> {
        let bytes = self.bytes(id)?;
        self.disk(path, |top| {
            let disk = top.join(at.as_str());
            make_parent(&disk)?;
            // An input may be named twice, as itself and in its folder.
            if disk.symlink_metadata().is_ok() { Ok(()) } else { fs::write(disk, &bytes) }
        })
    }

    fn link(&mut self, at: &RepoPath, path: &RepoPath, id: ObjectId) -> Result<(), StageError> {
        let bytes = self.bytes(id)?;
        let Ok(target) = std::str::from_utf8(&bytes) else {
            self.refuse(path, "a symbolic link whose target is not UTF-8");
            return Ok(());
        };
        self.links.push((at.clone(), path.clone(), target.to_owned()));
        Ok(())
    }

    fn write_links(&mut self) -> Result<Vec<RepoPath>, StageError> {
        let mut links = std::mem::take(&mut self.links);
        links.sort();
        let mut written = Vec::new();
        for (at, path, target) in links {
            if has_link_above(&self.top, &at) {
                self.refuse(&path, "below a symbolic link");
                continue;
            }
            self.disk(&path, |top| {
                let disk = top.join(at.as_str());
                make_parent(&disk)?;
                if disk.symlink_metadata().is_ok() {
                    Ok(())
                } else {
                    std::os::unix::fs::symlink(target, disk)
                }
            })?;
            written.push(at);
        }
        Ok(written)
    }

    fn bytes(&mut self, id: ObjectId) -> Result<std::sync::Arc<[u8]>, StageError> {
        let bytes = self.files.blob(id)?;
        let size = bytes.len() as u64;
        self.left = self.left.checked_sub(size).ok_or(StageError::TooLarge(self.most))?;
        Ok(bytes)
    }

    fn disk<T>(
        &self,
        path: &RepoPath,
        act: impl FnOnce(&Path) -> std::io::Result<T>,
    ) -> Result<T, StageError> {
        act(&self.top).map_err(|source| StageError::Disk { path: path.to_string(), source })
    }

    fn refuse(&mut self, path: &RepoPath, what: &str) {
        let place = Some(Place::file(path.as_str()));
        self.problems.push(Problem::new(Code::RenderRefused, place, format!("this is {what}")));
    }
}

fn has_link_above(top: &Path, at: &RepoPath) -> bool {
    let mut dir = at.parent();
    while !dir.is_root() {
        if top.join(dir.as_str()).is_symlink() {
            return true;
        }
        dir = dir.parent();
    }
    false
}

fn make_parent(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Git refuses such names too, but not every tool that writes trees does.
fn is_safe(path: &RepoPath) -> bool {
    path.is_root()
        || path
            .as_str()
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.contains(['\0', '\\']))
}
