//! Settle rules by example, and what holds for every one of them.

mod custom;
mod fast;
mod kinds;
mod properties;

use serde_json::{Value, json};

use super::*;
use crate::problem::Place;

/// One object with everything around it, to be judged.
pub(super) struct Scene {
    pub(super) desired: Object,
    pub(super) live: Value,
    pub(super) applied: Applied,
    pub(super) around: Around,
    pub(super) purpose: Purpose,
    pub(super) status: StatusPart,
    pub(super) budget: Budget,
    pub(super) now: i64,
}

/// When objects of scenes were written; their pods began then.
pub(super) const WRITTEN: i64 = 1_767_323_045;
/// The same as text.
pub(super) const WRITTEN_TEXT: &str = "2026-01-02T03:04:05Z";

impl Scene {
    /// An object with a spec and a status, of generation 1, just written.
    pub(super) fn new(api: &str, kind: &str, spec: Value, status: Value) -> Self {
        let mut live = json!({
            "apiVersion": api, "kind": kind,
            "metadata": {"name": "a", "namespace": "n", "uid": "u", "generation": 1, "resourceVersion": "100"},
        });
        for (name, value) in [("spec", spec), ("status", status)] {
            if !value.is_null() {
                live[name] = value;
            }
        }
        let mut json = live.clone();
        json.as_object_mut().unwrap().remove("status");
        Self {
            desired: Object::from_json(&Place::file("a"), json).unwrap(),
            applied: Applied::of(&live, Some(WRITTEN)),
            live,
            around: Around::default(),
            purpose: Purpose::Part,
            status: StatusPart::Has,
            budget: Budget::default(),
            now: WRITTEN + 1,
        }
    }

