//! Errors that end a run, and the exit codes that say so.
//!
//! Faults in users' files are not here: they are problems, and plural.

use crate::files::ReadError;
use crate::ledger::LedgerError;
use crate::outside::git::GitError;
use crate::problem::Problem;

/// Exit codes: an interface. `docs/exit-codes.md` lists them.
pub mod exit {
    /// Done, or nothing to do.
    pub const OK: u8 = 0;
    /// Unexpected.
    pub const UNEXPECTED: u8 = 1;
    /// Problems in the user's files or arguments.
    pub const PROBLEMS: u8 = 2;
    /// Denied.
    pub const DENIED: u8 = 3;
    /// Failed and rolled back.
    pub const ROLLED_BACK: u8 = 4;
    /// Stuck: a person is needed.
    pub const STUCK: u8 = 5;
    /// Cancelled.
    pub const CANCELLED: u8 = 6;
    /// Failed, left as it is by request.
    pub const LEFT: u8 = 7;
    /// The check found something.
    pub const FOUND: u8 = 8;
    /// Another run holds it, or has outrun this one.
    pub const OUTRUN: u8 = 9;
}

/// What ends a run before its work is done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The arguments do not fit together, or name nothing.
    #[error("{0}")]
    Usage(String),
    /// Problems that leave nothing to go on with.
    #[error("{} problems", .0.len())]
    Problems(Vec<Problem>),
    /// git.
    #[error(transparent)]
    Git(#[from] GitError),
    /// An object that should be readable is not.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A run on the ledger that could not go on.
    #[error(transparent)]
    Deploy(#[from] super::ledger::RunError),
    /// Nobody may do this, whatever the plan is.
    #[error("{0}")]
    Denied(String),
    /// An API server that cannot be asked at all.
    #[error(transparent)]
    Cluster(#[from] super::kubernetes::SetupError),
    /// A file of this machine.
    #[error("cannot {what}: {why}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        why: String,
    },
    /// A value that cannot be written.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl RunError {
    /// An I/O error.
    #[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives is given on")]
    pub fn io(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Io { what: what.into(), why: why.to_string() }
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Problems(_) | Self::Cluster(_) => exit::PROBLEMS,
            Self::Denied(_) => exit::DENIED,
            Self::Git(
                GitError::Unresolved { .. }
                | GitError::NotFound { .. }
                | GitError::Missing(_)
                | GitError::WoundBack { .. },
            )
            | Self::Deploy(super::ledger::RunError::Git(GitError::WoundBack { .. })) => exit::PROBLEMS,
            Self::Ledger(error) | Self::Deploy(super::ledger::RunError::Ledger(error)) => match error {
                LedgerError::Fault(_) => exit::PROBLEMS,
                LedgerError::Read(_) | LedgerError::Json(_) | LedgerError::Name(_) => exit::UNEXPECTED,
            },
            Self::Deploy(_)
            | Self::Git(_)
            | Self::Read(_)
            | Self::Io { .. }
            | Self::Json(_)
            | Self::Other(_) => exit::UNEXPECTED,
        }
    }
}
