//! Nodes from the events of the YAML parser, under a budget.
//!
//! Does not split streams and does not decide what a scalar means. Every loop is
//! bounded by the input or the budget; the only recursion is as deep as `MAX_DEPTH`.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::mapping::MapBuilder;
use super::scalar::{self, Scalar};
use super::split::{self, Chunk};
use super::{Entry, MAX_DEPTH, MAX_NODES, Mark, Node, Value};
use crate::problem::{Code, Problem};

/// Most nodes of one file.
const FILE_NODES: usize = 4_000_000;
/// Most bytes of text that the aliases of one file may repeat.
const FILE_REPEATED: usize = 64 << 20;
/// Most characters of one document that may start a token: the parser holds all
/// tokens of an outermost `{…}` or `[…]` at once.
const MAX_INDICATORS: usize = 2_000_000;
/// Most doubled keys that are told of one document.
const MAX_DOUBLES: usize = 20;

/// What one file may still cost.
#[derive(Debug)]
pub(super) struct Budget {
    nodes: usize,
    repeated: usize,
}

impl Budget {
    pub(super) fn of_file() -> Self {
        Self { nodes: FILE_NODES, repeated: FILE_REPEATED }
    }

    /// Pays for nodes; nothing is paid where that is too much.
    pub(super) fn take(&mut self, nodes: usize) -> bool {
        let left = self.nodes.checked_sub(nodes);
        self.nodes = left.unwrap_or(self.nodes);
        left.is_some()
    }
}

/// What is wrong with a document, before it knows its file.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: Code,
    mark: Mark,
    message: String,
}

impl Fault {
    pub(super) fn new(code: Code, mark: Mark, message: impl Into<String>) -> Self {
        Self { code, mark, message: message.into() }
    }

    pub(super) fn into_problem(self, file: &str, text: &str) -> Problem {
        let problem = Problem::new(self.code, Some(self.mark.place(file)), self.message);
        if self.code == Code::YamlSyntax && text.contains("{{") {
            return problem.help(
                "It holds `{{`: a template is not plain YAML, so name the chart that renders it instead.",
            );
        }
        problem
    }
}

/// The document of a chunk; `None` where it is empty. Doubled keys go to `doubles`,
/// so that all of them are told at once.
pub(super) fn document(
    chunk: &Chunk<'_>,
    budget: &mut Budget,
    doubles: &mut Vec<Fault>,
) -> Result<Option<Node>, Fault> {
    check_characters(chunk)?;
    // kubectl ends every line, which decides whether a last `|` ends with one.
    let ended;
    let text = if chunk.text.ends_with('\n') || chunk.text.is_empty() {
        chunk.text
    } else {
        ended = format!("{}\n", chunk.text);
        ended.as_str()
    };
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        lines_before: chunk.lines_before,
        anchors: HashMap::new(),
        nodes: 0,
        bytes: 0,
        copied: 0,
        budget,
        doubles,
    };
    builder.document()
}

fn check_characters(chunk: &Chunk<'_>) -> Result<(), Fault> {
    let text = chunk.text;
    let ascii_control = |byte: u8| (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f;
    let suspect = !text.is_ascii() || text.bytes().any(ascii_control);
    if let Some(at) = suspect.then(|| text.find(refused)).flatten() {
        let before = split::place_after(text.as_bytes().get(..at).unwrap_or_default());
        let mark = Mark { line: before.line + chunk.lines_before, column: before.column };
        let message = "YAML does not take this control character or line break as it is; \
                       write it as an escape in double quotes";
        return Err(Fault::new(Code::YamlSyntax, mark, message));
    }
    let starts = |byte: &u8| b",[]{}:?*&!\"'#".contains(byte);
    if text.len() > MAX_INDICATORS && text.bytes().filter(starts).count() > MAX_INDICATORS {
        let top = Mark { line: chunk.lines_before + 1, column: 1 };
        return Err(Fault::new(Code::YamlTooLarge, top, "the document has too many parts"));
    }
    Ok(())
}

/// What kubectl refuses, and the line breaks of YAML 1.1 that 1.2 takes for text.
fn refused(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}' => true,
        _ => false,
    }
}

