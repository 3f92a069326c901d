//! `healthCheckExprs` evaluated by Flux and by Luigi.

use std::collections::BTreeMap;

use luigi::deploy::health::Settle;
use luigi::deploy::health::check::{Checks, HealthCheck};
use luigi::object::ObjectKey;
use serde_json::{Value, json};

use super::judge::{Answer, ask};

/// Expressions of Flux's library, of its tests, and of the corners of the language.
const EXPRESSIONS: &[&str] = &[
    "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')",
    "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'False')",
    "status.conditions.exists(e, e.type == 'Ready' && e.status == 'True')",
    "status.conditions.exists_one(e, e.status == 'True')",
    "has(status.observedGeneration) && metadata.generation != status.observedGeneration",
    "has(status.conditions)",
    "has(status)",
    "!has(status.phase) || status.phase == 'Ready'",
    "status.phase == 'Ready'",
    "status.phase in ['Ready', 'Running']",
    "status.readyReplicas == spec.replicas",
    "status.readyReplicas >= spec.replicas && status.readyReplicas > 0",
    "status.readyReplicas + 1 == spec.replicas",
    "status.readyReplicas == 2.0",
    "status.share > 1",
    "status.share > 1.25",
    "status.share < 'a'",
    "double(status.readyReplicas) / 2.0 >= 1.0",
    "int(status.text) == 3",
    "string(status.readyReplicas) == '2'",
    "size(status.conditions) > 1",
    "status.conditions.size() == 2",
    "status.conditions[0].type == 'Ready'",
    "status.conditions[9].type == 'Ready'",
    "status.conditions.map(e, e.type).join('+') == 'Ready+Synced'",
    "status.conditions.map(e, e.status == 'True', e.type).size() == 1",
    "'Ready' in status.conditions.map(e, e.type)",
    "metadata.labels['app'] == 'a'",
    "metadata.labels.app == 'a' && 'app' in metadata.labels",
    "metadata.labels.exists(name, name == 'app')",
    "metadata.labels.all(name, name.startsWith('a'))",
    "metadata.?annotations.?x.orValue('none') == 'none'",
    "status.?phase.hasValue() && status.?phase.value() == 'Ready'",
    "status[?'phase'].orValue('') == 'Ready'",
    "timestamp(status.since) < timestamp('2026-06-01T00:00:00Z')",
    "timestamp(status.since) + duration('1h') > timestamp('2026-01-01T00:30:00Z')",
    "timestamp(status.since).getFullYear() == 2026",
    "duration('90s') == duration('1m30s')",
    "status.text.matches('^[0-9]+$')",
    "status.text.contains('3') && status.text.startsWith('3') && status.text.endsWith('3')",
    "status.phase.lowerAscii() == 'ready' && status.phase.upperAscii() == 'READY'",
    "status.phase.substring(1, 3) == 'ea' && status.phase.indexOf('a') == 2",
    "status.phase.replace('e', 'E') == 'REady'",
    "'a,b,c'.split(',').size() == 3 && ' x '.trim() == 'x' && 'abc'.charAt(1) == 'b'",
    "'abc'.reverse() == 'cba'",
    "sets.contains(['Ready', 'Synced'], status.conditions.map(e, e.type))",
    "sets.intersects([1, 2], [2, 3]) && sets.equivalent([1, 2], [2, 1])",
    "base64.encode(b'abc') == 'YWJj' && string(base64.decode('YWJj')) == 'abc'",
    "status.nothing == 1",
    "status.nothing == 1 || true",
    "true || status.nothing == 1",
    "status.nothing == 1 && false",
    "status.nothing == 1 && true",
    "status.nothing == null",
    "status.empty == null",
    "nothing == 1",
    "status.readyReplicas == '2'",
    "1 / (status.readyReplicas - 2) == 1",
    "9223372036854775807 + status.readyReplicas > 0",
    "status.readyReplicas % 2 == 0 && -status.readyReplicas < 0",
    "status.readyReplicas > 1 ? status.phase == 'Ready' : false",
    "type(status.readyReplicas) == int && type(status.share) == double && type(status.phase) == string",
    "{'a': 1}.a == 1 && [1, 2] + [3] == [1, 2, 3]",
    "spec == {'replicas': 2, 'hosts': ['x', 'y']}",
    "spec.hosts == ['x', 'y'] && spec.hosts != ['y', 'x']",
    "spec.hosts.all(h, h in ['x', 'y', 'z'])",
    "'é'.size() == 1 && size('日本') == 2",
    "r'\\d' == '\\\\d' && \"a\" == 'a' && '''a''' == 'a'",
    "0x10 == 16 && 1u == 1u && 1e3 == 1000.0",
    "status.conditions",
    "1 + 1",
    "'true'",
    "status.",
    "status.phase ==",
    "status.phase = 'Ready'",
    "now() > 1",
    "",
    "(",
    "status.conditions.all(e)",
];

