//! The deploy machine: event in, effects out.
//!
//! A total function: every event in every state gives a new state with effects,
//! or an [`IllegalEvent`] that changes nothing. Replaying the events gives the
//! state. Carries nothing out, takes no clock, retries nothing: that is `run`.

mod event;
mod fields;
pub mod health;
pub mod inventory;
pub mod keep;
mod machine;
pub mod order;
#[cfg(test)]
mod properties;
pub mod schedule;

use serde::Serialize;

use crate::affected::Action;
use crate::name::AppId;
use crate::plan::Step;
use crate::policy::ApprovedPlan;
use crate::record::{OutcomeKind, StepResult, StepStatus};

pub use event::{Event, EventError};

pub use crate::config::OnFailure;

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Being written, or its objects being deleted.
    Applying,
    /// Written; being watched.
    Settling,
    /// Ready.
    Settled,
    /// Failed.
    Failed,
    /// Being put back.
    Undoing,
    /// Put back.
    Undone,
    /// Could not be put back.
    UndoFailed,
    /// Never begun, and never will be.
    Skipped,
}

/// Where the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "phase", content = "outcome")]
pub enum Phase {
    /// The intent is being pushed; nothing is written before it is.
    Announcing,
    /// Steps are begun as their needs settle.
    Running,
    /// No step is begun any more; what is in flight is waited for.
    Failing,
    /// What was begun is put back, last begun first.
    RollingBack,
    /// The outcome is decided and being pushed.
    Ending(OutcomeKind),
    /// The outcome is recorded.
    Ended(OutcomeKind),
}

/// What is to be done now. Apps are sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Push the intent.
    Announce,
    /// Write these apps, all that are ready together.
    Apply(Vec<AppId>),
    /// Find these apps in place and ready; write nothing.
    Verify(Vec<AppId>),
    /// Wait for these written apps to become ready, or for these pruned apps
    /// to be gone.
    Watch(Vec<AppId>),
    /// Delete these apps' objects.
    Prune(Vec<AppId>),
    /// Put these apps back as they were before the run.
    Undo(Vec<AppId>),
    /// Push the outcome.
    Conclude(OutcomeKind),
}

/// Effects that an event asks for; forgetting them would stall the run.
#[must_use = "effects that are not carried out stall the run"]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects(pub Vec<Effect>);

/// An event that cannot happen in this state. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot happen: {why}")]
pub struct IllegalEvent {
    /// The event's name.
    pub event: &'static str,
    /// Why it cannot happen.
    pub why: String,
}

/// What the machine has to know of a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepOrder {
    /// The app.
    pub app: AppId,
    /// What is done with it.
    pub action: Action,
    /// `Apply` and `Verify`: the apps that must be settled first. `Prune`: the
    /// apps that it needs; they are pruned after it. Names outside the plan
    /// count as settled.
    pub needs: Vec<AppId>,
}

/// One deploy, from its announcement to its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    steps: Vec<MachineStep>,
    on_failure: OnFailure,
    phase: Phase,
    cause: Cause,
    /// Batches of step numbers in the order in which they were begun.
    begun: Vec<Vec<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct MachineStep {
    app: AppId,
    action: Action,
    /// Numbers of the steps that must be settled before this one begins.
    after: Vec<usize>,
    state: StepState,
    trace: Trace,
    reason: Option<String>,
}

/// Whether a step can have written anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    None,
    Possible,
}

/// Why the run does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    None,
    Failure,
    Cancelled,
}

impl Deployment {
    /// Begins an approved plan. The first effect announces it.
    pub fn new(approved: &ApprovedPlan, on_failure: OnFailure) -> (Self, Effects) {
        Self::from_steps(&approved.plan().steps.iter().map(StepOrder::of).collect::<Vec<_>>(), on_failure)
    }

    /// Takes up a plan whose intent is in the ledger, where only approved plans
    /// are announced. What it had written is applied again: that changes nothing.
    pub fn resume(announced: &[StepOrder], on_failure: OnFailure) -> (Self, Effects) {
        Self::from_steps(announced, on_failure)
    }

    /// The state after these events.
    pub fn replay(
        announced: &[StepOrder],
        on_failure: OnFailure,
        log: &[Event],
    ) -> Result<Self, IllegalEvent> {
        let (mut deployment, _) = Self::from_steps(announced, on_failure);
        for event in log {
            let _ = deployment.handle(event)?;
        }
        Ok(deployment)
    }

    /// Where the run is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Where a step is; `None` when the plan has none for this app.
    pub fn state(&self, app: &AppId) -> Option<StepState> {
        self.steps.iter().find(|step| step.app == *app).map(|step| step.state)
    }

    /// Every step with its state, in plan order.
    pub fn states(&self) -> impl Iterator<Item = (&AppId, StepState)> {
        self.steps.iter().map(|step| (&step.app, step.state))
    }

    /// What became of each step, in plan order, without durations.
    pub fn results(&self) -> impl Iterator<Item = (&AppId, StepResult)> {
        self.steps.iter().map(|step| {
            let result = StepResult { status: step.status(), reason: step.reason.clone(), duration_ms: 0 };
            (&step.app, result)
        })
    }

    /// The first failure's reason, in plan order.
    pub fn reason(&self) -> Option<(&AppId, &str)> {
        let failed = |step: &&MachineStep| step.state != StepState::Skipped;
        self.steps.iter().filter(failed).find_map(|step| Some((&step.app, step.reason.as_deref()?)))
    }
}

impl StepOrder {
    /// What the machine has to know of a plan's step.
    pub fn of(step: &Step) -> Self {
        let needs = match step.action {
            Action::Apply | Action::Verify => &step.needs,
            Action::Prune => &step.all_needs,
        };
        Self { app: step.app.clone(), action: step.action, needs: needs.clone() }
    }
}

impl MachineStep {
    fn status(&self) -> StepStatus {
        match (self.state, self.action) {
            // A check that nobody waited out says nothing about the app.
            (StepState::Pending | StepState::Skipped, _) | (StepState::Settling, Action::Verify) => {
                StepStatus::Pending
            }
            (StepState::Settled, Action::Apply) => StepStatus::Delivered,
            (StepState::Settled, Action::Verify) => StepStatus::Verified,
            (StepState::Settled, Action::Prune) => StepStatus::Pruned,
            (StepState::Applying | StepState::Settling | StepState::Failed, _) => StepStatus::Failed,
            (StepState::Undone, _) => StepStatus::RolledBack,
            (StepState::Undoing | StepState::UndoFailed, _) => StepStatus::Stuck,
        }
    }
}

impl Effects {
    /// Nothing to do now.
    pub fn none() -> Self {
        Self::default()
    }
}
