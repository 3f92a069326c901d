//! `luigi run`: what the action runs. Looks at the event and does the right
//! thing; leaves summary, outputs and annotations for the runner.

use std::path::PathBuf;

use super::args::{Carry, Global, Plan, RecordFormat, Run, Select};
use super::carry::{self, with_order};
use super::output::Output;
use super::plan::{self, plan_graph};
use crate::affected::Affected;
use crate::event::{self, Vars};
use crate::name::{CommitId, Environment};
use crate::problem::Problem;
use crate::record::Record;
use crate::report::github::{self, Outputs};
use crate::report::json;
use crate::report::view::GraphView;
use crate::run::ci::{self, Task};
use crate::run::compare::{Comparison, Ends};
use crate::run::deploying::{self, Actor};
use crate::run::error::{RunError, exit};
use crate::run::planning::Planned;
use crate::run::world::{self, Options, World};

/// What a run leaves behind.
#[derive(Default)]
struct Left {
    records: Vec<(Record, Option<GraphView>)>,
    affected: Vec<Affected>,
    complete: bool,
    problems: Vec<Problem>,
}

/// Runs it.
pub fn run(global: &Global, args: &Run, output: &Output) -> Result<u8, RunError> {
    let (global, args) = with_inputs(global, args);
    let result = event(&global, &args, output);
    match &result {
        Ok((code, left)) => {
            leave(*code, left, output)?;
            Ok(*code)
        }
        Err(error) => {
            let problems = match error {
                RunError::Problems(problems) => problems.clone(),
                RunError::Usage(_)
                | RunError::Git(_)
                | RunError::Read(_)
                | RunError::Ledger(_)
                | RunError::Deploy(_)
                | RunError::Cluster(_)
                | RunError::Denied(_)
                | RunError::Io { .. }
                | RunError::Json(_)
                | RunError::Other(_) => Vec::new(),
            };
            leave(error.exit_code(), &Left { problems, ..Left::default() }, output)?;
            result.map(|(code, _)| code)
        }
    }
}

fn event(global: &Global, args: &Run, output: &Output) -> Result<(u8, Left), RunError> {
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
    let mut settled = ci::settle(&found, &options, world::open(&global.directory)?)?;
    let actor = actor(&found, settled.pull_request_head);
    overrides(args, &mut settled)?;
    match settled.task {
        Task::Plan(ends) => planned(&settled.world, &ends, args, &actor, output),
        Task::Deploy(head) => deployed(&settled.world, head, args, &actor, output),
    }
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
    actor: &Actor,
    output: &Output,
) -> Result<(u8, Left), RunError> {
    let mut comparison = Comparison::of(world, ends)?;
    let plan = Plan::of(args);
    let planned = plan::against_commit(world, &plan, &mut comparison, output)?;
    let mut left = Left { complete: true, ..Left::default() };
    for one in &planned {
        let record = deploying::plan_record(world, actor, one);
        output.data(&plan::page(one, &record, &args.select.app, output));
        left.complete &= one.plan().completeness == crate::catalog::Completeness::Complete;
        left.affected.extend(one.affected.values().cloned());
        left.problems.extend(one.all_problems());
        left.records.push((record, Some(plan_graph(&comparison, one))));
    }
    let code = planned.iter().map(Planned::exit_code).max().unwrap_or(exit::OK);
    Ok((code, left))
}

fn deployed(
    world: &World,
    head: CommitId,
    args: &Run,
    actor: &Actor,
    output: &Output,
) -> Result<(u8, Left), RunError> {
    let carry = Carry { confirm: args.confirm.clone(), wait: 600, token_file: None, format: RecordFormat::Text, record: None };
    let mut left = Left { complete: true, ..Left::default() };
    let mut earlier: Vec<(Environment, CommitId)> = Vec::new();
    let mut code = exit::OK;
    for environment in &world.environments {
        let record = with_order(&args.select.app, &carry, output, actor, |order| {
            deploying::deploy(world, environment, head, &earlier, order)
        })?;
        code = carry::print(std::slice::from_ref(&record), &carry, output)?;
        left.complete &= record.selection.completeness == crate::catalog::Completeness::Complete;
        left.problems.extend(record.problems.iter().cloned());
        left.affected.extend(record.steps.iter().map(|step| Affected {
            key: crate::name::AppKey { environment: environment.clone(), app: step.app.clone() },
            change: step.change,
            action: step.action,
            reasons: step.reasons.clone(),
        }));
        left.records.push((record, None));
        if code != exit::OK {
            break;
        }
        earlier.push((environment.clone(), head));
    }
    Ok((code, left))
}

/// Writes what the runner picks up. What cannot be written changes no verdict.
fn leave(code: u8, left: &Left, output: &Output) -> Result<(), RunError> {
    let (lines, more) = github::annotations(&left.problems);
    for line in lines {
        output.data(&format!("{line}\n"));
    }
    if more > 0 {
        output.say(&format!("{more} more problems have no annotation; the summary has them"));
    }
    let record = match left.records.last() {
        Some((record, _)) => {
            let dir = std::env::var_os("RUNNER_TEMP").map_or_else(std::env::temp_dir, PathBuf::from);
            let path = dir.join(format!("luigi-record-{}.json", record.environment));
            match std::fs::write(&path, record.canonical()?) {
                Ok(()) => Some(path.display().to_string()),
                Err(error) => {
                    output.say(&format!("cannot write {}: {error}", path.display()));
                    None
                }
            }
        }
        None => None,
    };
    let digests: Vec<_> = left.records.iter().filter_map(|(r, _)| r.plan_digest).collect();
    let verdict = left.records.iter().filter_map(|(r, _)| r.outcome.as_ref()).max_by_key(|o| o.exit_code);
    let outputs = Outputs {
        affected: json::affected(&left.affected)?,
        changed: !left.affected.is_empty(),
        complete: left.complete,
        verdict: verdict.map_or_else(
            || "error".to_owned(),
            |o| {
                serde_json::to_value(o.verdict)
                    .ok()
                    .and_then(|v| v.as_str().map(str::to_owned))
                    .unwrap_or_default()
            },
        ),
        exit_code: code,
        plan_digest: if let [one] = digests.as_slice() { Some(*one) } else { None },
        record,
    };
    let text = outputs.text(&delimiter()?).map_err(|e| RunError::Other(e.to_string()))?;
    append("GITHUB_OUTPUT", &text, output);
    let pages: Vec<(&Record, Option<&GraphView>)> =
        left.records.iter().map(|(record, graph)| (record, graph.as_ref())).collect();
    append("GITHUB_STEP_SUMMARY", &github::summary(&pages), output);
    Ok(())
}

fn append(variable: &str, text: &str, output: &Output) {
    use std::io::Write;
    let Some(path) = std::env::var_os(variable).filter(|p| !p.is_empty()) else { return };
    let written = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        output.say(&format!("cannot write {variable}: {error}"));
    }
}

/// A delimiter that nobody outside can guess.
fn delimiter() -> Result<String, RunError> {
    use std::io::Read;
    let mut bytes = [0u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| RunError::io("read /dev/urandom", e))?;
    Ok(bytes.iter().fold("luigi-".to_owned(), |text, byte| text + &format!("{byte:02x}")))
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
