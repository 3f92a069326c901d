//! What people read on a terminal.

use insta::assert_snapshot;

use super::*;
use crate::policy::Verdict;
use crate::problem::{Code, Place, Problem};
use crate::record::Seal;
use crate::report::samples;

#[test]
fn a_plan_that_needs_confirmation() {
    let (plan_, decision, problems) =
        (samples::plan(), samples::decision(Verdict::Denied), samples::problems());
    let seal = Seal::Unsealed { reason: "this version cannot sign yet".into() };
    let page = PlanPage {
        plan: &plan_,
        decision: &decision,
        problems: &problems,
        apps: &["it's".into()],
        seal: Some(&seal),
    };
    assert_snapshot!(plan(page, Style::plain()), @r#"
    staging: 1 to apply, 1 to verify, 1 to prune, 2 objects deleted  (aaaaaaaaaaaa → bbbbbbbbbbbb)

      ~ App/_/database  apply, content
          because apps/database/config.yaml differs
          ~ Deployment.apps shop/database
              .spec.replicas: 2 → 3
              .spec.token: + (after)
          - Job.apps shop/seed  DELETED

      ✓ App/_/api  verify: nothing is written, what is deployed must be in place
          because it needs App/_/database

      - App/_/legacy  PRUNE: the whole app, 1 object
          because it is no longer in clusters/staging/legacy.yaml
          - Deployment.apps shop/legacy  DELETED

      = files differ, objects do not: App/_/docs

    error[L0701]: a whole app is deleted: App/_/legacy
      = help: Look at them, then run again with `--confirm` and the plan's digest.

    warning[L0408]: the chart "redis" has the range ^1.0 instead of a version
      --> apps/cache/Chart.yaml:7:3
      = app: staging:App/_/cache
      = help: Pin it to an exact version, tag or commit.

    1 error, 1 warning

    ✗ denied
      ✗ builtin/confirm-deletes: 2 objects are deleted, among them a whole app
    plan digest: sha256:64879f7d6b960a01909762d911a32d4582c20010c5641ee90278b644a9e3b525
    unsealed: this version cannot sign yet

    to confirm the deletes and deploy:
      luigi deploy --environment staging --app 'it'\''s' --confirm sha256:64879f7d6b960a01909762d911a32d4582c20010c5641ee90278b644a9e3b525
    "#);
}

#[test]
fn an_outcome_with_a_rollback() {
    let record = samples::record();
    let digest = crate::name::Digest::of(b"record");
    assert_snapshot!(outcome(&record, digest, Style::plain().columns(60)), @r#"
    staging: ↩ failed and rolled back. App/_/api failed;
      everything is as it was before

      RESULT         APP             CHANGE      TIME
      ↩ rolled back  App/_/database  content     1.2 s
          put back after App/_/api failed
      ✗ failed       App/_/api       as it is    310 ms
          what is deployed is not what the record says
      · not begun    App/_/legacy    removed     -

    warning[L0408]: the chart "redis" has the range ^1.0 instead
      of a version
      --> apps/cache/Chart.yaml:7:3
      = app: staging:App/_/cache
      = help: Pin it to an exact version, tag or commit.

    1 warning

    plan digest:   sha256:64879f7d6b960a01909762d911a32d4582c20010c5641ee90278b644a9e3b525
    record digest: sha256:70ce871f8a3d3fb449bc3c3ace6547cef02dfc74ffe48d912532a724bfdbe5b9
    ledger:        entry 7 on luigi/ledger
    unsealed:      this version cannot sign yet
    "#);
}

#[test]
fn a_graph_as_a_tree() {
    assert_snapshot!(graph(&samples::graph(), Style::plain()), @r#"
    App/_/cache
    ├─ ✓ App/_/api  verify, as it is
    │  └─ App/_/web
    └─ App/_/web
    ~ App/_/database  apply, content
    └─ ✓ App/_/api  verify, as it is  (shown above)
    - App/_/legacy  prune, removed
    "#);
    assert_snapshot!(affected(&samples::graph_report().affected, Style::plain()), @r#"
    ~ staging:App/_/database  apply, content
        because apps/database/config.yaml differs
    ✓ staging:App/_/api  verify, as it is
        because it needs App/_/database
    - staging:App/_/legacy  prune, removed
        because it is no longer in clusters/staging/legacy.yaml
    "#);
}

#[test]
fn a_circle_is_shown_all_the_same() {
    let mut view = samples::graph();
    view.edges.push((samples::key("database"), samples::key("web")));
    let text = graph(&view, Style::plain());
    assert!(view.nodes.iter().all(|n| text.contains(n.key.app.name())), "{text}");
}

#[test]
fn what_a_tool_wrote_cannot_steer_the_terminal_or_the_runner() {
    let problem = Problem::new(
        Code::RenderFailed,
        Some(Place::file("a\u{1b}]0;x\u{7}.yaml")),
        "kustomize failed\n::add-mask::x\n\u{1b}[2J##[error]gone",
    );
    let text = problems(&[problem], Style::plain());
    assert!(!text.contains('\u{1b}') && !text.contains("##["), "{text}");
    assert!(!text.lines().any(|l| l.trim_start().starts_with("::")), "{text}");
}

#[test]
fn colour_does_not_change_the_text() {
    let coloured = graph(&samples::graph(), Style::coloured());
    assert!(coloured.contains("\u{1b}["));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, graph(&samples::graph(), Style::plain()));
}
