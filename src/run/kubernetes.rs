//! Carries the deploy machine's effects out on a Kubernetes API server: each app
//! under its own credential, each the moment that its needs have settled.
//!
//! Everything that a crashed run leaves behind is in the ledger's intent and in
//! the inventories of the control namespace. Decides nothing about order, failure
//! or rollback: that is `deploy`.

pub mod grants;
pub mod setup;

pub use setup::{Cluster, SetupError, TokenSource};
