//! Properties of the machine under arbitrary plans, drivers and faults.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A world that carries effects out, with faults and order chosen by dice.
struct World {
    deployment: Deployment,
    todo: Vec<Effect>,
    log: Vec<Event>,
    /// Batches in the order in which the machine asked for them.
    begun: Vec<Vec<AppId>>,
    undone: Vec<Vec<AppId>>,
    state: BTreeMap<AppId, StepState>,
    cancelled: bool,
}

fn id(number: usize) -> AppId {
    AppId::new("App", "", &format!("a{number}")).unwrap()
}

fn plans() -> impl Strategy<Value = Vec<StepOrder>> {
    proptest::collection::vec((0..5u8, any::<u16>()), 0..9).prop_map(|steps| {
        let step = |(number, (action, needs)): (usize, &(u8, u16))| StepOrder {
            app: id(number),
            action: match action {
                0 => Action::Verify,
                1 => Action::Prune,
                _ => Action::Apply,
            },
            needs: (0..number).filter(|n| needs & (1 << n) != 0).map(id).collect(),
        };
        steps.iter().enumerate().map(step).collect()
    })
}

fn policies() -> impl Strategy<Value = OnFailure> {
    prop_oneof![Just(OnFailure::Rollback), Just(OnFailure::Leave)]
}

impl World {
    fn new(plan: &[StepOrder], on_failure: OnFailure) -> Self {
        let (deployment, effects) = Deployment::from_steps(plan, on_failure);
        let state = plan.iter().map(|step| (step.app.clone(), StepState::Pending)).collect();
        let (todo, log, begun, undone) = (effects.0, Vec::new(), Vec::new(), Vec::new());
        Self { deployment, todo, log, begun, undone, state, cancelled: false }
    }

    fn happen(&mut self, event: &Event) {
        let effects = self.deployment.handle(event).unwrap();
        self.log.push(event.clone());
        for effect in &effects.0 {
            match effect {
                Effect::Apply(apps) | Effect::Prune(apps) => self.begun.push(apps.clone()),
                Effect::Undo(apps) => self.undone.push(apps.clone()),
                Effect::Announce | Effect::Verify(_) | Effect::Watch(_) | Effect::Conclude(_) => {}
            }
        }
        self.todo.extend(effects.0);
    }

    /// Carries out one effect; `fault` below 40 makes it fail.
    fn step(&mut self, choice: u8, fault: u8) {
        let effect = self.todo.remove(usize::from(choice) % self.todo.len());
        let bad = fault < 40;
        let event = match effect {
            Effect::Announce if bad => Event::NotAnnounced { reason: "no".into() },
            Effect::Announce => Event::Announced,
            Effect::Apply(apps) | Effect::Prune(apps) => {
                match fault {
                    200.. if self.deployment.phase() == Phase::Failing => Event::Withdrawn { apps },
                    0..20 => Event::Refused { apps, reason: "no".into() },
                    20..40 => {
                        // One fails, the others are written.
                        let rest = apps[1..].to_vec();
                        if !rest.is_empty() {
                            self.happen(&Event::Applied { apps: rest });
                        }
                        Event::Failed { app: apps[0].clone(), reason: "no".into() }
                    }
                    _ => Event::Applied { apps },
                }
            }
            Effect::Verify(apps) | Effect::Watch(apps) => {
                // A watch that was given up is not answered.
                let still = |app: &AppId| self.deployment.state(app) == Some(StepState::Settling);
                let apps: Vec<AppId> = apps.into_iter().filter(still).collect();
                match (self.deployment.phase(), apps.first()) {
                    (Phase::Running | Phase::Failing, Some(app)) if bad => {
                        let event = Event::Failed { app: app.clone(), reason: "no".into() };
                        let rest = apps[1..].to_vec();
                        if !rest.is_empty() {
                            self.todo.push(Effect::Watch(rest));
                        }
                        event
                    }
                    (Phase::Running | Phase::Failing, Some(_)) => Event::Settled { apps },
                    _ => return,
                }
            }
            Effect::Undo(apps) if bad => Event::UndoFailed { apps, reason: "no".into() },
            Effect::Undo(apps) => Event::Undone { apps },
            Effect::Conclude(_) => Event::Concluded,
        };
        self.happen(&event);
    }

    fn run(&mut self, dice: &[(u8, u8, u8)], plan: &[StepOrder]) {
        let mut dice = dice.iter().cycle();
        // Every effect is carried out once, plus a bounded number of re-watches.
        for _ in 0..400 {
            if self.todo.is_empty() {
                break;
            }
            let (choice, fault, cancel) = *dice.next().unwrap();
            let open = !matches!(self.deployment.phase(), Phase::Ending(_) | Phase::Ended(_));
            if cancel < 6 && open {
                self.cancelled = true;
                self.happen(&Event::Cancelled);
            }
            self.step(choice, fault);
            self.check(plan);
        }
    }

