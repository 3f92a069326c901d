//! Deploy, roll back, restore: plan against the ledger, decide, carry out,
//! record. Every run that gets as far as a plan leaves a record.

mod record;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};

use super::compare::{Base, Comparison, commit_or_missing};
use super::error::RunError;
use super::kubernetes::Cluster;
use super::ledger::{self, Context, Direction, Ended, Request, Who};
use super::planning::{self, Against, Ask, Planned};
use super::who::{TokenSource, principal_of};
use super::world::World;
use crate::affected::Affected;
use crate::config::Engine;
use crate::deploy::Event;
use crate::ledger::plans::{Snapshot, plan_restore, plan_rollback};
use crate::ledger::{EnvironmentState, Extent};
use crate::name::{AppKey, CommitId, Digest, Environment};
use crate::outside::branch::Branch;
use crate::outside::git::Repo;
use crate::outside::host;
use crate::plan::Plan;
use crate::policy::{self, ConfigState, Facts};
use crate::problem::{Code, Problem};
use crate::record::{Outcome, OutcomeKind, Phase, Record};
pub use record::{plan_record, record};

/// How often a plan is made again because the environment moved under it.
const MAX_PLANS: usize = 8;

/// Who runs, and why.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The run's id; unique per job.
    pub run: String,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// What started it.
    pub event: String,
    /// Who started it.
    pub actor: String,
    /// Where the run can be looked at.
    pub url: Option<String>,
    /// The branch or tag.
    pub reference: Option<String>,
    /// The pull request's own head.
    pub pull_request_head: Option<CommitId>,
}

impl Actor {
    /// Somebody at a terminal.
    pub fn terminal() -> Self {
        let name = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|n| std::env::var(n).ok());
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            run: format!("local-{}-{}", since.as_nanos(), std::process::id()),
            attempt: 1,
            event: "terminal".to_owned(),
            actor: name.unwrap_or_else(|| "unknown".to_owned()),
            url: None,
            reference: None,
            pull_request_head: None,
        }
    }
}

/// What a deploy is asked for.
pub struct Order<'a> {
    /// Who and why.
    pub actor: &'a Actor,
    /// `--app`.
    pub apps: &'a [String],
    /// `--confirm`.
    pub confirm: Option<Digest>,
    /// How long to wait for another run.
    pub wait: Duration,
    /// Set by a signal.
    pub cancel: &'a AtomicBool,
    /// Hears of each app rendered.
    pub rendered: &'a (dyn Fn(&AppKey) + Sync),
    /// Hears what happens, environment by environment.
    pub progress: &'a dyn Fn(&Environment, &Event),
    /// Hears of things that a person wants to know.
    pub say: &'a dyn Fn(&str),
    /// The run's own token for API servers; `None` where there is none.
    pub token: Option<&'a TokenSource>,
}

/// The ledger's branch and what it says of one environment.
pub struct Ledger {
    /// The branch.
    pub branch: Branch,
    name: String,
}

impl Ledger {
    /// The branch that luigi.yaml names.
    pub fn open(world: &World) -> Result<Self, RunError> {
        let name = world.config.ledger_branch.clone();
        Ok(Self { branch: Branch::open(&world.repo, &name)?, name })
    }

    /// An environment as it is now.
    pub fn snapshot(&self, world: &World, environment: &Environment) -> Result<Snapshot, RunError> {
        let tip = self.branch.fetch()?;
        Ok(ledger::snapshot(&world.repo, tip, environment)?)
    }
}

impl Ledger {
    /// What the environments have that this one comes after: by this run, or as
    /// the ledger says.
    pub fn promoted(
        &self,
        world: &World,
        environment: &Environment,
        earlier: &[(Environment, CommitId)],
    ) -> Result<Vec<(Environment, CommitId)>, RunError> {
        let mut out = earlier.to_vec();
        for after in world.config.environments.get(environment).iter().flat_map(|c| &c.after) {
            if !out.iter().any(|(name, _)| name == after)
                && let Some(commit) = self.snapshot(world, after)?.state.at.commit
            {
                out.push((after.clone(), commit));
            }
        }
        Ok(out)
    }
}

