//! What is known of positions, kept in a file line by line, so that a sweep can be
//! stopped at any moment and go on later.
//!
//! A file of another program says nothing about this one, and is begun anew.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fault::Blow;
use crate::oracle::Faults;
use crate::position::{Position, Result};
use crate::world;

/// What is kept of a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub faults: Faults,
    pub alone: bool,
    pub reached: bool,
    pub seconds: f64,
}

/// Positions that are done.
pub struct State {
    file: Option<File>,
    known: BTreeMap<(String, &'static str, String), Known>,
}

fn name(position: &Position) -> (String, &'static str, String) {
    (position.scenario.to_owned(), position.strike.blow.name(), position.strike.key.clone())
}

impl State {
    /// Nothing is known, and nothing is kept.
    pub fn nowhere() -> Self {
        Self { file: None, known: BTreeMap::new() }
    }

    /// What a file has, if it is of this program.
    pub fn open(path: &Path) -> Self {
        let head = json!({"program": program()}).to_string();
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut known = BTreeMap::new();
        let same = text.lines().next() == Some(&head);
        if same {
            // The last line may be half written.
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).skip(1);
            known.extend(whole.filter_map(|line| read(&serde_json::from_str(line).ok()?)));
        }
        let mut file = if same {
            OpenOptions::new().append(true).open(path).unwrap()
        } else {
            File::create(path).unwrap()
        };
        if !same {
            writeln!(file, "{head}").unwrap();
        } else if !text.ends_with('\n') {
            writeln!(file).unwrap();
        }
        Self { file: Some(file), known }
    }

    pub fn get(&self, position: &Position) -> Option<&Known> {
        self.known.get(&name(position))
    }

    /// Forgets a position, so that it is done again.
    pub fn forget(&mut self, position: &Position) {
        self.known.remove(&name(position));
    }

    pub fn put(&mut self, position: &Position, result: &Result) {
        let known = Known {
            faults: result.faults.clone(),
            alone: result.alone,
            reached: result.reached,
            seconds: result.seconds,
        };
        let line = json!({
            "scenario": position.scenario, "blow": position.strike.blow.name(), "key": position.strike.key,
            "lost": known.faults.lost, "orphaned": known.faults.orphaned, "stuck": known.faults.stuck,
            "alone": known.alone, "reached": known.reached, "seconds": known.seconds, "runs": result.runs,
            "words": result.words,
        });
        if let Some(file) = &mut self.file {
            writeln!(file, "{line}").unwrap();
        }
        self.known.insert(name(position), known);
    }
}

fn read(line: &Value) -> Option<((String, &'static str, String), Known)> {
    let list = |key: &str| -> Option<Vec<String>> {
        line[key].as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let blow = Blow::parse(line["blow"].as_str()?)?;
    let name = (line["scenario"].as_str()?.to_owned(), blow.name(), line["key"].as_str()?.to_owned());
    let faults = Faults { lost: list("lost")?, orphaned: list("orphaned")?, stuck: list("stuck")? };
    let known = Known {
        faults,
        alone: line["alone"].as_bool()?,
        reached: line["reached"].as_bool()?,
        seconds: line["seconds"].as_f64()?,
    };
    Some((name, known))
}

fn program() -> String {
    let bytes = fs::read(world::program()).unwrap();
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
