//! What belongs to an object, as plain values, and what a caller must list.
//!
//! Everything here may be listed too widely: what belongs to other objects is
//! passed over by uid.

use serde_json::Value;

use super::Pod;
use crate::deploy::fields::{at, controller_uid, int, text, time};
use crate::object::ObjectKey;

/// What belongs to an object, or to the app's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Around {
    /// Pods.
    pub pods: Vec<Pod>,
    /// Replica sets, of a Deployment or an Argo Rollout.
    pub replica_sets: Vec<ReplicaSet>,
    /// Controller revisions, of a `DaemonSet`.
    pub revisions: Vec<Revision>,
    /// Events.
    pub events: Vec<Event>,
    /// How the storage class of a claim binds.
    pub binding: Binding,
}

/// What a caller must list, in the object's namespace, to judge it well. A list that
/// may not be read can be left empty: then failures are found later or only by
/// the deadline, and never in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// `v1/pods`.
    Pods,
    /// `apps/v1/replicasets`.
    ReplicaSets,
    /// `apps/v1/controllerrevisions`.
    Revisions,
    /// `v1/events`, once something is not ready in time; never watched.
    Events,
    /// The `storage.k8s.io/v1/storageclasses` of a claim.
    StorageClass,
}

/// What must be listed for an object.
pub fn needs(key: &ObjectKey) -> &'static [Need] {
    match (key.group.as_str(), key.kind.as_str()) {
        ("apps", "Deployment") | ("argoproj.io", "Rollout") => &[Need::Pods, Need::ReplicaSets, Need::Events],
        ("apps", "DaemonSet") => &[Need::Pods, Need::Revisions, Need::Events],
        ("apps", "StatefulSet" | "ReplicaSet") | ("batch", "Job") | ("", "ReplicationController") => {
            &[Need::Pods, Need::Events]
        }
        ("", "PersistentVolumeClaim") => &[Need::Events, Need::StorageClass],
        _ => &[],
    }
}

/// One replica set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSet {
    /// Its uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// The uid of what manages it.
    pub owner: Option<String>,
    /// `spec.template`.
    pub template: Value,
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
}

impl ReplicaSet {
    /// A replica set as the API server gives it.
    pub fn read(json: &Value) -> Self {
        let own = |path: &[&str]| text(json, path).unwrap_or_default().to_owned();
        Self {
            uid: own(&["metadata", "uid"]),
            name: own(&["metadata", "name"]),
            owner: controller_uid(json).map(str::to_owned),
            template: at(json, &["spec", "template"]).cloned().unwrap_or_default(),
            created: time(json, &["metadata", "creationTimestamp"]),
        }
    }
}

/// One controller revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The uid of what manages it.
    pub owner: Option<String>,
    /// Its number; the highest is the newest.
    pub number: i64,
    /// The hash that its pods carry.
    pub hash: String,
}

impl Revision {
    /// A controller revision as the API server gives it.
    pub fn read(json: &Value) -> Self {
        let hash = text(json, &["metadata", "labels", "controller-revision-hash"]);
        Self {
            owner: controller_uid(json).map(str::to_owned),
            number: int(json, &["revision"]).unwrap_or(0),
            hash: hash.unwrap_or_default().to_owned(),
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The uid of what it is about.
    pub about: String,
    /// Such as `FailedCreate`.
    pub reason: String,
    /// In the reporter's words.
    pub message: String,
    /// Whether it is a warning.
    pub warning: bool,
    /// When it was last so, in seconds since 1970.
    pub last: Option<i64>,
}

impl Event {
    /// An event of `v1` or `events.k8s.io/v1` as the API server gives it.
    pub fn read(json: &Value) -> Self {
        let first = |paths: &[&[&str]]| paths.iter().find_map(|path| text(json, path)).unwrap_or_default();
        let times: &[&[&str]] = &[
            &["series", "lastObservedTime"],
            &["lastTimestamp"],
            &["deprecatedLastTimestamp"],
            &["eventTime"],
            &["metadata", "creationTimestamp"],
        ];
        Self {
            about: first(&[&["involvedObject", "uid"], &["regarding", "uid"]]).to_owned(),
            reason: first(&[&["reason"]]).to_owned(),
            message: first(&[&["message"], &["note"]]).to_owned(),
            warning: text(json, &["type"]) == Some("Warning"),
            last: times.iter().find_map(|path| time(json, path)),
        }
    }
}

/// When a claim's storage class binds it to a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Binding {
    /// At once.
    Immediate,
    /// When a pod that uses it is scheduled.
    FirstConsumer,
    /// The class could not be read; a claim's events say it too.
    #[default]
    Unknown,
}

impl Binding {
    /// How a storage class binds.
    pub fn read(class: &Value) -> Self {
        match text(class, &["volumeBindingMode"]) {
            Some("WaitForFirstConsumer") => Self::FirstConsumer,
            _ => Self::Immediate,
        }
    }
}
