//! Failing fast, and not too fast.

use super::*;

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": image}]}})
}

/// A Deployment on its way to `image`, with a replica set for it and one for the old.
fn rollout(image: &str) -> Scene {
    let status = json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2});
    let spec = json!({"replicas": 2, "template": template(image), "progressDeadlineSeconds": 600});
    let set = |uid: &str, image: &str| {
        let mut template = template(image);
        template["metadata"]["labels"]["pod-template-hash"] = json!(uid);
        ReplicaSet { uid: uid.into(), name: uid.into(), owner: Some("u".into()), template, created: Some(1) }
    };
    Scene::new("apps/v1", "Deployment", spec, status)
        .with(|scene| scene.around.replica_sets = vec![set("old", "i:1"), set("new", "i:2")])
}

fn pod(owner: &str, list: &str, state: &Value, restarts: i64) -> Pod {
    let container = json!({"name": "c", "state": state, "restartCount": restarts,
        "lastState": if restarts > 0 { json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}) } else { json!({}) }});
    Pod::read(&json!({
        "metadata": {"name": format!("p-{owner}"), "namespace": "n", "uid": format!("p-{owner}"),
            "ownerReferences": [{"uid": owner, "controller": true}]},
        "status": {"phase": "Pending", "startTime": WRITTEN_TEXT, list: [container]},
    }))
}

fn waits(reason: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": "m"}})
}

fn with_pod(scene: Scene, pod: Pod) -> Scene {
    scene.with(|scene| scene.around.pods.push(pod))
}

#[test]
fn each_reason_fails_on_init_and_main_containers() {
    for reason in ["ImagePullBackOff", "CrashLoopBackOff", "InvalidImageName", "ErrImageNeverPull"] {
        for (list, kind) in [("initContainerStatuses", "init container"), ("containerStatuses", "container")]
        {
            let words = with_pod(rollout("i:2"), pod("new", list, &waits(reason), 0)).says();
            assert_eq!(words, format!("failed: {kind} c of pod p-new is in {reason}: m"));
        }
    }
    // Those that may heal by themselves get their time.
    for (reason, seconds) in
        [("ErrImagePull", 20), ("CreateContainerConfigError", 30), ("RunContainerError", 30)]
    {
        let at = |now: i64| {
            let scene = with_pod(rollout("i:2"), pod("new", "containerStatuses", &waits(reason), 0));
            scene.with(|scene| scene.now = WRITTEN + now).says()
        };
        assert_eq!(
            at(seconds - 1),
            format!("waiting: 1 of 2 pods are of this revision; container c of pod p-new is in {reason}")
        );
        assert!(at(seconds).starts_with("failed"), "{reason}");
    }
    let fine = with_pod(rollout("i:2"), pod("new", "containerStatuses", &waits("ContainerCreating"), 0));
    assert_eq!(fine.says(), "waiting: 1 of 2 pods are of this revision");
}

#[test]
fn a_crash_says_how_it_ended_and_where_the_log_is() {
    let scene = with_pod(rollout("i:2"), pod("new", "containerStatuses", &waits("CrashLoopBackOff"), 3));
    let Settle::Failed(failure) = scene.settle() else { panic!("{}", scene.says()) };
    assert_eq!(
        failure.reason,
        "container c of pod p-new is in CrashLoopBackOff after 3 restarts, exit code 137 (OOMKilled)"
    );
    let log =
        Log { namespace: "n".into(), pod: "p-new".into(), container: "c".into(), run: LogRun::Previous };
    assert_eq!(failure.faults[0].log, Some(log));
    let image = with_pod(rollout("i:2"), pod("new", "containerStatuses", &waits("ImagePullBackOff"), 0));
    let Settle::Failed(failure) = image.settle() else { panic!("{}", image.says()) };
    assert_eq!(failure.faults[0].log, None);
}

#[test]
fn only_pods_of_the_new_revision_are_blamed() {
    let bad = |owner: &str| pod(owner, "containerStatuses", &waits("CrashLoopBackOff"), 9);
    let waiting = "waiting: 1 of 2 pods are of this revision";
    assert_eq!(with_pod(rollout("i:2"), bad("old")).says(), waiting);
    // Putting the old back: now its pods count, and those of the new do not.
    assert_eq!(with_pod(rollout("i:1"), bad("new")).says(), waiting);
    assert!(with_pod(rollout("i:1"), bad("old")).says().starts_with("failed"));
    // Another Deployment's, or none known.
    assert_eq!(with_pod(rollout("i:2"), bad("other")).says(), waiting);
    assert_eq!(with_pod(rollout("i:3"), bad("new")).says(), waiting);
    let unlisted = with_pod(rollout("i:2"), bad("new")).with(|scene| scene.around.replica_sets.clear());
    assert_eq!(unlisted.says(), waiting);
    // A status of an earlier generation is not judged by pods at all.
    let unseen = with_pod(rollout("i:2"), bad("new"))
        .with(|scene| scene.live["status"]["observedGeneration"] = json!(0));
    assert!(unseen.says().starts_with("waiting"));
    // Nor is one that is being deleted.
    let mut deleting = bad("new");
    deleting.deleting = true;
    assert_eq!(with_pod(rollout("i:2"), deleting).says(), waiting);
}

