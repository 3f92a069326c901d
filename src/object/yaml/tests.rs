use super::*;

fn read(text: &str) -> (Vec<Node>, Vec<Problem>) {
    documents("a.yaml", text.as_bytes())
}

#[test]
fn smoke() {
    let (nodes, problems) = read("a: 1\n---\n# c\n---\nb: [x, 0755]\n");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(nodes[1].to_json(), serde_json::json!({"b": ["x", 493]}));
    assert_eq!(nodes[1].mark, Mark { line: 5, column: 1 });
}
