//! What is not ours: one thin file per system outside this program.
//!
//! Nothing here decides. It reads, writes and reports what happened; what that
//! means is for the modules above.

pub mod git;
pub mod host;
pub mod owner;
pub mod render;
pub mod sandbox;

pub use git::branch;
