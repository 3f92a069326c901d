//! Plan × rules → `ApprovedPlan` or `Denied`, with reasons.
//!
//! The only place that can build an approved plan. Rules are fixed for now;
//! policies that users write come into this room later.

mod builtin;

pub use builtin::{ConfigState, Extent, Facts, decide};

use serde::Serialize;

use crate::name::Digest;
use crate::plan::Plan;
use crate::problem::Problem;

/// A plan that may be carried out. Built nowhere but here.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovedPlan {
    plan: Plan,
    decision: Decision,
}

impl ApprovedPlan {
    /// What was approved.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
    /// Why.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Approves anything: for unit tests of what comes after.
    #[cfg(test)]
    pub fn unchecked(plan: Plan) -> Self {
        let decision = Decision { verdict: Verdict::Allowed, rules: Vec::new(), confirmed: None };
        Self { plan, decision }
    }
}

/// What was decided, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Allowed or denied.
    pub verdict: Verdict,
    /// Every rule that had a say, in order.
    pub rules: Vec<RuleResult>,
    /// The digest that was confirmed, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Digest>,
}

/// Allowed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The plan may be carried out.
    Allowed,
    /// It may not.
    Denied,
}

/// What one rule said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleResult {
    /// The rule's name, as in `builtin/confirm-deletes`.
    pub rule: String,
    /// What it said.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
}

/// A plan that may not be carried out, with the problems that say what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Denied {
    /// The plan as it was.
    pub plan: Plan,
    /// Why.
    pub decision: Decision,
    /// The same, as problems with codes and help.
    pub problems: Vec<Problem>,
}
