//! Custom kinds, by table and by rule.

use super::*;

#[test]
fn tables_say_what_conditions_mean() {
    let certs = "cert-manager.io/v1";
    for (api, kind, kind_of, status, reason, words) in [
        (certs, "Certificate", "Ready", "True", "", "ready"),
        (certs, "Certificate", "Ready", "False", "", "waiting"),
        (certs, "Certificate", "Issuing", "True", "", "waiting"),
        (certs, "Certificate", "Issuing", "False", "Failed", "failed"),
        (certs, "ClusterIssuer", "Ready", "True", "", "ready"),
        ("external-secrets.io/v1", "ExternalSecret", "Ready", "False", "SecretSyncedError", "waiting"),
        ("bitnami.com/v1alpha1", "SealedSecret", "Synced", "True", "", "ready"),
        ("bitnami.com/v1alpha1", "SealedSecret", "Synced", "False", "", "failed"),
        ("keda.sh/v1alpha1", "ScaledObject", "Ready", "True", "", "ready"),
        ("serving.knative.dev/v1", "Service", "Ready", "Unknown", "", "waiting"),
        ("serving.knative.dev/v1", "Service", "Ready", "False", "RevisionFailed", "failed"),
        ("gateway.networking.k8s.io/v1", "Gateway", "Programmed", "True", "", "ready"),
        ("s3.aws.crossplane.io/v1", "Bucket", "Ready", "True", "", "ready"),
        ("s3.aws.crossplane.io/v1", "Bucket", "Synced", "False", "", "waiting"),
        ("pkg.crossplane.io/v1", "Provider", "Healthy", "True", "", "ready"),
        ("kafka.strimzi.io/v1", "Kafka", "NotReady", "True", "Creating", "waiting"),
        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "Ready", "False", "Failed", "waiting"),
        ("source.toolkit.fluxcd.io/v1", "GitRepository", "Ready", "True", "", "ready"),
        ("argoproj.io/v1alpha1", "ApplicationSet", "ErrorOccurred", "True", "", "failed"),
        ("acme.example/v1", "Thing", "Ready", "False", "", "waiting"),
        ("acme.example/v1", "Thing", "Ready", "True", "", "ready"),
    ] {
        let found = Scene::new(
            api,
            kind,
            Value::Null,
            json!({"observedGeneration": 1,
            "conditions": [{"type": kind_of, "status": status, "reason": reason}]}),
        );
        let found = found.says();
        assert!(found.starts_with(words), "{kind} {kind_of}={status}: {found}");
    }
    // Of a suffix: whole parts of the group only.
    assert_eq!(condition("notcrossplane.io/v1", "Bucket", "Synced", "False", ""), "ready");
}

#[test]
fn tables_say_what_phases_mean() {
    for (api, kind, path, value, words) in [
        ("argoproj.io/v1alpha1", "Rollout", "phase", "Healthy", "ready"),
        ("argoproj.io/v1alpha1", "Rollout", "phase", "Degraded", "failed"),
        ("argoproj.io/v1alpha1", "Rollout", "phase", "Progressing", "waiting"),
        ("argoproj.io/v1alpha1", "Rollout", "phase", "Paused", "suspended by somebody else"),
        ("argoproj.io/v1alpha1", "Workflow", "phase", "Succeeded", "ready"),
        ("argoproj.io/v1alpha1", "Workflow", "phase", "Error", "failed"),
        ("flagger.app/v1beta1", "Canary", "phase", "Promoting", "waiting"),
        ("acid.zalan.do/v1", "postgresql", "PostgresClusterStatus", "Running", "ready"),
        ("cluster.x-k8s.io/v1beta1", "Machine", "phase", "Failed", "failed"),
    ] {
        let found = says(api, kind, json!({}), json!({path: value}));
        assert!(found.starts_with(words), "{kind} {value}: {found}");
    }
    let healthy = json!({"phase": "Cluster in healthy state"});
    assert!(says("postgresql.cnpg.io/v1", "Cluster", json!({}), healthy).starts_with("waiting"));
}

