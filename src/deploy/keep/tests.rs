//! Annotations that keep, and changes that cannot be undone.

use serde_json::json;

use super::*;
use crate::problem::Place;

fn object(json: Value) -> Object {
    Object::from_json(&Place::file("a.yaml"), json).unwrap()
}

fn annotated(name: &str, value: &str) -> Object {
    object(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "annotations": {name: value}}}),
    )
}

fn rule(name: &str, value: &str, occasion: Occasion) -> Option<Rule> {
    keep(Some(&annotated(name, value)), None, occasion).map(|keep| keep.rule)
}

#[test]
fn each_word_keeps() {
    for word in WORDS {
        for occasion in [Occasion::Prune, Occasion::AppRemoved] {
            let expected = word.occasions.contains(&occasion).then_some(word.rule);
            assert_eq!(rule(word.annotation, word.value, occasion), expected, "{} {occasion:?}", word.value);
        }
        assert_eq!(rule(word.annotation, "other", Occasion::AppRemoved), None, "{}", word.annotation);
    }
}

#[test]
fn case_blanks_and_neighbours_do_not_count() {
    assert_eq!(rule("helm.sh/resource-policy", " Keep ", Occasion::Prune), Some(Rule::Keep));
    assert_eq!(rule(ARGO, "ServerSideApply=true, Prune=false", Occasion::Prune), Some(Rule::Keep));
    assert_eq!(rule(ARGO, "Prune=confirm,Prune=false", Occasion::Prune), Some(Rule::Keep));
    assert_eq!(rule(ARGO, "NoPrune=false", Occasion::Prune), None);
}

#[test]
fn what_the_cluster_says_is_enough() {
    let live = annotated("luigi.dev/prune", "disabled").json;
    let stored = annotated("a", "b");
    let found = keep(Some(&stored), Some(&live), Occasion::Prune).unwrap();
    assert_eq!(found.because, "luigi.dev/prune: disabled");
    assert_eq!(keep(Some(&stored), Some(&stored.json), Occasion::Prune), None);
    assert_eq!(keep(None, None, Occasion::Prune), None);
}

fn crd(versions: &[(&str, bool, bool)]) -> Object {
    let versions: Vec<Value> = versions
        .iter()
        .map(|(name, served, storage)| json!({"name": name, "served": served, "storage": storage}))
        .collect();
    object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b.c"},
        "spec": {"group": "b.c", "scope": "Namespaced", "names": {"kind": "A", "plural": "a"}, "versions": versions},
    }))
}

fn of(api: &str, kind: &str, rest: &Value) -> Object {
    let mut json = json!({"apiVersion": api, "kind": kind, "metadata": {"name": "a", "namespace": "n"}});
    for (name, value) in rest.as_object().unwrap() {
        json[name] = value.clone();
    }
    object(json)
}

fn whys(before: &[Object], after: &[Object]) -> Vec<Why> {
    irreversible(before, after, Occasion::Prune).into_iter().map(|found| found.why).collect()
}

#[test]
fn deletions_that_take_more_than_the_object_are_named() {
    let gone = |object: Object| whys(&[object], &[]);
    assert_eq!(gone(of("v1", "Namespace", &json!({}))), [Why::NamespaceDeleted]);
    assert_eq!(gone(crd(&[("v1", true, true)])), [Why::DefinitionDeleted]);
    assert_eq!(gone(of("v1", "PersistentVolumeClaim", &json!({}))), [Why::ClaimDeleted]);
    assert_eq!(gone(of("v1", "PersistentVolume", &json!({}))), [Why::VolumeDeleted]);
    let policy = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}});
    assert_eq!(gone(of("apps/v1", "StatefulSet", &policy)), [Why::ClaimsGoWithSet]);
    assert_eq!(gone(of("apps/v1", "StatefulSet", &json!({}))), []);
    assert_eq!(gone(of("v1", "ConfigMap", &json!({}))), []);
}

