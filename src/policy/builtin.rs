//! The fixed rules. Each says yes or no and why; one no is enough.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApprovedPlan, Decision, Denied, RuleResult, Verdict};
use crate::affected::Action;
use crate::catalog::Completeness;
use crate::config::PruneThreshold;
use crate::name::{AppId, CommitId, Digest, Environment};
use crate::object::ObjectKey;
use crate::plan::{Plan, Step};
use crate::problem::{Code, Problem, Severity};

/// What the rules look at beside the plan.
pub struct Facts<'a> {
    /// Everything wrong in the catalogs of this environment.
    pub problems: &'a [Problem],
    /// Whether luigi.yaml is committed.
    pub config: ConfigState,
    /// What is deployed: objects by app. `None` where nobody could look.
    pub deployed: Option<BTreeMap<AppId, usize>>,
    /// For each environment that this one comes after: the commit it has, or
    /// will have by this very run.
    pub promoted: Vec<(Environment, Option<CommitId>)>,
    /// How many deletes need a confirmation.
    pub threshold: PruneThreshold,
    /// The digest that was confirmed.
    pub confirm: Option<Digest>,
    /// Whether the user named the apps: then what is wrong elsewhere does not
    /// stop them.
    pub extent: Extent,
}

/// Which apps a plan was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of the environment.
    Environment,
    /// Those that `--app` names.
    Selection,
}

/// Whether luigi.yaml is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigState {
    /// It is read from the commit.
    Committed,
    /// It was inferred, or given as a file.
    NotCommitted,
}

/// Decides. Every rule has its say, so that all reasons are seen at once.
pub fn decide(plan: Plan, facts: &Facts<'_>) -> Result<ApprovedPlan, Box<Denied>> {
    let mut rules = Rules { results: Vec::new(), problems: Vec::new() };
    rules.say("builtin/committed-config", config(facts));
    rules.say("builtin/complete-catalog", complete(&plan));
    rules.say("builtin/sound-apps", sound(&plan, facts));
    rules.say("builtin/rendered", rendered(&plan));
    rules.say("builtin/no-plain-secrets", secrets(&plan));
    rules.say("builtin/needs-deployed", needs(&plan, facts));
    rules.say("builtin/promotion", promotion(&plan, facts));
    rules.say("builtin/confirm-deletes", deletes(&plan, facts));
    let denied = rules.results.iter().any(|r| r.verdict == Verdict::Denied);
    let verdict = if denied { Verdict::Denied } else { Verdict::Allowed };
    let decision = Decision { verdict, rules: rules.results, confirmed: facts.confirm };
    if denied {
        return Err(Box::new(Denied { plan, decision, problems: rules.problems }));
    }
    Ok(ApprovedPlan { plan, decision })
}

impl Denied {
    /// Whether it is the user's files that stand in the way, and nothing else.
    pub fn is_about_files(&self) -> bool {
        let files = ["builtin/sound-apps", "builtin/complete-catalog"];
        let denied = |r: &&RuleResult| r.verdict == Verdict::Denied;
        self.decision.rules.iter().filter(denied).all(|r| files.contains(&r.rule.as_str()))
    }
}

/// A rule's say: the reason for yes, or the problems that mean no.
type Say = Result<String, Vec<Problem>>;

struct Rules {
    results: Vec<RuleResult>,
    problems: Vec<Problem>,
}

impl Rules {
    fn say(&mut self, rule: &str, say: Say) {
        let (verdict, reason) = match say {
            Ok(reason) => (Verdict::Allowed, reason),
            Err(problems) => {
                let reasons: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
                let reason = reasons.join("; ");
                self.problems.extend(problems);
                (Verdict::Denied, reason)
            }
        };
        self.results.push(RuleResult { rule: rule.to_owned(), verdict, reason });
    }
}

fn verdict(problems: Vec<Problem>, yes: impl Into<String>) -> Say {
    if problems.is_empty() { Ok(yes.into()) } else { Err(problems) }
}

fn problem(code: Code, message: String) -> Problem {
    Problem::new(code, None, message)
}

fn applied(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|s| s.action == Action::Apply)
}

fn config(facts: &Facts<'_>) -> Say {
    match facts.config {
        ConfigState::Committed => Ok("luigi.yaml is committed".to_owned()),
        ConfigState::NotCommitted => {
            Err(vec![problem(Code::ConfigUncommitted, "luigi.yaml is not in the commit".to_owned())])
        }
    }
}

/// Nothing is pruned, and nothing is "nothing to do", unless every app was seen.
fn complete(plan: &Plan) -> Say {
    if plan.completeness == Completeness::Complete {
        return Ok("every app was seen".to_owned());
    }
    let pruned: Vec<String> =
        plan.steps.iter().filter(|s| s.action == Action::Prune).map(|s| s.app.to_string()).collect();
    if !pruned.is_empty() {
        let message = format!("{} would be pruned while apps may be hidden", pruned.join(", "));
        return Err(vec![problem(Code::PruneRefused, message)]);
    }
    if plan.steps.is_empty() {
        let message = format!("apps of {} may be hidden, so no change is no proof", plan.environment);
        return Err(vec![problem(Code::EmptyUnproved, message)]);
    }
    Ok("some apps may be hidden; nothing is pruned".to_owned())
}

