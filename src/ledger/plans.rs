//! Plans from what the ledger holds: back to an entry, or all of an environment
//! anew. Nothing is rendered, no registry is asked.
//!
//! Does not say whether they may be carried out: they go through `policy` like
//! any other plan.

use std::collections::{BTreeMap, BTreeSet};

use super::{LedgerState, Stored, path};
use crate::affected::{Action, Reason};
use crate::change::{ChangeKind, Difference};
use crate::name::{AppId, CommitId, Environment};
use crate::object::{ObjectKey, diff};
use crate::plan::{Completeness, Plan, Step, digest};

/// One environment at one time, with its objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The state.
    pub state: LedgerState,
    /// What is deployed in it.
    pub apps: BTreeMap<AppId, Stored>,
}

impl Snapshot {
    /// The commit that a plan of what is here is said to be of: the one deployed
    /// as a whole, and where there is none, that of the app delivered last. `None`
    /// where nothing was ever deployed.
    pub fn commit(&self) -> Option<CommitId> {
        let newest = || self.apps.values().max_by_key(|stored| stored.app.seq).map(|s| s.app.revision);
        self.state.at.commit.or_else(newest)
    }
}

/// Makes the environment what it was `then`. `head` is the commit that was
/// deployed then.
///
/// An app that stays is put back after the apps that need it: those were made
/// for what it is now. An app that comes back comes after what it needs.
pub fn plan_rollback(now: &Snapshot, then: &Snapshot, head: CommitId) -> Result<Plan, serde_json::Error> {
    let mut steps = BTreeMap::new();
    for (app, stored) in &then.apps {
        let before = now.apps.get(app);
        if before.is_some_and(|before| before.app.digest == stored.app.digest) {
            continue;
        }
        steps.insert(app.clone(), apply(&now.state.environment, app, before, stored));
    }
    let backwards = |app: &AppId| -> BTreeSet<AppId> {
        let stays = |app: &AppId| now.apps.contains_key(app) && then.apps.contains_key(app);
        let mut first: BTreeSet<AppId> =
            needs(&then.apps, app).filter(|need| !stays(need)).cloned().collect();
        if stays(app) {
            first.extend(now.apps.keys().filter(|user| needs(&now.apps, user).any(|n| n == app)).cloned());
        } else {
            first.extend(needs(&then.apps, app).cloned());
        }
        first
    };
    let forwards = |app: &AppId| -> BTreeSet<AppId> { needs(&then.apps, app).cloned().collect() };
    let ordered = match order(steps.clone(), &backwards) {
        Ordered::All(steps) => steps,
        Ordered::Circle(_) => order(steps, &forwards).steps(),
    };
    plan(now, head, ordered.into_iter().chain(prunes(now, then)).collect())
}

/// Rebuilds `then` in an empty environment, in the order of its needs. `None`
/// when the environment is not empty.
pub fn plan_restore(
    into: &Snapshot,
    then: &Snapshot,
    head: CommitId,
) -> Result<Option<Plan>, serde_json::Error> {
    if !into.apps.is_empty() {
        return Ok(None);
    }
    let environment = &into.state.environment;
    let steps =
        then.apps.iter().map(|(app, stored)| (app.clone(), apply(environment, app, None, stored))).collect();
    let forwards = |app: &AppId| -> BTreeSet<AppId> { needs(&then.apps, app).cloned().collect() };
    plan(into, head, order(steps, &forwards).steps()).map(Some)
}

fn plan(now: &Snapshot, head: CommitId, steps: Vec<Step>) -> Result<Plan, serde_json::Error> {
    let environment = now.state.environment.clone();
    Ok(Plan {
        digest: digest(&environment, &steps)?,
        environment,
        base: now.state.at.commit,
        head,
        steps,
        touched: Vec::new(),
        // The ledger's own sets are all there is to a rollback.
        completeness: Completeness::Complete,
    })
}

fn needs<'a>(apps: &'a BTreeMap<AppId, Stored>, app: &AppId) -> impl Iterator<Item = &'a AppId> {
    apps.get(app).into_iter().flat_map(|stored| stored.app.needs.iter())
}

