//! What several integration tests need.

pub mod git_server;
pub mod repo;
