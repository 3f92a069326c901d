//! Which ready app begins first: the one with the longest way still before it.
//!
//! The machine says which apps may begin; this says in what order, when not all
//! of them can at once. Measures nothing and keeps no time.

use std::collections::{BTreeMap, BinaryHeap};

use super::StepOrder;
use crate::affected::Action;
use crate::name::AppId;

/// How urgent a step is: the length of the longest way from its beginning to
/// the end of the deploy, in the unit of the durations.
pub type Urgency = u64;

/// The urgency of each step, given how long apps took before. An app of which
/// nothing is known is taken to be as the middle one of those that are, and 1
/// where none is.
///
/// Prunes come after all else, so they are part of no other step's way. A circle
/// of needs, which a plan never has, counts each step in it once.
pub fn urgencies(steps: &[StepOrder], durations: &BTreeMap<AppId, u64>) -> BTreeMap<AppId, Urgency> {
    let usual = middle(steps.iter().filter_map(|step| durations.get(&step.app).copied()).collect());
    let numbers: BTreeMap<&AppId, usize> =
        steps.iter().enumerate().map(|(number, step)| (&step.app, number)).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (number, step) in steps.iter().enumerate() {
        for need in step.needs.iter().filter_map(|need| numbers.get(need).copied()) {
            match (step.action, steps[need].action) {
                (Action::Apply | Action::Verify, Action::Apply | Action::Verify) => {
                    followers[need].push(number);
                }
                // What is needed is pruned after what needs it.
                (Action::Prune, Action::Prune) => followers[number].push(need),
                (Action::Prune, _) | (_, Action::Prune) => {}
            }
        }
    }
    let own = |number: usize| durations.get(&steps[number].app).copied().unwrap_or(usual).max(1);
    let mut known = vec![None; steps.len()];
    for number in 0..steps.len() {
        longest(number, &followers, &own, &mut known);
    }
    steps.iter().zip(known).map(|(step, urgency)| (step.app.clone(), urgency.unwrap_or(0))).collect()
}

/// Fills in the longest way from a step, and from all that follow it. With a stack
/// of its own: a plan may be thousands of steps deep.
fn longest(
    from: usize,
    followers: &[Vec<usize>],
    own: &impl Fn(usize) -> u64,
    known: &mut [Option<Urgency>],
) {
    let mut open = vec![(from, 0)];
    let mut inside = vec![false; followers.len()];
    while let Some((number, next)) = open.last_mut() {
        let number = *number;
        inside[number] = true;
        match followers[number].get(*next) {
            _ if known[number].is_some() => {
                open.pop();
            }
            Some(follower) => {
                *next += 1;
                if known[*follower].is_none() && !inside[*follower] {
                    open.push((*follower, 0));
                }
            }
            None => {
                let after = followers[number].iter().filter_map(|follower| known[*follower]).max();
                known[number] = Some(after.unwrap_or(0).saturating_add(own(number)));
                open.pop();
            }
        }
    }
}

fn middle(mut known: Vec<u64>) -> u64 {
    known.sort_unstable();
    known.get(known.len() / 2).copied().unwrap_or(1)
}

/// Apps that may begin, the most urgent first; among equals the first by id.
#[derive(Debug, Clone, Default)]
pub struct ReadyQueue {
    urgencies: BTreeMap<AppId, Urgency>,
    ready: BinaryHeap<(Urgency, std::cmp::Reverse<AppId>)>,
}

impl ReadyQueue {
    /// An empty queue for a deploy with these urgencies.
    pub fn new(urgencies: BTreeMap<AppId, Urgency>) -> Self {
        Self { urgencies, ready: BinaryHeap::new() }
    }

    /// Adds apps that may begin.
    pub fn extend(&mut self, apps: impl IntoIterator<Item = AppId>) {
        for app in apps {
            let urgency = self.urgencies.get(&app).copied().unwrap_or(0);
            self.ready.push((urgency, std::cmp::Reverse(app)));
        }
    }

    /// Takes the most urgent.
    pub fn pop(&mut self) -> Option<AppId> {
        self.ready.pop().map(|(_, app)| app.0)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests;
