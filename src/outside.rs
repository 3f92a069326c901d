//! What is not ours: one thin file per system outside this program.
//!
//! Nothing here decides. It reads, writes and reports what happened; what that
//! means is for the modules above.

pub mod cluster;
pub mod git;
pub mod host;
pub mod issuer;
pub mod render;
pub mod sandbox;
pub mod tls;

pub use git::branch;
