//! A plan for people: what would be done, in order, why, whether it is allowed,
//! and the exact next command.

use super::page::{Ink, Page, Style, span};
use super::{problems, steps};
use crate::plan::{Completeness, Plan};
use crate::policy::{Decision, Verdict};
use crate::problem::{Code, Problem, Severity};
use crate::record::Seal;
use crate::report::view::{Counts, Row};
use crate::report::words;

/// What a plan's page says.
#[derive(Debug, Clone, Copy)]
pub struct PlanPage<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Whether it may be carried out.
    pub decision: &'a Decision,
    /// Every problem, the decision's own too.
    pub problems: &'a [Problem],
    /// `--app`, as given; repeated in the next command.
    pub apps: &'a [String],
    /// Whether the record is sealed, when there is one.
    pub seal: Option<&'a Seal>,
}

/// The page as text.
pub fn plan(of: PlanPage<'_>, style: Style) -> String {
    let mut page = Page::new(style);
    let plan = of.plan;
    let counts = Counts::of(plan.steps.iter().map(Row::from));
    page.line(&[
        span(Ink::Strong, format!("{}: ", plan.environment)),
        span(Ink::Plain, words::counts(counts)),
        span(Ink::Dim, format!("  ({})", commits(plan))),
    ]);
    for step in &plan.steps {
        page.gap();
        steps::write(&mut page, step.into());
    }
    touched(&mut page, plan);
    problems::write(&mut page, of.problems);
    page.gap();
    verdict(&mut page, of, counts);
    page.line(&[span(Ink::Dim, "plan digest: "), span(Ink::Plain, plan.digest.to_string())]);
    if let Some(Seal::Unsealed { reason }) = of.seal {
        page.paragraph(2, &[span(Ink::Warn, "unsealed: "), span(Ink::Plain, reason)]);
    }
    next(&mut page, of);
    page.finish()
}

fn commits(plan: &Plan) -> String {
    match plan.base {
        Some(base) => format!("{} → {}", base.short(), plan.head.short()),
        None => format!("no base → {}", plan.head.short()),
    }
}

fn touched(page: &mut Page, plan: &Plan) {
    if plan.touched.is_empty() {
        return;
    }
    page.gap();
    let names: Vec<String> = plan.touched.iter().map(ToString::to_string).collect();
    page.paragraph(
        4,
        &[span(Ink::Dim, "  = files differ, objects do not: "), span(Ink::Plain, names.join(", "))],
    );
}

fn verdict(page: &mut Page, of: PlanPage<'_>, counts: Counts) {
    if of.plan.completeness == Completeness::Incomplete {
        page.paragraph(
            2,
            &[
                span(Ink::Alarm, "NOT COMPLETE: "),
                span(Ink::Plain, "problems may hide apps; nothing is pruned, and no step proves nothing"),
            ],
        );
    }
    match of.decision.verdict {
        Verdict::Denied => page.line(&[span(Ink::Bad, "✗ denied")]),
        Verdict::Allowed if of.problems.iter().any(|p| p.severity == Severity::Error) => {
            page.line(&[span(Ink::Bad, "✗ problems: a deploy would stop here")]);
        }
        Verdict::Allowed if of.plan.completeness == Completeness::Incomplete => {
            page.line(&[span(Ink::Warn, "~ allowed, as far as it can be seen")]);
        }
        Verdict::Allowed if of.plan.steps.is_empty() => {
            page.line(&[span(
                Ink::Good,
                "✓ nothing to do: both ends were read completely, and nothing differs",
            )]);
        }
        Verdict::Allowed => {
            page.line(&[span(Ink::Good, "✓ allowed: "), span(Ink::Plain, words::counts(counts))]);
        }
    }
    for rule in of.decision.rules.iter().filter(|r| r.verdict == Verdict::Denied) {
        page.paragraph(
            4,
            &[
                span(Ink::Bad, "  ✗ "),
                span(Ink::Strong, format!("{}: ", rule.rule)),
                span(Ink::Plain, &rule.reason),
            ],
        );
    }
}

/// The command to run next, on a line of its own and never broken, so that it
/// can be copied.
fn next(page: &mut Page, of: PlanPage<'_>) {
    let denied = of.decision.verdict == Verdict::Denied;
    let errors = of.problems.iter().filter(|p| p.severity == Severity::Error);
    let only_unconfirmed = denied && errors.clone().all(|p| p.code == Code::DeleteUnconfirmed);
    let mut command = format!("luigi deploy --environment {}", of.plan.environment);
    for app in of.apps {
        put!(command, " --app {}", shell(app));
    }
    let why = if only_unconfirmed && errors.count() > 0 {
        put!(command, " --confirm {}", of.plan.digest);
        "to confirm the deletes and deploy:"
    } else if !denied
        && of.problems.iter().all(|p| p.severity != Severity::Error)
        && !of.plan.steps.is_empty()
    {
        "to deploy:"
    } else {
        return;
    };
    page.gap();
    page.line(&[span(Ink::Dim, why)]);
    page.line(&[span(Ink::Pointer, format!("  {command}"))]);
}

/// An argument as a POSIX shell reads it back.
fn shell(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | ',' | '=' | '@');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