fn apply(environment: &Environment, app: &AppId, before: Option<&Stored>, then: &Stored) -> Step {
    let at = path::objects(&path::app(&path::environment(environment), app)).to_string();
    let (change, reason) = match before {
        Some(_) => (ChangeKind::Content, Difference::Content { path: at }),
        None => (ChangeKind::Added, Difference::NotDeployed),
    };
    let kept: BTreeSet<&ObjectKey> = then.app.inventory.iter().collect();
    let gone = |key: &&ObjectKey| !kept.contains(*key);
    Step {
        app: app.clone(),
        action: Action::Apply,
        change,
        reasons: vec![Reason::Changed(reason)],
        needs: Vec::new(),
        all_needs: then.app.needs.clone(),
        objects: then.objects.clone(),
        digest: Some(then.app.digest),
        changes: diff::compare(before.map_or(&[], |stored| &stored.objects), &then.objects),
        deletes: before.map_or_else(Vec::new, |b| b.app.inventory.iter().filter(gone).cloned().collect()),
        not_rendered: Vec::new(),
        pins: then.app.pins.clone(),
        target: then.app.target.clone(),
        revision: Some(then.app.revision),
    }
}

/// Steps for what is there now and was not then; last, users before what they use.
fn prunes(now: &Snapshot, then: &Snapshot) -> Vec<Step> {
    let environment = &now.state.environment;
    let prune = |(app, stored): (&AppId, &Stored)| {
        let at = path::objects(&path::app(&path::environment(environment), app)).to_string();
        let step = Step {
            app: app.clone(),
            action: Action::Prune,
            change: ChangeKind::Removed,
            reasons: vec![Reason::Changed(Difference::Removed { path: at })],
            needs: Vec::new(),
            all_needs: stored.app.needs.clone(),
            objects: Vec::new(),
            digest: None,
            changes: diff::compare(&stored.objects, &[]),
            deletes: stored.app.inventory.clone(),
            not_rendered: Vec::new(),
            pins: stored.app.pins.clone(),
            target: stored.app.target.clone(),
            revision: None,
        };
        (app.clone(), step)
    };
    let gone = now.apps.iter().filter(|(app, _)| !then.apps.contains_key(*app));
    let users = |app: &AppId| -> BTreeSet<AppId> {
        now.apps.keys().filter(|user| needs(&now.apps, user).any(|need| need == app)).cloned().collect()
    };
    order(gone.map(prune).collect(), &users).steps()
}

enum Ordered {
    All(Vec<Step>),
    /// Some wait for one another; they stand last, by name, without those waits.
    Circle(Vec<Step>),
}

impl Ordered {
    fn steps(self) -> Vec<Step> {
        match self {
            Ordered::All(steps) | Ordered::Circle(steps) => steps,
        }
    }
}

/// Steps in order, by name where the order is free; each with those of the
/// steps before it that it waits for.
fn order(mut steps: BTreeMap<AppId, Step>, first: &dyn Fn(&AppId) -> BTreeSet<AppId>) -> Ordered {
    let all: BTreeSet<AppId> = steps.keys().cloned().collect();
    let waits: BTreeMap<AppId, BTreeSet<AppId>> = all
        .iter()
        .map(|app| (app.clone(), first(app).into_iter().filter(|o| o != app && all.contains(o)).collect()))
        .collect();
    let mut done: BTreeSet<AppId> = BTreeSet::new();
    let mut ordered = Vec::new();
    let mut circle = false;
    while !steps.is_empty() {
        let mut ready: Vec<AppId> =
            steps.keys().filter(|app| waits[*app].is_subset(&done)).cloned().collect();
        if ready.is_empty() {
            circle = true;
            ready = steps.keys().take(1).cloned().collect();
        }
        for app in ready {
            if let Some(mut step) = steps.remove(&app) {
                step.needs = waits[&app].intersection(&done).cloned().collect();
                ordered.push(step);
            }
            done.insert(app);
        }
    }
    if circle { Ordered::Circle(ordered) } else { Ordered::All(ordered) }
}
