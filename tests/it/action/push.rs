//! Pushes: what is deployed against what, and which are refused.

use super::platform::{Depth, Platform, ZEROS, app, filled, root};
use super::runner::Step;

const TAG: &str = include_str!("../../../fixtures/events/push_tag.json");
const ANNOTATED_TAG: &str = include_str!("../../../fixtures/events/push_annotated_tag.json");
const DELETED_BRANCH: &str = include_str!("../../../fixtures/events/push_deleted_branch.json");
const DELETED_TAG: &str = include_str!("../../../fixtures/events/push_deleted_tag.json");

/// The environment as the ledger has it.
const STAGING: &str = "environments/staging/environment.json";

/// A platform with its first commit deployed, and that commit.
fn deployed() -> (Platform, String) {
    let platform = Platform::new();
    let first = platform.git(&["rev-parse", "main"]);
    platform.deploy(ZEROS, &first).exits(0).is("done", "true", "true");
    (platform, first)
}

#[test]
fn the_first_push_deploys_everything() {
    let platform = Platform::new();
    let first = platform.git(&["rev-parse", "main"]);
    for depth in [Depth::One, Depth::All] {
        let dir = platform.checkout(&first, "refs/heads/main", depth);
        let left = platform.pushed("main", ZEROS, &first).run(&dir).exits(0).is("done", "true", "true");
        assert_eq!(left.ends(), (String::new(), first.clone()));
        assert_eq!(left.affected(), ["database", "search", "web"], "in order");
        assert_eq!(platform.ledger_file(STAGING)["commit"], first);
        assert_eq!(platform.ledger_file("entries/2/record.json"), *left.record());
        assert!(left.summary.contains("database") && left.summary.contains("entry 2"), "{left:#?}");
        assert_eq!(left.record()["run"]["actor"], "octo");
        assert_eq!(left.said, []);
        Platform::verifies(&dir);
        platform.at_server(&["update-ref", "-d", super::platform::LEDGER]);
    }
}

/// `before` is what the branch was, not what is deployed: the run of an earlier
/// push may have failed, or never have been.
#[test]
fn a_push_is_deployed_against_the_ledger_whatever_came_between() {
    for depth in [Depth::One, Depth::All] {
        let (platform, first) = deployed();
        let before = platform.change("search", "2");
        platform.change("database", "2");
        let after = platform.change("database", "3");
        platform.push(&["main"]);
        let dir = platform.checkout(&after, "refs/heads/main", depth);
        let left = platform.pushed("main", &before, &after).run(&dir).exits(0).is("done", "true", "true");
        assert_eq!(left.ends(), (first, after.clone()), "{depth:?}");
        // `search` is in no commit of the push, and is not deployed yet.
        assert_eq!(left.affected(), ["database", "search", "web"]);
        assert_eq!(platform.ledger_file(STAGING)["commit"], after);
        Platform::verifies(&dir);
        // The same push again.
        let left = platform.pushed("main", &before, &after).run(&dir).exits(0);
        left.is("nothing-to-do", "false", "true");
    }
}

#[test]
fn an_earlier_push_run_late_is_outrun() {
    let (platform, first) = deployed();
    let second = platform.change("search", "2");
    let third = platform.change("search", "3");
    platform.push(&["main"]);
    platform.deploy(&second, &third).exits(0);
    let tip = platform.ledger();
    let left = platform.deploy(&first, &second).exits(9);
    let left = left.is("outrun", "true", "true").explains(&["newer than"]);
    assert_eq!(left.ends(), (third, second));
    assert_eq!(platform.ledger(), tip, "nothing is written");
}

/// What was deployed is in no branch any more. It is not newer, and the branch
/// is what its owner says it is.
#[test]
fn a_forced_push_is_deployed_against_what_it_threw_away() {
    for depth in [Depth::All, Depth::One] {
        let (platform, first) = deployed();
        let lost = platform.change("database", "2");
        platform.push(&["main"]);
        platform.deploy(&first, &lost).exits(0);
        platform.git(&["reset", "-q", "--hard", &first]);
        let forced = platform.change("search", "2");
        platform.push(&["main"]);
        assert!(!platform.is_ancestor(&lost, &forced));
        let dir = platform.checkout(&forced, "refs/heads/main", depth);
        let left = platform.pushed("main", &lost, &forced).run(&dir).exits(0).is("done", "true", "true");
        assert_eq!(left.ends(), (lost, forced.clone()), "{depth:?}");
        assert_eq!(left.affected(), ["database", "search", "web"], "`database` goes back");
        Platform::verifies(&dir);
    }
}

