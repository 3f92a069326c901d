//! The built-in kinds.

use super::*;

fn deployment(status: &Value) -> Scene {
    let mut all = json!({
        "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        "conditions": [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ],
    });
    for (name, value) in status.as_object().unwrap() {
        all[name] = value.clone();
    }
    Scene::new("apps/v1", "Deployment", json!({"replicas": 3, "progressDeadlineSeconds": 600}), all)
}

#[test]
fn a_deployment_is_complete_or_says_what_is_missing() {
    let of = |status: Value| deployment(&status).says();
    assert_eq!(of(json!({})), "ready");
    assert_eq!(of(json!({"updatedReplicas": 2})), "waiting: 2 of 3 pods are of this revision");
    assert_eq!(of(json!({"replicas": 4})), "waiting: 1 old pods have to go");
    // Counts that do not fit together, as kstatus has them too.
    assert_eq!(of(json!({"replicas": 2})), "waiting: 2 of 3 pods are there");
    let more = json!({"replicas": 4, "updatedReplicas": 4});
    assert_eq!(of(more), "waiting: 3 of 4 pods are available");
    assert_eq!(of(json!({"availableReplicas": 1})), "waiting: 1 of 3 pods are available");
    assert_eq!(of(json!({"readyReplicas": 2})), "waiting: 2 of 3 pods are ready");
    let more = json!({"replicas": 5, "updatedReplicas": 5, "availableReplicas": 5});
    assert_eq!(of(more), "waiting: 2 old pods have to go");
    assert_eq!(of(json!({"observedGeneration": null})), "waiting: its controller has not seen it yet");
    let progressing = json!({"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"});
    let available = json!({"type": "Available", "status": "True"});
    assert_eq!(of(json!({"conditions": [progressing, available]})), "waiting: the rollout is not complete");
    let done = json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"});
    assert_eq!(of(json!({"conditions": [done]})), "waiting: it is not said to be available");
    let no_deadline = deployment(&json!({"conditions": [available]}));
    assert_eq!(
        no_deadline.with(|scene| scene.live["spec"]["progressDeadlineSeconds"] = Value::Null).says(),
        "ready"
    );
}

#[test]
fn a_deployment_of_no_pods_is_ready_once_it_was_seen() {
    let none =
        json!({"replicas": null, "updatedReplicas": null, "readyReplicas": null, "availableReplicas": null});
    let scene = deployment(&none).with(|scene| scene.live["spec"]["replicas"] = json!(0));
    assert_eq!(scene.says(), "ready");
    assert!(!scene.with(|scene| scene.live["status"] = json!({})).settle().is_done());
}

#[test]
fn a_deadline_fails_the_revision_it_ran_out_for() {
    let late = |at: &str| {
        let condition = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": "timed out", "lastUpdateTime": at});
        deployment(&json!({"updatedReplicas": 1, "conditions": [condition]}))
    };
    let failed = "failed: Progressing is False: ProgressDeadlineExceeded: timed out";
    assert_eq!(late("2026-01-02T03:14:06Z").says(), failed);
    // What the revision before left behind, when this one puts it back.
    let before = "waiting: the controller still reports that the revision before made no progress";
    assert_eq!(late("2026-01-02T03:04:04Z").says(), before);
    // Nothing was written: it is this revision that made none.
    assert_eq!(late("2026-01-02T03:04:04Z").with(|scene| scene.applied.at = None).says(), failed);
}

#[test]
fn paused_is_suspended_by_whom() {
    let paused = || deployment(&json!({})).with(|scene| scene.live["spec"]["paused"] = json!(true));
    let scene = paused();
    assert_eq!(scene.says(), "suspended by somebody else: the Deployment is paused");
    assert!(!scene.settle().is_done());
    let asked = paused().with(|scene| scene.desired.json["spec"]["paused"] = json!(true));
    assert_eq!(asked.says(), "suspended as asked: the Deployment is paused");
    assert!(asked.settle().is_done());
}

fn set(strategy: &Value, status: &Value) -> Scene {
    let mut all = json!({
        "observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "currentReplicas": 3, "updatedReplicas": 3,
        "availableReplicas": 3, "currentRevision": "r2", "updateRevision": "r2",
    });
    for (name, value) in status.as_object().unwrap() {
        all[name] = value.clone();
    }
    Scene::new("apps/v1", "StatefulSet", json!({"replicas": 3, "updateStrategy": strategy}), all)
}

