//! Apps → who needs whom, or every circle named. petgraph stays inside.
//!
//! Only needs are edges. A parent does not need its children nor they it; where
//! order must be chosen freely, parents go first.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::{Incoming, Outgoing};
use serde::Serialize;

use crate::catalog::app::{App, AppRef, Need, Parent};
use crate::name::{AppId, AppKey, Environment};
use crate::problem::{Code, Place, Problem};

/// How another app's change reaches this one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Because {
    /// It needs an affected app.
    Needs {
        /// That app.
        app: AppId,
    },
    /// A selected app needs it: it is looked at, not changed.
    NeededBy {
        /// That app.
        app: AppId,
    },
    /// An affected app is in an earlier sync wave of the same parent.
    Wave {
        /// The earlier wave.
        wave: i64,
        /// The parent, as `kind/namespace/name`; `root` for luigi.yaml.
        parent: String,
    },
}

/// An edge leads from an app to what it needs.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "petgraph's own stays inside ours")]
pub struct Graph {
    graph: DiGraph<Node, ()>,
    index: BTreeMap<AppKey, NodeIndex>,
    /// How many parents an app has above it, where it has any.
    depth: BTreeMap<AppKey, usize>,
}

/// An app, or the gate before a sync wave: it needs all of the wave before, and
/// all of its own wave need it. That keeps edges linear in apps.
#[derive(Debug, Clone)]
enum Node {
    App(AppKey),
    Gate { before: i64, parent: Parent },
}

