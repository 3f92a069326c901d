//! Statuses judged by kstatus and by Luigi.

use std::collections::BTreeMap;

use luigi::deploy::health::{Applied, Around, Budget, Case, Live, Pod, Purpose, Settle, StatusPart, settle};
use luigi::object::Object;
use luigi::problem::Place;
use serde_json::{Value, json};

use super::cases::{Dice, object};
use super::judge::ask;

/// How many objects are judged.
const CASES: usize = 20_000;

/// A difference: its name, and the objects that it explains.
type Difference = (&'static str, fn(&Value) -> bool);

/// Every difference, by name. The first that fits explains a case.
const DELIBERATE: &[Difference] = &[
    // A failed Pod is no success, whatever kstatus calls Current.
    ("a failed Pod has failed", |o| kind(o, "Pod") && phase(o) == "Failed"),
    // An autoscaler may make the node that is missing.
    ("an unschedulable Pod waits", |o| {
        kind(o, "Pod") && phase(o) == "Pending" && has(o, "PodScheduled", "False")
    }),
    // kstatus looks at main containers of running Pods, and for one reason.
    ("init containers and images fail a Pod", |o| kind(o, "Pod") && waits(o)),
    ("a paused Deployment is suspended", |o| kind(o, "Deployment") && o["spec"]["paused"] == true),
    // Of a status that no controller has written nothing follows, not even for no replicas.
    ("workloads wait until they are seen", |o| {
        ["Deployment", "StatefulSet", "ReplicaSet"].iter().any(|k| kind(o, k))
            && o["status"]["observedGeneration"].is_null()
    }),
    ("an OnDelete set waits for its pods", |o| kind(o, "StatefulSet") && on_delete(o)),
    ("an OnDelete daemon set is done", |o| kind(o, "DaemonSet") && on_delete(o)),
    // kstatus takes a partition of 0 for one, and looks at the revision no more.
    ("a partition of 0 is none", |o| {
        kind(o, "StatefulSet") && o["spec"]["updateStrategy"]["rollingUpdate"]["partition"] == 0
    }),
    // Past failures to make a pod do not count once all pods are there.
    ("a replica set with all its pods is ready", |o| {
        kind(o, "ReplicaSet") && has(o, "ReplicaFailure", "True")
    }),
    ("a suspended Job is suspended", |o| kind(o, "Job") && o["spec"]["suspend"] == true),
    ("a Job that will fail has failed", |o| kind(o, "Job") && has(o, "FailureTarget", "True")),
    ("a running Job waits", |o| kind(o, "Job") && !has(o, "Complete", "True") && !has(o, "Failed", "True")),
    ("a lost claim has failed", |o| kind(o, "PersistentVolumeClaim") && phase(o) == "Lost"),
    ("a load balancer has an address", |o| {
        kind(o, "Service")
            && o["spec"]["type"] == "LoadBalancer"
            && (o["spec"]["clusterIP"].is_null() || o["status"]["loadBalancer"]["ingress"][0].is_null())
    }),
    ("a definition's names are accepted and its schema sound", |o| {
        kind(o, "CustomResourceDefinition")
            && (!has(o, "NamesAccepted", "True") || has(o, "NonStructuralSchema", "True"))
    }),
    ("a disruption budget has been computed", |o| {
        let reason = &o["status"]["conditions"][0]["reason"];
        kind(o, "PodDisruptionBudget") && reason != "SufficientPods" && reason != "InsufficientPods"
    }),
    ("Stalled goes before Reconciling", |o| has(o, "Stalled", "True") && has(o, "Reconciling", "True")),
    ("a condition of an earlier generation does not count", |o| {
        kind(o, "Thing") && o["status"]["conditions"][0]["observedGeneration"] == 1
    }),
    ("a custom object without a status waits", |o| kind(o, "Thing") && o["status"].is_null()),
];

fn kind(object: &Value, kind: &str) -> bool {
    object["kind"] == kind
}

fn phase(object: &Value) -> &str {
    object["status"]["phase"].as_str().unwrap_or_default()
}

fn has(object: &Value, kind: &str, status: &str) -> bool {
    let list = object["status"]["conditions"].as_array();
    list.is_some_and(|list| list.iter().any(|c| c["type"] == kind && c["status"] == status))
}

fn on_delete(object: &Value) -> bool {
    object["spec"]["updateStrategy"]["type"] == "OnDelete"
}

fn waits(object: &Value) -> bool {
    ["containerStatuses", "initContainerStatuses"]
        .iter()
        .any(|list| !object["status"][list][0]["state"]["waiting"].is_null())
}

/// What kstatus would call our answer.
fn ours(live: &Value) -> (&'static str, Settle) {
    let mut desired = live.clone();
    desired.as_object_mut().unwrap().remove("status");
    let desired = Object::from_json(&Place::file("a"), desired).unwrap();
    let around = Around { pods: vec![Pod::read(live)], ..Around::default() };
    let case = Case {
        desired: &desired,
        applied: &Applied::of(live, None),
        live: Live::Here(live),
        around: &around,
        purpose: Purpose::Part,
        status: if kind(live, "Thing") { StatusPart::Has } else { StatusPart::HasNone },
        check: None,
        budget: &Budget::default(),
        now: 1_800_000_000,
    };
    let found = settle(&case);
    let name = match &found {
        Settle::Ready(_) => "Current",
        Settle::Waiting(_) if !live["metadata"]["deletionTimestamp"].is_null() => "Terminating",
        Settle::Waiting(_) => "InProgress",
        Settle::Failed(_) => "Failed",
        Settle::Suspended(..) => "Suspended",
    };
    (name, found)
}

#[test]
fn our_rules_differ_from_kstatus_only_where_they_mean_to() {
    let mut dice = Dice(20_260_101);
    let objects: Vec<Value> = (0..CASES).map(|_| object(&mut dice)).collect();
    let questions: Vec<Value> = objects.iter().map(|object| json!({"object": object})).collect();
    let mut met: BTreeMap<&str, usize> = DELIBERATE.iter().map(|(name, _)| (*name, 0)).collect();
    let (mut same, mut wrong) = (0, Vec::new());
    for (object, theirs) in objects.iter().zip(ask(&questions)) {
        let (name, found) = ours(object);
        if name == theirs.status {
            same += 1;
        } else if let Some((why, _)) = DELIBERATE.iter().find(|(_, is)| is(object)) {
            *met.entry(why).or_default() += 1;
        } else {
            wrong.push(format!("kstatus {theirs:?}, Luigi {found:?}: {object}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {CASES} differ unmeant:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    let unmet: Vec<_> = met.iter().filter(|(_, times)| **times == 0).collect();
    assert!(unmet.is_empty(), "differences that nothing shows: {unmet:?}");
    assert!(same > CASES / 2, "{same} of {CASES} are the same, {met:?}");
}

/// What the most careful rule is for: Luigi never calls ready what kstatus calls
/// failed or on its way, but where a difference says so.
#[test]
fn nothing_is_ready_earlier_than_kstatus_says_but_for_named_reasons() {
    const EARLIER: &[&str] = &[
        "an OnDelete daemon set is done",
        "an OnDelete set waits for its pods",
        "a replica set with all its pods is ready",
        "a load balancer has an address",
    ];
    let mut dice = Dice(7);
    let objects: Vec<Value> = (0..CASES / 4).map(|_| object(&mut dice)).collect();
    let questions: Vec<Value> = objects.iter().map(|object| json!({"object": object})).collect();
    for (object, theirs) in objects.iter().zip(ask(&questions)) {
        let (name, found) = ours(object);
        if name == "Current" && theirs.status != "Current" {
            let why = DELIBERATE.iter().find(|(_, is)| is(object)).map(|(why, _)| *why);
            assert!(why.is_some_and(|why| EARLIER.contains(&why)), "{theirs:?} {found:?}: {object}");
        }
    }
}
