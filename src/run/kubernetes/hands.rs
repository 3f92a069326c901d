//! One app on the cluster: written, removed, put back. Watching it is `settle`.
//!
//! Every object is written as the app's own identity. The inventory is grown
//! before the first write and shrunk for each delete that is confirmed, as the
//! run's identity. Decides no order: that is `deploy::order`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use tokio::sync::{Mutex, RwLock};

use super::placed::{Placed, place};
use super::setup::inventory_name;
use super::work::{Set, Work};
use super::writer::{Done, Writer};
use crate::config::kubernetes::Kubernetes;
use crate::deploy::Event;
use crate::deploy::health;
use crate::deploy::inventory::{Inventory, MemberRole, Wanted};
use crate::deploy::order::{Dialect, FaultKind, Operation, Role, WriteWhen, order, role, write_when};
use crate::name::{AppId, Environment};
use crate::object::{Object, ObjectKey};
use crate::outside::cluster::{ClusterError, Kept, Precondition, Propagation, Resources, Session};

/// How often an inventory is read again when another write came first.
const TRIES: usize = 5;
/// How long a deleted object may take until it is gone.
const GONE: Duration = Duration::from_mins(5);

/// What every app of one run is written with.
pub struct Hands {
    /// The environment.
    pub environment: Environment,
    /// What luigi.yaml says of the cluster.
    pub config: Kubernetes,
    /// The control namespace.
    pub namespace: String,
    /// The run's own identity, for inventories.
    pub control: Session,
    /// Each app's identity.
    pub sessions: BTreeMap<AppId, Session>,
    /// What is to be written, and what was there.
    pub work: Work,
    /// The intent's number.
    pub epoch: u64,
    resources: RwLock<Arc<Resources>>,
    discovering: Mutex<()>,
    inventories: Mutex<BTreeMap<AppId, (Kept, Inventory)>>,
    /// What the server said of each object when it was written, or found as it should be.
    answers: Mutex<BTreeMap<AppId, Answers>>,
    stopping: Arc<AtomicBool>,
}

/// Objects as the server had them, with what later looks are compared with.
pub(super) type Answers = BTreeMap<ObjectKey, (health::Applied, serde_json::Value)>;

/// Why an app could not be written, in words.
pub(super) type Failure = String;

impl Hands {
    /// Hands for this work.
    pub fn new(
        (environment, config, namespace): (Environment, Kubernetes, String),
        control: Session,
        sessions: BTreeMap<AppId, Session>,
        work: Work,
        epoch: u64,
        resources: Resources,
    ) -> Self {
        Self {
            environment,
            config,
            namespace,
            control,
            sessions,
            work,
            epoch,
            resources: RwLock::new(Arc::new(resources)),
            discovering: Mutex::new(()),
            inventories: Mutex::default(),
            answers: Mutex::default(),
            stopping: Arc::default(),
        }
    }

