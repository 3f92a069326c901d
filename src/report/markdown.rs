//! A record as GitHub's Markdown: the sticky comment of one environment, and
//! the environment's part of a job summary.
//!
//! A pure function of the record and the graph, within a budget of bytes that
//! never cuts inside a row, a fence or a character. Sends nothing.

mod budget;
mod parts;

#[cfg(test)]
mod tests;

use budget::Budget;

use super::view::GraphView;
use crate::name::{Digest, Environment};
use crate::problem::Problem;
use crate::record::Record;

/// The most bytes of a comment: the service takes 65,536 characters, and this
/// is safe under every reading of that.
pub const COMMENT_BYTES: usize = 60_000;

/// The hidden line by which a comment is found again. A comment is ours when it
/// begins with this *and* its author is who we are: anyone can write the line.
pub fn marker(environment: &Environment) -> String {
    format!("<!-- luigi:comment/v1 environment={environment} -->")
}

/// The record as Markdown of at most `bytes` bytes, as far as its head and its
/// evidence, which are never left out, have room in them.
pub fn comment(record: &Record, graph: Option<&GraphView>, bytes: usize) -> String {
    let head = format!("{}\n{}", marker(&record.environment), parts::head(record));
    let evidence = parts::evidence(record, digest(record));
    let mut budget = Budget::new(bytes.saturating_sub(head.len() + evidence.len()));
    // Filled in the order of their weight, put together in the order of reading.
    let steps = budget.share(3, 5, |b| parts::steps(b, record));
    let decision = budget.share(1, 3, |b| parts::decision(b, record));
    let problems = budget.share(1, 3, |b| parts::problems(b, &record.problems));
    let graph = graph.map_or_else(String::new, |graph| budget.share(1, 2, |b| parts::graph(b, graph)));
    let diffs = budget.share(1, 1, |b| parts::diffs(b, record));
    [head, steps, problems, graph, diffs, decision, evidence].concat()
}

/// What is said of a run that ended before its work was done, in at most
/// `bytes` bytes: there may be no record of it.
pub fn failure(message: &str, problems: &[Problem], bytes: usize) -> String {
    let head = parts::failure(message);
    let budget = Budget::new(bytes.saturating_sub(head.len()));
    head + &parts::problems(budget, problems)
}

/// The digest of the record's canonical bytes; `None` where they cannot be
/// written.
pub fn digest(record: &Record) -> Option<Digest> {
    record.canonical().ok().map(|bytes| Digest::of(&bytes))
}