/// The objects of a chunk that is JSON and not YAML, such as `{…}{…}` or text with
/// surrogate pairs; `None` where it is not JSON either. All have the chunk's place.
pub(super) fn json_stream(chunk: &Chunk<'_>, budget: &mut Budget) -> Option<Vec<Node>> {
    if !chunk.text.trim_start().starts_with('{') {
        return None;
    }
    let mark = Mark { line: chunk.lines_before + 1, column: 1 };
    let mut nodes = Vec::new();
    for value in serde_json::Deserializer::from_str(chunk.text).into_iter::<serde_json::Value>() {
        nodes.push(json_node(value.ok()?, mark, 0, budget)?);
    }
    Some(nodes)
}

fn json_node(json: serde_json::Value, mark: Mark, depth: usize, budget: &mut Budget) -> Option<Node> {
    budget.nodes = budget.nodes.checked_sub(1)?;
    if depth > MAX_DEPTH {
        return None;
    }
    let value = match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) if number.is_i64() => Value::Number(number),
        serde_json::Value::Number(number) => Value::Number(scalar::json_number(number.as_f64()?)?),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => Value::List(
            items.into_iter().map(|item| json_node(item, mark, depth + 1, budget)).collect::<Option<_>>()?,
        ),
        serde_json::Value::Object(map) => Value::Map(
            map.into_iter()
                .map(|(key, value)| {
                    Some(Entry { key, mark, value: json_node(value, mark, depth + 1, budget)? })
                })
                .collect::<Option<_>>()?,
        ),
    };
    Some(Node { mark, value })
}

/// What an anchor names: the node, how many nodes and bytes of text it has, and how
/// many levels; `None` while it is still being read.
type Anchored = Option<(Node, Size)>;

#[derive(Debug, Clone, Copy)]
struct Size {
    nodes: usize,
    bytes: usize,
}

struct Builder<'t, 'b> {
    parser: Parser<'t, StrInput<'t>>,
    lines_before: u32,
    anchors: HashMap<usize, Anchored>,
    /// Nodes and bytes of text of this document so far.
    nodes: usize,
    bytes: usize,
    /// Nodes that anchors and aliases of this document copied so far.
    copied: usize,
    budget: &'b mut Budget,
    doubles: &'b mut Vec<Fault>,
}

/// A mapping's key, before it is text.
enum Key {
    Text(String),
    Merge,
}

