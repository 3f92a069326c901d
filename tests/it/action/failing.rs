//! Runs that end before they have begun: outputs, summary and annotation are
//! there all the same, and say why.

use serde_json::json;

use super::platform::{Depth, Platform, ZEROS, app, content, opened, root};
use super::runner::{Left, Step};

const SAME: &str = include_str!("../../../fixtures/events/pull_request.json");

/// Every output is there, and nothing can be taken for "nothing to do".
#[track_caller]
fn early(left: Left, code: i32, words: &[&str]) -> Left {
    let verdict = if code == 2 { "problems" } else { "error" };
    let left = left.exits(code).is(verdict, "false", "false").explains(words);
    let names: Vec<&str> = left.outputs.keys().map(String::as_str).collect();
    assert_eq!(names, ["affected", "changed", "complete", "exit-code", "plan-digest", "record", "verdict"]);
    assert_eq!((&left["affected"], &left["plan-digest"], &left["record"]), ("[]", "", ""));
    left
}

fn push_of(platform: &Platform, commit: &str) -> Left {
    let dir = platform.checkout(commit, "refs/heads/main", Depth::One);
    platform.pushed("main", ZEROS, commit).run(&dir)
}

#[test]
fn events_of_no_use_are_refused_by_name() {
    let platform = Platform::new();
    let main = platform.git(&["rev-parse", "main"]);
    let dir = platform.checkout(&main, "refs/heads/main", Depth::One);
    let events = [
        ("merge_group", "not supported by this version"),
        ("release", "not supported by this version"),
        ("workflow_dispatch", "not supported by this version"),
        ("repository_dispatch", "not supported by this version"),
        ("schedule", "not supported by this version"),
        ("pull_request_target", "refused"),
        ("issue_comment", "neither what to plan nor what to deploy"),
    ];
    for (event, why) in events {
        let left = Step::new(event, "refs/heads/main", &main, &json!({})).run(&dir);
        early(left, 2, &[event, why, "Use `pull_request`"]);
    }
    early(Step::new("", "", "", &json!({})).run(&dir), 2, &["GITHUB_EVENT_NAME", "luigi plan"]);
    assert_eq!(platform.ledger(), None);
}

#[test]
fn payloads_that_do_not_fit_are_refused() {
    let platform = Platform::new();
    let main = platform.git(&["rev-parse", "main"]);
    let dir = platform.checkout(&main, "refs/heads/main", Depth::One);
    let push = || platform.pushed("main", ZEROS, &main);
    early(Step::new("push", "refs/heads/main", &main, &json!([])).run(&dir), 2, &["payload", "push"]);
    early(push().with("GITHUB_SHA", &"d".repeat(40)).run(&dir), 2, &["GITHUB_SHA"]);
    early(push().with("GITHUB_REPOSITORY", "acme/other").run(&dir), 2, &["acme/other"]);
    early(push().with("GITHUB_EVENT_PATH", "/dev/null/event.json").run(&dir), 1, &["/dev/null/event.json"]);
    early(push().with("INPUT_ENVIRONMENT", "production").run(&dir), 2, &["production", "staging"]);
    early(push().with("INPUT_BASE", "main~1").run(&dir), 2, &["base"]);
    early(push().with("INPUT_CONFIRM", "yes").run(&dir), 2, &["confirm", "yes"]);
    early(push().with("INPUT_APP", "nobody").run(&dir), 2, &["nobody"]);
    assert_eq!(platform.ledger(), None);
}

#[test]
fn a_job_that_checked_nothing_out_is_told_so() {
    let platform = Platform::new();
    let main = platform.git(&["rev-parse", "main"]);
    let step = platform.pushed("main", ZEROS, &main);
    let empty = tempfile::tempdir().unwrap();
    let left = early(step.run(empty.path()), 2, &["not in a git repository", "actions/checkout"]);
    assert!(!left.err.contains(" . "), "{left:#?}");
    // A folder inside a work tree is as good as its top; one that is not there is not.
    let dir = platform.checkout(&main, "refs/heads/main", Depth::One);
    let step = platform.pushed("main", ZEROS, &main).with("INPUT_WORKING-DIRECTORY", "apps");
    step.run(&dir).exits(0).is("done", "true", "true");
    let step = platform.pushed("main", ZEROS, &main).with("INPUT_WORKING-DIRECTORY", "none");
    early(step.run(&dir), 2, &["none"]);
}

#[test]
fn a_broken_luigi_yaml_has_its_places_annotated() {
    let platform = Platform::new();
    let broken = root("{onFailure: never, branchs: [main]}");
    let commit = platform.commit(&[("luigi.yaml".to_owned(), broken)]);
    platform.push(&["main"]);
    let left = early(push_of(&platform, &commit), 2, &["onFailure", "branchs"]);
    let places: Vec<(&str, &str)> = left
        .said
        .iter()
        .filter(|said| said.properties.contains_key("file"))
        .map(|said| (said.properties["file"].as_str(), said.properties["line"].as_str()))
        .collect();
    assert_eq!(places, [("luigi.yaml", "6"), ("luigi.yaml", "6")]);
    assert!(left.summary.contains("luigi.yaml:6:"), "{left:#?}");
    assert_eq!(platform.ledger(), None);
}

