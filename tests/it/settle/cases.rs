//! Objects with statuses as controllers write them, and as they never would.
//!
//! The same for the same seed, on every machine.

use serde_json::{Value, json};

/// A `SplitMix64` generator.
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()].clone()
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Mostly `usual`, else something near it.
    fn near(&mut self, usual: i64) -> i64 {
        if self.one_in(3) { self.pick(&[usual - 1, usual + 1, 0]).max(0) } else { usual }
    }
}

/// An object of a kind that kstatus has a rule for, or none.
pub fn object(dice: &mut Dice) -> Value {
    let make = dice.pick(&[
        deployment as fn(&mut Dice) -> (Value, Value),
        stateful_set,
        daemon_set,
        replica_set,
        job,
        pod,
        claim,
        service,
        definition,
        budget,
        plain,
        custom,
    ]);
    let (mut object, mut status) = make(dice);
    object["metadata"] = json!({"name": "a", "namespace": "n", "uid": "u"});
    if object["kind"] != "Pod" && !dice.one_in(10) {
        object["metadata"]["generation"] = json!(2);
        if !dice.one_in(8) {
            status["observedGeneration"] = dice.pick(&[json!(2), json!(2), json!(2), json!(2), json!(1)]);
        }
    }
    if dice.one_in(20) {
        object["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
    }
    if dice.one_in(12) {
        let standard =
            [("Stalled", "True"), ("Reconciling", "True"), ("Stalled", "False"), ("Reconciling", "False")];
        for _ in 0..=dice.below(2) {
            add(&mut status, dice.pick(&standard), "R");
        }
    }
    if status.as_object().is_some_and(|map| !map.is_empty()) {
        object["status"] = status;
    }
    object
}

fn add(status: &mut Value, (kind, state): (&str, &str), reason: &str) {
    let condition = json!({"type": kind, "status": state, "reason": reason, "message": "m"});
    match status["conditions"].as_array_mut() {
        Some(list) => list.push(condition),
        None => status["conditions"] = json!([condition]),
    }
}

fn deployment(dice: &mut Dice) -> (Value, Value) {
    let want = i64::try_from(dice.below(4)).unwrap();
    let mut spec = json!({"replicas": want});
    if !dice.one_in(4) {
        spec["progressDeadlineSeconds"] = dice.pick(&[json!(600), json!(600), json!(i32::MAX)]);
    }
    if dice.one_in(12) {
        spec["paused"] = json!(true);
    }
    let mut status = json!({
        "replicas": dice.near(want), "updatedReplicas": dice.near(want),
        "readyReplicas": dice.near(want), "availableReplicas": dice.near(want),
    });
    let progress = dice.pick(&[
        "NewReplicaSetAvailable",
        "NewReplicaSetAvailable",
        "ReplicaSetUpdated",
        "ProgressDeadlineExceeded",
    ]);
    let state = if progress == "ProgressDeadlineExceeded" { "False" } else { "True" };
    if !dice.one_in(6) {
        add(&mut status, ("Progressing", state), progress);
    }
    let available = dice.pick(&["True", "True", "True", "False"]);
    add(&mut status, ("Available", available), "R");
    (json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}), status)
}

