//! Objects come to life: controllers, scheduler, kwok's nodes, and the audit log
//! over all of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::{self, Beside, Cluster, Options, Pace};
use crate::support::wait::{so, until};

/// How long things may take on a machine that has other work.
const SOON: Duration = Duration::from_mins(1);

/// A Deployment of two pods.
fn deployment(name: &str, image: &str, annotations: &Value) -> String {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": annotations},
                "spec": {"containers": [{"name": "main", "image": image}, {"name": "beside", "image": "beside:1"}]},
            },
        },
    })
    .to_string()
}

/// The first container's state in each pod of an app.
fn states(cluster: &Cluster, namespace: &str, app: &str) -> Vec<Value> {
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{app}");
    let (_, pods) = cluster.admin("GET", &path, None);
    let pods = pods["items"].as_array().into_iter().flatten();
    pods.map(|pod| pod["status"]["containerStatuses"][0].clone()).collect()
}

/// Waits until both pods wait for this reason.
fn wait_for_reason(cluster: &Cluster, namespace: &str, app: &str, reason: &str) -> Vec<Value> {
    until(SOON, reason, || {
        let states = states(cluster, namespace, app);
        let all = states.len() == 2 && states.iter().all(|s| s["state"]["waiting"]["reason"] == reason);
        so(all, format!("{states:?}")).map(|()| states)
    })
}

#[test]
fn a_deployment_becomes_ready_and_its_replacement_too() {
    let cluster = cluster::shared();
    let namespace = cluster.namespace("life");
    for image in ["web:1", "web:2"] {
        let text = deployment("web", image, &json!({}));
        cluster.kubectl_with(&text, &["-n", &namespace, "apply", "-f", "-"]);
        cluster.kubectl(&["-n", &namespace, "rollout", "status", "deployment/web", "--timeout=60s"]);
    }
    until(SOON, "only new pods", || {
        let images: Vec<Value> =
            states(cluster, &namespace, "web").iter().map(|s| s["image"].clone()).collect();
        so(images == ["web:2", "web:2"], format!("{images:?}"))
    });
}

#[test]
fn a_late_pod_is_ready_after_its_time() {
    let cluster = cluster::shared();
    let namespace = cluster.namespace("late");
    let late = json!({"bench.luigi.dev/ready-after": "1500ms"});
    cluster.kubectl_with(&deployment("late", "late:1", &late), &["-n", &namespace, "apply", "-f", "-"]);
    cluster.kubectl(&["-n", &namespace, "rollout", "status", "deployment/late", "--timeout=60s"]);
    let (_, pods) = cluster.admin("GET", &format!("/api/v1/namespaces/{namespace}/pods"), None);
    for pod in pods["items"].as_array().unwrap() {
        let conditions = pod["status"]["conditions"].as_array().unwrap();
        let ready = conditions.iter().find(|c| c["type"] == "Ready").unwrap();
        // Whole seconds, so that 1.5 s are one or two of them.
        assert_ne!(ready["lastTransitionTime"], pod["status"]["startTime"], "{pod}");
    }
}

#[test]
fn a_broken_image_crash_loops_and_its_last_words_can_be_read() {
    let cluster = cluster::shared();
    let namespace = cluster.namespace("broken");
    cluster.say(&namespace, &["starting", "cannot reach the database"]);
    cluster
        .kubectl_with(&deployment("web", "web:broken", &json!({})), &["-n", &namespace, "apply", "-f", "-"]);
    for state in wait_for_reason(cluster, &namespace, "web", "CrashLoopBackOff") {
        assert_eq!(state["lastState"]["terminated"]["exitCode"], 3);
        assert_eq!(state["ready"], false);
    }
    let (_, deployment) =
        cluster.admin("GET", &format!("/apis/apps/v1/namespaces/{namespace}/deployments/web"), None);
    assert_eq!(deployment["status"]["readyReplicas"], Value::Null);
    for also in ["--previous", "--timestamps=false"] {
        let logs =
            cluster.kubectl(&["-n", &namespace, "logs", "deployment/web", "-c", "main", "--tail=1", also]);
        assert_eq!(logs, "cannot reach the database\n");
    }
}

