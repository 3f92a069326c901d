//! Rust files as text without comments, literals and tests.
//!
//! No parser: enough of the language to tell code from the rest, and items under
//! `#[cfg(test)]` from others.

use super::{files_below, read};

/// One Rust file.
pub struct Source {
    /// From the repository's top.
    pub path: String,
    /// As it is written.
    pub text: String,
    /// Code only, line for line; tests are blank.
    code: String,
}

/// The Rust files below a folder; those that are only tests have no code.
pub fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut tests = Vec::new();
    for path in files_below(folder).into_iter().filter(|p| p.strip_suffix(".rs").is_some()) {
        let text = read(&path);
        let (code, modules) = without_tests(blank(&text));
        let home = path.strip_suffix(".rs").unwrap_or(&path);
        let home = home.strip_suffix("/mod").unwrap_or(home);
        tests.extend(modules.into_iter().map(|m| format!("{home}/{m}")));
        found.push(Source { path, text, code });
    }
    for source in &mut found {
        let stem = source.path.strip_suffix(".rs").unwrap_or_default();
        if tests.iter().any(|t| stem == t || stem.starts_with(&format!("{t}/"))) {
            source.code = String::new();
        }
    }
    found
}

impl Source {
    /// The module of `lib.rs` that it belongs to.
    pub fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split(['/', '.']).next().unwrap_or(inside)
    }

    /// The modules that its code names after `crate::`, with the line.
    pub fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            let line = self.line(at);
            let rest = &self.code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(first_names(group).into_iter().map(|n| (line, n))),
                None => found.push((line, word(rest).to_owned())),
            }
        }
        found
    }

    /// Lines whose `super::super::…` reaches the crate's root, past the order.
    pub fn climbs(&self) -> Vec<usize> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let depth = inside.split('/').count();
        let chain = "super::".repeat(depth);
        self.code.match_indices(&chain).map(|(at, _)| self.line(at)).collect()
    }

    /// Lines whose code holds a path or word.
    pub fn lines_with(&self, what: &str) -> impl Iterator<Item = usize> {
        lines_with(&self.code, what)
    }

    /// The same, tests included.
    pub fn all_lines_with(&self, what: &str) -> impl Iterator<Item = usize> {
        lines_with(&blank(&self.text), what)
    }

    /// Lines of tests alone.
    pub fn test_lines_with(&self, what: &str) -> impl Iterator<Item = usize> {
        let program: Vec<usize> = self.lines_with(what).collect();
        let in_tests = !self.path.starts_with("src/");
        self.all_lines_with(what).filter(move |line| in_tests || !program.contains(line))
    }

    fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

fn lines_with(code: &str, what: &str) -> impl Iterator<Item = usize> + use<> {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let whole = |line: &str, at: usize| {
        !inside(line[..at].chars().next_back()) && !inside(line[at + what.len()..].chars().next())
    };
    let holds = |line: &str| line.match_indices(what).any(|(at, _)| whole(line, at));
    let found: Vec<usize> = code.lines().enumerate().filter(|(_, l)| holds(l)).map(|(i, _)| i + 1).collect();
    found.into_iter()
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")
}

/// The first name of each path of a group, `{` already taken.
fn first_names(group: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(word(group[start..at].trim()).to_owned());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(word(group[start..at].trim()).to_owned());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|n| !n.is_empty());
    found
}

/// The text with comments and the insides of literals as blanks.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            '"' => text_literal(rest),
            'r' | 'b' if !before.is_alphanumeric() && before != '_' => raw_literal(rest),
            '\'' => char_literal(rest),
            _ => 0,
        };
        if length == 0 {
            out.push(c);
            before = c;
            rest = &rest[c.len_utf8()..];
        } else {
            let (hidden, after) = rest.split_at(length);
            out.extend(hidden.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            before = ' ';
            rest = after;
        }
    }
    out
}

fn comment(text: &str) -> usize {
    let mut depth = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn text_literal(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`; 0 where it is none of them.
fn raw_literal(text: &str) -> usize {
    let after = text.strip_prefix('b').unwrap_or(text);
    let Some(raw) = after.strip_prefix('r') else {
        return if after.starts_with('"') { 1 + text_literal(after) } else { 0 };
    };
    let hashes = raw.bytes().take_while(|b| *b == b'#').count();
    if raw.as_bytes().get(hashes) != Some(&b'"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - raw.len() + hashes + 1;
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

/// `'x'`, `'\n'`; 0 for a lifetime.
fn char_literal(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3.min(text.len())..].find('\'').map_or(0, |at| at + 4),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// The code without items under `#[cfg(test)]`, and the modules among those that
/// are files of their own.
fn without_tests(code: String) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut out, mut rest, mut modules) = (String::new(), code.as_str(), Vec::new());
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = item_end(item);
        let words: Vec<&str> = item[MARK.len()..end].split_whitespace().collect();
        if let [.., "mod", name] = words.as_slice() {
            modules.extend(name.strip_suffix(';').map(str::to_owned));
        }
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    (out, modules)
}

fn item_end(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

#[test]
fn code_is_told_from_the_rest() {
    let text = "use crate::{a, b::{c, d}}; // crate::e\n/* crate::f /* */ */ let x = \"crate::g \\\" \";\n\
                fn f<'a>(c: char) { r#\"crate::h\"#; c == '\"'; '\\''; crate::i::j() }\n\
                #[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more { use crate::k; }\nuse crate::l;\n";
    let (code, modules) = without_tests(blank(text));
    assert_eq!(modules, ["tests"]);
    let source = Source { path: "src/z.rs".into(), text: text.into(), code };
    let names: Vec<String> = source.imports().into_iter().map(|(l, n)| format!("{l}{n}")).collect();
    assert_eq!(names, ["1a", "1b", "3i", "8l"]);
    let lines = |path: &str, code: &str| {
        Source { path: path.into(), text: String::new(), code: code.into() }.climbs()
    };
    assert_eq!(lines("src/a/b.rs", "super::c\nsuper::super::d"), [2]);
    assert_eq!(lines("src/a.rs", "super::c"), [1]);
    assert_eq!(lines_with("a_tokio\ntokio::x\nrandom rand\n", "rand").collect::<Vec<_>>(), [3]);
}
