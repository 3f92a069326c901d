//! Two deploys at once: one wins, or they follow one another; never both at a
//! time, and the newer commit stands in the end.

use std::path::{Path, PathBuf};

use super::fleet::{Fleet, Ledger, Numbers, Ran, ended};

/// Who races, by the number of its commit.
struct Racer<'a> {
    name: &'a str,
    clone: &'a Path,
    commit: usize,
}

impl Racer<'_> {
    fn command(&self, fleet: &Fleet, more: &[&str]) -> std::process::Command {
        let base = ["deploy", "-e", "staging", "--head", &fleet.commits[self.commit]];
        let mut command = Fleet::luigi(self.clone, &[&base, more].concat());
        command.env("USER", self.name);
        command
    }
}

/// Both at once; their results in order of the racers.
fn race(fleet: &Fleet, racers: [&Racer<'_>; 2], more: &[&str]) -> [Ran; 2] {
    racers.map(|racer| fleet.start(racer.command(fleet, more))).map(ended)
}

/// Between an intent and its outcome there is nothing of another run. Gives who
/// wrote each outcome, in order.
#[track_caller]
fn in_order(fleet: &Fleet, from: &str) -> Vec<String> {
    let mut open = None;
    let mut outcomes = Vec::new();
    for subject in fleet.subjects(from) {
        let by = |text: &str| text.split(" by ").nth(1).map(|who| who.split(':').next().unwrap().to_owned());
        if subject.contains(": intent ") {
            assert_eq!(open, None, "{subject}");
            open = by(&subject);
        } else if subject.contains(": outcome ") {
            let who = by(&subject);
            assert!(open.take().is_none_or(|open| Some(&open) == who.as_ref()), "{subject}");
            outcomes.extend(who);
        } else {
            assert!(open.is_some(), "{subject}");
        }
    }
    assert_eq!(open, None);
    outcomes
}

fn clean(fleet: &Fleet, from: &str, commit: usize) -> Ledger {
    fleet.reset(from);
    let clone = fleet.clone_hub();
    fleet.deploy(&clone, commit).exits(0);
    fleet.sound(&clone)
}

fn both(fleet: &Fleet) -> [PathBuf; 2] {
    [fleet.clone_hub(), fleet.clone_hub()]
}

/// What one race leaves behind.
#[track_caller]
fn stands(fleet: &Fleet, clones: &[PathBuf; 2], end: &Ledger) {
    for clone in clones {
        // What is verified is what the clone heard of last: both must hold.
        fleet.run(clone, &["verify"]).exits(0);
        std::fs::remove_dir_all(clone).unwrap();
    }
    let ledger = fleet.ledger();
    ledger.sound();
    assert_eq!(ledger.environments(Numbers::Differ), end.environments(Numbers::Differ));
}

#[test]
fn of_two_commits_the_newer_stands_in_the_end() {
    let (fleet, from) = Fleet::deployed("{}");
    let end = clean(&fleet, &from, 2);
    for round in 0..25 {
        fleet.reset(&from);
        // Every other time the two intents reach git at the same moment.
        if round % 2 == 0 {
            fleet.meet()
        } else {
            fleet.aim(None)
        }
        let clones = both(&fleet);
        let older = Racer { name: "ada", clone: &clones[0], commit: 1 };
        let newer = Racer { name: "bob", clone: &clones[1], commit: 2 };
        let (old, new) = if round % 4 < 2 {
            let [old, new] = race(&fleet, [&older, &newer], &[]);
            (old, new)
        } else {
            let [new, old] = race(&fleet, [&newer, &older], &[]);
            (old, new)
        };
        new.exits(0);
        let outcomes = in_order(&fleet, &from);
        match old.code {
            Some(0) => assert_eq!(outcomes, ["ada", "bob"]),
            _ => {
                old.exits(9).says(&["deployed by bob", "newer", &fleet.commits[2][..12]]);
                assert_eq!(outcomes, ["bob"]);
            }
        }
        stands(&fleet, &clones, &end);
    }
}

#[test]
fn of_two_runs_of_one_commit_the_second_finds_nothing_to_do() {
    let (fleet, from) = Fleet::deployed("{}");
    let end = clean(&fleet, &from, 2);
    for round in 0..20 {
        fleet.reset(&from);
        if round % 2 == 0 {
            fleet.meet()
        } else {
            fleet.aim(None)
        }
        let clones = both(&fleet);
        let ada = Racer { name: "ada", clone: &clones[0], commit: 2 };
        let bob = Racer { name: "bob", clone: &clones[1], commit: 2 };
        let [ada, bob] = race(&fleet, [&ada, &bob], &[]).map(|ran| ran.exits(0));
        let outcomes = in_order(&fleet, &from);
        assert_eq!(outcomes.len(), 2);
        let [first, second] = if outcomes[0] == "ada" { [ada, bob] } else { [bob, ada] };
        first.says(&["5 delivered"]);
        second.says(&["nothing differs"]);
        stands(&fleet, &clones, &end);
    }
}

#[test]
fn who_does_not_wait_is_told_who_holds() {
    let (fleet, from) = Fleet::deployed("{}");
    let end = clean(&fleet, &from, 2);
    for _ in 0..5 {
        fleet.reset(&from);
        fleet.meet();
        let clones = both(&fleet);
        let ada = Racer { name: "ada", clone: &clones[0], commit: 2 };
        let bob = Racer { name: "bob", clone: &clones[1], commit: 2 };
        let [ada, bob] = race(&fleet, [&ada, &bob], &["--wait", "0"]);
        let outcomes = in_order(&fleet, &from);
        let (won, lost) = if outcomes[0] == "ada" { (ada, bob) } else { (bob, ada) };
        won.exits(0);
        // Too late to be held off, it has nothing to do.
        if lost.code != Some(0) {
            assert_eq!(outcomes.len(), 1);
            lost.exits(9).says(&["staging is held by run", &format!("({})", outcomes[0])]);
        }
        stands(&fleet, &clones, &end);
    }
}

#[test]
fn an_older_commit_is_refused_over_a_newer_one() {
    let (fleet, _) = Fleet::deployed("{}");
    let clone = fleet.clone_hub();
    fleet.deploy(&clone, 2).exits(0);
    let before = fleet.tip();
    let newer = &fleet.commits[2][..12];
    fleet.deploy(&clone, 1).exits(9).says(&[newer, "deployed by ada in entry 4", "newer"]);
    assert_eq!(fleet.tip(), before, "nothing is written");
}
