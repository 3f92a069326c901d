//! One mapping while it is read: unique keys, and what `<<` merges in.
//!
//! Does not read events and does not decide what a doubled key costs.

use std::collections::{HashMap, HashSet};

use super::build::Fault;
use super::{Entry, Mark, Node, Value};
use crate::problem::Code;

/// Longer mappings look their keys up in an index.
const SHORT: usize = 16;

/// A mapping's entries in the order of the file.
#[derive(Debug, Default)]
pub(super) struct MapBuilder {
    pub(super) entries: Vec<Entry>,
    /// Where each key is, in a long mapping.
    index: HashMap<String, usize>,
    /// The keys that came by a merge.
    merged: HashSet<String>,
}

impl MapBuilder {
    /// Adds a key that stands in the file. One that was merged before gives way; else
    /// the key comes back with the place where it stood first.
    pub(super) fn put(&mut self, entry: Entry) -> Result<(), (String, Mark)> {
        let Some(at) = self.find(&entry.key) else {
            self.push(entry);
            return Ok(());
        };
        let gives_way = self.merged.remove(&entry.key);
        match self.entries.get_mut(at) {
            Some(old) if gives_way => *old = entry,
            Some(old) => return Err((entry.key, old.mark)),
            None => {}
        }
        Ok(())
    }

    /// Adds what `<<` brings in. As in kubectl the order of the file decides: a merge
    /// that comes after a key replaces it, a key after the merge replaces what was
    /// merged; of a list of mappings the first that has a key wins.
    pub(super) fn merge(&mut self, value: Node) -> Result<(), Fault> {
        match value.value {
            Value::Map(map) => self.merge_map(map),
            Value::List(items) => {
                for item in items.into_iter().rev() {
                    let Value::Map(map) = item.value else { return Err(not_a_map(item.mark)) };
                    self.merge_map(map);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
                return Err(not_a_map(value.mark));
            }
        }
        Ok(())
    }

    fn merge_map(&mut self, map: Vec<Entry>) {
        for entry in map {
            self.merged.insert(entry.key.clone());
            match self.find(&entry.key).and_then(|at| self.entries.get_mut(at)) {
                Some(old) => *old = entry,
                None => self.push(entry),
            }
        }
    }

    fn find(&self, key: &str) -> Option<usize> {
        if self.entries.len() <= SHORT {
            return self.entries.iter().position(|entry| entry.key == key);
        }
        self.index.get(key).copied()
    }

    fn push(&mut self, entry: Entry) {
        let at = self.entries.len();
        if at == SHORT {
            self.index = self.entries.iter().enumerate().map(|(at, old)| (old.key.clone(), at)).collect();
        }
        if at >= SHORT {
            self.index.insert(entry.key.clone(), at);
        }
        self.entries.push(entry);
    }
}

fn not_a_map(mark: Mark) -> Fault {
    Fault::new(Code::YamlValue, mark, "`<<` takes a mapping or a list of mappings")
}
