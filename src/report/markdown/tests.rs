//! Comments and summaries: what they say, and their budget.

use insta::assert_snapshot;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;
use crate::affected::Reason;
use crate::change::Difference;
use crate::object::diff::{Change, FieldChange, ObjectChange, Shown};
use crate::problem::{Code, Place, Problem};
use crate::record::{RecordKind, Seal};
use crate::report::samples;

const OPTIONS: Options = Options::all().difference(Options::ENABLE_SMART_PUNCTUATION);

#[test]
fn the_comment_of_a_deploy() {
    assert_snapshot!(comment(&samples::record(), Some(&samples::graph()), COMMENT_BYTES), @r##"
    <!-- luigi:comment/v1 environment=staging -->
    ### ↩ `staging`: failed and rolled back

    App/\_/api failed; everything is as it was before

    1 to apply, 1 to verify, 1 to prune, 2 objects deleted, 1 touched without effect · `aaaaaaaaaaaa` → `bbbbbbbbbbbb` · `deploy`

    | app | change | why | result | time |
    | --- | --- | --- | --- | --- |
    | \~ `App/_/database` | content | `apps/database/config.yaml` differs | ↩ rolled back, **deletes 1 object**: put back after App/\_/api failed | 1.2 s |
    | ✓ `App/_/api` | as it is | it needs `App/_/database` | ✗ failed: what is deployed is not what the record says | 310 ms |
    | \- `App/_/legacy` | removed | it is no longer in `clusters/staging/legacy.yaml` | · not begun, **deletes 1 object** | 0 ms |

    **Problems:** 1 warning

    - warning `L0408` `apps/cache/Chart.yaml:7:3`: the chart "redis" has the range \^1.0 instead of a version. Pin it to an exact version, tag or commit.

    <details><summary>Graph</summary>

    ```mermaid
    graph LR
      n0["#10003; App/_/api"]:::verify
      n1["App/_/cache"]
      n2["#126; App/_/database"]:::apply
      n3["#45; App/_/legacy"]:::prune
      n4["App/_/web"]
      n0 --> n1
      n0 --> n2
      n4 --> n0
      n4 --> n1
      classDef apply fill:#fff3cd,stroke:#9a6700,stroke-width:2px,color:#1f2328
      classDef verify fill:#ddf4ff,stroke:#0969da,stroke-width:2px,color:#1f2328
      classDef prune fill:#ffebe9,stroke:#cf222e,stroke-width:2px,color:#1f2328
    ```

    </details>

    <details><summary><code>App/_/database</code>: 2 objects differ, 1 deleted</summary>

    ```diff
    ~ Deployment.apps shop/database
    -     .spec.replicas: 2
    +     .spec.replicas: 3
    +     .spec.token: (after)
    - Job.apps shop/seed
    ```

    </details>

    <details><summary><code>App/_/legacy</code>: 1 deleted</summary>

    ```diff
    - Deployment.apps shop/legacy
    ```

    </details>

    **Policy:** allowed

    - ✓ `builtin/complete`: every app was seen
    - ✓ `builtin/confirm-deletes`: 2 objects are deleted, among them a whole app

    **Evidence**

    - record digest: `sha256:ac0d87510e9a50ff928b311b15724d9aa97f9d5d530e07a8c77a4087e933c7aa`
    - plan digest: `sha256:64879f7d6b960a01909762d911a32d4582c20010c5641ee90278b644a9e3b525`
    - ledger: entry 7 on `luigi/ledger`; `luigi verify` checks the whole chain, and that this entry's `record.json` has that digest
    - run: <https://github.com/acme/platform/actions/runs/42/attempts/1>
    - **unsealed:** this version cannot sign yet
    - made by `luigi 0.1.0`
    "##);
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
    record.problems = vec![Problem::new(Code::RenderFailed, Some(Place::file(text)), text).help(text); times];
    let step = &mut record.steps[0];
    step.result.reason = Some(text.into());
    step.not_rendered = vec![text.into()];
    step.reasons = vec![
        Reason::Changed(Difference::Unknown { path: text.into(), why: text.into() }),
        Reason::Changed(Difference::Pin { what: text.into(), from: text.into(), to: text.into() }),
    ];
    let mut key = samples::object("Deployment", text);
    key.namespace = text.into();
    let field = FieldChange {
        path: text.into(),
        before: Some(Shown::Value(text.into())),
        after: Some(Shown::Value(text.into())),
    };
    step.changes = vec![ObjectChange { key, change: Change::Changed, fields: vec![field; times] }];
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
    // Each case is a whole comment.
    #![proptest_config(ProptestConfig::with_cases(48))]

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
        text in "[a`|]{0,600}", times in 0usize..40, bytes in 12_000usize..COMMENT_BYTES,
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
