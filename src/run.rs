//! The story of a run: what is read, decided, written and recorded, in order.

pub mod ledger;
