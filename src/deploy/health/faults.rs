//! Fail fast: pods of the new revision that will not come up, and pods that may
//! not be made.
//!
//! Looks at nothing that belongs to an older revision: that it fails is why there
//! is a new one. Where it cannot be told which pods are new, none is blamed.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::conditions::{Condition, conditions};
use super::pods::{owns, same_template};
use super::{Case, Container, ContainerRole, ContainerState, Ended, Failure, Pod, Settle};
use crate::deploy::fields::{annotation, at, int, text};
use crate::object::Object;

/// How many failures are forgiven before an object has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// How many pods of the new revision may be failing at once.
    pub pods: usize,
    /// A container that crash-loops counts from this many restarts on.
    pub restarts: i64,
    /// For how many seconds an image may be missing.
    pub image_seconds: i64,
    /// For how many seconds a container may lack what it is configured with, such
    /// as a Secret that something else still makes.
    pub config_seconds: i64,
    /// For how many seconds a quota may be exceeded: old pods free it.
    pub quota_seconds: i64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { pods: 0, restarts: 0, image_seconds: 0, config_seconds: 30, quota_seconds: 60 }
    }
}

impl Budget {
    /// This budget as an object changes it by `luigi.dev/failing-pods` and
    /// `luigi.dev/restarts`. What is no whole number changes nothing.
    #[must_use]
    pub fn of(&self, object: &Object) -> Self {
        let number =
            |name: &str| annotation(&object.json, name).and_then(|text| text.trim().parse::<u32>().ok());
        let pods = number("luigi.dev/failing-pods").and_then(|pods| usize::try_from(pods).ok());
        Self {
            pods: pods.unwrap_or(self.pods),
            restarts: number("luigi.dev/restarts").map_or(self.restarts, i64::from),
            ..self.clone()
        }
    }
}

/// A container that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PodFault {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// What it is in the pod.
    pub role: ContainerRole,
    /// Such as `CrashLoopBackOff`.
    pub reason: String,
    /// In the kubelet's words.
    pub message: String,
    /// How often it was started again.
    pub restarts: i64,
    /// How it ended last.
    pub ended: Option<Ended>,
    /// The log that shows why, if there is one.
    pub log: Option<Log>,
}

/// A container's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Log {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Of which run.
    pub run: LogRun,
}

/// Which run of a container a log is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogRun {
    /// The one that runs or has just ended.
    Current,
    /// The one before (`previous=true`).
    Previous,
}

/// What a state of a container is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Crash,
    Image,
    Config,
}

/// Reasons for which a container waits, and will go on waiting
/// (`pkg/kubelet/container`, `pkg/kubelet/images`). With the least seconds each is
/// forgiven: an image's first error becomes a back-off soon, if it stays.
const REASONS: &[(&str, About, i64)] = &[
    ("CrashLoopBackOff", About::Crash, 0),
    ("ImagePullBackOff", About::Image, 0),
    ("ErrImagePull", About::Image, 20),
    ("InvalidImageName", About::Image, 0),
    ("ErrImageNeverPull", About::Image, 0),
    ("ImageInspectError", About::Image, 20),
    ("SignatureValidationFailed", About::Image, 0),
    ("RegistryUnavailable", About::Image, 60),
    ("CreateContainerConfigError", About::Config, 0),
    ("CreateContainerError", About::Config, 0),
    ("RunContainerError", About::Config, 0),
    ("StartError", About::Config, 0),
    ("PreCreateHookError", About::Config, 0),
    ("PreStartHookError", About::Config, 0),
    ("PostStartHookError", About::Config, 0),
];

/// What a server says when it lets no pod be made, and what that is about. The first
/// that is in the message counts.
const REFUSALS: &[(&str, Refusal)] = &[
    ("exceeded quota", Refusal::Quota),
    ("denied the request", Refusal::Denied),
    ("violates PodSecurity", Refusal::Denied),
    ("is invalid", Refusal::Denied),
    // A service account or class that is not there yet, among others.
    ("is forbidden", Refusal::Missing),
];

#[derive(Clone, Copy)]
enum Refusal {
    Quota,
    Denied,
    Missing,
}

impl Refusal {
    fn of(message: &str) -> Option<Self> {
        REFUSALS.iter().find(|(part, _)| message.contains(part)).map(|(_, refusal)| *refusal)
    }

    /// For how many seconds it is forgiven.
    fn grace(self, budget: &Budget) -> i64 {
        match self {
            Self::Quota => budget.quota_seconds,
            Self::Denied => 0,
            Self::Missing => budget.config_seconds,
        }
    }
}

