//! Settle rules: is an object ready for the revision that was applied?
//!
//! Values in, a [`Settle`] out: the desired object, what the server answered to
//! its write, the object as it is now, its pods and events, the time. Asks no
//! server and waits for nothing. A status that is older than the write, or that
//! cannot be understood, never counts as ready.

mod around;
mod built_in;
pub mod check;
mod conditions;
mod faults;
mod generic;
mod pods;
mod runs;
mod special;
mod table;
mod workloads;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::fields::{at, int, is_true, items, text, time};
use crate::object::Object;

pub use around::{Around, Binding, Event, Need, ReplicaSet, Revision, needs};
pub use check::{Check, Checks};
pub use faults::{Budget, Log, LogRun, PodFault};
pub use generic::{OPT_OUTS, opted_out};
pub use pods::{Container, ContainerRole, ContainerState, Ended, Pod};

/// What an object has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settle {
    /// Ready for this revision; with a word where a reader should know more.
    Ready(Option<String>),
    /// Not yet, and why. Nothing says that it will not be.
    Waiting(String),
    /// It will not become ready by itself.
    Failed(Failure),
    /// It stands still because somebody wants it to.
    Suspended(Hold, String),
}

/// Who wants an object to stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Its manifest: there is nothing to wait for.
    Asked,
    /// Somebody else, in the cluster: this revision waits until they let go.
    ByOthers,
}

/// Why an object will not become ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// For people, one sentence without a full stop.
    pub reason: String,
    /// The containers behind it, the worst first, where there are any.
    pub faults: Vec<PodFault>,
}

/// What the server answered when the object was written, or had when it was found to
/// need no write. What is read later is compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// `metadata.uid`.
    pub uid: Option<String>,
    /// `metadata.generation`; not every kind has one.
    pub generation: Option<i64>,
    /// `metadata.resourceVersion`.
    pub resource_version: Option<String>,
    /// When this run changed it, in seconds by the server's clock (the answer's `Date`);
    /// `None` where it was found unchanged. What the status says of an earlier time
    /// then counts too.
    pub at: Option<i64>,
}

impl Applied {
    /// What an answer of the server says.
    pub fn of(answer: &Value, at: Option<i64>) -> Self {
        let of = |path: &[&str]| text(answer, path).map(str::to_owned);
        Self {
            uid: of(&["metadata", "uid"]),
            generation: int(answer, &["metadata", "generation"]),
            resource_version: of(&["metadata", "resourceVersion"]),
            at,
        }
    }
}

/// When a field manager last changed an object by applying, by the server's clock:
/// `metadata.managedFields`.
pub fn applied_at(answer: &Value, manager: &str) -> Option<i64> {
    let managers = items(answer, &["metadata", "managedFields"]).iter();
    let own = managers.filter(|entry| {
        text(entry, &["manager"]) == Some(manager) && text(entry, &["operation"]) == Some("Apply")
    });
    own.filter_map(|entry| time(entry, &["time"])).max()
}

/// The object as it was last seen.
#[derive(Debug, Clone, Copy)]
pub enum Live<'a> {
    /// Nothing was read yet, or reading failed: never the same as gone.
    Unread,
    /// It is there.
    Here(&'a Value),
    /// The server says that it is not there; as it was seen before that, if it was.
    Gone(Option<&'a Value>),
}

/// What the object is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// One of the app's objects: ready means that it serves.
    Part,
    /// A hook: a Pod or Job must have run to its end.
    Hook,
}

/// Whether the kind has a `status` of its own, by the server's list of kinds
/// (a resource named `…/status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusPart {
    /// It has: an object without any status has not been seen by its controller.
    Has,
    /// It has none.
    HasNone,
}

/// Everything that is known of one object.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The object that was to be applied.
    pub desired: &'a Object,
    /// The server's answer.
    pub applied: &'a Applied,
    /// The object now.
    pub live: Live<'a>,
    /// What belongs to it; see [`needs`].
    pub around: &'a Around,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether its kind has a status.
    pub status: StatusPart,
    /// The user's own rule for its kind, which goes before all others.
    pub check: Option<&'a Check>,
    /// How many failures are forgiven.
    pub budget: &'a Budget,
    /// Now, in seconds by the same clock as [`Applied::at`].
    pub now: i64,
}

/// What the object has come to.
pub fn settle(case: &Case<'_>) -> Settle {
    let live = match case.live {
        Live::Unread => return Settle::waiting("it has not been read yet"),
        Live::Gone(last) => return runs::gone(case, last),
        Live::Here(live) => live,
    };
    if let Some(early) = generic::before_all(case, live) {
        return early;
    }
    let found = match case.check {
        Some(check) => check.evaluate(live),
        None => generic::by_status(live).unwrap_or_else(|| by_kind(case, live)),
    };
    match found {
        Settle::Waiting(words) => faults::failed_or_waiting(case, live, words),
        other => other,
    }
}

fn by_kind(case: &Case<'_>, live: &Value) -> Settle {
    let key = &case.desired.key;
    match (key.group.as_str(), key.kind.as_str()) {
        ("apps", "Deployment") => workloads::deployment(case, live),
        ("apps", "StatefulSet") => workloads::stateful_set(live),
        ("apps", "DaemonSet") => workloads::daemon_set(live),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => workloads::replica_set(live),
        ("batch", "Job") => runs::job(case, live),
        ("", "Pod") => runs::pod(case, live),
        ("", "PersistentVolumeClaim") => built_in::claim(case, live),
        ("", "Service") => built_in::service(live),
        ("networking.k8s.io" | "extensions", "Ingress") => built_in::ingress(live),
        ("argoproj.io", "Application") => special::argo_application(case, live),
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => special::route(live),
        _ => table::settle(case, live),
    }
}

impl Settle {
    fn waiting(words: impl Into<String>) -> Self {
        Self::Waiting(words.into())
    }

    fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(Failure { reason: reason.into(), faults: Vec::new() })
    }

    fn noted(words: impl Into<String>) -> Self {
        Self::Ready(Some(words.into()))
    }

    /// Suspended by a field that is true in the live object.
    fn suspended(case: &Case<'_>, path: &[&str], words: &str) -> Self {
        let hold = if is_true(&case.desired.json, path) { Hold::Asked } else { Hold::ByOthers };
        Self::Suspended(hold, words.to_owned())
    }

    /// Whether there is nothing more to wait for, and nothing went wrong.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Ready(_) | Self::Suspended(Hold::Asked, _) => true,
            Self::Waiting(_) | Self::Failed(_) | Self::Suspended(Hold::ByOthers, _) => false,
        }
    }
}

impl fmt::Display for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(None) => f.write_str("ready"),
            Self::Ready(Some(words)) => write!(f, "ready: {words}"),
            Self::Waiting(words) => write!(f, "waiting: {words}"),
            Self::Failed(failure) => write!(f, "failed: {}", failure.reason),
            Self::Suspended(Hold::Asked, words) => write!(f, "suspended as asked: {words}"),
            Self::Suspended(Hold::ByOthers, words) => write!(f, "suspended by somebody else: {words}"),
        }
    }
}

/// Whether a list or mapping at a path has anything in it.
fn has_any(value: &Value, path: &[&str]) -> bool {
    match at(value, path) {
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
