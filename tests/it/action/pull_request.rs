//! Pull requests: which two commits are compared. Whatever was checked out, it
//! is what git says; and nothing is written to the server.

use super::platform::{Depth, LEDGER, Platform, content, opened, root};
use super::runner::Step;

const SAME: &str = include_str!("../../../fixtures/events/pull_request.json");
const FORK: &str = include_str!("../../../fixtures/events/pull_request_fork.json");
const FORK_GONE: &str = include_str!("../../../fixtures/events/pull_request_fork_gone.json");
const CLOSED: &str = include_str!("../../../fixtures/events/pull_request_closed.json");

const MERGE: &str = "refs/pull/7/merge";
const HEAD: &str = "refs/pull/7/head";

/// A pull request that changes `database`, made when `main` was elsewhere: since
/// then, `main` has changed `search`.
struct Opened {
    platform: Platform,
    /// What the payload says the base is; `main` has moved on.
    stale: String,
    main: String,
    merge: String,
    head: String,
}

fn pull_request() -> Opened {
    let platform = Platform::new();
    let stale = platform.git(&["rev-parse", "main"]);
    platform.feature("main");
    platform.change("database", "2");
    platform.git(&["checkout", "-q", "main"]);
    let main = platform.change("search", "2");
    let (merge, head) = platform.pull_request();
    Opened { platform, stale, main, merge, head }
}

impl Opened {
    fn step(&self, fixture: &str) -> Step {
        opened(fixture, &self.stale, (&self.merge, &self.head))
    }

    #[track_caller]
    fn nothing_written(&self) {
        assert_eq!(self.platform.ledger(), None, "a plan writes nothing");
        let refs = self.platform.at_server(&["for-each-ref", "--format=%(refname)"]);
        assert_eq!(refs, "refs/heads/main\nrefs/pull/7/head\nrefs/pull/7/merge");
    }
}

#[test]
fn a_merge_commit_is_compared_with_its_first_parent() {
    let it = pull_request();
    let parents = it.platform.git(&["rev-parse", &format!("{}^1", it.merge), &format!("{}^2", it.merge)]);
    assert_eq!(parents, format!("{}\n{}", it.main, it.head));
    for depth in [Depth::All, Depth::One] {
        for fixture in [SAME, FORK, FORK_GONE] {
            let dir = it.platform.checkout(&it.merge, MERGE, depth);
            let left = it.step(fixture).run(&dir).exits(0).is("planned", "true", "true");
            assert_eq!(left.ends(), (it.main.clone(), it.merge.clone()), "{depth:?}");
            assert_eq!(left.record()["source"]["pullRequestHead"], it.head);
            assert_eq!(left.record()["source"]["authority"], it.main);
            // `search` differs from the stale base, but not by this pull request.
            assert_eq!(left.affected(), ["database", "web"]);
            assert_eq!(left["plan-digest"], left.record()["planDigest"]);
            assert!(left.summary.contains("database") && left.summary.contains("value"), "{left:#?}");
            assert_eq!(left.said, []);
        }
    }
    it.nothing_written();
}

#[test]
fn without_the_merge_commit_it_is_the_merge_base() {
    let it = pull_request();
    let base = it.platform.merge_bases(&it.main, &it.head);
    assert_eq!(base, std::slice::from_ref(&it.stale));
    for depth in [Depth::All, Depth::One] {
        // `ref: ${{ github.event.pull_request.head.sha }}`: GITHUB_SHA stays the merge.
        let dir = it.platform.checkout(&it.head, HEAD, depth);
        let left = it.step(FORK).run(&dir).exits(0).is("planned", "true", "true");
        assert_eq!(left.ends(), (it.stale.clone(), it.head.clone()), "{depth:?}");
        assert_eq!(left.affected(), ["database", "web"]);
    }
    it.nothing_written();
}

/// The runner's merge commit is made for one state of the base branch; when the
/// job starts, another may be there. The one that is checked out counts.
#[test]
fn a_base_branch_that_moves_on_changes_nothing() {
    let it = pull_request();
    let dir = it.platform.checkout(&it.merge, MERGE, Depth::One);
    let newer = it.platform.change("search", "3");
    it.platform.push(&["main"]);
    let left = it.step(SAME).run(&dir).exits(0);
    assert_eq!(left.ends(), (it.main.clone(), it.merge.clone()));
    assert_eq!(left.affected(), ["database", "web"]);
    // What decides is what the branch says now.
    assert_eq!(left.record()["source"]["authority"], newer);
}

