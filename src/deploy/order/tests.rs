//! Orders of apps as Helm, Argo CD and Luigi's own rules have them.

use serde_json::{Value, json};

use super::*;
use crate::problem::Place as FilePlace;

pub(super) fn object(api: &str, kind: &str, name: &str, annotations: &Value) -> Object {
    let namespaced = !matches!(kind, "Namespace" | "CustomResourceDefinition" | "ClusterRole");
    let mut json =
        json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "annotations": annotations}});
    if namespaced {
        json["metadata"]["namespace"] = json!("shop");
    }
    if kind == "CustomResourceDefinition" {
        let (plural, group) = name.split_once('.').unwrap();
        json["spec"] = json!({"group": group, "names": {"kind": plural.to_uppercase(), "plural": plural}});
    }
    Object::from_json(&FilePlace::file("a.yaml"), json).unwrap()
}

fn plain(api: &str, kind: &str, name: &str) -> Object {
    object(api, kind, name, &json!({}))
}

/// One line for each batch.
fn lines(batches: &[Batch], objects: &[Object]) -> String {
    let line = |batch: &Batch| {
        let names = batch.items.iter().map(|item| {
            let key = &objects[*item].key;
            format!("{}/{}", key.kind, key.name)
        });
        let names = names.collect::<Vec<_>>().join(" ");
        format!("{:?} {} {:?}: {names} -> {:?}\n", batch.phase, batch.wave, batch.stage, batch.then)
    };
    batches.iter().map(line).collect()
}

fn ordered(objects: &[Object], operation: Operation, dialect: Dialect) -> String {
    lines(&order(objects, operation, dialect).batches, objects)
}

