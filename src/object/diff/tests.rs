//! Differences of objects, and what they never show.

use super::super::objects;
use super::*;

fn changes(before: &str, after: &str) -> Vec<ObjectChange> {
    let read = |text: &str| {
        let (objects, problems) = objects("a.yaml", text.as_bytes());
        assert!(problems.is_empty(), "{problems:?}");
        objects
    };
    compare(&read(before), &read(after))
}

fn lines(changes: &[ObjectChange]) -> Vec<String> {
    let show = |side: &Option<Shown>| side.as_ref().map_or("-".to_owned(), Shown::to_string);
    changes
        .iter()
        .flat_map(|change| &change.fields)
        .map(|field| format!("{} {} {}", field.path, show(&field.before), show(&field.after)))
        .collect()
}

fn deployment(containers: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a, annotations: {{a.b/c: x}}}}\n\
         spec: {{template: {{spec: {{containers: {containers}}}}}}}\nstatus: {{n: 1}}\n"
    )
}

#[test]
fn items_match_by_merge_key() {
    let before =
        deployment("[{name: app, image: a:1, ports: [{containerPort: 80}]}, {name: side, image: s}]");
    let after = deployment("[{name: side, image: s}, {name: app, image: a:2, ports: [{containerPort: 81}]}]");
    assert_eq!(
        lines(&changes(&before, &after)),
        [
            ".spec.template.spec.containers[name=app].image \"a:1\" \"a:2\"",
            ".spec.template.spec.containers[name=app].ports[containerPort=80] {\"containerPort\":80} -",
            ".spec.template.spec.containers[name=app].ports[containerPort=81] - {\"containerPort\":81}",
            ".spec.template.spec.containers[order] [\"name=app\",\"name=side\"] [\"name=side\",\"name=app\"]",
        ]
    );
}

#[test]
fn items_that_keys_do_not_tell_apart_match_by_index() {
    let before = deployment("[{name: app, args: [a, b], env: [{name: A, value: x}, {name: A, value: v}]}]");
    let after = deployment("[{name: app, args: [a, c, d], env: [{name: A, value: x}, {name: A, value: z}]}]");
    assert_eq!(
        lines(&changes(&before, &after)),
        [
            ".spec.template.spec.containers[name=app].args[1] \"b\" \"c\"",
            ".spec.template.spec.containers[name=app].args[2] - \"d\"",
            ".spec.template.spec.containers[name=app].env[1].value \"v\" \"z\"",
        ]
    );
}

#[test]
fn status_and_managed_fields_do_not_count_and_versions_do() {
    let text = deployment("[]");
    assert_eq!(changes(&text, &text.replace("n: 1", "n: 2")), []);
    let other = text.replace("{name: a,", "{name: a, managedFields: [{manager: x}],");
    assert_eq!(changes(&text, &other), []);
    let beta = text.replace("apps/v1", "apps/v1beta1").replace("a.b/c: x", "a.b/c: z");
    assert_eq!(
        lines(&changes(&text, &beta)),
        [".apiVersion \"apps/v1\" \"apps/v1beta1\"", ".metadata.annotations[\"a.b/c\"] \"x\" \"z\""]
    );
}

#[test]
fn objects_come_and_go() {
    let one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let two = one.replace("name: a", "name: b");
    let found = changes(one, &two);
    let kinds: Vec<_> = found.iter().map(|c| (c.key.name.as_str(), c.change)).collect();
    assert_eq!(kinds, [("a", Change::Removed), ("b", Change::Added)]);
}

#[test]
fn secret_values_are_nowhere() {
    let secret = |value: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  annotations:\n    \
             kubectl.kubernetes.io/last-applied-configuration: 'hunter-{value}'\n\
             data: {{same: aHVudGVyLXM=, a: hunter-{value}{more}}}\nstringData: [hunter-{value}]\n"
        )
    };
    let found = changes(&secret("1", ""), &secret("2", ", b: hunter-3"));
    assert_eq!(
        lines(&found),
        [
            ".data.a (before) (after)",
            ".data.b - (after)",
            ".metadata.annotations[\"kubectl.kubernetes.io/last-applied-configuration\"] (before) (after)",
            ".stringData (before) (after)",
        ]
    );
    let all = format!("{found:?}{}", serde_json::to_string(&found).unwrap());
    assert!(!all.contains("hunter"), "{all}");
    let bare = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";
    let all = format!("{:?}", changes(bare, &secret("1", "")));
    assert!(!all.contains("hunter") && all.contains("HiddenAfter"), "{all}");
}

#[test]
fn texts_differ_by_line() {
    assert_eq!(text_diff("a\nb\nc\n", "a\nB\nc\n"), "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
}
