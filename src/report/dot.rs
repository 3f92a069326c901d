//! A graph for Graphviz. An arrow points from what needs to what is needed.

use super::escape;
use super::view::GraphView;
use super::words;

/// The graph as DOT. The same graph gives the same bytes.
pub fn dot(graph: &GraphView) -> String {
    let mut out = String::from(
        "digraph luigi {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
    );
    for (i, node) in graph.nodes.iter().enumerate() {
        let label = escape::dot(&graph.label(node));
        let (note, look) = match (node.action, node.change) {
            (None, None) => (String::new(), ""),
            (action, change) => {
                let said: Vec<&str> =
                    action.map(words::action).into_iter().chain(change.map(words::change)).collect();
                (
                    format!("\\n{}", said.join(": ")),
                    ", style=\"rounded,filled\", fillcolor=\"#ffe8b3\", penwidth=2",
                )
            }
        };
        put!(out, "  n{i} [label=\"{label}{note}\"{look}];\n");
    }
    for (a, b) in graph.indexed_edges() {
        put!(out, "  n{a} -> n{b};\n");
    }
    out + "}\n"
}