/// A plan of an environment against what is deployed, and what is deployed.
pub fn plan_deployed(
    world: &World,
    environment: &Environment,
    snapshot: &Snapshot,
    head: CommitId,
    ask: &Ask<'_>,
) -> Result<Planned, RunError> {
    let base = match snapshot.state.at.commit {
        None => Base::Nothing,
        Some(commit) => commit_or_missing(world, commit)?,
    };
    let environments = [environment.clone()];
    let mut comparison = Comparison::read_in(world, &environments, base, head)?;
    planning::plan(world, &mut comparison, environment, Some(snapshot), Against::Ledger, ask)
}

/// What became of a deploy.
pub struct Deployed {
    /// Its record.
    pub record: Record,
    /// Who was affected, stepless apps included.
    pub affected: BTreeMap<AppKey, Affected>,
}

/// Deploys one commit to one environment.
pub fn deploy(
    world: &World,
    environment: &Environment,
    head: CommitId,
    earlier: &[(Environment, CommitId)],
    order: &Order<'_>,
) -> Result<Deployed, RunError> {
    let ledger = Ledger::open(world)?;
    let who = who(world, environment, order)?;
    let mut why = String::new();
    for _ in 0..MAX_PLANS {
        let started = Instant::now();
        let snapshot = ledger.snapshot(world, environment)?;
        let promoted = ledger.promoted(world, environment, earlier)?;
        let ask = Ask {
            apps: order.apps,
            confirm: order.confirm,
            config: world.config_state,
            earlier: &promoted,
            done: order.rendered,
        };
        let planned = plan_deployed(world, environment, &snapshot, head, &ask)?;
        let mut problems = planned.all_problems();
        if ledger.branch.remote().is_none() {
            let message = "the ledger is kept on the local branch alone";
            problems.push(Problem::new(Code::NoRemote, None, message));
        }
        if order.actor.event == "terminal" {
            let message =
                format!("{} is not a protected branch's tip, as far as a terminal can know", head.short());
            problems.push(Problem::new(Code::NotProtected, None, message));
        }
        let mut record = record(world, order.actor, "deploy", planned.plan(), Some(planned.decision()));
        record.principal.clone_from(&who);
        record.problems = problems;
        record.selection.apps = order.apps.to_vec();
        record.selection.apps_in_environment = planned.apps;
        record.phases.push(phase("plan", started));
        let context = Parts { world, ledger: &ledger, order, environment };
        let exit = planned.exit_code();
        let affected = planned.affected;
        let approved = match planned.verdict {
            Ok(approved) => approved,
            Err(denied) => {
                let kind = if denied.is_about_files() { OutcomeKind::Problems } else { OutcomeKind::Denied };
                let message = denied.problems.first().map_or_else(String::new, |p| p.message.clone());
                debug_assert_eq!(exit, kind.exit_code());
                let record = context.append(record, outcome(kind, message))?;
                return Ok(Deployed { record, affected });
            }
        };
        let extent = if order.apps.is_empty() { Extent::Environment } else { Extent::Selection };
        let goal = snapshot.state.at.after(approved.plan(), extent);
        let request = Request {
            approved: &approved,
            goal,
            against: snapshot.state.tree,
            direction: Direction::Forward,
            record,
        };
        match context.deploy(request)? {
            Ended::Finished(record) => return Ok(Deployed { record: *record, affected }),
            Ended::Replan(reason) => {
                (order.say)(&format!("{environment}: planning again: {reason}"));
                why = reason;
            }
            Ended::Recovered(dead) => {
                (order.say)(&format!("{environment}: run {} had died; entry {} ends it", dead.run, dead.seq));
                why = format!("run {} had died", dead.run);
            }
        }
    }
    Err(RunError::Other(format!("{environment} moved under {MAX_PLANS} plans; the last time because {why}")))
}

/// What a rollback or restore puts back.
pub enum Target<'a> {
    /// An environment as it was at that entry.
    Rollback {
        /// The outcome entry.
        seq: u64,
    },
    /// An empty environment, from that one as it was at that entry, or is.
    Restore {
        /// Whose sets are taken.
        from: &'a Environment,
        /// The entry; `None` for now.
        seq: Option<u64>,
    },
}

