//! Payloads as GitHub sends them, and odd ones.

use super::*;

const PULL_REQUEST: &str = include_str!("../../fixtures/events/pull_request.json");
const FORK: &str = include_str!("../../fixtures/events/pull_request_fork.json");
const FORK_GONE: &str = include_str!("../../fixtures/events/pull_request_fork_gone.json");
const CLOSED: &str = include_str!("../../fixtures/events/pull_request_closed.json");
const PUSH: &str = include_str!("../../fixtures/events/push.json");
const SEVERAL: &str = include_str!("../../fixtures/events/push_several_commits.json");
const FORCED: &str = include_str!("../../fixtures/events/push_forced.json");
const NEW_BRANCH: &str = include_str!("../../fixtures/events/push_new_branch.json");
const DELETED_BRANCH: &str = include_str!("../../fixtures/events/push_deleted_branch.json");
const TAG: &str = include_str!("../../fixtures/events/push_tag.json");
const ANNOTATED_TAG: &str = include_str!("../../fixtures/events/push_annotated_tag.json");
const DELETED_TAG: &str = include_str!("../../fixtures/events/push_deleted_tag.json");

fn id(digit: char) -> CommitId {
    CommitId::parse(&digit.to_string().repeat(40)).unwrap()
}

fn vars(event: &str, reference: &str, sha: char) -> Vars {
    Vars {
        event_name: event.into(),
        reference: reference.into(),
        sha: sha.to_string().repeat(40),
        actor: "octo".into(),
        triggering_actor: "octo".into(),
        run_id: "42".into(),
        run_attempt: "2".into(),
        server_url: "https://github.example/".into(),
        repository: "acme/platform".into(),
    }
}

fn pull_request_vars() -> Vars {
    vars("pull_request", "refs/pull/7/merge", 'e')
}

fn main_vars() -> Vars {
    vars("push", "refs/heads/main", 'c')
}

fn otherwise() -> MergeBase {
    MergeBase { base_branch: RefName::parse("main").unwrap(), base_hint: id('a'), head: id('b') }
}

#[test]
fn a_pull_request_is_planned_at_its_merge_commit() {
    let event = parse(&pull_request_vars(), PULL_REQUEST.as_bytes()).unwrap();
    assert_eq!(event.mode, Mode::Plan);
    assert_eq!(event.refs, RefRule::MergeCommit { merge: id('e'), otherwise: otherwise() });
    assert_eq!(event.trigger, Trigger::PullRequest { number: 7, base: RefName::parse("main").unwrap() });
    assert!(!event.fork && event.triggering_actor.is_none());
    assert_eq!(
        event.run.url.as_deref(),
        Some("https://github.example/acme/platform/actions/runs/42/attempts/2")
    );
}

/// Everything that a shallow checkout lacks can be fetched: by id, or by the
/// base branch's name.
#[test]
fn a_pull_request_without_a_merge_commit_goes_by_the_merge_base() {
    let vars = Vars { reference: String::new(), sha: String::new(), ..pull_request_vars() };
    let event = parse(&vars, PULL_REQUEST.as_bytes()).unwrap();
    assert_eq!(event.refs, RefRule::MergeBase(otherwise()));
}

#[test]
fn a_fork_is_known_by_the_repository_not_by_its_name() {
    for payload in [FORK, FORK_GONE] {
        let event = parse(&pull_request_vars(), payload.as_bytes()).unwrap();
        assert!(event.fork);
        assert_eq!(event.mode, Mode::Plan);
    }
}

#[test]
fn a_push_deploys_against_the_ledger() {
    // However many commits a push has, `before` is not the base of a deploy.
    for payload in [PUSH, SEVERAL] {
        let event = parse(&main_vars(), payload.as_bytes()).unwrap();
        assert_eq!(event.mode, Mode::Deploy);
        let refs = RefRule::LedgerBase { head: id('c'), before: Some(id('a')), push: Push::Forward };
        assert_eq!(event.refs, refs);
    }
    let event = parse(&main_vars(), FORCED.as_bytes()).unwrap();
    let refs = RefRule::LedgerBase { head: id('c'), before: Some(id('a')), push: Push::Forced };
    assert_eq!(event.refs, refs);
}

