//! What people and programs are told: plans, outcomes and graphs as text,
//! Markdown, JSON, DOT, Mermaid and workflow commands.
//!
//! Values in, text out. Prints nothing, sends nothing, decides nothing, and a
//! failure to report never changes a verdict.

/// `write!` to a string, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($arg)*);
    }};
}

pub mod cluster;
pub mod dot;
pub mod escape;
pub mod github;
pub mod json;
pub mod markdown;
pub mod mermaid;
pub mod proof;
pub mod reference;
pub mod text;
pub mod view;
pub mod words;

#[cfg(test)]
mod samples;
