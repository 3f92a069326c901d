//! The integration tests: one binary, real programs, no network.

#![expect(
    unreachable_pub,
    reason = "a helper is public to the tests beside it, and there is no crate around"
)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "in tests")]

mod bad;
mod branch;
mod faults;
mod git;
mod prove;
mod render;
mod schema;
mod settle;
mod support;
mod tidy;
