//! A short way for plain YAML: block mappings and lists of scalars on one line.
//!
//! Understands little, and of that everything: what it reads is what `build` reads,
//! places included, and at the first character that it is not sure of it gives up.
//! So it reports no fault, ever. A property below holds it equal to `build`.

use super::build::{self, Budget};
use super::mapping::MapBuilder;
use super::scalar::{self, Scalar};
use super::split::Chunk;
use super::{Entry, MAX_DEPTH, MAX_NODES, Mark, Node, Value};

/// Longer documents are left to `build`, which counts what they may cost.
const LONGEST: usize = 1 << 20;
/// Longest key that YAML lets stand before a `:` without `?` is 1024 characters.
const LONGEST_KEY: usize = 1000;

/// The document of a chunk, or `None` where it is not plain all through.
pub(super) fn document(chunk: &Chunk<'_>, budget: &mut Budget) -> Option<Node> {
    let text = chunk.text;
    if text.len() > LONGEST || !text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')) {
        return None;
    }
    let mut reader = Reader { text, line: chunk.lines_before, start: 0, at: 0, nodes: 0 };
    reader.line_from(0);
    if reader.at >= text.len() || reader.column() != 0 {
        return None;
    }
    let node = reader.mapping(0)?;
    (reader.at >= text.len() && reader.nodes <= MAX_NODES && budget.take(reader.nodes)).then_some(node)
}

