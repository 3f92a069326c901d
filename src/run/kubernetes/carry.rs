//! The loop: effects become tasks, what tasks come to goes back to the machine as
//! events, until the outcome is decided.
//!
//! Knows nothing of how one app is written, watched or put back: that is `hands`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::hands::Hands;
use crate::deploy::{Effect, Event, OnFailure, Phase, StepState};
use crate::name::AppId;
use crate::record::OutcomeKind;
use crate::run::ledger::RunError;
use crate::run::ledger::drive::Drive;

/// How often a signal is looked for.
const TICK: Duration = Duration::from_millis(100);

/// What the tasks of one run share with the loop.
struct Tasks {
    hands: Arc<Hands>,
    sender: mpsc::UnboundedSender<Event>,
    /// Set once the run is to be put back: what is being applied need not be finished.
    stopping: Arc<AtomicBool>,
    watching: BTreeMap<AppId, JoinHandle<()>>,
    on_failure: OnFailure,
    /// A dead run is undone: nothing new is written, and nobody waits for it.
    puts_back: bool,
}

/// Carries effects out until the outcome is decided. `lost` ends when the lock is
/// lost, with why.
pub(super) async fn carry(
    drive: &mut Drive<'_, '_, '_>,
    hands: Arc<Hands>,
    lost: impl Future<Output = String>,
) -> Result<OutcomeKind, RunError> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let on_failure = drive.writer.ctx.on_failure;
    let stopping = hands.stopping();
    let puts_back = drive.puts_back();
    let mut tasks = Tasks { hands, sender, stopping, watching: BTreeMap::new(), on_failure, puts_back };
    tokio::pin!(lost);
    loop {
        drive.heed_cancel()?;
        if let Phase::Ending(outcome) | Phase::Ended(outcome) = drive.machine.phase() {
            tasks.abandon();
            return Ok(outcome);
        }
        tasks.heed(drive.machine.phase(), drive.log.contains(&Event::Cancelled));
        for effect in drive.take_todo() {
            for app in effect_apps(&effect) {
                drive.begins(app);
            }
            tasks.begin(effect);
        }
        tokio::select! {
            event = receiver.recv() => if let Some(event) = event {
                take(drive, event)?;
            },
            why = &mut lost => drive.feed(Event::Outrun { reason: why })?,
            () = tokio::time::sleep(TICK) => drive.renew_if_due()?,
        }
    }
}

/// Hands an event to the machine, unless what it says came too late to matter.
fn take(drive: &mut Drive<'_, '_, '_>, event: Event) -> Result<(), RunError> {
    let open = matches!(drive.machine.phase(), Phase::Running | Phase::Failing);
    let is =
        |app: &AppId, states: &[StepState]| drive.machine.state(app).is_some_and(|s| states.contains(&s));
    let counts = match &event {
        Event::Applied { apps } | Event::Refused { apps, .. } => {
            open && apps.iter().all(|app| is(app, &[StepState::Applying]))
        }
        Event::Settled { apps } => open && apps.iter().all(|app| is(app, &[StepState::Settling])),
        Event::Failed { app, .. } => open && is(app, &[StepState::Applying, StepState::Settling]),
        Event::Undone { apps } | Event::UndoFailed { apps, .. } => {
            apps.iter().all(|app| is(app, &[StepState::Undoing]))
        }
        Event::Announced
        | Event::NotAnnounced { .. }
        | Event::Withdrawn { .. }
        | Event::Cancelled
        | Event::Outrun { .. }
        | Event::Concluded => true,
    };
    if counts {
        if let Some(app) = event_app(&event) {
            drive.ends(app);
        }
        drive.feed(event)?;
    }
    Ok(())
}

fn effect_apps(effect: &Effect) -> &[AppId] {
    match effect {
        Effect::Apply(apps) | Effect::Verify(apps) | Effect::Prune(apps) | Effect::Undo(apps) => apps,
        // It was begun when it was applied.
        Effect::Watch(_) | Effect::Announce | Effect::Conclude(_) => &[],
    }
}

fn event_app(event: &Event) -> Option<&AppId> {
    match event {
        Event::Settled { apps } | Event::Undone { apps } | Event::UndoFailed { apps, .. } => apps.first(),
        Event::Failed { app, .. } => Some(app),
        Event::Announced
        | Event::NotAnnounced { .. }
        | Event::Applied { .. }
        | Event::Refused { .. }
        | Event::Withdrawn { .. }
        | Event::Cancelled
        | Event::Outrun { .. }
        | Event::Concluded => None,
    }
}

impl Tasks {
    /// Once all is to be put back, nothing more is applied, and nobody waits for
    /// what is going to be undone.
    fn heed(&mut self, phase: Phase, cancelled: bool) {
        let undo = cancelled || self.on_failure == OnFailure::Rollback;
        if phase == Phase::Failing && undo {
            self.stopping.store(true, Ordering::SeqCst);
        }
        if phase == Phase::RollingBack {
            self.abandon();
        }
    }

    fn abandon(&mut self) {
        for (_, task) in std::mem::take(&mut self.watching) {
            task.abort();
        }
    }

    fn begin(&mut self, effect: Effect) {
        match effect {
            Effect::Apply(apps) | Effect::Prune(apps) if self.puts_back => {
                self.each(apps, |hands, app| async move { hands.stands(app).await });
            }
            Effect::Watch(apps) | Effect::Verify(apps) if self.puts_back => {
                self.each(apps, |_, app| async move { Event::Settled { apps: vec![app] } });
            }
            Effect::Apply(apps) => self.each(apps, |hands, app| async move { hands.apply(app).await }),
            Effect::Prune(apps) => self.each(apps, |hands, app| async move { hands.prune(app).await }),
            Effect::Undo(apps) => {
                self.stopping.store(false, Ordering::SeqCst);
                self.each(apps, |hands, app| async move { hands.undo(app).await });
            }
            Effect::Watch(apps) => self.watch(apps, |hands, app| async move { hands.settle(app).await }),
            Effect::Verify(apps) => self.watch(apps, |hands, app| async move { hands.verify(app).await }),
            // Announced before the loop; decided by it.
            Effect::Announce | Effect::Conclude(_) => {}
        }
    }

    fn each<F: Future<Output = Event> + Send + 'static>(
        &self,
        apps: Vec<AppId>,
        work: impl Fn(Arc<Hands>, AppId) -> F,
    ) {
        for app in apps {
            let (work, sender) = (work(Arc::clone(&self.hands), app), self.sender.clone());
            tokio::spawn(async move {
                // Nobody listens once the outcome is decided.
                let _ = sender.send(work.await);
            });
        }
    }

    fn watch<F: Future<Output = Event> + Send + 'static>(
        &mut self,
        apps: Vec<AppId>,
        work: impl Fn(Arc<Hands>, AppId) -> F,
    ) {
        for app in apps {
            let (work, sender) = (work(Arc::clone(&self.hands), app.clone()), self.sender.clone());
            let task = tokio::spawn(async move {
                let _ = sender.send(work.await);
            });
            self.watching.insert(app, task);
        }
    }
}
