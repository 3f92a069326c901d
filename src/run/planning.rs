//! Makes one plan per environment: of commit against commit, or of commit
//! against what the ledger says is deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Base, Comparison, Renders};
use super::error::{RunError, exit};
use super::rendering::AppRender;
use super::world::World;
use crate::affected::{Action, Affected};
use crate::catalog::Completeness;
use crate::catalog::app::Carried;
use crate::change::{Change, ChangeKind, Difference};
use crate::graph::Graph;
use crate::ledger::plans::Snapshot;
use crate::name::{AppId, AppKey, CommitId, Digest, Environment};
use crate::object::{Object, ObjectKey, canonical};
use crate::plan::{self, Plan};
use crate::policy::{self, ApprovedPlan, ConfigState, Denied, Facts};
use crate::problem::Problem;

/// A plan with all that led to it.
pub struct Planned {
    /// The environment's plan, and whether it may be carried out.
    pub verdict: Result<ApprovedPlan, Box<Denied>>,
    /// Who is affected, stepless apps included.
    pub affected: BTreeMap<AppKey, Affected>,
    /// Everything wrong in this environment.
    pub problems: Vec<Problem>,
    /// How many apps the environment has at head.
    pub apps: usize,
}

impl Planned {
    /// The plan, allowed or not.
    pub fn plan(&self) -> &Plan {
        match &self.verdict {
            Ok(approved) => approved.plan(),
            Err(denied) => &denied.plan,
        }
    }

    /// What was decided.
    pub fn decision(&self) -> &policy::Decision {
        match &self.verdict {
            Ok(approved) => approved.decision(),
            Err(denied) => &denied.decision,
        }
    }

    /// The exit code of the deploy that this describes, unless a step fails.
    pub fn exit_code(&self) -> u8 {
        match &self.verdict {
            Ok(_) => exit::OK,
            Err(denied) if denied.is_about_files() => exit::PROBLEMS,
            Err(_) => exit::DENIED,
        }
    }

    /// Every problem, the decision's own too.
    pub fn all_problems(&self) -> Vec<Problem> {
        let mut all = self.problems.clone();
        if let Err(denied) = &self.verdict {
            all.extend(denied.problems.iter().cloned());
        }
        all.sort();
        all.dedup();
        all
    }
}

/// What a plan is asked for.
pub struct Ask<'a> {
    /// `--app`; empty for all.
    pub apps: &'a [String],
    /// `--confirm`.
    pub confirm: Option<Digest>,
    /// Whether luigi.yaml is committed, as far as this run cares.
    pub config: ConfigState,
    /// Environments that this run deploys before, with the commit they get.
    pub earlier: &'a [(Environment, CommitId)],
    /// Hears of each app rendered.
    pub done: &'a (dyn Fn(&AppKey) + Sync),
}

/// The plan of one environment.
///
/// `deployed` is what the ledger has; it decides what is there now when `against`
/// says so, and what the rules know either way.
pub fn plan(
    world: &World,
    comparison: &mut Comparison,
    environment: &Environment,
    deployed: Option<&Snapshot>,
    against: Against,
    ask: &Ask<'_>,
) -> Result<Planned, RunError> {
    let mut graph = comparison.graph();
    if against == Against::Ledger
        && let Some(snapshot) = deployed
    {
        add_what_the_ledger_says(comparison, environment, snapshot);
        for (app, stored) in &snapshot.apps {
            let key = AppKey { environment: environment.clone(), app: app.clone() };
            graph.add(&key, &stored.app.needs);
        }
    }
    let selected = selection(comparison, environment, deployed, ask.apps)?;
    let all_apps = comparison.all_apps();
    let in_environment = |key: &&AppKey| key.environment == *environment;
    let mut changes: BTreeMap<AppKey, Change> = comparison
        .changes
        .iter()
        .filter(|(key, _)| in_environment(key) && selected.as_ref().is_none_or(|s| s.contains(&key.app)))
        .map(|(key, change)| (key.clone(), change.clone()))
        .collect();
    let renders = render(world, comparison, &changes, against, ask);
    let mut before = befores(environment, deployed, against, &renders);
    let touched = touched(&mut changes, comparison, &renders, &before);
    let affected = reach(world, comparison, &graph, &changes, selected.as_ref());
    let mut problems: Vec<Problem> = of_environment(&comparison.problems, environment);
    let mut after = BTreeMap::new();
    for (key, render) in renders.head {
        let objects = match render {
            AppRender::Objects(objects, notes) => {
                problems.extend(notes);
                Ok(objects)
            }
            AppRender::NotRendered(why) => Err(why),
            AppRender::Failed(found) => {
                let why = found.iter().map(|p| p.message.clone()).collect();
                problems.extend(found.into_iter().map(|p| p.of(&key)));
                Err(why)
            }
        };
        after.insert(key.app, objects);
    }
    let held = held(&mut before, &affected, against);
    let plan = plan::build(plan::Parts {
        environment,
        base: match comparison.base {
            Base::Commit(commit) => Some(commit),
            Base::Nothing | Base::Missing(_) => None,
        },
        head: comparison.head,
        graph: &graph,
        apps: &all_apps,
        affected: &affected,
        touched,
        after,
        before,
        held,
        completeness: completeness(comparison, against),
    })?;
    problems.sort();
    problems.dedup();
    let verdict = policy::decide(plan, &facts(world, environment, deployed, &problems, ask));
    let apps = comparison.head_catalog.apps.keys().filter(in_environment).count();
    Ok(Planned { verdict, affected, problems, apps })
}

