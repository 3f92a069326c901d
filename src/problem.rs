//! A fault in the user's files, as data: code, place, message, help.
//!
//! Problems are plural: one bad manifest never hides nine others, so readers
//! return `(T, Vec<Problem>)`, not `Result`. Nothing here prints; the reports
//! escape what a problem quotes.

mod codes;

use std::fmt;

use serde::{Serialize, Serializer};

pub use codes::Code;

use crate::name::AppKey;

/// Where in a file. Lines and columns count from 1, columns in characters;
/// 0 means that only the file is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file's path from the repository's top, or as the user named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl Place {
    /// A place in a file.
    pub fn new(file: impl Into<String>, line: u32, column: u32) -> Self {
        Self { file: file.into(), line, column }
    }

    /// A file as a whole.
    pub fn file(file: impl Into<String>) -> Self {
        Self::new(file, 0, 0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something could not be read or is refused.
    Error,
    /// Worth knowing; nothing is lost.
    Warning,
    /// A choice Luigi made for the user and says aloud.
    Note,
}

/// One fault in the user's files.
///
/// Sorted by place first, so that a report reads top to bottom of each file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Where, when it is known.
    pub place: Option<Place>,
    /// Which kind of fault; `luigi explain CODE` tells more.
    #[serde(serialize_with = "code_as_text")]
    pub code: Code,
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// What to do about it, one sentence.
    pub help: String,
    /// The app it belongs to, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<AppKey>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn code_as_text<S: Serializer>(code: &Code, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(code.as_str())
}

impl Problem {
    /// A problem with the code's own severity and help.
    pub fn new(code: Code, place: Option<Place>, message: impl Into<String>) -> Self {
        Self {
            place,
            code,
            severity: code.severity(),
            message: message.into(),
            help: code.help().to_owned(),
            app: None,
        }
    }

    /// The same problem with help that fits the case better than the code's.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The same problem, of that app.
    #[must_use]
    pub fn of(mut self, app: &AppKey) -> Self {
        self.app = Some(app.clone());
        self
    }

    /// Whether apps may exist that nobody has seen because of it.
    pub fn hides_apps(&self) -> bool {
        self.code.hides_apps()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}
