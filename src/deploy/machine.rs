//! The transitions: what each event does in each state.
//!
//! Every check stands before the first change, so that an illegal event changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Cause, Deployment, Effect, Effects, Event, IllegalEvent, MachineStep, OnFailure, Phase, StepOrder,
    StepState, Trace,
};
use crate::affected::Action;
use crate::name::AppId;
use crate::record::OutcomeKind;

impl Deployment {
    /// Steps in plan order. A second step for the same app is left out.
    pub(super) fn from_steps(orders: &[StepOrder], on_failure: OnFailure) -> (Self, Effects) {
        let mut numbers = BTreeMap::new();
        let mut kept = Vec::new();
        for order in orders {
            numbers.entry(&order.app).or_insert_with(|| {
                kept.push(order);
                kept.len() - 1
            });
        }
        let mut steps: Vec<MachineStep> = kept.iter().map(|order| MachineStep::pending(order)).collect();
        for (number, order) in kept.iter().enumerate() {
            for need in order.needs.iter().filter_map(|need| numbers.get(need).copied()) {
                match (order.action, kept[need].action) {
                    (Action::Apply | Action::Verify, Action::Apply | Action::Verify) => {
                        steps[number].after.push(need);
                    }
                    // What is needed goes after what needed it.
                    (Action::Prune, Action::Prune) => steps[need].after.push(number),
                    // Prunes wait for all else anyway.
                    (Action::Prune, Action::Apply | Action::Verify)
                    | (Action::Apply | Action::Verify, Action::Prune) => {}
                }
            }
        }
        let deployment =
            Self { steps, on_failure, phase: Phase::Announcing, cause: Cause::None, begun: Vec::new() };
        (deployment, Effects(vec![Effect::Announce]))
    }

    /// What the event does. An illegal one changes nothing.
    pub fn handle(&mut self, event: &Event) -> Result<Effects, IllegalEvent> {
        let illegal = |why: String| Err(IllegalEvent { event: event.name(), why });
        match self.phase {
            Phase::Ended(_) => illegal("the run has ended".to_owned()),
            Phase::Ending(outcome) => match event {
                Event::Concluded => {
                    self.phase = Phase::Ended(outcome);
                    Ok(Effects::none())
                }
                _ => illegal("the outcome is decided".to_owned()),
            },
            Phase::Announcing => self.announcing(event),
            Phase::Running | Phase::Failing => self.running(event),
            Phase::RollingBack => self.rolling_back(event),
        }
    }

    fn announcing(&mut self, event: &Event) -> Result<Effects, IllegalEvent> {
        match event {
            Event::Announced => match self.cause {
                Cause::None if self.steps.is_empty() => Ok(self.end(OutcomeKind::NothingToDo)),
                Cause::None => {
                    self.phase = Phase::Running;
                    Ok(self.go_on())
                }
                Cause::Failure | Cause::Cancelled => Ok(self.end(OutcomeKind::Cancelled)),
            },
            Event::NotAnnounced { .. } => match self.cause {
                Cause::None | Cause::Failure => Ok(self.end(OutcomeKind::Error)),
                Cause::Cancelled => Ok(self.end(OutcomeKind::Cancelled)),
            },
            Event::Cancelled => {
                self.cause = Cause::Cancelled;
                Ok(Effects::none())
            }
            Event::Outrun { .. } => Ok(self.end(OutcomeKind::Outrun)),
            Event::Applied { .. }
            | Event::Refused { .. }
            | Event::Withdrawn { .. }
            | Event::Settled { .. }
            | Event::Failed { .. }
            | Event::Undone { .. }
            | Event::UndoFailed { .. }
            | Event::Concluded => {
                Err(IllegalEvent { event: event.name(), why: "the run is not announced".to_owned() })
            }
        }
    }

    fn running(&mut self, event: &Event) -> Result<Effects, IllegalEvent> {
        match event {
            Event::Applied { apps } => {
                let numbers = self.all(event, apps, &[StepState::Applying])?;
                self.set(&numbers, StepState::Settling, None);
                let mut effects = Effects::none();
                if !self.will_undo() {
                    effects.0.push(Effect::Watch(self.names(&numbers)));
                }
                Ok(effects.and(self.go_on()))
            }
            Event::Settled { apps } => {
                let numbers = self.all(event, apps, &[StepState::Settling])?;
                self.set(&numbers, StepState::Settled, None);
                Ok(self.go_on())
            }
            Event::Refused { apps, reason } => {
                let numbers = self.all(event, apps, &[StepState::Applying])?;
                for number in &numbers {
                    self.steps[*number].trace = Trace::None;
                }
                self.set(&numbers, StepState::Failed, Some(reason));
                Ok(self.stop(Cause::Failure))
            }
            Event::Withdrawn { apps } => {
                if self.phase == Phase::Running {
                    let why = "the run is not stopping".to_owned();
                    return Err(IllegalEvent { event: event.name(), why });
                }
                let numbers = self.all(event, apps, &[StepState::Applying])?;
                self.set(&numbers, StepState::Skipped, None);
                Ok(self.go_on())
            }
            Event::Failed { app, reason } => {
                let in_flight = [StepState::Applying, StepState::Settling];
                let numbers = self.all(event, std::slice::from_ref(app), &in_flight)?;
                self.set(&numbers, StepState::Failed, Some(reason));
                Ok(self.stop(Cause::Failure))
            }
            Event::Cancelled => Ok(self.stop(Cause::Cancelled)),
            Event::Outrun { reason } => Ok(self.outrun(reason)),
            Event::Announced
            | Event::NotAnnounced { .. }
            | Event::Undone { .. }
            | Event::UndoFailed { .. }
            | Event::Concluded => Err(IllegalEvent {
                event: event.name(),
                why: "the run is announced, and nothing is being put back".to_owned(),
            }),
        }
    }