#[test]
fn zeros_are_no_commit() {
    let event = parse(&vars("push", "refs/heads/feature/x", 'c'), NEW_BRANCH.as_bytes()).unwrap();
    let refs = RefRule::LedgerBase { head: id('c'), before: None, push: Push::Created };
    assert_eq!(event.refs, refs);
}

#[test]
fn a_tag_leads_to_its_commit() {
    let vars = vars("push", "refs/tags/payments-v1.4.2", 'c');
    for payload in [TAG, ANNOTATED_TAG] {
        let event = parse(&vars, payload.as_bytes()).unwrap();
        assert_eq!(event.trigger, Trigger::Tag { tag: RefName::parse("payments-v1.4.2").unwrap() });
        let refs = RefRule::LedgerBase { head: id('c'), before: None, push: Push::Created };
        assert_eq!(event.refs, refs);
    }
}

#[test]
fn what_is_gone_is_refused_by_name() {
    // The runner falls back to the default branch in GITHUB_REF then.
    for payload in [DELETED_BRANCH, DELETED_TAG] {
        let refused = parse(&main_vars(), payload.as_bytes());
        assert!(matches!(refused, Err(EventError::Deleted { .. })), "{refused:?}");
    }
    assert_eq!(parse(&pull_request_vars(), CLOSED.as_bytes()), Err(EventError::Closed { number: 7 }));
}

#[test]
fn what_this_version_does_not_do_is_refused_by_name() {
    for event in ["merge_group", "release", "workflow_dispatch", "repository_dispatch", "schedule"] {
        let refused = parse(&vars(event, "refs/heads/main", 'c'), b"{}").unwrap_err();
        assert_eq!(refused, EventError::NotYet { event: event.into() });
        assert!(!refused.help().is_empty());
    }
    let refused = parse(&vars("pull_request_target", "refs/heads/main", 'c'), b"{}");
    assert_eq!(refused, Err(EventError::PullRequestTarget));
    assert_eq!(parse(&Vars::default(), b""), Err(EventError::NoEvent));
    let refused = parse(&vars("watch", "refs/heads/main", 'c'), b"{}");
    assert_eq!(refused, Err(EventError::Unknown { event: "watch".into() }));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let other = Vars { sha: "d".repeat(40), ..main_vars() };
    let refused = parse(&other, PUSH.as_bytes());
    assert!(matches!(refused, Err(EventError::Disagree { variable: "GITHUB_SHA", .. })), "{refused:?}");
    let other = Vars { reference: "refs/pull/8/merge".into(), ..pull_request_vars() };
    let refused = parse(&other, PULL_REQUEST.as_bytes());
    assert!(matches!(refused, Err(EventError::Disagree { variable: "GITHUB_REF", .. })), "{refused:?}");
    let other = Vars { repository: "acme/other".into(), ..main_vars() };
    assert!(matches!(parse(&other, PUSH.as_bytes()), Err(EventError::Disagree { .. })));
    let refused = parse(&main_vars(), b"{\"ref\": 1}");
    assert!(matches!(refused, Err(EventError::Payload { .. })), "{refused:?}");
    let no_run = Vars { run_id: "x".into(), ..main_vars() };
    assert!(matches!(parse(&no_run, PUSH.as_bytes()), Err(EventError::Value { .. })));
}

#[test]
fn a_branch_cannot_be_an_option_or_a_path_out() {
    for bad in [
        "",
        "-u",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a\nb",
        ".a",
        "a/.b",
        "a//b",
        "a/",
        "x.lock",
        "a:b",
        "@{u}",
        "@",
    ] {
        assert!(RefName::parse(bad).is_err(), "{bad:?}");
    }
    for good in ["main", "feature/x", "payments-v1.4.2", "ü"] {
        assert!(RefName::parse(good).is_ok(), "{good:?}");
    }
    let payload = PULL_REQUEST.replace("\"main\"", "\"--exec=x\"");
    assert!(matches!(parse(&pull_request_vars(), payload.as_bytes()), Err(EventError::Value { .. })));
}