    /// Nothing begins before what it needs has settled.
    fn check(&mut self, plan: &[StepOrder]) {
        for step in plan {
            let now = self.deployment.state(&step.app).unwrap();
            let before = self.state.insert(step.app.clone(), now).unwrap();
            if before != StepState::Pending || now == StepState::Pending || now == StepState::Skipped {
                continue;
            }
            let settled_once = |app: &AppId| {
                let settles = |e: &Event| matches!(e, Event::Settled { apps } if apps.contains(app));
                self.log.iter().any(settles)
            };
            for other in plan {
                let must = match (step.action, other.action) {
                    (Action::Prune, Action::Prune) => other.needs.contains(&step.app),
                    (Action::Prune, _) => true,
                    (_, Action::Prune) => false,
                    (_, _) => step.needs.contains(&other.app),
                };
                assert!(!must || settled_once(&other.app), "{} began before {}", step.app, other.app);
            }
        }
    }
}

fn any_event(kind: u8, number: usize) -> Event {
    let apps = vec![id(number)];
    let reason = String::from("x");
    match kind % 12 {
        10 => Event::Withdrawn { apps },
        0 => Event::Announced,
        1 => Event::NotAnnounced { reason },
        2 => Event::Applied { apps },
        3 => Event::Refused { apps, reason },
        4 => Event::Settled { apps },
        5 => Event::Failed { app: id(number), reason },
        6 => Event::Cancelled,
        7 => Event::Outrun { reason },
        8 => Event::Undone { apps },
        9 => Event::UndoFailed { apps, reason },
        _ => Event::Concluded,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_driver_reaches_an_outcome_that_replays(
        plan in plans(),
        on_failure in policies(),
        dice in proptest::collection::vec(any::<(u8, u8, u8)>(), 1..60),
    ) {
        let mut world = World::new(&plan, on_failure);
        world.run(&dice, &plan);
        let Phase::Ended(outcome) = world.deployment.phase() else {
            panic!("no outcome: {:?}", world.deployment);
        };
        prop_assert!(world.todo.is_empty());
        if world.cancelled {
            let fits = matches!(outcome, OutcomeKind::Cancelled | OutcomeKind::RolledBack | OutcomeKind::Stuck);
            prop_assert!(fits, "cancelled, and {:?}", outcome);
        }
        let states: Vec<StepState> = world.deployment.states().map(|(_, state)| state).collect();
        match outcome {
            OutcomeKind::Done => prop_assert!(states.iter().all(|s| *s == StepState::Settled)),
            OutcomeKind::RolledBack | OutcomeKind::Cancelled => {
                for step in world.deployment.results() {
                    let status = step.1.status;
                    prop_assert!(!matches!(status, StepStatus::Delivered | StepStatus::Pruned | StepStatus::Stuck));
                }
            }
            _ => {}
        }
        // What was put back, in exactly the reverse of the order of its batches.
        let touched: BTreeSet<&AppId> = world.undone.iter().flatten().collect();
        let mut expected: Vec<Vec<AppId>> = world.begun.iter().rev().cloned().collect();
        expected.iter_mut().for_each(|batch| batch.retain(|app| touched.contains(app)));
        expected.retain(|batch| !batch.is_empty());
        prop_assert_eq!(&expected, &world.undone);

        let log: Vec<Event> = world
            .log
            .iter()
            .map(|event| Event::from_json(&event.to_json().unwrap()).unwrap())
            .collect();
        prop_assert_eq!(&log, &world.log);
        prop_assert_eq!(Deployment::replay(&plan, on_failure, &log).unwrap(), world.deployment);
    }

    #[test]
    fn illegal_events_change_nothing(
        plan in plans(),
        on_failure in policies(),
        events in proptest::collection::vec((any::<u8>(), 0..10usize), 0..80),
    ) {
        let (mut deployment, _) = Deployment::from_steps(&plan, on_failure);
        for (kind, number) in events {
            let before = deployment.clone();
            if deployment.handle(&any_event(kind, number)).is_err() {
                prop_assert_eq!(&before, &deployment);
            }
        }
    }
}

#[test]
fn a_circle_of_needs_ends_all_the_same() {
    let step =
        |number: usize, action, need: usize| StepOrder { app: id(number), action, needs: vec![id(need)] };
    for (action, outcome) in [(Action::Apply, OutcomeKind::RolledBack), (Action::Prune, OutcomeKind::Done)] {
        let plan = [step(1, action, 2), step(2, action, 1)];
        let mut world = World::new(&plan, OnFailure::Rollback);
        while !world.todo.is_empty() {
            world.step(0, 255);
        }
        assert_eq!(world.deployment.phase(), Phase::Ended(outcome));
    }
}
