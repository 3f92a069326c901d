//! Deploys on real repositories: order, crashes, cancels, races, fencing.

mod crash;
mod race;
mod refused;
mod world;

use std::time::Duration;

use super::{Direction, Ended};
use crate::affected::Action::{Apply, Prune, Verify};
use crate::deploy::{Deployment, Event, OnFailure, Phase, StepOrder, StepState};
use crate::ledger::plans::{plan_restore, plan_rollback};
use crate::name::Environment;
use crate::record::{OutcomeKind, StepStatus};
use world::{World, app, commit, verdict};

#[test]
fn delivers_in_order_and_records_it() {
    let world = World::new();
    let plan = world
        .plan(1, &[("db", Apply, &[], "1"), ("api", Apply, &["db"], "1"), ("web", Apply, &["api"], "1")]);
    let record = world.deploy("r1", plan.clone()).record();
    assert_eq!(verdict(&record), OutcomeKind::Done);
    assert_eq!(record.outcome.as_ref().unwrap().message, "3 delivered");
    assert_eq!(
        world.subjects(),
        [
            "staging: intent 1 of deploy by ada",
            "staging: deliver App/_/db",
            "staging: deliver App/_/api",
            "staging: deliver App/_/web",
            "staging: outcome 2 of deploy by ada: done",
        ]
    );
    let now = world.snapshot();
    assert_eq!(now.state.at.commit, Some(commit(1)));
    assert_eq!(now.state.at.seq, Some(2));
    assert_eq!(now.state.at.lease, None);
    assert!(now.state.staged.is_empty());
    assert_eq!(
        now.apps.keys().map(ToString::to_string).collect::<Vec<_>>(),
        ["App/_/api", "App/_/db", "App/_/web"]
    );
    assert_eq!(now.apps[&app("api")].app.needs, [app("db")]);
    let position = record.ledger.as_ref().unwrap();
    assert_eq!((position.seq, position.intent), (2, Some(1)));
    let log: Vec<Event> = record.log.iter().map(|event| Event::from_json(event).unwrap()).collect();
    let steps: Vec<StepOrder> = plan.steps.iter().map(StepOrder::of).collect();
    let replayed = Deployment::replay(&steps, OnFailure::Rollback, &log).unwrap();
    assert_eq!(replayed.phase(), Phase::Ending(OutcomeKind::Done));
    assert!(replayed.states().all(|(_, state)| state == StepState::Settled));
    assert_eq!(world.problems(), []);
}

#[test]
fn what_is_ready_together_is_one_commit_and_prunes_come_last() {
    let world = World::new();
    let first =
        world.plan(1, &[("a", Apply, &[], "1"), ("b", Apply, &["a"], "1"), ("c", Apply, &["b"], "1")]);
    world.deploy("r1", first);
    let second = world.plan(
        2,
        &[
            ("d", Apply, &[], "1"),
            ("e", Apply, &[], "1"),
            ("c", Prune, &["b"], ""),
            ("b", Prune, &["a"], ""),
            ("a", Verify, &[], ""),
        ],
    );
    let record = world.deploy("r2", second).record();
    assert_eq!(verdict(&record), OutcomeKind::Done);
    assert_eq!(
        world.subjects()[5..],
        [
            "staging: intent 3 of deploy by ada",
            "staging: deliver App/_/d, App/_/e",
            "staging: prune App/_/c",
            "staging: prune App/_/b",
            "staging: outcome 4 of deploy by ada: done",
        ]
    );
    assert_eq!(world.names(), ["a", "d", "e"]);
    assert_eq!(world.problems(), []);
}

#[test]
fn nothing_to_do_is_one_entry_that_moves_the_commit() {
    let world = World::new();
    world.deploy("r1", world.plan(1, &[("a", Apply, &[], "1")]));
    let record = world.deploy("r2", world.plan(2, &[])).record();
    assert_eq!(verdict(&record), OutcomeKind::NothingToDo);
    let now = world.snapshot();
    assert_eq!((now.state.at.commit, now.state.at.seq), (Some(commit(2)), Some(3)));
    assert_eq!(world.problems(), []);
}

#[test]
fn a_missing_verified_app_puts_everything_back() {
    let world = World::new();
    world.deploy("r1", world.plan(1, &[("a", Apply, &[], "1")]));
    let before = world.tree();
    let plan =
        world.plan(2, &[("a", Apply, &[], "2"), ("new", Apply, &[], "1"), ("ghost", Verify, &["a"], "")]);
    let record = world.deploy("r2", plan.clone()).record();
    assert_eq!(verdict(&record), OutcomeKind::RolledBack);
    let statuses: Vec<StepStatus> = record.steps.iter().map(|step| step.result.status).collect();
    assert_eq!(statuses, [StepStatus::RolledBack, StepStatus::RolledBack, StepStatus::Failed]);
    assert_eq!(world.tree(), before, "byte for byte as it was");
    assert_eq!(world.problems(), []);

    // Left as it is: what was delivered stands apart from the environment's commit.
    let record = world.with(|world| world.on_failure = OnFailure::Leave).deploy("r3", plan).record();
    assert_eq!(verdict(&record), OutcomeKind::LeftAsIs);
    let now = world.snapshot();
    assert_eq!(now.state.at.commit, Some(commit(1)));
    assert_eq!(now.state.at.apart.keys().cloned().collect::<Vec<_>>(), [app("a"), app("new")]);
    assert_eq!(world.problems(), []);
}

