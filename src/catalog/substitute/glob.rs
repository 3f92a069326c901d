//! The patterns of `${x#pattern}` and `${x%pattern}`: `*` (crosses `/`), `?`,
//! `[a-z]`, `[^a-z]`, `\c`.
//!
//! Not the globs of paths. A pattern that is malformed matches nothing.
//!
//! Source: `github.com/fluxcd/pkg/envsubst` (`path/match.go`, `funcs.go`).

/// The value without its shortest start that matches; a start of no characters
/// does not count.
pub(super) fn trim_shortest(value: &str, pattern: &str) -> String {
    let pattern: Vec<char> = pattern.chars().collect();
    starts(value)
        .rev()
        .find(|at| matches(&pattern, &value[..*at]))
        .map_or_else(|| value.to_owned(), |at| value[at..].to_owned())
}

/// The value without its longest start that matches.
pub(super) fn trim_longest(value: &str, pattern: &str) -> String {
    let pattern: Vec<char> = pattern.chars().collect();
    starts(value)
        .find(|at| matches(&pattern, &value[..*at]))
        .map_or_else(|| value.to_owned(), |at| value[at..].to_owned())
}

/// The lengths of all starts of a text but the empty one, longest first.
fn starts(value: &str) -> impl DoubleEndedIterator<Item = usize> {
    let mut ends: Vec<usize> = value.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    ends.reverse();
    ends.into_iter()
}

fn matches(pattern: &[char], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // The classic walk with one place to go back to: linear in practice, never
    // exponential.
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&'*') {
            back = Some((p + 1, t));
            p += 1;
            continue;
        }
        if t == text.len() {
            if p == pattern.len() {
                return true;
            }
        } else if let Some(length) = one(&pattern[p..], text[t]) {
            (p, t) = (p + length, t + 1);
            continue;
        }
        match back {
            Some((after, from)) if from < text.len() => {
                back = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// How much of the pattern one character takes, when it fits.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '\\' => (pattern.get(1) == Some(&c)).then_some(2),
        '[' => class(pattern, c),
        other => (*other == c).then_some(1),
    }
}

fn class(pattern: &[char], c: char) -> Option<usize> {
    let negated = pattern.get(1) == Some(&'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    let mut ranges = 0;
    loop {
        if ranges > 0 && pattern.get(at) == Some(&']') {
            return (found != negated).then_some(at + 1);
        }
        let (low, after) = letter(pattern, at)?;
        let (high, after) =
            if pattern.get(after) == Some(&'-') { letter(pattern, after + 1)? } else { (low, after) };
        found |= (low..=high).contains(&c);
        (at, ranges) = (after, ranges + 1);
    }
}

fn letter(pattern: &[char], at: usize) -> Option<(char, usize)> {
    match pattern.get(at)? {
        '-' | ']' => None,
        '\\' => Some((*pattern.get(at + 1)?, at + 2)),
        other => Some((*other, at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_trimmed_by_pattern() {
        assert_eq!(trim_shortest("path/to/file", "*/"), "to/file");
        assert_eq!(trim_longest("path/to/file", "*/"), "file");
        assert_eq!(trim_longest("v1.2", "[a-z]"), "1.2");
        assert_eq!(trim_shortest("v1.2", "[^0-9]?"), ".2");
        assert_eq!(trim_shortest("*x", r"\*"), "x");
        assert_eq!(trim_shortest("abc", "[a"), "abc");
        assert_eq!(trim_longest("abc", "*"), "");
        assert_eq!(trim_shortest("abc", "*"), "bc");
        assert_eq!(trim_longest("aaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*c"), "aaaaaaaaaaaaaaaaaaaaab");
    }
}