#[test]
fn what_is_kept_is_not_deleted() {
    let mut claim = of("v1", "PersistentVolumeClaim", &json!({}));
    claim.json["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    assert_eq!(whys(&[claim], &[]), []);
}

#[test]
fn versions_of_definitions_are_followed() {
    let both = crd(&[("v1", true, false), ("v2", true, true)]);
    assert_eq!(
        whys(std::slice::from_ref(&both), &[crd(&[("v2", true, true)])]),
        [Why::DefinitionVersionDropped]
    );
    let unserved = crd(&[("v1", false, false), ("v2", true, true)]);
    assert_eq!(whys(std::slice::from_ref(&both), &[unserved]), [Why::DefinitionVersionDropped]);
    let back = crd(&[("v1", true, true), ("v2", true, false)]);
    assert_eq!(whys(std::slice::from_ref(&both), &[back]), [Why::DefinitionStorageMoved]);
    assert_eq!(whys(&[crd(&[("v2", true, true)])], std::slice::from_ref(&both)), []);
    let mut cluster = both.clone();
    cluster.json["spec"]["scope"] = json!("Cluster");
    assert_eq!(whys(&[both], &[cluster]), [Why::ImmutableField]);
}

#[test]
fn each_immutable_field_is_found_and_defaults_are_no_change() {
    let change = |api: &str, kind: &str, before: Value, after: Value| -> Vec<String> {
        let found = irreversible(&[of(api, kind, &before)], &[of(api, kind, &after)], Occasion::Prune);
        found.into_iter().map(|found| found.words.split(' ').next().unwrap().to_owned()).collect()
    };
    let selector = |value: &str| json!({"spec": {"selector": {"matchLabels": {"app": value}}}});
    assert_eq!(change("apps/v1", "Deployment", selector("a"), selector("b")), [".spec.selector"]);
    assert_eq!(change("apps/v1", "Deployment", selector("a"), selector("a")), [""; 0]);
    let policy = json!({"spec": {"podManagementPolicy": "OrderedReady"}});
    assert_eq!(change("apps/v1", "StatefulSet", policy, json!({"spec": {}})), [""; 0]);
    let headless = json!({"spec": {"clusterIP": "None"}});
    assert_eq!(change("v1", "Service", json!({"spec": {}}), headless), [".spec.clusterIP"]);
    let role = |name: &str| json!({"roleRef": {"name": name}});
    assert_eq!(change("rbac.authorization.k8s.io/v1", "RoleBinding", role("a"), role("b")), [".roleRef"]);
    let size = |size: &str| json!({"spec": {"resources": {"requests": {"storage": size}}}});
    let storage = ".spec.resources.requests.storage";
    assert_eq!(change("v1", "PersistentVolumeClaim", size("2Gi"), size("1Gi")), [storage]);
    assert_eq!(change("v1", "PersistentVolumeClaim", size("1Gi"), size("2Gi")), [""; 0]);
    let sealed = |value: &str| json!({"immutable": true, "data": {"a": value}});
    assert_eq!(change("v1", "ConfigMap", sealed("1"), sealed("2")), [".data"]);
    assert_eq!(change("v1", "ConfigMap", json!({"data": {"a": "1"}}), sealed("2")), [""; 0]);
    let pod = |image: &str, name: &str| json!({"spec": {"containers": [{"name": name, "image": image}]}});
    assert_eq!(change("v1", "Pod", pod("a:1", "c"), pod("a:2", "c")), [""; 0]);
    assert_eq!(change("v1", "Pod", pod("a:1", "c"), pod("a:1", "d")), [".spec"]);
}

#[test]
fn what_runs_once_is_named_when_it_is_new_or_differs() {
    let job = |image: &str| of("batch/v1", "Job", &json!({"spec": {"template": image}}));
    assert_eq!(whys(&[], &[job("a:1")]), [Why::JobRuns]);
    assert_eq!(whys(&[job("a:1")], &[job("a:1")]), []);
    assert_eq!(whys(&[job("a:1")], &[job("a:2")]), [Why::ImmutableField, Why::JobRuns]);
    let hook = |kind: &str| {
        let mut pod = of("v1", "Pod", &json!({"spec": {}}));
        pod.json["metadata"]["annotations"] = json!({"helm.sh/hook": kind});
        pod
    };
    assert_eq!(whys(&[], &[hook("pre-upgrade")]), [Why::JobRuns]);
    assert_eq!(whys(&[], &[hook("test")]), []);
    assert_eq!(whys(&[], &[of("v1", "Pod", &json!({"spec": {}}))]), []);
}

#[test]
fn a_smaller_set_may_lose_its_claims() {
    let set = |replicas: i64| {
        let policy = json!({"whenScaled": "Delete"});
        let spec = json!({"replicas": replicas, "persistentVolumeClaimRetentionPolicy": policy});
        of("apps/v1", "StatefulSet", &json!({"spec": spec}))
    };
    assert_eq!(whys(&[set(3)], &[set(2)]), [Why::ClaimsGoWithSet]);
    assert_eq!(whys(&[set(2)], &[set(3)]), []);
}