    pub(super) fn annotate(mut self, name: &str, value: &str) -> Self {
        self.live["metadata"]["annotations"][name] = json!(value);
        self.desired.json["metadata"]["annotations"][name] = json!(value);
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn case<'a>(&'a self, live: Live<'a>) -> Case<'a> {
        Case {
            desired: &self.desired,
            applied: &self.applied,
            live,
            around: &self.around,
            purpose: self.purpose,
            status: self.status,
            check: None,
            budget: &self.budget,
            now: self.now,
        }
    }

    pub(super) fn settle(&self) -> Settle {
        settle(&self.case(Live::Here(&self.live)))
    }

    pub(super) fn says(&self) -> String {
        self.settle().to_string()
    }
}

/// What a spec and a status come to.
pub(super) fn says(api: &str, kind: &str, spec: Value, status: Value) -> String {
    Scene::new(api, kind, spec, status).says()
}

/// What one condition comes to.
pub(super) fn condition(api: &str, kind: &str, condition: &str, status: &str, reason: &str) -> String {
    let conditions = json!([{"type": condition, "status": status, "reason": reason}]);
    says(api, kind, Value::Null, json!({"conditions": conditions}))
}

fn config_map() -> Scene {
    Scene::new("v1", "ConfigMap", Value::Null, Value::Null)
}

#[test]
fn nothing_read_is_not_gone_and_gone_is_not_ready() {
    let scene = config_map();
    assert_eq!(settle(&scene.case(Live::Unread)).to_string(), "waiting: it has not been read yet");
    let gone = "failed: it was there and is gone: somebody has deleted it";
    assert_eq!(settle(&scene.case(Live::Gone(None))).to_string(), gone);
    let scene = scene.with(|scene| scene.applied.uid = None);
    assert_eq!(settle(&scene.case(Live::Gone(None))).to_string(), "waiting: it is not there yet");
    assert_eq!(settle(&scene.case(Live::Gone(Some(&scene.live)))).to_string(), gone);
}

#[test]
fn a_state_from_before_the_write_is_never_ready() {
    let older = "waiting: what was read is older than what was written";
    let version =
        |found: &str| config_map().with(|s| s.live["metadata"]["resourceVersion"] = json!(found)).says();
    assert_eq!(version("99"), older);
    assert_eq!(version("100"), "ready");
    assert_eq!(version("1000"), "ready");
    assert_eq!(version("not-a-number"), "ready");
    assert_eq!(config_map().with(|scene| scene.applied.generation = Some(2)).says(), older);
    // Another object of the same name: the one before ours, or one after it.
    let other = |version: &str| {
        config_map().with(|scene| {
            scene.live["metadata"]["uid"] = json!("other");
            scene.live["metadata"]["resourceVersion"] = json!(version);
        })
    };
    assert_eq!(other("99").says(), older);
    assert_eq!(other("101").says(), "failed: somebody else has deleted it and made it anew");
}

#[test]
fn deletion_waits_and_says_for_what() {
    let deleting = |finalizers: Value| {
        config_map().with(|scene| {
            scene.live["metadata"]["deletionTimestamp"] = json!(WRITTEN_TEXT);
            scene.live["metadata"]["finalizers"] = finalizers;
        })
    };
    assert_eq!(deleting(json!([])).says(), "waiting: it is being deleted");
    assert_eq!(deleting(json!(["a", "b"])).says(), "waiting: it is being deleted, held by a, b");
}

#[test]
fn an_object_can_opt_out() {
    let bad = || {
        Scene::new(
            "batch/v1",
            "Job",
            json!({}),
            json!({"conditions": [{"type": "Failed", "status": "True"}]}),
        )
    };
    assert!(bad().says().starts_with("failed"));
    let words = "ready: it is not waited for, by its annotation luigi.dev/wait";
    assert_eq!(bad().annotate("luigi.dev/wait", "disabled").says(), words);
    assert!(bad().annotate("luigi.dev/wait", "enabled").says().starts_with("failed"));
    let argo = bad().annotate("argocd.argoproj.io/ignore-healthcheck", "true");
    assert!(argo.settle().is_done());
    assert!(opted_out(&argo.desired).is_some());
}

#[test]
fn the_generation_and_the_standard_conditions_hold_for_every_kind() {
    let of = |status: Value| says("acme.example/v1", "Thing", json!({}), status);
    assert_eq!(
        of(json!({"observedGeneration": 0})),
        "waiting: its controller has seen generation 0, and this is 1"
    );
    assert_eq!(
        of(json!({"observedGeneration": "0"})),
        "waiting: its controller has seen generation 0, and this is 1"
    );
    assert_eq!(of(json!({"observedGeneration": "1"})), "ready");
    assert_eq!(of(json!({"observedGeneration": 1})), "ready");
    let conditions = |list: Value| of(json!({"observedGeneration": 1, "conditions": list}));
    let stalled = json!({"type": "Stalled", "status": "True", "reason": "Bad", "message": "no"});
    let working = json!({"type": "Reconciling", "status": "True"});
    let ready = json!({"type": "Ready", "status": "True"});
    assert_eq!(conditions(json!([working, ready])), "waiting: Reconciling is True");
    assert_eq!(conditions(json!([ready, stalled])), "failed: Stalled is True: Bad: no");
    assert_eq!(conditions(json!([working, stalled])), "failed: Stalled is True: Bad: no");
    // A condition about an earlier generation says nothing about this one.
    let old = json!({"type": "Ready", "status": "True", "observedGeneration": 0});
    let new = json!({"type": "Ready", "status": "True", "observedGeneration": 1});
    let undated = |condition: Value| of(json!({"conditions": [condition]}));
    let stale = "waiting: its condition Ready is about an earlier generation";
    assert_eq!(undated(old.clone()), stale);
    let other = json!({"type": "Reconciling", "status": "False"});
    assert_eq!(conditions(json!([old, other])), stale);
    assert_eq!(undated(new), "ready");
}

#[test]
fn a_kind_with_a_status_and_none_yet_waits() {
    let words = "waiting: no controller has reported on it yet; \
                 if none ever does, annotate it with luigi.dev/wait: disabled";
    assert_eq!(says("acme.example/v1", "Thing", json!({}), Value::Null), words);
    assert_eq!(says("acme.example/v1", "Thing", json!({}), json!({})), words);
    let none = Scene::new("acme.example/v1", "Thing", json!({}), Value::Null);
    assert_eq!(none.with(|scene| scene.status = StatusPart::HasNone).says(), "ready");
    // Kinds that have one by their definition and never write it.
    for (api, kind) in
        [("networking.istio.io/v1", "VirtualService"), ("monitoring.coreos.com/v1", "PrometheusRule")]
    {
        assert_eq!(says(api, kind, json!({}), Value::Null), "ready", "{kind}");
    }
}

#[test]
fn a_check_of_the_user_goes_before_the_rule_of_the_kind() {
    let entry = check::HealthCheck {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        current: "status.fine".into(),
        in_progress: None,
        failed: None,
    };
    let checks = Checks::read(&[entry]).unwrap();
    let says = |status: Value| {
        let scene = Scene::new("apps/v1", "Deployment", json!({}), status);
        let case = Case { check: checks.of(&scene.desired.key), ..scene.case(Live::Here(&scene.live)) };
        settle(&case).to_string()
    };
    assert_eq!(says(json!({"fine": true})), "ready");
    assert_eq!(says(json!({"fine": false})), "waiting: its health check does not say that it is current");
    // Not before what holds for all: being deleted, being old.
    let scene = Scene::new("apps/v1", "Deployment", json!({}), json!({"fine": true}));
    let scene = scene.with(|scene| scene.live["metadata"]["deletionTimestamp"] = json!(WRITTEN_TEXT));
    let case = Case { check: checks.of(&scene.desired.key), ..scene.case(Live::Here(&scene.live)) };
    assert_eq!(settle(&case).to_string(), "waiting: it is being deleted");
}

#[test]
fn the_time_of_a_write_is_its_managers() {
    let entry = |manager: &str, operation: &str, time: &str| json!({"manager": manager, "operation": operation, "time": time});
    let answer = json!({"metadata": {"managedFields": [
        entry("luigi", "Apply", WRITTEN_TEXT), entry("luigi", "Update", "2026-02-02T00:00:00Z"),
        entry("other", "Apply", "2026-02-02T00:00:00Z"),
    ]}});
    assert_eq!(applied_at(&answer, "luigi"), Some(WRITTEN));
    assert_eq!(applied_at(&answer, "nobody"), None);
}
