//! Waits until an app's objects are ready for what was written, told by watches.
//!
//! Rules are `deploy::health`'s. What may not be listed is left empty: failures are
//! then found later, never in the wrong place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::hands::{Failure, Hands, now, words};
use super::placed::{Placed, place};
use super::work::Set;
use crate::deploy::Event;
use crate::deploy::health::{
    self, Applied, Around, Binding, Budget, Case, Failure as Unhealthy, Live, Need, Pod, Purpose, ReplicaSet,
    Revision, Settle, StatusPart, needs,
};
use crate::name::AppId;
use crate::object::ObjectKey;
use crate::outside::cluster::{ClusterError, Resource, Resources, Seen, Session, Watch};

/// How often rules that look at the clock are asked again.
const TICK: Duration = Duration::from_secs(1);
/// Lines of a failing container's log that are shown.
const LOG_LINES: usize = 10;
/// Events of a namespace that are looked through.
const EVENTS_SHOWN: usize = 3;

/// What a watch tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Objects,
    Related(Need),
}

type Told = (Source, ObjectKey, Seen);

impl Hands {
    /// Waits for an app that was written.
    pub async fn settle(&self, app: AppId) -> Event {
        let set = self.work.desired.get(&app).cloned().unwrap_or_default();
        match self.wait_ready(&app, &set).await {
            Ok(()) => Event::Settled { apps: vec![app] },
            Err(reason) => Event::Failed { app, reason },
        }
    }

    /// Finds an app ready that this run does not write.
    pub async fn verify(&self, app: AppId) -> Event {
        let set = self.work.before.get(&app).cloned().unwrap_or_default();
        match self.wait_ready(&app, &set).await {
            Ok(()) => Event::Settled { apps: vec![app] },
            Err(reason) => Event::Failed { app, reason },
        }
    }

    pub(super) async fn wait_ready(&self, app: &AppId, set: &Set) -> Result<(), Failure> {
        let session = self.session(app)?;
        let kinds = self.kinds().await;
        let mut objects = Vec::new();
        for placed in place(app, &set.objects, &set.target, &kinds) {
            if Self::is_part(&placed) {
                objects.push(self.located(&placed).await?);
            }
        }
        self.wait_for(app, &session, &objects, &AtomicBool::new(false)).await
    }

    /// Waits until these objects are ready, one of them has failed, or the time is
    /// up. `stop` ends it early.
    pub(super) async fn wait_for(
        &self,
        app: &AppId,
        session: &Session,
        objects: &[Placed],
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let answers = self.answers(app).await;
        let mut wait = Waiting::new(objects, answers, &*self.kinds().await);
        if wait.open(now()).map_err(|(_, failure)| failure.reason)?.is_empty() {
            return Ok(());
        }
        let (sender, mut receiver) = mpsc::channel(256);
        let _watches = wait.watch(session, &*self.kinds().await, &sender).await;
        let start = Instant::now();
        loop {
            tokio::select! {
                told = receiver.recv() => match told {
                    Some(told) => wait.take(told)?,
                    None => return Err("nothing tells of this app any more".to_owned()),
                },
                () = tokio::time::sleep(TICK) => {}
            }
            // What is there already is taken before rules are asked.
            while let Ok(told) = receiver.try_recv() {
                wait.take(told)?;
            }
            match wait.open(now()) {
                Ok(open) if open.is_empty() => return Ok(()),
                Ok(open) if start.elapsed() >= self.config.timeout => {
                    let seconds = self.config.timeout.as_secs();
                    let why = wait.with_events(session, &open).await;
                    return Err(format!("not ready after {seconds} s: {}", why.join("; ")));
                }
                Ok(_) => {}
                Err((key, failure)) => return Err(told_failure(session, &key, &failure).await),
            }
            if stop.load(Ordering::SeqCst) {
                return Err("stopped: the run is put back".to_owned());
            }
        }
    }
}

/// Objects being waited for, with all that is known of them.
struct Waiting {
    objects: Vec<Placed>,
    applied: BTreeMap<ObjectKey, Applied>,
    live: BTreeMap<ObjectKey, Option<Value>>,
    related: BTreeMap<(Need, String), BTreeMap<String, Value>>,
    binding: BTreeMap<ObjectKey, Binding>,
    statuses: BTreeMap<ObjectKey, StatusPart>,
    done: BTreeSet<ObjectKey>,
}