impl Graph {
    /// Builds the graph. Needs that name no app, or several, and circles are
    /// problems.
    pub fn build<'a>(apps: impl IntoIterator<Item = &'a App>) -> (Self, Vec<Problem>) {
        let apps: BTreeMap<&AppKey, &App> = apps.into_iter().map(|a| (&a.key, a)).collect();
        let mut this = Self::default();
        let mut problems = Vec::new();
        for key in apps.keys() {
            let node = this.graph.add_node(Node::App((*key).clone()));
            this.index.insert((*key).clone(), node);
        }
        // Few apps need others by name, most fleets have none that do.
        let names = std::cell::OnceCell::new();
        let mut places: BTreeMap<(NodeIndex, NodeIndex), Place> = BTreeMap::new();
        for (key, app) in &apps {
            let depth = depth(&apps, app);
            if depth > 0 {
                this.depth.insert((*key).clone(), depth);
            }
            let from = this.index[*key];
            for need in &app.needs {
                match names.get_or_init(|| Names::of(&apps)).resolve(key, need) {
                    Ok(found) => {
                        let to = this.index[found];
                        this.graph.update_edge(from, to, ());
                        places.entry((from, to)).or_insert_with(|| need.place.clone());
                    }
                    Err(problem) => problems.push(problem.of(key)),
                }
            }
        }
        this.waves(&apps);
        problems.extend(this.cycles(&places));
        (this, problems)
    }

    /// Adds an app that no catalog has, with what it needed when it was deployed.
    /// What is not in the graph either is left out of its needs.
    pub fn add(&mut self, key: &AppKey, needs: &[AppId]) {
        if self.index.contains_key(key) {
            return;
        }
        let from = self.graph.add_node(Node::App(key.clone()));
        self.index.insert(key.clone(), from);
        for app in needs {
            let need = AppKey { environment: key.environment.clone(), app: app.clone() };
            if let Some(to) = self.index.get(&need) {
                self.graph.update_edge(from, *to, ());
            }
        }
    }

    /// Gates between the sync waves of each parent's children.
    fn waves(&mut self, apps: &BTreeMap<&AppKey, &App>) {
        let mut groups: BTreeMap<(&Environment, &Parent), BTreeMap<i64, Vec<&AppKey>>> = BTreeMap::new();
        for (key, app) in apps {
            if let Some(wave) = app.wave {
                let group = groups.entry((&key.environment, &app.parent)).or_default();
                group.entry(wave).or_default().push(key);
            }
        }
        for ((_, parent), waves) in groups {
            for ((before, earlier), (_, later)) in waves.iter().zip(waves.iter().skip(1)) {
                let gate = self.graph.add_node(Node::Gate { before: *before, parent: parent.clone() });
                for app in earlier {
                    self.graph.add_edge(gate, self.index[*app], ());
                }
                for app in later {
                    self.graph.add_edge(self.index[*app], gate, ());
                }
            }
        }
    }

    /// Every circle, each named whole.
    fn cycles(&self, places: &BTreeMap<(NodeIndex, NodeIndex), Place>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for component in tarjan_scc(&self.graph) {
            let first = component[0];
            if component.len() == 1 && self.graph.find_edge(first, first).is_none() {
                continue;
            }
            let members: BTreeSet<NodeIndex> = component.into_iter().collect();
            let start = members.iter().copied().find(|n| matches!(self.graph[*n], Node::App(_)));
            let Some(start) = start else { continue };
            let circle = self.circle(start, &members);
            let mut names: Vec<String> = Vec::new();
            for node in &circle {
                match &self.graph[*node] {
                    Node::App(key) => names.push(key.app.to_string()),
                    Node::Gate { before, .. } => names.push(format!("(all of sync wave {before})")),
                }
            }
            names.push(names[0].clone());
            let edges = circle.iter().zip(circle.iter().skip(1).chain(circle.first()));
            let place = edges.into_iter().find_map(|(from, to)| places.get(&(*from, *to))).cloned();
            let mut message = format!("apps need one another in a circle: {}", names.join(" → "));
            if members.len() > circle.len() {
                message += &format!(" (and {} more tied into it)", members.len() - circle.len());
            }
            let problem = Problem::new(Code::NeedCycle, place, message);
            problems.push(problem);
        }
        problems.sort();
        problems
    }

    /// A shortest circle through `start` within its component.
    fn circle(&self, start: NodeIndex, members: &BTreeSet<NodeIndex>) -> Vec<NodeIndex> {
        let mut from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            let mut next: Vec<NodeIndex> = self.graph.neighbors_directed(node, Outgoing).collect();
            next.sort();
            for to in next.into_iter().filter(|n| members.contains(n)) {
                if to == start {
                    let mut path = vec![node];
                    let mut at = node;
                    while let Some(before) = from.get(&at) {
                        path.push(*before);
                        at = *before;
                    }
                    path.reverse();
                    return path;
                }
                if to != start && !from.contains_key(&to) {
                    from.insert(to, node);
                    queue.push_back(to);
                }
            }
        }
        vec![start]
    }

    /// What an app needs directly, gates opened.
    pub fn needs(&self, key: &AppKey) -> BTreeSet<AppKey> {
        self.reach(key, Outgoing)
    }

    /// Who needs an app directly, gates opened.
    pub fn needed_by(&self, key: &AppKey) -> BTreeSet<AppKey> {
        self.reach(key, Incoming)
    }

    fn reach(&self, key: &AppKey, direction: petgraph::Direction) -> BTreeSet<AppKey> {
        let mut out = BTreeSet::new();
        let Some(node) = self.index.get(key) else { return out };
        for next in self.graph.neighbors_directed(*node, direction) {
            match &self.graph[next] {
                Node::App(key) => {
                    out.insert(key.clone());
                }
                Node::Gate { .. } => {
                    for beyond in self.graph.neighbors_directed(next, direction) {
                        if let Node::App(key) = &self.graph[beyond] {
                            out.insert(key.clone());
                        }
                    }
                }
            }
        }
        out
    }

    /// Everyone who needs one of `seeds`, directly or not, the seeds included,
    /// each with the edges through which it is reached.
    pub fn needed_by_closure<'a>(
        &self,
        seeds: impl IntoIterator<Item = &'a AppKey>,
    ) -> BTreeMap<AppKey, BTreeSet<Because>> {
        let mut reached: BTreeSet<NodeIndex> = BTreeSet::new();
        let mut queue: Vec<NodeIndex> =
            seeds.into_iter().filter_map(|k| self.index.get(k).copied()).collect();
        while let Some(node) = queue.pop() {
            if reached.insert(node) {
                queue.extend(self.graph.neighbors_directed(node, Incoming));
            }
        }
        let mut out = BTreeMap::new();
        for node in &reached {
            let Node::App(key) = &self.graph[*node] else { continue };
            let mut because = BTreeSet::new();
            for need in self.graph.neighbors_directed(*node, Outgoing).filter(|n| reached.contains(n)) {
                because.insert(match &self.graph[need] {
                    Node::App(app) => Because::Needs { app: app.app.clone() },
                    Node::Gate { before, parent } => Because::Wave {
                        wave: *before,
                        parent: match parent {
                            Parent::Root => "root".to_owned(),
                            Parent::App(id) => id.to_string(),
                        },
                    },
                });
            }
            out.insert(key.clone(), because);
        }
        out
    }

    /// All apps, each after what it needs; where there is a choice, parents
    /// first, then by key. Apps in a circle stand at the end.
    pub fn order(&self) -> Vec<AppKey> {
        let mut open: BTreeMap<NodeIndex, usize> = self
            .graph
            .node_indices()
            .map(|n| (n, self.graph.neighbors_directed(n, Outgoing).count()))
            .collect();
        let mut ready: BinaryHeap<std::cmp::Reverse<(usize, Option<AppKey>, NodeIndex)>> = BinaryHeap::new();
        let rank = |n: NodeIndex| match &self.graph[n] {
            Node::Gate { .. } => std::cmp::Reverse((0, None, n)),
            Node::App(key) => {
                std::cmp::Reverse((self.depth.get(key).copied().unwrap_or(0), Some(key.clone()), n))
            }
        };
        ready.extend(open.iter().filter(|(_, count)| **count == 0).map(|(n, _)| rank(*n)));
        let mut out = Vec::new();
        let mut done: BTreeSet<NodeIndex> = BTreeSet::new();
        while let Some(std::cmp::Reverse((_, key, node))) = ready.pop() {
            done.insert(node);
            out.extend(key);
            for later in self.graph.neighbors_directed(node, Incoming) {
                if let Some(count) = open.get_mut(&later) {
                    *count = count.saturating_sub(1);
                    if *count == 0 && !done.contains(&later) {
                        ready.push(rank(later));
                    }
                }
            }
        }
        out.extend(self.index.iter().filter(|(_, n)| !done.contains(n)).map(|(key, _)| key.clone()));
        out
    }

    /// Every direct need as (app, needed), gates opened, in order.
    pub fn edges(&self) -> Vec<(AppKey, AppKey)> {
        let all = self.index.keys().flat_map(|key| self.needs(key).into_iter().map(|n| (key.clone(), n)));
        all.collect()
    }
}