#[test]
fn a_switch_in_the_manifest_suspends() {
    let scene = Scene::new("helm.toolkit.fluxcd.io/v2", "HelmRelease", json!({"suspend": true}), Value::Null);
    assert_eq!(scene.says(), "suspended as asked: its suspend is true");
    let by_others = scene.with(|scene| scene.desired.json["spec"]["suspend"] = json!(false));
    assert_eq!(by_others.says(), "suspended by somebody else: its suspend is true");
}

#[test]
fn a_failure_from_before_the_write_is_not_this_revisions() {
    let at = |time: &str, dated: Value| {
        let condition = json!({"type": "Synced", "status": "False", "lastTransitionTime": time, "observedGeneration": dated});
        let scene = Scene::new(
            "bitnami.com/v1alpha1",
            "SealedSecret",
            Value::Null,
            json!({"conditions": [condition]}),
        );
        scene.says()
    };
    let before = "2026-01-02T03:04:00Z";
    assert_eq!(at(before, Value::Null), "waiting: Synced is False, as it was before this revision");
    assert_eq!(at("2026-01-02T03:04:05Z", Value::Null), "failed: Synced is False");
    assert_eq!(at(before, json!(1)), "failed: Synced is False");
}

#[test]
fn an_application_is_compared_with_its_own_source() {
    let source = |revision: &str| json!({"repoURL": "r", "targetRevision": revision});
    let application = |compared: &str, sync: &str, health: &str, phase: &str, reconciled: &str| {
        let status = json!({
            "sync": {"status": sync, "comparedTo": {"source": source(compared)}},
            "health": {"status": health}, "operationState": {"phase": phase, "finishedAt": reconciled},
            "reconciledAt": reconciled,
        });
        says("argoproj.io/v1alpha1", "Application", json!({"source": source("v2")}), status)
    };
    let (before, after) = ("2026-01-02T03:00:00Z", "2026-01-02T03:05:00Z");
    assert_eq!(application("v2", "Synced", "Healthy", "Succeeded", after), "ready");
    let old = "waiting: Argo CD has not compared it with this source yet";
    assert_eq!(application("v1", "Synced", "Healthy", "Succeeded", after), old);
    assert!(
        application("v2", "OutOfSync", "Healthy", "Succeeded", after)
            .starts_with("waiting: its sync is OutOfSync")
    );
    assert_eq!(application("v2", "Synced", "Healthy", "Running", after), "waiting: Argo CD is syncing it");
    assert!(
        application("v2", "OutOfSync", "Missing", "Failed", after).starts_with("failed: its sync has failed")
    );
    assert!(application("v2", "OutOfSync", "Missing", "Failed", before).starts_with("waiting"));
    assert!(application("v2", "Synced", "Degraded", "Succeeded", after).starts_with("failed: its health is"));
    assert!(application("v2", "Synced", "Degraded", "Succeeded", before).starts_with("waiting"));
}

#[test]
fn a_route_is_accepted_by_each_of_its_parents() {
    let parent = |name: &str, accepted: &str, observed: i64| {
        json!({"parentRef": {"name": name}, "conditions": [
            {"type": "Accepted", "status": accepted, "observedGeneration": observed},
            {"type": "ResolvedRefs", "status": "True", "observedGeneration": observed},
        ]})
    };
    let route = |parents: Value| {
        let spec = json!({"parentRefs": [{"name": "a"}, {"name": "b"}]});
        says("gateway.networking.k8s.io/v1", "HTTPRoute", spec, json!({"parents": parents}))
    };
    assert_eq!(route(json!([parent("a", "True", 1), parent("b", "True", 1)])), "ready");
    assert_eq!(route(json!([parent("a", "True", 1)])), "waiting: 1 of 2 parents have seen it");
    assert_eq!(
        route(json!([parent("a", "True", 1), parent("b", "True", 0)])),
        "waiting: b has not accepted it yet"
    );
    assert_eq!(
        route(json!([parent("a", "True", 1), parent("b", "False", 1)])),
        "waiting: b: Accepted is False"
    );
}
