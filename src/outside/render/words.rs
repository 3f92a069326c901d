//! What a tool says about a failure, as a problem in the user's files: paths of
//! the repository instead of the private folder's, and the place it names.
//!
//! Does not interpret more than that; the tool's own words are the message.

use std::path::Path;

use super::folder::{Content, Found};
use crate::name::RepoPath;
use crate::problem::{Code, Place, Problem};

/// The longest message that is kept, in characters.
const LONGEST: usize = 2_000;

/// A tool's words as a problem. `dir` is the folder it worked on, `file` the file
/// to name when the words name none.
pub(super) fn failed(
    content: &Content<'_>,
    private: &Path,
    tool: &str,
    words: &str,
    dir: &RepoPath,
    file: &str,
) -> Problem {
    let text = clean(content, private, words);
    let place = place(content, &text, dir).unwrap_or_else(|| Place::file(content.shown(&dir.child(file))));
    Problem::new(Code::RenderFailed, Some(place), format!("{tool}: {text}"))
}

/// One line: from the first `Error:` on, without advice about flags that people
/// cannot pass.
fn clean(content: &Content<'_>, private: &Path, words: &str) -> String {
    let top = content.top.display().to_string();
    let private = private.display().to_string();
    let words = words.replace(&format!("{top}/"), "").replace(&top, ".");
    let words = words.replace(&format!("{private}/"), "").replace(&private, ".");
    let from = words.find("Error:").map_or(0, |at| at + "Error:".len());
    let lines = words[from..].lines().map(str::trim);
    let kept = lines.filter(|line| !line.is_empty() && !line.starts_with("Use --debug flag"));
    let text = kept.collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return "it failed without a word".to_owned();
    }
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// The first file that the text names with a line, else the first it names.
fn place(content: &Content<'_>, text: &str, dir: &RepoPath) -> Option<Place> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '(' | ')' | '`' | ',' | '<' | '>');
    let mut first = None;
    for token in text.split(ends) {
        let Some((path, line, column)) = split(token.trim_end_matches(':')) else { continue };
        let Some(found) = locate(content, path, dir) else { continue };
        let place = Place::new(content.shown(&found), line, column);
        if line > 0 {
            return Some(place);
        }
        first = first.or(Some(place));
    }
    first
}

/// `path`, `path:12` or `path:12:3`, of a file that a template or manifest is.
fn split(token: &str) -> Option<(&str, u32, u32)> {
    let mut parts = token.split(':');
    let path = parts.next()?;
    let known = [".yaml", ".yml", ".json", ".tpl", ".txt"];
    if !known.iter().any(|end| path.ends_with(end)) {
        return None;
    }
    let mut number = || parts.next().and_then(|part| part.parse().ok());
    let line = number().unwrap_or(0);
    let column = if line > 0 { number().unwrap_or(1) } else { 0 };
    Some((path, line, column))
}

/// The tool names a file from the content's top, from its own folder, or (helm)
/// with the chart's name for the chart's folder.
fn locate(content: &Content<'_>, path: &str, dir: &RepoPath) -> Option<RepoPath> {
    let below_chart = path.split_once('/').map_or(path, |(_, rest)| rest);
    let tries = [(RepoPath::root(), path), (dir.clone(), path), (dir.clone(), below_chart)];
    tries.into_iter().find_map(|(from, path)| match content.find(&from, path.trim_start_matches("./")) {
        Found::File(found) => Some(found),
        Found::Folder(_) | Found::Missing | Found::Escapes => None,
    })
}
