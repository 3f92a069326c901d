//! The parts of a comment, each one function.
//!
//! Every text from outside is cut to a bound first and escaped then, so that a
//! single hostile field cannot push the rest out.

use super::budget::{Budget, Section};
use crate::name::Digest;
use crate::plan::Completeness;
use crate::policy::Verdict;
use crate::problem::{Code, Problem, Severity};
use crate::record::{Record, RecordKind, Seal, StepRecord};
use crate::report::escape::{code, code_cell, fence, html, markdown};
use crate::report::mermaid;
use crate::report::view::{Counts, GraphView, Row};
use crate::report::words::{self, Piece};

/// Bytes of a name, path or value.
const NAME: usize = 300;
/// Bytes of a sentence.
const PROSE: usize = 1_000;
/// Reasons in a row.
const REASONS: usize = 3;
/// Lines of one app's diff.
const LINES: usize = 200;
/// Apps up to which the whole graph is drawn; above, only what is around the
/// affected ones.
const NODES: usize = 60;
/// Edges that Mermaid draws at most are 500 (its `maxEdges`).
const EDGES: usize = 400;

fn name(text: &str) -> String {
    code(&words::head(text, NAME))
}

fn cell(text: &str) -> String {
    code_cell(&words::head(text, NAME))
}

fn prose(text: &str) -> String {
    match markdown(&words::head(text, PROSE)) {
        text if text.is_empty() => "(empty)".to_owned(),
        text => text,
    }
}

/// The verdict in one line, and what it is about in another.
pub(super) fn head(record: &Record) -> String {
    let (sign, said) = record.outcome.as_ref().map_or(("·", "running"), |o| words::verdict(o.verdict));
    let counts = Counts::of(record.steps.iter().map(Row::from));
    let mut out = format!("### {sign} {}: {said}\n\n", name(record.environment.as_str()));
    if let Some(outcome) = &record.outcome {
        put!(out, "{}\n\n", prose(&outcome.message));
    }
    out.push_str(&words::counts(counts));
    if !record.touched.is_empty() {
        put!(out, ", {} touched without effect", record.touched.len());
    }
    put!(out, " · {} · {}\n\n", commits(record), name(&record.run.command));
    if counts.deletes > 0 && record.kind == RecordKind::Plan {
        put!(out, "> [!WARNING]\n> This deletes {}.\n\n", words::plural(counts.deletes, "object"));
    }
    if record.selection.completeness == Completeness::Incomplete {
        out.push_str("> [!CAUTION]\n> Not complete: problems may hide apps. Nothing is pruned.\n\n");
    }
    out
}

/// That a run came to nothing further, and why.
pub(super) fn failure(message: &str) -> String {
    format!("### ✗ luigi could not go on\n\n{}\n\nNothing further was planned or written.\n", prose(message))
}

fn commits(record: &Record) -> String {
    match (record.source.base, record.source.head) {
        (Some(base), Some(head)) => format!("`{}` → `{}`", base.short(), head.short()),
        (None, Some(head)) => format!("no base → `{}`", head.short()),
        (_, None) => "no commit".to_owned(),
    }
}

/// The table in deploy order.
pub(super) fn steps(budget: Budget, record: &Record) -> String {
    let open = "| app | change | why | result | time |\n| --- | --- | --- | --- | --- |\n";
    let units = record.steps.iter().map(|step| row(record.kind, step)).collect();
    budget.section(&Section { open, units, close: "", what: "steps" })
}

fn row(kind: RecordKind, step: &StepRecord) -> String {
    let (result, time) = match kind {
        RecordKind::Plan => (words::action(step.action).to_owned(), "–".to_owned()),
        RecordKind::Intent | RecordKind::Outcome => {
            let (sign, said) = words::status(step.result.status);
            (format!("{sign} {said}"), words::duration(step.result.duration_ms))
        }
    };
    let mut result = result;
    if !step.deletes.is_empty() {
        put!(result, ", **deletes {}**", words::plural(step.deletes.len(), "object"));
    }
    if let Some(reason) = &step.result.reason {
        put!(result, ": {}", prose(reason));
    }
    for why in step.not_rendered.iter().take(1) {
        put!(result, ", not rendered: {}", prose(why));
    }
    format!(
        "| {} {} | {} | {} | {result} | {time} |\n",
        words::sign(step.action, step.change).replace('+', "\\+").replace('-', "\\-").replace('~', "\\~"),
        cell(&step.app.to_string()),
        words::change(step.change),
        why(step),
    )
}

fn why(step: &StepRecord) -> String {
    let mut reasons: Vec<String> = step
        .reasons
        .iter()
        .take(REASONS)
        .map(|reason| {
            words::reason(reason)
                .iter()
                .map(|piece| match piece {
                    Piece::Ours(text) => (*text).to_owned(),
                    Piece::Name(text) => cell(text),
                    Piece::Prose(text) => prose(text),
                })
                .collect()
        })
        .collect();
    if step.reasons.len() > REASONS {
        reasons.push(format!("and {} more reasons", step.reasons.len() - REASONS));
    }
    reasons.join("; ")
}