impl Waiting {
    fn new(objects: &[Placed], answers: BTreeMap<ObjectKey, (Applied, Value)>, _kinds: &Resources) -> Self {
        let mut this = Self {
            objects: objects.to_vec(),
            applied: BTreeMap::new(),
            live: BTreeMap::new(),
            related: BTreeMap::new(),
            binding: BTreeMap::new(),
            statuses: BTreeMap::new(),
            done: BTreeSet::new(),
        };
        for placed in objects {
            let has = placed.resource.as_ref().is_some_and(|resource| resource.has_status);
            let status = if has { StatusPart::Has } else { StatusPart::HasNone };
            this.statuses.insert(placed.object.key.clone(), status);
        }
        for (key, (applied, live)) in answers {
            this.applied.insert(key.clone(), applied);
            this.live.insert(key, Some(live));
        }
        this
    }

    /// Those that are not ready, with why; or the first that has failed.
    #[expect(clippy::result_large_err, reason = "made once, when the app has failed")]
    fn open(&mut self, now: i64) -> Result<Vec<(ObjectKey, String)>, (ObjectKey, Unhealthy)> {
        let budget = Budget::default();
        let nothing = Applied::default();
        let mut open = Vec::new();
        for placed in &self.objects {
            let key = &placed.object.key;
            if self.done.contains(key) {
                continue;
            }
            let around = self.around(key);
            let case = Case {
                desired: &placed.object,
                applied: self.applied.get(key).unwrap_or(&nothing),
                live: match self.live.get(key) {
                    None => Live::Unread,
                    Some(None) => Live::Gone(None),
                    Some(Some(live)) => Live::Here(live),
                },
                around: &around,
                purpose: if placed.is_hook() { Purpose::Hook } else { Purpose::Part },
                status: self.statuses.get(key).copied().unwrap_or(StatusPart::Has),
                check: None,
                budget: &budget,
                now,
            };
            match health::settle(&case) {
                settle if settle.is_done() => drop(self.done.insert(key.clone())),
                Settle::Failed(failure) => return Err((key.clone(), failure)),
                waiting => open.push((key.clone(), format!("{} {}: {waiting}", key.kind, key.name))),
            }
        }
        Ok(open)
    }

    fn around(&self, key: &ObjectKey) -> Around {
        let of = |need: Need| {
            self.related.get(&(need, key.namespace.clone())).into_iter().flat_map(|all| all.values())
        };
        Around {
            pods: of(Need::Pods).map(Pod::read).collect(),
            replica_sets: of(Need::ReplicaSets).map(ReplicaSet::read).collect(),
            revisions: of(Need::Revisions).map(Revision::read).collect(),
            events: of(Need::Events).map(health::Event::read).collect(),
            binding: self.binding.get(key).copied().unwrap_or_default(),
        }
    }

    /// Begins to watch all that is not ready, and what belongs to it.
    async fn watch(
        &mut self,
        session: &Session,
        kinds: &Resources,
        sender: &mpsc::Sender<Told>,
    ) -> JoinSet<()> {
        let mut watches = JoinSet::new();
        let mut objects: BTreeMap<(String, String, String), (Resource, BTreeSet<String>)> = BTreeMap::new();
        let mut related: BTreeSet<(Need, String)> = BTreeSet::new();
        for placed in self.objects.iter().filter(|placed| !self.done.contains(&placed.object.key)) {
            let key = &placed.object.key;
            if let Some(resource) = &placed.resource {
                let at = (key.group.clone(), key.kind.clone(), key.namespace.clone());
                objects
                    .entry(at)
                    .or_insert_with(|| (resource.clone(), BTreeSet::new()))
                    .1
                    .insert(key.name.clone());
            }
            for need in needs(key) {
                match need {
                    Need::Pods | Need::ReplicaSets | Need::Revisions => {
                        related.insert((*need, key.namespace.clone()));
                    }
                    Need::StorageClass => {
                        let class =
                            placed.object.json.pointer("/spec/storageClassName").and_then(Value::as_str);
                        if let Some(binding) = binding(session, kinds, class.unwrap_or("")).await {
                            self.binding.insert(key.clone(), binding);
                        }
                    }
                    // Listed when something is not ready in time.
                    Need::Events => {}
                }
            }
        }
        for ((_, _, namespace), (resource, names)) in objects {
            let fields = match names.iter().collect::<Vec<_>>().as_slice() {
                [one] => format!("metadata.name={one}"),
                _ => String::new(),
            };
            let watch = Watch { namespace: namespace.clone(), labels: String::new(), fields };
            forward(&mut watches, session, (&resource, watch), Source::Objects, sender);
        }
        for (need, namespace) in related {
            if let Some(resource) = of_need(kinds, need) {
                let watch = Watch { namespace, labels: String::new(), fields: String::new() };
                forward(&mut watches, session, (resource, watch), Source::Related(need), sender);
            }
        }
        watches
    }