/// Puts stored sets back. Renders nothing.
pub fn put_back(
    world: &World,
    environment: &Environment,
    target: &Target<'_>,
    order: &Order<'_>,
) -> Result<Record, RunError> {
    let ledger = Ledger::open(world)?;
    let who = who(world, environment, order)?;
    let command = match target {
        Target::Rollback { .. } => "rollback",
        Target::Restore { .. } => "restore",
    };
    for _ in 0..MAX_PLANS {
        let now = ledger.snapshot(world, environment)?;
        let (plan, goal, seq) = stored_plan(world, &ledger, &now, target)?;
        let facts = Facts {
            problems: &[],
            config: ConfigState::Committed,
            deployed: Some(now.apps.iter().map(|(id, app)| (id.clone(), app.objects.len())).collect()),
            promoted: Vec::new(),
            threshold: world.config.deploy.prune_threshold,
            confirm: order.confirm,
            extent: policy::Extent::Environment,
        };
        let verdict = policy::decide(plan, &facts);
        let context = Parts { world, ledger: &ledger, order, environment };
        let approved = match verdict {
            Ok(approved) => approved,
            Err(denied) => {
                let mut record = record(world, order.actor, command, &denied.plan, Some(&denied.decision));
                record.selection.entry = seq;
                record.principal.clone_from(&who);
                record.problems = denied.problems;
                let message = record.problems.first().map_or_else(String::new, |p| p.message.clone());
                return context.append(record, outcome(OutcomeKind::Denied, message));
            }
        };
        let mut record = record(world, order.actor, command, approved.plan(), Some(approved.decision()));
        record.selection.entry = seq;
        record.principal.clone_from(&who);
        let request =
            Request { approved: &approved, goal, against: now.state.tree, direction: Direction::Any, record };
        match context.deploy(request)? {
            Ended::Finished(record) => return Ok(*record),
            Ended::Replan(reason) => (order.say)(&format!("{environment}: planning again: {reason}")),
            Ended::Recovered(dead) => {
                (order.say)(&format!("{environment}: run {} had died; entry {} ends it", dead.run, dead.seq));
            }
        }
    }
    Err(RunError::Other(format!("{environment} moved under {MAX_PLANS} plans")))
}

/// Whether the environment is anywhere else than on the ledger's branch.
fn is_elsewhere(world: &World, environment: &Environment) -> bool {
    world.config.environments.get(environment).is_some_and(|config| config.engine != Engine::Ledger)
}

/// Who runs, where the environment wants to know.
fn who(
    world: &World,
    environment: &Environment,
    order: &Order<'_>,
) -> Result<Option<crate::identity::Principal>, RunError> {
    match world.config.environments.get(environment) {
        Some(config) => principal_of(config, order.token, &order.actor.actor),
        None => Ok(None),
    }
}

fn stored_plan(
    world: &World,
    ledger: &Ledger,
    now: &Snapshot,
    target: &Target<'_>,
) -> Result<(Plan, EnvironmentState, Option<u64>), RunError> {
    let environment = &now.state.environment;
    let tip = ledger.branch.fetch()?;
    let no_ledger = || RunError::Usage(format!("there is no ledger on {}", ledger.name));
    let at = |of: &Environment, seq: u64| -> Result<Snapshot, RunError> {
        let found = ledger::snapshot_at(&world.repo, &ledger.branch, tip.ok_or_else(no_ledger)?, of, seq)?;
        found.ok_or_else(|| RunError::Usage(format!("the ledger has no entry {seq}")))
    };
    match target {
        Target::Rollback { seq } => {
            let then = at(environment, *seq)?;
            if then.state.at.lease.is_some() {
                return Err(RunError::Usage(format!(
                    "entry {seq} is not an outcome of {environment}: a deploy was under way; take the entry after it"
                )));
            }
            let head = then.commit().ok_or_else(|| {
                RunError::Usage(format!("nothing was deployed to {environment} at entry {seq}"))
            })?;
            let plan = plan_rollback(now, &then, head)?;
            Ok((plan, EnvironmentState { lease: None, ..then.state.at }, Some(*seq)))
        }
        Target::Restore { from, seq } => {
            let then = match seq {
                Some(seq) => at(from, *seq)?,
                None => ledger::snapshot(&world.repo, tip, from)?,
            };
            let head = then
                .commit()
                .ok_or_else(|| RunError::Usage(format!("the ledger has nothing of {from} to restore")))?;
            // What is on a cluster is not what the ledger says: the cluster may be new.
            let nothing = Snapshot { apps: std::collections::BTreeMap::new(), ..now.clone() };
            let into = if is_elsewhere(world, environment) { &nothing } else { now };
            let plan = plan_restore(into, &then, head)?.ok_or_else(|| {
                RunError::Usage(format!("{environment} is not empty; `luigi rollback` changes what is there"))
            })?;
            // Another environment's outcome says nothing of this one: its own does.
            let said = if **from == *environment { then.state.at.seq } else { None };
            Ok((plan, EnvironmentState { lease: None, seq: said, ..then.state.at }, *seq))
        }
    }
}