#[test]
fn the_budget_forgives() {
    let crash = |restarts: i64| pod("new", "containerStatuses", &waits("CrashLoopBackOff"), restarts);
    let of = |budget: Budget, restarts: i64| {
        with_pod(rollout("i:2"), crash(restarts)).with(|scene| scene.budget = budget).says()
    };
    let restarts = Budget { restarts: 3, ..Budget::default() };
    assert!(of(restarts.clone(), 2).starts_with("waiting: 1 of 2 pods are of this revision; container c"));
    assert!(of(restarts, 3).starts_with("failed"));
    let pods = Budget { pods: 1, ..Budget::default() };
    assert!(of(pods.clone(), 9).starts_with("waiting"));
    let mut second = crash(9);
    second.name = "p-2".into();
    let two = with_pod(with_pod(rollout("i:2"), crash(9)), second).with(|scene| scene.budget = pods);
    assert!(two.says().ends_with("exit code 137 (OOMKilled), and so do 1 more pods"), "{}", two.says());
    let own = rollout("i:2").annotate("luigi.dev/restarts", "5").annotate("luigi.dev/failing-pods", "many");
    assert_eq!(Budget::default().of(&own.desired), Budget { restarts: 5, ..Budget::default() });
}

#[test]
fn sets_and_daemons_tell_their_revisions_by_hash() {
    let hashed = |hash: &str| {
        let mut pod = pod("u", "containerStatuses", &waits("CrashLoopBackOff"), 1);
        pod.labels.insert("controller-revision-hash".into(), hash.into());
        pod
    };
    let set = || {
        let status =
            json!({"observedGeneration": 1, "replicas": 1, "updateRevision": "r2", "currentRevision": "r1"});
        Scene::new("apps/v1", "StatefulSet", json!({"replicas": 1}), status)
    };
    assert!(with_pod(set(), hashed("r2")).says().starts_with("failed: container c of pod p-u"));
    let held = with_pod(set(), hashed("r1")).says();
    assert!(held.starts_with("waiting") && held.ends_with("holds the rollout up; delete that pod"), "{held}");
    let daemon = |hash: &str| {
        let status = json!({"observedGeneration": 1, "desiredNumberScheduled": 1});
        let revision =
            |number: i64, hash: &str| Revision { owner: Some("u".into()), number, hash: hash.into() };
        let scene = Scene::new("apps/v1", "DaemonSet", json!({}), status);
        with_pod(scene, hashed(hash))
            .with(|scene| scene.around.revisions = vec![revision(1, "r1"), revision(2, "r2")])
    };
    assert!(daemon("r2").says().starts_with("failed"));
    assert_eq!(daemon("r1").says(), "waiting: 0 of 1 pods are there");
    assert_eq!(
        daemon("r2").with(|scene| scene.around.revisions.clear()).says(),
        "waiting: 0 of 1 pods are there"
    );
}

#[test]
fn a_job_counts_its_crashes_itself_but_needs_its_image() {
    let job = |reason: &str| {
        let scene = Scene::new("batch/v1", "Job", json!({}), json!({"startTime": WRITTEN_TEXT, "active": 1}));
        with_pod(scene, pod("u", "containerStatuses", &waits(reason), 4)).says()
    };
    assert!(
        job("CrashLoopBackOff")
            .starts_with("waiting: 0 of 1 runs have succeeded, 1 run, 0 failed; container c")
    );
    assert!(job("ImagePullBackOff").starts_with("failed"));
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error", "finishedAt": WRITTEN_TEXT}});
    let failed =
        json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]});
    let scene =
        with_pod(Scene::new("batch/v1", "Job", json!({}), failed), pod("u", "containerStatuses", &ended, 0));
    let Settle::Failed(failure) = scene.settle() else { panic!("{}", scene.says()) };
    assert_eq!(failure.reason, "Failed is True: BackoffLimitExceeded");
    let fault = &failure.faults[0];
    assert_eq!(
        (fault.ended.as_ref().unwrap().exit_code, fault.log.as_ref().unwrap().run),
        (3, LogRun::Current)
    );
}

#[test]
fn a_pod_alone_fails_by_its_containers() {
    let status = |state: Value| json!({"phase": "Running", "startTime": WRITTEN_TEXT, "containerStatuses": [{"name": "c", "state": state, "restartCount": 1}]});
    assert!(
        says("v1", "Pod", json!({}), status(waits("CrashLoopBackOff")))
            .starts_with("failed: container c of pod a")
    );
    let mut ended = status(json!({"terminated": {"exitCode": 2, "reason": "Error"}}));
    ended["phase"] = json!("Failed");
    assert_eq!(
        says("v1", "Pod", json!({}), ended),
        "failed: container c of pod a is in Error after 1 restarts, exit code 2 (Error)"
    );
}

