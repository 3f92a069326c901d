//! What is true after the last run of a position, and whether it is what a clean
//! run leaves.
//!
//! Looks at the API server, the inventories and the ledger; believes no report.

use std::collections::{BTreeMap, BTreeSet};

use luigi::deploy::inventory::{Inventory, Stored};
use luigi::name::{AppId, Environment};
use luigi::run::kubernetes::setup::inventory_name;
use serde_json::Value;

use crate::fleet::{self, APPS};
use crate::support::repo::git;
use crate::world::World;

/// Kinds that the fleet has, and Secrets, which it has none of.
const KINDS: [(&str, &str, &str); 12] = [
    ("/api/v1", "configmaps", "ConfigMap"),
    ("/api/v1", "services", "Service"),
    ("/api/v1", "serviceaccounts", "ServiceAccount"),
    ("/api/v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("/api/v1", "secrets", "Secret"),
    ("/apis/apps/v1", "deployments", "Deployment"),
    ("/apis/apps/v1", "statefulsets", "StatefulSet"),
    ("/apis/batch/v1", "jobs", "Job"),
    ("/apis/policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    ("/apis/rbac.authorization.k8s.io/v1", "roles", "Role"),
    ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding"),
    ("/apis/networking.k8s.io/v1", "networkpolicies", "NetworkPolicy"),
];
/// What every namespace has of its own.
const OF_THE_CLUSTER: [&str; 2] = ["ConfigMap kube-root-ca.crt", "ServiceAccount default"];
/// Where the ledger is.
const BRANCH: &str = "luigi/ledger";

/// All that a position is compared by; the world's prefix is taken out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Truth {
    /// Live objects, without what servers and clocks fill in.
    objects: BTreeMap<String, Value>,
    /// The rendered sets that the ledger has.
    sets: BTreeMap<String, String>,
}

/// What is wrong, by what that means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// An object, a record or an outcome that should be there is not, or differs.
    pub lost: Vec<String>,
    /// Something is there that nobody knows of.
    pub orphaned: Vec<String>,
    /// Something has to be done by a person.
    pub stuck: Vec<String>,
}

impl Faults {
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.orphaned.is_empty() && self.stuck.is_empty()
    }

    pub fn words(&self) -> String {
        let of =
            |name: &str, all: &[String]| all.iter().map(|one| format!("{name}: {one}")).collect::<Vec<_>>();
        [of("lost", &self.lost), of("orphaned", &self.orphaned), of("stuck", &self.stuck)].concat().join("\n")
    }
}

/// What is true now, and what is wrong with it whatever it should be.
pub fn look(world: &World<'_>) -> (Truth, Faults) {
    let mut faults = Faults::default();
    let mut truth = Truth::default();
    let mut uids = BTreeMap::new();
    for (app, _) in APPS {
        for (key, json) in live(world, app) {
            if is_ours(&json) {
                uids.insert(key.clone(), json["metadata"]["uid"].as_str().unwrap_or("").to_owned());
            }
            truth.objects.insert(key, plain(&json, &world.prefix));
        }
    }
    inventories(world, &uids, &mut faults);
    control(world, &mut faults);
    ledger(world, &mut truth, &mut faults);
    (truth, faults)
}

/// What differs from a clean run.
pub fn compare(clean: &Truth, now: &Truth, faults: &mut Faults) {
    for (key, object) in &clean.objects {
        match now.objects.get(key) {
            None => faults.lost.push(format!("{key} is not there")),
            Some(now) if now != object => faults.lost.push(format!("{key} is {now} and not {object}")),
            Some(_) => {}
        }
    }
    for key in now.objects.keys().filter(|key| !clean.objects.contains_key(*key)) {
        faults.orphaned.push(format!("{key} is there"));
    }
    for (path, set) in &clean.sets {
        if now.sets.get(path) != Some(set) {
            faults.lost.push(format!("the ledger has another {path}"));
        }
    }
    for path in now.sets.keys().filter(|path| !clean.sets.contains_key(*path)) {
        faults.orphaned.push(format!("the ledger has {path}"));
    }
}

fn live(world: &World<'_>, app: &str) -> Vec<(String, Value)> {
    let namespace = fleet::namespace(&world.prefix, app);
    let mut all = Vec::new();
    for (top, plural, kind) in KINDS {
        let (code, list) =
            world.cluster.admin("GET", &format!("{top}/namespaces/{namespace}/{plural}"), None);
        assert_eq!(code, 200, "{list}");
        for item in list["items"].as_array().unwrap() {
            let named = format!("{kind} {}", item["metadata"]["name"].as_str().unwrap());
            if !OF_THE_CLUSTER.contains(&named.as_str()) {
                all.push((format!("{app}: {named}"), item.clone()));
            }
        }
    }
    all
}

fn fields(json: &Value) -> Option<&Value> {
    let entries = json["metadata"]["managedFields"].as_array()?;
    let ours = entries.iter().find(|entry| entry["manager"] == "luigi" && entry["operation"] == "Apply")?;
    Some(&ours["fieldsV1"])
}

fn is_ours(json: &Value) -> bool {
    fields(json).is_some()
}