#[test]
fn an_older_commit_never_overwrites_a_newer_one() {
    let world = World::new();
    world.deploy("r1", world.plan(2, &[("a", Apply, &[], "2")]));
    let before = world.subjects();
    let record = world.deploy("r2", world.plan(1, &[("a", Apply, &[], "1")])).record();
    assert_eq!(verdict(&record), OutcomeKind::Outrun);
    assert_eq!(record.outcome.as_ref().unwrap().exit_code, 9);
    let message = &record.outcome.as_ref().unwrap().message;
    assert!(message.contains("deployed by ada in entry 2") && message.contains("newer"), "{message}");
    assert!(record.ledger.is_none());
    let unknown = world.deploy("r3", world.plan(99, &[("a", Apply, &[], "1")])).record();
    assert!(unknown.outcome.unwrap().message.contains("fetch-depth: 0"));
    assert_eq!(world.subjects(), before, "nothing written");
}

#[test]
fn a_plan_made_against_another_state_is_made_again() {
    let world = World::new();
    let stale = world.request(world.plan(2, &[("a", Apply, &[], "2")]));
    world.deploy("r1", world.plan(1, &[("a", Apply, &[], "1")]));
    assert!(matches!(world.deploy_request("r2", stale, &|_| {}), Ended::Replan(_)));
}

#[test]
fn goes_back_to_an_entry_and_rebuilds_elsewhere() {
    let world = World::new();
    world.deploy(
        "r1",
        world
            .plan(1, &[("db", Apply, &[], "1"), ("api", Apply, &["db"], "1"), ("old", Apply, &["api"], "1")]),
    );
    let then = world.tree();
    let second = [
        ("db", Apply, &[][..], "2"),
        ("api", Apply, &["db"][..], "2"),
        ("old", Prune, &["api"][..], ""),
        ("new", Apply, &[][..], "1"),
    ];
    world.deploy("r2", world.plan(2, &second));
    let now = world.snapshot();
    let target =
        super::snapshot_at(&world.repo, &world.branch(), world.tip().unwrap(), &world.environment, 2)
            .unwrap()
            .unwrap();
    assert_eq!(target.state.tree, then);
    let plan = plan_rollback(&now, &target, commit(1)).unwrap();
    let order: Vec<String> =
        plan.steps.iter().map(|step| format!("{:?} {}", step.action, step.app.name())).collect();
    assert_eq!(order, ["Apply api", "Apply db", "Apply old", "Prune new"], "users before what they use");
    let mut request = world.request(plan);
    request.direction = Direction::Any;
    request.goal = target.state.at.clone();
    let record = world.deploy_request("r3", request, &|_| {}).record();
    assert_eq!(verdict(&record), OutcomeKind::Done);
    let back = world.snapshot();
    let objects = |snapshot: &crate::ledger::plans::Snapshot| {
        snapshot.apps.iter().map(|(app, stored)| (app.clone(), stored.objects.clone())).collect::<Vec<_>>()
    };
    assert_eq!(objects(&back), objects(&target));
    assert_eq!(back.state.at.commit, Some(commit(1)));

    let elsewhere = world.with(|world| world.environment = Environment::parse("spare").unwrap());
    let empty = elsewhere.snapshot();
    let plan = plan_restore(&empty, &back, commit(1)).unwrap().unwrap();
    let order: Vec<&str> = plan.steps.iter().map(|step| step.app.name()).collect();
    assert_eq!(order, ["db", "api", "old"]);
    assert_eq!(verdict(&elsewhere.deploy("r4", plan).record()), OutcomeKind::Done);
    assert_eq!(objects(&elsewhere.snapshot()), objects(&back));
    assert!(plan_restore(&elsewhere.snapshot(), &back, commit(1)).unwrap().is_none());
    assert_eq!(world.problems(), []);
}

#[test]
fn a_cancel_at_any_event_puts_everything_back() {
    for at in 0.. {
        let world = World::new();
        world.deploy("r0", world.plan(1, &[("db", Apply, &[], "1"), ("x", Apply, &[], "1")]));
        let before = world.tree();
        let plan =
            world.plan(2, &[("db", Apply, &[], "2"), ("api", Apply, &["db"], "2"), ("x", Prune, &[], "")]);
        let seen = std::cell::Cell::new(0);
        let record = world.deploy_watched("r1", plan, &|_| {
            if seen.get() == at {
                world.cancel.store(true, std::sync::atomic::Ordering::SeqCst);
            }
            seen.set(seen.get() + 1);
        });
        let record = record.record();
        assert_eq!(world.problems(), []);
        if verdict(&record) == OutcomeKind::Done {
            assert!(at + 1 >= seen.get(), "a cancel at {at} of {} was not heard", seen.get());
            return;
        }
        assert_eq!(verdict(&record), OutcomeKind::Cancelled);
        assert_eq!(record.outcome.unwrap().exit_code, 6);
        assert_eq!(world.tree(), before);
    }
}

#[test]
fn waits_for_a_live_holder_only_as_long_as_it_is_told() {
    let world = World::new();
    world.crash("r1", world.plan(1, &[("a", Apply, &[], "1")]), 1);
    let record = world.with(|world| world.wait = Duration::from_millis(1)).deploy("r2", world.plan(1, &[]));
    let record = record.record();
    assert_eq!(verdict(&record), OutcomeKind::Outrun);
    let message = record.outcome.unwrap().message;
    assert!(message.contains("staging is held by run r1 (ada)"), "{message}");
    // After its deadline it is dead, whatever its process does.
    let later = world.with(|world| world.skip = Duration::from_secs(3600));
    assert!(matches!(later.deploy("r2", world.plan(1, &[])), Ended::Recovered(_)));
    assert_eq!(world.names(), ["a"]);
}
