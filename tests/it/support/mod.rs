//! What several integration tests need.

pub mod parts;
pub mod repo;
