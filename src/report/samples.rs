//! Samples for the reports' tests.

use crate::affected::{Action, Affected, Because, Reason};
use crate::change::{ChangeKind, Difference};
use crate::name::{AppId, AppKey, CommitId, Digest, Environment};
use crate::object::ObjectKey;
use crate::object::diff::{Change, FieldChange, ObjectChange, Shown};
use crate::plan::{Completeness, Plan, Step};
use crate::policy::{Decision, RuleResult, Verdict};
use crate::problem::{Code, Place, Problem};
use crate::record::{
    API_VERSION, LedgerPosition, Outcome, OutcomeKind, Phase, Record, RecordKind, Run, Seal, Selection,
    Source, StepRecord, StepResult, StepStatus, Tool,
};
use crate::report::json::{GraphReport, PlanReport};
use crate::report::view::{GraphView, NodeView};

pub(super) fn id(name: &str) -> AppId {
    AppId::new("App", "", name).unwrap()
}
pub(super) fn key(name: &str) -> AppKey {
    AppKey { environment: staging(), app: id(name) }
}
pub(super) fn staging() -> Environment {
    Environment::parse("staging").unwrap()
}
pub(super) fn commit(digit: char) -> CommitId {
    CommitId::parse(&digit.to_string().repeat(40)).unwrap()
}
pub(super) fn object(kind: &str, name: &str) -> ObjectKey {
    ObjectKey { group: "apps".into(), kind: kind.into(), namespace: "shop".into(), name: name.into() }
}

fn step(name: &str, action: Action, change: ChangeKind, reason: Reason) -> Step {
    Step {
        app: id(name),
        action,
        change,
        reasons: vec![reason],
        needs: Vec::new(),
        all_needs: Vec::new(),
        objects: Vec::new(),
        digest: (action == Action::Apply).then(|| Digest::of(name.as_bytes())),
        changes: Vec::new(),
        deletes: Vec::new(),
        not_rendered: Vec::new(),
        pins: Vec::new(),
        target: crate::plan::Target::default(),
    }
}

/// One step of each action, one app touched.
pub(super) fn plan() -> Plan {
    let content = Reason::Changed(Difference::Content { path: "apps/database/config.yaml".into() });
    let mut database = step("database", Action::Apply, ChangeKind::Content, content);
    database.changes = vec![
        ObjectChange {
            key: object("Deployment", "database"),
            change: Change::Changed,
            fields: vec![
                FieldChange {
                    path: ".spec.replicas".into(),
                    before: Some(Shown::Value(2.into())),
                    after: Some(Shown::Value(3.into())),
                },
                FieldChange { path: ".spec.token".into(), before: None, after: Some(Shown::HiddenAfter) },
            ],
        },
        ObjectChange { key: object("Job", "seed"), change: Change::Removed, fields: Vec::new() },
    ];
    database.deletes = vec![object("Job", "seed")];
    let mut api = step(
        "api",
        Action::Verify,
        ChangeKind::None,
        Reason::Because(Because::Needs { app: id("database") }),
    );
    api.needs = vec![id("database")];
    let removed = Reason::Changed(Difference::Removed { path: "clusters/staging/legacy.yaml".into() });
    let mut legacy = step("legacy", Action::Prune, ChangeKind::Removed, removed);
    legacy.deletes = vec![object("Deployment", "legacy")];
    Plan {
        environment: staging(),
        base: Some(commit('a')),
        head: commit('b'),
        steps: vec![database, api, legacy],
        touched: vec![id("docs")],
        completeness: Completeness::Complete,
        digest: Digest::of(b"plan"),
    }
}

pub(super) fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        rules: vec![
            RuleResult {
                rule: "builtin/complete".into(),
                verdict: Verdict::Allowed,
                reason: "every app was seen".into(),
            },
            RuleResult {
                rule: "builtin/confirm-deletes".into(),
                verdict,
                reason: "2 objects are deleted, among them a whole app".into(),
            },
        ],
        confirmed: None,
    }
}

