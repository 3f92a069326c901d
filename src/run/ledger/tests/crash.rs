//! A run may end between any two pushes: the next one ends it.

use std::time::Duration;

use super::super::Ended;
use super::world::{World, verdict};
use crate::affected::Action::{Apply, Prune};
use crate::ledger::OnCrash;
use crate::ledger::entry::entry;
use crate::plan::Plan;
use crate::record::OutcomeKind;

fn prepared(on_crash: OnCrash) -> World {
    let world = World::new().with(|world| world.on_crash = on_crash);
    let plan = world.plan(1, &[("db", Apply, &[], "1"), ("x", Apply, &[], "1"), ("y", Apply, &["x"], "1")]);
    world.deploy("r0", plan);
    world
}

fn second(world: &World) -> Plan {
    world.plan(
        2,
        &[
            ("db", Apply, &[], "2"),
            ("api", Apply, &["db"], "2"),
            ("web", Apply, &["api"], "2"),
            ("y", Prune, &["x"], ""),
            ("x", Prune, &[], ""),
        ],
    )
}

fn digests(world: &World) -> Vec<String> {
    let apps = world.snapshot().apps;
    apps.iter().map(|(app, stored)| format!("{app} {}", stored.app.digest)).collect()
}

/// The next runs, until one has a verdict of its own.
fn finish(world: &World, plan: impl Fn() -> Plan) {
    for number in 0..4 {
        // The dead run's deadline passes.
        let later = world.with(|world| world.skip = Duration::from_secs(3600 * (number + 1)));
        match later.deploy(&format!("f{number}"), plan()) {
            Ended::Finished(record) => {
                assert!(matches!(verdict(&record), OutcomeKind::Done | OutcomeKind::NothingToDo));
                return;
            }
            Ended::Recovered(_) | Ended::Replan(_) => {}
        }
    }
    panic!("no verdict in four runs");
}

#[test]
fn every_crash_is_resumed_to_the_same_state() {
    let clean = prepared(OnCrash::Resume);
    clean.deploy("r1", second(&clean));
    for at in 1.. {
        let world = prepared(OnCrash::Resume);
        if !world.crash("r1", second(&world), at) {
            assert!(at > 8, "the sweep ended after {at} events");
            return;
        }
        let later = world.with(|world| world.skip = Duration::from_secs(3600));
        let ended = later.deploy("r2", world.plan(2, &[]));
        let Ended::Recovered(recovered) = ended else { panic!("{at}: {ended:?}") };
        assert_eq!(recovered.run, "r1");
        assert_eq!(recovered.record["outcome"]["verdict"], "done");
        assert_eq!(digests(&world), digests(&clean), "crash at event {at}");
        assert_eq!(world.snapshot().state.at.commit, clean.snapshot().state.at.commit);
        assert_eq!(world.problems(), []);
        // Every batch was pushed once, whoever pushed it.
        let count = |subject: &str| world.subjects().iter().filter(|s| s.starts_with(subject)).count();
        assert_eq!((count("staging: deliver"), count("staging: prune")), (2 + 3, 2));
    }
}

#[test]
fn every_crash_is_put_back_where_that_is_asked_for() {
    let mut put_back = 0;
    for at in 1.. {
        let world = prepared(OnCrash::Rollback);
        let before = digests(&world);
        let tree = world.tree();
        if !world.crash("r1", second(&world), at) {
            assert!(put_back > 6);
            return;
        }
        let later = world.with(|world| world.skip = Duration::from_secs(3600));
        let Ended::Recovered(recovered) = later.deploy("r2", world.plan(2, &[])) else { panic!("{at}") };
        if recovered.record["outcome"]["verdict"] == "rolled-back" {
            assert_eq!((digests(&world), world.tree()), (before, tree), "crash at event {at}");
            put_back += 1;
        } else {
            // All of it was written, and only the outcome was missing.
            assert_eq!(recovered.record["outcome"]["verdict"], "done");
        }
        assert_eq!(world.problems(), []);
    }
}

#[test]
fn a_crash_while_a_crash_is_ended_is_ended_too() {
    let clean = prepared(OnCrash::Resume);
    clean.deploy("r1", second(&clean));
    for on_crash in [OnCrash::Resume, OnCrash::Rollback] {
        for first in [2, 5] {
            for then in [1, 2, 4, 6, 9] {
                let world = prepared(on_crash);
                assert!(world.crash("r1", second(&world), first));
                let later = world.with(|world| world.skip = Duration::from_secs(1800));
                later.crash("r2", world.plan(2, &[]), then);
                finish(&world, || {
                    if digests(&world) == digests(&clean) { world.plan(2, &[]) } else { second(&world) }
                });
                assert_eq!(digests(&world), digests(&clean));
                assert_eq!(world.problems(), []);
            }
        }
    }
}

#[test]
fn the_outcome_of_a_dead_run_says_who_ended_it() {
    let world = prepared(OnCrash::Resume);
    world.crash("r1", second(&world), 2);
    let later = world.with(|world| world.skip = Duration::from_secs(3600));
    let Ended::Recovered(recovered) = later.deploy("r2", world.plan(2, &[])) else { panic!() };
    let files = world.repo.files(world.tip().unwrap()).unwrap();
    let outcome = entry(&files, recovered.seq).unwrap();
    assert_eq!(outcome.value, recovered.record);
    assert_eq!(outcome.value["concludedBy"]["run"], "r2");
    assert_eq!(outcome.run_id().unwrap(), "r1");
    let message = outcome.value["outcome"]["message"].as_str().unwrap();
    assert_eq!(message, "resumed by run r2 after run r1 ended without an outcome: 3 delivered, 2 pruned");
}
