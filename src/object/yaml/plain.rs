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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::object::yaml::split;

    /// Both ways, for every chunk of a text: where the short one answers, the other
    /// answers the same.
    fn agree(text: &str) -> usize {
        let mut read = 0;
        for chunk in split::chunks(text) {
            if chunk.bad_separator.is_some() || chunk.text.trim_start().is_empty() {
                continue;
            }
            let (mut short, mut long) = (Budget::of_file(), Budget::of_file());
            let Some(node) = document(&chunk, &mut short) else { continue };
            read += 1;
            let mut doubles = Vec::new();
            let other = build::document(&chunk, &mut long, &mut doubles);
            assert_eq!(other.ok().flatten().as_ref(), Some(&node), "{:?}", chunk.text);
            assert!(doubles.is_empty(), "{:?}", chunk.text);
            assert_eq!(format!("{short:?}"), format!("{long:?}"));
        }
        read
    }

    #[test]
    fn plain_definitions_go_the_short_way() {
        let text = "# c\nkind: App\nmetadata:\n  name: a # why\n  labels: {}\n  annotations:\n    \
                    a.b/c-d: \"1: x # y\"\n    e: ''\nspec:\n  list:\n  - a: 1\n    b:\n      - x=y:z\n\n  \
                    - http://x:80/#y\n  other:\n    - c:\n      - 'q'\n  on: no\n";
        assert_eq!(agree(text.replace("\n  on: no", "").as_str()), 1);
        assert_eq!(agree(&format!("{text}---\n{text}")), 0, "`on` is no text");
    }

    #[test]
    fn what_is_not_plain_goes_the_long_way() {
        for text in [
            "a: b\n  c\n",
            "a: b\n\n  # x\n  c\n",
            "a:\n",
            "a: &x b\n",
            "a: *x\n",
            "a: !!str b\n",
            "a: |\n  b\n",
            "a: {b: c}\n",
            "a: b: c\n",
            "a: b:\n",
            "a: \"b\\n\"\n",
            "a: 'b''c'\n",
            "a: 'b' c\n",
            "a: \"b\n  c\"\n",
            "a: 1\na: 2\n",
            "a:\n  b: 1\n c: 2\n",
            "- a\n",
            "a\n",
            "a:\tb\n",
            "a: b\r\n",
            "a: ü\n",
            "? a\n",
            "a: .inf\n",
            "<<: b\n",
            "%YAML 1.2\n",
            "a: b\n...\n",
            "a:\n- - b\n",
            "a: - b\n",
            " a: b\n",
            "a: `b\n",
            "a: @b\n",
            "a: %b\n",
        ] {
            assert_eq!(agree(text), 0, "{text:?}");
        }
    }

    fn line() -> impl Strategy<Value = String> {
        let indent = (0..4usize).prop_map(|n| " ".repeat(n));
        let wide = prop::sample::select(vec!["", "  ", "    "]).prop_map(str::to_owned);
        let dash = prop::sample::select(vec!["", "", "", "- ", "-  ", "-", "- - "]);
        let key = prop::sample::select(vec![
            "",
            "a: ",
            "b: ",
            "c:",
            "d/e.f-g:  ",
            "no: ",
            "1: ",
            "h i: ",
            "'q': ",
            "a :",
            "-k: ",
            "_z: ",
        ]);
        let value = prop::sample::select(vec![
            "",
            "x",
            "x y",
            "x  ",
            "1",
            "-1",
            "0755",
            "1.50",
            "true",
            "~",
            "null",
            "{}",
            "[]",
            "[ ]",
            "{a: b}",
            "\"q\"",
            "\"q \\n\"",
            "'s'",
            "'s''t'",
            "''",
            "\"\"",
            "'",
            "\"",
            "\"q\":",
            "x:y",
            "x: y",
            "x:",
            "x#y",
            "#x",
            "x,y]}",
            "|",
            ">-",
            "&a x",
            "*a",
            "!t x",
            "...",
            "---",
            "--- x",
            "=",
            "<<",
            "$(x)",
            "{{ x }}",
            ".inf",
            "1e400",
            "9223372036854775808",
            "2020-01-01",
            "- x",
            "?",
            "? x",
            "@x",
            "%x",
            "x\ty",
            "ü",
            "https://a.example:80/b",
            "(",
            "+",
            "=x",
            ".",
            "/",
            "{}x",
            "{} x",
            "''x",
            "\"\" x",
        ]);
        let tail = prop::sample::select(vec!["", "", "", "", " # c", " #", "# c", "  "]);
        (prop_oneof![indent, wide], dash, key, value, tail)
            .prop_map(|(a, b, c, d, e)| format!("{a}{b}{c}{d}{e}"))
    }

    /// A tree of mappings and lists, written with blocks of any indent.
    fn block(depth: usize) -> BoxedStrategy<Vec<String>> {
        let scalar = prop::sample::select(vec![
            "x",
            "x y",
            "1",
            "0755",
            "true",
            "~",
            "{}",
            "[]",
            "\"q: r\"",
            "'s # t'",
            "''",
            "x:y",
            "x#y",
            "x # y",
            "1.50",
            "https://a.example/",
            "x  ",
        ]);
        let leaf = scalar.prop_map(|text| vec![text.to_owned()]);
        if depth == 0 {
            return leaf.boxed();
        }
        let below = || prop_oneof![2 => leaf.clone(), 3 => block(depth - 1)];
        let noise = || prop::sample::select(vec!["", "", "", "", "# c", "     # c", " "]);
        let map = prop::collection::vec((below(), 0..4usize, noise()), 1..4).prop_map(|entries| {
            let mut lines = Vec::new();
            for (number, (value, indent, noise)) in entries.into_iter().enumerate() {
                let key = format!("k{number}");
                match value.as_slice() {
                    [one] if !one.contains("- ") && !one.starts_with('k') => {
                        lines.push(format!("{key}: {one}"))
                    }
                    many => {
                        lines.push(format!("{key}:"));
                        lines.extend(many.iter().map(|line| format!("{}{line}", " ".repeat(indent))));
                    }
                }
                if !noise.is_empty() {
                    lines.push(noise.to_owned());
                }
            }
            lines
        });
        let list = prop::collection::vec((below(), 1..3usize), 1..4).prop_map(|items| {
            let mut lines = Vec::new();
            for (item, gap) in items {
                for (number, line) in item.into_iter().enumerate() {
                    let lead =
                        if number == 0 { format!("-{}", " ".repeat(gap)) } else { " ".repeat(gap + 1) };
                    lines.push(format!("{lead}{line}"));
                }
            }
            lines
        });
        prop_oneof![3 => map, 2 => list].boxed()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn any_lines_are_read_as_the_long_way_reads_them(
            lines in prop::collection::vec(line(), 1..7),
            end in prop::sample::select(vec!["", "\n", "\n\n", "\n ", "\n#"]),
        ) {
            agree(&format!("{}{end}", lines.join("\n")));
        }

        #[test]
        fn any_blocks_are_read_as_the_long_way_reads_them(lines in block(4)) {
            agree(&lines.join("\n"));
        }

        #[test]
        fn any_characters_are_read_as_the_long_way_reads_them(text in "[ab: \n#\"'{}\\[\\]|-]{1,24}") {
            agree(&text);
        }
    }
}