/// Back to an older commit is a rollback, and not what a push does.
#[test]
fn a_push_that_winds_the_branch_back_is_refused() {
    let (platform, first) = deployed();
    let second = platform.change("database", "2");
    platform.push(&["main"]);
    platform.deploy(&first, &second).exits(0);
    platform.git(&["reset", "-q", "--hard", &first]);
    platform.push(&["main"]);
    let left = platform.deploy(&second, &first).exits(9);
    left.explains(&["newer than"]);
    assert_eq!(platform.ledger_file(STAGING)["commit"], second);
}

#[test]
fn a_new_branch_is_planned_from_where_it_left_the_default_branch() {
    let platform = Platform::new();
    let first = platform.git(&["rev-parse", "main"]);
    platform.feature("main");
    platform.change("database", "2");
    let head = platform.change("database", "3");
    platform.git(&["checkout", "-q", "main"]);
    let main = platform.change("search", "2");
    platform.push(&["main", "feature/x"]);
    assert_eq!(platform.merge_bases(&main, &head), std::slice::from_ref(&first));
    for depth in [Depth::All, Depth::One] {
        let dir = platform.checkout(&head, "refs/heads/feature/x", depth);
        let left = platform.pushed("feature/x", ZEROS, &head).run(&dir).exits(0);
        let left = left.is("planned", "true", "true");
        assert_eq!(left.ends(), (first.clone(), head.clone()), "{depth:?}");
        assert_eq!(left.affected(), ["database", "web"]);
        assert_eq!(left.record()["source"]["authority"], main);
    }
    assert_eq!(platform.ledger(), None);
}

#[test]
fn a_branch_cannot_make_itself_a_deploy_branch() {
    let platform = Platform::new();
    platform.feature("main");
    platform.commit(&[("luigi.yaml".to_owned(), root("{branches: [main, feature/x]}"))]);
    let head = platform.change("database", "2");
    platform.push(&["main", "feature/x"]);
    let dir = platform.checkout(&head, "refs/heads/feature/x", Depth::All);
    let step = || platform.pushed("feature/x", ZEROS, &head);
    step().run(&dir).exits(0).is("planned", "true", "true");
    assert_eq!(platform.ledger(), None);
    // Once the default branch says so, it is one.
    platform.git(&["checkout", "-q", "main"]);
    platform.git(&["merge", "-q", "feature/x"]);
    platform.push(&["main"]);
    step().run(&dir).exits(0).is("done", "true", "true");
    assert_eq!(platform.ledger_file(STAGING)["commit"], head);
}

#[test]
fn the_default_branch_is_only_planned_where_it_is_no_deploy_branch() {
    let platform = Platform::new();
    let first = platform.commit(&[("luigi.yaml".to_owned(), root("{branches: [release]}"))]);
    let head = platform.change("search", "2");
    platform.push(&["main"]);
    for depth in [Depth::All, Depth::One] {
        let dir = platform.checkout(&head, "refs/heads/main", depth);
        let left = platform.pushed("main", &first, &head).run(&dir).exits(0);
        assert_eq!(left.is("planned", "true", "true").ends(), (first.clone(), head.clone()));
    }
    assert_eq!(platform.ledger(), None);
}

#[test]
fn an_app_that_goes_waits_for_its_confirmation() {
    let (platform, first) = deployed();
    platform.git(&["rm", "-q", "-r", "apps/search.yaml", "content/search"]);
    let second = platform.commit(&app("web", "database", "2"));
    platform.push(&["main"]);
    let dir = platform.checkout(&second, "refs/heads/main", Depth::All);
    let step = || platform.pushed("main", &first, &second);
    let denied = step().run(&dir).exits(3).is("denied", "true", "true");
    let digest = denied["plan-digest"].to_owned();
    let denied = denied.explains(&["deletes"]);
    assert!(denied.summary.contains(&digest), "{denied:#?}");
    assert_eq!(platform.ledger_file(STAGING)["commit"], first);
    let other = format!("sha256:{}", "a".repeat(64));
    step().with("INPUT_CONFIRM", &other).run(&dir).exits(3).explains(&[&other]);
    step().with("INPUT_CONFIRM", &digest).run(&dir).exits(0).is("done", "true", "true");
    assert_eq!(platform.ledger_file(STAGING)["commit"], second);
}