fn stateful_set(dice: &mut Dice) -> (Value, Value) {
    let want = i64::try_from(dice.below(4)).unwrap();
    let strategy = match dice.below(5) {
        0 => json!({"type": "OnDelete"}),
        1 => json!({"type": "RollingUpdate", "rollingUpdate": {"partition": dice.below(4)}}),
        _ => json!({"type": "RollingUpdate"}),
    };
    let have = dice.near(want);
    // As the controller counts: those of the old revision are current, all are when it is done.
    let done = dice.one_in(2);
    let updated = if done { have } else { i64::try_from(dice.below(4)).unwrap().min(have) };
    let status = json!({
        "replicas": have, "readyReplicas": dice.near(want).min(have), "updatedReplicas": updated,
        "currentReplicas": if done { have } else { have - updated },
        "currentRevision": if done { "r2" } else { "r1" }, "updateRevision": "r2",
    });
    let spec = json!({"replicas": want, "updateStrategy": strategy});
    (json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": spec}), status)
}

fn daemon_set(dice: &mut Dice) -> (Value, Value) {
    let want = i64::try_from(dice.below(4)).unwrap();
    let mut status = json!({
        "currentNumberScheduled": dice.near(want), "updatedNumberScheduled": dice.near(want),
        "numberAvailable": dice.near(want), "numberReady": dice.near(want),
    });
    if !dice.one_in(8) {
        status["desiredNumberScheduled"] = json!(want);
    }
    let strategy = dice.pick(&["RollingUpdate", "RollingUpdate", "OnDelete"]);
    let spec = json!({"updateStrategy": {"type": strategy}});
    (json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": spec}), status)
}

fn replica_set(dice: &mut Dice) -> (Value, Value) {
    let want = i64::try_from(dice.below(4)).unwrap();
    let mut status = json!({
        "replicas": dice.near(want), "fullyLabeledReplicas": dice.near(want),
        "readyReplicas": dice.near(want), "availableReplicas": dice.near(want),
    });
    if dice.one_in(8) {
        add(&mut status, ("ReplicaFailure", "True"), "FailedCreate");
    }
    (json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": {"replicas": want}}), status)
}

fn job(dice: &mut Dice) -> (Value, Value) {
    let mut status = json!({});
    if !dice.one_in(4) {
        status["startTime"] = json!("2026-01-02T03:04:05Z");
    }
    let mut spec = json!({});
    if dice.one_in(6) {
        spec["suspend"] = json!(true);
        if !dice.one_in(3) {
            add(&mut status, ("Suspended", "True"), "JobSuspended");
        }
    } else if !dice.one_in(3) {
        let ends = [
            ("Complete", "True"),
            ("Failed", "True"),
            ("Complete", "False"),
            ("SuccessCriteriaMet", "True"),
            ("FailureTarget", "True"),
        ];
        add(&mut status, dice.pick(&ends), "R");
    }
    (json!({"apiVersion": "batch/v1", "kind": "Job", "spec": spec}), status)
}

fn pod(dice: &mut Dice) -> (Value, Value) {
    let mut status = json!({"startTime": "2026-01-02T03:04:05Z"});
    if !dice.one_in(10) {
        status["phase"] = json!(dice.pick(&["Pending", "Running", "Running", "Succeeded", "Failed"]));
    }
    add(&mut status, ("Ready", dice.pick(&["True", "False"])), "R");
    if dice.one_in(4) {
        add(&mut status, ("PodScheduled", "False"), "Unschedulable");
    }
    let reasons = ["CrashLoopBackOff", "ImagePullBackOff", "ContainerCreating", "CreateContainerConfigError"];
    let state = match dice.below(3) {
        0 => json!({"waiting": {"reason": dice.pick(&reasons)}}),
        _ => json!({"running": {}}),
    };
    let list = dice.pick(&["containerStatuses", "containerStatuses", "initContainerStatuses"]);
    status[list] = json!([{"name": "c", "state": state, "restartCount": 1}]);
    (json!({"apiVersion": "v1", "kind": "Pod", "spec": {}}), status)
}

fn claim(dice: &mut Dice) -> (Value, Value) {
    let phase = dice.pick(&["Bound", "Pending", "Lost"]);
    (json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {}}), json!({"phase": phase}))
}

fn service(dice: &mut Dice) -> (Value, Value) {
    let mut spec = json!({"type": dice.pick(&["ClusterIP", "LoadBalancer", "LoadBalancer", "ExternalName"])});
    if !dice.one_in(4) {
        spec["clusterIP"] = json!("192.0.2.1");
    }
    let ingress = if dice.one_in(2) { json!([{"ip": "192.0.2.2"}]) } else { json!([]) };
    (
        json!({"apiVersion": "v1", "kind": "Service", "spec": spec}),
        json!({"loadBalancer": {"ingress": ingress}}),
    )
}

fn definition(dice: &mut Dice) -> (Value, Value) {
    let mut status = json!({});
    if !dice.one_in(5) {
        add(&mut status, ("NamesAccepted", dice.pick(&["True", "True", "False"])), "R");
    }
    match dice.below(5) {
        0 => add(&mut status, ("Established", "False"), "Installing"),
        1 => add(&mut status, ("Established", "False"), "NotAccepted"),
        _ => add(&mut status, ("Established", "True"), "R"),
    }
    if dice.one_in(8) {
        add(&mut status, ("NonStructuralSchema", "True"), "R");
    }
    (json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {}}), status)
}

fn budget(dice: &mut Dice) -> (Value, Value) {
    let mut status = json!({"currentHealthy": 1});
    if !dice.one_in(4) {
        let (state, reason) =
            dice.pick(&[("True", "SufficientPods"), ("False", "InsufficientPods"), ("False", "SyncFailed")]);
        add(&mut status, ("DisruptionAllowed", state), reason);
    }
    (json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {}}), status)
}

fn plain(dice: &mut Dice) -> (Value, Value) {
    let (api, kind) = dice.pick(&[
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("batch/v1", "CronJob"),
        ("rbac.authorization.k8s.io/v1", "Role"),
    ]);
    (json!({"apiVersion": api, "kind": kind}), json!({}))
}

fn custom(dice: &mut Dice) -> (Value, Value) {
    let mut status = json!({});
    if !dice.one_in(3) {
        let ready = dice.pick(&["True", "True", "False", "Unknown"]);
        add(&mut status, ("Ready", ready), "R");
        if dice.one_in(4) {
            status["conditions"][0]["observedGeneration"] = json!(1);
        }
    }
    if dice.one_in(5) {
        status["phase"] = json!("Fine");
    }
    (json!({"apiVersion": "acme.example/v1", "kind": "Thing", "spec": {}}), status)
}
