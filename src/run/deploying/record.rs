//! The record of a run, as far as it is known before the deploy; and of a plan.
//!
//! Says nothing of what came of it: that is `ledger`.

use std::time::SystemTime;

use super::{Actor, ledger};
use crate::catalog::Completeness;
use crate::plan::Plan;
use crate::policy::Decision;
use crate::record::{
    API_VERSION, Outcome, OutcomeKind, Record, RecordKind, Run, Seal, Selection, Source, StepRecord, Tool,
};
use crate::run::planning::Planned;
use crate::run::world::World;

/// A record as far as it is known once there is a plan.
pub fn record(
    world: &World,
    actor: &Actor,
    command: &str,
    plan: &Plan,
    decision: Option<&Decision>,
) -> Record {
    let tools = world.renderer.tools();
    let renderers = [("kustomize", tools.kustomize_version()), ("helm", tools.helm_version())];
    Record {
        api_version: API_VERSION,
        kind: RecordKind::Outcome,
        run: Run {
            id: actor.run.clone(),
            attempt: actor.attempt,
            command: command.to_owned(),
            event: actor.event.clone(),
            actor: actor.actor.clone(),
            url: actor.url.clone(),
            started: ledger::rfc3339(SystemTime::now()).unwrap_or_default(),
            finished: None,
        },
        principal: None,
        environment: plan.environment.clone(),
        source: Source {
            repository: world.url.clone(),
            base: plan.base,
            head: Some(plan.head),
            pull_request_head: actor.pull_request_head,
            authority: Some(world.authority),
            authority_protected: false,
            reference: actor.reference.clone(),
        },
        selection: Selection {
            apps: Vec::new(),
            completeness: plan.completeness,
            apps_in_environment: 0,
            entry: None,
        },
        plan_digest: Some(plan.digest),
        steps: plan.steps.iter().map(StepRecord::of).collect(),
        touched: plan.touched.clone(),
        decision: decision.cloned(),
        outcome: None,
        problems: Vec::new(),
        log: Vec::new(),
        phases: Vec::new(),
        credentials: Vec::new(),
        ledger: None,
        seal: Seal::Unsealed { reason: "this version of Luigi does not sign yet".to_owned() },
        tool: Tool {
            name: "luigi".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            renderers: renderers
                .iter()
                .filter(|(_, version)| !version.is_empty())
                .map(|(name, version)| format!("{name} {version}"))
                .collect(),
        },
    }
}

/// The record of a plan: nothing was to be written.
pub fn plan_record(world: &World, actor: &Actor, planned: &Planned) -> Record {
    let mut record = record(world, actor, "plan", planned.plan(), Some(planned.decision()));
    record.kind = RecordKind::Plan;
    record.selection.apps_in_environment = planned.apps;
    record.problems = planned.all_problems();
    record.run.finished = Some(record.run.started.clone());
    let exit = planned.exit_code();
    let nothing = planned.plan().steps.is_empty() && planned.plan().completeness == Completeness::Complete;
    let (verdict, message) = match exit {
        0 if nothing => (OutcomeKind::NothingToDo, "nothing differs".to_owned()),
        0 => (OutcomeKind::Planned, format!("{} steps", planned.plan().steps.len())),
        2 => (OutcomeKind::Problems, "a deploy would stop at these problems".to_owned()),
        _ => (OutcomeKind::Denied, "a deploy would be denied".to_owned()),
    };
    record.outcome = Some(Outcome { verdict, exit_code: exit, message });
    record
}