impl<'t> Builder<'t, '_> {
    fn document(&mut self) -> Result<Option<Node>, Fault> {
        let mut found = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(found),
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                _ if found.is_some() => {
                    let mark = self.mark(span.start);
                    let message = "something follows the document's end `...`, which kubectl would not read";
                    return Err(Fault::new(Code::YamlSyntax, mark, message));
                }
                Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                    found = Some(self.node(event, span, 0)?);
                }
                Event::SequenceEnd | Event::MappingEnd => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Fault {
        let mark = self.mark(*error.marker());
        if error.info().contains("unknown anchor") {
            return Fault::new(Code::YamlAlias, mark, "the alias names no anchor");
        }
        if error.info().contains("recursion limit") {
            let message = format!("the document is nested deeper than {MAX_DEPTH} levels");
            return Fault::new(Code::YamlTooLarge, mark, message);
        }
        Fault::new(Code::YamlSyntax, mark, error.info())
    }

    /// The parser counts lines from 1 and columns from 0, and knows this chunk only.
    fn mark(&self, marker: Marker) -> Mark {
        let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX - 1);
        Mark {
            line: narrow(marker.line()).saturating_add(self.lines_before),
            column: narrow(marker.col()).saturating_add(1),
        }
    }

    fn spend(&mut self, nodes: usize, mark: Mark) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = format!("the document has more than {MAX_NODES} values");
            return Err(Fault::new(Code::YamlTooLarge, mark, message));
        }
        let left = self.budget.nodes.checked_sub(nodes);
        self.budget.nodes = left.ok_or_else(|| {
            Fault::new(Code::YamlTooLarge, mark, format!("the file has more than {FILE_NODES} values"))
        })?;
        Ok(())
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Fault> {
        let mark = self.mark(span.start);
        self.spend(1, mark)?;
        let before = Size { nodes: self.nodes - 1, bytes: self.bytes };
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.bytes += text.len();
                let implicit = style == ScalarStyle::Plain;
                let resolved = resolved(implicit, tag.as_deref(), &text)
                    .map_err(|why| Fault::new(Code::YamlValue, mark, why))?;
                let value = value(resolved, text).ok_or_else(|| {
                    let message = "JSON, and so Kubernetes, has no infinity and no not-a-number";
                    Fault::new(Code::YamlValue, mark, message)
                })?;
                (anchor, value)
            }
            Event::SequenceStart(anchor, _) => {
                self.enter(anchor, depth, mark)?;
                (anchor, self.list(depth + 1)?)
            }
            Event::MappingStart(anchor, _) => {
                self.enter(anchor, depth, mark)?;
                (anchor, self.map(depth + 1)?)
            }
            Event::Alias(anchor) => return self.alias(anchor, depth, mark),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(Fault::new(Code::YamlSyntax, mark, "the document ends too early"));
            }
        };
        let node = Node { mark, value };
        if anchor > 0 {
            let size = Size { nodes: self.nodes - before.nodes, bytes: self.bytes - before.bytes };
            // The copy costs as much as an alias: anchors around anchors multiply too.
            self.repeat(size, mark)?;
            self.anchors.insert(anchor, Some((node.clone(), size)));
        }
        Ok(node)
    }

    fn enter(&mut self, anchor: usize, depth: usize, mark: Mark) -> Result<(), Fault> {
        if depth >= MAX_DEPTH {
            let message = format!("the document is nested deeper than {MAX_DEPTH} levels");
            return Err(Fault::new(Code::YamlTooLarge, mark, message));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, depth: usize, mark: Mark) -> Result<Node, Fault> {
        let Some(Some((_, size))) = self.anchors.get(&anchor) else {
            return Err(Fault::new(Code::YamlAlias, mark, "the alias stands inside its own anchor"));
        };
        let size = *size;
        self.spend(size.nodes.saturating_sub(1), mark)?;
        self.bytes += size.bytes;
        self.repeat(size, mark)?;
        let Some(Some((node, _))) = self.anchors.get(&anchor) else {
            return Err(Fault::new(Code::YamlAlias, mark, "the alias names no anchor"));
        };
        if depth + height(node) > MAX_DEPTH {
            let message = format!("the document is nested deeper than {MAX_DEPTH} levels");
            return Err(Fault::new(Code::YamlTooLarge, mark, message));
        }
        Ok(node.clone())
    }

    /// Pays for a copy of what an anchor names.
    fn repeat(&mut self, size: Size, mark: Mark) -> Result<(), Fault> {
        self.copied += size.nodes;
        let left = self.budget.repeated.checked_sub(size.bytes);
        match left {
            Some(left) if self.copied <= 2 * MAX_NODES => {
                self.budget.repeated = left;
                Ok(())
            }
            _ => Err(Fault::new(
                Code::YamlTooLarge,
                mark,
                "anchors and aliases repeat more than is safe to read",
            )),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::List(items));
            }
            items.push(self.node(event, span, depth)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut map = MapBuilder::default();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(map.entries));
            }
            let mark = self.mark(span.start);
            let key = self.key(event, mark)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth)?;
            match key {
                Key::Merge => map.merge(value)?,
                Key::Text(key) => {
                    if let Err((key, first)) = map.put(Entry { key, mark, value }) {
                        self.double(&key, mark, first);
                    }
                }
            }
        }
    }

    fn double(&mut self, key: &str, mark: Mark, first: Mark) {
        if self.doubles.len() < MAX_DOUBLES {
            let message = format!(
                "the key `{key}` is here again; it is already at line {}, column {}",
                first.line, first.column
            );
            self.doubles.push(Fault::new(Code::YamlDuplicateKey, mark, message));
        }
    }

    fn key(&mut self, event: Event<'t>, mark: Mark) -> Result<Key, Fault> {
        let refuse = |what: &str| Fault::new(Code::YamlKey, mark, format!("a key may not be {what}"));
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(1, mark)?;
                self.bytes += text.len();
                let implicit = style == ScalarStyle::Plain;
                if text == "<<" && is_merge(implicit, tag.as_deref()) {
                    return Ok(Key::Merge);
                }
                let scalar = resolved(implicit, tag.as_deref(), &text)
                    .map_err(|why| Fault::new(Code::YamlValue, mark, why))?;
                if anchor > 0 {
                    let size = Size { nodes: 1, bytes: text.len() };
                    let value = value(scalar.clone(), text.clone()).unwrap_or(Value::Null);
                    self.anchors.insert(anchor, Some((Node { mark, value }, size)));
                }
                Ok(Key::Text(match scalar {
                    Scalar::Text => text.into_owned(),
                    Scalar::Decoded(text) => text,
                    Scalar::Int(value) => value.to_string(),
                    Scalar::Bool(value) => value.to_string(),
                    Scalar::Float(value) => scalar::float_key(value),
                    Scalar::Null => return Err(refuse("null")),
                    Scalar::Large(_) => return Err(refuse("an integer of more than 63 bits")),
                }))
            }
            Event::Alias(anchor) => match self.alias(anchor, 0, mark)?.value {
                Value::Text(text) => Ok(Key::Text(text)),
                Value::Bool(value) => Ok(Key::Text(value.to_string())),
                Value::Number(number) if number.is_i64() => Ok(Key::Text(number.to_string())),
                Value::Number(number) => {
                    Ok(Key::Text(scalar::float_key(number.as_f64().unwrap_or(f64::NAN))))
                }
                Value::Null => Err(refuse("null")),
                Value::List(_) => Err(refuse("a list")),
                Value::Map(_) => Err(refuse("a mapping")),
            },
            Event::SequenceStart(..) => Err(refuse("a list")),
            Event::MappingStart(..) => Err(refuse("a mapping")),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => Err(Fault::new(Code::YamlSyntax, mark, "the document ends too early")),
        }
    }
}

