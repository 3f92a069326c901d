//! One writer for each place that text from outside goes to: what comes out is
//! that text as text, and never markup, a command or a control.
//!
//! Does not decide what is shown, and cuts nothing.

mod markdown;

#[cfg(test)]
mod tests;

pub use markdown::{code, code_cell, fence, markdown};

/// Whether a character steers a terminal, hides, or reorders what stands around
/// it: C0 and C1 controls, bidirectional controls (CVE-2021-42574), zero-width
/// and filler characters, line separators, tags.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_hidden(c) => push_code_point(out, c),
        c => out.push(c),
    }
}

/// A character as `\u{…}`: readable, and without effect anywhere.
fn push_code_point(out: &mut String, c: char) {
    put!(out, "\\u{{{:x}}}", u32::from(c));
}

/// Text for one field on a terminal: every hidden character as `\n`, `\t` or
/// `\u{1b}`. The result is one line.
pub fn terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_visible(&mut out, c));
    out
}

/// Text of several lines, as a tool wrote it: split at line ends, each line as
/// by [`terminal`], tabs as spaces.
pub fn terminal_lines(text: &str) -> Vec<String> {
    text.lines().map(|line| terminal(&line.replace('\t', "    "))).collect()
}

/// One line for a log that a GitHub runner reads: it takes a line that begins
/// with `::` (after white space) for a command, and `##[` anywhere in a line.
/// The first character of either becomes `\u{…}`. Escape the line's fields
/// with [`terminal`] first.
pub fn log_line(line: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let mut out = line[..start].to_owned();
    let mut rest = &line[start..];
    if rest.starts_with("::") {
        push_code_point(&mut out, ':');
        rest = &rest[1..];
    }
    while let Some(at) = rest.find("##[") {
        out.push_str(&rest[..at]);
        push_code_point(&mut out, '#');
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out
}

/// The message of a workflow command. Line ends stay (as `%0A`), all other
/// hidden characters become visible.
pub fn command_data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            c => push_visible(&mut out, c),
        }
    }
    out
}

/// A property of a workflow command (`file=`, `title=`).
pub fn command_property(text: &str) -> String {
    command_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text for HTML, between tags or in a quoted attribute.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c => push_visible(&mut out, c),
        }
    }
    out
}

/// Text for a quoted Mermaid label: letters and digits as they are, all else
/// as Mermaid's own `#35;`, so that no markup of Mermaid, Markdown or HTML is
/// left in it.
pub fn mermaid(text: &str) -> String {
    let shown = terminal(text);
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        // A point or hyphen before a blank would make a list of a label.
        if c.is_alphanumeric() || matches!(c, ' ' | '/' | '_') {
            out.push(c);
        } else {
            put!(out, "#{};", u32::from(c));
        }
    }
    out
}

/// Text for a double-quoted string in DOT; `&` too, because Graphviz reads
/// entities in labels.
pub fn dot(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in terminal(text).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}
