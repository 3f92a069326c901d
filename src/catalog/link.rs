//! Where a path leads when symbolic links on the way are followed.
//!
//! Never leaves the repository: a link that would is named, not followed.

use crate::files::{EntryKind, Files, ReadError};
use crate::name::{ObjectId, RepoPath};

use super::closure::{Found, What};
use super::job::Mount;

/// Links followed for one path, at most; more is a circle (Linux: `ELOOP`).
const MAX_LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The links on the way, with the blobs that hold their targets.
    pub links: Vec<(RepoPath, ObjectId)>,
    /// Its end.
    pub end: End,
}

/// The end of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// What is there, or that nothing is.
    Found(Found),
    /// In this submodule: nobody here knows what is there.
    Submodule(RepoPath),
    /// A link that leaves the repository.
    Leaves(RepoPath),
    /// A link that goes in a circle.
    Circle(RepoPath),
}

impl End {
    /// What is wrong with the way, in words.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Found(_) | Self::Submodule(_) => None,
            Self::Leaves(link) => Some(format!("the link {link} leaves the repository")),
            Self::Circle(link) => Some(format!("the link {link} goes in a circle")),
        }
    }
}

/// Walks a path component by component, following links.
pub fn follow(files: &dyn Files, path: &RepoPath) -> Result<Way, ReadError> {
    let absent = || End::Found(Found { real: path.clone(), what: What::Absent });
    let parts = |path: &RepoPath| -> Vec<String> {
        path.as_str().split('/').rev().filter(|p| !p.is_empty()).map(str::to_owned).collect()
    };
    let mut rest = parts(path);
    let mut at = RepoPath::root();
    let mut links = Vec::new();
    while let Some(part) = rest.pop() {
        let next = at.child(&part);
        let Some(entry) = files.entry(&next)? else { return Ok(Way { links, end: absent() }) };
        match entry.kind {
            EntryKind::File | EntryKind::Executable | EntryKind::Directory => at = next,
            EntryKind::Submodule => return Ok(Way { links, end: End::Submodule(next) }),
            EntryKind::Link => {
                links.push((next.clone(), entry.id));
                let target = String::from_utf8_lossy(&files.blob(entry.id)?).into_owned();
                let Ok(target) = at.join(&target) else {
                    return Ok(Way { links, end: End::Leaves(next) });
                };
                if links.len() > MAX_LINKS {
                    return Ok(Way { links, end: End::Circle(next) });
                }
                rest.extend(parts(&target));
                at = RepoPath::root();
            }
        }
    }
    let what = match files.entry(&at)? {
        Some(entry) => match entry.kind {
            EntryKind::File | EntryKind::Executable => What::Blob(entry.id),
            EntryKind::Directory => What::Tree(entry.id),
            EntryKind::Submodule | EntryKind::Link => What::Absent,
        },
        None => What::Absent,
    };
    Ok(Way { links, end: End::Found(Found { real: at, what }) })
}

/// Where a path of the content's file system lies in the repository; `None`
/// where no mount covers it.
pub fn real_path(mounts: &[Mount], path: &RepoPath) -> Option<RepoPath> {
    if mounts.is_empty() {
        return Some(path.clone());
    }
    let best = mounts.iter().filter(|m| path.is_within(&m.at)).max_by_key(|m| m.at.as_str().len())?;
    path.below(&best.at).and_then(|rest| best.from.join(rest).ok())
}
