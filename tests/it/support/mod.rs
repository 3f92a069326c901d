//! What several integration tests need.

pub mod git_server;
pub mod parts;
pub mod repo;
