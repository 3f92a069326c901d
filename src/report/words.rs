//! Reasons, changes, results and verdicts in words.
//!
//! A sentence keeps what was quoted apart from what is ours, so that each
//! destination escapes it in its own way. Nothing here is escaped.

use super::view::Counts;
use crate::affected::{Action, Because, Reason};
use crate::change::{ChangeKind, Difference};
use crate::object::ObjectKey;
use crate::object::diff::{Change, FieldChange, ObjectChange, Shown};
use crate::problem::{Problem, Severity};
use crate::record::{OutcomeKind, StepStatus};

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Our own words.
    Ours(&'static str),
    /// A name, path or value that people copy.
    Name(String),
    /// Somebody else's prose.
    Prose(String),
}

/// A sentence in pieces.
pub type Sentence = Vec<Piece>;

use Piece::{Name, Ours, Prose};

/// Why an app is affected; reads on after "because".
pub fn reason(reason: &Reason) -> Sentence {
    match reason {
        Reason::Changed(difference) => changed(difference),
        Reason::Because(Because::Needs { app }) => vec![Ours("it needs "), Name(app.to_string())],
        Reason::Because(Because::NeededBy { app }) => vec![Name(app.to_string()), Ours(" needs it")],
        Reason::Because(Because::Wave { wave, parent }) => vec![
            Ours("it comes after sync wave "),
            Name(wave.to_string()),
            Ours(" of "),
            Name(parent.clone()),
        ],
    }
}

fn changed(difference: &Difference) -> Sentence {
    match difference {
        Difference::Added { path } => vec![Ours("it is new in "), Name(path.clone())],
        Difference::Removed { path } => vec![Ours("it is no longer in "), Name(path.clone())],
        Difference::Moved { from, to } => {
            vec![Ours("it moves from "), Name(from.clone()), Ours(" to "), Name(to.clone())]
        }
        Difference::Definition { path, field } => {
            vec![Name(field.clone()), Ours(" differs in "), Name(path.clone())]
        }
        Difference::Content { path } => vec![Name(path.clone()), Ours(" differs")],
        Difference::Settings { path } => vec![
            Ours("what it is rendered with differs, beside files and definition; it is defined in "),
            Name(path.clone()),
        ],
        Difference::Pin { what, from, to } => pin(what, from, to),
        Difference::Unknown { path, why } => {
            vec![
                Ours("it reads what cannot be followed, named in "),
                Name(path.clone()),
                Ours(": "),
                Prose(why.clone()),
            ]
        }
        Difference::NoBase => vec![Ours("there is no base to compare with")],
        Difference::DeployedApart { commit } => {
            vec![Ours("it was last deployed on its own, at "), Name(commit.clone())]
        }
        Difference::NotDeployed => vec![Ours("it is not deployed yet")],
    }
}

fn pin(what: &str, from: &str, to: &str) -> Sentence {
    let what = Name(what.to_owned());
    match (from, to) {
        ("", to) => vec![what, Ours(" is new, at "), Name(to.to_owned())],
        (from, "") => vec![what, Ours(" is gone, was at "), Name(from.to_owned())],
        (from, to) => vec![what, Ours(": "), Name(from.to_owned()), Ours(" → "), Name(to.to_owned())],
    }
}

/// A sentence as plain text, not escaped.
pub fn plain(sentence: &[Piece]) -> String {
    sentence
        .iter()
        .map(|piece| match piece {
            Ours(text) => text,
            Name(text) | Prose(text) => text.as_str(),
        })
        .collect()
}

/// A change in one word.
pub fn change(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Moved => "moved",
        ChangeKind::Definition => "definition",
        ChangeKind::Pin => "pin",
        ChangeKind::Content => "content",
        ChangeKind::None => "as it is",
    }
}

/// An action in one word.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Apply => "apply",
        Action::Verify => "verify",
        Action::Prune => "prune",
    }
}

