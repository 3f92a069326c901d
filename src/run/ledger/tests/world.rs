//! A repository with a ledger, and runs on it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::super::{Context, Direction, Ended, Request, RunError, Who, deploy, snapshot, verify};
use crate::affected::{Action, Reason};
use crate::change::{ChangeKind, Difference};
use crate::deploy::{Event, OnFailure};
use crate::ledger::plans::Snapshot;
use crate::ledger::{Extent, OnCrash};
use crate::name::{AppId, CommitId, Digest, Environment, ObjectId};
use crate::object::{Object, canonical};
use crate::outside::branch::Branch;
use crate::outside::git::Repo;
use crate::outside::host::ProcessName;
use crate::plan::{Completeness, Plan, Step, digest};
use crate::policy::ApprovedPlan;
use crate::problem::{Place, Problem};
use crate::record::{self, OutcomeKind, Record, RecordKind, Run, Seal, Selection, Source, Tool};

pub(super) struct World {
    pub(super) dir: Arc<tempfile::TempDir>,
    pub(super) repo: Repo,
    pub(super) environment: Environment,
    pub(super) cancel: Arc<AtomicBool>,
    pub(super) wait: Duration,
    pub(super) skip: Duration,
    pub(super) on_failure: OnFailure,
    pub(super) on_crash: OnCrash,
}

pub(super) struct Owned {
    pub(super) plan: Plan,
    pub(super) goal: crate::ledger::EnvironmentState,
    pub(super) against: Option<ObjectId>,
    pub(super) direction: Direction,
}

pub(super) fn app(name: &str) -> AppId {
    AppId::new("App", "", name).unwrap()
}

/// Commits in a line: a higher number is a descendant; 99 is not known.
pub(super) fn commit(number: u8) -> CommitId {
    CommitId(ObjectId([number; 20]))
}

pub(super) fn verdict(record: &Record) -> OutcomeKind {
    record.outcome.as_ref().unwrap().verdict
}

impl Ended {
    pub(super) fn record(self) -> Record {
        match self {
            Ended::Finished(record) => *record,
            Ended::Replan(_) | Ended::Recovered(_) => panic!("{self:?}"),
        }
    }
}

