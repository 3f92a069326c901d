//! YAML as kubectl reads it, its places and its bounds.

#![expect(clippy::format_collect, reason = "tests")]

use super::*;
use crate::object::Object;

const TORTURE: &str = include_str!("../../../fixtures/yaml/torture.yaml");
const TORTURE_BY_KUBECTL: &str = include_str!("../../../fixtures/yaml/torture.json");

fn read(text: &str) -> (Vec<Node>, Vec<Problem>) {
    documents("a.yaml", text.as_bytes())
}

fn one(text: &str) -> Node {
    let (mut nodes, problems) = read(text);
    assert!(problems.is_empty() && nodes.len() == 1, "{nodes:?} {problems:?}");
    nodes.remove(0)
}

fn problems(text: &str) -> Vec<String> {
    let (_, problems) = read(text);
    problems.iter().map(ToString::to_string).collect()
}

fn codes(text: &str) -> Vec<Code> {
    read(text).1.iter().map(|problem| problem.code).collect()
}

#[test]
fn every_scalar_is_read_as_kubectl_reads_it() {
    let ours = one(TORTURE).into_json();
    // Through Object, because kubectl prints large floats with the digits of integers.
    let golden = serde_json::from_str(TORTURE_BY_KUBECTL).unwrap();
    let golden = Object::from_json(&Place::file("torture.json"), golden).unwrap().json;
    let (ours, golden) = (ours.as_object().unwrap(), golden.as_object().unwrap());
    assert_eq!(ours.keys().collect::<Vec<_>>(), golden.keys().collect::<Vec<_>>());
    for (key, golden) in golden {
        match (&ours[key], golden) {
            (serde_json::Value::Object(ours), serde_json::Value::Object(golden)) => {
                assert_eq!(ours.keys().collect::<Vec<_>>(), golden.keys().collect::<Vec<_>>(), "{key}");
                for (field, golden) in golden {
                    assert_eq!(&ours[field], golden, "{key}.{field}");
                }
            }
            (ours, golden) => assert_eq!(ours, golden, "{key}"),
        }
    }
}

#[test]
fn lines_end_as_on_any_system() {
    assert_eq!(one(&TORTURE.replace('\n', "\r\n")).to_json(), one(TORTURE).to_json());
}

#[test]
fn places_count_from_one() {
    let node = one("# c\n---\n\na:\n  - b: ü x\n    c: [d]\n");
    assert_eq!(node.mark, Mark { line: 4, column: 1 });
    let item = &node.get("a").and_then(Node::as_list).unwrap()[0];
    assert_eq!(item.mark, Mark { line: 5, column: 5 });
    assert_eq!(item.get("b").unwrap().mark, Mark { line: 5, column: 8 });
    assert_eq!(item.entry("c").unwrap().mark, Mark { line: 6, column: 5 });
    assert_eq!(item.at(&["c"]).and_then(Node::as_list).unwrap()[0].place("f").to_string(), "f:6:9");
    assert_eq!(one("\u{feff}a: b").get("a").unwrap().mark, Mark { line: 1, column: 4 });
}

#[test]
fn documents_are_split_and_empty_ones_left_out() {
    let (nodes, problems) = read("---\n# nothing\n--- # comment\na: 1\n---\n---\n~\n---\nb: |\n  x\n  ---\n");
    assert_eq!(problems, []);
    let values: Vec<_> = nodes.iter().map(Node::to_json).collect();
    assert_eq!(values, [serde_json::json!({"a": 1}), serde_json::json!({"b": "x\n---\n"})]);
    assert_eq!(read(""), (vec![], vec![]));
    assert_eq!(read("---"), (vec![], vec![]));
}

#[test]
fn a_bad_document_hides_no_other() {
    let text = "a: 1\n---\nb: [\n---\nc: 3\n--- d: 4\n---\ne: 5\n";
    let (nodes, _) = read(text);
    assert_eq!(nodes.len(), 3);
    assert_eq!(
        problems(text),
        [
            "a.yaml:4:1: L0101: while parsing a node, did not find expected node content",
            "a.yaml:6:5: L0101: only a comment may follow `---` on its line",
        ]
    );
}

#[test]
fn keys_may_not_double() {
    assert_eq!(
        problems("a:\n  b: 1\n  c: 2\n  b: 3\n"),
        ["a.yaml:4:3: L0102: the key `b` is here again; it is already at line 2, column 3"]
    );
    assert_eq!(codes("1: a\n'1': b\n"), [Code::YamlDuplicateKey]);
    assert_eq!(codes("<<: {a: 1}\na: 2\na: 3\n"), [Code::YamlDuplicateKey]);
    assert_eq!(codes("<<: {a: 1}\na: 2\n"), []);
    let many: String = (0..100).map(|n| format!("k{}: v\n", n % 50)).collect();
    assert_eq!(codes(&many).len(), 20);
}

