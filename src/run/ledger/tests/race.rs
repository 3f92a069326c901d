//! Runs at the same time: one winner, and nobody writes under another's lease.

use std::sync::Barrier;
use std::time::Duration;

use super::super::Ended;
use super::world::{World, verdict};
use crate::affected::Action::Apply;
use crate::deploy::Event;
use crate::name::Environment;
use crate::record::OutcomeKind;

#[test]
fn of_two_runs_on_one_environment_one_wins_and_the_other_says_who() {
    for _ in 0..50 {
        let world = World::new();
        let barrier = Barrier::new(2);
        let race = |run: &'static str| {
            let world = world.with(|_| {});
            let barrier = &barrier;
            move || {
                let request = world.request(world.plan(1, &[("a", Apply, &[], run)]));
                barrier.wait();
                // The winner stays where it has announced until the loser has lost.
                let ended = world.deploy_request(run, request, &|_| {});
                (run, ended)
            }
        };
        let (one, two) = std::thread::scope(|scope| {
            let (one, two) = (scope.spawn(race("r1")), scope.spawn(race("r2")));
            (one.join().unwrap(), two.join().unwrap())
        });
        let won = |ended: &Ended| matches!(ended, Ended::Finished(r) if verdict(r) == OutcomeKind::Done);
        let (winner, loser) = if won(&one.1) { (one, two) } else { (two, one) };
        assert!(won(&winner.1), "{winner:?} {loser:?}");
        match loser.1 {
            Ended::Finished(record) => {
                assert_eq!(verdict(&record), OutcomeKind::Outrun);
                let message = record.outcome.unwrap().message;
                assert!(message.contains(&format!("held by run {}", winner.0)), "{message}");
            }
            // The winner was done before the loser looked.
            Ended::Replan(_) => {}
            Ended::Recovered(_) => panic!("nobody died"),
        }
        let files = world.snapshot();
        assert_eq!(files.apps.values().next().unwrap().objects[0].json["data"]["version"], winner.0);
        assert_eq!(world.problems(), []);
    }
}

#[test]
fn runs_on_different_environments_all_get_there() {
    let world = World::new();
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let world = world.with(|w| w.environment = Environment::parse(&format!("e{number}")).unwrap());
            let barrier = &barrier;
            scope.spawn(move || {
                let plan = world.plan(1, &[("a", Apply, &[], "1"), ("b", Apply, &["a"], "1")]);
                let request = world.request(plan);
                barrier.wait();
                let record = world.deploy_request(&format!("r{number}"), request, &|_| {}).record();
                assert_eq!(verdict(&record), OutcomeKind::Done);
            });
        }
    });
    assert_eq!(world.problems(), []);
    let subjects = world.subjects();
    assert_eq!(subjects.len(), 8 * 4);
}

#[test]
fn a_run_that_was_taken_over_writes_nothing_more() {
    for stop in 1..7 {
        let world = World::new();
        world.deploy("r0", world.plan(1, &[("a", Apply, &[], "1")]));
        let plan = world.plan(2, &[("a", Apply, &[], "2"), ("b", Apply, &["a"], "2")]);
        let seen = std::cell::Cell::new(0);
        let tip = std::cell::Cell::new(None);
        let late = world.deploy_watched("slow", plan, &|event: &Event| {
            seen.set(seen.get() + 1);
            if seen.get() == stop && *event != Event::Concluded {
                // It sleeps past its deadline, and another run takes over.
                let later = world.with(|world| world.skip = Duration::from_secs(3600));
                assert!(matches!(later.deploy("r2", world.plan(2, &[])), Ended::Recovered(_)));
                tip.set(world.tip());
            }
        });
        if tip.get().is_none() {
            assert!(stop > 5);
            return;
        }
        let record = late.record();
        assert_eq!(verdict(&record), OutcomeKind::Outrun, "{stop}");
        assert!(record.ledger.is_none());
        assert_eq!(world.tip(), tip.get(), "stopped at event {stop}, it wrote on");
        assert_eq!(world.names(), ["a", "b"]);
        assert_eq!(world.problems(), []);
    }
}