struct Reader<'t> {
    text: &'t str,
    /// The line of `at`, from 1.
    line: u32,
    /// Where that line starts.
    start: usize,
    /// The next character. Between values: the first of a line that holds something,
    /// or the text's end.
    at: usize,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn column(&self) -> usize {
        self.at - self.start
    }

    fn mark(&self) -> Mark {
        Mark { line: self.line, column: u32::try_from(self.column() + 1).unwrap_or(u32::MAX) }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// What is left of this line.
    fn rest(&self) -> &'t str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default()
    }

    fn skip_spaces(&mut self) {
        while self.peek(0) == Some(b' ') {
            self.at += 1;
        }
    }

    /// Goes to the first line from here on that is neither empty nor a comment.
    fn line_from(&mut self, start: usize) {
        (self.start, self.at) = (start, start);
        self.line += 1;
        loop {
            self.skip_spaces();
            match self.peek(0) {
                Some(b'#') => self.at += self.rest().len(),
                Some(b'\n') => {}
                Some(_) | None => return,
            }
            if self.at >= self.text.len() {
                return;
            }
            self.at += 1;
            self.start = self.at;
            self.line += 1;
        }
    }

    /// Leaves a line of which nothing but spaces and a comment may be left. The line
    /// that follows may not be deeper than `column`: it would go on with the value.
    fn end_line(&mut self, column: usize) -> Option<()> {
        let before = self.at;
        self.skip_spaces();
        match self.peek(0) {
            None => return Some(()),
            Some(b'\n') => {}
            Some(b'#') if self.at > before => self.at += self.rest().len(),
            Some(_) => return None,
        }
        if self.at >= self.text.len() {
            return Some(());
        }
        self.line_from(self.at + 1);
        (self.at >= self.text.len() || self.column() <= column).then_some(())
    }

    /// Whether nothing but a comment is left of this line.
    fn is_line_end(&self) -> bool {
        matches!(self.peek(0), None | Some(b'\n' | b'#'))
    }

    fn is_item(&self) -> bool {
        self.peek(0) == Some(b'-') && self.peek(1) == Some(b' ')
    }

    /// Where the key that starts here ends, if one does.
    fn key_end(&self) -> Option<usize> {
        let rest = self.rest();
        let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
        let length = rest.bytes().take_while(|byte| part(*byte)).count();
        let after = rest.as_bytes().get(length..)?;
        let ends = matches!(after, [b':'] | [b':', b' ', ..]);
        let starts = rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        (ends && starts && length <= LONGEST_KEY).then_some(length)
    }

    /// A mapping whose first key is here.
    fn mapping(&mut self, depth: usize) -> Option<Node> {
        let (mark, column) = (self.mark(), self.column());
        self.enter(depth)?;
        let mut map = MapBuilder::default();
        loop {
            let key_mark = self.mark();
            let length = self.key_end()?;
            let key = self.text.get(self.at..self.at + length)?;
            if scalar::plain(key) != Scalar::Text {
                return None;
            }
            self.at += length + 1;
            self.nodes += 1;
            let value = self.value(column, depth + 1)?;
            map.put(Entry { key: key.to_owned(), mark: key_mark, value }).ok()?;
            if self.is_over(column)? {
                return Some(Node { mark, value: Value::Map(map.entries) });
            }
        }
    }

    fn enter(&mut self, depth: usize) -> Option<()> {
        self.nodes += 1;
        (depth < MAX_DEPTH).then_some(())
    }

    /// Whether a block at `column` ends before this line; `None` where the line fits
    /// nowhere.
    fn is_over(&self, column: usize) -> Option<bool> {
        if self.at >= self.text.len() || self.column() < column {
            return Some(true);
        }
        (self.column() == column).then_some(false)
    }

    /// What follows a key's `:` in a mapping at `column`.
    fn value(&mut self, column: usize, depth: usize) -> Option<Node> {
        self.skip_spaces();
        if !self.is_line_end() {
            return self.scalar(column, depth);
        }
        self.at += self.rest().len();
        if self.at >= self.text.len() {
            return None;
        }
        self.line_from(self.at + 1);
        if self.at >= self.text.len() || self.column() < column {
            return None;
        }
        match (self.is_item(), self.column() > column) {
            (true, _) => self.list(column, depth),
            (false, true) => self.mapping(depth),
            (false, false) => None,
        }
    }

    /// A list whose first `-` is here, below a key at column `key`.
    fn list(&mut self, key: usize, depth: usize) -> Option<Node> {
        let (dash, column) = (self.mark(), self.column());
        self.enter(depth)?;
        let mut items = Vec::new();
        loop {
            self.at += 1;
            self.skip_spaces();
            if self.is_line_end() {
                return None;
            }
            let item = match self.key_end() {
                Some(_) => self.mapping(depth + 1)?,
                None => self.scalar(column, depth + 1)?,
            };
            items.push(item);
            if self.is_over(column)? || !self.is_item() {
                // The parser has a list that is not indented begin at its first item.
                let first = items.first().filter(|_| column == key).map(|item| item.mark);
                return Some(Node { mark: first.unwrap_or(dash), value: Value::List(items) });
            }
        }
    }

    /// A scalar on this line, or an empty `{}` or `[]`, in a block at `column`.
    fn scalar(&mut self, column: usize, depth: usize) -> Option<Node> {
        let mark = self.mark();
        let (length, value) = match self.peek(0)? {
            quote @ (b'"' | b'\'') => {
                let text = quoted(self.rest(), quote)?;
                (text.len() + 2, Value::Text(text.to_owned()))
            }
            b'{' | b'[' if depth >= MAX_DEPTH => return None,
            b'{' if self.peek(1) == Some(b'}') => (2, Value::Map(Vec::new())),
            b'[' if self.peek(1) == Some(b']') => (2, Value::List(Vec::new())),
            _ => {
                let text = unquoted(self.rest())?;
                (text.len(), build::value(scalar::plain(text), text.into())?)
            }
        };
        self.nodes += 1;
        self.at += length;
        self.end_line(column)?;
        Some(Node { mark, value })
    }
}

/// The text between quotes, of which the first is here and the second on the same
/// line; without escapes.
fn quoted(rest: &str, quote: u8) -> Option<&str> {
    let inner = rest.get(1..)?;
    let end = inner.bytes().position(|byte| byte == quote || byte == b'\\')?;
    let doubled = inner.as_bytes().get(end + 1) == Some(&quote);
    (inner.as_bytes().get(end) == Some(&quote) && !doubled).then(|| inner.get(..end))?
}

/// A plain scalar without what follows it on its line. `None` where YAML could read
/// something else.
fn unquoted(rest: &str) -> Option<&str> {
    let first = rest.bytes().next()?;
    if !first.is_ascii_alphanumeric()
        && !matches!(first, b'/' | b'.' | b'_' | b'$' | b'(' | b'+' | b'~' | b'=')
    {
        return None;
    }
    let text = rest.split(" #").next().unwrap_or_default().trim_end_matches(' ');
    let is_key = text.ends_with(':') || text.contains(": ");
    (!is_key).then_some(text)
}

#[cfg(test)]
mod tests;