    fn rolling_back(&mut self, event: &Event) -> Result<Effects, IllegalEvent> {
        match event {
            Event::Undone { apps } => {
                let numbers = self.all(event, apps, &[StepState::Undoing])?;
                self.set(&numbers, StepState::Undone, None);
                Ok(self.go_on())
            }
            Event::UndoFailed { apps, reason } => {
                let numbers = self.all(event, apps, &[StepState::Undoing])?;
                self.set(&numbers, StepState::UndoFailed, Some(reason));
                Ok(self.go_on())
            }
            // It is being put back already.
            Event::Cancelled => Ok(Effects::none()),
            Event::Outrun { reason } => Ok(self.outrun(reason)),
            Event::Announced
            | Event::NotAnnounced { .. }
            | Event::Applied { .. }
            | Event::Refused { .. }
            | Event::Withdrawn { .. }
            | Event::Settled { .. }
            | Event::Failed { .. }
            | Event::Concluded => {
                Err(IllegalEvent { event: event.name(), why: "the run is being put back".to_owned() })
            }
        }
    }

    /// No step is begun any more. A failure that came first stays the cause,
    /// unless it would have left things as they are: who cancels wants them back.
    fn stop(&mut self, cause: Cause) -> Effects {
        self.cause = match (self.cause, cause, self.on_failure) {
            (Cause::Failure, Cause::Cancelled, OnFailure::Leave) => Cause::Cancelled,
            (Cause::None, cause, _) => cause,
            (before, _, _) => before,
        };
        self.phase = Phase::Failing;
        self.go_on()
    }

    fn will_undo(&self) -> bool {
        match (self.cause, self.on_failure) {
            (Cause::None, _) | (Cause::Failure, OnFailure::Leave) => false,
            (Cause::Failure, OnFailure::Rollback) | (Cause::Cancelled, _) => true,
        }
    }

    /// What follows from the state as it is now.
    fn go_on(&mut self) -> Effects {
        match self.phase {
            Phase::Announcing | Phase::Ending(_) | Phase::Ended(_) => Effects::none(),
            Phase::Running => self.begin_ready(),
            Phase::Failing => self.drain(),
            Phase::RollingBack => self.undo_next(),
        }
    }

    fn begin_ready(&mut self) -> Effects {
        let mut effects = Effects::none();
        let main = self.ready(&[Action::Apply, Action::Verify]);
        for action in [Action::Apply, Action::Verify] {
            let batch: Vec<usize> =
                main.iter().copied().filter(|number| self.steps[*number].action == action).collect();
            effects = effects.and(self.begin(action, batch));
        }
        if !effects.0.is_empty() || self.in_flight(&[Action::Apply, Action::Verify]) {
            return effects;
        }
        let stalled = self.pending(&[Action::Apply, Action::Verify]);
        if !stalled.is_empty() {
            // A plan has no circles; if one does, this must end all the same.
            self.set(&stalled, StepState::Failed, Some("it waits for itself, in a circle of needs"));
            return self.stop(Cause::Failure);
        }
        let mut prunes = self.ready(&[Action::Prune]);
        if prunes.is_empty() && !self.in_flight(&[Action::Prune]) {
            // Stored needs can be of different ages and form a circle: then
            // there is no better order than together.
            prunes = self.pending(&[Action::Prune]);
            if prunes.is_empty() {
                return self.end(OutcomeKind::Done);
            }
        }
        self.begin(Action::Prune, prunes)
    }

    fn begin(&mut self, action: Action, batch: Vec<usize>) -> Effects {
        if batch.is_empty() {
            return Effects::none();
        }
        let apps = self.names(&batch);
        let effect = match action {
            Action::Verify => {
                self.set(&batch, StepState::Settling, None);
                return Effects(vec![Effect::Verify(apps)]);
            }
            Action::Apply => Effect::Apply(apps),
            Action::Prune => Effect::Prune(apps),
        };
        self.set(&batch, StepState::Applying, None);
        for number in &batch {
            self.steps[*number].trace = Trace::Possible;
        }
        self.begun.push(batch);
        Effects(vec![effect])
    }

