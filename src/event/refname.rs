//! The name of a branch or tag. A payload's text becomes one here or not at
//! all, because it goes into fetches.

use std::fmt;

use crate::name::NameError;

/// A branch's or tag's name without `refs/heads/` or `refs/tags/`, as
/// git-check-ref-format(1) allows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(String);

impl RefName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bad_char =
            |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
        let bad_part =
            |part: &str| part.is_empty() || part.starts_with('.') || part.strip_suffix(".lock").is_some();
        let bad = text.is_empty()
            || text.len() > 1024
            || text == "@"
            || text.starts_with('-')
            || text.ends_with('.')
            || text.contains("..")
            || text.contains("@{")
            || text.contains(bad_char)
            || text.split('/').any(bad_part);
        if bad {
            return Err(NameError("it is not a name that git allows for a branch or tag".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