/// An object that waits, looked at more closely: it has failed if its new pods are
/// over the budget or may not be made; else what is known of them is added.
pub(super) fn failed_or_waiting(case: &Case<'_>, live: &Value, words: String) -> Settle {
    let observed = int(live, &["status", "observedGeneration"]);
    let current = observed.is_none() || observed == int(live, &["metadata", "generation"]);
    if !current {
        return Settle::Waiting(words);
    }
    if let Some(reason) = refused(case, live) {
        return Settle::Failed(Failure { reason, faults: Vec::new() });
    }
    let new = new_pods(case, live);
    let mut faults: Vec<PodFault> = new.iter().flat_map(|pod| pod_faults(case, pod)).collect();
    faults.sort_by(|a, b| (b.restarts, &a.pod, &a.container).cmp(&(a.restarts, &b.pod, &b.container)));
    let failing: BTreeSet<&str> = faults.iter().map(|fault| fault.pod.as_str()).collect();
    if failing.len() > case.budget.pods {
        let more = match failing.len() - 1 {
            0 => String::new(),
            more => format!(", and so do {more} more pods"),
        };
        let reason = faults.first().map(|fault| format!("{fault}{more}")).unwrap_or_default();
        return Settle::Failed(Failure { reason, faults });
    }
    let hint =
        faults.first().map(ToString::to_string).or_else(|| hint(&new)).or_else(|| held_up(case, live, &new));
    Settle::Waiting(match hint {
        Some(hint) => format!("{words}; {hint}"),
        None => words,
    })
}

/// The pods of the revision that the status is about.
fn new_pods(case: &Case<'_>, live: &Value) -> Vec<Pod> {
    let around = case.around;
    let uid = text(live, &["metadata", "uid"]);
    let owned = |by: &BTreeSet<&str>| -> Vec<Pod> {
        let is = |pod: &&Pod| pod.owner.as_deref().is_some_and(|owner| by.contains(owner)) && !pod.deleting;
        around.pods.iter().filter(is).cloned().collect()
    };
    let own: BTreeSet<&str> = uid.into_iter().collect();
    let hashed = |by: &BTreeSet<&str>, label: &str, hash: Option<&str>| -> Vec<Pod> {
        owned(by).into_iter().filter(|pod| hash.is_some() && pod.label(label) == hash).collect()
    };
    let sets = || around.replica_sets.iter().filter(|set| owns(set.owner.as_deref(), uid));
    match (case.desired.key.group.as_str(), case.desired.key.kind.as_str()) {
        ("apps", "Deployment") => {
            let template = at(live, &["spec", "template"]);
            let same = sets().filter(|set| template.is_some_and(|own| same_template(&set.template, own)));
            // The oldest of several, as the controller chooses.
            let new = same.min_by_key(|set| (set.created, &set.name));
            owned(&new.map(|set| set.uid.as_str()).into_iter().collect())
        }
        ("argoproj.io", "Rollout") => {
            let owners = sets().map(|set| set.uid.as_str()).collect();
            hashed(&owners, "rollouts-pod-template-hash", text(live, &["status", "currentPodHash"]))
        }
        ("apps", "StatefulSet") => {
            hashed(&own, "controller-revision-hash", text(live, &["status", "updateRevision"]))
        }
        ("apps", "DaemonSet") => {
            let revisions = around.revisions.iter().filter(|revision| owns(revision.owner.as_deref(), uid));
            let newest = revisions.max_by_key(|revision| revision.number);
            hashed(&own, "controller-revision-hash", newest.map(|revision| revision.hash.as_str()))
        }
        ("apps", "ReplicaSet") | ("", "ReplicationController") | ("batch", "Job") => owned(&own),
        ("", "Pod") => vec![Pod::read(live)],
        _ => Vec::new(),
    }
}

/// The containers of a pod that fail and are forgiven no longer.
fn pod_faults(case: &Case<'_>, pod: &Pod) -> Vec<PodFault> {
    // A Job counts the crashes of its pods itself.
    let is_job = case.desired.key.group == "batch" && case.desired.key.kind == "Job";
    let for_seconds = began(pod).map_or(0, |began| case.now.saturating_sub(began));
    let budget = case.budget;
    let fault = |container: &Container| {
        let ContainerState::Waiting { reason, message } = &container.state else { return None };
        let (_, about, least) = REASONS.iter().find(|(known, _, _)| known == reason)?;
        let over = match about {
            About::Crash => !is_job && container.restarts >= budget.restarts,
            About::Image => for_seconds >= budget.image_seconds.max(*least),
            About::Config => for_seconds >= budget.config_seconds.max(*least),
        };
        over.then(|| PodFault::of(pod, container, reason, message))
    };
    pod.containers.iter().filter_map(fault).collect()
}

/// When the pod's containers could begin: when the pod did, or its last step of
/// initialisation ended.
fn began(pod: &Pod) -> Option<i64> {
    let ends = pod.containers.iter().filter_map(|container| match &container.state {
        ContainerState::Ended(ended) if container.role == ContainerRole::Init => ended.at,
        _ => None,
    });
    ends.chain(pod.since).max()
}