    /// Waits for writes. Watching is waited for only when things stay as they
    /// are: what is put back need not become ready first.
    fn drain(&mut self) -> Effects {
        let waited = |state: StepState, undo: bool| match state {
            StepState::Applying => true,
            StepState::Settling => !undo,
            StepState::Pending
            | StepState::Settled
            | StepState::Failed
            | StepState::Undoing
            | StepState::Undone
            | StepState::UndoFailed
            | StepState::Skipped => false,
        };
        let undo = self.will_undo();
        if self.steps.iter().any(|step| waited(step.state, undo)) {
            return Effects::none();
        }
        if undo {
            self.phase = Phase::RollingBack;
            return self.undo_next();
        }
        self.end(OutcomeKind::LeftAsIs)
    }

    /// The next batch to be put back: the last begun that left a trace. After
    /// one that could not be put back, nothing more is touched: what it needs
    /// must stay under it.
    fn undo_next(&mut self) -> Effects {
        if self.steps.iter().any(|step| step.state == StepState::Undoing) {
            return Effects::none();
        }
        if self.steps.iter().any(|step| step.state == StepState::UndoFailed) {
            return self.end(OutcomeKind::Stuck);
        }
        let undoable = |step: &MachineStep| match step.state {
            StepState::Applying | StepState::Settling | StepState::Settled => true,
            StepState::Failed => step.trace == Trace::Possible,
            StepState::Pending
            | StepState::Undoing
            | StepState::Undone
            | StepState::UndoFailed
            | StepState::Skipped => false,
        };
        while let Some(mut batch) = self.begun.pop() {
            batch.retain(|number| undoable(&self.steps[*number]));
            if !batch.is_empty() {
                self.set(&batch, StepState::Undoing, None);
                return Effects(vec![Effect::Undo(self.names(&batch))]);
            }
        }
        self.end(match self.cause {
            Cause::Cancelled => OutcomeKind::Cancelled,
            Cause::None | Cause::Failure => OutcomeKind::RolledBack,
        })
    }

    fn outrun(&mut self, reason: &str) -> Effects {
        let open = [StepState::Applying, StepState::Settling, StepState::Undoing];
        let open: Vec<usize> =
            (0..self.steps.len()).filter(|number| open.contains(&self.steps[*number].state)).collect();
        self.set(&open, StepState::Failed, Some(reason));
        self.end(OutcomeKind::Outrun)
    }

    fn end(&mut self, outcome: OutcomeKind) -> Effects {
        let pending = self.pending(&[Action::Apply, Action::Verify, Action::Prune]);
        self.set(&pending, StepState::Skipped, None);
        self.phase = Phase::Ending(outcome);
        Effects(vec![Effect::Conclude(outcome)])
    }
}

// What the transitions ask and set.
impl Deployment {
    fn ready(&self, actions: &[Action]) -> Vec<usize> {
        let settled = |number: &usize| self.steps[*number].state == StepState::Settled;
        let mut ready = self.pending(actions);
        ready.retain(|number| self.steps[*number].after.iter().all(settled));
        ready
    }

    fn pending(&self, actions: &[Action]) -> Vec<usize> {
        let pending = |step: &MachineStep| step.state == StepState::Pending && actions.contains(&step.action);
        (0..self.steps.len()).filter(|number| pending(&self.steps[*number])).collect()
    }

    fn in_flight(&self, actions: &[Action]) -> bool {
        let open = [StepState::Applying, StepState::Settling];
        self.steps.iter().any(|step| actions.contains(&step.action) && open.contains(&step.state))
    }

    /// The numbers of these apps' steps, all of which must be in such a state.
    fn all(&self, event: &Event, apps: &[AppId], states: &[StepState]) -> Result<Vec<usize>, IllegalEvent> {
        let illegal = |why: String| IllegalEvent { event: event.name(), why };
        let mut numbers = BTreeSet::new();
        for app in apps {
            let number = self
                .steps
                .iter()
                .position(|step| step.app == *app)
                .ok_or_else(|| illegal(format!("{app} is not in the plan")))?;
            let step = &self.steps[number];
            if !states.contains(&step.state) {
                return Err(illegal(format!("{app} is {:?}", step.state)));
            }
            if !numbers.insert(number) {
                return Err(illegal(format!("{app} is named twice")));
            }
        }
        if numbers.is_empty() {
            return Err(illegal("it names no app".to_owned()));
        }
        Ok(numbers.into_iter().collect())
    }

    fn set(&mut self, numbers: &[usize], state: StepState, reason: Option<&str>) {
        for number in numbers {
            let step = &mut self.steps[*number];
            step.state = state;
            if let Some(reason) = reason {
                step.reason = Some(match step.reason.take() {
                    Some(first) => format!("{first}; then: {reason}"),
                    None => reason.to_owned(),
                });
            }
        }
    }

    fn names(&self, numbers: &[usize]) -> Vec<AppId> {
        let mut names: Vec<AppId> = numbers.iter().map(|number| self.steps[*number].app.clone()).collect();
        names.sort();
        names
    }
}

impl MachineStep {
    fn pending(order: &StepOrder) -> Self {
        Self {
            app: order.app.clone(),
            action: order.action,
            after: Vec::new(),
            state: StepState::Pending,
            trace: Trace::None,
            reason: None,
        }
    }
}

impl Effects {
    fn and(mut self, more: Effects) -> Effects {
        self.0.extend(more.0);
        self
    }
}
