//! One app being written, batch by batch.
//!
//! Knows no inventory but the one that it is given: what it has done is the
//! caller's to write down.

use std::sync::atomic::Ordering;

use super::hands::{Failure, Hands, Stop, now, wanted, words};
use super::placed::Placed;
use crate::deploy::inventory::{Inventory, Wanted, digest};
use crate::deploy::order::{Batch, DeletePolicy, Order, Role, Then, WriteWhen, write_when};
use crate::deploy::owned::owns;
use crate::name::AppId;
use crate::outside::cluster::{ClusterError, DryRun, MANAGER, Ownership, Session};

/// One object that was written, or (without uid) is gone again.
pub(super) struct Done {
    pub(super) wanted: Wanted,
    pub(super) uid: Option<String>,
    pub(super) digest: Option<crate::name::Digest>,
}

/// What came of writing an app.
pub(super) struct Applied {
    pub(super) done: Vec<Done>,
    pub(super) failure: Option<Failure>,
}

/// One app being written.
pub(super) struct Writer<'a> {
    pub(super) hands: &'a Hands,
    pub(super) app: &'a AppId,
    pub(super) session: &'a Session,
    pub(super) before: &'a Inventory,
    pub(super) order: &'a Order,
    pub(super) stop: Stop,
}

impl Writer<'_> {
    pub(super) async fn batches(&self, objects: &[Placed]) -> Applied {
        let mut applied = Applied { done: Vec::new(), failure: None };
        let last = self.order.batches.len().saturating_sub(1);
        for (number, batch) in self.order.batches.iter().enumerate() {
            let asked = self.stop == Stop::WhenAsked && self.hands.stopping().load(Ordering::SeqCst);
            if asked {
                applied.failure = Some("stopped: the run is put back".to_owned());
                return applied;
            }
            if let Some(failure) = self.batch(objects, batch, &mut applied.done).await {
                applied.failure = Some(failure);
                return applied;
            }
            let hooks = batch.items.iter().any(|i| matches!(self.order.roles[*i], Role::Hook(_)));
            // After the last batch the machine waits, unless a hook has to end first.
            let wait = match batch.then {
                Then::GoOn => Vec::new(),
                Then::AllReady if number == last && !hooks => Vec::new(),
                Then::BatchReady => batch.items.clone(),
                Then::AllReady => {
                    self.order.batches[..=number].iter().flat_map(|b| b.items.clone()).collect()
                }
            };
            let wait: Vec<Placed> = wait.into_iter().map(|i| objects[i].clone()).collect();
            if !wait.is_empty()
                && let Err(failure) =
                    self.hands.wait_for(self.app, self.session, &wait, &self.hands.stopping()).await
            {
                applied.failure = Some(failure);
                return applied;
            }
            if hooks {
                self.hooks_done(objects, batch, DeletePolicy::Succeeded, &mut applied.done).await;
            }
        }
        applied
    }

    /// Writes a batch, all at the same time. The first failure in the objects' order.
    async fn batch(&self, objects: &[Placed], batch: &Batch, done: &mut Vec<Done>) -> Option<Failure> {
        let writes = batch.items.iter().map(|i| self.one(&objects[*i], &self.order.roles[*i]));
        let results = futures_util::future::join_all(writes).await;
        let mut failure = None;
        for result in results {
            match result {
                Ok(one) => done.extend(one),
                Err(why) => failure = failure.or(Some(why)),
            }
        }
        failure
    }

    async fn one(&self, placed: &Placed, role: &Role) -> Result<Option<Done>, Failure> {
        let when = write_when(&placed.object);
        if when == WriteWhen::Never {
            return Ok(None);
        }
        let placed = self.hands.located(placed).await?;
        let (resource, namespace, name) = placed.at()?;
        let desired = digest(&placed.object);
        let live = self.live_if_worth(&placed, desired.is_some()).await?;
        if let Some(live) = &live
            && (when == WriteWhen::Absent || owns(live, MANAGER, &placed.object.json))
        {
            self.hands.answered(self.app, &placed.object.key, live.clone(), None).await;
            return Ok(None);
        }
        if let Role::Hook(hook) = role
            && hook.delete.contains(&DeletePolicy::BeforeCreation)
        {
            self.hands.delete_and_wait(self.session, &placed, None).await?;
        }
        let apply = |ownership| {
            self.session.apply(resource, (namespace, name), &placed.object.json, ownership, DryRun::No)
        };
        let applied = match apply(Ownership::Respect).await {
            Err(ClusterError::Conflict { fields, .. }) if self.may_take(&fields) => {
                apply(Ownership::Take).await
            }
            other => other,
        };
        let applied = applied.map_err(|e| words(&e))?;
        self.hands.answered(self.app, &placed.object.key, applied.json, Some(now())).await;
        Ok(Some(Done { wanted: wanted(&placed, role), uid: Some(applied.uid), digest: desired }))
    }

    /// The live object, when it may be as it should be already: the inventory has it
    /// with the same content.
    async fn live_if_worth(
        &self,
        placed: &Placed,
        known: bool,
    ) -> Result<Option<serde_json::Value>, Failure> {
        let member = self.before.get(&placed.object.key);
        let same = known && member.is_some_and(|member| member.digest == digest(&placed.object));
        let absent_only = write_when(&placed.object) == WriteWhen::Absent;
        if !same && !absent_only {
            return Ok(None);
        }
        let (resource, namespace, name) = placed.at()?;
        let live = self.session.get(resource, namespace, name).await.map_err(|e| words(&e))?;
        let uid = |live: &serde_json::Value| {
            live.pointer("/metadata/uid").and_then(|uid| uid.as_str().map(str::to_owned))
        };
        Ok(live.filter(|live| {
            let going = live.pointer("/metadata/deletionTimestamp").is_some();
            !going && (absent_only || member.is_some_and(|m| m.uid.is_some() && m.uid == uid(live)))
        }))
    }

    /// Whether luigi.yaml lets all of these fields be taken from who owns them.
    fn may_take(&self, fields: &[(String, String)]) -> bool {
        !fields.is_empty() && fields.iter().all(|(field, _)| self.hands.config.force.contains(field))
    }

    /// Deletes the hooks of a batch whose policy says so.
    async fn hooks_done(
        &self,
        objects: &[Placed],
        batch: &Batch,
        policy: DeletePolicy,
        done: &mut Vec<Done>,
    ) {
        for item in &batch.items {
            let Role::Hook(hook) = &self.order.roles[*item] else { continue };
            if !hook.delete.contains(&policy) {
                continue;
            }
            let Ok(placed) = self.hands.located(&objects[*item]).await else { continue };
            // A hook that stays is in the inventory, and goes with the app.
            if self.hands.delete_and_wait(self.session, &placed, None).await.is_ok() {
                let wanted = wanted(&placed, &self.order.roles[*item]);
                done.retain(|d| d.wanted.key != wanted.key);
                done.push(Done { wanted, uid: None, digest: None });
            }
        }
    }

    /// The hooks that run when an app has failed. Their own failure changes nothing.
    pub(super) async fn on_failure(&self, objects: &[Placed]) {
        let mut done = Vec::new();
        for batch in &self.order.on_failure {
            let _ = self.batch(objects, batch, &mut done).await;
        }
        let _ = self.hands.note(self.app, &done).await;
    }
}
