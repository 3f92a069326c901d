//! The integration tests: one binary, real programs, no network.

#![expect(
    unreachable_pub,
    reason = "a helper is public to the tests beside it, and there is no crate around"
)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "in tests")]

mod action;
mod bad;
mod branch;
mod cluster;
mod demo;
mod doctor;
mod corpus;
mod faults;
mod git;
mod kubernetes;
mod pins;
mod prove;
mod render;
mod schema;
mod settle;
mod support;
mod tidy;
mod unseen;