#[test]
fn with_several_merge_bases_changes_are_the_union() {
    let platform = Platform::new();
    let first = platform.git(&["rev-parse", "main"]);
    platform.feature("main");
    let theirs = platform.change("database", "2");
    platform.git(&["checkout", "-q", "main"]);
    let ours = platform.change("search", "2");
    // Each takes the other in: criss-cross.
    platform.git(&["merge", "-q", "-m", "cross", &theirs]);
    platform.git(&["checkout", "-q", "feature/x"]);
    platform.git(&["merge", "-q", "-m", "cross back", &ours]);
    platform.change("web", "2");
    platform.git(&["checkout", "-q", "main"]);
    let (merge, head) = platform.pull_request();
    let bases = platform.merge_bases("main", &head);
    assert_eq!(bases.len(), 2);
    for depth in [Depth::All, Depth::One] {
        let dir = platform.checkout(&head, HEAD, depth);
        let left = opened(SAME, &first, (&merge, &head)).run(&dir).exits(0);
        assert!(bases.contains(&left.ends().0), "{left:#?}");
        assert_eq!(left.affected(), ["database", "search", "web"], "from either base");
    }
}

#[test]
fn what_the_pull_request_says_of_itself_decides_nothing() {
    let platform = Platform::new();
    let base = platform.git(&["rev-parse", "main"]);
    platform.feature("main");
    // It would hide an app, and deploy from anywhere.
    let config = root("{branches: [feature/x]}").replace("apps/*.yaml", "apps/[sw]*.yaml");
    platform.commit(&[("luigi.yaml".to_owned(), config), content("database", "2")]);
    platform.git(&["checkout", "-q", "main"]);
    let (merge, head) = platform.pull_request();
    let dir = platform.checkout(&merge, MERGE, Depth::One);
    let left = opened(SAME, &base, (&merge, &head)).run(&dir).exits(0);
    assert_eq!(left.affected(), ["database", "web"]);
    assert_eq!(left.record()["source"]["authority"], base);
    assert_eq!(platform.ledger(), None);
}

/// `persist-credentials: false`, and a server that wants them.
#[test]
fn what_cannot_be_fetched_is_said_and_never_nothing_to_do() {
    let it = pull_request();
    // All of it was checked out: nothing is missing.
    let dir = it.platform.checkout(&it.merge, MERGE, Depth::All);
    Platform::distrust(&dir);
    let left = it.step(SAME).run(&dir).exits(0).is("planned", "true", "true");
    assert_eq!(left.ends(), (it.main.clone(), it.merge.clone()));
    assert!(left.summary.contains("401"), "the base branch was not asked anew: {left:#?}");
    // One commit was: there is no base, and no configuration to believe.
    for (commit, reference) in [(&it.merge, MERGE), (&it.head, HEAD)] {
        let dir = it.platform.checkout(commit, reference, Depth::One);
        Platform::distrust(&dir);
        it.step(SAME).run(&dir).is("error", "false", "false").explains(&["401", "token"]).exits(1);
    }
    it.nothing_written();
}

#[test]
fn a_pull_request_that_is_over_is_refused_by_name() {
    let it = pull_request();
    let dir = it.platform.checkout(&it.merge, MERGE, Depth::All);
    let left = it.step(CLOSED).run(&dir).is("problems", "false", "false");
    left.explains(&["pull request 7 is closed", "Remove `closed`"]).exits(2);
}

#[test]
fn a_pull_request_that_changes_nothing_is_proved_to() {
    let platform = Platform::new();
    let base = platform.git(&["rev-parse", "main"]);
    platform.feature("main");
    platform.commit(&[("README.md".to_owned(), "words".to_owned())]);
    platform.git(&["checkout", "-q", "main"]);
    let (merge, head) = platform.pull_request();
    let dir = platform.checkout(&merge, MERGE, Depth::One);
    let left = opened(SAME, &base, (&merge, &head)).run(&dir).exits(0).is("nothing-to-do", "false", "true");
    assert_eq!((&left["affected"], left.said.len()), ("[]", 0));
    assert_eq!(platform.at_server(&["for-each-ref", LEDGER]), "");
}

/// A root below the top is one of its own, and every path counts from there.
#[test]
fn inputs_count_from_the_working_directory() {
    let it = pull_request();
    let dir = it.platform.checkout(&it.merge, MERGE, Depth::One);
    std::fs::write(dir.join("other.yaml"), root("{}").replace("staging", "elsewhere")).unwrap();
    let step = it.step(SAME).with("INPUT_WORKING-DIRECTORY", "apps").with("INPUT_CONFIG", "../other.yaml");
    // A configuration that is not committed can be planned with, and not deployed.
    let left = step.run(&dir).exits(3).is("denied", "true", "true");
    assert_eq!(left.record()["environment"], "elsewhere");
    assert_eq!(left.affected(), ["database", "web"]);
    left.explains(&["luigi.yaml is not in the commit"]);
}
