//! What was learnt about trees, kept on disk between runs.
//!
//! Never an error: what cannot be read or does not check out is not known, what
//! cannot be written is forgotten. Several processes may add at once.
//!
//! The file is a row of 32-byte records: tree id (20), facts (1), and the first
//! 11 bytes of the SHA-256 over both and the version. A record that was cut
//! short by a full disk is stepped over byte by byte to the next whole one.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::files::{LOOKED_FOR, MARKERS, TreeFacts};
use crate::name::ObjectId;

const RECORD: usize = 32;
const BODY: usize = 21;

/// Above this the file is begun anew: a cache must not grow for ever.
const MAX_FILE: u64 = 64 << 20;

/// A place on disk for what was learnt; or none.
#[derive(Debug, Clone)]
pub struct Cache {
    file: Option<PathBuf>,
}

impl Cache {
    /// No cache: everything is learnt anew.
    pub fn none() -> Self {
        Self { file: None }
    }

    /// A cache in this directory, which is made when it does not exist.
    pub fn open(dir: &Path) -> Self {
        let made = fs::create_dir_all(dir).is_ok();
        Self { file: made.then(|| dir.join("tree-facts")) }
    }

    pub(super) fn load(&self) -> HashMap<ObjectId, TreeFacts> {
        let Some(file) = &self.file else { return HashMap::new() };
        if fs::metadata(file).is_ok_and(|meta| meta.len() > MAX_FILE) {
            // Another process may be adding; it keeps its file, later ones start anew.
            let _ = fs::remove_file(file);
        }
        fs::read(file).map(|bytes| parse(&bytes)).unwrap_or_default()
    }

    pub(super) fn add(&self, learnt: &[(ObjectId, TreeFacts)]) {
        let Some(file) = &self.file else { return };
        let version = Sha256::new_with_prefix(version());
        let bytes: Vec<u8> = learnt.iter().flat_map(|(id, facts)| record(*id, *facts, &version)).collect();
        // One write in append mode: records of two processes do not interleave.
        let append = OpenOptions::new().append(true).create(true).open(file);
        let _ = append.and_then(|mut file| file.write_all(&bytes));
    }
}

/// Stands for what is looked for and this layout: other names, other checks.
fn version() -> Vec<u8> {
    let names = [&MARKERS[..], &LOOKED_FOR[..]].concat();
    format!("luigi tree facts 4\0{}", names.join("\0")).into_bytes()
}

fn record(id: ObjectId, facts: TreeFacts, version: &Sha256) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..20].copy_from_slice(&id.0);
    record[20] =
        u8::from(facts.mentions_apps) | u8::from(facts.has_links) << 1 | u8::from(facts.has_looked_for) << 2;
    let check = version.clone().chain_update(&record[..BODY]).finalize();
    record[BODY..].copy_from_slice(&check[..RECORD - BODY]);
    record
}

fn parse(bytes: &[u8]) -> HashMap<ObjectId, TreeFacts> {
    let version = Sha256::new_with_prefix(version());
    let mut known = HashMap::with_capacity(bytes.len() / RECORD);
    let mut at = 0;
    while let Some(candidate) = bytes.get(at..at + RECORD) {
        let mut id = [0; 20];
        id.copy_from_slice(&candidate[..20]);
        let flags = candidate[20];
        let facts = TreeFacts {
            mentions_apps: flags & 1 != 0,
            has_links: flags & 2 != 0,
            has_looked_for: flags & 4 != 0,
        };
        if record(ObjectId(id), facts, &version) == candidate {
            known.insert(ObjectId(id), facts);
            at += RECORD;
        } else {
            at += 1;
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: u8) -> (ObjectId, TreeFacts) {
        let facts =
            TreeFacts { mentions_apps: n & 1 == 0, has_links: n & 2 == 0, has_looked_for: n & 4 == 0 };
        (ObjectId([n; 20]), facts)
    }

    #[test]
    fn survives_a_torn_record_and_a_flipped_bit() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path());
        cache.add(&[sample(1), sample(2)]);
        let file = dir.path().join("tree-facts");
        let mut bytes = fs::read(&file).unwrap();
        bytes.extend_from_slice(&bytes.clone()[..13]);
        bytes[RECORD + 20] ^= 1;
        fs::write(&file, &bytes).unwrap();
        cache.add(&[sample(3)]);
        assert_eq!(cache.load(), HashMap::from([sample(1), sample(3)]));
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let dir = dir.path();
                scope.spawn(move || (0..25).for_each(|i| Cache::open(dir).add(&[sample(n * 25 + i)])));
            }
        });
        assert_eq!(Cache::open(dir.path()).load().len(), 200);
    }

    #[test]
    fn an_unusable_place_is_a_miss() {
        let cache = Cache::open(Path::new("/dev/null/x"));
        cache.add(&[sample(1)]);
        assert!(cache.load().is_empty());
    }
}
