//! Condition tables: kinds whose status says it in conditions or a phase.
//!
//! Only reads the tables of `kinds`; a kind that is in none is judged by its
//! condition `Ready`, if it has one.

mod kinds;

use serde_json::Value;

use super::conditions::{Condition, conditions, find};
use super::{Case, Settle, StatusPart, has_any};
use crate::deploy::fields::{at, int, is_true, items, text};
use crate::object::ObjectKey;

/// Rules for a kind. The first line whose conditions all hold decides.
struct Table {
    /// `*.` in front stands for any group that ends so.
    group: &'static str,
    /// Empty for every kind of the group.
    kind: &'static str,
    lines: &'static [Line],
}

struct Line {
    when: &'static [When],
    then: Then,
}

enum When {
    /// A condition has this status.
    Is(&'static str, &'static str),
    /// A condition has this status, for one of these reasons.
    For(&'static str, &'static str, &'static [&'static str]),
    /// A condition has this status, for none of these reasons.
    NotFor(&'static str, &'static str, &'static [&'static str]),
    /// A field, its path written with dots, has one of these values.
    Field(&'static str, &'static [&'static str]),
}

#[derive(Clone, Copy)]
enum Then {
    Ready,
    /// Ready, but what holds is worth a word.
    Noted,
    Wait,
    Fail,
    Suspend,
}

pub(super) fn settle(case: &Case<'_>, live: &Value) -> Settle {
    let key = &case.desired.key;
    if kinds::AT_ONCE.iter().any(|(group, kind)| matches(key, group, kind)) {
        return Settle::Ready(None);
    }
    let conditions = conditions(live);
    let status = has_any(live, &["status"]);
    match kinds::KINDS.iter().find(|known| matches(key, known.group, known.kind)) {
        Some(known) => {
            let held = known.lines.iter().find_map(|line| Some((line, line.holds(live, &conditions)?)));
            match held {
                Some((line, held)) => line.settle(case, live, &held),
                None if !status && case.status == StatusPart::HasNone => Settle::Ready(None),
                None if !status => Settle::waiting("no controller has reported on it yet"),
                None => Settle::waiting("its status does not say that it is ready"),
            }
        }
        None => unknown(case, live, &conditions, status),
    }
}

/// A kind of which nothing is known.
fn unknown(case: &Case<'_>, live: &Value, conditions: &[Condition], status: bool) -> Settle {
    if let Some(ready) = find(conditions, "Ready") {
        return match ready.status.as_str() {
            "True" => Settle::Ready(None),
            _ => Settle::Waiting(ready.words()),
        };
    }
    let key = &case.desired.key;
    let never = kinds::NO_STATUS.iter().any(|(group, kind)| matches(key, group, kind));
    if !status && case.status == StatusPart::Has && !never {
        return Settle::waiting(
            "no controller has reported on it yet; if none ever does, annotate it with luigi.dev/wait: disabled",
        );
    }
    let stale = items(live, &["status", "conditions"]).iter();
    let mut stale = stale.filter(|condition| text(condition, &["type"]) == Some("Ready"));
    match stale.next() {
        Some(_) => Settle::waiting("its condition Ready is about an earlier generation"),
        None => Settle::Ready(None),
    }
}

fn matches(key: &ObjectKey, group: &str, kind: &str) -> bool {
    let in_group = match group.strip_prefix("*.") {
        Some(suffix) => {
            key.group.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        None => key.group == group,
    };
    in_group && (kind.is_empty() || key.kind == kind)
}

/// What made a line hold.
struct Held<'c> {
    words: String,
    condition: Option<&'c Condition>,
    field: Option<&'static str>,
}

impl Line {
    /// What made it hold, if it does: what its first part is about.
    fn holds<'c>(&self, live: &Value, conditions: &'c [Condition]) -> Option<Held<'c>> {
        let mut held = self.when.iter().map(|when| when.holds(live, conditions));
        let first = held.next()??;
        held.all(|more| more.is_some()).then_some(first)
    }

    fn settle(&self, case: &Case<'_>, live: &Value, held: &Held<'_>) -> Settle {
        match self.then {
            Then::Ready => Settle::Ready(None),
            Then::Noted => Settle::Ready(Some(held.words.clone())),
            Then::Wait => Settle::Waiting(held.words.clone()),
            Then::Fail if is_from_before(case, live, held) => {
                Settle::Waiting(format!("{}, as it was before this revision", held.words))
            }
            Then::Fail => Settle::failed(held.words.clone()),
            Then::Suspend => {
                let path: Vec<&str> = held.field.unwrap_or_default().split('.').collect();
                if is_true(live, &path) {
                    Settle::suspended(case, &path, &held.words)
                } else {
                    Settle::Suspended(super::Hold::ByOthers, held.words.clone())
                }
            }
        }
    }
}

/// Whether a failure may be that of the revision before: the status does not say
/// which generation it is about, and the condition is older than the write.
fn is_from_before(case: &Case<'_>, live: &Value, held: &Held<'_>) -> bool {
    if int(live, &["status", "observedGeneration"]).is_some() {
        return false;
    }
    let Some(written) = case.applied.at else { return false };
    match held.condition {
        Some(condition) if condition.dated => false,
        Some(condition) => condition.changed.is_none_or(|changed| changed < written),
        None => false,
    }
}

impl When {
    fn holds<'c>(&self, live: &Value, conditions: &'c [Condition]) -> Option<Held<'c>> {
        let condition = |kind: &str, status: &str| {
            conditions.iter().find(|condition| condition.is(kind, status)).map(|condition| Held {
                words: condition.words(),
                condition: Some(condition),
                field: None,
            })
        };
        let reason = |held: &Held<'_>, reasons: &[&str]| {
            held.condition.is_some_and(|condition| reasons.contains(&condition.reason.as_str()))
        };
        match self {
            Self::Is(kind, status) => condition(kind, status),
            Self::For(kind, status, reasons) => condition(kind, status).filter(|held| reason(held, reasons)),
            Self::NotFor(kind, status, reasons) => {
                condition(kind, status).filter(|held| !reason(held, reasons))
            }
            Self::Field(path, values) => {
                let keys: Vec<&str> = path.split('.').collect();
                let value = match at(live, &keys)? {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let known = values.contains(&value.as_str());
                let words = format!("its {} is {value}", keys.last().copied().unwrap_or_default());
                known.then_some(Held { words, condition: None, field: Some(path) })
            }
        }
    }
}