    fn take(&mut self, (source, kind, seen): Told) -> Result<(), Failure> {
        let named = |json: &Value| {
            let text = |at: &str| json.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
            (text("/metadata/namespace"), text("/metadata/name"))
        };
        match (source, seen) {
            (Source::Objects, Seen::Is(json)) => {
                let (namespace, name) = named(&json);
                self.live.insert(ObjectKey { namespace, name, ..kind }, Some(*json));
            }
            (Source::Objects, Seen::Gone(json)) => {
                let (namespace, name) = named(&json);
                self.live.insert(ObjectKey { namespace, name, ..kind }, None);
            }
            (Source::Objects, Seen::Synced) => {
                // What the list did not show is not there.
                for placed in &self.objects {
                    let key = &placed.object.key;
                    let same =
                        key.group == kind.group && key.kind == kind.kind && key.namespace == kind.namespace;
                    if same && !self.applied.contains_key(key) {
                        self.live.entry(key.clone()).or_insert(None);
                    }
                }
            }
            (Source::Objects, Seen::Failed(error)) => return Err(words(&error)),
            (Source::Related(need), Seen::Is(json)) => {
                let (namespace, name) = named(&json);
                self.related.entry((need, namespace)).or_default().insert(name, *json);
            }
            (Source::Related(need), Seen::Gone(json)) => {
                let (namespace, name) = named(&json);
                self.related.entry((need, namespace)).or_default().remove(&name);
            }
            // Without it failures are found later.
            (Source::Related(_), Seen::Synced | Seen::Failed(_)) => {}
        }
        Ok(())
    }

    /// Why objects are not ready, with the newest warnings about them.
    async fn with_events(&self, session: &Session, open: &[(ObjectKey, String)]) -> Vec<String> {
        let mut out = Vec::new();
        for (key, why) in open {
            let uid = self.live.get(key).and_then(|live| live.as_ref()?.pointer("/metadata/uid")?.as_str());
            let warnings = match uid {
                Some(uid) => session.warnings(&key.namespace, uid, EVENTS_SHOWN).await.unwrap_or_default(),
                None => Vec::new(),
            };
            let more =
                if warnings.is_empty() { String::new() } else { format!(" ({})", warnings.join("; ")) };
            out.push(format!("{why}{more}"));
        }
        out
    }
}

fn of_need(kinds: &Resources, need: Need) -> Option<&Resource> {
    match need {
        Need::Pods => kinds.of("", "v1", "Pod"),
        Need::ReplicaSets => kinds.of("apps", "v1", "ReplicaSet"),
        Need::Revisions => kinds.of("apps", "v1", "ControllerRevision"),
        Need::Events => kinds.of("", "v1", "Event"),
        Need::StorageClass => kinds.of("storage.k8s.io", "v1", "StorageClass"),
    }
}

async fn binding(session: &Session, kinds: &Resources, class: &str) -> Option<Binding> {
    let resource = of_need(kinds, Need::StorageClass)?;
    if class.is_empty() {
        return None;
    }
    Some(Binding::read(&session.get(resource, "", class).await.ok()??))
}

/// Passes on what a watch tells, with what it is a watch of.
fn forward(
    watches: &mut JoinSet<()>,
    session: &Session,
    (resource, watch): (&Resource, Watch),
    source: Source,
    sender: &mpsc::Sender<Told>,
) {
    let kind = resource.key(&watch.namespace, "");
    let mut receiver = session.watch(resource, watch);
    let sender = sender.clone();
    watches.spawn(async move {
        while let Some(seen) = receiver.recv().await {
            if sender.send((source, kind.clone(), seen)).await.is_err() {
                return;
            }
        }
    });
}

/// A failure with the containers behind it, and the end of their logs.
async fn told_failure(session: &Session, key: &ObjectKey, failure: &Unhealthy) -> Failure {
    let mut out = format!("{} {}: {}", key.kind, key.name, failure.reason);
    for fault in failure.faults.iter().take(2) {
        out.push_str(&format!("\n  {fault}"));
        if let Some(log) = &fault.log {
            let lines: Result<Vec<String>, ClusterError> = session.pod_log(log, LOG_LINES).await;
            for line in lines.unwrap_or_default() {
                out.push_str(&format!("\n    | {line}"));
            }
        }
    }
    out
}
