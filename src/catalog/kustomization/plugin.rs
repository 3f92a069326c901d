//! What stands under `generators`, `transformers` and `validators`, and in the
//! files they name: builtin kinds are read, anything else is code.
//!
//! Runs nothing. Which kinds are builtin is kustomize v5.8's own list.
//!
//! Source: `api/internal/plugins/loader/loader.go` (`isBuiltinPlugin`),
//! `api/internal/plugins/builtinhelpers/builtins.go`, `plugin/builtin/*`.

use super::{Reference, Scan, Target, charts, field, fields, is_remote_file};
use crate::object::yaml::{self, Node};
use crate::problem::Problem;

/// Kinds that are linked into kustomize, under `apiVersion: builtin`.
const BUILTIN: [&str; 18] = [
    "AnnotationsTransformer",
    "ConfigMapGenerator",
    "HashTransformer",
    "HelmChartInflationGenerator",
    "IAMPolicyGenerator",
    "ImageTagTransformer",
    "LabelTransformer",
    "NamespaceTransformer",
    "PatchJson6902Transformer",
    "PatchStrategicMergeTransformer",
    "PatchTransformer",
    "PrefixSuffixTransformer",
    "PrefixTransformer",
    "ReplacementTransformer",
    "ReplicaCountTransformer",
    "SecretGenerator",
    "SuffixTransformer",
    "ValueAddTransformer",
];

/// Annotations that turn a configuration into a function to run.
const FUNCTIONS: [&str; 2] = ["config.kubernetes.io/function", "config.k8s.io/function"];

/// What one document of a generator's, transformer's or validator's file makes
/// kustomize read. Its paths are relative to the folder of the *kustomization*
/// that names the file, not to the file.
pub fn plugin_references(file: &str, node: &Node) -> (Vec<Reference>, Vec<Problem>) {
    let mut scan = Scan { file: file.to_owned(), found: Vec::new(), problems: Vec::new() };
    document(&mut scan, node);
    (scan.found, scan.problems)
}

/// An entry of `generators` and its kin: the configuration itself, or a path.
pub(super) fn config(scan: &mut Scan, name: &'static str, node: &Node, text: &str) {
    let (documents, problems) = yaml::documents(&scan.file, text.as_bytes());
    let inline = problems.is_empty() && documents.iter().any(|d| d.as_map().is_some());
    if !inline || is_remote_file(text) {
        scan.file_or_dir(name, node, text);
        if let Some(found) = scan.found.last_mut()
            && let Target::FileOrDir(path) = &found.target
        {
            found.target = Target::Config(path.clone());
        }
        return;
    }
    scan.add(name, node, text, Target::Inline);
    let (from, wrong) = (scan.found.len(), scan.problems.len());
    for document_node in &documents {
        document(scan, document_node);
    }
    // Marks inside the text count from its own first line; the entry's own place
    // is the one people can find.
    for found in &mut scan.found[from..] {
        found.mark = node.mark;
    }
    for problem in &mut scan.problems[wrong..] {
        problem.place =
            Some(crate::problem::Place::new(scan.file.as_str(), node.mark.line, node.mark.column));
    }
}

fn document(scan: &mut Scan, node: &Node) {
    if node.is_null() {
        return;
    }
    if node.as_map().is_none() {
        scan.wrong(node, "a generator's or transformer's configuration is a mapping");
        return;
    }
    let kind = field(node, "kind").and_then(Node::as_str).unwrap_or("");
    if kind == "List" || kind.ends_with("List") && field(node, "items").is_some() {
        for items in fields(node, "items").filter_map(Node::as_list) {
            for item in items {
                document(scan, item);
            }
        }
        return;
    }
    let version = field(node, "apiVersion").and_then(Node::as_str).unwrap_or("");
    let function = field(node, "metadata")
        .and_then(|metadata| field(metadata, "annotations"))
        .and_then(Node::as_map)
        .is_some_and(|all| all.iter().any(|entry| FUNCTIONS.contains(&entry.key.as_str())));
    if function {
        code(scan, node, format!("the function {version}/{kind}"));
    } else if version != "builtin" || !BUILTIN.contains(&kind) {
        code(scan, node, format!("the plugin {version}/{kind}"));
    } else {
        builtin(scan, kind, node);
    }
}

fn code(scan: &mut Scan, node: &Node, what: String) {
    scan.add("kind", node, &what.clone(), Target::Code(what));
}

/// The fields of the builtin kinds that name files.
fn builtin(scan: &mut Scan, kind: &str, node: &Node) {
    match kind {
        "ConfigMapGenerator" | "SecretGenerator" => {
            scan.pairs(["generators.files", "generators.envs"], node);
        }
        "HelmChartInflationGenerator" => charts::generator(scan, node),
        "PatchTransformer" | "PatchJson6902Transformer" => {
            scan.text_at("transformers.path", node, "path", Scan::file);
        }
        "PatchStrategicMergeTransformer" => {
            for value in fields(node, "paths") {
                scan.texts("transformers.paths", value, Scan::patch_or_file);
            }
        }
        "ReplacementTransformer" => {
            for value in fields(node, "replacements") {
                scan.each(value, |scan, item| {
                    scan.text_at("transformers.replacements.path", item, "path", Scan::file);
                });
            }
        }
        "ValueAddTransformer" => {
            scan.text_at("transformers.targetFilePath", node, "targetFilePath", Scan::file);
        }
        _ => {}
    }
}
