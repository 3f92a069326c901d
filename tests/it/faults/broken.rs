//! Ledgers that somebody else had in hand: refused with the place, by a deploy
//! as by `verify`.

use std::path::{Path, PathBuf};

use super::fleet::{Fleet, LEDGER, REF};
use crate::support::repo::git;

/// A clone with the ledger checked out, to be changed by hand.
fn by_hand(fleet: &Fleet) -> PathBuf {
    let clone = fleet.clone_hub();
    git(&clone, &["fetch", "-q", &format!("file://{}", fleet.hub().display()), REF]);
    git(&clone, &["checkout", "-q", "-B", "by-hand", "FETCH_HEAD"]);
    clone
}

/// Commits what is in a clone and makes it the hub's ledger.
fn push(fleet: &Fleet, clone: &Path) -> String {
    git(clone, &["add", "-A"]);
    git(clone, &["commit", "-q", "-m", "by hand"]);
    force(fleet, clone)
}

fn force(fleet: &Fleet, clone: &Path) -> String {
    git(clone, &["push", "-q", "-f", &fleet.hub().display().to_string(), &format!("HEAD:{REF}")]);
    fleet.tip().unwrap()
}

fn replace(clone: &Path, path: &str, from: &str, to: &str) {
    let file = clone.join(path);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    std::fs::write(&file, text.replace(from, to)).unwrap();
}

/// What a fresh clone's `verify` says of the hub's ledger; offline.
#[track_caller]
fn verify(fleet: &Fleet, code: i32, words: &[&str]) {
    let clone = fleet.clone_with_ledger();
    git(&clone, &["remote", "set-url", "origin", "http://127.0.0.1:1/nobody"]);
    fleet.run(&clone, &["verify"]).exits(code).says(words);
}

