//! Carries the deploy machine's effects out on a Kubernetes API server: each app
//! under its own credential, each the moment that its needs have settled.
//!
//! Everything that a crashed run leaves behind is in the ledger's intent and in
//! the inventories of the control namespace. Decides nothing about order, failure
//! or rollback: that is `deploy`.

mod carry;
pub mod drift;
pub mod grants;
pub mod hands;
mod placed;
mod preflight;
mod remove;
mod settle;
pub mod setup;
pub mod work;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use grants::{Grants, PROOF};
use hands::Hands;
pub use setup::{Cluster, SetupError};
use work::Work;

use crate::affected::Action;
use crate::deploy::{Effect, Event, Phase, StepOrder};
use crate::ledger;
use crate::name::AppId;
use crate::outside::cluster::{Locked, Session};
use crate::record::{CredentialRecord, OutcomeKind};
use crate::run::ledger::RunError;
use crate::run::ledger::drive::Drive;

/// How often the run's own token is asked for anew: a CI job's lives 5 minutes.
const TOKEN: Duration = Duration::from_mins(3);

/// Whose intent is being carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::run) enum Whose {
    /// This run's own: where it cannot begin, nothing was written.
    Own,
    /// A dead run's, by its holder: where it cannot be taken up, it stays for the
    /// next run.
    Dead(String),
}

/// What came of a run on a cluster.
pub(in crate::run) struct Carried {
    /// The outcome.
    pub(in crate::run) outcome: OutcomeKind,
    /// The credentials that were used.
    pub(in crate::run) credentials: Vec<CredentialRecord>,
}

/// A run that may write.
struct Begun {
    locked: Locked,
    control: Session,
    grants: Grants,
    hands: Arc<Hands>,
}

/// How a run names itself on a lock.
pub(in crate::run) fn holder(run: &str, attempt: u32) -> String {
    format!("{run}/{attempt}")
}

/// Carries an announced intent out.
pub(in crate::run) fn run(
    drive: &mut Drive<'_, '_, '_>,
    cluster: &Cluster,
    steps: &[StepOrder],
    whose: &Whose,
) -> Result<Carried, RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| RunError::Cluster(format!("no threads: {e}")))?;
    runtime.block_on(whole(drive, cluster, steps, whose))
}

async fn whole(
    drive: &mut Drive<'_, '_, '_>,
    cluster: &Cluster,
    steps: &[StepOrder],
    whose: &Whose,
) -> Result<Carried, RunError> {
    let work = load(drive, steps)?;
    let begun = match (begin(drive, cluster, work, steps, whose).await, whose) {
        (Ok(begun), _) => begun,
        (Err(reason), Whose::Own) => {
            let outcome = refuse(drive, &reason)?;
            return Ok(Carried { outcome, credentials: Vec::new() });
        }
        (Err(reason), Whose::Dead(_)) => return Err(RunError::Cluster(reason)),
    };
    let Begun { locked, control, mut grants, hands } = begun;
    let outcome = tokio::select! {
        outcome = carry::carry(drive, Arc::clone(&hands), locked.keep()) => outcome,
        never = upkeep(cluster, &control, &mut grants) => match never {},
    };
    let outcome = outcome?;
    // Who cancels has ten seconds in all: the post step proves what is left.
    let proof = if outcome == OutcomeKind::Cancelled { Duration::ZERO } else { PROOF };
    let revoked = grants.revoke(cluster, proof).await;
    if let Err(error) = locked.release().await {
        (drive.writer.ctx.say)(&format!("the lock was not given back, and ends by itself: {error}"));
    }
    Ok(Carried { outcome, credentials: grants.record(&revoked) })
}

/// The sets that this intent writes, and those before it.
fn load(drive: &Drive<'_, '_, '_>, steps: &[StepOrder]) -> Result<Work, RunError> {
    let view = drive.writer.view()?;
    let gone = || RunError::Cluster("the ledger's branch is gone".to_owned());
    let files = view.files().ok_or_else(gone)?;
    let before = drive.lease.as_ref().and_then(|lease| lease.before);
    let before = before.map(|commit| drive.writer.ctx.repo.files(commit)).transpose()?;
    let state = before
        .as_ref()
        .map(|files| ledger::read(files, &view.state.environment))
        .transpose()
        .map_err(RunError::from)?;
    let before = before.as_ref().map(|files| files as &dyn crate::files::Files).zip(state.as_ref());
    Ok(Work::load((files, &view.state), before, steps)?)
}