/// What carrying out needs at hand.
struct Parts<'a> {
    world: &'a World,
    ledger: &'a Ledger,
    order: &'a Order<'a>,
    environment: &'a Environment,
}

impl Parts<'_> {
    fn with<T>(&self, f: impl FnOnce(&Context<'_>) -> Result<T, ledger::RunError>) -> Result<T, RunError> {
        let repo = &self.world.repo;
        let actor = self.order.actor;
        let deploy = &self.world.config.deploy;
        let cluster = self.cluster()?;
        let context = Context {
            repo,
            branch: &self.ledger.branch,
            branch_name: &self.ledger.name,
            who: Who {
                run: actor.run.clone(),
                attempt: actor.attempt,
                actor: actor.actor.clone(),
                process: host::this_process(),
            },
            now: &SystemTime::now,
            cancel: self.order.cancel,
            wait: self.order.wait,
            // An engine that writes elsewhere speaks here more seldom.
            lease: if cluster.is_some() { Duration::from_mins(5) } else { Duration::from_mins(2) },
            patience: Duration::from_secs(20),
            on_failure: deploy.on_failure,
            on_crash: deploy.on_crash,
            is_ancestor: &|a, b| is_ancestor(repo, a, b),
            progress: &|event| (self.order.progress)(self.environment, event),
            say: self.order.say,
            cluster: cluster.as_ref(),
        };
        Ok(f(&context)?)
    }

    /// The environment's API server; `None` for another engine.
    fn cluster(&self) -> Result<Option<Cluster>, RunError> {
        let Some(config) = self.world.config.environments.get(self.environment) else { return Ok(None) };
        if config.engine == Engine::Ledger {
            return Ok(None);
        }
        let none = || {
            RunError::Usage(format!(
                "{} is on an API server: give a token with --token-file (never a kubeconfig)",
                self.environment
            ))
        };
        let token = self.order.token.ok_or_else(none)?.clone();
        let files = self.world.repo.files(self.world.authority)?;
        Ok(Cluster::of(self.environment, config, &files, token)?)
    }

    fn deploy(&self, request: Request<'_>) -> Result<Ended, RunError> {
        self.with(|context| ledger::deploy(context, request))
    }

    fn append(&self, record: Record, outcome: Outcome) -> Result<Record, RunError> {
        self.with(|context| ledger::append(context, record, outcome))
    }
}

/// Whether one commit is part of another. History that a shallow clone lacks is
/// fetched before the answer is that nobody knows.
fn is_ancestor(repo: &Repo, a: CommitId, b: CommitId) -> Option<bool> {
    let ask_again = |_| {
        repo.complete_history(&[a, b])?;
        repo.is_ancestor(a, b)
    };
    repo.is_ancestor(a, b).or_else(ask_again).ok()
}

fn outcome(verdict: OutcomeKind, message: impl Into<String>) -> Outcome {
    Outcome { verdict, exit_code: verdict.exit_code(), message: message.into() }
}

fn phase(name: &str, since: Instant) -> Phase {
    let duration_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    Phase { name: name.to_owned(), duration_ms }
}