#[test]
fn a_missing_image_is_waited_for() {
    let cluster = cluster::shared();
    let namespace = cluster.namespace("missing");
    cluster
        .kubectl_with(&deployment("web", "web:missing", &json!({})), &["-n", &namespace, "apply", "-f", "-"]);
    wait_for_reason(cluster, &namespace, "web", "ImagePullBackOff");
    let other = json!({"bench.luigi.dev/waiting": "CreateContainerConfigError"});
    cluster.kubectl_with(&deployment("other", "web:1", &other), &["-n", &namespace, "apply", "-f", "-"]);
    wait_for_reason(cluster, &namespace, "other", "CreateContainerConfigError");
    // Both stay so.
    wait_for_reason(cluster, &namespace, "web", "ImagePullBackOff");
}

#[test]
fn a_broken_init_container_keeps_its_pod_from_starting() {
    let cluster = cluster::shared();
    let namespace = cluster.namespace("init");
    let containers = |name: &str, image: &str| json!([{"name": name, "image": image}]);
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"initContainers": containers("setup", "setup:broken"), "containers": containers("main", "web:1")},
    });
    cluster.kubectl_with(&pod.to_string(), &["-n", &namespace, "apply", "-f", "-"]);
    let reason = "{.status.initContainerStatuses[0].state.waiting.reason}";
    let wait = format!("--for=jsonpath={reason}=CrashLoopBackOff");
    cluster.kubectl(&["-n", &namespace, "wait", "pod/web", &wait, "--timeout=60s"]);
    let main = "jsonpath={.status.containerStatuses[0].state.waiting.reason}";
    assert_eq!(cluster.kubectl(&["-n", &namespace, "get", "pod", "web", "-o", main]), "PodInitializing");
}

#[test]
fn all_kinds_with_controllers_settle() {
    let cluster = cluster::shared();
    let namespace = cluster.namespace("kinds");
    let template = |name: &str, restart: &str| {
        json!({
            "metadata": {"labels": {"app": name}},
            "spec": {"restartPolicy": restart, "containers": [{"name": "main", "image": "main:1"}]},
        })
    };
    let selector = |name: &str| json!({"matchLabels": {"app": name}});
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let objects = [
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"},
            "spec": {"template": template("job", "Never")}}),
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "daemon"},
            "spec": {"selector": selector("daemon"), "template": template("daemon", "Always")}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "state"}, "spec": {
            "replicas": 2, "serviceName": "state", "selector": selector("state"),
            "template": template("state", "Always"),
            "volumeClaimTemplates": [{"metadata": {"name": "disk"}, "spec": claim}],
        }}),
    ];
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    cluster.kubectl_with(&text.join("\n---\n"), &["-n", &namespace, "apply", "-f", "-"]);
    for (name, condition) in [
        ("pvc/data", "--for=jsonpath={.status.phase}=Bound"),
        ("job/job", "--for=condition=Complete"),
        ("daemonset/daemon", "--for=jsonpath={.status.numberReady}=2"),
        ("statefulset/state", "--for=jsonpath={.status.readyReplicas}=2"),
        ("pvc/disk-state-1", "--for=jsonpath={.status.phase}=Bound"),
    ] {
        cluster.kubectl(&["-n", &namespace, "wait", name, condition, "--timeout=60s"]);
    }
    // And go: finalizers, garbage collection, the namespace's own controller.
    cluster.kubectl(&["delete", "namespace", &namespace, "--timeout=60s"]);
}