#[test]
fn kinds_go_in_stages() {
    let objects = [
        plain("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "w"),
        plain("apps/v1", "Deployment", "d"),
        plain("b.c/v1", "A", "custom"),
        plain("autoscaling/v2", "HorizontalPodAutoscaler", "h"),
        plain("v1", "Service", "s"),
        plain("v1", "PersistentVolumeClaim", "p"),
        plain("v1", "ConfigMap", "c"),
        plain("external-secrets.io/v1", "ExternalSecret", "e"),
        plain("rbac.authorization.k8s.io/v1", "ClusterRole", "r"),
        plain("v1", "ServiceAccount", "sa"),
        plain("v1", "ResourceQuota", "q"),
        plain("apiextensions.k8s.io/v1", "CustomResourceDefinition", "a.b.c"),
        plain("v1", "Namespace", "shop"),
    ];
    insta::assert_snapshot!(ordered(&objects, Operation::Install, Dialect::Helm), @r"
    First 0 Namespaces: Namespace/shop -> BatchReady
    First 0 Definitions: CustomResourceDefinition/a.b.c -> AllReady
    Main 0 Limits: ResourceQuota/q -> GoOn
    Main 0 Access: ServiceAccount/sa ClusterRole/r -> GoOn
    Main 0 Config: ConfigMap/c ExternalSecret/e -> GoOn
    Main 0 Storage: PersistentVolumeClaim/p -> GoOn
    Main 0 Services: Service/s -> GoOn
    Main 0 Workloads: Deployment/d -> GoOn
    Main 0 Custom: A/custom -> GoOn
    Main 0 Front: HorizontalPodAutoscaler/h -> GoOn
    Main 0 Webhooks: ValidatingWebhookConfiguration/w -> AllReady
    ");
}

fn helm(kind: &str, name: &str, hook: &str, weight: &str) -> Object {
    let api = if kind == "Job" { "batch/v1" } else { "v1" };
    object(api, kind, name, &json!({"helm.sh/hook": hook, "helm.sh/hook-weight": weight}))
}

#[test]
fn helm_runs_its_hooks_one_by_one_in_its_own_operation() {
    let objects = [
        plain("apps/v1", "Deployment", "d"),
        helm("Job", "b", "pre-install,pre-upgrade", "1"),
        helm("Job", "a", "pre-install", "1"),
        helm("ServiceAccount", "a", "pre-install", "-5"),
        helm("Job", "z", "post-upgrade", "0"),
        helm("Job", "back", "post-rollback", "0"),
        helm("Pod", "t", "test", "0"),
    ];
    insta::assert_snapshot!(ordered(&objects, Operation::Install, Dialect::Helm), @r"
    Before -5 Access: ServiceAccount/a -> AllReady
    Before 1 Workloads: Job/a -> AllReady
    Before 1 Workloads: Job/b -> AllReady
    Main 0 Workloads: Deployment/d -> AllReady
    ");
    insta::assert_snapshot!(ordered(&objects, Operation::Upgrade, Dialect::Helm), @r"
    Before 1 Workloads: Job/b -> AllReady
    Main 0 Workloads: Deployment/d -> AllReady
    After 0 Workloads: Job/z -> AllReady
    ");
    insta::assert_snapshot!(ordered(&objects, Operation::Rollback, Dialect::Helm), @r"
    Main 0 Workloads: Deployment/d -> AllReady
    After 0 Workloads: Job/back -> AllReady
    ");
    let left = order(&objects, Operation::Upgrade, Dialect::Helm).left_out;
    let left: Vec<&str> = left.iter().map(|left| left.why.as_str()).collect();
    let pre = "it is a hook for pre-install";
    assert_eq!(left, ["it is a hook for test", pre, pre, "it is a hook for post-rollback"]);
}

#[test]
fn argo_cd_runs_helms_hooks_at_every_sync() {
    let objects = [
        plain("apps/v1", "Deployment", "d"),
        helm("Job", "b", "pre-install", "1"),
        helm("Job", "a", "pre-upgrade", "1"),
        helm("Job", "back", "pre-rollback", "0"),
    ];
    insta::assert_snapshot!(ordered(&objects, Operation::Rollback, Dialect::ArgoCd), @r"
    Before 1 Workloads: Job/a Job/b -> AllReady
    Main 0 Workloads: Deployment/d -> AllReady
    ");
}

fn argo(kind: &str, name: &str, annotations: &Value) -> Object {
    object(if kind == "Job" { "batch/v1" } else { "v1" }, kind, name, annotations)
}

#[test]
fn argo_cds_waves_and_hooks_are_respected() {
    let hook = |name: &str, hook: &str, wave: &str| {
        argo("Job", name, &json!({"argocd.argoproj.io/hook": hook, "argocd.argoproj.io/sync-wave": wave}))
    };
    let objects = [
        argo("ConfigMap", "late", &json!({"argocd.argoproj.io/sync-wave": "2"})),
        argo("Service", "s", &json!({})),
        argo("ConfigMap", "early", &json!({"argocd.argoproj.io/sync-wave": "-1"})),
        hook("migrate", "PreSync", "0"),
        hook("check", "PostSync", "1"),
        hook("both", "PreSync,PostSync", "0"),
        hook("with", "Sync", "2"),
        hook("alarm", "SyncFail", "0"),
        argo("Job", "never", &json!({"argocd.argoproj.io/hook": "Skip"})),
        argo("Job", "ours", &json!({"argocd.argoproj.io/hook": "PostSync", "helm.sh/hook": "pre-install"})),
        hook("gone", "PostDelete", "0"),
    ];
    let found = order(&objects, Operation::Upgrade, Dialect::ArgoCd);
    insta::assert_snapshot!(lines(&found.batches, &objects), @r"
    Before 0 Workloads: Job/both Job/migrate -> AllReady
    Main -1 Config: ConfigMap/early -> AllReady
    Main 0 Services: Service/s -> AllReady
    Main 2 Config: ConfigMap/late -> GoOn
    Main 2 Workloads: Job/with -> AllReady
    After 0 Workloads: Job/both Job/ours -> AllReady
    After 1 Workloads: Job/check -> AllReady
    ");
    insta::assert_snapshot!(lines(&found.on_failure, &objects), @"After 0 Workloads: Job/alarm -> AllReady");
    let left: Vec<&str> = found.left_out.iter().map(|left| left.why.as_str()).collect();
    assert_eq!(left, ["it is a hook for PostDelete", "Argo CD's hook annotation says Skip"]);
    assert_eq!(found.faults, []);
}

#[test]
fn what_others_stand_on_is_pulled_to_where_it_is_needed() {
    let wave = |wave: &str| json!({"argocd.argoproj.io/sync-wave": wave});
    let objects = [
        object("v1", "Namespace", "shop", &wave("5")),
        object("v1", "Namespace", "other", &wave("5")),
        object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "a.b.c", &wave("9")),
        argo("Job", "first", &json!({"argocd.argoproj.io/hook": "PreSync"})),
        object("b.c/v1", "A", "custom", &wave("1")),
    ];
    insta::assert_snapshot!(ordered(&objects, Operation::Install, Dialect::ArgoCd), @r"
    Before 0 Namespaces: Namespace/shop -> BatchReady
    Before 0 Workloads: Job/first -> AllReady
    Main 1 Definitions: CustomResourceDefinition/a.b.c -> BatchReady
    Main 1 Custom: A/custom -> AllReady
    Main 5 Namespaces: Namespace/other -> AllReady
    ");
    let lists = deletion(&objects, Dialect::ArgoCd).lists;
    assert_eq!(lists, [vec![1], vec![4], vec![2], vec![0]]);
}

#[test]
fn what_is_not_understood_is_said() {
    let objects = [
        helm("Job", "a", "pre-instal", "0"),
        helm("Job", "b", "pre-install,sometimes", "heavy"),
        argo("ConfigMap", "c", &json!({"argocd.argoproj.io/sync-wave": "1.5"})),
        argo(
            "Job",
            "d",
            &json!({"argocd.argoproj.io/hook": "PreSync", "argocd.argoproj.io/hook-delete-policy": "Now"}),
        ),
        helm("Job", "e", "crd-install", "0"),
    ];
    let found = order(&objects, Operation::Install, Dialect::Helm);
    let faults: Vec<String> = found.faults.iter().map(|f| format!("{} {}", f.key.name, f.words)).collect();
    assert_eq!(
        faults,
        [
            "c `argocd.argoproj.io/sync-wave: 1.5` is no whole number and counts as 0",
            "a `pre-instal` is no hook that Luigi knows",
            "b `sometimes` is no hook that Luigi knows",
            "b `helm.sh/hook-weight: heavy` is no whole number and counts as 0",
            "d `Now` is no delete policy that Luigi knows",
        ]
    );
    assert_eq!(found.left_out, [LeftOut { item: 0, why: "it is a hook of no known name".to_owned() }]);
    assert_eq!(found.roles[4], Role::Part);
}

#[test]
fn delete_policies_are_read_from_both() {
    use DeletePolicy::{BeforeCreation, Failed, Succeeded};
    let policies = |annotations: Value| match role(&argo("Job", "a", &annotations), &mut Vec::new()) {
        Role::Hook(hook) => hook.delete.into_iter().collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let helm = "helm.sh/hook";
    assert_eq!(policies(json!({helm: "pre-install"})), [BeforeCreation]);
    let both = json!({helm: "pre-install", "helm.sh/hook-delete-policy": "hook-succeeded, hook-failed"});
    assert_eq!(policies(both), [Succeeded, Failed]);
    let argo =
        json!({"argocd.argoproj.io/hook": "Sync", "argocd.argoproj.io/hook-delete-policy": "HookSucceeded"});
    assert_eq!(policies(argo), [Succeeded]);
}

#[test]
fn an_app_is_removed_backwards_with_its_hooks_around() {
    let objects = [
        plain("v1", "Namespace", "shop"),
        plain("apiextensions.k8s.io/v1", "CustomResourceDefinition", "a.b.c"),
        plain("apps/v1", "Deployment", "operator"),
        plain("b.c/v1", "A", "custom"),
        plain("external-secrets.io/v1", "ExternalSecret", "e"),
        helm("Job", "save", "pre-delete", "0"),
        helm("Job", "tell", "post-delete", "0"),
        helm("Job", "migrate", "pre-upgrade", "0"),
    ];
    let found = deletion(&objects, Dialect::Helm);
    assert_eq!(found.lists, [vec![3, 4], vec![2], vec![1], vec![0]]);
    assert_eq!(lines(&found.before, &objects), "Main 0 Workloads: Job/save -> AllReady\n");
    assert_eq!(lines(&found.after, &objects), "Main 0 Workloads: Job/tell -> AllReady\n");
    let keys: Vec<ObjectKey> = objects[..4].iter().map(|object| object.key.clone()).collect();
    assert_eq!(deletion_by_key(&keys), [vec![3], vec![2], vec![1], vec![0]]);
}

#[test]
fn options_of_the_object_win_over_those_of_its_app() {
    let object = argo(
        "ConfigMap",
        "c",
        &json!({"argocd.argoproj.io/sync-options": "Replace=false, Odd=1,Validate=false"}),
    );
    let of_app = ["Replace=true".to_owned(), "SkipDryRunOnMissingResource=true".to_owned()];
    let options = SyncOptions::of(&object, &of_app);
    assert!(!options.replace() && options.skip_dry_run_on_missing_kind() && options.skip_validation());
    assert!(!options.recreate());
    assert_eq!(options.unknown(), ["Odd"]);
    let when = |name: &str, value: &str| {
        let name = format!("kustomize.toolkit.fluxcd.io/{name}");
        write_when(&argo("ConfigMap", "c", &json!({name: value})))
    };
    assert_eq!(when("ssa", "IfNotPresent"), WriteWhen::Absent);
    assert_eq!(when("ssa", "ignore"), WriteWhen::Never);
    assert_eq!(when("reconcile", "Disabled"), WriteWhen::Never);
    assert_eq!(when("ssa", "Override"), WriteWhen::Always);
}