/// An object without what servers and clocks fill in; with the fields that are
/// Luigi's.
fn plain(json: &Value, prefix: &str) -> Value {
    let mut plain = json.clone();
    let owned = fields(json).cloned();
    for key in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
        remove(&mut plain, "/metadata", key);
    }
    remove(&mut plain, "", "status");
    for key in ["clusterIP", "clusterIPs", "volumeName"] {
        remove(&mut plain, "/spec", key);
    }
    remove(&mut plain, "/metadata/annotations", "deployment.kubernetes.io/revision");
    plain["ours"] = owned.unwrap_or_default();
    serde_json::from_str(&plain.to_string().replace(prefix, "@")).unwrap()
}

fn remove(json: &mut Value, at: &str, key: &str) {
    if let Some(map) = json.pointer_mut(at).and_then(Value::as_object_mut) {
        map.remove(key);
    }
}

/// Every inventory has exactly the live objects, by uid.
fn inventories(world: &World<'_>, live: &BTreeMap<String, String>, faults: &mut Faults) {
    let environment = Environment::parse("prod").unwrap();
    let control = fleet::control(&world.prefix);
    let mut listed = BTreeSet::new();
    for (app, _) in APPS {
        let id = AppId::parse(&format!("App/_/{app}")).unwrap();
        let path = format!("/api/v1/namespaces/{control}/configmaps/{}", inventory_name(&id));
        let (code, json) = world.cluster.admin("GET", &path, None);
        if code == 404 {
            continue;
        }
        let text = json["data"]["inventory"].as_str().unwrap_or("").to_owned();
        let inventory = match Inventory::load(&Stored::Plain(text), &environment, &id) {
            Ok(inventory) => inventory,
            Err(error) => {
                faults.lost.push(format!("the inventory of {app}: {error}"));
                continue;
            }
        };
        for (key, member) in inventory.members() {
            let name = format!("{app}: {} {}", key.kind, key.name);
            match live.get(&name) {
                None => faults.lost.push(format!("the inventory of {app} has {name}, which is not there")),
                Some(uid) if member.uid.as_ref() != Some(uid) => {
                    faults.lost.push(format!(
                        "the inventory of {app} has {name} as {:?}, which is {uid}",
                        member.uid
                    ));
                }
                Some(_) => {}
            }
            listed.insert(name);
        }
    }
    for name in live.keys().filter(|name| !listed.contains(*name)) {
        faults.orphaned.push(format!("{name} is in no inventory"));
    }
}

/// No credential is left, and the lock is free.
fn control(world: &World<'_>, faults: &mut Faults) {
    let control = fleet::control(&world.prefix);
    let path = format!("/api/v1/namespaces/{control}/secrets?labelSelector=luigi.dev%2Frun");
    let (code, list) = world.cluster.admin("GET", &path, None);
    assert_eq!(code, 200, "{list}");
    for secret in list["items"].as_array().unwrap() {
        faults.orphaned.push(format!("the Secret {} of a run", secret["metadata"]["name"]));
    }
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{control}/leases");
    let (_, list) = world.cluster.admin("GET", &path, None);
    for lease in list["items"].as_array().unwrap() {
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or("");
        if !holder.is_empty() {
            faults.stuck.push(format!("the lock is held by {holder}"));
        }
    }
}

/// The chain holds, each intent has one outcome, and nobody holds the environment.
fn ledger(world: &World<'_>, truth: &mut Truth, faults: &mut Faults) {
    if let Err(words) = world.verify() {
        faults.lost.push(format!("luigi verify: {words}"));
    }
    let repo = world.scratch.path();
    let show = |path: &str| git(&repo, &["show", &format!("{BRANCH}:{path}")]);
    let (mut intents, mut outcomes) = (BTreeSet::new(), BTreeMap::<u64, usize>::new());
    for path in git(&repo, &["ls-tree", "-r", "--name-only", BRANCH]).lines() {
        if path.starts_with("entries/") && path.ends_with("/record.json") {
            let record: Value = serde_json::from_str(&show(path)).unwrap();
            match (
                record["kind"].as_str(),
                record["ledger"]["seq"].as_u64(),
                record["ledger"]["intent"].as_u64(),
            ) {
                (Some("intent"), Some(seq), _) => drop(intents.insert(seq)),
                (Some("outcome"), _, Some(intent)) => *outcomes.entry(intent).or_default() += 1,
                _ => {}
            }
        } else if path.ends_with("/objects.yaml") {
            truth.sets.insert(path.to_owned(), show(path).replace(&world.prefix, "@"));
        } else if path.ends_with("environment.json") {
            let state: Value = serde_json::from_str(&show(path)).unwrap();
            if !state["lease"].is_null() {
                faults.stuck.push(format!("the ledger's lease is {}", state["lease"]));
            }
        }
    }
    for intent in &intents {
        let number = outcomes.remove(intent).unwrap_or_default();
        if number != 1 {
            faults.lost.push(format!("intent {intent} has {number} outcomes"));
        }
    }
    for intent in outcomes.keys() {
        faults.lost.push(format!("an outcome is of intent {intent}, which is not there"));
    }
}