fn sound(plan: &Plan, facts: &Facts<'_>) -> Say {
    let mut broken: BTreeMap<&AppId, &Problem> = BTreeMap::new();
    for found in facts.problems.iter().filter(|p| p.severity == Severity::Error) {
        if let Some(app) = &found.app
            && app.environment == plan.environment
        {
            broken.entry(&app.app).or_insert(found);
        }
    }
    let mut found: Vec<Problem> = applied(plan)
        .filter_map(|step| {
            let why = broken.get(&step.app)?;
            let message = format!("{} has problems: {}", step.app, why.message);
            Some(Problem { place: why.place.clone(), ..problem(Code::AppBroken, message) })
        })
        .collect();
    // A file that cannot be read may define anything; a circle has no order.
    let files = facts.problems.iter().filter(|p| p.severity == Severity::Error && p.app.is_none());
    let all = facts.extent == Extent::Environment;
    found.extend(files.filter(|p| all || p.code == Code::NeedCycle).cloned());
    verdict(found, "no app to deploy has problems")
}

fn rendered(plan: &Plan) -> Say {
    let found = applied(plan).filter(|s| !s.not_rendered.is_empty()).map(|step| {
        let message = format!("{} is not rendered: {}", step.app, step.not_rendered.join(", "));
        problem(Code::DeployNotRendered, message)
    });
    verdict(found.collect(), "every app to deploy is rendered")
}

fn secrets(plan: &Plan) -> Say {
    let found = applied(plan).flat_map(|step| {
        step.objects.iter().filter(|o| o.is_plain_secret()).map(|object| {
            let message = format!("{} holds the plaintext Secret {}", step.app, object.key);
            problem(Code::SecretInLedger, message)
        })
    });
    verdict(found.collect(), "no plaintext Secret would be written")
}

/// What an app needs and this plan does not deploy must be deployed already.
fn needs(plan: &Plan, facts: &Facts<'_>) -> Say {
    let Some(deployed) = &facts.deployed else { return Ok("what is deployed is not known here".to_owned()) };
    let here: BTreeSet<&AppId> =
        plan.steps.iter().filter(|s| s.action == Action::Apply).map(|s| &s.app).collect();
    let mut found = Vec::new();
    for step in plan.steps.iter().filter(|s| s.action != Action::Prune) {
        for need in step.all_needs.iter().filter(|n| !here.contains(n) && !deployed.contains_key(n)) {
            let message = format!("{} needs {need}, which is not deployed", step.app);
            found.push(problem(Code::NeedNotDeployed, message));
        }
    }
    verdict(found, "everything needed is deployed or in this plan")
}

fn promotion(plan: &Plan, facts: &Facts<'_>) -> Say {
    let behind =
        facts.promoted.iter().filter(|(_, commit)| *commit != Some(plan.head)).map(|(name, commit)| {
            let has = commit.map_or_else(|| "nothing".to_owned(), |c| c.short());
            let message = format!(
                "{} comes after {name}, which has {has}, not {}",
                plan.environment,
                plan.head.short()
            );
            problem(Code::NotPromoted, message)
        });
    verdict(behind.collect(), "no environment has to have this commit first, or those do")
}

/// Kinds whose deletion takes data or other people's objects along.
const PRECIOUS: [(&str, &str); 3] =
    [("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("", "PersistentVolumeClaim")];

fn deletes(plan: &Plan, facts: &Facts<'_>) -> Say {
    if let Some(confirmed) = facts.confirm
        && confirmed != plan.digest
    {
        let message = format!("the plan is {}, and {confirmed} was confirmed", plan.digest);
        return Err(vec![problem(Code::PlanDiffers, message)]);
    }
    let count: usize = plan.steps.iter().map(|s| s.deletes.len()).sum();
    let whole: Vec<String> =
        plan.steps.iter().filter(|s| s.action == Action::Prune).map(|s| s.app.to_string()).collect();
    let is_precious = |k: &&ObjectKey| PRECIOUS.iter().any(|(g, kind)| k.group == *g && k.kind == *kind);
    let precious: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|s| s.deletes.iter())
        .filter(is_precious)
        .map(ToString::to_string)
        .collect();
    let total: usize = facts.deployed.iter().flat_map(BTreeMap::values).sum();
    let share = u64::try_from(total).unwrap_or(u64::MAX).saturating_mul(facts.threshold.percent) / 100;
    let limit = facts.threshold.count.max(share);
    let many = u64::try_from(count).unwrap_or(u64::MAX) > limit;
    let mut why = Vec::new();
    if !whole.is_empty() {
        why.push(format!("whole apps ({})", whole.join(", ")));
    }
    if !precious.is_empty() {
        why.push(format!("objects that take others along ({})", precious.join(", ")));
    }
    if many {
        why.push(format!("{count} objects, more than {limit}"));
    }
    if why.is_empty() {
        return Ok(match count {
            0 => "nothing is deleted".to_owned(),
            n => format!("{n} deletes are within the threshold of {limit}"),
        });
    }
    let what = why.join("; ");
    if facts.confirm.is_some() {
        return Ok(format!("confirmed by plan digest: {what}"));
    }
    let message = format!("this deletes {what}");
    Err(vec![
        problem(Code::DeleteUnconfirmed, message)
            .help(format!("Look at them, then run again with --confirm {}", plan.digest)),
    ])
}