    /// Set once nothing more is to be applied.
    pub fn stopping(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopping)
    }

    /// Writes an app.
    pub async fn apply(&self, app: AppId) -> Event {
        let set = self.work.desired.get(&app).cloned().unwrap_or_default();
        match self.write(&app, &set, Stop::WhenAsked).await {
            Ok(()) => Event::Applied { apps: vec![app] },
            Err(reason) => Event::Failed { app, reason },
        }
    }

    /// Removes an app.
    pub async fn prune(&self, app: AppId) -> Event {
        let others = self.keys_of(&self.work.desired).await;
        match self.remove_surplus(&app, &BTreeSet::new(), &others).await {
            Ok(()) => Event::Applied { apps: vec![app] },
            Err(reason) => Event::Failed { app, reason },
        }
    }

    /// Whether a dead run had begun with an app: its inventory was grown then.
    pub async fn stands(&self, app: AppId) -> Event {
        match self.inventory(&app).await {
            Ok(inventory) if inventory.epoch() == self.epoch => Event::Applied { apps: vec![app] },
            Ok(_) => {
                Event::Refused { apps: vec![app], reason: "the run ended before it was written".to_owned() }
            }
            Err(reason) => Event::Failed { app, reason },
        }
    }

    /// Makes an app what it was before the intent.
    pub async fn undo(&self, app: AppId) -> Event {
        let done = match self.work.before.get(&app).cloned() {
            Some(before) => self.put_back(&app, &before).await,
            // What this run made goes; what it made of another app's goes back with
            // that app.
            None => {
                let had = self.keys_of(&self.work.before).await;
                self.remove_surplus(&app, &BTreeSet::new(), &had).await
            }
        };
        match done {
            Ok(()) => Event::Undone { apps: vec![app] },
            Err(reason) => Event::UndoFailed { apps: vec![app], reason },
        }
    }

    async fn put_back(&self, app: &AppId, before: &Set) -> Result<(), Failure> {
        self.write(app, before, Stop::Never).await?;
        self.wait_ready(app, before).await
    }

    /// The app's own identity.
    pub(super) fn session(&self, app: &AppId) -> Result<Session, Failure> {
        self.sessions.get(app).cloned().ok_or_else(|| format!("{app} has no credential"))
    }

    /// What the server said of an app's objects.
    pub(super) async fn answers(&self, app: &AppId) -> Answers {
        self.answers.lock().await.get(app).cloned().unwrap_or_default()
    }

    pub(super) async fn answered(
        &self,
        app: &AppId,
        key: &ObjectKey,
        json: serde_json::Value,
        at: Option<i64>,
    ) {
        let applied = health::Applied::of(&json, at);
        self.answers.lock().await.entry(app.clone()).or_default().insert(key.clone(), (applied, json));
    }

    /// Whether an object is waited for once all is written: hooks have been, and what
    /// is never written is nobody's.
    pub(super) fn is_part(placed: &Placed) -> bool {
        matches!(role(&placed.object, &mut Vec::new()), Role::Part)
            && write_when(&placed.object) != WriteWhen::Never
    }

    /// The server's kinds, as last read.
    pub(super) async fn kinds(&self) -> Arc<Resources> {
        Arc::clone(&*self.resources.read().await)
    }

    /// The server's kinds, read anew unless somebody else just did.
    pub(super) async fn discover(&self, than: &Arc<Resources>) -> Result<Arc<Resources>, Failure> {
        let _one = self.discovering.lock().await;
        let now = self.kinds().await;
        if !Arc::ptr_eq(&now, than) {
            return Ok(now);
        }
        let new = Arc::new(self.control.resources().await.map_err(|e| e.to_string())?);
        *self.resources.write().await = Arc::clone(&new);
        Ok(new)
    }

    async fn write(&self, app: &AppId, set: &Set, stop: Stop) -> Result<(), Failure> {
        let session = self.session(app)?;
        let kinds = self.kinds().await;
        let objects = place(app, &set.objects, &set.target, &kinds);
        let before = self.inventory(app).await?;
        let operation = if before.is_empty() { Operation::Install } else { Operation::Upgrade };
        let plain: Vec<Object> = objects.iter().map(|placed| placed.object.clone()).collect();
        let order = order(&plain, operation, dialect(app));
        if let Some(fault) = order.faults.iter().find(|fault| fault.kind == FaultKind::UnknownHook) {
            return Err(format!("{}: {}", fault.key, fault.words));
        }
        let wanted: Vec<Wanted> = order
            .batches
            .iter()
            .flat_map(|b| &b.items)
            .map(|i| wanted(&objects[*i], &order.roles[*i]))
            .collect();
        self.grow(app, &wanted).await?;
        let writer = Writer { hands: self, app, session: &session, before: &before, order: &order, stop };
        let applied = writer.batches(&objects).await;
        // What was written is written down, whether all of it was or not.
        self.note(app, &applied.done).await?;
        if let Some(failure) = applied.failure {
            writer.on_failure(&objects).await;
            return Err(failure);
        }
        let kept: BTreeSet<ObjectKey> = wanted.into_iter().map(|wanted| wanted.key).collect();
        let others: BTreeSet<ObjectKey> = match stop {
            Stop::WhenAsked => self.keys_of(&self.work.desired).await,
            Stop::Never => self.keys_of(&self.work.before).await,
        };
        self.remove_surplus(app, &kept, &others).await
    }

    /// The objects of sets, as inventories name them. A kind that the server has not
    /// has no objects in it.
    async fn keys_of(&self, sets: &BTreeMap<AppId, Set>) -> BTreeSet<ObjectKey> {
        let kinds = self.kinds().await;
        let all = sets.iter().flat_map(|(app, set)| place(app, &set.objects, &set.target, &kinds));
        all.map(|placed| placed.object.key).collect()
    }

    // === inventories ===

    /// An app's inventory, read once.
    pub(super) async fn inventory(&self, app: &AppId) -> Result<Inventory, Failure> {
        let mut known = self.inventories.lock().await;
        if let Some((_, inventory)) = known.get(app) {
            return Ok(inventory.clone());
        }
        drop(known);
        let read = self.read_inventory(app).await?;
        known = self.inventories.lock().await;
        Ok(known.entry(app.clone()).or_insert(read).1.clone())
    }

    async fn read_inventory(&self, app: &AppId) -> Result<(Kept, Inventory), Failure> {
        let kept =
            self.control.inventory(&self.namespace, &inventory_name(app)).await.map_err(|e| e.to_string())?;
        let inventory = match &kept.stored {
            None => Inventory::empty(self.environment.clone(), app.clone()),
            Some(stored) => Inventory::load(stored, &self.environment, app).map_err(|e| e.to_string())?,
        };
        Ok((kept, inventory))
    }

    /// Writes what `change` makes of an app's inventory, of the newest one there is.
    async fn store(
        &self,
        app: &AppId,
        change: impl Fn(&Inventory) -> Result<Inventory, crate::deploy::inventory::InventoryError>,
    ) -> Result<(), Failure> {
        self.inventory(app).await?;
        for _ in 0..TRIES {
            let (kept, inventory) = {
                let known = self.inventories.lock().await;
                known.get(app).cloned().ok_or_else(|| format!("the inventory of {app} is not known"))?
            };
            let new = change(&inventory).map_err(|e| e.to_string())?;
            if new == inventory {
                return Ok(());
            }
            let stored = new.store().map_err(|e| e.to_string())?;
            let at = (self.namespace.as_str(), inventory_name(app));
            let written = self.control.store_inventory((at.0, &at.1), &kept, &stored).await;
            let next = match written.map_err(|e| e.to_string())? {
                Some(kept) => (kept, new),
                None => self.read_inventory(app).await?,
            };
            let won = next.1 != inventory && next.0.stored.as_ref() == Some(&stored);
            self.inventories.lock().await.insert(app.clone(), next);
            if won {
                return Ok(());
            }
        }
        Err(format!("the inventory of {app} is written by somebody else all the time"))
    }

    async fn grow(&self, app: &AppId, wanted: &[Wanted]) -> Result<(), Failure> {
        self.store(app, |inventory| inventory.grow(self.epoch, self.epoch, wanted)).await
    }

    pub(super) async fn note(&self, app: &AppId, done: &[Done]) -> Result<(), Failure> {
        self.store(app, |inventory| {
            done.iter().try_fold(inventory.clone(), |inventory, done| match &done.uid {
                Some(uid) => inventory.applied(self.epoch, &done.wanted, uid, done.digest),
                None => inventory.shrink(self.epoch, &done.wanted.key, None),
            })
        })
        .await
    }

    /// Deletes what the inventory has and the app should not. `others` is what other
    /// apps of this run want: that has changed hands, and stays.
    pub(super) async fn remove_surplus(
        &self,
        app: &AppId,
        kept: &BTreeSet<ObjectKey>,
        others: &BTreeSet<ObjectKey>,
    ) -> Result<(), Failure> {
        super::remove::surplus(self, app, kept, others).await
    }

    pub(super) async fn forget(
        &self,
        app: &AppId,
        key: &ObjectKey,
        uid: Option<&str>,
    ) -> Result<(), Failure> {
        self.store(app, |inventory| inventory.shrink(self.epoch, key, uid)).await
    }
}