/// There is no kustomize on the `PATH`. Only the app that needs it is in the way.
#[test]
fn a_missing_tool_is_named() {
    let platform = Platform::new();
    let base = platform.git(&["rev-parse", "main"]);
    platform.feature("main");
    let kustomization =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [object.yaml]\n";
    let file = |text: &str| ("content/search/kustomization.yaml".to_owned(), text.to_owned());
    platform.commit(&[file(kustomization)]);
    platform.git(&["checkout", "-q", "main"]);
    let (merge, head) = platform.pull_request();
    let dir = platform.checkout(&merge, "refs/pull/7/merge", Depth::All);
    let step = || opened(SAME, &base, (&merge, &head));
    let left = step().run(&dir).exits(3).is("denied", "true", "true");
    assert_eq!(left.affected(), ["search"]);
    left.explains(&["kustomize is not installed", "LUIGI_TOOLS"]);
    let left = step().with("INPUT_APP", "web").run(&dir).exits(0);
    assert_eq!(left.affected(), [""; 0]);
    // The same on a push: refused before anything is written, and recorded.
    platform.git(&["merge", "-q", "feature/x"]);
    platform.push(&["main"]);
    let left = push_of(&platform, &head).exits(3).is("denied", "true", "true");
    left.explains(&["kustomize is not installed"]);
    let at = platform.at_server(&["ls-tree", "--name-only", super::platform::LEDGER]);
    assert_eq!(at, "entries\nledger.json", "nothing is deployed");
}

/// The second environment fails before it begins; the first is deployed, and
/// that is not forgotten.
#[test]
fn what_was_done_before_a_failure_is_told() {
    let platform = Platform::new();
    let config = root("{}").replace(
        "staging: {apps: [apps/*.yaml]}",
        "staging: {apps: [apps/*.yaml]}\n  production: {apps: [apps/*.yaml], after: [staging]}",
    );
    let commit = platform.commit(&[("luigi.yaml".to_owned(), config)]);
    platform.push(&["main"]);
    let all = push_of(&platform, &commit).exits(0).is("done", "true", "true");
    assert_eq!(all.records.len(), 2);
    assert_eq!(all["plan-digest"], *"", "there is not exactly one");
    assert_eq!(all.affected().len(), 6);
    let apps: Vec<_> = [app("web", "database", "2"), app("api", "", "1")].into_iter().flatten().collect();
    let commit = platform.commit(&apps);
    platform.push(&["main"]);
    // An app that only one environment has.
    let dir = platform.checkout(&commit, "refs/heads/main", Depth::All);
    let step = platform.pushed("main", ZEROS, &commit).with("INPUT_APP", "api nobody");
    early(step.run(&dir), 2, &["nobody"]);
    let only = root("{}").replace(
        "staging: {apps: [apps/*.yaml]}",
        "staging: {apps: [apps/*.yaml]}\n  production: {apps: ['apps/[dsw]*.yaml'], after: [staging]}",
    );
    let commit = platform.commit(&[("luigi.yaml".to_owned(), only)]);
    platform.push(&["main"]);
    let dir = platform.checkout(&commit, "refs/heads/main", Depth::All);
    let step = platform.pushed("main", ZEROS, &commit).with("INPUT_APP", "api");
    let left = step.run(&dir).exits(2);
    assert_eq!(left.affected(), ["api"], "{left:#?}");
    assert_eq!(&left["complete"], "false", "the other environment was not looked at");
    assert_eq!(left.record()["environment"], "staging");
    assert!(left.summary.contains("staging") && left.summary.contains("no app \"api\""), "{left:#?}");
    left.explains(&["no app \"api\" in production"]);
}

/// Where the runner's own files cannot be written, the verdict stands.
#[test]
fn files_that_cannot_be_written_change_no_verdict() {
    let platform = Platform::new();
    let main = platform.git(&["rev-parse", "main"]);
    let dir = platform.checkout(&main, "refs/heads/main", Depth::All);
    let nowhere = "/dev/null/file";
    let step = platform.pushed("main", ZEROS, &main);
    let step = step.with("GITHUB_OUTPUT", nowhere).with("GITHUB_STEP_SUMMARY", nowhere);
    let left = step.with("RUNNER_TEMP", "/dev/null").run(&dir);
    assert_eq!(left.code, 0, "{left:#?}");
    for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "luigi-record-staging"] {
        assert!(left.err.contains(name), "{left:#?}");
    }
    // A step in a job that has run Luigi already keeps the record of that.
    let change = platform.commit(&[content("search", "2")]);
    platform.push(&["main"]);
    let dir = platform.checkout(&change, "refs/heads/main", Depth::All);
    let step = platform.pushed("main", &main, &change);
    let (first, second) = (step.run(&dir), step.run(&dir));
    assert_eq!((&first["record"], first.outputs.len()), ("luigi-record-staging.json", 7));
    assert_eq!(first.record()["outcome"]["verdict"], "done");
    assert_eq!(&second["record"], "luigi-record-staging-2.json");
    assert_eq!(second.record()["outcome"]["verdict"], "nothing-to-do");
}
