//! `luigi graph`.

use super::args::{Commits, Global, Graph, GraphFormat};
use super::output::Output;
use crate::affected::Affected;
use crate::catalog::Completeness;
use crate::name::AppKey;
use crate::report::json::GraphReport;
use crate::report::view::{GraphView, NodeView};
use crate::report::{dot, json, mermaid, text};
use crate::run::compare::{Base, Comparison, Ends, Filter, commit_or_missing, default_ends};
use crate::run::error::{RunError, exit};
use crate::run::world::{self, Options, World};

/// Runs it.
pub fn run(global: &Global, args: &Graph, output: &Output) -> Result<u8, RunError> {
    let (world, ends) = settle(global, &args.commits, &args.select.environment)?;
    output.doing("reading definitions");
    let mut comparison = Comparison::of(&world, &ends)?;
    let filter = if args.no_render { Filter::Off } else { Filter::ByRender };
    if filter == Filter::ByRender {
        comparison.filter(&world, &|key| output.rendered(key));
    }
    let graph = comparison.graph();
    let mut affected: Vec<Affected> = comparison.affected(&world, &graph).into_values().collect();
    let chosen = |key: &AppKey| {
        let names = &args.select.app;
        names.is_empty() || names.iter().any(|n| n == key.app.name() || *n == key.app.to_string())
    };
    affected.retain(|a| chosen(&a.key));
    match args.format {
        GraphFormat::Json => output.data(&json::graph(&report(&comparison, affected))?),
        GraphFormat::Text if args.affected => {
            output.data(&text::affected(&affected, output.style()));
            output.problems(&comparison.problems);
        }
        GraphFormat::Text => {
            output.data(&text::graph(&view(&comparison, &affected, &chosen), output.style()));
            output.problems(&comparison.problems);
        }
        GraphFormat::Mermaid | GraphFormat::Dot => {
            let mut view = view(&comparison, &affected, &chosen);
            if args.affected {
                view = view.around_affected();
            }
            output.data(&match args.format {
                GraphFormat::Mermaid => mermaid::document(&view),
                GraphFormat::Dot | GraphFormat::Text | GraphFormat::Json => dot::dot(&view),
            });
            output.problems(&comparison.problems);
        }
    }
    if comparison.completeness == Completeness::Incomplete
        && let Some(mark) = comment(args.format)
    {
        output.data(&format!(
            "{mark}NOT COMPLETE: problems may hide apps; who is not named here may be affected\n"
        ));
    }
    // The process ends here: to free a hundred thousand values one by one is lost time.
    std::mem::forget((world, comparison, graph));
    Ok(exit::OK)
}

/// What begins a line that is for people; `None`: the format says it itself.
fn comment(format: GraphFormat) -> Option<&'static str> {
    match format {
        GraphFormat::Text => Some(""),
        GraphFormat::Mermaid => Some("%% "),
        GraphFormat::Dot => Some("// "),
        GraphFormat::Json => None,
    }
}

/// The repository, base and head for local use.
pub fn settle(
    global: &Global,
    commits: &Commits,
    environments: &[String],
) -> Result<(World, Ends), RunError> {
    let repo = world::open(&global.directory)?;
    let head = match &commits.head {
        Some(rev) => repo.resolve(rev)?,
        None => repo.head()?,
    };
    let options = Options {
        dir: global.directory.clone(),
        config: global.config.clone(),
        environments: environments.to_vec(),
        ..Options::default()
    };
    let world = World::load(&options, repo, head)?;
    let ends = match &commits.base {
        Some(rev) => {
            let base = match world.repo.resolve(rev) {
                Ok(commit) => commit_or_missing(&world, commit)?,
                Err(error) => world::missing(&world.repo, rev, error)?,
            };
            Ends { base, more: Vec::new(), head }
        }
        None => default_ends(&world, head)?,
    };
    Ok((world, ends))
}

/// What a report of two commits says.
pub fn report(comparison: &Comparison, affected: Vec<Affected>) -> GraphReport {
    GraphReport {
        base: match comparison.base {
            Base::Commit(commit) => Some(commit),
            Base::Nothing | Base::Missing(_) => None,
        },
        head: comparison.head,
        complete: comparison.completeness == Completeness::Complete,
        affected,
        problems: comparison.problems.clone(),
    }
}

/// The graph to draw.
pub fn view(comparison: &Comparison, affected: &[Affected], chosen: &dyn Fn(&AppKey) -> bool) -> GraphView {
    let graph = comparison.graph();
    let nodes = graph.order().into_iter().filter(|key| chosen(key)).map(|key| {
        let found = affected.iter().find(|a| a.key == key);
        NodeView { key, change: found.map(|a| a.change), action: found.map(|a| a.action) }
    });
    GraphView { nodes: nodes.collect(), edges: graph.edges() }
}
