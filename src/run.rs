//! The story of a run, from event to ledger, top to bottom.
//!
//! Decides nothing that a pure module could decide.

pub mod ci;
pub mod compare;
pub mod deploying;
pub mod error;
pub mod kubernetes;
pub mod ledger;
pub mod planning;
pub mod prove;
pub mod reading;
pub mod rendering;
pub mod who;
pub mod world;
