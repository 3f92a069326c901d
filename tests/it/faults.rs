//! The real program against a real git server that fails it: killed, raced,
//! refused, cut off, and given ledgers that somebody else had in hand.
//!
//! Looks at what the branch holds afterwards, not at how it came about.

mod back;
mod broken;
pub mod fleet;
mod kill;
mod network;
mod race;
mod refused;
