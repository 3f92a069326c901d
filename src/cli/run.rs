//! `luigi run`: what the action runs. Looks at the event and does the right
//! thing; leaves summary, outputs and annotations for the runner.

mod leave;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::args::{Carry, Global, Plan, RecordFormat, Run, Select};
use super::carry::{self, with_order};
use super::output::Output;
use super::plan::{self, plan_graph};
use crate::event::{self, Vars};
use crate::name::{CommitId, Environment};
use crate::outside::git::{GitError, Repo};
use crate::outside::owner;
use crate::run::ci::{self, Task};
use crate::run::compare::{Comparison, Ends};
use crate::run::deploying::{self, Actor};
use crate::run::error::{RunError, exit};
use crate::run::planning::Planned;
use crate::run::world::{self, Options, World};
use leave::Left;

/// Runs it. However it ends, the runner's files are written.
pub fn run(global: &Global, args: &Run, output: &Output) -> Result<u8, RunError> {
    let (mut global, args) = with_inputs(global, args);
    let begun = SystemTime::now();
    let mut left = Left::default();
    let entered = global.enter();
    let code = match entered.and_then(|()| event(&global, &args, output, &mut left)) {
        Ok(code) => code,
        Err(error) => {
            let code = super::failed(output, &error);
            left.fail(error);
            code
        }
    };
    left.leave(code, output)?;
    give_back(&global.directory, begun, output);
    Ok(code)
}

/// Whoever checked out can go on as if this had not been a container's root.
fn give_back(dir: &Path, begun: SystemTime, output: &Output) {
    let git_dir = Repo::open(dir).ok().map(|repo| repo.git_dir().to_owned());
    for path in git_dir.into_iter().chain(world::cache_dir()).filter(|path| path.exists()) {
        if let Err(error) = owner::give_back(&path, begun) {
            output.say(&format!("{} stays partly root's: {error}", path.display()));
        }
    }
}

fn event(global: &Global, args: &Run, output: &Output, left: &mut Left) -> Result<u8, RunError> {
    let payload = match std::env::var_os("GITHUB_EVENT_PATH").filter(|p| !p.is_empty()) {
        Some(path) => {
            let path = PathBuf::from(path);
            std::fs::read(&path).map_err(|e| RunError::io(format!("read {}", path.display()), e))?
        }
        None => Vec::new(),
    };
    let found = event::parse(&vars(), &payload)
        .map_err(|error| RunError::Usage(format!("{error}. {}", error.help())))?;
    let options = Options {
        dir: global.directory.clone(),
        config: global.config.clone(),
        environments: args.select.environment.clone(),
        repository: repository_url(),
        branch: match &found.trigger {
            event::Trigger::PullRequest { base, .. } => Some(base.as_str().to_owned()),
            event::Trigger::Branch { branch } => Some(branch.as_str().to_owned()),
            event::Trigger::Tag { .. } => None,
        },
        ..Options::default()
    };
    let mut settled = ci::settle(&found, &options, open(&global.directory)?)?;
    let actor = actor(&found, settled.pull_request_head);
    overrides(args, &mut settled)?;
    match settled.task {
        Task::Plan(ends) => planned(&settled.world, &ends, args, (&actor, output), left),
        Task::Deploy(head) => deployed(&settled.world, head, args, (&actor, output), left),
    }
}

/// Opens the repository; who has none has most likely forgotten to check it out.
fn open(dir: &Path) -> Result<Repo, RunError> {
    world::open(dir).map_err(|error| match error {
        RunError::Git(GitError::NotFound { .. }) => {
            RunError::Usage(format!("{error}; in a workflow, a step with actions/checkout comes first"))
        }
        other => other,
    })
}

/// Inputs `base` and `head` win over the event, for a plan.
fn overrides(args: &Run, settled: &mut ci::Settled) -> Result<(), RunError> {
    let (base, head) = (&args.commits.base, &args.commits.head);
    match &mut settled.task {
        Task::Plan(ends) => {
            if let Some(head) = head {
                ends.head = settled.world.repo.resolve(head)?;
            }
            if let Some(base) = base {
                let commit = settled.world.repo.resolve(base)?;
                ends.base = crate::run::compare::Base::Commit(commit);
                ends.more.clear();
            }
            Ok(())
        }
        Task::Deploy(_) if base.is_some() || head.is_some() => Err(RunError::Usage(
            "a deploy takes its commits from the event and the ledger; remove the inputs base and head"
                .to_owned(),
        )),
        Task::Deploy(_) => Ok(()),
    }
}

