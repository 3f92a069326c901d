//! What holds for every kind and every status.

use proptest::prelude::*;

use super::*;

const KINDS: [(&str, &str); 18] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
    ("v1", "Namespace"),
    ("networking.k8s.io/v1", "Ingress"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("argoproj.io/v1alpha1", "Application"),
    ("argoproj.io/v1alpha1", "Rollout"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("acme.example/v1", "Thing"),
];

/// Any JSON, with the names that rules look for.
fn json_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("True"),
        Just("False"),
        Just("Unknown"),
        Just("Ready"),
        Just("Available"),
        Just("Progressing"),
        Just("Complete"),
        Just("Failed"),
        Just("Running"),
        Just("Bound"),
        Just("Healthy"),
        Just("Synced"),
        Just("NewReplicaSetAvailable"),
        Just("CrashLoopBackOff"),
        Just("OnDelete"),
        Just(""),
        Just(WRITTEN_TEXT),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1..4i64).prop_map(Value::from),
        text.prop_map(Value::from),
        (0.0..4.0f64).prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("conditions"),
        Just("type"),
        Just("status"),
        Just("reason"),
        Just("observedGeneration"),
        Just("replicas"),
        Just("updatedReplicas"),
        Just("readyReplicas"),
        Just("availableReplicas"),
        Just("phase"),
        Just("parents"),
        Just("containerStatuses"),
        Just("state"),
        Just("waiting"),
        Just("health"),
        Just("sync"),
        Just("loadBalancer"),
        Just("ingress"),
        Just("desiredNumberScheduled"),
        Just("updateStrategy"),
        Just("message"),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_server_sends_there_is_an_answer(kind in 0..KINDS.len(), spec in json_value(), status in json_value()) {
        let (api, kind) = KINDS[kind];
        let scene = Scene::new(api, kind, spec, status);
        prop_assert!(!scene.says().is_empty());
    }

    #[test]
    fn an_older_generation_or_state_is_never_done(kind in 0..KINDS.len(), spec in json_value(), status in json_value()) {
        let (api, kind) = KINDS[kind];
        let mut scene = Scene::new(api, kind, spec, status);
        let behind = scene.live["status"]["observedGeneration"].as_i64().is_some_and(|seen| seen != 1);
        prop_assert!(!behind || !scene.settle().is_done(), "{}", scene.says());
        scene.applied.resource_version = Some("101".to_owned());
        prop_assert!(!scene.settle().is_done(), "{}", scene.says());
    }

    #[test]
    fn what_is_being_deleted_is_never_ready(kind in 0..KINDS.len(), spec in json_value(), status in json_value()) {
        let (api, kind) = KINDS[kind];
        let mut scene = Scene::new(api, kind, spec, status);
        scene.live["metadata"]["deletionTimestamp"] = json!(WRITTEN_TEXT);
        prop_assert!(!scene.settle().is_done());
    }

    #[test]
    fn no_workload_is_ready_without_its_pods(kind in 0..4usize, ready in 0..5i64, want in 1..5i64) {
        let (api, kind) = KINDS[kind];
        let status = json!({
            "observedGeneration": 1, "replicas": ready, "readyReplicas": ready, "availableReplicas": ready,
            "updatedReplicas": ready, "fullyLabeledReplicas": ready, "desiredNumberScheduled": want,
            "currentNumberScheduled": ready, "updatedNumberScheduled": ready, "numberAvailable": ready, "numberReady": ready,
            "conditions": [{"type": "Available", "status": "True"}],
        });
        let scene = Scene::new(api, kind, json!({"replicas": want}), status);
        let enough = ready == want || (kind == "DaemonSet" && ready >= want);
        prop_assert_eq!(scene.settle().is_done(), enough, "{}", scene.says());
    }
}