#[test]
fn a_stateful_set_rolls_to_its_partition() {
    let rolling = json!({"type": "RollingUpdate"});
    let of = |status: Value| set(&rolling, &status).says();
    assert_eq!(of(json!({})), "ready");
    assert_eq!(of(json!({"replicas": 1})), "waiting: 1 of 3 pods are there");
    assert_eq!(of(json!({"updatedReplicas": 1})), "waiting: 1 of 3 pods are of this revision");
    assert_eq!(of(json!({"readyReplicas": 2})), "waiting: 2 of 3 pods are ready");
    assert_eq!(of(json!({"replicas": 4})), "waiting: 1 old pods have to go");
    assert_eq!(of(json!({"currentRevision": "r1"})), "waiting: the rollout is not complete");
    let slow = set(&rolling, &json!({"availableReplicas": 2}));
    assert_eq!(slow.says(), "ready");
    let slow = slow.with(|scene| scene.live["spec"]["minReadySeconds"] = json!(5));
    assert_eq!(slow.says(), "waiting: 2 of 3 pods are available");
    let partition = |updated: i64| {
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
        set(&strategy, &json!({"updatedReplicas": updated, "currentRevision": "r1"})).says()
    };
    assert_eq!(partition(0), "waiting: 0 of 1 pods are of this revision");
    assert_eq!(partition(1), "ready: 2 of 3 pods keep the revision before by its partition");
}

#[test]
fn an_on_delete_set_is_done_and_said_to_be_stale() {
    let on_delete = || json!({"type": "OnDelete"});
    let of = |status: Value| set(&on_delete(), &status).says();
    assert_eq!(of(json!({})), "ready");
    let stale =
        |n: i64| format!("ready: {n} of 3 pods keep the revision before until they are deleted (OnDelete)");
    assert_eq!(of(json!({"updatedReplicas": 0, "readyReplicas": 1})), stale(3));
    assert_eq!(of(json!({"updatedReplicas": 1})), stale(2));
    assert_eq!(of(json!({"updatedReplicas": 1, "readyReplicas": 2})), "waiting: 2 of 3 pods are ready");
    assert_eq!(
        of(json!({"replicas": 0, "updatedReplicas": 0, "readyReplicas": 0})),
        "waiting: 0 of 3 pods are there"
    );
}

#[test]
fn a_daemon_set_runs_on_every_node_that_wants_it() {
    let of = |strategy: &str, status: Value| {
        let mut all = json!({
            "observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2,
            "updatedNumberScheduled": 2, "numberAvailable": 2, "numberReady": 2,
        });
        for (name, value) in status.as_object().unwrap() {
            all[name] = value.clone();
        }
        says("apps/v1", "DaemonSet", json!({"updateStrategy": {"type": strategy}}), all)
    };
    assert_eq!(of("RollingUpdate", json!({})), "ready");
    assert_eq!(of("RollingUpdate", json!({"currentNumberScheduled": 1})), "waiting: 1 of 2 pods are there");
    assert_eq!(
        of("RollingUpdate", json!({"updatedNumberScheduled": 1})),
        "waiting: 1 of 2 pods are of this revision"
    );
    assert_eq!(of("RollingUpdate", json!({"numberAvailable": 1})), "waiting: 1 of 2 pods are available");
    assert_eq!(of("RollingUpdate", json!({"numberReady": 0})), "waiting: 0 of 2 pods are ready");
    let uncounted = json!({"desiredNumberScheduled": null});
    assert_eq!(of("RollingUpdate", uncounted), "waiting: its controller has not counted its nodes yet");
    let nowhere =
        json!({"desiredNumberScheduled": 0, "currentNumberScheduled": 0, "updatedNumberScheduled": 0});
    assert_eq!(of("RollingUpdate", nowhere), "ready: no node wants it");
    let stale = "ready: 2 of 2 pods keep the revision before until they are deleted (OnDelete)";
    assert_eq!(of("OnDelete", json!({"updatedNumberScheduled": 0, "numberReady": 0})), stale);
}

