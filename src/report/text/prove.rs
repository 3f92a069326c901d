//! What `luigi prove` found, for people: each pair with its misses and excess,
//! then the sums.

use std::collections::BTreeMap;

use super::page::{Ink, Page, Style, sentence, span};
use super::problems;
use crate::affected::Reason;
use crate::catalog::Completeness;
use crate::name::AppKey;
use crate::report::proof::{Fact, Instead, Missed, NotRendered, Pair, Proof};
use crate::report::words::{self, plural};

/// Names listed for one reason; the rest is in the JSON.
const NAMED: usize = 3;

/// The page as text. Pairs in which nothing was missed or called in excess are
/// left to the sums.
pub fn prove(proof: &Proof, style: Style) -> String {
    let mut page = Page::new(style);
    for pair in proof.pairs.iter().filter(|p| !(p.misses.is_empty() && p.excess.is_empty())) {
        page.gap();
        one(&mut page, pair);
    }
    not_rendered(&mut page, &proof.not_rendered);
    problems::write(&mut page, &proof.problems);
    page.gap();
    sums(&mut page, proof);
    page.finish()
}

fn one(page: &mut Page, pair: &Pair) {
    page.line(&[
        span(Ink::Strong, format!("{} → {}", pair.base.short(), pair.head.short())),
        span(Ink::Dim, format!("  {} differ, {} called changed", pair.differ, pair.called)),
    ]);
    for miss in &pair.misses {
        let spans = [
            span(Ink::Alarm, "  MISS    "),
            span(Ink::Strong, miss.app.to_string()),
            span(Ink::Plain, format!(": {}", missed(&miss.what))),
        ];
        page.paragraph(10, &spans);
    }
    for excess in &pair.excess {
        let mut spans = vec![span(Ink::Warn, "  excess  "), span(Ink::Strong, excess.app.to_string())];
        for (i, difference) in excess.differences.iter().enumerate() {
            spans.push(span(Ink::Plain, if i == 0 { ": " } else { "; " }));
            spans.extend(sentence(Ink::Plain, &words::reason(&Reason::Changed(difference.clone()))));
        }
        page.paragraph(10, &spans);
    }
}

fn missed(what: &Missed) -> String {
    match what {
        Missed::NotCalled { facts } => {
            let facts: Vec<&str> = facts.iter().map(|f| fact(*f)).collect();
            format!("{}, and it is not called changed", facts.join(", "))
        }
        Missed::Hidden { by } => format!("{by} defines it, and the catalog does not have it"),
        Missed::Phantom => "the catalog has it, and nothing defines it".to_owned(),
        Missed::Definition => "its definition is not the one in the catalog".to_owned(),
        Missed::Values { from } => format!("{from} holds other values than Luigi took"),
        Missed::Render { why } => format!("the files Luigi gave to the renderer are not enough: {why}"),
    }
}

fn fact(fact: Fact) -> &'static str {
    match fact {
        Fact::Added => "it is new",
        Fact::Removed => "it is gone",
        Fact::Definition => "its definition differs",
        Fact::Destination => "its destination differs",
        Fact::Values => "values that it takes differ",
        Fact::Source => "a source that it refers to differs",
        Fact::Objects => "its objects differ",
        Fact::Files => "files below its path differ",
        Fact::Renders => "it can be rendered at one end only",
    }
}

/// By reason: most have one in common.
fn not_rendered(page: &mut Page, all: &[NotRendered]) {
    if all.is_empty() {
        return;
    }
    let mut by_reason: BTreeMap<(Instead, &str), Vec<&AppKey>> = BTreeMap::new();
    for one in all {
        by_reason.entry((one.by, &one.why)).or_default().push(&one.app);
    }
    page.gap();
    let text = format!("{} not rendered", plural(all.len(), "app"));
    page.line(&[span(Ink::Strong, text), span(Ink::Dim, ", compared instead")]);
    for ((by, why), apps) in by_reason {
        let by = match by {
            Instead::Files => "by all files below their paths: ",
            Instead::Definition => "by definition and values: ",
        };
        let mut names: Vec<String> = apps.iter().take(NAMED).map(ToString::to_string).collect();
        if apps.len() > NAMED {
            names.push(format!("{} more", apps.len() - NAMED));
        }
        let spans = [
            span(Ink::Dim, format!("  {by}")),
            span(Ink::Plain, format!("{why} ")),
            span(Ink::Dim, format!("({})", names.join(", "))),
        ];
        page.paragraph(4, &spans);
    }
}

fn sums(page: &mut Page, proof: &Proof) {
    let totals = proof.totals();
    let incomplete = proof.pairs.iter().filter(|p| p.completeness == Completeness::Incomplete).count();
    let environments: Vec<&str> = proof.environments.iter().map(crate::name::Environment::as_str).collect();
    let (first, last) = (proof.pairs.first(), proof.pairs.last());
    let range = first.zip(last).map(|(f, l)| format!("{}..{}", f.base.short(), l.head.short()));
    page.paragraph(
        2,
        &[
            span(Ink::Strong, plural(totals.pairs, "pair")),
            span(Ink::Plain, format!(" of commits {}", range.unwrap_or_default())),
            span(Ink::Dim, format!("  environments: {}", environments.join(", "))),
        ],
    );
    let compared = totals.compared;
    let seen = compared.rendered + compared.files + compared.definition;
    let ways = format!(
        "  {} compared: {} by objects rendered from full exports, {} by all files below their paths, {} by \
         definition and values; {} gone",
        plural(totals.apps, "app"),
        compared.rendered,
        compared.files,
        compared.definition,
        totals.apps.saturating_sub(seen),
    );
    page.paragraph(2, &[span(Ink::Plain, ways)]);
    let figures = format!(
        "  {} differ, {} called changed; {} before render filtering",
        totals.differ,
        totals.called,
        plural(totals.excess + totals.excess_before, "excess app"),
    );
    page.line(&[span(Ink::Plain, figures)]);
    if incomplete > 0 {
        let text = format!("  in {} problems may hide apps from both sides", plural(incomplete, "pair"));
        page.paragraph(2, &[span(Ink::Warn, text)]);
    }
    let (ink, word) = match (totals.misses, incomplete) {
        (0, 0) => (Ink::Good, "proved: "),
        (0, _) => (Ink::Warn, "proved for what could be seen: "),
        _ => (Ink::Alarm, "NOT PROVED: "),
    };
    page.line(&[
        span(ink, word),
        span(ink, if totals.misses == 1 { "1 miss".to_owned() } else { format!("{} misses", totals.misses) }),
        span(Ink::Plain, format!(", {} in excess", totals.excess)),
    ]);
}
