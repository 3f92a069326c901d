//! Properties of orders of arbitrary apps.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tests::object;
use super::*;

const KINDS: [(&str, &str); 10] = [
    ("v1", "Namespace"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "Job"),
    ("b.c/v1", "A"),
    ("external-secrets.io/v1", "ExternalSecret"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
];
const HOOKS: [(&str, &str); 9] = [
    ("", ""),
    ("helm.sh/hook", "pre-install"),
    ("helm.sh/hook", "pre-upgrade,post-install"),
    ("helm.sh/hook", "post-rollback,pre-delete"),
    ("helm.sh/hook", "odd"),
    ("argocd.argoproj.io/hook", "PreSync"),
    ("argocd.argoproj.io/hook", "PreSync,PostSync,SyncFail"),
    ("argocd.argoproj.io/hook", "PostDelete"),
    ("argocd.argoproj.io/hook", "Skip"),
];

fn objects() -> impl Strategy<Value = Vec<Object>> {
    let one = (0..KINDS.len(), 0..HOOKS.len() * 2, -3..4i64, any::<bool>(), any::<bool>());
    proptest::collection::vec(one, 0..12).prop_map(|all| {
        let made = all.into_iter().enumerate().map(|(at, (kind, hook, wave, waved, weighed))| {
            let (api, kind) = KINDS[kind];
            let mut annotations = Map::new();
            // Half of them are no hooks.
            let (hook, value) = HOOKS[hook.saturating_sub(HOOKS.len())];
            if !hook.is_empty() {
                annotations.insert(hook.to_owned(), json!(value));
            }
            if waved {
                annotations.insert("argocd.argoproj.io/sync-wave".to_owned(), json!(wave.to_string()));
            }
            if weighed {
                annotations.insert("helm.sh/hook-weight".to_owned(), json!((-wave).to_string()));
            }
            let name = match kind {
                "CustomResourceDefinition" if at % 2 == 0 => "a.b.c".to_owned(),
                "CustomResourceDefinition" => format!("x{at}.b.c"),
                "Namespace" if at % 2 == 0 => "shop".to_owned(),
                _ => format!("o{at}"),
            };
            object(api, kind, &name, &Value::Object(annotations))
        });
        let mut seen = BTreeSet::new();
        made.filter(|object| seen.insert(object.key.clone())).collect()
    })
}

fn operations() -> impl Strategy<Value = (Operation, Dialect)> {
    let operation =
        prop_oneof![Just(Operation::Install), Just(Operation::Upgrade), Just(Operation::Rollback)];
    (operation, prop_oneof![Just(Dialect::Helm), Just(Dialect::ArgoCd)])
}

/// Batches with keys in place of indexes.
fn by_key(batches: &[Batch], objects: &[Object]) -> Vec<(Phase, i64, Stage, Vec<ObjectKey>, Then)> {
    let keys = |batch: &Batch| batch.items.iter().map(|item| objects[*item].key.clone()).collect();
    batches.iter().map(|batch| (batch.phase, batch.wave, batch.stage, keys(batch), batch.then)).collect()
}

proptest! {
    #[test]
    fn every_object_has_its_place((operation, dialect) in operations(), objects in objects()) {
        let found = order(&objects, operation, dialect);
        for (item, role) in found.roles.iter().enumerate() {
            let times = found.batches.iter().flat_map(|batch| &batch.items).filter(|i| **i == item).count();
            let failing = found.on_failure.iter().flat_map(|batch| &batch.items).filter(|i| **i == item).count();
            let left = found.left_out.iter().filter(|left| left.item == item).count();
            match role {
                Role::Part => prop_assert_eq!((times, failing, left), (1, 0, 0)),
                Role::LeftOut(_) => prop_assert_eq!((times, failing, left), (0, 0, 1)),
                Role::Hook(hook) => {
                    let phases = hook.phases(operation, dialect).len();
                    let on_failure = usize::from(hook.events.contains(&HookEvent::SyncFail));
                    let nowhere = usize::from(phases + on_failure == 0);
                    prop_assert_eq!((times, failing, left), (phases, on_failure, nowhere));
                }
            }
        }
    }

    #[test]
    fn the_order_of_what_is_given_does_not_count(
        (operation, dialect) in operations(),
        (objects, shuffled) in objects().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let (a, b) = (order(&objects, operation, dialect), order(&shuffled, operation, dialect));
        prop_assert_eq!(by_key(&a.batches, &objects), by_key(&b.batches, &shuffled));
        prop_assert_eq!(by_key(&a.on_failure, &objects), by_key(&b.on_failure, &shuffled));
        prop_assert_eq!(a.faults, b.faults);
        let keys = |lists: Vec<Vec<usize>>, from: &[Object]| -> Vec<Vec<ObjectKey>> {
            lists.iter().map(|list| list.iter().map(|item| from[*item].key.clone()).collect()).collect()
        };
        let (a, b) = (deletion(&objects, dialect), deletion(&shuffled, dialect));
        prop_assert_eq!(keys(a.lists, &objects), keys(b.lists, &shuffled));
    }

    #[test]
    fn nothing_comes_before_what_it_stands_on((operation, dialect) in operations(), objects in objects()) {
        let found = order(&objects, operation, dialect);
        let at = |item: usize| found.batches.iter().position(|batch| batch.items.contains(&item));
        let last = |key: &str| -> Vec<(usize, &Object)> {
            let parts = objects.iter().enumerate().filter(|(item, object)| {
                object.key.kind == key && found.roles[*item] == Role::Part
            });
            parts.collect()
        };
        for (item, namespace) in last("Namespace") {
            for (other, object) in objects.iter().enumerate() {
                if object.key.namespace == namespace.key.name && let Some(other) = at(other) {
                    prop_assert!(at(item).unwrap() < other, "{}", object.key);
                }
            }
        }
        for (item, _) in last("CustomResourceDefinition").into_iter().filter(|(_, o)| o.key.name == "a.b.c") {
            for (other, _) in objects.iter().enumerate().filter(|(_, object)| object.key.kind == "A") {
                if let Some(other) = at(other) {
                    let ready = found.batches[at(item).unwrap()..other].iter().any(|b| b.then != Then::GoOn);
                    prop_assert!(at(item).unwrap() < other && ready);
                }
            }
        }
        let places: Vec<_> = found.batches.iter().map(|batch| (batch.phase, batch.wave)).collect();
        prop_assert!(places.is_sorted());
    }

    #[test]
    fn parts_are_deleted_once_and_backwards(dialect in prop_oneof![Just(Dialect::Helm), Just(Dialect::ArgoCd)], objects in objects()) {
        let found = deletion(&objects, dialect);
        let mut items: Vec<usize> = found.lists.iter().flatten().copied().collect();
        items.sort_unstable();
        let roles: Vec<Role> = objects.iter().map(|object| role(object, &mut Vec::new())).collect();
        let parts: Vec<usize> = (0..objects.len()).filter(|item| roles[*item] == Role::Part).collect();
        prop_assert_eq!(&items, &parts);
        let at = |item: usize| found.lists.iter().position(|list| list.contains(&item)).unwrap();
        for namespace in parts.iter().filter(|item| objects[**item].key.kind == "Namespace") {
            for other in parts.iter().filter(|o| objects[**o].key.namespace == objects[*namespace].key.name) {
                prop_assert!(at(*other) < at(*namespace));
            }
        }
        let keys: Vec<ObjectKey> = parts.iter().map(|item| objects[*item].key.clone()).collect();
        let mut by_key: Vec<usize> = deletion_by_key(&keys).into_iter().flatten().collect();
        by_key.sort_unstable();
        prop_assert_eq!(by_key, (0..parts.len()).collect::<Vec<_>>());
    }
}