#[test]
fn a_replica_set_has_its_pods() {
    let of = |status: Value| says("apps/v1", "ReplicaSet", json!({"replicas": 2}), status);
    let full = json!({"observedGeneration": 1, "replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2});
    assert_eq!(of(full.clone()), "ready");
    for (name, words) in [
        ("fullyLabeledReplicas", "waiting: 1 of 2 pods are there"),
        ("availableReplicas", "waiting: 1 of 2 pods are available"),
        ("readyReplicas", "waiting: 1 of 2 pods are ready"),
    ] {
        let mut less = full.clone();
        less[name] = json!(1);
        assert_eq!(of(less), words);
    }
}

fn job(conditions: &Value) -> Scene {
    let status = json!({"startTime": WRITTEN_TEXT, "active": 1, "failed": 2, "conditions": conditions});
    Scene::new("batch/v1", "Job", json!({"completions": 3}), status)
}

#[test]
fn a_job_must_complete() {
    let is = |kind: &str| job(&json!([{"type": kind, "status": "True", "reason": "R"}])).says();
    assert_eq!(job(&json!([])).says(), "waiting: 0 of 3 runs have succeeded, 1 run, 2 failed");
    assert_eq!(is("Complete"), "ready");
    assert_eq!(is("Failed"), "failed: Failed is True: R");
    assert_eq!(is("FailureTarget"), "failed: FailureTarget is True: R");
    assert!(is("SuccessCriteriaMet").starts_with("waiting"));
    assert_eq!(says("batch/v1", "Job", json!({}), json!({})), "waiting: the Job has not begun");
    let suspended = job(&json!([])).with(|scene| {
        scene.live["spec"]["suspend"] = json!(true);
        scene.desired.json["spec"]["suspend"] = json!(true);
    });
    assert_eq!(suspended.says(), "suspended as asked: the Job is suspended");
}

#[test]
fn a_job_gone_by_its_time_to_live_is_judged_by_what_was_seen() {
    let gone = |ttl: Value, last: Option<&str>| {
        let scene = job(&json!([])).with(|s| s.desired.json["spec"]["ttlSecondsAfterFinished"] = ttl);
        let last = last.map(|kind| job(&json!([{"type": kind, "status": "True"}])).live);
        settle(&scene.case(Live::Gone(last.as_ref()))).to_string()
    };
    assert_eq!(gone(json!(0), Some("Complete")), "ready");
    assert_eq!(gone(json!(0), Some("Failed")), "failed: Failed is True");
    let unseen = "ready: the Job is gone by its time to live; how it ended was not seen";
    assert_eq!(gone(json!(60), Some("Other")), unseen);
    assert_eq!(gone(json!(60), None), unseen);
    assert_eq!(
        gone(Value::Null, Some("Complete")),
        "failed: it was there and is gone: somebody has deleted it"
    );
}

#[test]
fn a_pod_is_ready_or_has_ended_well() {
    let pod = |purpose: Purpose, phase: &str, ready: &str| {
        let status = json!({"phase": phase, "conditions": [{"type": "Ready", "status": ready}]});
        Scene::new("v1", "Pod", json!({}), status).with(|scene| scene.purpose = purpose).says()
    };
    assert_eq!(pod(Purpose::Part, "Running", "True"), "ready");
    assert_eq!(pod(Purpose::Part, "Running", "False"), "waiting: the Pod runs and is not ready");
    assert_eq!(pod(Purpose::Hook, "Running", "True"), "waiting: the Pod runs and has not ended");
    assert_eq!(pod(Purpose::Hook, "Succeeded", "False"), "ready");
    assert_eq!(pod(Purpose::Part, "Pending", "False"), "waiting: the Pod is Pending");
    assert_eq!(pod(Purpose::Part, "", "False"), "waiting: the Pod has not been seen by a scheduler");
    assert_eq!(pod(Purpose::Part, "Failed", "False"), "failed: the Pod has failed");
    let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."});
    assert_eq!(says("v1", "Pod", json!({}), evicted), "failed: Evicted: The node was low on memory.");
}

#[test]
fn a_claim_is_bound_or_waits_for_its_consumer() {
    let claim = |phase: &str| Scene::new("v1", "PersistentVolumeClaim", json!({}), json!({"phase": phase}));
    assert_eq!(claim("Bound").says(), "ready");
    assert_eq!(claim("Lost").says(), "failed: its volume is lost");
    assert_eq!(claim("Pending").says(), "waiting: it is not bound to a volume yet");
    let consumer = "ready: it will be bound with its first consumer, and is judged with that";
    let bound = |binding: Binding| claim("Pending").with(|scene| scene.around.binding = binding).says();
    assert_eq!(bound(Binding::FirstConsumer), consumer);
    assert_eq!(bound(Binding::Immediate), "waiting: it is not bound to a volume yet");
    let event = |about: &str, reason: &str, warning: bool| {
        let event =
            Event { about: about.into(), reason: reason.into(), message: "m".into(), warning, last: None };
        claim("Pending").with(|scene| scene.around.events = vec![event]).says()
    };
    assert_eq!(event("u", "WaitForFirstConsumer", false), consumer);
    assert_eq!(event("other", "WaitForFirstConsumer", false), "waiting: it is not bound to a volume yet");
    assert_eq!(event("u", "ProvisioningFailed", true), "waiting: it is not bound: ProvisioningFailed: m");
    let resizing = claim("Bound").with(|scene| {
        scene.live["status"]["conditions"] = json!([{"type": "FileSystemResizePending", "status": "True"}]);
    });
    assert_eq!(resizing.says(), "ready: its size is being changed: FileSystemResizePending is True");
    assert_eq!(Binding::read(&json!({"volumeBindingMode": "WaitForFirstConsumer"})), Binding::FirstConsumer);
    assert_eq!(Binding::read(&json!({})), Binding::Immediate);
}

#[test]
fn what_is_reached_from_outside_has_an_address() {
    let service = |kind: &str, status: Value| says("v1", "Service", json!({"type": kind}), status);
    let address = || json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}});
    assert_eq!(service("ClusterIP", json!({"loadBalancer": {}})), "ready");
    assert_eq!(
        service("LoadBalancer", json!({"loadBalancer": {}})),
        "waiting: its load balancer has no address yet"
    );
    assert_eq!(service("LoadBalancer", address()), "ready");
    let ingress = |status: Value| Scene::new("networking.k8s.io/v1", "Ingress", json!({}), status);
    assert!(
        ingress(json!({"loadBalancer": {}})).says().starts_with("waiting: it has no address yet; if its")
    );
    assert_eq!(ingress(address()).says(), "ready");
    assert!(ingress(json!({})).annotate("luigi.dev/wait", "disabled").settle().is_done());
}