/// A difference: its name, and the expressions that it explains.
type Difference = (&'static str, fn(&str) -> bool);

/// Where the two may differ, by name.
const DELIBERATE: &[Difference] = &[
    // Flux finds out at each evaluation, and waits until its deadline.
    ("a macro called with too few arguments is no function", |e| e == "status.conditions.all(e)"),
];

fn objects() -> Vec<Value> {
    let conditions =
        |ready: &str| json!([{"type": "Ready", "status": ready}, {"type": "Synced", "status": "True"}]);
    let full = |ready: &str, observed: Value| {
        json!({
            "apiVersion": "acme.example/v1", "kind": "Thing",
            "metadata": {"name": "a", "generation": 3, "labels": {"app": "a"}},
            "spec": {"replicas": 2, "hosts": ["x", "y"]},
            "status": {"observedGeneration": observed, "phase": "Ready", "readyReplicas": 2, "share": 1.5, "text": "3",
                "since": "2026-01-01T00:00:00Z", "empty": null, "conditions": conditions(ready)},
        })
    };
    vec![
        full("True", json!(3)),
        full("False", json!(3)),
        full("True", json!(2)),
        full("True", json!("2")),
        json!({"apiVersion": "acme.example/v1", "kind": "Thing", "metadata": {"name": "a", "generation": 1}}),
        json!({"apiVersion": "acme.example/v1", "kind": "Thing", "metadata": {"name": "a"}, "status": {}}),
        json!({"apiVersion": "acme.example/v1", "kind": "Thing", "metadata": {"name": "a"}, "status": {"conditions": []}}),
    ]
}

/// Our answer as Flux would call it.
fn ours(current: &str, failed: Option<&str>, object: &Value) -> Answer {
    let entry = HealthCheck {
        api_version: "acme.example/v1".into(),
        kind: "Thing".into(),
        current: current.into(),
        in_progress: None,
        failed: failed.map(str::to_owned),
    };
    let key = ObjectKey {
        group: "acme.example".into(),
        kind: "Thing".into(),
        namespace: String::new(),
        name: "a".into(),
    };
    let answer = |status: &str, error: String| Answer { status: status.into(), error };
    let checks = match Checks::read(&[entry]) {
        Ok(checks) => checks,
        Err(faults) => return answer("Unreadable", faults[0].to_string()),
    };
    match checks.of(&key).unwrap().evaluate(object) {
        Settle::Ready(_) => answer("Current", String::new()),
        Settle::Failed(_) => answer("Failed", String::new()),
        Settle::Waiting(words) if words.contains("has no answer") => answer("", words),
        Settle::Waiting(_) => answer("InProgress", String::new()),
        Settle::Suspended(..) => panic!("an expression suspends"),
    }
}

#[test]
fn expressions_mean_what_flux_takes_them_to_mean() {
    let objects = objects();
    let mut asked = Vec::new();
    for current in EXPRESSIONS {
        for object in &objects {
            asked.push((*current, None, object));
        }
    }
    // Each as a failure beside one that is ready, for the order.
    for failed in EXPRESSIONS.iter().filter(|text| !text.is_empty()) {
        asked.push(("true", Some(*failed), &objects[0]));
    }
    let questions: Vec<Value> = asked
        .iter()
        .map(|(current, failed, object)| json!({"object": object, "expressions": {"current": current, "failed": failed.unwrap_or_default()}}))
        .collect();
    let mut met: BTreeMap<&str, usize> = DELIBERATE.iter().map(|(name, _)| (*name, 0)).collect();
    let mut wrong = Vec::new();
    for ((current, failed, object), theirs) in asked.iter().zip(ask(&questions)) {
        let found = ours(current, *failed, object);
        if found.status == theirs.status {
            continue;
        }
        let text = failed.unwrap_or(current);
        match DELIBERATE.iter().find(|(_, is)| is(text)) {
            Some((why, _)) => *met.entry(why).or_default() += 1,
            None => wrong.push(format!("{text}: Flux {theirs:?}, Luigi {found:?} on {object}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), asked.len(), wrong.join("\n"));
    assert!(met.values().all(|times| *times > 0), "differences that nothing shows: {met:?}");
}
