//! Positioned YAML, with every scalar read as kubectl reads it.
//!
//! Does not know what a Kubernetes object is, keeps no comments or styles, and
//! never guesses: what kubectl refuses is a problem with a place. A document that
//! cannot be read does not hide the others of its file.

mod base64;
mod build;
mod mapping;
mod plain;
mod scalar;
mod split;

use crate::problem::{Code, Place, Problem};
use build::Budget;
use split::Chunk;

/// Longest file that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;
/// Most nodes of one document, those that aliases repeat included.
pub const MAX_NODES: usize = 250_000;
/// Deepest nesting of one document.
pub const MAX_DEPTH: usize = 64;

/// A place in a file; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl Mark {
    /// The place in a file of that name.
    pub fn place(self, file: &str) -> Place {
        Place::new(file, self.line, self.column)
    }
}

/// A value and where it starts. What an alias repeats keeps the place of its anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it starts; for a block mapping that is its first key.
    pub mark: Mark,
    /// What it is.
    pub value: Value,
}

/// What a node holds, as JSON would.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `null`, `~`, or no value at all.
    Null,
    /// `true`, and in YAML 1.1 also `yes`, `on`, `y`.
    Bool(bool),
    /// An integer where it fits 64 bits with sign, otherwise a finite float.
    Number(serde_json::Number),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file; its keys are unique.
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text: `1: x` has the key `1`, `on: x` the key `true`.
    pub key: String,
    /// Where the key starts.
    pub mark: Mark,
    /// Its value.
    pub value: Node,
}

/// The documents of a stream. Empty ones (nothing, `null`, only comments) are left out.
///
/// The stream is split at `---` lines first, as kubectl does, and each document is
/// parsed alone, so one bad document never hides the others.
pub fn documents(file: &str, text: &[u8]) -> (Vec<Node>, Vec<Problem>) {
    let text = match readable(file, text) {
        Ok(text) => text,
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    let mut nodes = Vec::new();
    let mut problems = Vec::new();
    let mut budget = Budget::of_file();
    for chunk in split::chunks(text) {
        read_chunk(file, chunk, &mut budget, &mut nodes, &mut problems);
    }
    (nodes, problems)
}

/// The only document of a file, `None` where there is none; a second one is a problem.
pub fn document(file: &str, text: &[u8]) -> (Option<Node>, Vec<Problem>) {
    let (nodes, mut problems) = documents(file, text);
    let mut nodes = nodes.into_iter();
    let first = nodes.next();
    if let Some(second) = nodes.next() {
        let message = "there is a second document where one is expected";
        problems.push(
            Problem::new(Code::YamlSyntax, Some(second.place(file)), message)
                .help("Keep one document in this file."),
        );
    }
    (first, problems)
}

/// The text without its byte order mark, if it is text of bounded size.
fn readable<'t>(file: &str, text: &'t [u8]) -> Result<&'t str, Problem> {
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {} MiB", MAX_BYTES >> 20);
        return Err(Problem::new(Code::YamlTooLarge, Some(Place::new(file, 1, 1)), message));
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let good = text.get(..error.valid_up_to()).unwrap_or_default();
        let place = split::place_after(good).place(file);
        Problem::new(Code::NotText, Some(place), "the file is not UTF-8 text")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Whether text without quotes is read as text.
pub(super) fn is_text(text: &str) -> bool {
    scalar::plain(text) == scalar::Scalar::Text
}

/// A float as kubectl has it in JSON: an integer where it is one.
pub(super) fn json_number(value: f64) -> Option<serde_json::Number> {
    scalar::json_number(value)
}

fn read_chunk(
    file: &str,
    chunk: Chunk<'_>,
    budget: &mut Budget,
    nodes: &mut Vec<Node>,
    problems: &mut Vec<Problem>,
) {
    if let Some(mark) = chunk.bad_separator {
        problems.push(
            Problem::new(
                Code::YamlSyntax,
                Some(mark.place(file)),
                "only a comment may follow `---` on its line",
            )
            .help("Put what follows `---` on the next line; kubectl refuses it here."),
        );
        return;
    }
    if chunk.text.trim_start().is_empty() {
        return;
    }
    if let Some(node) = plain::document(&chunk, budget) {
        nodes.push(node);
        return;
    }
    let mut faults = Vec::new();
    let read = build::document(&chunk, budget, &mut faults);
    match read {
        Ok(Some(node)) if faults.is_empty() => nodes.extend((!node.is_null()).then_some(node)),
        Ok(_) => {}
        Err(fault) if fault.code == Code::YamlSyntax => match build::json_stream(&chunk, budget) {
            Some(found) => nodes.extend(found),
            None => faults.push(fault),
        },
        Err(fault) => faults.push(fault),
    }
    problems.extend(faults.into_iter().map(|fault| fault.into_problem(file, chunk.text)));
}

impl Node {
    /// The value at a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a mapping, for the place of its key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|entry| entry.key == key)
    }

    /// The value at a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(value) => Some(*value),
            Value::Null | Value::Text(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.value {
            Value::Number(number) => number.as_i64(),
            Value::Null | Value::Text(_) | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            Value::Null | Value::Text(_) | Value::Bool(_) | Value::Number(_) | Value::Map(_) => None,
        }
    }

    /// The entries, if it is a mapping.
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            Value::Null | Value::Text(_) | Value::Bool(_) | Value::Number(_) | Value::List(_) => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The same value without places.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(*value),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::Text(text) => serde_json::Value::String(text.clone()),
            Value::List(items) => serde_json::Value::Array(items.iter().map(Node::to_json).collect()),
            Value::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
            ),
        }
    }

    /// The same value without places; its texts move instead of being copied.
    pub fn into_json(self) -> serde_json::Value {
        match self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(value),
            Value::Number(number) => serde_json::Value::Number(number),
            Value::Text(text) => serde_json::Value::String(text),
            Value::List(items) => serde_json::Value::Array(items.into_iter().map(Node::into_json).collect()),
            Value::Map(entries) => serde_json::Value::Object(
                entries.into_iter().map(|entry| (entry.key, entry.value.into_json())).collect(),
            ),
        }
    }

    /// Where it starts, in a file of that name.
    pub fn place(&self, file: &str) -> Place {
        self.mark.place(file)
    }

    /// What it is, in a word for messages.
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

#[cfg(test)]
mod tests;
