//! Luigi deploys many applications as one from CI, in an order that can be
//! predicted, and leaves evidence.
//!
//! The order of the modules is the architecture: a module imports only modules
//! declared above it. Everything down to `report` is pure: values in, values
//! out, no clock, no environment, no randomness. `tests/it/tidy.rs` holds both.

pub mod name;
pub mod problem;
pub mod event;
pub mod object;
pub mod files;
pub mod config;
pub mod catalog;
pub mod graph;
pub mod change;
pub mod affected;
pub mod plan;
pub mod identity;
pub mod policy;
pub mod record;
pub mod deploy;
pub mod ledger;
pub mod report;
pub mod outside;
pub mod run;
pub mod cli;
