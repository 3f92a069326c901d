//! Expressions as Flux evaluates them, and their bounds.

use serde_json::json;

use super::*;

fn check(current: &str, in_progress: &str, failed: &str) -> HealthCheck {
    let optional = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    HealthCheck {
        api_version: "acme.example/v1".into(),
        kind: "Thing".into(),
        current: current.into(),
        in_progress: optional(in_progress),
        failed: optional(failed),
    }
}

fn key(kind: &str) -> ObjectKey {
    ObjectKey { group: "acme.example".into(), kind: kind.into(), namespace: "n".into(), name: "a".into() }
}

fn says(check: HealthCheck, live: &Value) -> String {
    let checks = Checks::read(&[check]).unwrap();
    checks.of(&key("Thing")).unwrap().evaluate(live).to_string()
}

fn current(expression: &str, live: &Value) -> String {
    says(check(expression, "", ""), live)
}

fn refused(expression: &str) -> String {
    Checks::read(&[check(expression, "", "")]).unwrap_err()[0].to_string()
}

fn thing() -> Value {
    json!({
        "metadata": {"generation": 2, "labels": {"a": "b"}},
        "spec": {"replicas": 3, "hosts": ["x", "y"]},
        "status": {"observedGeneration": 2, "readyReplicas": 3, "part": 1.5, "since": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Synced", "status": "False"}]},
    })
}

#[test]
fn the_expressions_of_fluxs_library_hold() {
    let live = thing();
    for expression in [
        "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')",
        "status.conditions.exists(e, e.type == 'Ready' && e.status == 'True')",
        "has(status.conditions) && status.conditions.exists_one(e, e.type == 'Ready')",
        "status.readyReplicas == spec.replicas",
        "status.readyReplicas + 1 > spec.replicas && status.part < 2",
        "status.?phase.orValue('none') == 'none'",
        "!has(status.phase) && size(spec.hosts) == 2",
        "spec.hosts.map(h, h + '.z').join(',') == 'x.z,y.z'",
        "metadata.labels['a'].upperAscii() == 'B' && 'a' in metadata.labels",
        "timestamp(status.since) < timestamp('2026-06-01T00:00:00Z') + duration('24h')",
        "'abc-1'.matches('^[a-z]+-[0-9]$') && 'a,b'.split(',').size() == 2",
        "sets.contains(['a', 'b', 'x'], ['x', 'a']) && !sets.intersects([1], [2])",
        "sets.equivalent([1, 2], [2, 1, 1])",
        "string(base64.decode('YWJj')) == 'abc'",
        "status.nothing == 1 || true",
        "status.readyReplicas == 3.0 && int('3') == 3",
    ] {
        assert_eq!(current(expression, &live), "ready", "{expression}");
    }
}

#[test]
fn the_first_that_holds_decides_in_fluxs_order() {
    let of = |progress: bool, failed: bool, current: bool| {
        let live = json!({"data": {"progress": progress, "failed": failed, "current": current}});
        says(check("data.current", "data.progress", "data.failed"), &live)
    };
    assert_eq!(of(true, true, true), "waiting: its health check says that it is in progress");
    assert_eq!(of(false, true, true), "failed: its health check says that it has failed: data.failed");
    assert_eq!(of(false, false, true), "ready");
    assert_eq!(of(false, false, false), "waiting: its health check does not say that it is current");
}

#[test]
fn a_generation_that_was_not_seen_waits_if_it_is_a_number() {
    let live =
        |observed: Value| json!({"metadata": {"generation": 2}, "status": {"observedGeneration": observed}});
    assert_eq!(current("true", &live(json!(1))), "waiting: its controller has not seen this generation");
    assert_eq!(current("true", &live(json!(2))), "ready");
    assert_eq!(current("status.observedGeneration == '1'", &live(json!("1"))), "ready");
}

#[test]
fn an_expression_without_an_answer_is_never_ready_and_never_failed() {
    let waits = "waiting: its health check";
    let ready = "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')";
    for (live, words) in [
        (json!({}), "`current` has no answer: Undeclared reference to 'status'"),
        (json!({"status": {}}), "`current` has no answer: No such key: conditions"),
    ] {
        assert_eq!(current(ready, &live), format!("{waits} {words}"));
    }
    for (expression, words) in [
        ("1 + 1", "it is neither true nor false"),
        ("1 / 0 == 1", "Division by zero of Int(1)"),
        ("status.part < 'a'", "found no matching overload for '_<_' applied to '(double, string)'"),
        ("spec.hosts[7] == 'a'", "Index out of bounds: Int(7)"),
        (
            "9223372036854775807 + 1 > 0",
            "Overflow from binary operator 'add': Int(9223372036854775807), Int(1)",
        ),
    ] {
        assert_eq!(current(expression, &thing()), format!("{waits} `current` has no answer: {words}"));
    }
    let failed = says(check("true", "", "status.nothing == 1"), &thing());
    assert_eq!(failed, format!("{waits} `failed` has no answer: No such key: nothing"));
    // As Flux: a list without items has all of anything.
    let none = json!({"status": {"conditions": []}});
    assert_eq!(current(ready, &none), "ready");
}

#[test]
fn what_cannot_be_read_is_refused_with_all_its_faults() {
    assert!(refused("status.").starts_with("healthCheckExprs[0]: current: ERROR: <input>:1:8"));
    assert!(refused("has(status)").contains("invalid argument to has() macro"));
    assert_eq!(refused(""), "healthCheckExprs[0]: it has no `current`");
    assert_eq!(refused("now() > 1"), "healthCheckExprs[0]: current: there is no function `now` here");
    assert_eq!(
        refused("'%d'.format([1]) == '1'"),
        "healthCheckExprs[0]: current: there is no function `format` here"
    );
    let faults =
        Checks::read(&[check("a.", "b.", "c"), check("true", "", ""), check("true", "", "")]).unwrap_err();
    let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(words[0].starts_with("healthCheckExprs[0]: current: "), "{words:?}");
    assert!(words[1].starts_with("healthCheckExprs[0]: inProgress: "), "{words:?}");
    assert_eq!(words[2], "healthCheckExprs[2]: there is a check for acme.example/v1 Thing already");
}

#[test]
fn a_kind_goes_before_its_group_and_the_version_does_not_count() {
    let mut group = check("false", "", "");
    group.kind = String::new();
    group.api_version = "acme.example/v2beta1".into();
    let checks = Checks::read(&[check("true", "", ""), group]).unwrap();
    assert_eq!(checks.of(&key("Thing")).unwrap().evaluate(&json!({})).to_string(), "ready");
    assert!(!checks.of(&key("Other")).unwrap().evaluate(&json!({})).is_done());
    let elsewhere = ObjectKey { group: "other.example".into(), ..key("Thing") };
    assert!(checks.of(&elsewhere).is_none());
}

#[test]
fn entries_are_read_from_a_kustomization() {
    let json = json!({"spec": {"healthCheckExprs": [
        {"apiVersion": "acme.example/v1", "kind": "Thing", "current": "true", "failed": "false"},
    ]}});
    let expected = HealthCheck { failed: Some("false".into()), ..check("true", "", "") };
    assert_eq!(HealthCheck::of_kustomization(&json), [expected]);
}

#[test]
fn length_depth_and_cost_are_bounded() {
    let long = format!("'{}' == ''", "a".repeat(MOST_BYTES));
    assert_eq!(refused(&long), "healthCheckExprs[0]: current: it has 4104 bytes and may have 4096");
    for (open, close) in
        [("(", ")"), ("[", "]"), ("!", ""), ("-", ""), ("{'a':", "}"), ("int(", ")"), ("[1].all(x, ", ")")]
    {
        for depth in [100, 400] {
            let text = format!("{}true{}", open.repeat(depth), close.repeat(depth));
            if text.len() <= MOST_BYTES {
                let _ = Checks::read(&[check(&text, "", "")])
                    .map(|checks| checks.of(&key("Thing")).unwrap().evaluate(&thing()));
            }
        }
    }
    for part in ["+1", ".a", "[0]", ".trim()", ".filter(x, true)", " && true", " || false", "? true : true"] {
        let times = (MOST_BYTES - 10) / part.len();
        let text = format!("true{}", part.repeat(times));
        let _ = Checks::read(&[check(&text, "", "")])
            .map(|checks| checks.of(&key("Thing")).unwrap().evaluate(&thing()));
    }
    // As deep as is allowed is evaluated, on the stack of a test.
    let deep = format!("{}true{}", "[1].all(x, ".repeat(9), ")".repeat(9));
    assert_eq!(current(&deep, &thing()), "ready");
    let deep = format!("{}1{} == 1", "int(".repeat(29), ")".repeat(29));
    assert_eq!(current(&deep, &thing()), "ready");
}

#[test]
fn what_could_take_too_long_is_not_begun() {
    let many: Vec<Value> = (0..500).map(|n| json!({"name": format!("n{n}")})).collect();
    let live = json!({"status": {"items": many, "text": "a".repeat(1000)}});
    let i = "status.items";
    for expression in [
        format!("{i}.all(a, {i}.all(b, {i}.all(c, a.name != b.name || b.name != c.name)))"),
        format!("{i}.map(a, {i}.map(b, {i})).size() > 0"),
        format!("'a'{} == ''", ".replace('a','aaaaaaaa')".repeat(24)),
        format!("{i}.all(a, status.text.matches('(a{{999}}){{999}}'))"),
        format!("{i}.map(a, status.text).map(b, {i}.map(c, b)).join('').size() > 0"),
    ] {
        let words = current(&expression, &live);
        assert!(words.contains("could take") && words.starts_with("waiting"), "{words}");
    }
    // What people write on objects of that size is.
    for expression in [
        format!("{i}.all(a, a.name.startsWith('n'))"),
        format!("{i}.filter(a, a.name == 'n3').map(a, a.name).join(',') == 'n3'"),
        format!("{i}.exists(a, a.name == 'n499') && status.text.matches('^a+$')"),
    ] {
        assert_eq!(current(&expression, &live), "ready", "{expression}");
    }
}

#[test]
fn checks_can_be_shared_by_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Checks::default());
}
