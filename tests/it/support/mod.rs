//! What several integration tests need.

pub mod cluster;
pub mod corpus;
pub mod git_server;
pub mod group;
pub mod http;
pub mod issuer;
pub mod parts;
pub mod repo;
pub mod tls;
pub mod wait;