#[test]
fn what_json_cannot_hold_is_refused() {
    assert_eq!(codes("a: .inf"), [Code::YamlValue]);
    assert_eq!(codes("a: !!int x"), [Code::YamlValue]);
    assert_eq!(codes("a: !!binary x"), [Code::YamlValue]);
    assert_eq!(codes("<<: a"), [Code::YamlValue]);
    assert_eq!(codes("<<: [a]"), [Code::YamlValue]);
    assert_eq!(codes("[a]: b"), [Code::YamlKey]);
    assert_eq!(codes("{a: b}: c"), [Code::YamlKey]);
    assert_eq!(codes("~: b"), [Code::YamlKey]);
    assert_eq!(codes("18446744073709551615: b"), [Code::YamlKey]);
}

#[test]
fn aliases_need_an_anchor() {
    assert_eq!(problems("a: *b"), ["a.yaml:1:4: L0105: the alias names no anchor"]);
    assert_eq!(problems("&a [*a]"), ["a.yaml:1:5: L0105: the alias stands inside its own anchor"]);
    assert_eq!(codes("a: &x 1\n---\nb: *x\n"), [Code::YamlAlias]);
}

#[test]
fn what_is_not_text_has_a_place() {
    let (nodes, found) = documents("a.yaml", b"a: b\nc: \xff\n");
    assert_eq!(
        (nodes, found[0].to_string()),
        (vec![], "a.yaml:2:4: L0104: the file is not UTF-8 text".into())
    );
    assert_eq!(codes("a: b\u{1}\n"), [Code::YamlSyntax]);
    assert_eq!(problems("a:\n  ü\u{85}b\n")[0].split(": ").next(), Some("a.yaml:2:4"));
}

#[test]
fn templates_are_told_from_mistakes() {
    let (_, problems) = read("{{- if .Values.a }}\na: b\n{{- end }}\n");
    assert_eq!(problems[0].code, Code::YamlSyntax);
    assert!(problems[0].help.contains("template"), "{problems:?}");
    assert!(!read("a: b: c").1[0].help.contains("template"));
}

#[test]
fn text_after_the_end_mark_is_not_dropped() {
    assert_eq!(codes("a: b\n...\n"), []);
    assert_eq!(codes("a: b\n...\nc: d\n"), [Code::YamlSyntax]);
}

#[test]
fn json_is_read_even_where_it_is_not_yaml() {
    let (nodes, problems) = read("{\"a\": 1e3}{\"b\": \"\\ud83d\\ude00\\/\"}\n");
    assert_eq!(problems, []);
    let values: Vec<_> = nodes.iter().map(Node::to_json).collect();
    assert_eq!(values, [serde_json::json!({"a": 1000}), serde_json::json!({"b": "😀/"})]);
}

#[test]
fn one_document_is_one() {
    assert_eq!(document("f", b"a: 1").0.unwrap().get("a").and_then(Node::as_i64), Some(1));
    assert_eq!(document("f", b"# none"), (None, vec![]));
    let (first, problems) = document("f", b"a: 1\n---\nb: 1\n");
    assert!(first.is_some());
    assert_eq!(problems[0].to_string(), "f:3:1: L0101: there is a second document where one is expected");
}

#[test]
fn bombs_are_bounded() {
    let levels = |from: &str, item: &str| {
        let row = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","));
        format!("a0: &a0 {from}\n{}{item}", (1..12).map(row).collect::<String>())
    };
    assert_eq!(codes(&levels("[x]", "")), [Code::YamlTooLarge]);
    assert_eq!(codes(&levels(&"x".repeat(1 << 20), "")), [Code::YamlTooLarge]);
    // Small enough each, too many together.
    let small = levels("x", "").lines().take(5).collect::<Vec<_>>().join("\n");
    assert!(codes(&format!("{small}\n---\n").repeat(400)).contains(&Code::YamlTooLarge));
    // Anchors around anchors.
    let nested: String = (0..60).map(|n| format!("&a{n} [")).collect();
    let text = format!("{nested}{}{}", "x".repeat(2 << 20), "]".repeat(60));
    assert_eq!(codes(&text), [Code::YamlTooLarge]);
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = |n: usize| format!("{}x{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(codes(&deep(MAX_DEPTH)), []);
    assert_eq!(codes(&deep(MAX_DEPTH + 1)), [Code::YamlTooLarge]);
    let below: String = (0..40).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert_eq!(codes(&format!("x: &x {}\n{below}{}b: *x\n", deep(24), " ".repeat(40))), [Code::YamlTooLarge]);
    for start in ["[", "- ", "? ", "{a: ", "&a [", "!x ["] {
        let found = codes(&start.repeat(200_000));
        assert!(found.len() == 1, "{start:?} {found:?}");
    }
    assert_eq!(codes(&"- x\n".repeat(MAX_NODES)), [Code::YamlTooLarge]);
    assert_eq!(codes(&"[".repeat(3_000_000)), [Code::YamlTooLarge]);
    assert_eq!(codes(&format!("[{}", ",".repeat(3_000_000))), [Code::YamlTooLarge]);
    assert_eq!(codes(&"#".repeat(MAX_BYTES + 1)), [Code::YamlTooLarge]);
}