/// A change of the ledger by hand: its name, the change, what a deploy says of
/// it (nothing: it does not look there), and what `verify` says.
type Case = (&'static str, fn(&Path), &'static [&'static str], &'static [&'static str]);

const DB: &str = "environments/staging/App/_/db";

const CASES: &[Case] = &[
    (
        "the newest record is edited",
        |c| replace(c, "entries/4/record.json", "\"done\"", "\"gone\""),
        // Nothing but the history knows its digest.
        &[],
        &["L0802", "entries/4/record.json"],
    ),
    (
        "the newest record is cut off in the middle",
        |c| {
            let text = std::fs::read(c.join("entries/4/record.json")).unwrap();
            std::fs::write(c.join("entries/4/record.json"), &text[..text.len() / 2]).unwrap();
        },
        &["L0802", "entries/4/record.json"],
        &["L0802", "entries/4/record.json"],
    ),
    (
        "the record before it is edited",
        |c| replace(c, "entries/3/record.json", "\"ada\"", "\"eve\""),
        &["L0802", "entries/4/record.json"],
        &["L0802", "entries/4/record.json"],
    ),
    (
        "an older record is edited",
        |c| replace(c, "entries/1/record.json", "\"ada\"", "\"eve\""),
        &[],
        &["L0802", "entries/2/record.json"],
    ),
    (
        "the newest entry is deleted",
        |c| std::fs::remove_dir_all(c.join("entries/4")).unwrap(),
        &["L0803", "environments/staging/environment.json", "entry 4"],
        &["L0803", "entries/4"],
    ),
    (
        "an entry in the middle is deleted",
        |c| std::fs::remove_dir_all(c.join("entries/2")).unwrap(),
        &["L0803", "entries/2"],
        &["L0803", "entries/2"],
    ),
    (
        "all entries are deleted",
        |c| std::fs::remove_dir_all(c.join("entries")).unwrap(),
        &["L0803", "environments/staging/environment.json"],
        &["L0803"],
    ),
    (
        "two entries change places",
        |c| {
            let at = |seq: &str| c.join("entries").join(seq);
            std::fs::rename(at("2"), at("x")).unwrap();
            std::fs::rename(at("3"), at("2")).unwrap();
            std::fs::rename(at("x"), at("3")).unwrap();
        },
        &["L0802", "entries/4/record.json"],
        &["L0802", "entries/2/record.json", "entries/3/record.json"],
    ),
    (
        "the newest two change places",
        |c| {
            let at = |seq: &str| c.join("entries").join(seq);
            std::fs::rename(at("3"), at("x")).unwrap();
            std::fs::rename(at("4"), at("3")).unwrap();
            std::fs::rename(at("x"), at("4")).unwrap();
        },
        &["L0802", "entries/4/record.json"],
        &["L0802", "entries/3/record.json", "entries/4/record.json"],
    ),
    (
        "what is deployed is edited",
        |c| replace(c, &format!("{DB}/objects.yaml"), "v2", "v9"),
        &["L0804", "environments/staging/App/_/db/objects.yaml"],
        &["L0804", "environments/staging/App/_/db/objects.yaml"],
    ),
    (
        "what an app needs is edited",
        |c| replace(c, &format!("{DB}/app.json"), "\"needs\":[]", "\"needs\":[\"App/_/web\"]"),
        &[],
        &["L0804", "environments/staging/App/_/db"],
    ),
    (
        "the layout's form is of the future",
        |c| replace(c, "ledger.json", "/v1", "/v7"),
        &["L0801", "ledger.json", "v7"],
        &["L0801", "ledger.json", "v7"],
    ),
];

#[test]
fn a_ledger_changed_by_hand_is_refused_with_the_place() {
    let (fleet, _) = Fleet::deployed("{}");
    fleet.deploy(&fleet.clone_hub(), 1).exits(0);
    let good = fleet.tip().unwrap();
    verify(&fleet, 0, &["holds"]);
    for (name, change, deploy, found) in CASES {
        fleet.reset(&good);
        let clone = by_hand(&fleet);
        change(&clone);
        let tip = push(&fleet, &clone);
        let context =
            |ran: super::fleet::Ran| super::fleet::Ran { err: format!("{name}: {}", ran.err), ..ran };
        if !deploy.is_empty() {
            context(fleet.deploy(&fleet.clone_hub(), 2)).exits(2).says(deploy);
            assert_eq!(fleet.tip().unwrap(), tip, "{name}: nothing is written");
        }
        verify(&fleet, 8, found);
        std::fs::remove_dir_all(&clone).unwrap();
    }
}

/// A change and what `verify` says of it.
type Change = (fn(&Path), &'static [&'static str]);

/// Put back in the next commit, it is seen in the history.
#[test]
fn a_change_that_was_put_back_is_found_in_the_history() {
    let (fleet, _) = Fleet::deployed("{}");
    fleet.deploy(&fleet.clone_hub(), 1).exits(0);
    let good = fleet.tip().unwrap();
    let changes: [Change; 3] = [
        (
            |c| replace(c, "entries/1/record.json", "\"ada\"", "\"eve\""),
            &["entries/1/record.json", "changed"],
        ),
        (|c| std::fs::remove_dir_all(c.join("entries/4")).unwrap(), &["entries/4", "removed"]),
        (
            |c| replace(c, &format!("{DB}/app.json"), "\"needs\":[]", "\"needs\":[\"App/_/web\"]"),
            &["environments/staging/App/_/db", "no run held staging"],
        ),
    ];
    for (change, found) in changes {
        fleet.reset(&good);
        let clone = by_hand(&fleet);
        change(&clone);
        push(&fleet, &clone);
        git(&clone, &["checkout", "-q", &good, "--", "."]);
        push(&fleet, &clone);
        verify(&fleet, 8, found);
    }
}

#[test]
fn a_branch_of_somebody_else_is_not_written_to() {
    let fleet = Fleet::new("{}");
    fleet.reset(&fleet.commits[0]);
    let tip = fleet.tip();
    fleet.deploy(&fleet.clone_hub(), 0).exits(2).says(&["L0801", "ledger.json"]);
    assert_eq!(fleet.tip(), tip);
    verify(&fleet, 8, &["L0801", "ledger.json"]);
}

/// The newest commits are cut off: a clone that has seen them says so.
#[test]
fn a_branch_that_was_wound_back_is_refused_by_who_saw_it() {
    let (fleet, first) = Fleet::deployed("{}");
    let clone = fleet.clone_hub();
    fleet.deploy(&clone, 1).exits(0);
    let seen = fleet.tip().unwrap();
    fleet.reset(&first);
    fleet.deploy(&clone, 2).exits(2).says(&[LEDGER, &seen, &first]);
    assert_eq!(fleet.tip(), Some(first), "nothing is written");
}
