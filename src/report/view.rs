//! What the reports are made of: a graph to draw, and one row for each step,
//! whether it comes from a plan or from a record.
//!
//! Holds no text of its own: the words are in `words`.

use std::collections::BTreeMap;

use crate::affected::{Action, Reason};
use crate::change::ChangeKind;
use crate::name::{AppId, AppKey};
use crate::object::ObjectKey;
use crate::object::diff::ObjectChange;
use crate::plan::Step;
use crate::record::{StepRecord, StepResult};

/// A graph to draw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphView {
    /// The apps; their order is the order of the ids n0, n1, …
    pub nodes: Vec<NodeView>,
    /// `(a, b)`: a needs b. Edges that name no node are left out.
    pub edges: Vec<(AppKey, AppKey)>,
}

/// One app in a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// The app.
    pub key: AppKey,
    /// How it differs; `None` when it is not affected.
    pub change: Option<ChangeKind>,
    /// What would be done; `None` when it is not affected.
    pub action: Option<Action>,
}

impl NodeView {
    /// Whether the app is affected.
    pub fn is_affected(&self) -> bool {
        self.action.is_some() || self.change.is_some()
    }
}

impl GraphView {
    /// The edges as positions in `nodes`, sorted, each once: needing, needed.
    pub fn indexed_edges(&self) -> Vec<(usize, usize)> {
        let at: BTreeMap<&AppKey, usize> = self.nodes.iter().enumerate().map(|(i, n)| (&n.key, i)).collect();
        let mut edges: Vec<(usize, usize)> =
            self.edges.iter().filter_map(|(a, b)| Some((*at.get(a)?, *at.get(b)?))).collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// Whether the nodes lie in more than one environment, so that a label must
    /// name it.
    pub fn spans_environments(&self) -> bool {
        let mut environments = self.nodes.iter().map(|n| &n.key.environment);
        let first = environments.next();
        environments.any(|e| Some(e) != first)
    }

    /// A node's label: the app, and its environment where there are several.
    pub fn label(&self, node: &NodeView) -> String {
        if self.spans_environments() { node.key.to_string() } else { node.key.app.to_string() }
    }

    /// The affected apps, and those that stand one edge from them.
    #[must_use]
    pub fn around_affected(&self) -> Self {
        let mut keep: Vec<bool> = self.nodes.iter().map(NodeView::is_affected).collect();
        for (a, b) in self.indexed_edges() {
            let (affected_a, affected_b) = (self.nodes[a].is_affected(), self.nodes[b].is_affected());
            keep[a] |= affected_b;
            keep[b] |= affected_a;
        }
        let nodes = self.nodes.iter().zip(keep).filter(|(_, keep)| *keep).map(|(n, _)| n.clone()).collect();
        Self { nodes, edges: self.edges.clone() }
    }
}

/// One step, as a report shows it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The app.
    pub app: &'a AppId,
    /// What is done.
    pub action: Action,
    /// How the app differs.
    pub change: ChangeKind,
    /// Why it is here.
    pub reasons: &'a [Reason],
    /// What differs, object by object.
    pub changes: &'a [ObjectChange],
    /// The objects that go.
    pub deletes: &'a [ObjectKey],
    /// Why it could not be rendered.
    pub not_rendered: &'a [String],
    /// What became of it; `None` in a plan.
    pub result: Option<&'a StepResult>,
}

impl<'a> From<&'a Step> for Row<'a> {
    fn from(step: &'a Step) -> Self {
        Self {
            app: &step.app,
            action: step.action,
            change: step.change,
            reasons: &step.reasons,
            changes: &step.changes,
            deletes: &step.deletes,
            not_rendered: &step.not_rendered,
            result: None,
        }
    }
}

impl<'a> From<&'a StepRecord> for Row<'a> {
    fn from(step: &'a StepRecord) -> Self {
        Self {
            app: &step.app,
            action: step.action,
            change: step.change,
            reasons: &step.reasons,
            changes: &step.changes,
            deletes: &step.deletes,
            not_rendered: &step.not_rendered,
            result: Some(&step.result),
        }
    }
}

/// How many steps there are of each action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// To write.
    pub apply: usize,
    /// To wait for.
    pub verify: usize,
    /// To delete.
    pub prune: usize,
    /// Objects that go, over all steps.
    pub deletes: usize,
}

impl Counts {
    /// Counts these rows.
    pub fn of<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> Self {
        let mut counts = Self::default();
        for row in rows {
            match row.action {
                Action::Apply => counts.apply += 1,
                Action::Verify => counts.verify += 1,
                Action::Prune => counts.prune += 1,
            }
            counts.deletes += row.deletes.len();
        }
        counts
    }
}
