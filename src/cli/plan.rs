//! `luigi plan`.

use super::args::{Global, Plan, PlanFormat};
use super::graph::{report, settle, view};
use super::output::Output;
use crate::affected::Affected;
use crate::name::{CommitId, Digest, Environment};
use crate::problem::{Code, Place, Problem, Severity};
use crate::report::json::{self, PlanReport};
use crate::report::text::{self, PlanPage};
use crate::run::compare::Comparison;
use crate::run::error::{RunError, exit};
use crate::run::planning::{self, Against, Ask, Planned};
use crate::run::world::World;

/// Runs it.
pub fn run(global: &Global, args: &Plan, output: &Output) -> Result<u8, RunError> {
    let (world, base, head) = settle(global, &args.commits, &args.select.environment)?;
    output.doing("reading definitions");
    let confirm = digest(args.confirm.as_deref())?;
    let uncommitted = uncommitted(&world, global)?;
    let mut comparison = Comparison::read(&world, base, head)?;
    comparison.problems.extend(uncommitted);
    let earlier: Vec<(Environment, CommitId)> =
        world.environments.iter().map(|e| (e.clone(), head)).collect();
    let mut planned = Vec::new();
    for environment in world.environments.clone() {
        let ask = Ask {
            apps: &args.select.app,
            confirm,
            config: world.config_state,
            earlier: &earlier,
            done: &|key| output.rendered(key),
        };
        planned.push(planning::plan(&world, &mut comparison, &environment, None, Against::Commit, &ask)?);
    }
    print(args, &comparison, &planned, output)?;
    Ok(code(&planned))
}

/// A digest from an argument.
pub fn digest(text: Option<&str>) -> Result<Option<Digest>, RunError> {
    text.map(Digest::parse).transpose().map_err(|e| RunError::Usage(format!("--confirm: {e}")))
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
    let broken = |p: &Planned| p.problems.iter().any(|p| p.severity == Severity::Error);
    if planned.iter().any(broken) {
        return exit::PROBLEMS;
    }
    if planned.iter().any(|p| p.verdict.is_err()) { exit::DENIED } else { exit::OK }
}

fn print(args: &Plan, comparison: &Comparison, planned: &[Planned], output: &Output) -> Result<(), RunError> {
    let affected: Vec<Affected> = planned.iter().flat_map(|p| p.affected.values().cloned()).collect();
    match args.format {
        PlanFormat::Json => {
            let mut graph = report(comparison, affected);
            graph.problems = planned.iter().flat_map(Planned::all_problems).collect();
            graph.problems.sort();
            graph.problems.dedup();
            let plans = planned.iter().map(|p| (p.plan().clone(), p.decision().clone())).collect();
            output.data(&json::plan(&PlanReport { graph, plans })?);
        }
        PlanFormat::Text => {
            for (i, plan) in planned.iter().enumerate() {
                let page = PlanPage {
                    plan: plan.plan(),
                    decision: plan.decision(),
                    problems: &plan.all_problems(),
                    apps: &args.select.app,
                    seal: None,
                };
                let gap = if i > 0 { "\n" } else { "" };
                output.data(&format!("{gap}{}", text::plan(page, output.style())));
            }
        }
        PlanFormat::Github => {
            let _ = view(comparison, &affected, &|_| true);
        }
    }
    Ok(())
}
