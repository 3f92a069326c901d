//! A YAML stream cut at its `---` lines, as kubectl's document reader cuts it.
//!
//! Does not parse: a line that starts with `---` always cuts, whatever stands around it.

use super::Mark;

/// One document's text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'t> {
    /// The text after the separator line.
    pub(super) text: &'t str,
    /// How many lines of the file come before it.
    pub(super) lines_before: u32,
    /// Where its separator line has text that may not be there.
    pub(super) bad_separator: Option<Mark>,
}

/// The chunks of a text, in order.
pub(super) fn chunks(text: &str) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = Some(text);
    let mut line = 0_u32;
    std::iter::from_fn(move || {
        let here = rest?;
        let (separator, body, lines_before) = if here.starts_with("---") {
            let end = here.find('\n').map_or(here.len(), |at| at + 1);
            let (separator, body) = here.split_at(end);
            (separator, body, line + 1)
        } else {
            ("", here, line)
        };
        let end = if body.starts_with("---") { Some(0) } else { body.find("\n---").map(|at| at + 1) };
        let (text, after) = match end {
            Some(at) => (body.get(..at)?, body.get(at..)),
            None => (body, None),
        };
        let bad_separator = bad_separator(separator).map(|column| Mark { line: line + 1, column });
        rest = after;
        line = lines_before + count_lines(text);
        Some(Chunk { text, lines_before, bad_separator })
    })
}

/// The column of what may not follow `---`; a comment or nothing may.
fn bad_separator(line: &str) -> Option<u32> {
    let after = line.get(3..)?;
    let rest = after.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        return None;
    }
    let column = 4 + after.chars().count() - rest.chars().count();
    u32::try_from(column).ok()
}

fn count_lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// The place of the character after a text that is known to be UTF-8.
pub(super) fn place_after(text: &[u8]) -> Mark {
    let text = String::from_utf8_lossy(text);
    let last = text.rsplit('\n').next().unwrap_or_default();
    let column = u32::try_from(last.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
    Mark { line: count_lines(&text).saturating_add(1), column }
}
