//! `luigi plan`.

use super::args::{Global, Plan, PlanFormat};
use super::graph::{report, settle, view};
use super::output::Output;
use crate::affected::Affected;
use crate::catalog::Completeness;
use crate::name::{AppKey, CommitId, Digest, Environment};
use crate::problem::{Code, Place, Problem};
use crate::record::Record;
use crate::report::json::{self, GraphReport, PlanReport};
use crate::report::markdown;
use crate::report::text::{self, PlanPage};
use crate::report::view::GraphView;
use crate::run::compare::Comparison;
use crate::run::deploying::{self, Actor, Ledger};
use crate::run::error::{RunError, exit};
use crate::run::planning::{self, Against, Ask, Planned};
use crate::run::world::World;

/// Runs it.
pub fn run(global: &Global, args: &Plan, output: &Output) -> Result<u8, RunError> {
    let (world, ends) = settle(global, &args.commits, &args.select.environment)?;
    output.doing("reading definitions");
    let confirm = digest(args.confirm.as_deref())?;
    let uncommitted = uncommitted(&world, global)?;
    let plans = Plans { world: &world, args, confirm, output };
    let (comparison, planned) = if args.deployed {
        (None, plans.against_ledger(ends.head)?)
    } else {
        let mut comparison = Comparison::of(&world, &ends)?;
        comparison.problems.extend(uncommitted);
        let planned = plans.against_commit(&mut comparison)?;
        (Some(comparison), planned)
    };
    plans.print(comparison.as_ref(), ends.head, &planned)?;
    Ok(code(&planned))
}

/// Plans being made.
struct Plans<'a> {
    world: &'a World,
    args: &'a Plan,
    confirm: Option<Digest>,
    output: &'a Output,
}

impl Plans<'_> {
    fn against_commit(&self, comparison: &mut Comparison) -> Result<Vec<Planned>, RunError> {
        let done = |key: &AppKey| self.output.rendered(key);
        let earlier: Vec<(Environment, CommitId)> =
            self.world.environments.iter().map(|e| (e.clone(), comparison.head)).collect();
        let ask = self.ask(&earlier, &done);
        let each = self.world.environments.iter();
        each.map(|e| planning::plan(self.world, comparison, e, None, Against::Commit, &ask)).collect()
    }

    fn against_ledger(&self, head: CommitId) -> Result<Vec<Planned>, RunError> {
        let done = |key: &AppKey| self.output.rendered(key);
        let ledger = Ledger::open(self.world)?;
        let mut earlier = Vec::new();
        let mut out = Vec::new();
        for environment in &self.world.environments {
            let snapshot = ledger.snapshot(self.world, environment)?;
            let promoted = ledger.promoted(self.world, environment, &earlier)?;
            let ask = self.ask(&promoted, &done);
            out.push(deploying::plan_deployed(self.world, environment, &snapshot, head, &ask)?);
            earlier.push((environment.clone(), head));
        }
        Ok(out)
    }

    fn ask<'a>(
        &'a self,
        earlier: &'a [(Environment, CommitId)],
        done: &'a (dyn Fn(&AppKey) + Sync),
    ) -> Ask<'a> {
        Ask {
            apps: &self.args.select.app,
            confirm: self.confirm,
            config: self.world.config_state,
            earlier,
            done,
        }
    }

    fn print(
        &self,
        comparison: Option<&Comparison>,
        head: CommitId,
        planned: &[Planned],
    ) -> Result<(), RunError> {
        let actor = Actor::terminal();
        let records: Vec<_> = planned.iter().map(|p| deploying::plan_record(self.world, &actor, p)).collect();
        if let (Some(file), Some(record)) = (&self.args.record, records.last()) {
            super::carry::write(file, &record.canonical()?)?;
        }
        match self.args.format {
            PlanFormat::Json => self.output.data(&json::plan(&plan_report(comparison, head, planned))?),
            PlanFormat::Text => {
                for (i, plan) in planned.iter().enumerate() {
                    let gap = if i > 0 { "\n" } else { "" };
                    let text = page(plan, &records[i], &self.args.select.app, self.output);
                    self.output.data(&format!("{gap}{text}"));
                }
            }
            PlanFormat::Github => {
                for (plan, record) in planned.iter().zip(&records) {
                    let graph = comparison.map(|c| plan_graph(c, plan));
                    self.output.data(&markdown::comment(record, graph.as_ref(), markdown::COMMENT_BYTES));
                }
            }
        }
        Ok(())
    }
}

/// Plans of commit against commit, one per environment.
pub fn against_commit(
    world: &World,
    args: &Plan,
    comparison: &mut Comparison,
    output: &Output,
) -> Result<Vec<Planned>, RunError> {
    let confirm = digest(args.confirm.as_deref())?;
    Plans { world, args, confirm, output }.against_commit(comparison)
}

/// A plan for people.
pub fn page(plan: &Planned, record: &Record, apps: &[String], output: &Output) -> String {
    let problems = plan.all_problems();
    let page = PlanPage {
        plan: plan.plan(),
        decision: plan.decision(),
        problems: &problems,
        apps,
        seal: Some(&record.seal),
    };
    text::plan(page, output.style())
}

/// The affected part of an environment's graph, with what is around it.
pub fn plan_graph(comparison: &Comparison, plan: &Planned) -> GraphView {
    let affected: Vec<Affected> = plan.affected.values().cloned().collect();
    let here = |key: &AppKey| key.environment == plan.plan().environment;
    view(comparison, &affected, &here).around_affected()
}

/// What `--format json` says.
pub fn plan_report(comparison: Option<&Comparison>, head: CommitId, planned: &[Planned]) -> PlanReport {
    let affected: Vec<Affected> = planned.iter().flat_map(|p| p.affected.values().cloned()).collect();
    let mut graph = match comparison {
        Some(comparison) => report(comparison, affected),
        None => GraphReport {
            base: planned.first().and_then(|p| p.plan().base),
            head,
            complete: planned.iter().all(|p| p.plan().completeness == Completeness::Complete),
            affected,
            problems: Vec::new(),
        },
    };
    graph.problems = planned.iter().flat_map(Planned::all_problems).collect();
    graph.problems.sort();
    graph.problems.dedup();
    PlanReport { graph, plans: planned.iter().map(|p| (p.plan().clone(), p.decision().clone())).collect() }
}

/// A digest from an argument.
pub fn digest(text: Option<&str>) -> Result<Option<Digest>, RunError> {
    let parse = |text| Digest::parse(text).map_err(|e| RunError::Usage(format!("--confirm {text:?}: {e}")));
    text.map(parse).transpose()
}

/// A warning where the working tree holds what no commit does.
pub fn uncommitted(world: &World, global: &Global) -> Result<Option<Problem>, RunError> {
    let paths = world.repo.uncommitted()?;
    let Some(first) = paths.first() else { return Ok(None) };
    let _ = global;
    let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
    let message = format!("{first}{more}: not committed, so not read");
    Ok(Some(Problem::new(Code::Uncommitted, Some(Place::file(first)), message)))
}

/// The exit code of the deploy that the plans describe.
fn code(planned: &[Planned]) -> u8 {
    planned.iter().map(Planned::exit_code).max().unwrap_or(exit::OK)
}
