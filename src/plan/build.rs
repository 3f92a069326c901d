//! Affected apps and their objects → the ordered plan.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, Step, Target, digest};
use crate::affected::{Action, Affected};
use crate::catalog::Completeness;
use crate::catalog::app::{App, Carried, Format, Parent};
use crate::graph::Graph;
use crate::name::{AppId, AppKey, CommitId, Digest, Environment};
use crate::object::{Object, ObjectKey, canonical, diff};

/// What a plan is made of.
pub struct Parts<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// The commit compared with.
    pub base: Option<CommitId>,
    /// The commit to deploy.
    pub head: CommitId,
    /// All apps of both ends.
    pub graph: &'a Graph,
    /// Apps by key: head's, and base's where head has none.
    pub apps: &'a BTreeMap<AppKey, App>,
    /// Who is affected in this environment.
    pub affected: &'a BTreeMap<AppKey, Affected>,
    /// Apps that only looked changed.
    pub touched: Vec<AppId>,
    /// What apps to apply render to, or why they could not be rendered.
    pub after: BTreeMap<AppId, Result<Vec<Object>, Vec<String>>>,
    /// What is there now.
    pub before: BTreeMap<AppId, Vec<Object>>,
    /// Objects that apps without a step here have, as far as it is known.
    pub held: BTreeSet<ObjectKey>,
    /// Whether the catalogs are complete.
    pub completeness: Completeness,
}

/// Builds the plan. Apps without a step of their own are left out; their needs
/// pass through them.
pub fn build(parts: Parts<'_>) -> Result<Plan, serde_json::Error> {
    let stepped = |key: &AppKey| parts.apps.get(key).is_none_or(|app| app.carried == Carried::OwnStep);
    let mut order: Vec<&Affected> =
        parts.graph.order().iter().filter(|k| stepped(k)).filter_map(|k| parts.affected.get(k)).collect();
    // Deletes come last, users before what they use.
    let (mut deletes, kept): (Vec<&Affected>, Vec<&Affected>) =
        order.drain(..).partition(|a| a.action == Action::Prune);
    deletes.reverse();
    let in_plan: BTreeSet<&AppId> = kept.iter().chain(&deletes).map(|a| &a.key.app).collect();
    // An object that another app renders now has changed hands: it stays.
    let mut kept_objects: BTreeSet<ObjectKey> =
        parts.after.values().flatten().flatten().map(|object| object.key.clone()).collect();
    kept_objects.extend(parts.held.iter().cloned());
    let mut steps = Vec::new();
    for affected in kept.into_iter().chain(deletes) {
        steps.push(step(&parts, affected, &in_plan, &kept_objects));
    }
    Ok(Plan {
        environment: parts.environment.clone(),
        base: parts.base,
        head: parts.head,
        digest: digest(parts.environment, &steps)?,
        steps,
        touched: parts.touched,
        completeness: parts.completeness,
    })
}

fn step(
    parts: &Parts<'_>,
    affected: &Affected,
    in_plan: &BTreeSet<&AppId>,
    kept_objects: &BTreeSet<ObjectKey>,
) -> Step {
    let key = &affected.key;
    let nothing = Vec::new();
    let before = parts.before.get(&key.app).unwrap_or(&nothing);
    let (after, not_rendered) = match (affected.action, parts.after.get(&key.app)) {
        (Action::Apply, Some(Ok(objects))) => (objects.clone(), Vec::new()),
        (Action::Apply, Some(Err(why))) => (Vec::new(), why.clone()),
        (Action::Apply, None) => (Vec::new(), vec!["it was not rendered".to_owned()]),
        (Action::Verify | Action::Prune, _) => (Vec::new(), Vec::new()),
    };
    let mut after = after;
    after.sort_by(|a, b| a.key.cmp(&b.key));
    let known = affected.action != Action::Verify && not_rendered.is_empty();
    let deletes = if known {
        before.iter().map(|o| &o.key).filter(|k| !kept_objects.contains(*k)).cloned().collect()
    } else {
        Vec::new()
    };
    let all_needs = needs(parts, key);
    Step {
        app: key.app.clone(),
        action: affected.action,
        change: affected.change,
        reasons: affected.reasons.clone(),
        needs: all_needs.iter().filter(|n| in_plan.contains(n)).cloned().collect(),
        all_needs: all_needs.into_iter().collect(),
        digest: match (affected.action, known) {
            (Action::Apply, true) => Some(Digest::of(&canonical(&after))),
            (Action::Apply, false) | (Action::Verify | Action::Prune, _) => None,
        },
        changes: if known { diff::compare(before, &after) } else { Vec::new() },
        objects: after,
        deletes,
        not_rendered,
        pins: parts.apps.get(key).map_or_else(Vec::new, pins),
        target: parts.apps.get(key).map(target).unwrap_or_default(),
        revision: None,
    }
}

/// What a step needs, by apps with steps: an app that its parent carries stands
/// for its parent and for its own needs.
fn needs(parts: &Parts<'_>, key: &AppKey) -> BTreeSet<AppId> {
    let mut out = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<AppKey> = parts.graph.needs(key).into_iter().collect();
    while let Some(need) = open.pop() {
        if !seen.insert(need.clone()) {
            continue;
        }
        match parts.apps.get(&need) {
            Some(app) if app.carried == Carried::ByParent => {
                if let Parent::App(parent) = &app.parent {
                    out.insert(parent.clone());
                }
                open.extend(parts.graph.needs(&need));
            }
            Some(_) | None => {
                out.insert(need.app.clone());
            }
        }
    }
    out.remove(&key.app);
    out
}

fn target(app: &App) -> Target {
    let account = app.definition.pointer("/spec/serviceAccount").and_then(serde_json::Value::as_str);
    let account = account.filter(|_| app.format == Format::Luigi).map(str::to_owned);
    Target { namespace: app.destination.namespace.clone(), account }
}

fn pins(app: &App) -> Vec<String> {
    app.content.remotes.iter().map(|r| format!("{}@{}", r.what, r.revision)).collect()
}