/// Leaves in `before` the apps that are written. What the others have stays where
/// it is, whoever had it before: it is no delete.
fn held(
    before: &mut BTreeMap<AppId, Vec<Object>>,
    affected: &BTreeMap<AppKey, Affected>,
    against: Against,
) -> BTreeSet<ObjectKey> {
    let written: BTreeSet<&AppId> =
        affected.values().filter(|a| a.action != Action::Verify).map(|a| &a.key.app).collect();
    let stays = before.extract_if(.., |app, _| !written.contains(app)).flat_map(|(_, objects)| objects);
    let stays = stays.map(|object| object.key).collect();
    match against {
        Against::Ledger => stays,
        Against::Commit => BTreeSet::new(),
    }
}

/// Whether a plan has seen every app. Against the ledger base need not be
/// complete: what is gone shows in the ledger itself.
fn completeness(comparison: &Comparison, against: Against) -> Completeness {
    match (against, comparison.base) {
        (Against::Ledger, Base::Commit(_) | Base::Nothing) => comparison.head_catalog.completeness(),
        (Against::Ledger, Base::Missing(_)) | (Against::Commit, _) => comparison.completeness,
    }
}

/// What a plan compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// The base commit.
    Commit,
    /// What the ledger has.
    Ledger,
}

/// Problems of one environment, and those of none.
fn of_environment(problems: &[Problem], environment: &Environment) -> Vec<Problem> {
    let here = |p: &&Problem| p.app.as_ref().is_none_or(|app| app.environment == *environment);
    problems.iter().filter(here).cloned().collect()
}

/// Adds changes that no commit shows: apps that are not deployed, or were
/// deployed apart, or are deployed and defined nowhere.
fn add_what_the_ledger_says(comparison: &mut Comparison, environment: &Environment, snapshot: &Snapshot) {
    let key = |app: &AppId| AppKey { environment: environment.clone(), app: app.clone() };
    let mut found: Vec<(AppKey, Difference)> = Vec::new();
    for (app, defined) in comparison.head_catalog.apps.iter().filter(|(k, _)| k.environment == *environment) {
        if defined.carried == Carried::OwnStep && !snapshot.apps.contains_key(&app.app) {
            found.push((app.clone(), Difference::NotDeployed));
        }
    }
    for (app, commit) in &snapshot.state.at.apart {
        if comparison.head_catalog.apps.contains_key(&key(app)) {
            found.push((key(app), Difference::DeployedApart { commit: commit.to_string() }));
        }
    }
    for key in snapshot.apps.keys().map(key) {
        if !comparison.head_catalog.apps.contains_key(&key) && !comparison.changes.contains_key(&key) {
            found.push((key, Difference::Removed { path: "the ledger".to_owned() }));
        }
    }
    for (key, difference) in found {
        let known = comparison.changes.remove(&key);
        let moved = known.as_ref().and_then(|change| change.environment.clone());
        let mut differences = known.map_or_else(Vec::new, |change| change.differences);
        differences.push(difference);
        comparison.changes.insert(key, Change { environment: moved, ..Change::of(differences) });
    }
}

/// The apps that `--app` names; `None` for all.
fn selection(
    comparison: &Comparison,
    environment: &Environment,
    deployed: Option<&Snapshot>,
    wanted: &[String],
) -> Result<Option<BTreeSet<AppId>>, RunError> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let heads = comparison.head_catalog.apps.keys();
    let bases = comparison.base_catalog.iter().flat_map(|c| c.apps.keys());
    let mut known: BTreeSet<&AppId> =
        heads.chain(bases).filter(|k| k.environment == *environment).map(|k| &k.app).collect();
    known.extend(deployed.iter().flat_map(|s| s.apps.keys()));
    let mut out = BTreeSet::new();
    for name in wanted {
        let found: Vec<&&AppId> =
            known.iter().filter(|id| id.name() == name || id.to_string() == *name).collect();
        match found.as_slice() {
            [one] => {
                out.insert((**one).clone());
            }
            [] => return Err(RunError::Usage(format!("there is no app {name:?} in {environment}"))),
            many => {
                let list: Vec<String> = many.iter().map(ToString::to_string).collect();
                let list = list.join(", ");
                return Err(RunError::Usage(format!(
                    "{name:?} may be {list}; write it as kind/namespace/name"
                )));
            }
        }
    }
    Ok(Some(out))
}