fn is_merge(implicit: bool, tag: Option<&Tag>) -> bool {
    match tag {
        None => implicit,
        Some(tag) => is_unspecific(tag) || (tag.is_yaml_core_schema() && tag.suffix == "merge"),
    }
}

/// `!` alone: text, but a merge all the same.
fn is_unspecific(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!"
}

fn resolved(implicit: bool, tag: Option<&Tag>, text: &str) -> Result<Scalar, String> {
    match tag {
        None if implicit => Ok(scalar::plain(text)),
        None => Ok(Scalar::Text),
        Some(tag) => scalar::resolve(Some(&format!("{}{}", tag.handle, tag.suffix)), text),
    }
}

/// `None` where JSON has no such number.
pub(super) fn value(scalar: Scalar, text: std::borrow::Cow<'_, str>) -> Option<Value> {
    Some(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(value),
        Scalar::Int(value) => Value::Number(value.into()),
        // kubectl holds integers of 63 bits only, and everything larger as a float.
        #[expect(clippy::cast_precision_loss, reason = "the rule is to lose it")]
        Scalar::Large(value) => Value::Number(scalar::json_number(value as f64)?),
        Scalar::Float(value) => Value::Number(scalar::json_number(value)?),
        Scalar::Text => Value::Text(text.into_owned()),
        Scalar::Decoded(text) => Value::Text(text),
    })
}

fn height(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|entry| height(&entry.value)).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => 0,
    }
}
