//! Rendered objects on the disk, found again by all that they depend on.
//!
//! Keeps no failures, and throws nothing away: the folder belongs to whoever
//! named it. An entry that cannot be read, or is not what was written, is a miss.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::catalog::job::Job;
use crate::name::Digest;
use crate::object::Object;
use crate::problem::Place;

/// Raised when the same job would give other objects for a reason of ours.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Key<'a> {
    format: u32,
    job: &'a Job,
    tools: &'a [&'a str],
}

/// What a job's objects depend on: the job, with the ids of its inputs, the
/// tools' versions, and this program's own rules. `None`: not to be cached.
pub(super) fn key(job: &Job, tools: &[&str]) -> Option<Digest> {
    let bytes = serde_json_canonicalizer::to_vec(&Key { format: FORMAT, job, tools }).ok()?;
    Some(Digest::of(&bytes))
}

fn file(dir: &Path, key: &Digest) -> PathBuf {
    let name = key.to_string();
    let name = name.trim_start_matches("sha256:");
    dir.join(&name[..2]).join(format!("{name}.json"))
}

/// The objects stored under a key.
pub(super) fn get(dir: &Path, key: &Digest) -> Option<Vec<Object>> {
    let bytes = std::fs::read(file(dir, key)).ok()?;
    // The first line is the digest of the rest.
    let at = bytes.iter().position(|byte| *byte == b'\n')?;
    let (digest, body) = (std::str::from_utf8(&bytes[..at]).ok()?, &bytes[at + 1..]);
    if digest != Digest::of(body).to_string() {
        return None;
    }
    let all: Vec<serde_json::Value> = serde_json::from_slice(body).ok()?;
    let place = Place::file("the render cache");
    all.into_iter().map(|json| Object::from_json(&place, json).ok()).collect()
}

/// Stores objects. A disk that refuses costs time, not truth: it is not said.
pub(super) fn put(dir: &Path, key: &Digest, objects: &[Object]) {
    let all: Vec<&serde_json::Value> = objects.iter().map(|object| &object.json).collect();
    // Not in canonical form: that would round large numbers.
    let Ok(body) = serde_json::to_vec(&all) else { return };
    let again: Option<Vec<serde_json::Value>> = serde_json::from_slice(&body).ok();
    if again.is_some_and(|again| again.iter().eq(all)) {
        let _ = write(&file(dir, key), &body);
    }
}

fn write(path: &Path, body: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(path);
    std::fs::create_dir_all(dir)?;
    // Beside it and renamed: another run never sees half of it.
    let mut new = tempfile::NamedTempFile::new_in(dir)?;
    writeln!(new, "{}", Digest::of(body))?;
    new.write_all(body)?;
    new.persist(path).map(|_| ()).map_err(|error| error.error)
}