pub(super) fn problems() -> Vec<Problem> {
    vec![
        Problem::new(Code::DeleteUnconfirmed, None, "a whole app is deleted: App/_/legacy"),
        Problem::new(
            Code::Floating,
            Some(Place::new("apps/cache/Chart.yaml", 7, 3)),
            "the chart \"redis\" has the range ^1.0 instead of a version",
        )
        .of(&key("cache")),
    ]
}

pub(super) fn graph() -> GraphView {
    let node = |name: &str, change, action| NodeView { key: key(name), change, action };
    GraphView {
        nodes: vec![
            node("api", Some(ChangeKind::None), Some(Action::Verify)),
            node("cache", None, None),
            node("database", Some(ChangeKind::Content), Some(Action::Apply)),
            node("legacy", Some(ChangeKind::Removed), Some(Action::Prune)),
            node("web", None, None),
        ],
        edges: vec![
            (key("api"), key("database")),
            (key("api"), key("cache")),
            (key("web"), key("api")),
            (key("web"), key("cache")),
        ],
    }
}

pub(super) fn graph_report() -> GraphReport {
    let affected = plan()
        .steps
        .into_iter()
        .map(|s| Affected {
            key: AppKey { environment: staging(), app: s.app },
            change: s.change,
            action: s.action,
            reasons: s.reasons,
        })
        .collect();
    GraphReport { base: Some(commit('a')), head: commit('b'), complete: true, affected, problems: problems() }
}

pub(super) fn plan_report() -> PlanReport {
    PlanReport { graph: graph_report(), plans: vec![(plan(), decision(Verdict::Denied))] }
}

fn run() -> Run {
    Run {
        id: "42".into(),
        attempt: 1,
        command: "deploy".into(),
        event: "push".into(),
        actor: "octo".into(),
        url: Some("https://github.com/acme/platform/actions/runs/42/attempts/1".into()),
        started: "2026-11-24T10:00:00Z".into(),
        finished: Some("2026-11-24T10:00:02Z".into()),
    }
}

/// A deploy in which the second step failed and the first was put back.
pub(super) fn record() -> Record {
    let results = [
        (StepStatus::RolledBack, Some("put back after App/_/api failed"), 1_240),
        (StepStatus::Failed, Some("what is deployed is not what the record says"), 310),
        (StepStatus::Pending, None, 0),
    ];
    let steps =
        plan().steps.into_iter().zip(results).map(|(step, (status, reason, duration_ms))| StepRecord {
            app: step.app,
            action: step.action,
            change: step.change,
            reasons: step.reasons,
            needs: step.needs,
            digest: step.digest,
            objects: 1,
            changes: step.changes,
            deletes: step.deletes,
            not_rendered: step.not_rendered,
            pins: step.pins,
            result: StepResult { status, reason: reason.map(String::from), duration_ms },
        });
    Record {
        principal: None,
        credentials: Vec::new(),
        api_version: API_VERSION,
        kind: RecordKind::Outcome,
        run: run(),
        environment: staging(),
        source: Source {
            repository: Some("https://github.com/acme/platform".into()),
            base: Some(commit('a')),
            head: Some(commit('b')),
            pull_request_head: None,
            authority: Some(commit('b')),
            authority_protected: true,
            reference: Some("refs/heads/main".into()),
        },
        selection: Selection {
            apps: Vec::new(),
            completeness: Completeness::Complete,
            apps_in_environment: 5,
            entry: None,
        },
        plan_digest: Some(Digest::of(b"plan")),
        steps: steps.collect(),
        touched: vec![id("docs")],
        decision: Some(decision(Verdict::Allowed)),
        outcome: Some(Outcome {
            verdict: OutcomeKind::RolledBack,
            exit_code: 4,
            message: "App/_/api failed; everything is as it was before".into(),
        }),
        problems: vec![problems().remove(1)],
        log: Vec::new(),
        phases: vec![Phase { name: "read".into(), duration_ms: 120 }],
        ledger: Some(LedgerPosition {
            branch: "luigi/ledger".into(),
            seq: 7,
            previous: Some(Digest::of(b"6")),
            intent: Some(6),
            holder: None,
        }),
        seal: Seal::Unsealed { reason: "this version cannot sign yet".into() },
        tool: Tool {
            name: "luigi".into(),
            version: "0.1.0".into(),
            renderers: vec!["kustomize v5.8.1".into()],
        },
    }
}