fn render(
    world: &World,
    comparison: &Comparison,
    changes: &BTreeMap<AppKey, Change>,
    against: Against,
    ask: &Ask<'_>,
) -> Renders {
    let steps = |key: &AppKey| comparison.app(key).is_some_and(|app| app.carried == Carried::OwnStep);
    let head: Vec<AppKey> = changes.keys().filter(|k| steps(k)).cloned().collect();
    let base = match against {
        Against::Commit => head.clone(),
        Against::Ledger => Vec::new(),
    };
    comparison.render(world, &base, &head, ask.done)
}

/// What is there now, by app.
fn befores(
    environment: &Environment,
    deployed: Option<&Snapshot>,
    against: Against,
    renders: &Renders,
) -> BTreeMap<AppId, Vec<Object>> {
    match against {
        Against::Ledger => {
            deployed.iter().flat_map(|s| &s.apps).map(|(id, app)| (id.clone(), app.objects.clone())).collect()
        }
        Against::Commit => renders
            .base
            .iter()
            .filter(|(key, _)| key.environment == *environment)
            .filter_map(|(key, render)| match render {
                AppRender::Objects(objects, _) => Some((key.app.clone(), objects.clone())),
                AppRender::NotRendered(_) | AppRender::Failed(_) => None,
            })
            .collect(),
    }
}

/// Takes apps out of the changes that render to what is there already.
fn touched(
    changes: &mut BTreeMap<AppKey, Change>,
    comparison: &Comparison,
    renders: &Renders,
    before: &BTreeMap<AppId, Vec<Object>>,
) -> Vec<AppId> {
    let mut out = Vec::new();
    changes.retain(|key, change| {
        let may = comparison.may_be_touched_only(change)
            && comparison.head_catalog.apps.get(key).is_some_and(|app| app.carried == Carried::OwnStep);
        let same = match (renders.head.get(key), before.get(&key.app)) {
            (Some(AppRender::Objects(after, _)), Some(before)) => canonical(after) == canonical(before),
            _ => false,
        };
        if may && same {
            out.push(key.app.clone());
        }
        !(may && same)
    });
    out
}

/// The affected set of the selected changes; with a selection, needs outside it
/// are verified and dependents outside it are left alone.
fn reach(
    world: &World,
    comparison: &Comparison,
    graph: &Graph,
    changes: &BTreeMap<AppKey, Change>,
    selected: Option<&BTreeSet<AppId>>,
) -> BTreeMap<AppKey, Affected> {
    let mut all = crate::affected::affected(graph, changes, world.config.deploy.dependents);
    let Some(selected) = selected else { return all };
    all.retain(|key, _| selected.contains(&key.app));
    let mut verified = BTreeMap::new();
    for key in all.keys() {
        for need in graph.needs(key) {
            if !all.contains_key(&need) && comparison.head_catalog.apps.contains_key(&need) {
                let reasons = vec![crate::affected::Reason::Because(crate::graph::Because::NeededBy {
                    app: key.app.clone(),
                })];
                let affected =
                    Affected { key: need.clone(), change: ChangeKind::None, action: Action::Verify, reasons };
                verified.entry(need).or_insert(affected);
            }
        }
    }
    all.extend(verified);
    all
}

fn facts<'a>(
    world: &World,
    environment: &Environment,
    deployed: Option<&Snapshot>,
    problems: &'a [Problem],
    ask: &Ask<'_>,
) -> Facts<'a> {
    let config = world.config.environments.get(environment);
    let promoted = config.map_or_else(Vec::new, |c| {
        c.after
            .iter()
            .map(|name| {
                let here = ask.earlier.iter().find(|(e, _)| e == name).map(|(_, commit)| *commit);
                (name.clone(), here)
            })
            .collect()
    });
    Facts {
        problems,
        config: ask.config,
        deployed: deployed.map(|s| s.apps.iter().map(|(id, app)| (id.clone(), app.objects.len())).collect()),
        promoted,
        threshold: world.config.deploy.prune_threshold,
        confirm: ask.confirm,
        extent: if ask.apps.is_empty() { policy::Extent::Environment } else { policy::Extent::Selection },
    }
}
