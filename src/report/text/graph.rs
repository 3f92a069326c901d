//! A graph as a tree: what is needed stands above what needs it, as in a
//! deploy. And the affected apps as a list, with their reasons.

use super::page::{Ink, Page, Style, sentence, span};
use super::steps;
use crate::affected::Affected;
use crate::report::view::GraphView;
use crate::report::words;

/// The whole graph. An app that needs several stands below each; only the
/// first time with what needs it.
pub fn graph(graph: &GraphView, style: Style) -> String {
    let mut page = Page::new(style);
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    let mut needs: Vec<usize> = vec![0; graph.nodes.len()];
    for (a, b) in graph.indexed_edges() {
        needed_by[b].push(a);
        needs[a] += 1;
    }
    let mut shown = vec![false; graph.nodes.len()];
    let first = (0..graph.nodes.len()).filter(|i| needs[*i] == 0);
    // What only a circle leads to has no beginning; it must be seen all the same.
    let all: Vec<usize> = first.chain(0..graph.nodes.len()).collect();
    for root in all {
        if shown[root] {
            continue;
        }
        tree(&mut page, graph, &needed_by, &mut shown, root);
    }
    page.finish()
}

/// Writes a tree without recursion: graphs come from users' files.
fn tree(page: &mut Page, graph: &GraphView, needed_by: &[Vec<usize>], shown: &mut [bool], root: usize) {
    // A node, what stands before its branch, and its branch.
    let mut todo: Vec<(usize, String, &str)> = vec![(root, String::new(), "")];
    while let Some((at, before, branch)) = todo.pop() {
        let again = shown[at];
        shown[at] = true;
        node(page, graph, at, &format!("{before}{branch}"), again && !needed_by[at].is_empty());
        if again {
            continue;
        }
        let below = match branch {
            "├─ " => format!("{before}│  "),
            "└─ " => format!("{before}   "),
            _ => before,
        };
        let last = needed_by[at].len().saturating_sub(1);
        let children = needed_by[at].iter().enumerate().rev();
        todo.extend(
            children.map(|(i, child)| (*child, below.clone(), if i == last { "└─ " } else { "├─ " })),
        );
    }
}

fn node(page: &mut Page, graph: &GraphView, at: usize, before: &str, again: bool) {
    let node = &graph.nodes[at];
    let label = graph.label(node);
    let mut spans = vec![span(Ink::Dim, before)];
    match (node.action, node.change) {
        (Some(action), change) => {
            let change = change.unwrap_or(crate::change::ChangeKind::None);
            let ink = steps::ink(action, change);
            spans.push(span(ink, format!("{} {label}", words::sign(action, change))));
            spans.push(span(ink, format!("  {}, {}", words::action(action), words::change(change))));
        }
        (None, Some(change)) => {
            spans.push(span(Ink::Warn, format!("~ {label}  {}", words::change(change))));
        }
        (None, None) => spans.push(span(Ink::Plain, label)),
    }
    if again {
        spans.push(span(Ink::Dim, "  (shown above)"));
    }
    page.line(&spans);
}

/// The affected apps with every reason.
pub fn affected(affected: &[Affected], style: Style) -> String {
    let mut page = Page::new(style);
    for one in affected {
        let ink = steps::ink(one.action, one.change);
        page.line(&[
            span(ink, format!("{} ", words::sign(one.action, one.change))),
            span(Ink::Strong, one.key.to_string()),
            span(ink, format!("  {}, {}", words::action(one.action), words::change(one.change))),
        ]);
        for reason in &one.reasons {
            let mut spans = vec![span(Ink::Dim, "    because ")];
            spans.extend(sentence(Ink::Plain, &words::reason(reason)));
            page.paragraph(12, &spans);
        }
    }
    page.finish()
}