#[test]
fn definitions_are_established_and_their_names_accepted() {
    let of = |conditions: &[(&str, &str, &str)]| {
        let list = conditions.iter().map(|(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason, "lastTransitionTime": WRITTEN_TEXT}));
        let status = json!({"conditions": list.collect::<Vec<_>>()});
        says("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}), status)
    };
    assert_eq!(of(&[("Established", "True", ""), ("NamesAccepted", "True", "")]), "ready");
    assert_eq!(of(&[("Established", "True", "")]), "waiting: its status does not say that it is ready");
    assert!(
        of(&[("Established", "False", "Installing"), ("NamesAccepted", "True", "")]).starts_with("waiting")
    );
    assert!(of(&[("Established", "False", "NotAccepted")]).starts_with("failed"));
    assert!(of(&[("NamesAccepted", "False", "Conflict"), ("Established", "True", "")]).starts_with("failed"));
    assert!(of(&[("NonStructuralSchema", "True", ""), ("Established", "True", "")]).starts_with("failed"));
    assert!(
        of(&[("Terminating", "True", ""), ("Established", "True", ""), ("NamesAccepted", "True", "")])
            .starts_with("waiting")
    );
}

#[test]
fn other_built_in_kinds_are_judged_by_their_conditions() {
    let api = |status: &str| condition("apiregistration.k8s.io/v1", "APIService", "Available", status, "R");
    assert_eq!((api("True").as_str(), api("False").as_str()), ("ready", "waiting: Available is False: R"));
    let phase = |kind: &str, phase: &str| says("v1", kind, Value::Null, json!({"phase": phase}));
    assert_eq!(phase("Namespace", "Active"), "ready");
    assert_eq!(phase("Namespace", "Terminating"), "waiting: its phase is Terminating");
    assert_eq!(phase("PersistentVolume", "Bound"), "ready");
    assert_eq!(phase("PersistentVolume", "Failed"), "failed: its phase is Failed");
    assert_eq!(phase("PersistentVolume", "Pending"), "waiting: its status does not say that it is ready");
    let budget = |status: &str, reason: &str| {
        condition("policy/v1", "PodDisruptionBudget", "DisruptionAllowed", status, reason)
    };
    assert_eq!(budget("True", "SufficientPods"), "ready");
    assert_eq!(budget("False", "InsufficientPods"), "ready");
    assert!(budget("False", "SyncFailed").starts_with("waiting"));
    for (api, kind) in [("v1", "Secret"), ("rbac.authorization.k8s.io/v1", "Role"), ("batch/v1", "CronJob")] {
        assert_eq!(says(api, kind, Value::Null, Value::Null), "ready", "{kind}");
    }
}

#[test]
fn an_autoscaler_that_can_scale_is_ready() {
    let of = |conditions: &[(&str, &str, &str)]| {
        let list = conditions.iter().map(|(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason, "lastTransitionTime": WRITTEN_TEXT}));
        let list = Value::Array(list.collect());
        let v2 = says("autoscaling/v2", "HorizontalPodAutoscaler", json!({}), json!({"conditions": list}));
        // Version 1 has the same in an annotation.
        let v1 =
            Scene::new("autoscaling/v1", "HorizontalPodAutoscaler", json!({}), json!({"currentReplicas": 1}));
        let v1 = v1.annotate("autoscaling.alpha.kubernetes.io/conditions", &list.to_string()).says();
        assert_eq!(v1, v2);
        v2
    };
    assert_eq!(of(&[("AbleToScale", "True", "R"), ("ScalingActive", "True", "V")]), "ready");
    assert!(of(&[("AbleToScale", "False", "FailedGetScale")]).starts_with("waiting"));
    let no_metric = [("AbleToScale", "True", "R"), ("ScalingActive", "False", "FailedGetResourceMetric")];
    assert_eq!(of(&no_metric), "ready: ScalingActive is False: FailedGetResourceMetric");
    assert!(
        of(&[("AbleToScale", "True", "R"), ("ScalingActive", "False", "InvalidSelector")])
            .starts_with("failed")
    );
}