#[test]
fn the_audit_log_tells_who_did_what() {
    let cluster = cluster::shared();
    let namespace = cluster.namespace("audit");
    cluster.kubectl_with(&deployment("web", "web:1", &json!({})), &["-n", &namespace, "apply", "-f", "-"]);
    cluster.kubectl(&["-n", &namespace, "rollout", "status", "deployment/web", "--timeout=60s"]);
    let apply = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}});
    let path = format!("/api/v1/namespaces/{namespace}/configmaps/seen?fieldManager=bench");
    assert_eq!(cluster.admin("PATCH", &path, Some(&apply)).0, 201);
    assert_eq!(cluster.admin("PATCH", &format!("{path}&dryRun=All"), Some(&apply)).0, 200);
    assert_eq!(
        cluster.admin("GET", &format!("/api/v1/namespaces/{namespace}/configmaps/unseen"), None).0,
        404
    );
    // A line is written when the answer is out, so it may come after it.
    let log = until(SOON, "the last request's line", || {
        let log: Vec<_> = cluster.audit().0.into_iter().filter(|e| e.namespace == namespace).collect();
        let last = log.iter().any(|e| e.name == "unseen");
        so(last, format!("{log:?}")).map(|()| cluster::audit::Log(log))
    });
    let writes = log.writes();
    let lines: Vec<String> = writes
        .0
        .iter()
        .map(|e| format!("{} {} {} {} {}", e.user, e.verb, e.resource, e.name, e.code))
        .collect();
    let lines = lines.join("\n");
    let found = |user: &str, verb: &str, resource: &str, name: &str, code: u16| {
        let of = writes.of(user).0;
        let found = of.iter().filter(|e| e.verb == verb && e.resource == resource && e.code == code);
        found.filter(|e| e.name.starts_with(name)).count()
    };
    assert_eq!(found("admin", "create", "apps/deployments", "web", 201), 1, "{lines}");
    assert_eq!(found("admin", "patch", "configmaps", "seen", 201), 1, "{lines}");
    assert_eq!(found("kube-controller-manager", "create", "apps/replicasets", "web-", 201), 1, "{lines}");
    // The server gives these their names, and the log has what was asked for.
    assert_eq!(found("kube-controller-manager", "create", "pods", "", 201), 2, "{lines}");
    assert_eq!(found("kube-scheduler", "create", "pods/binding", "web-", 201), 2, "{lines}");
    assert!(found("kwok", "patch", "pods/status", "web-", 200) >= 2, "{lines}");
    assert!(writes.0.iter().all(|e| e.received <= e.time && e.stage == "ResponseComplete"), "{lines}");
}

/// Pods with an image that ends in `:odd` wait for a reason of the test.
const ODD: &str = r#"
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: odd}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
      - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
      - {key: .status.phase, operator: In, values: [Pending]}
      - {key: '.spec.containers.[] | select(.image | test(":odd$"))', operator: Exists}
  weight: 10000
  next:
    statusTemplate: |
      phase: Running
      containerStatuses:
      - {name: main, image: "web:odd", ready: false, restartCount: 0, state: {waiting: {reason: Odd}}}
"#;

#[test]
fn a_second_cluster_runs_beside_the_first_with_stages_of_its_own() {
    let first = cluster::shared();
    let second =
        Cluster::start(&Options { pace: Pace::Default, stages: vec![ODD.to_owned()], ..Options::default() });
    let namespaces = [first, &second].map(|cluster| {
        let namespace = cluster.namespace("odd");
        let text = deployment("web", "web:odd", &json!({}));
        cluster.kubectl_with(&text, &["-n", &namespace, "apply", "-f", "-"]);
        namespace
    });
    wait_for_reason(&second, &namespaces[1], "web", "Odd");
    first.kubectl(&["-n", &namespaces[0], "rollout", "status", "deployment/web", "--timeout=60s"]);
}

#[test]
fn a_server_alone_leaves_objects_as_they_are_written() {
    let cluster = Cluster::start(&Options { beside: Beside::Nothing, ..Options::default() });
    let text = deployment("web", "web:1", &json!({}));
    cluster.kubectl_with(&text, &["apply", "--server-side", "-f", "-"]);
    let deployment = cluster.kubectl(&["get", "deployment", "web", "-o", "json"]);
    let deployment: Value = serde_json::from_str(&deployment).unwrap();
    assert_eq!(deployment["status"], json!({}));
    // It is another cluster: the shared one knows nothing of it.
    let other = cluster::shared();
    assert_ne!(other.url(), cluster.url());
    assert_eq!(other.admin("GET", "/apis/apps/v1/namespaces/default/deployments/web", None).0, 404);
    assert_eq!(other.call(cluster.admin_token(), "GET", "/api", None).0, 401);
}
