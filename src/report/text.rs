//! What people read on a terminal or in a log: plans, outcomes, graphs and
//! problems as lines of at most 100 columns.
//!
//! Does not know whether it is a terminal: colour and width are passed in as a
//! [`Style`].

mod graph;
mod outcome;
mod page;
mod plan;
mod problems;
mod prove;
mod steps;

#[cfg(test)]
mod tests;

pub use graph::{affected, graph};
pub use outcome::outcome;
pub use page::{Ink, Page, Span, Style, span};
pub use plan::{PlanPage, plan};
pub use problems::problems;
pub use prove::prove;