/// How many parents an app has above it.
fn depth(apps: &BTreeMap<&AppKey, &App>, app: &App) -> usize {
    let mut depth = 0;
    let mut at = app;
    while let Parent::App(id) = &at.parent {
        let key = AppKey { environment: app.key.environment.clone(), app: id.clone() };
        let Some(above) = apps.get(&key) else { break };
        at = above;
        depth += 1;
        if depth > 64 {
            break;
        }
    }
    depth
}

/// Apps by name, to resolve needs.
struct Names<'a> {
    apps: BTreeSet<&'a AppKey>,
    by_name: BTreeMap<(&'a Environment, &'a str), Vec<&'a AppKey>>,
}

impl<'a> Names<'a> {
    fn of(apps: &BTreeMap<&'a AppKey, &App>) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for key in apps.keys() {
            by_name.entry((&key.environment, key.app.name())).or_default().push(*key);
        }
        Self { apps: apps.keys().copied().collect(), by_name }
    }

    fn resolve(&self, from: &AppKey, need: &Need) -> Result<&'a AppKey, Problem> {
        let place = Some(need.place.clone());
        let unknown = |name: String| {
            let message = format!("{} needs {name}, which is no app of {}", from.app, from.environment);
            Err(Problem::new(Code::NeedUnknown, place.clone(), message))
        };
        match &need.app {
            AppRef::Exact(id) => {
                let key = AppKey { environment: from.environment.clone(), app: id.clone() };
                self.apps.get(&key).copied().map_or_else(|| unknown(id.to_string()), Ok)
            }
            AppRef::Name(name) => {
                let all =
                    self.by_name.get(&(&from.environment, name.as_str())).map_or(&[][..], Vec::as_slice);
                let same: Vec<_> = all.iter().filter(|k| k.app.kind() == from.app.kind()).collect();
                match (all, same.as_slice()) {
                    ([], _) => unknown(name.clone()),
                    ([one], _) => Ok(one),
                    (_, [one]) => Ok(one),
                    (many, _) => {
                        let names: Vec<String> = many.iter().map(|k| k.app.to_string()).collect();
                        let message =
                            format!("{} needs {name}, which may be {}", from.app, names.join(" or "));
                        Err(Problem::new(Code::NeedAmbiguous, place, message))
                    }
                }
            }
        }
    }
}
