use insta::assert_snapshot;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;
use crate::affected::Reason;
use crate::change::Difference;
use crate::object::diff::{FieldChange, ObjectChange, ObjectChangeKind};
use crate::problem::{Code, Place, Problem};
use crate::record::{RecordKind, Seal};
use crate::report::samples;

const OPTIONS: Options = Options::all().difference(Options::ENABLE_SMART_PUNCTUATION);

#[test]
fn the_comment_of_a_deploy() {
    assert_snapshot!(comment(&samples::record(), Some(&samples::graph()), COMMENT_BYTES), @"");
}

/// What somebody who can write files, names and messages would put there.
fn hostile(record: &mut Record, text: &str, times: usize) {
    record.kind = RecordKind::Plan;
    record.seal = Seal::Unsealed { reason: text.into() };
    record.run.url = Some(text.into());
    if let Some(outcome) = &mut record.outcome {
        outcome.message = text.into();
    }
    if let Some(decision) = &mut record.decision {
        decision.rules[0].reason = text.into();
        decision.rules[0].rule = text.into();
    }
    record.problems =
        vec![Problem::new(Code::RenderFailed, Some(Place::file(text)), text).help(text); times];
    let step = &mut record.steps[0];
    step.result.reason = Some(text.into());
    step.not_rendered = vec![text.into()];
    step.reasons = vec![
        Reason::Changed(Difference::Unknown { path: text.into(), why: text.into() }),
        Reason::Changed(Difference::Pin { what: text.into(), from: text.into(), to: text.into() }),
    ];
    let mut key = samples::object("Deployment", text);
    key.namespace = text.into();
    let field = FieldChange { path: text.into(), before: Some(text.into()), after: Some(text.into()) };
    step.changes =
        vec![ObjectChange { key, change: ObjectChangeKind::Changed, fields: vec![field; times] }];
    let step = record.steps[0].clone();
    record.steps.extend(vec![step; times]);
}

/// The comment's bones: everything in it but text.
fn bones(markdown: &str) -> Vec<String> {
    Parser::new_ext(markdown, OPTIONS)
        .filter_map(|event| match event {
            Event::Text(_) | Event::Code(_) | Event::SoftBreak => None,
            Event::Html(html) => Some(format!("html {}", html.trim())),
            Event::InlineHtml(html) => Some(format!("inline {html}")),
            other => Some(format!("{other:?}")),
        })
        .filter(|bone| !bone.contains("Emphasis"))
        .collect()
}

proptest! {
    #[test]
    fn hostile_text_adds_no_bone(text in "[@#`|<>!\\[\\]()~*_:/a1 \\\\\n\r\u{1b}\u{202e}-]{0,30}") {
        let (mut plain, mut nasty) = (samples::record(), samples::record());
        hostile(&mut plain, "x", 1);
        hostile(&mut nasty, &text, 1);
        let (plain, nasty) = (comment(&plain, None, COMMENT_BYTES), comment(&nasty, None, COMMENT_BYTES));
        prop_assert_eq!(bones(&nasty), bones(&plain), "{}", nasty);
        let hidden = |c: char| c != '\n' && c != '\u{200b}' && crate::report::escape::is_hidden(c);
        prop_assert_eq!(nasty.chars().find(|c| hidden(*c)), None);
    }

    #[test]
    fn a_budget_is_kept_and_nothing_is_left_open(
        text in "[a`|]{0,2000}", times in 0usize..80, bytes in 12_000usize..COMMENT_BYTES,
    ) {
        let mut record = samples::record();
        hostile(&mut record, &text, times);
        let markdown = comment(&record, Some(&samples::graph()), bytes);
        prop_assert!(markdown.len() <= bytes, "{} of {bytes}", markdown.len());
        prop_assert!(markdown.starts_with(&marker(&record.environment)));
        prop_assert!(markdown.contains("**unsealed:**"));
        prop_assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count());
        // Every fence is closed: what follows the last one is read as a list.
        let last = Parser::new_ext(&markdown, OPTIONS).last();
        prop_assert_eq!(last, Some(Event::End(TagEnd::List(false))));
        // Every row has its five cells.
        let mut cells = 0;
        for event in Parser::new_ext(&markdown, OPTIONS) {
            match event {
                Event::Start(Tag::TableRow) => cells = 0,
                Event::Start(Tag::TableCell) => cells += 1,
                Event::End(TagEnd::TableRow) => prop_assert_eq!(cells, 5),
                _ => {}
            }
        }
    }
}

#[test]
fn a_plan_that_waits_for_confirmation_says_how() {
    let mut record = samples::record();
    record.kind = RecordKind::Plan;
    record.problems = vec![samples::problems().remove(0)];
    let text = comment(&record, None, COMMENT_BYTES);
    assert!(text.contains("--confirm sha256:"), "{text}");
    assert!(text.contains("This deletes 2 objects"), "{text}");
}

#[test]
fn a_large_graph_shows_what_is_around_the_affected() {
    let mut graph = samples::graph();
    for i in 0..100 {
        let key = samples::key(&format!("quiet-{i}"));
        graph.nodes.push(crate::report::view::NodeView { key, change: None, action: None });
    }
    let text = comment(&samples::record(), Some(&graph), COMMENT_BYTES);
    assert!(text.contains("around what is affected") && !text.contains("quiet"), "{text}");
    assert!(text.contains("cache"), "{text}");
}