#[test]
fn a_server_that_takes_no_push_is_said() {
    let (platform, first) = deployed();
    let tip = platform.ledger();
    let second = platform.change("search", "2");
    platform.push(&["main"]);
    let dir = platform.checkout(&second, "refs/heads/main", Depth::All);
    Platform::distrust(&dir);
    let left = platform.pushed("main", &first, &second).run(&dir).is("error", "false", "false");
    left.explains(&["401"]).exits(1);
    assert_eq!(platform.ledger(), tip);
}

#[test]
fn what_is_deleted_is_refused_by_name() {
    let platform = Platform::new();
    let main = platform.git(&["rev-parse", "main"]);
    let dir = platform.checkout(&main, "refs/heads/main", Depth::All);
    for (fixture, name) in
        [(DELETED_BRANCH, "refs/heads/feature/x"), (DELETED_TAG, "refs/tags/payments-v1.4.2")]
    {
        let payload = filled(fixture, &[("/ref", name), ("/before", &main)]);
        // The runner falls back to the default branch.
        let left = Step::new("push", "refs/heads/main", &main, &payload).run(&dir);
        let left = left.is("problems", "false", "false");
        left.explains(&[name, "was deleted", "github.event.deleted"]).exits(2);
    }
    assert_eq!(platform.ledger(), None);
}

#[test]
fn a_tag_is_refused_by_name() {
    let platform = Platform::new();
    let main = platform.git(&["rev-parse", "main"]);
    platform.git(&["tag", "light-v1"]);
    platform.git(&["tag", "-a", "-m", "one", "payments-v1.4.2"]);
    platform.push(&["light-v1", "payments-v1.4.2"]);
    for (fixture, tag) in [(TAG, "light-v1"), (ANNOTATED_TAG, "payments-v1.4.2")] {
        let reference = format!("refs/tags/{tag}");
        let object = platform.git(&["rev-parse", &reference]);
        assert_eq!(object == main, tag == "light-v1");
        let ids = [("/ref", reference.as_str()), ("/after", &object), ("/head_commit/id", &main)];
        let dir = platform.checkout(&object, &reference, Depth::One);
        let left = Step::new("push", &reference, &main, &filled(fixture, &ids)).run(&dir);
        left.is("problems", "false", "false").explains(&[tag, "tag"]).exits(2);
    }
    assert_eq!(platform.ledger(), None);
}

/// A container action is root, and the checkout is the runner's: what is left
/// behind is the runner's too, or its next `git fetch` could not write.
#[test]
fn what_is_written_belongs_to_whom_the_checkout_belongs() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    fn each(dir: &std::path::Path, f: &mut dyn FnMut(&std::path::Path)) {
        f(dir);
        if dir.is_dir() {
            for entry in std::fs::read_dir(dir).unwrap() {
                each(&entry.unwrap().path(), f);
            }
        }
    }
    let (platform, _) = deployed();
    let head = platform.change("search", "2");
    platform.push(&["main"]);
    let dir = platform.checkout(&head, "refs/heads/main", Depth::One);
    let step = platform.pushed("main", ZEROS, &head);
    // Only root can give files away; anybody else's are their own from the start.
    let me = dir.metadata().unwrap().uid();
    let runner = if me == 0 { 12_345 } else { me };
    for top in [dir.as_path(), step.temp()] {
        each(top, &mut |path| chown(path, Some(runner), None).unwrap());
    }
    step.run(&dir).exits(0).is("done", "true", "true");
    let mut seen = 0;
    for top in [dir.as_path(), step.temp()] {
        each(top, &mut |path| {
            // These are the test's own.
            if path.parent().unwrap().ends_with("_runner_file_commands") {
                return;
            }
            seen += 1;
            assert_eq!(path.metadata().unwrap().uid(), runner, "{}", path.display());
        });
    }
    assert!(step.temp().join("_github_home/.cache/luigi").is_dir(), "the cache is among them");
    assert!(seen > 100, "{seen}");
}
