//! One step of a plan: its app, why, and what differs in its objects.

use super::page::{Ink, Page, sentence, span};
use crate::affected::Action;
use crate::change::ChangeKind;
use crate::object::diff::{Change, ObjectChange};
use crate::report::view::Row;
use crate::report::words;

/// Reasons after which a step says how many more there are.
const REASONS: usize = 8;
/// Fields after which an object says how many more there are.
const FIELDS: usize = 40;

pub(super) fn ink(action: Action, change: ChangeKind) -> Ink {
    match (action, change) {
        (Action::Apply, ChangeKind::Added) => Ink::Good,
        (Action::Apply, _) => Ink::Warn,
        (Action::Verify, _) => Ink::Pointer,
        (Action::Prune, _) => Ink::Alarm,
    }
}

/// The step with all that belongs to it.
pub(super) fn write(page: &mut Page, row: Row<'_>) {
    let ink = ink(row.action, row.change);
    let what = match row.action {
        Action::Apply => format!("apply, {}", words::change(row.change)),
        Action::Verify => "verify: nothing is written, what is deployed must be in place".to_owned(),
        Action::Prune => format!("PRUNE: the whole app, {}", words::plural(row.deletes.len(), "object")),
    };
    page.paragraph(
        6,
        &[
            span(ink, format!("  {} ", words::sign(row.action, row.change))),
            span(Ink::Strong, row.app.to_string()),
            span(ink, format!("  {what}")),
        ],
    );
    for reason in row.reasons.iter().take(REASONS) {
        let mut spans = vec![span(Ink::Dim, "      because ")];
        spans.extend(sentence(Ink::Plain, &words::reason(reason)));
        page.paragraph(14, &spans);
    }
    if row.reasons.len() > REASONS {
        let more = row.reasons.len() - REASONS;
        page.line(&[span(Ink::Dim, format!("      and {more} more reasons"))]);
    }
    for why in row.not_rendered {
        page.paragraph(8, &[span(Ink::Warn, "      not rendered: "), span(Ink::Plain, why)]);
    }
    for change in row.changes {
        object(page, change);
    }
    // A removed object is among the changes already; one that is deleted
    // without a diff must be seen too.
    for key in row.deletes.iter().filter(|key| !row.changes.iter().any(|c| c.key == **key)) {
        deleted(page, &words::object(key));
    }
}

fn deleted(page: &mut Page, object: &str) {
    page.line(&[span(Ink::Alarm, "      - "), span(Ink::Alarm, object), span(Ink::Alarm, "  DELETED")]);
}

fn object(page: &mut Page, change: &ObjectChange) {
    let name = words::object(&change.key);
    let ink = match change.change {
        Change::Added => Ink::Good,
        Change::Changed => Ink::Warn,
        Change::Removed => return deleted(page, &name),
    };
    page.line(&[span(ink, format!("      {} ", words::object_sign(change))), span(Ink::Plain, name)]);
    if change.change == Change::Added {
        return;
    }
    for field in change.fields.iter().take(FIELDS) {
        let (path, before, after) = words::field(field);
        let mut spans = vec![span(Ink::Plain, "          "), span(Ink::Plain, format!("{path}: "))];
        match (before, after) {
            (Some(before), Some(after)) => {
                spans.push(span(Ink::Bad, before));
                spans.push(span(Ink::Dim, " → "));
                spans.push(span(Ink::Good, after));
            }
            (None, Some(after)) => spans.push(span(Ink::Good, format!("+ {after}"))),
            (Some(before), None) => spans.push(span(Ink::Bad, format!("- {before}"))),
            (None, None) => {}
        }
        page.paragraph(14, &spans);
    }
    if change.fields.len() > FIELDS {
        let more = change.fields.len() - FIELDS;
        page.line(&[span(Ink::Dim, format!("          and {more} more fields; --format json has all"))]);
    }
}
