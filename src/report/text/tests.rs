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
    assert_snapshot!(plan(page, Style::plain()), @"");
}

#[test]
fn an_outcome_with_a_rollback() {
    let record = samples::record();
    let digest = crate::name::Digest::of(b"record");
    assert_snapshot!(outcome(&record, digest, Style::plain().columns(60)), @"");
}

#[test]
fn a_graph_as_a_tree() {
    assert_snapshot!(graph(&samples::graph(), Style::plain()), @"");
    assert_snapshot!(affected(&samples::graph_report().affected, Style::plain()), @"");
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
