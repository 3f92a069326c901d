//! Objects from YAML and back.

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Vec<Object> {
    let (objects, problems) = objects("a.yaml", text.as_bytes());
    assert!(problems.is_empty(), "{problems:?}\n{text}");
    objects
}

fn refused(text: &str) -> Vec<String> {
    objects("a.yaml", text.as_bytes()).1.iter().map(ToString::to_string).collect()
}

#[test]
fn lists_are_unpacked() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: ns}}\n\
                - {apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: b}}]}\n\
                - {apiVersion: v1, kind: List, items: null}\n";
    let keys: Vec<String> = read(text).iter().map(|object| object.key.to_string()).collect();
    assert_eq!(keys, ["apps/Deployment/ns/a", "_/ConfigMap/_/b"]);
}

#[test]
fn what_is_not_an_object_is_said() {
    let text = "foo\n---\nkind: A\n---\napiVersion: a/b/c\nkind: A\nmetadata: {name: x}\n---\n\
                apiVersion: v1\nkind: A\nmetadata: {generateName: x}\n---\n\
                apiVersion: v1\nkind: A\nmetadata: {name: 12}\n---\n# nothing\n---\napiVersion: v1\nkind: A\n---\n\
                apiVersion: v1\nkind: A\nmetadata: {name: x}\nitems: []\n";
    assert_eq!(
        refused(text),
        [
            "a.yaml:1:1: L0505: the document is not a mapping",
            "a.yaml:3:1: L0505: the object has no `apiVersion`",
            "a.yaml:5:1: L0505: `a/b/c` is not an apiVersion",
            "a.yaml:9:1: L0505: this A has `metadata.generateName` instead of a name",
            "a.yaml:13:1: L0505: `metadata.name` is not text",
            "a.yaml:19:1: L0505: this A has no `metadata` mapping",
            "a.yaml:22:1: L0505: only a list may have `items` at the top",
        ]
    );
}

#[test]
fn plain_secrets_are_told() {
    let secret = |rest: &str| {
        read(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{rest}\n"))
            .first()
            .map(Object::is_plain_secret)
    };
    let sealed = "'ENC[AES256_GCM,data:x,type:str]'";
    assert_eq!(secret(""), Some(false));
    assert_eq!(secret("data: {}"), Some(false));
    assert_eq!(secret("data: {a: ''}"), Some(false));
    assert_eq!(secret("data: {a: eA==}"), Some(true));
    assert_eq!(secret("stringData: {a: x}"), Some(true));
    assert_eq!(secret(&format!("data: {{a: {sealed}}}\nsops: {{}}")), Some(false));
    assert_eq!(secret(&format!("data: {{a: {sealed}, b: eA==}}\nsops: {{}}")), Some(true));
    let other = read("apiVersion: acme.example/v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: x}\n");
    assert!(!other[0].is_plain_secret());
    assert!(
        read("apiVersion: v1\nkind: A\nmetadata: {name: a, annotations: {x: y}}\nsops: {}\n")[0].is_sops()
    );
}

#[test]
fn canonical_bytes_do_not_depend_on_order_and_keep_large_integers() {
    let a = "apiVersion: v1\nkind: A\nmetadata: {name: a}\nint: 9007199254740993\n";
    let b = "metadata: {name: b}\nkind: A\napiVersion: v1\n";
    let bytes = canonical(&read(&format!("{a}---\n{b}")));
    assert_eq!(bytes, canonical(&read(&format!("{b}---\n{a}"))));
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "[{\"apiVersion\":\"v1\",\"int\":{\"luigi:integer\":\"9007199254740993\"},\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}},\
         {\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"b\"}}]"
    );
    assert_ne!(canonical(&read(a)), canonical(&read(&a.replace("0993", "0992"))));
}

#[test]
fn yaml_for_the_ledger_is_plain() {
    let text = "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  y: yes\nspec:\n  a: \"yes\"\n  b: |\n    #!/bin/sh\n\n    echo\n  \
                c: 2.5e-8\n  d:\n  - - x y\n    - 1e300\n  - e: []\n    f: {}\n  g: \"1:30\"\n  h: \"a: b\"\n  i: \" x\\ny\"\n";
    let yaml = to_yaml(&read(text));
    insta::assert_snapshot!(yaml, @r#"
    apiVersion: v1
    kind: A
    metadata:
      name: a
      "true": true
    spec:
      a: "yes"
      b: |
        #!/bin/sh

        echo
      c: 2.5e-8
      d:
      - - x y
        - 1.0e+300
      - e: []
        f: {}
      g: "1:30"
      h: "a: b"
      i: " x\ny"
    "#);
    assert_eq!(read(&yaml), read(text));
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,6}",
        "[ -~]{0,12}",
        "[ \\t\\na-c#:'\"-]{0,12}",
        any::<String>(),
        "[-+0-9._eExob:]{1,8}",
        prop::sample::select(vec![
            "y",
            "No",
            "~",
            "null",
            "<<",
            "=",
            "---",
            "...",
            ".inf",
            "0o17",
            "|",
            "a\n---\nb\n"
        ])
        .prop_map(str::to_owned),
        "[a-z]{120,1100}",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(texts(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(spec in values(), name in "[a-z]{1,5}") {
        let json = serde_json::json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": name}, "spec": spec});
        let object = Object::from_json(&Place::file("a"), json).unwrap();
        let yaml = to_yaml(std::slice::from_ref(&object));
        let (found, problems) = objects("a.yaml", yaml.as_bytes());
        prop_assert!(problems.is_empty(), "{:?}\n{}", problems, yaml);
        prop_assert_eq!(found, vec![object], "{}", yaml);
    }

    #[test]
    fn no_text_panics(text in any::<Vec<u8>>(), yaml in "[-a-c:{}\\[\\],&*!|>\"'#? \\n\\t]{0,60}") {
        let _ = objects("a.yaml", &text);
        let _ = objects("a.yaml", yaml.as_bytes());
    }
}