/// The sign before an app: `+` new, `~` changed, `-` goes, `✓` only looked at.
pub fn sign(action: Action, kind: ChangeKind) -> &'static str {
    match (action, kind) {
        (Action::Apply, ChangeKind::Added) => "+",
        (Action::Apply, _) => "~",
        (Action::Prune, _) => "-",
        (Action::Verify, _) => "✓",
    }
}

/// Where a step ended: a sign and a word or two.
pub fn status(status: StepStatus) -> (&'static str, &'static str) {
    match status {
        StepStatus::Pending => ("·", "not begun"),
        StepStatus::Delivered => ("✓", "delivered"),
        StepStatus::Verified => ("✓", "verified"),
        StepStatus::Pruned => ("✓", "pruned"),
        StepStatus::Failed => ("✗", "failed"),
        StepStatus::RolledBack => ("↩", "rolled back"),
        StepStatus::Stuck => ("‼", "STUCK"),
    }
}

/// A verdict: a sign and a few words.
pub fn verdict(kind: OutcomeKind) -> (&'static str, &'static str) {
    match kind {
        OutcomeKind::Planned => ("✓", "planned"),
        OutcomeKind::NothingToDo => ("✓", "nothing to do"),
        OutcomeKind::Done => ("✓", "done"),
        OutcomeKind::Denied => ("✗", "denied"),
        OutcomeKind::Problems => ("✗", "problems"),
        OutcomeKind::RolledBack => ("↩", "failed and rolled back"),
        OutcomeKind::Stuck => ("‼", "STUCK: a person is needed"),
        OutcomeKind::LeftAsIs => ("✗", "failed, left as it is"),
        OutcomeKind::Cancelled => ("✗", "cancelled"),
        OutcomeKind::Outrun => ("✗", "outrun by another run"),
        OutcomeKind::Error => ("✗", "unexpected error"),
    }
}

/// Counts in words: `3 to apply, 1 to verify, 1 to prune, 4 objects deleted`.
pub fn counts(counts: Counts) -> String {
    let parts = [(counts.apply, "to apply"), (counts.verify, "to verify"), (counts.prune, "to prune")];
    let mut parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if counts.deletes > 0 {
        parts.push(format!("{} deleted", plural(counts.deletes, "object")));
    }
    if parts.is_empty() { "no steps".to_owned() } else { parts.join(", ") }
}

/// A severity as a compiler says it.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// How many problems there are of each severity, in words; empty for none.
pub fn problem_counts(problems: &[Problem]) -> String {
    let mut parts = Vec::new();
    for kind in [Severity::Error, Severity::Warning, Severity::Note] {
        match problems.iter().filter(|p| p.severity == kind).count() {
            0 => {}
            n => parts.push(plural(n, severity(kind))),
        }
    }
    parts.join(", ")
}

/// A duration for people: `840 ms`, `12.3 s`, `4 min 5 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// An object as `Deployment payments/api`, with the group where it has one.
pub fn object(key: &ObjectKey) -> String {
    let kind = if key.group.is_empty() { key.kind.clone() } else { format!("{}.{}", key.kind, key.group) };
    if key.namespace.is_empty() {
        format!("{kind} {}", key.name)
    } else {
        format!("{kind} {}/{}", key.namespace, key.name)
    }
}

/// The sign of an object's change, as in a diff.
pub fn object_sign(change: &ObjectChange) -> char {
    match change.change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    }
}

/// One field's change: path, before, after; `None` where there is nothing.
/// Values are as JSON, so `"true"` and `true` do not look the same.
pub fn field(change: &FieldChange) -> (&str, Option<String>, Option<String>) {
    let shown = |value: &Option<Shown>| value.as_ref().map(ToString::to_string);
    (&change.path, shown(&change.before), shown(&change.after))
}

/// A number of things: `1 object`, `2 objects`.
pub fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// The beginning of a text, at most that many bytes, cut between characters and
/// with `…` where it was cut.
pub fn head(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let room = bytes.saturating_sub('…'.len_utf8());
    let end = (0..=room).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    format!("{}…", &text[..end])
}
