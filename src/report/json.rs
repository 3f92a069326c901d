//! Graph and plan as JSON for programs; docs/graph.schema.json and
//! docs/plan.schema.json describe them, and a test holds the two equal.
//!
//! Holds no objects, so no secret value: only what differs, as `object` lets it
//! be seen.

use serde::Serialize;

use crate::affected::{Action, Affected, Reason};
use crate::change::ChangeKind;
use crate::name::{AppId, AppKey, CommitId, Digest, Environment};
use crate::object::ObjectKey;
use crate::object::diff::ObjectChange;
use crate::plan::{Completeness, Plan, Step};
use crate::policy::Decision;
use crate::problem::Problem;

/// What `luigi graph --format json` says.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphReport {
    /// The commit compared with; `None` when there is none.
    pub base: Option<CommitId>,
    /// The commit looked at.
    pub head: CommitId,
    /// Whether every app was seen at both ends. If not, an app that is missing
    /// in `affected` may be affected all the same.
    pub complete: bool,
    /// The affected apps of all environments.
    pub affected: Vec<Affected>,
    /// Every problem found.
    pub problems: Vec<Problem>,
}

/// What `luigi plan --format json` says.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanReport {
    /// The graph's part.
    pub graph: GraphReport,
    /// One plan for each environment, in order, with what was decided.
    pub plans: Vec<(Plan, Decision)>,
}

#[derive(Serialize)]
struct GraphOut<'a> {
    base: Option<CommitId>,
    head: CommitId,
    complete: bool,
    affected: Vec<AppOut<'a>>,
    problems: &'a [Problem],
}

#[derive(Serialize)]
struct AppOut<'a> {
    environment: &'a Environment,
    #[serde(flatten)]
    id: IdOut<'a>,
    change: ChangeKind,
    action: Action,
    reasons: &'a [Reason],
}

/// An id, whole and in its parts.
#[derive(Serialize)]
struct IdOut<'a> {
    app: &'a AppId,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct PlanOut<'a> {
    #[serde(flatten)]
    graph: GraphOut<'a>,
    /// The steps of all environments in order.
    steps: Vec<StepOut<'a>>,
    plans: Vec<EnvironmentOut<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvironmentOut<'a> {
    environment: &'a Environment,
    base: Option<CommitId>,
    head: CommitId,
    complete: bool,
    plan_digest: Digest,
    decision: &'a Decision,
    touched: &'a [AppId],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepOut<'a> {
    environment: &'a Environment,
    #[serde(flatten)]
    id: IdOut<'a>,
    action: Action,
    change: ChangeKind,
    reasons: &'a [Reason],
    needs: &'a [AppId],
    digest: Option<Digest>,
    objects: usize,
    changes: &'a [ObjectChange],
    deletes: &'a [ObjectKey],
    not_rendered: &'a [String],
    pins: &'a [String],
}

/// The graph as indented JSON with a line end.
pub fn graph(report: &GraphReport) -> Result<String, serde_json::Error> {
    text(&graph_out(report))
}

/// The plan as indented JSON with a line end.
pub fn plan(report: &PlanReport) -> Result<String, serde_json::Error> {
    let plans = report.plans.iter().map(|(plan, decision)| environment_out(plan, decision)).collect();
    let steps = report
        .plans
        .iter()
        .flat_map(|(plan, _)| plan.steps.iter().map(|step| step_out(&plan.environment, step)));
    text(&PlanOut { graph: graph_out(&report.graph), steps: steps.collect(), plans })
}

/// The affected apps alone, as one line: the action's output `affected`.
pub fn affected(affected: &[Affected]) -> Result<String, serde_json::Error> {
    let apps: Vec<AppOut<'_>> = affected.iter().map(app_out).collect();
    serde_json::to_string(&apps)
}

fn text<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn graph_out(report: &GraphReport) -> GraphOut<'_> {
    GraphOut {
        base: report.base,
        head: report.head,
        complete: report.complete,
        affected: report.affected.iter().map(app_out).collect(),
        problems: &report.problems,
    }
}

fn app_out(app: &Affected) -> AppOut<'_> {
    let AppKey { environment, app: id } = &app.key;
    AppOut { environment, id: id_out(id), change: app.change, action: app.action, reasons: &app.reasons }
}

