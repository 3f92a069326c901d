//! Looks through a chart's archive before helm unpacks it: its size, and whether
//! each entry stays in its folder.
//!
//! Unpacks nothing to a disk.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

use flate2::read::GzDecoder;

use crate::problem::{Code, Place, Problem};

/// The most that an archive may unpack to, in bytes. Helm's own limit for a
/// whole chart is the same.
const MOST_BYTES: u64 = 100 << 20;

/// The most entries an archive may have.
const MOST_ENTRIES: usize = 20_000;

/// What is wrong with the archive at `path`, shown to people as `file`.
pub(super) fn check(path: &Path, file: &str) -> Vec<Problem> {
    let refuse = |code, message: String| vec![Problem::new(code, Some(Place::file(file)), message)];
    match look(path) {
        Ok(()) => Vec::new(),
        Err(Fault::Unsafe(what)) => refuse(Code::RenderRefused, what),
        Err(Fault::Large) => refuse(
            Code::RenderLimit,
            format!("the archive unpacks to more than {} MiB or {MOST_ENTRIES} entries", MOST_BYTES >> 20),
        ),
        Err(Fault::Io(error)) => refuse(Code::RenderFailed, format!("the archive cannot be read: {error}")),
    }
}

enum Fault {
    Unsafe(String),
    Large,
    Io(std::io::Error),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn look(path: &Path) -> Result<(), Fault> {
    let packed = !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tar"));
    let file = File::open(path)?;
    let bytes: Box<dyn Read> = if packed { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    // One byte more than is allowed, so that an archive that is cut off by the
    // limit is told from one that ends there.
    let mut archive = tar::Archive::new(Counted { inner: bytes, left: MOST_BYTES });
    let entries = archive.entries()?;
    for (count, entry) in entries.enumerate() {
        let entry = entry.map_err(too_large)?;
        if count >= MOST_ENTRIES {
            return Err(Fault::Large);
        }
        let name = entry.path()?.into_owned();
        if leaves(&name) {
            return Err(Fault::Unsafe(format!("the archive's entry {} leaves its folder", name.display())));
        }
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            return Err(Fault::Unsafe(format!("the archive's entry {} is a link", name.display())));
        }
    }
    Ok(())
}

/// Absolute, climbing, or with a backslash that some system takes for a `/`.
fn leaves(path: &Path) -> bool {
    path.components().any(|part| match part {
        Component::ParentDir | Component::RootDir | Component::Prefix(_) => true,
        Component::Normal(name) => name.to_string_lossy().contains('\\'),
        Component::CurDir => false,
    })
}

/// A reader that fails once more than is allowed was read.
struct Counted {
    inner: Box<dyn Read>,
    left: u64,
}

const TOO_LARGE: &str = "more than the archive may have";

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(std::io::Error::other(TOO_LARGE)),
        }
        Ok(read)
    }
}

fn too_large(error: std::io::Error) -> Fault {
    if error.to_string().contains(TOO_LARGE) { Fault::Large } else { Fault::Io(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn archive(dir: &Path, entries: &[(&str, tar::EntryType, u64)]) -> std::path::PathBuf {
        let path = dir.join("x.tgz");
        let zip = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(zip);
        for (name, kind, size) in entries {
            let mut header = tar::Header::new_gnu();
            // Not `set_path`: it refuses what this is about.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(*size);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, std::io::repeat(b'a').take(*size)).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap().flush().unwrap();
        path
    }

    #[test]
    fn what_leaves_links_or_is_too_large_is_named() {
        use tar::EntryType::{Regular, Symlink};
        let dir = tempfile::tempdir().unwrap();
        for (entries, expected) in [
            (&[("x/Chart.yaml", Regular, 3)][..], ""),
            (
                &[("x/a", Regular, 0), ("../../evil", Regular, 3)],
                "L0503: the archive's entry ../../evil leaves",
            ),
            (&[("/etc/evil", Regular, 3)], "L0503: the archive's entry /etc/evil leaves"),
            (&[("x/../../evil", Regular, 3)], "L0503: the archive's entry x/../../evil leaves"),
            (&[("x/link", Symlink, 0)], "L0503: the archive's entry x/link is a link"),
            (
                &[("x/bomb", Regular, MOST_BYTES + 1), ("x/b", Regular, 0)],
                "L0504: the archive unpacks to more",
            ),
        ] {
            let path = archive(dir.path(), entries);
            let told: Vec<String> = check(&path, "c.tgz").iter().map(ToString::to_string).collect();
            match told.as_slice() {
                [] => assert_eq!(expected, "", "{entries:?}"),
                [one] => assert!(one.starts_with(&format!("c.tgz: {expected}")), "{one}"),
                more => panic!("{more:?}"),
            }
        }
    }
}
