//! Live against ledger: what is missing, what is not as it was applied, and what is
//! there that no entry explains.
//!
//! Writes nothing but the throw-away Secrets of its tokens: what an apply would
//! change is asked by dry run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use serde_json::Value;

use super::grants::Grants;
use super::hands::{Hands, words};
use super::placed::{Placed, place};
use super::setup::Cluster;
use super::work::{Set, Work};
use crate::ledger::plans::Snapshot;
use crate::name::{AppId, Environment};
use crate::object::{Object, ObjectKey, diff};
use crate::outside::cluster::{DryRun, Ownership, Session};

/// How one object differs from what the ledger says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Drift {
    /// It is not there.
    Missing,
    /// Fields that Luigi applied have other values, or other owners.
    Changed {
        /// The fields that an apply would change back.
        fields: Vec<diff::FieldChange>,
    },
    /// It is in the inventory, and the ledger does not have it.
    Unexplained,
}

/// What was found of one app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AppDrift {
    /// The app.
    pub app: AppId,
    /// Objects that differ.
    pub objects: BTreeMap<String, Drift>,
    /// Why the app could not be looked at as a whole: then nothing is proved of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// Looks at every deployed app of an environment.
pub fn drift(
    cluster: &Cluster,
    environment: &Environment,
    snapshot: &Snapshot,
    run: &str,
) -> Result<Vec<AppDrift>, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| format!("no threads: {e}"))?;
    runtime.block_on(whole(cluster, environment, snapshot, run))
}

async fn whole(
    cluster: &Cluster,
    environment: &Environment,
    snapshot: &Snapshot,
    run: &str,
) -> Result<Vec<AppDrift>, String> {
    let control = cluster.session().map_err(|e| e.to_string())?;
    let resources = control.resources().await.map_err(|e| e.to_string())?;
    let sets = snapshot.apps.iter().map(|(app, stored)| {
        let set = Set { objects: Arc::new(stored.objects.clone()), target: stored.app.target.clone() };
        (app.clone(), set)
    });
    let work = Work { desired: BTreeMap::new(), before: sets.collect() };
    let (grants, failed) = Grants::ask(cluster, &control, run, &work.targets()).await;
    let sessions: BTreeMap<AppId, Session> =
        work.before.keys().filter_map(|app| Some((app.clone(), grants.session(cluster, app)?))).collect();
    let names = (environment.clone(), cluster.config.clone(), cluster.namespace.clone());
    let hands = Hands::new(names, control.clone(), sessions, work, 0, resources);
    let hands = &hands;
    let failed = &failed;
    let found: Vec<AppDrift> = stream::iter(hands.work.before.keys().cloned().collect::<Vec<_>>())
        .map(|app| async move {
            match failed.get(&app) {
                Some(why) => AppDrift { app, objects: BTreeMap::new(), unread: vec![why.clone()] },
                None => one(hands, app).await,
            }
        })
        .buffered(8)
        .collect()
        .await;
    grants.revoke(cluster, std::time::Duration::ZERO).await;
    Ok(found)
}

async fn one(hands: &Hands, app: AppId) -> AppDrift {
    let mut out = AppDrift { app: app.clone(), objects: BTreeMap::new(), unread: Vec::new() };
    let set = hands.work.before.get(&app).cloned().unwrap_or_default();
    let session = match hands.session(&app) {
        Ok(session) => session,
        Err(why) => return AppDrift { unread: vec![why], ..out },
    };
    let kinds = hands.kinds().await;
    let mut known: BTreeSet<ObjectKey> = BTreeSet::new();
    for placed in place(&app, &set.objects, &set.target, &kinds) {
        known.insert(placed.object.key.clone());
        if !Hands::is_part(&placed) {
            continue;
        }
        match object(&session, &placed).await {
            Ok(None) => {}
            Ok(Some(drift)) => drop(out.objects.insert(placed.object.key.to_string(), drift)),
            Err(why) => out.unread.push(why),
        }
    }
    match hands.inventory(&app).await {
        Err(why) => out.unread.push(why),
        Ok(inventory) => {
            for (key, _) in inventory.surplus(&known) {
                out.objects.insert(key.to_string(), Drift::Unexplained);
            }
        }
    }
    out
}

async fn object(session: &Session, placed: &Placed) -> Result<Option<Drift>, String> {
    let Ok((resource, namespace, name)) = placed.at() else {
        // The server has no such kind, so nothing of it.
        return Ok(Some(Drift::Missing));
    };
    let Some(live) = session.get(resource, namespace, name).await.map_err(|e| words(&e))? else {
        return Ok(Some(Drift::Missing));
    };
    let would = session
        .apply(resource, (namespace, name), &placed.object.json, Ownership::Take, DryRun::Server)
        .await
        .map_err(|e| words(&e))?;
    let bare = |json: &Value| {
        let mut json = json.clone();
        if let Some(map) = json.as_object_mut() {
            map.remove("status");
        }
        if let Some(metadata) = json.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in
                ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"]
            {
                metadata.remove(field);
            }
        }
        Object { key: placed.object.key.clone(), json }
    };
    let changes = diff::compare(&[bare(&live)], &[bare(&would.json)]);
    let fields: Vec<diff::FieldChange> = changes.into_iter().flat_map(|change| change.fields).collect();
    Ok((!fields.is_empty()).then_some(Drift::Changed { fields }))
}