impl World {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(dir.path()).unwrap();
        Self {
            repo: Repo::open(dir.path()).unwrap(),
            dir: Arc::new(dir),
            environment: Environment::parse("staging").unwrap(),
            cancel: Arc::default(),
            wait: Duration::ZERO,
            skip: Duration::ZERO,
            on_failure: OnFailure::Rollback,
            on_crash: OnCrash::Resume,
        }
    }

    /// A world whose branch is at a remote with a hook: a shell script that has
    /// the pushed commit in `$new`, and its subject in `$subject`.
    pub(super) fn hooked(script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let hub = git2::Repository::init_bare(dir.path().join("hub.git")).unwrap();
        let hook = hub.path().join("hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        let head = "#!/bin/sh\nread old new name\nsubject=$(git log -1 --format=%s $new)\n";
        std::fs::write(&hook, format!("{head}{script}\n")).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        let here = git2::Repository::init(dir.path().join("here")).unwrap();
        here.remote("origin", &format!("file://{}", hub.path().display())).unwrap();
        Self { repo: Repo::open(&dir.path().join("here")).unwrap(), dir: Arc::new(dir), ..Self::new() }
    }

    /// The same world, seen differently.
    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut world = Self {
            dir: Arc::clone(&self.dir),
            repo: self.repo.clone(),
            environment: self.environment.clone(),
            cancel: Arc::clone(&self.cancel),
            ..*self
        };
        change(&mut world);
        world
    }

    pub(super) fn branch(&self) -> Branch {
        Branch::open(&self.repo, "luigi/ledger").unwrap()
    }

    pub(super) fn tip(&self) -> Option<CommitId> {
        self.branch().fetch().unwrap()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        snapshot(&self.repo, self.tip(), &self.environment).unwrap()
    }

    pub(super) fn tree(&self) -> Option<ObjectId> {
        self.snapshot().state.tree
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.snapshot().apps.keys().map(|app| app.name().to_owned()).collect()
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        verify(&self.repo, &self.branch(), self.tip().unwrap()).unwrap()
    }

    /// The branch's commits by subject, oldest first.
    pub(super) fn subjects(&self) -> Vec<String> {
        let Some(tip) = self.tip() else { return Vec::new() };
        let commits = self.repo.commits(tip, usize::MAX).unwrap();
        commits.iter().rev().map(|commit| self.repo.commit_subject(*commit).unwrap()).collect()
    }

    pub(super) fn plan(&self, head: u8, steps: &[(&str, Action, &[&str], &str)]) -> Plan {
        let in_plan = |need: &AppId| {
            let same =
                |step: &&(&str, Action, &[&str], &str)| step.1 != Action::Prune && app(step.0) == *need;
            steps.iter().any(|step| same(&step))
        };
        let steps: Vec<Step> = steps
            .iter()
            .map(|(name, action, needs, content)| {
                let all_needs: Vec<AppId> = needs.iter().map(|need| app(need)).collect();
                let json = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name, "namespace": "default"}, "data": {"version": content},
                });
                let object = Object::from_json(&Place::file("x.yaml"), json).unwrap();
                let objects = if *action == Action::Apply { vec![object] } else { Vec::new() };
                Step {
                    app: app(name),
                    action: *action,
                    change: ChangeKind::Content,
                    reasons: vec![Reason::Changed(Difference::NoBase)],
                    needs: all_needs.iter().filter(|need| in_plan(need)).cloned().collect(),
                    all_needs,
                    digest: (*action == Action::Apply).then(|| Digest::of(&canonical(&objects))),
                    objects,
                    changes: Vec::new(),
                    deletes: Vec::new(),
                    not_rendered: Vec::new(),
                    pins: Vec::new(),
                    target: crate::plan::Target::default(),
                }
            })
            .collect();
        Plan {
            environment: self.environment.clone(),
            base: None,
            head: commit(head),
            digest: digest(&self.environment, &steps).unwrap(),
            steps,
            touched: Vec::new(),
            completeness: Completeness::Complete,
        }
    }

    /// A plan as it would be asked for against what is there now.
    pub(super) fn request(&self, plan: Plan) -> Owned {
        let state = self.snapshot().state;
        let goal = state.at.after(&plan, Extent::Environment);
        Owned { goal, against: state.tree, plan, direction: Direction::Forward }
    }

    pub(super) fn deploy(&self, run: &str, plan: Plan) -> Ended {
        self.deploy_watched(run, plan, &|_| {})
    }

    pub(super) fn try_deploy(&self, run: &str, plan: Plan) -> Result<Ended, RunError> {
        self.try_request(run, self.request(plan), &|_| {})
    }

    pub(super) fn deploy_watched(&self, run: &str, plan: Plan, progress: &dyn Fn(&Event)) -> Ended {
        self.deploy_request(run, self.request(plan), progress)
    }

    pub(super) fn deploy_request(&self, run: &str, owned: Owned, progress: &dyn Fn(&Event)) -> Ended {
        self.try_request(run, owned, progress).unwrap()
    }

    fn try_request(&self, run: &str, owned: Owned, progress: &dyn Fn(&Event)) -> Result<Ended, RunError> {
        let branch = self.branch();
        let skip = self.skip;
        let context = Context {
            say: &|_| {},
            cluster: None,
            repo: &self.repo,
            branch: &branch,
            branch_name: "luigi/ledger",
            who: Who {
                run: run.to_owned(),
                attempt: 1,
                actor: "ada".to_owned(),
                process: ProcessName { host: "test".to_owned(), process: run.to_owned() },
            },
            now: &move || SystemTime::now() + skip,
            cancel: &self.cancel,
            wait: self.wait,
            lease: Duration::from_mins(10),
            patience: Duration::ZERO,
            on_failure: self.on_failure,
            on_crash: self.on_crash,
            is_ancestor: &|a, b| (a != commit(99) && b != commit(99)).then_some(a.0.0[0] <= b.0.0[0]),
            progress,
        };
        let record = record_of(&owned.plan, run);
        let approved = ApprovedPlan::unchecked(owned.plan);
        let request = Request {
            approved: &approved,
            goal: owned.goal,
            against: owned.against,
            direction: owned.direction,
            record,
        };
        deploy(&context, request)
    }

    /// A run that ends between two pushes, when the event of that number has
    /// come. Whether it came to that.
    pub(super) fn crash(&self, run: &str, plan: Plan, at: usize) -> bool {
        let seen = std::cell::Cell::new(0);
        let run = || {
            self.deploy_watched(run, plan, &|_| {
                seen.set(seen.get() + 1);
                if seen.get() == at {
                    std::panic::resume_unwind(Box::new("crash"));
                }
            })
        };
        catch_unwind(AssertUnwindSafe(run)).is_err()
    }
}

fn record_of(plan: &Plan, run: &str) -> Record {
    Record {
        principal: None,
        api_version: record::API_VERSION,
        kind: RecordKind::Plan,
        run: Run {
            id: run.to_owned(),
            attempt: 1,
            command: "deploy".to_owned(),
            event: "terminal".to_owned(),
            actor: "ada".to_owned(),
            url: None,
            started: "2026-01-01T00:00:00Z".to_owned(),
            finished: None,
        },
        environment: plan.environment.clone(),
        source: Source {
            repository: None,
            base: plan.base,
            head: Some(plan.head),
            pull_request_head: None,
            authority: None,
            authority_protected: false,
            reference: None,
        },
        selection: Selection {
            apps: Vec::new(),
            completeness: plan.completeness,
            apps_in_environment: 0,
            entry: None,
        },
        plan_digest: None,
        steps: Vec::new(),
        touched: Vec::new(),
        decision: None,
        outcome: None,
        problems: Vec::new(),
        log: Vec::new(),
        phases: Vec::new(),
        credentials: Vec::new(),
        ledger: None,
        seal: Seal::Unsealed { reason: "a test".to_owned() },
        tool: Tool { name: "luigi".to_owned(), version: "0".to_owned(), renderers: Vec::new() },
    }
}
