//! Text for GitHub's Markdown: prose, code spans, fences.
//!
//! GitHub links mentions, references and addresses after it has parsed the
//! Markdown, so a backslash does not stop them: in prose a zero-width space
//! breaks them. In code it links nothing, so what people copy (ids, paths,
//! digests) belongs into code.

use super::terminal;

/// Breaks what GitHub would link in finished text.
const BREAK: char = '\u{200b}';

/// One line of prose. Blanks at its ends are dropped; line ends become `\n`.
pub fn markdown(text: &str) -> String {
    let shown = terminal(text);
    let chars: Vec<char> = shown.trim_matches(' ').chars().collect();
    let mut out = String::with_capacity(shown.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        match c {
            // An entity, because a backslash before it means several things in tables.
            '|' => out.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '(' | ')' | '#' | '!' | '~'
            | '&' | '$' | '^' => {
                out.push('\\');
                out.push(c);
            }
            '-' | '+' | '=' | ':' if i == 0 => {
                out.push('\\');
                out.push(c);
            }
            '.' if i > 0 && chars[..i].iter().all(char::is_ascii_digit) => out.push_str("\\."),
            _ => out.push(c),
        }
        if links(&chars, i) {
            out.push(BREAK);
        }
    }
    out
}

/// Whether GitHub could make something of the character at `i` and its next:
/// `@name`, `#1`, `GH-1`, `://`, `www.`, `:emoji:`, `mailto:`.
fn links(chars: &[char], i: usize) -> bool {
    let Some(&next) = chars.get(i + 1) else { return false };
    match chars[i] {
        '@' => !next.is_whitespace(),
        '#' => next.is_ascii_digit(),
        '-' => {
            next.is_ascii_digit()
                && i >= 2
                && chars[i - 2].eq_ignore_ascii_case(&'g')
                && chars[i - 1].eq_ignore_ascii_case(&'h')
        }
        ':' => {
            next == '/'
                || chars[i + 1..].iter().take_while(|c| !c.is_whitespace()).any(|c| *c == ':' || *c == '@')
        }
        'w' | 'W' => next == '.' && i >= 2 && chars[i - 2..i].iter().all(|c| c.eq_ignore_ascii_case(&'w')),
        _ => false,
    }
}

/// A code span; `` ` `` for an empty one would be none, so it shows `(empty)`
/// as prose.
pub fn code(text: &str) -> String {
    span(&terminal(text))
}

/// A code span inside a table's cell. A pipe becomes `\u{7c}`: how a table
/// reads an escaped pipe inside code differs between readers.
pub fn code_cell(text: &str) -> String {
    span(&terminal(text).replace('|', "\\u{7c}"))
}

fn span(shown: &str) -> String {
    if shown.trim_matches(' ').is_empty() {
        return "(empty)".to_owned();
    }
    let ticks = "`".repeat(longest_run(shown, '`') + 1);
    let pad = if shown.starts_with(['`', ' ']) || shown.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{pad}{shown}{pad}{ticks}")
}

/// A fenced block of lines, with a line end after it. `language` is ours.
pub fn fence(language: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| terminal(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line, '`')).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    let mut out = format!("{ticks}{language}\n");
    for line in &lines {
        out.push_str(line);
        out.push('\n');
    }
    out + &ticks + "\n"
}

fn longest_run(text: &str, of: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
