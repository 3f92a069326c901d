//! Pods as plain values: what a settle rule has to know of one.
//!
//! Reads the API's JSON; what the state of a container means is for `faults`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::deploy::fields::{at, controller_uid, int, items, text, time};

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The uid of the object that manages it.
    pub owner: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// `status.phase`, empty where there is none.
    pub phase: String,
    /// Whether its condition `Ready` is true.
    pub ready: bool,
    /// Why it cannot be scheduled, in the scheduler's words.
    pub unschedulable: Option<String>,
    /// `status.message`, with its reason in front.
    pub message: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// When it began, in seconds since 1970; when it was made where it has not begun.
    pub since: Option<i64>,
    /// Its containers, those of initialisation first.
    pub containers: Vec<Container>,
}

/// One container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it is in the pod.
    pub role: ContainerRole,
    /// What it does.
    pub state: ContainerState,
    /// How it ended the time before.
    pub last: Option<Ended>,
    /// How often it was started again.
    pub restarts: i64,
}

/// What a container is in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerRole {
    /// It runs before the main ones, or beside them as a sidecar.
    Init,
    /// It is one of the main ones.
    Main,
}

/// What a container does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerState {
    /// It has not begun, or will begin again.
    Waiting {
        /// Such as `CrashLoopBackOff`.
        reason: String,
        /// In the kubelet's words.
        message: String,
    },
    /// It runs.
    Running,
    /// It has ended.
    Ended(Ended),
    /// Nothing is known.
    Unknown,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Its exit code.
    pub exit_code: i64,
    /// Such as `OOMKilled`, `Error` or `Completed`.
    pub reason: String,
    /// What it left in its termination log.
    pub message: String,
    /// When, in seconds since 1970.
    pub at: Option<i64>,
}

impl Pod {
    /// A pod as the API server gives it.
    pub fn read(json: &Value) -> Self {
        let own = |path: &[&str]| text(json, path).unwrap_or_default().to_owned();
        let labels = at(json, &["metadata", "labels"]).and_then(Value::as_object);
        let conditions = items(json, &["status", "conditions"]);
        let condition = |kind: &str| conditions.iter().find(|c| text(c, &["type"]) == Some(kind));
        let scheduled = condition("PodScheduled").filter(|c| text(c, &["status"]) == Some("False"));
        let containers =
            [("initContainerStatuses", ContainerRole::Init), ("containerStatuses", ContainerRole::Main)];
        let reason = text(json, &["status", "reason"]);
        Self {
            namespace: own(&["metadata", "namespace"]),
            name: own(&["metadata", "name"]),
            uid: own(&["metadata", "uid"]),
            owner: controller_uid(json).map(str::to_owned),
            labels: labels
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            phase: own(&["status", "phase"]),
            ready: condition("Ready").is_some_and(|c| text(c, &["status"]) == Some("True")),
            unschedulable: scheduled
                .map(|c| text(c, &["message"]).unwrap_or("for no given reason").to_owned()),
            message: joined(reason, text(json, &["status", "message"])),
            deleting: at(json, &["metadata", "deletionTimestamp"]).is_some_and(|time| !time.is_null()),
            since: time(json, &["status", "startTime"])
                .or_else(|| time(json, &["metadata", "creationTimestamp"])),
            containers: containers
                .into_iter()
                .flat_map(|(list, role)| items(json, &["status", list]).iter().map(move |c| (c, role)))
                .map(|(container, role)| Container::read(container, role))
                .collect(),
        }
    }

    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

fn joined(reason: Option<&str>, message: Option<&str>) -> Option<String> {
    match (reason, message) {
        (Some(reason), Some(message)) => Some(format!("{reason}: {message}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

impl Container {
    fn read(json: &Value, role: ContainerRole) -> Self {
        let state = at(json, &["state"]);
        let part = |name: &str| state.and_then(|state| state.get(name)).filter(|part| part.is_object());
        let state = match (part("waiting"), part("running"), part("terminated")) {
            (Some(waiting), _, _) => ContainerState::Waiting {
                reason: text(waiting, &["reason"]).unwrap_or_default().to_owned(),
                message: text(waiting, &["message"]).unwrap_or_default().to_owned(),
            },
            (None, Some(_), _) => ContainerState::Running,
            (None, None, Some(ended)) => ContainerState::Ended(Ended::read(ended)),
            (None, None, None) => ContainerState::Unknown,
        };
        let last = at(json, &["lastState", "terminated"]).filter(|part| part.is_object());
        Self {
            name: text(json, &["name"]).unwrap_or_default().to_owned(),
            role,
            state,
            last: last.map(Ended::read),
            restarts: int(json, &["restartCount"]).unwrap_or(0),
        }
    }
}

impl Ended {
    fn read(json: &Value) -> Self {
        let own = |path: &[&str]| text(json, path).unwrap_or_default().to_owned();
        Self {
            exit_code: int(json, &["exitCode"]).unwrap_or(0),
            reason: own(&["reason"]),
            message: own(&["message"]),
            at: time(json, &["finishedAt"]),
        }
    }
}

/// Whether a pod template and a workload's are the same, as the Deployment
/// controller compares them (`EqualIgnoreHash`): without the hash label.
pub(super) fn same_template(replica_set: &Value, workload: &Value) -> bool {
    let without_hash = |template: &Value| {
        let mut template = template.clone();
        let labels = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut);
        labels.map(|labels| labels.remove("pod-template-hash"));
        template
    };
    without_hash(replica_set) == without_hash(workload)
}

/// Whether something is managed by the object with this uid.
pub(super) fn owns(owner: Option<&str>, uid: Option<&str>) -> bool {
    owner.is_some() && owner == uid
}
