//! What several integration tests need.

pub mod corpus;
pub mod git_server;
pub mod parts;
pub mod repo;