impl PodFault {
    fn of(pod: &Pod, container: &Container, reason: &str, message: &str) -> Self {
        let (ended, run) = match &container.state {
            ContainerState::Ended(ended) => (Some(ended.clone()), LogRun::Current),
            _ => (container.last.clone(), LogRun::Previous),
        };
        let log = ended.is_some().then(|| Log {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            container: container.name.clone(),
            run,
        });
        Self {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            container: container.name.clone(),
            role: container.role,
            reason: reason.to_owned(),
            message: message.to_owned(),
            restarts: container.restarts,
            ended,
            log,
        }
    }
}

impl fmt::Display for PodFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.role {
            ContainerRole::Init => "init container",
            ContainerRole::Main => "container",
        };
        write!(f, "{kind} {} of pod {} is in {}", self.container, self.pod, self.reason)?;
        if self.restarts > 0 {
            write!(f, " after {} restarts", self.restarts)?;
        }
        match &self.ended {
            Some(ended) if ended.reason.is_empty() => write!(f, ", exit code {}", ended.exit_code),
            Some(ended) => write!(f, ", exit code {} ({})", ended.exit_code, ended.reason),
            None if self.message.is_empty() => Ok(()),
            None => write!(f, ": {}", self.message),
        }
    }
}

/// The containers of an object's pods that have ended with another code than 0.
pub(super) fn ended_badly(case: &Case<'_>, live: &Value) -> Vec<PodFault> {
    let mut faults = Vec::new();
    for pod in new_pods(case, live) {
        for container in &pod.containers {
            if let ContainerState::Ended(ended) = &container.state
                && ended.exit_code != 0
            {
                faults.push((ended.at, PodFault::of(&pod, container, &ended.reason, &ended.message)));
            }
        }
    }
    // The last to end first: it is what was tried most recently.
    faults.sort_by(|(a_at, a), (b_at, b)| (b_at, &a.pod, &a.container).cmp(&(a_at, &b.pod, &b.container)));
    faults.into_iter().map(|(_, fault)| fault).collect()
}

/// Why no pod may be made, once that is forgiven no longer. The object's own
/// condition is believed as it is; events only where they came after the write, and
/// late enough.
fn refused(case: &Case<'_>, live: &Value) -> Option<String> {
    let conditions = conditions(live);
    let failure = conditions.iter().find(|condition| condition.is("ReplicaFailure", "True"));
    if let Some(condition) = failure
        && let Some(refusal) = Refusal::of(&condition.message)
    {
        let since = |condition: &Condition| condition.changed.or(case.applied.at);
        let for_seconds = since(condition).map_or(0, |since| case.now.saturating_sub(since));
        return (for_seconds >= refusal.grace(case.budget))
            .then(|| format!("no pod may be made: {}", condition.message));
    }
    let written = case.applied.at?;
    let uid = text(live, &["metadata", "uid"])?;
    let event = case.around.events.iter().find(|event| {
        let refusal =
            Refusal::of(&event.message).filter(|_| event.about == uid && event.reason == "FailedCreate");
        let late =
            |refusal: Refusal| event.last.is_some_and(|last| last >= written + refusal.grace(case.budget));
        refusal.is_some_and(late)
    })?;
    Some(format!("no pod may be made: {}", event.message))
}

/// What a reader should know of pods that are on their way.
fn hint(pods: &[Pod]) -> Option<String> {
    let unscheduled = pods.iter().find_map(|pod| Some((&pod.name, pod.unschedulable.as_ref()?)));
    if let Some((name, why)) = unscheduled {
        return Some(format!("pod {name} cannot be scheduled: {why}"));
    }
    pods.iter().flat_map(|pod| pod.containers.iter().map(move |container| (pod, container))).find_map(
        |(pod, container)| match &container.state {
            ContainerState::Waiting { reason, .. }
                if !matches!(reason.as_str(), "" | "ContainerCreating" | "PodInitializing") =>
            {
                Some(format!("container {} of pod {} is in {reason}", container.name, pod.name))
            }
            _ => None,
        },
    )
}

/// A stateful set does not go on while a pod of an older revision fails: a known
/// trap of it ("Forced rollback" in its documentation).
fn held_up(case: &Case<'_>, live: &Value, new: &[Pod]) -> Option<String> {
    if case.desired.key.kind != "StatefulSet" {
        return None;
    }
    let uid = text(live, &["metadata", "uid"]);
    let mut old = case
        .around
        .pods
        .iter()
        .filter(|pod| owns(pod.owner.as_deref(), uid) && !new.iter().any(|new| new.uid == pod.uid));
    let fault = old.find_map(|pod| pod_faults(case, pod).into_iter().next())?;
    Some(format!("{fault}, which is of an older revision and holds the rollout up; delete that pod"))
}