fn id_out(app: &AppId) -> IdOut<'_> {
    IdOut { app, kind: app.kind(), namespace: app.namespace(), name: app.name() }
}

fn environment_out<'a>(plan: &'a Plan, decision: &'a Decision) -> EnvironmentOut<'a> {
    EnvironmentOut {
        environment: &plan.environment,
        base: plan.base,
        head: plan.head,
        complete: plan.completeness == Completeness::Complete,
        plan_digest: plan.digest,
        decision,
        touched: &plan.touched,
    }
}

fn step_out<'a>(environment: &'a Environment, step: &'a Step) -> StepOut<'a> {
    StepOut {
        environment,
        id: id_out(&step.app),
        action: step.action,
        change: step.change,
        reasons: &step.reasons,
        needs: &step.needs,
        digest: step.digest,
        objects: step.objects.len(),
        changes: &step.changes,
        deletes: &step.deletes,
        not_rendered: &step.not_rendered,
        pins: &step.pins,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::samples;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn errors(schema: &str, instance: &Value) -> Vec<String> {
        let schema = value(schema);
        jsonschema::meta::validate(&schema).unwrap();
        let validator = jsonschema::options().build(&schema).unwrap();
        validator.iter_errors(instance).map(|e| format!("{}: {e}", e.instance_path())).collect()
    }

    const GRAPH: &str = include_str!("../../docs/graph.schema.json");
    const PLAN: &str = include_str!("../../docs/plan.schema.json");

    #[test]
    fn the_graph_is_as_its_schema_says() {
        let out = value(&graph(&samples::graph_report()).unwrap());
        assert_eq!(errors(GRAPH, &out), Vec::<String>::new());
        assert_eq!(
            out["affected"][1],
            json!({
                "environment": "staging", "app": "App/_/api", "kind": "App", "namespace": "_", "name": "api",
                "change": "none", "action": "verify",
                "reasons": [{"kind": "needs", "app": "App/_/database"}],
            })
        );
        let mut wrong = out.clone();
        wrong["affected"][0]["change"] = "renamed".into();
        assert!(!errors(GRAPH, &wrong).is_empty());
        let mut wrong = out;
        wrong["more"] = true.into();
        assert!(!errors(GRAPH, &wrong).is_empty());
    }

    #[test]
    fn the_plan_is_as_its_schema_says() {
        let out = value(&plan(&samples::plan_report()).unwrap());
        assert_eq!(errors(PLAN, &out), Vec::<String>::new());
        assert_eq!(out["plans"][0]["steps"][0]["changes"][0]["fields"][0]["path"], ".spec.replicas");
        assert_eq!(out["plans"][0]["touched"], json!(["App/_/docs"]));
    }

    /// A new reason or code must not leave the schema behind.
    #[test]
    fn every_reason_is_in_the_schemas() {
        use crate::affected::Because;
        use crate::change::Difference as D;
        let s = String::new;
        let reasons = [
            Reason::Changed(D::Added { path: s() }),
            Reason::Changed(D::Removed { path: s() }),
            Reason::Changed(D::Moved { from: s(), to: s() }),
            Reason::Changed(D::Definition { path: s(), field: s() }),
            Reason::Changed(D::Content { path: s() }),
            Reason::Changed(D::Settings { path: s() }),
            Reason::Changed(D::Pin { what: s(), from: s(), to: s() }),
            Reason::Changed(D::Unknown { path: s(), why: s() }),
            Reason::Changed(D::NoBase),
            Reason::Changed(D::DeployedApart { commit: s() }),
            Reason::Changed(D::NotDeployed),
            Reason::Because(Because::Needs { app: samples::id("x") }),
            Reason::Because(Because::Wave { wave: -1, parent: "root".into() }),
        ];
        let mut report = samples::plan_report();
        report.graph.affected[0].reasons = reasons.to_vec();
        report.plans[0].0.steps[0].reasons = reasons.to_vec();
        assert_eq!(errors(PLAN, &value(&plan(&report).unwrap())), Vec::<String>::new());
        assert_eq!(errors(GRAPH, &value(&graph(&report.graph).unwrap())), Vec::<String>::new());
    }
}
