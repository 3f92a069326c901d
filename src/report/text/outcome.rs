//! How a run ended, for people: every step in deploy order with its result and
//! duration, what was put back, where the evidence is.

use super::page::{Ink, Page, Span, Style, cut, pad, span, width};
use super::problems;
use crate::name::Digest;
use crate::policy::Verdict;
use crate::record::{OutcomeKind, Record, Seal, StepRecord, StepStatus};
use crate::report::words;

/// A record as a page. `digest` is that of its canonical bytes.
pub fn outcome(record: &Record, digest: Digest, style: Style) -> String {
    let mut page = Page::new(style);
    headline(&mut page, record);
    if !record.steps.is_empty() {
        page.gap();
        table(&mut page, &record.steps);
    }
    denied(&mut page, record);
    problems::write(&mut page, &record.problems);
    page.gap();
    evidence(&mut page, record, digest);
    page.finish()
}

fn headline(page: &mut Page, record: &Record) {
    let mut spans = vec![span(Ink::Strong, format!("{}: ", record.environment))];
    match &record.outcome {
        Some(outcome) => {
            let (sign, said) = words::verdict(outcome.verdict);
            let ink = ink(outcome.verdict);
            spans.push(span(ink, format!("{sign} {said}")));
            spans.push(span(Ink::Plain, ". "));
            spans.push(span(Ink::Plain, &outcome.message));
        }
        None => spans.push(span(Ink::Warn, "· not ended")),
    }
    page.paragraph(2, &spans);
}

fn ink(kind: OutcomeKind) -> Ink {
    match kind {
        OutcomeKind::Planned | OutcomeKind::NothingToDo | OutcomeKind::Done => Ink::Good,
        OutcomeKind::RolledBack | OutcomeKind::Cancelled | OutcomeKind::Outrun => Ink::Warn,
        OutcomeKind::Denied | OutcomeKind::Problems | OutcomeKind::LeftAsIs | OutcomeKind::Error => Ink::Bad,
        OutcomeKind::Stuck => Ink::Alarm,
    }
}

fn step_ink(status: StepStatus) -> Ink {
    match status {
        StepStatus::Pending => Ink::Dim,
        StepStatus::Delivered | StepStatus::Verified | StepStatus::Pruned => Ink::Good,
        StepStatus::RolledBack => Ink::Warn,
        StepStatus::Failed => Ink::Bad,
        StepStatus::Stuck => Ink::Alarm,
    }
}

/// One line a step: result, app, change, duration. Only the app gives way when
/// the line is too narrow.
fn table(page: &mut Page, steps: &[StepRecord]) {
    const RESULT: usize = 13;
    const CHANGE: usize = 10;
    const TIME: usize = 12;
    let room = page.width().saturating_sub(2 + RESULT + 2 + 2 + CHANGE + 2 + TIME);
    let widest = steps.iter().map(|s| width(&s.app.to_string())).max().unwrap_or(0).max(3).min(room);
    let heads = [pad("RESULT", RESULT), pad("APP", widest), pad("CHANGE", CHANGE), "TIME".to_owned()];
    page.line(&[span(Ink::Dim, format!("  {}", heads.join("  ")))]);
    for step in steps {
        let (sign, said) = words::status(step.result.status);
        let time = if step.result.status == StepStatus::Pending {
            "-".to_owned()
        } else {
            words::duration(step.result.duration_ms)
        };
        page.line(&[
            span(step_ink(step.result.status), format!("  {}  ", pad(&format!("{sign} {said}"), RESULT))),
            span(Ink::Plain, pad(&cut(&step.app.to_string(), widest), widest)),
            span(Ink::Dim, format!("  {}  ", pad(words::change(step.change), CHANGE))),
            span(Ink::Plain, time),
        ]);
        if let Some(reason) = &step.result.reason {
            page.paragraph(6, &[span(Ink::Plain, "      "), span(Ink::Dim, reason)]);
        }
    }
}

fn denied(page: &mut Page, record: &Record) {
    let Some(decision) = &record.decision else { return };
    if decision.verdict == Verdict::Allowed {
        return;
    }
    page.gap();
    for rule in decision.rules.iter().filter(|r| r.verdict == Verdict::Denied) {
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

fn evidence(page: &mut Page, record: &Record, digest: Digest) {
    let fact = |what: &str, text: String| -> [Span; 2] { [span(Ink::Dim, what), span(Ink::Plain, text)] };
    if let Some(plan) = record.plan_digest {
        page.line(&fact("plan digest:   ", plan.to_string()));
    }
    page.line(&fact("record digest: ", digest.to_string()));
    match &record.ledger {
        Some(at) => page.line(&fact("ledger:        ", format!("entry {} on {}", at.seq, at.branch))),
        None => page.line(&fact("ledger:        ", "not appended".to_owned())),
    }
    match &record.seal {
        Seal::Unsealed { reason } => {
            page.paragraph(15, &[span(Ink::Warn, "unsealed:      "), span(Ink::Plain, reason)]);
        }
    }
}
