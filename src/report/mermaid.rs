//! A graph for Mermaid, as GitHub draws it. An arrow points from what needs to
//! what is needed.

use super::escape;
use super::view::{GraphView, NodeView};
use super::words;
use crate::affected::Action;

/// The graph as Mermaid lines, without a fence. Ids are n0, n1, … in the order
/// of the nodes; affected apps are marked by colour, and by a sign in the label.
pub fn mermaid(graph: &GraphView) -> Vec<String> {
    let mut out = vec!["graph LR".to_owned()];
    for (i, node) in graph.nodes.iter().enumerate() {
        let label = escape::mermaid(&graph.label(node));
        let sign = mark(node).map_or(String::new(), |sign| escape::mermaid(sign) + " ");
        out.push(format!("  n{i}[\"{sign}{label}\"]{}", class(node)));
    }
    for (a, b) in graph.indexed_edges() {
        out.push(format!("  n{a} --> n{b}"));
    }
    out.extend(
        [
            "  classDef apply fill:#fff3cd,stroke:#9a6700,stroke-width:2px,color:#1f2328",
            "  classDef verify fill:#ddf4ff,stroke:#0969da,stroke-width:2px,color:#1f2328",
            "  classDef prune fill:#ffebe9,stroke:#cf222e,stroke-width:2px,color:#1f2328",
        ]
        .map(String::from),
    );
    out
}

/// The same as one text.
pub fn document(graph: &GraphView) -> String {
    mermaid(graph).iter().fold(String::new(), |mut out, line| {
        put!(out, "{line}\n");
        out
    })
}

fn mark(node: &NodeView) -> Option<&'static str> {
    match (node.action, node.change) {
        (Some(action), Some(change)) => Some(words::sign(action, change)),
        (Some(_), None) | (None, Some(_)) => Some("~"),
        (None, None) => None,
    }
}

fn class(node: &NodeView) -> &'static str {
    match (node.action, node.change) {
        (Some(Action::Apply), _) | (None, Some(_)) => ":::apply",
        (Some(Action::Verify), _) => ":::verify",
        (Some(Action::Prune), _) => ":::prune",
        (None, None) => "",
    }
}
