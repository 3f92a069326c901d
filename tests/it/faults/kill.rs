//! `kill -9` at every push of a deploy, of a rollback and of a recovery: before
//! git hears of it, and after, before the program hears from git.

use super::fleet::{Blow, Fleet, Ledger, Moment, Numbers, Strike};
use crate::support::repo::git;

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// What the runs of a sweep do, by the number of their commit.
struct Sweep<'a> {
    fleet: &'a Fleet,
    /// The ledger before each of them.
    from: &'a str,
    /// The environments in the end.
    end: Ledger,
    numbers: Numbers,
}

impl Sweep<'_> {
    /// Every position of a run of `first`, each followed by a run of `second`
    /// that exits with `code`. Gives the number of positions.
    fn kill(&self, first: usize, second: usize, code: i32) -> usize {
        let mut positions = 0;
        for push in 1.. {
            for moment in MOMENTS {
                self.fleet.reset(self.from);
                let Some(left) = self.killed(first, push, moment) else {
                    self.same(&self.fleet.clone_hub());
                    return positions;
                };
                positions += 1;
                let clone = self.fleet.clone_hub();
                self.fleet.deploy(&clone, second).exits(code);
                self.ends(&clone, &left);
            }
        }
        unreachable!("a run has only so many pushes")
    }

    /// The run of `first` is killed at one position, then the run of `second`
    /// that recovers it at every position; a third has it all in order.
    fn kill_twice(&self, first: (usize, usize, Moment), second: usize, code: i32) -> usize {
        let mut positions = 0;
        for push in 1.. {
            for moment in MOMENTS {
                self.fleet.reset(self.from);
                let (commit, at, when) = first;
                let left = self.killed(commit, at, when).unwrap();
                let Some(left_again) = self.killed(second, push, moment) else {
                    return positions;
                };
                positions += 1;
                kept(&left, &left_again);
                let clone = self.fleet.clone_hub();
                self.fleet.deploy(&clone, second).exits(code);
                self.ends(&clone, &left_again);
            }
        }
        unreachable!("a run has only so many pushes")
    }

    /// What a killed run leaves; `None` when it has fewer pushes and ended.
    fn killed(&self, commit: usize, push: usize, moment: Moment) -> Option<Ledger> {
        let clone = self.fleet.clone_hub();
        self.fleet.aim(Some(Strike { push, moment, blow: Blow::Kill }));
        let ran = self.fleet.deploy(&clone, commit);
        let struck = self.fleet.struck();
        self.fleet.aim(None);
        assert_eq!(ran.code.is_none(), struck, "push {push} {moment:?}: {ran:#?}");
        std::fs::remove_dir_all(&clone).unwrap();
        struck.then(|| self.fleet.ledger())
    }

    #[track_caller]
    fn ends(&self, clone: &std::path::Path, left: &Ledger) {
        let ledger = self.fleet.sound(clone);
        kept(left, &ledger);
        assert_eq!(ledger.environments(self.numbers), self.end.environments(self.numbers));
        git(&self.fleet.hub(), &["merge-base", "--is-ancestor", self.from, "refs/heads/luigi/ledger"]);
        std::fs::remove_dir_all(clone).unwrap();
    }

    #[track_caller]
    fn same(&self, clone: &std::path::Path) {
        std::fs::remove_dir_all(clone).unwrap();
        assert_eq!(self.fleet.ledger().environments(self.numbers), self.end.environments(self.numbers));
    }
}

/// No record that was pushed is lost or changed.
#[track_caller]
fn kept(before: &Ledger, after: &Ledger) {
    let after = after.entries();
    for (path, bytes) in before.entries() {
        assert_eq!(after.get(path), Some(&bytes), "{path}");
    }
}

/// The ledger after a clean run of a commit.
fn clean(fleet: &Fleet, from: &str, commit: usize, code: i32) -> (Ledger, usize) {
    fleet.reset(from);
    fleet.aim(None);
    let clone = fleet.clone_hub();
    fleet.deploy(&clone, commit).exits(code);
    let pushes = fleet.pushes();
    (fleet.sound(&clone), pushes)
}

#[test]
fn a_killed_deploy_is_finished_by_the_next_run() {
    let (fleet, from) = Fleet::deployed("{onCrash: resume}");
    let (end, pushes) = clean(&fleet, &from, 1, 0);
    let sweep = Sweep { fleet: &fleet, from: &from, end, numbers: Numbers::Same };
    assert_eq!(pushes, 5, "intent, three layers, outcome");
    assert_eq!(sweep.kill(1, 1, 0), 2 * pushes);
}

#[test]
fn a_killed_deploy_is_undone_by_the_next_run_which_then_does_its_own() {
    let (fleet, from) = Fleet::deployed("{onCrash: rollback}");
    let (end, pushes) = clean(&fleet, &from, 1, 0);
    let sweep = Sweep { fleet: &fleet, from: &from, end, numbers: Numbers::Differ };
    assert_eq!(sweep.kill(1, 1, 0), 2 * pushes);
}

#[test]
fn a_killed_rollback_is_ended_by_the_next_run() {
    let (fleet, from) = Fleet::deployed("{onCrash: resume}");
    let (end, pushes) = clean(&fleet, &from, 3, 4);
    assert_eq!(pushes, 7, "intent, two layers, the one refused, two layers back, outcome");
    let sweep = Sweep { fleet: &fleet, from: &from, end, numbers: Numbers::Same };
    assert_eq!(sweep.kill(3, 3, 4), 2 * pushes);
}

#[test]
fn a_killed_rollback_is_ended_by_a_run_of_another_commit() {
    let (fleet, from) = Fleet::deployed("{onCrash: rollback}");
    let (end, _) = clean(&fleet, &from, 1, 0);
    let sweep = Sweep { fleet: &fleet, from: &from, end, numbers: Numbers::Differ };
    let mut positions = 0;
    for push in 1..=7 {
        for moment in MOMENTS {
            fleet.reset(&from);
            let left = sweep.killed(3, push, moment).unwrap();
            positions += 1;
            let clone = fleet.clone_hub();
            fleet.deploy(&clone, 1).exits(0);
            sweep.ends(&clone, &left);
        }
    }
    assert_eq!(positions, 14);
}

#[test]
fn a_killed_recovery_is_recovered() {
    let (fleet, from) = Fleet::deployed("{onCrash: resume}");
    let (end, _) = clean(&fleet, &from, 1, 0);
    let sweep = Sweep { fleet: &fleet, from: &from, end, numbers: Numbers::Same };
    // Taken over, two layers, its outcome, and one that finds nothing to do.
    assert_eq!(sweep.kill_twice((1, 2, Moment::After), 1, 0), 10);
}

#[test]
fn a_killed_undo_is_recovered() {
    let (fleet, from) = Fleet::deployed("{onCrash: rollback}");
    let (end, _) = clean(&fleet, &from, 1, 0);
    let sweep = Sweep { fleet: &fleet, from: &from, end, numbers: Numbers::Differ };
    // Taken over, two layers back, its outcome; then five of its own.
    assert_eq!(sweep.kill_twice((1, 3, Moment::After), 1, 0), 18);
}