/// Lock, kinds, credentials, preflight: all that comes before the first write.
async fn begin(
    drive: &Drive<'_, '_, '_>,
    cluster: &Cluster,
    work: Work,
    steps: &[StepOrder],
    whose: &Whose,
) -> Result<Begun, String> {
    let words = |e: &dyn std::fmt::Display| e.to_string();
    let ctx = drive.writer.ctx;
    let epoch = drive.lease.as_ref().map_or(0, |lease| lease.seq);
    let control = cluster.session().map_err(|e| words(&e))?;
    let me = holder(&ctx.who.run, ctx.who.attempt);
    let dead = match whose {
        Whose::Own => None,
        Whose::Dead(holder) => Some(holder.as_str()),
    };
    let locked =
        control.lock(&cluster.namespace, &me, epoch, (ctx.wait, dead)).await.map_err(|e| words(&e))?;
    let control = control.behind(Arc::clone(&locked.fence));
    match ready(drive, cluster, (work, steps), (&control, &locked), epoch).await {
        Ok((grants, hands)) => Ok(Begun { locked, control, grants, hands: Arc::new(hands) }),
        Err(reason) => {
            // The reason says more than a failure to give the lock back could.
            let _ = locked.release().await;
            Err(reason)
        }
    }
}

async fn ready(
    drive: &Drive<'_, '_, '_>,
    cluster: &Cluster,
    (work, steps): (Work, &[StepOrder]),
    (control, locked): (&Session, &Locked),
    epoch: u64,
) -> Result<(Grants, Hands), String> {
    let resources = control.resources().await.map_err(|e| e.to_string())?;
    let mut targets = work.targets();
    targets.retain(|app, _| steps.iter().any(|step| step.app == *app));
    let (grants, failed) = Grants::ask(cluster, control, &drive.writer.ctx.who.run, &targets).await;
    let checked = if failed.is_empty() {
        let sessions: BTreeMap<AppId, Session> = targets
            .keys()
            .filter_map(|app| {
                Some((app.clone(), grants.session(cluster, app)?.behind(Arc::clone(&locked.fence))))
            })
            .collect();
        let environment = drive.writer.view().map_err(|e| e.to_string())?.state.environment;
        let names = (environment, cluster.config.clone(), cluster.namespace.clone());
        let hands = Hands::new(names, control.clone(), sessions, work, epoch, resources);
        preflight::preflight(&hands).await.map(|()| hands)
    } else {
        Err(preflight::not_granted(&failed))
    };
    match checked {
        Ok(hands) => Ok((grants, hands)),
        Err(reason) => {
            grants.revoke(cluster, Duration::ZERO).await;
            Err(reason)
        }
    }
}

/// Ends a run that could not begin: nothing was written.
fn refuse(drive: &mut Drive<'_, '_, '_>, reason: &str) -> Result<OutcomeKind, RunError> {
    loop {
        if let Phase::Ending(outcome) | Phase::Ended(outcome) = drive.machine.phase() {
            return Ok(outcome);
        }
        let todo = drive.take_todo();
        if todo.is_empty() {
            let why = "nothing is left to do, and there is no outcome".to_owned();
            return Err(crate::deploy::IllegalEvent { event: "refusing", why }.into());
        }
        for effect in todo {
            let reason = reason.to_owned();
            match effect {
                Effect::Apply(apps) | Effect::Prune(apps) => drive.feed(Event::Refused { apps, reason })?,
                Effect::Verify(apps) | Effect::Watch(apps) => {
                    for app in apps {
                        if drive.machine.phase() == Phase::Running {
                            drive.feed(Event::Failed { app, reason: reason.clone() })?;
                        }
                    }
                }
                Effect::Undo(apps) => drive.feed(Event::Undone { apps })?,
                Effect::Announce | Effect::Conclude(_) => {}
            }
        }
    }
}

/// Keeps every token alive while the run goes on. Never ends.
async fn upkeep(cluster: &Cluster, control: &Session, grants: &mut Grants) -> std::convert::Infallible {
    loop {
        let wait = grants.renew_in().map_or(TOKEN, |grant| grant.min(TOKEN)).max(Duration::from_secs(1));
        tokio::time::sleep(wait).await;
        // One that cannot be had now may be next time; the old one may last until then.
        if let Ok(token) = tokio::task::block_in_place(|| cluster.token()) {
            control.token().renew(token);
        }
        if grants.renew_in().is_some_and(|left| left.is_zero()) {
            grants.renew().await;
        }
    }
}

/// The apps that a finished run has written and removed.
pub(in crate::run) fn written(drive: &Drive<'_, '_, '_>, steps: &[StepOrder]) -> (Vec<AppId>, Vec<AppId>) {
    let settled = |action: Action| {
        let of = steps.iter().filter(move |step| step.action == action);
        of.filter(|step| drive.machine.state(&step.app) == Some(crate::deploy::StepState::Settled))
            .map(|step| step.app.clone())
            .collect()
    };
    (settled(Action::Apply), settled(Action::Prune))
}