#[test]
fn an_unschedulable_pod_is_waited_for_with_its_reason() {
    let mut pending = pod("new", "containerStatuses", &json!({}), 0);
    pending.unschedulable = Some("0/3 nodes are available".into());
    let words =
        "waiting: 1 of 2 pods are of this revision; pod p-new cannot be scheduled: 0/3 nodes are available";
    assert_eq!(with_pod(rollout("i:2"), pending).says(), words);
}

#[test]
fn refusals_of_admission_fail_at_once_and_quotas_later() {
    let condition = |message: &str, seconds: i64| {
        let condition = json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message,
            "lastTransitionTime": WRITTEN_TEXT});
        rollout("i:2").with(|scene| {
            scene.live["status"]["conditions"] = json!([condition]);
            scene.now = WRITTEN + seconds;
        })
    };
    let denied = "admission webhook \"w\" denied the request: no";
    assert_eq!(condition(denied, 0).says(), format!("failed: no pod may be made: {denied}"));
    let security = "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"";
    assert!(condition(security, 0).says().starts_with("failed"));
    let quota = "pods \"a\" is forbidden: exceeded quota: q";
    assert!(condition(quota, 59).says().starts_with("waiting"));
    assert!(condition(quota, 60).says().starts_with("failed"));
    assert!(condition("the server is busy", 600).says().starts_with("waiting"));
}

#[test]
fn events_count_when_they_are_about_this_write() {
    let set = |about: &str, message: &str, last: i64| {
        let event = Event {
            about: about.into(),
            reason: "FailedCreate".into(),
            message: message.into(),
            warning: true,
            last: Some(WRITTEN + last),
        };
        let status = json!({"observedGeneration": 1, "replicas": 0});
        Scene::new("apps/v1", "StatefulSet", json!({"replicas": 1}), status).with(|scene| {
            scene.around.events = vec![event];
            scene.now = WRITTEN + 120;
        })
    };
    let denied = "admission webhook \"w\" denied the request: no";
    assert_eq!(set("u", denied, 1).says(), format!("failed: no pod may be made: {denied}"));
    assert!(set("other", denied, 1).says().starts_with("waiting"));
    assert!(set("u", denied, -1).says().starts_with("waiting"));
    // Early on a quota is forgiven; still exceeded a minute later it is not.
    assert!(set("u", "exceeded quota", 5).says().starts_with("waiting"));
    assert!(set("u", "exceeded quota", 65).says().starts_with("failed"));
    // Nothing was written by this run: old events are not its own.
    assert!(set("u", denied, 1).with(|scene| scene.applied.at = None).says().starts_with("waiting"));
}

#[test]
fn what_must_be_listed_is_said() {
    let key = |group: &str, kind: &str| crate::object::ObjectKey {
        group: group.into(),
        kind: kind.into(),
        namespace: "n".into(),
        name: "a".into(),
    };
    assert_eq!(needs(&key("apps", "Deployment")), [Need::Pods, Need::ReplicaSets, Need::Events]);
    assert_eq!(needs(&key("apps", "DaemonSet")), [Need::Pods, Need::Revisions, Need::Events]);
    assert_eq!(needs(&key("", "PersistentVolumeClaim")), [Need::Events, Need::StorageClass]);
    assert_eq!(needs(&key("", "ConfigMap")), []);
}

#[test]
fn what_is_around_is_read_from_the_servers_json() {
    let owner = json!([{"uid": "u", "controller": true}]);
    let set = ReplicaSet::read(
        &json!({"metadata": {"uid": "s", "name": "s", "ownerReferences": owner}, "spec": {"template": {"a": 1}}}),
    );
    assert_eq!((set.owner.as_deref(), set.template), (Some("u"), json!({"a": 1})));
    let revision = Revision::read(
        &json!({"metadata": {"labels": {"controller-revision-hash": "h"}, "ownerReferences": owner}, "revision": 7}),
    );
    assert_eq!((revision.number, revision.hash.as_str()), (7, "h"));
    let event = Event::read(
        &json!({"regarding": {"uid": "u"}, "reason": "R", "note": "m", "type": "Warning", "eventTime": "2026-01-02T03:04:05.123456Z"}),
    );
    assert_eq!(
        event,
        Event {
            about: "u".into(),
            reason: "R".into(),
            message: "m".into(),
            warning: true,
            last: Some(WRITTEN)
        }
    );
    let old = Event::read(
        &json!({"involvedObject": {"uid": "u"}, "message": "m", "lastTimestamp": WRITTEN_TEXT, "eventTime": null}),
    );
    assert_eq!((old.about.as_str(), old.last), ("u", Some(WRITTEN)));
}