/// Whether a write may be given up half way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Once the run is to be put back.
    WhenAsked,
    /// Never: it is what puts things back.
    Never,
}

impl Hands {
    /// The object with its kind, which the server may have got since.
    pub(super) async fn located(&self, placed: &Placed) -> Result<Placed, Failure> {
        if placed.resource.is_some() {
            return Ok(placed.clone());
        }
        let kinds = self.kinds().await;
        let again = placed.again(&kinds);
        if again.resource.is_some() {
            return Ok(again);
        }
        let kinds = self.discover(&kinds).await?;
        let again = placed.again(&kinds);
        match again.resource {
            Some(_) => Ok(again),
            None => Err(format!(
                "{}: the API server has no kind {} in {}",
                placed.object.key,
                placed.object.key.kind,
                placed.object.api_version()
            )),
        }
    }

    /// Deletes an object and waits until it is gone.
    pub(super) async fn delete_and_wait(
        &self,
        session: &Session,
        placed: &Placed,
        uid: Option<&str>,
    ) -> Result<(), Failure> {
        let (resource, namespace, name) = placed.at()?;
        let precondition = Precondition { uid: uid.map(str::to_owned), version: None };
        let at = (namespace, name);
        let there = session.delete(resource, at, &precondition, Propagation::Background).await;
        if !there.map_err(|e| words(&e))? {
            return Ok(());
        }
        let start = std::time::Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let live = session.get(resource, namespace, name).await.map_err(|e| words(&e))?;
            let now = live.as_ref().and_then(|live| live.pointer("/metadata/uid")?.as_str());
            match (now, uid) {
                (None, _) => return Ok(()),
                // Another of the same name: ours is gone.
                (Some(now), Some(uid)) if now != uid => return Ok(()),
                (Some(_), _) => {}
            }
            if start.elapsed() > GONE {
                let holders = live.as_ref().and_then(|live| live.pointer("/metadata/finalizers")).cloned();
                return Err(format!(
                    "{} is not gone after {} s; finalizers: {}",
                    resource.shown(namespace, name),
                    GONE.as_secs(),
                    holders.unwrap_or_default()
                ));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Whose rules hold for an app's hooks.
fn dialect(app: &AppId) -> Dialect {
    if app.kind() == "Application" { Dialect::ArgoCd } else { Dialect::Helm }
}

pub(super) fn wanted(placed: &Placed, role: &Role) -> Wanted {
    let role = match role {
        Role::Hook(_) => MemberRole::Hook,
        Role::Part | Role::LeftOut(_) => MemberRole::Part,
    };
    Wanted::of(&placed.object, role)
}

/// A refusal in words; a conflict with its fields and their owners.
pub(super) fn words(error: &ClusterError) -> Failure {
    match error {
        ClusterError::Conflict { what, fields, .. } if !fields.is_empty() => {
            let fields: Vec<String> =
                fields.iter().map(|(field, owner)| format!("{field} ({owner})")).collect();
            format!(
                "{what}: other managers own {}; take them with engine.kubernetes.force, or leave them out",
                fields.join(", ")
            )
        }
        other => other.to_string(),
    }
}
