//! Objects from one database to another: which are missing, as a pack, and in.
//!
//! Relies on git's own rule that a tree which is there is there whole. Moves no
//! ref; until one points at them, new objects mean nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

use git2::Repository;

use super::smart::{Boundary, Depth};
use super::store::{self, Store};
use super::{GitError, oid};
use crate::files::{Entry, EntryKind, ReadError};
use crate::name::ObjectId;

/// Copies commits and all they need from one repository on this machine to
/// another.
pub(super) fn copy(
    from: &Store,
    to: &Store,
    wants: &[ObjectId],
    depth: Depth,
    to_ends: &HashSet<ObjectId>,
    from_ends: &HashSet<ObjectId>,
) -> Result<Boundary, GitError> {
    let (mut missing, mut boundary) = (Vec::new(), Boundary::default());
    let (mut seen, mut todo) = (HashSet::new(), wants.to_vec());
    let mut known = HashSet::new();
    while let Some(commit) = todo.pop() {
        if !seen.insert(commit) {
            continue;
        }
        let here = has(to, commit)?;
        if here && depth != Depth::Unshallow {
            continue;
        }
        let raw = from.with(|repo| store::read_commit(&store::odb(repo)?, commit))??;
        if !here {
            missing.push(commit);
            missing_in_tree(from, to, raw.tree, &mut known, &mut missing)?;
        }
        let ends = from_ends.contains(&commit) || (depth == Depth::One && !raw.parents.is_empty());
        if ends {
            boundary.added.push(commit);
            continue;
        }
        if to_ends.contains(&commit) {
            boundary.removed.push(commit);
        }
        todo.extend(raw.parents);
    }
    if !missing.is_empty() {
        let pack = from.with(|repo| pack(repo, &missing))??;
        to.with(|repo| unpack(repo, &mut pack.as_slice()))??;
    }
    Ok(boundary)
}

fn has(store: &Store, id: ObjectId) -> Result<bool, ReadError> {
    store.with(|repo| Ok(store::odb(repo)?.exists(oid(id))))?
}

fn missing_in_tree(
    from: &Store,
    to: &Store,
    tree: ObjectId,
    known: &mut HashSet<ObjectId>,
    missing: &mut Vec<ObjectId>,
) -> Result<(), ReadError> {
    let mut todo = vec![tree];
    while let Some(tree) = todo.pop() {
        if !known.insert(tree) || has(to, tree)? {
            continue;
        }
        missing.push(tree);
        for (_, entry) in from.list(tree)?.iter() {
            match entry.kind {
                EntryKind::Directory => todo.push(entry.id),
                EntryKind::Submodule => {}
                EntryKind::File | EntryKind::Executable | EntryKind::Link => {
                    if known.insert(entry.id) && !has(to, entry.id)? {
                        missing.push(entry.id);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The objects of a commit that its parent's tree does not hold at the same
/// place: what a server that has the parent needs.
pub(super) fn new_objects(
    store: &Store,
    commit: ObjectId,
    tree: ObjectId,
    parent_tree: Option<ObjectId>,
) -> Result<Vec<ObjectId>, ReadError> {
    let mut seen = HashSet::from([commit]);
    let mut new = vec![commit];
    let mut todo = vec![(tree, parent_tree)];
    while let Some((tree, before)) = todo.pop() {
        if Some(tree) == before || !seen.insert(tree) {
            continue;
        }
        new.push(tree);
        let before = before.map(|before| store.list(before)).transpose()?;
        for (name, entry) in store.list(tree)?.iter() {
            let was = before.as_ref().and_then(|before| crate::files::find(before, name));
            match (entry.kind, was) {
                (EntryKind::Submodule, _) => {}
                (_, Some(Entry { id, .. })) if id == entry.id => {}
                (EntryKind::Directory, was) => {
                    let was = was.filter(|was| was.kind == EntryKind::Directory).map(|was| was.id);
                    todo.push((entry.id, was));
                }
                (EntryKind::File | EntryKind::Executable | EntryKind::Link, _) => {
                    if seen.insert(entry.id) {
                        new.push(entry.id);
                    }
                }
            }
        }
    }
    Ok(new)
}

/// These objects as a pack.
pub(super) fn pack(repo: &Repository, objects: &[ObjectId]) -> Result<Vec<u8>, GitError> {
    let failed = |e: git2::Error| GitError::failed("pack objects", &e.message());
    let mut builder = repo.packbuilder().map_err(failed)?;
    for id in objects {
        builder.insert_object(oid(*id), None).map_err(failed)?;
    }
    let mut buf = git2::Buf::new();
    builder.write_buf(&mut buf).map_err(failed)?;
    Ok(buf.to_vec())
}

/// Stores a pack and makes it durable. A pack of no objects is nothing.
pub(super) fn unpack(repo: &Repository, pack: &mut dyn Read) -> Result<(), GitError> {
    let failed = |why: &dyn ToString| GitError::failed("store a pack", &why.to_string());
    let mut head = [0; 12];
    pack.read_exact(&mut head).map_err(|e| failed(&e))?;
    let empty = head[8..] == [0; 4];
    let odb = store::odb(repo)?;
    let mut writer = odb.packwriter().map_err(|e| failed(&e.message()))?;
    writer.write_all(&head).map_err(|e| failed(&e))?;
    let mut buf = vec![0; 64 << 10];
    loop {
        match pack.read(&mut buf).map_err(|e| failed(&e))? {
            0 => break,
            _ if empty => {}
            n => writer.write_all(&buf[..n]).map_err(|e| failed(&e))?,
        }
    }
    if empty {
        return Ok(());
    }
    let before = packs(repo);
    writer.commit().map_err(|e| failed(&e.message()))?;
    for file in packs(repo).difference(&before) {
        sync(file).map_err(|e| failed(&e))?;
    }
    sync(&repo.commondir().join("objects/pack")).map_err(|e| failed(&e))?;
    odb.refresh().map_err(|e| failed(&e.message()))
}

fn packs(repo: &Repository) -> HashSet<std::path::PathBuf> {
    let dir = std::fs::read_dir(repo.commondir().join("objects/pack"));
    dir.map(|dir| dir.flatten().map(|file| file.path()).collect()).unwrap_or_default()
}

/// Writes a file's or directory's content through to the disk. What another
/// process removed meanwhile (git packs what is loose) is stored elsewhere.
pub(super) fn sync(path: &Path) -> std::io::Result<()> {
    match File::open(path).and_then(|file| file.sync_all()) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