fn planned(
    world: &World,
    ends: &Ends,
    args: &Run,
    (actor, output): (&Actor, &Output),
    left: &mut Left,
) -> Result<u8, RunError> {
    let mut comparison = Comparison::of(world, ends)?;
    let planned = plan::against_commit(world, &Plan::of(args), &mut comparison, output)?;
    left.complete = true;
    for one in &planned {
        let record = deploying::plan_record(world, actor, one);
        output.data(&plan::page(one, &record, &args.select.app, output));
        left.affected.extend(one.affected.values().cloned());
        left.record(record, Some(plan_graph(&comparison, one)));
    }
    Ok(planned.iter().map(Planned::exit_code).max().unwrap_or(exit::OK))
}

fn deployed(
    world: &World,
    head: CommitId,
    args: &Run,
    (actor, output): (&Actor, &Output),
    left: &mut Left,
) -> Result<u8, RunError> {
    let carry = Carry {
        confirm: args.confirm.clone(),
        wait: 600,
        token_file: None,
        format: RecordFormat::Text,
        record: None,
    };
    let mut earlier: Vec<(Environment, CommitId)> = Vec::new();
    for environment in &world.environments {
        let deployed = with_order(&args.select.app, &carry, output, actor, |order| {
            deploying::deploy(world, environment, head, &earlier, order)
        })?;
        let code = carry::print(std::slice::from_ref(&deployed.record), &carry, output)?;
        left.affected.extend(deployed.affected.into_values());
        // Until the last environment was looked at, not every app was.
        left.complete = earlier.len() + 1 == world.environments.len();
        left.record(deployed.record, None);
        if code != exit::OK {
            return Ok(code);
        }
        earlier.push((environment.clone(), head));
    }
    Ok(exit::OK)
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn vars() -> Vars {
    Vars {
        event_name: variable("GITHUB_EVENT_NAME"),
        reference: variable("GITHUB_REF"),
        sha: variable("GITHUB_SHA"),
        actor: variable("GITHUB_ACTOR"),
        triggering_actor: variable("GITHUB_TRIGGERING_ACTOR"),
        run_id: variable("GITHUB_RUN_ID"),
        run_attempt: variable("GITHUB_RUN_ATTEMPT"),
        server_url: variable("GITHUB_SERVER_URL"),
        repository: variable("GITHUB_REPOSITORY"),
    }
}

fn repository_url() -> Option<String> {
    let (server, repository) = (variable("GITHUB_SERVER_URL"), variable("GITHUB_REPOSITORY"));
    (!server.is_empty() && !repository.is_empty()).then(|| format!("{server}/{repository}"))
}

fn actor(event: &event::Event, pull_request_head: Option<CommitId>) -> Actor {
    let job = variable("GITHUB_JOB");
    Actor {
        run: if job.is_empty() { event.run.id.to_string() } else { format!("{}-{job}", event.run.id) },
        attempt: event.run.attempt,
        event: variable("GITHUB_EVENT_NAME"),
        actor: event.triggering_actor.clone().unwrap_or_else(|| event.actor.clone()),
        url: event.run.url.clone(),
        reference: Some(variable("GITHUB_REF")).filter(|r| !r.is_empty()),
        pull_request_head,
    }
}

/// Arguments win; where there are none, the action's inputs count.
fn with_inputs(global: &Global, args: &Run) -> (Global, Run) {
    let input = |name: &str| Some(variable(&format!("INPUT_{name}"))).filter(|v| !v.is_empty());
    let list = |given: &[String], name: &str| -> Vec<String> {
        if !given.is_empty() {
            return given.to_vec();
        }
        input(name).map_or_else(Vec::new, |v| v.split_whitespace().map(str::to_owned).collect())
    };
    let mut global = global.clone();
    if global.directory.as_os_str() == "." {
        // The runner's own names keep the dash.
        if let Some(dir) = input("WORKING-DIRECTORY") {
            global.directory = PathBuf::from(dir);
        }
    }
    global.config = global.config.or_else(|| input("CONFIG").map(PathBuf::from));
    let mut args = args.clone();
    args.select = Select {
        environment: list(&args.select.environment, "ENVIRONMENT"),
        app: list(&args.select.app, "APP"),
    };
    args.commits.base = args.commits.base.or_else(|| input("BASE"));
    args.commits.head = args.commits.head.or_else(|| input("HEAD"));
    args.confirm = args.confirm.or_else(|| input("CONFIRM"));
    (global, args)
}