/// What was decided, by every rule.
pub(super) fn decision(budget: Budget, record: &Record) -> String {
    let Some(decision) = &record.decision else { return String::new() };
    let said = match decision.verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "**denied**",
    };
    let open = format!("\n**Policy:** {said}\n\n");
    let mut units: Vec<String> = decision
        .rules
        .iter()
        .map(|rule| {
            let sign = match rule.verdict {
                Verdict::Allowed => "✓",
                Verdict::Denied => "✗",
            };
            format!("- {sign} {}: {}\n", name(&rule.rule), prose(&rule.reason))
        })
        .collect();
    if let Some(digest) = decision.confirmed {
        units.push(format!("- confirmed: `{digest}`\n"));
    }
    if let (Some(digest), true) = (record.plan_digest, unconfirmed(record)) {
        units.push(format!(
            "- to confirm: `luigi deploy --environment {} --confirm {digest}`\n",
            record.environment
        ));
    }
    budget.section(&Section { open: &open, units, close: "", what: "rules" })
}

fn unconfirmed(record: &Record) -> bool {
    let mut errors = record.problems.iter().filter(|p| p.severity == Severity::Error).peekable();
    errors.peek().is_some() && errors.all(|p| p.code == Code::DeleteUnconfirmed)
}

/// Every problem, errors first.
pub(super) fn problems(budget: Budget, problems: &[Problem]) -> String {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|p| (p.severity, *p));
    let open = format!("\n**Problems:** {}\n\n", words::problem_counts(problems));
    let units = sorted.iter().map(|p| problem(p)).collect();
    budget.section(&Section { open: &open, units, close: "", what: "problems" })
}

fn problem(problem: &Problem) -> String {
    let place = problem.place.as_ref().map_or(String::new(), |p| format!(" {}", name(&p.to_string())));
    format!(
        "- {} `{}`{place}: {}. {}\n",
        words::severity(problem.severity),
        problem.code.as_str(),
        prose(&problem.message),
        prose(&problem.help),
    )
}

/// The graph with the affected part marked; only that part where the whole is
/// too large to be looked at.
pub(super) fn graph(budget: Budget, graph: &GraphView) -> String {
    let around;
    let (graph, title) = if graph.nodes.len() > NODES {
        around = graph.around_affected();
        (&around, "Graph, around what is affected")
    } else {
        (graph, "Graph")
    };
    if graph.nodes.is_empty() || graph.indexed_edges().len() > EDGES {
        return String::new();
    }
    let unit = details(title, &fence("mermaid", &mermaid::mermaid(graph)));
    if unit.len() > budget.left() { String::new() } else { unit }
}

fn details(title: &str, body: &str) -> String {
    format!("\n<details><summary>{title}</summary>\n\n{body}\n</details>\n")
}

/// What differs, one folded block an app.
pub(super) fn diffs(budget: Budget, record: &Record) -> String {
    let units = record.steps.iter().filter_map(diff).collect();
    budget.section(&Section { open: "", units, close: "", what: "diffs" })
}

fn diff(step: &StepRecord) -> Option<String> {
    let row = Row::from(step);
    let mut lines = Vec::new();
    for change in row.changes {
        lines.push(format!(
            "{} {}",
            words::object_sign(change),
            words::head(&words::object(&change.key), NAME)
        ));
        for field in &change.fields {
            let (path, before, after) = words::field(field);
            let line = |sign, value: String| {
                format!("{sign}     {}: {}", words::head(path, NAME), words::head(&value, NAME))
            };
            lines.extend(before.map(|value| line('-', value)));
            lines.extend(after.map(|value| line('+', value)));
        }
    }
    for key in row.deletes.iter().filter(|key| !row.changes.iter().any(|c| c.key == **key)) {
        lines.push(format!("- {}", words::head(&words::object(key), NAME)));
    }
    if lines.is_empty() {
        return None;
    }
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("  {more} more lines are in the record"));
    }
    let title = format!("<code>{}</code>: {}", html(&step.app.to_string()), objects(step));
    Some(details(&title, &fence("diff", &lines)))
}

fn objects(step: &StepRecord) -> String {
    match (step.changes.len(), step.deletes.len()) {
        (0, deletes) => format!("{deletes} deleted"),
        (1, 0) => "1 object differs".to_owned(),
        (changes, 0) => format!("{changes} objects differ"),
        (1, deletes) => format!("1 object differs, {deletes} deleted"),
        (changes, deletes) => format!("{changes} objects differ, {deletes} deleted"),
    }
}

/// Digests, where the record is, how to check it, and that it is unsealed.
pub(super) fn evidence(record: &Record, digest: Option<Digest>) -> String {
    let mut out = String::from("\n**Evidence**\n\n");
    if let Some(digest) = digest {
        put!(out, "- record digest: `{digest}`\n");
    }
    if let Some(plan) = record.plan_digest {
        put!(out, "- plan digest: `{plan}`\n");
    }
    match &record.ledger {
        Some(at) => put!(
            out,
            "- ledger: entry {} on {}; `luigi verify` checks the whole chain, and that this entry's `record.json` has that digest\n",
            at.seq,
            name(&at.branch)
        ),
        None => out.push_str("- not in the ledger: the same commits give the same plan digest\n"),
    }
    if let Some(url) = &record.run.url {
        put!(out, "- run: {}\n", link(url));
    }
    match &record.seal {
        Seal::Unsealed { reason } => put!(out, "- **unsealed:** {}\n", prose(reason)),
    }
    let tool = format!("{} {}", record.tool.name, record.tool.version);
    put!(out, "- made by {}\n", name(&tool));
    out
}

/// A link to the run, when its address is nothing but an address.
fn link(url: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '%');
    if url.starts_with("https://") && url.chars().all(plain) && url.len() <= NAME {
        format!("<{url}>")
    } else {
        name(url)
    }
}
