//! A job's claims, in the shapes of July 2026.
//!
//! All are strings, ids and numbers too; times are added when a token is minted.

use serde_json::{Map, Value};

/// What the configuration says the issuer can tell.
pub const SUPPORTED: &[&str] = &[
    "sub",
    "aud",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "ref",
    "sha",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "enterprise",
    "enterprise_id",
    "run_id",
    "run_number",
    "run_attempt",
    "actor",
    "actor_id",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "head_ref",
    "base_ref",
    "event_name",
    "ref_type",
    "ref_protected",
    "environment",
    "environment_node_id",
    "job_workflow_ref",
    "job_workflow_sha",
    "repository_visibility",
    "runner_environment",
];

/// The claims of one job.
#[derive(Debug, Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A push to a protected `main`, in a job of this environment.
    pub fn push(environment: &str) -> Self {
        let sha = "f5ae3f9a0d2c8b1e4f6a7c9d0e1b2a3c4d5e6f70";
        let workflow = "octo-org/octo-repo/.github/workflows/luigi.yml@refs/heads/main";
        let pairs = [
            ("actor", "octocat"),
            ("actor_id", "583231"),
            ("base_ref", ""),
            ("check_run_id", "61234567890"),
            ("environment", environment),
            ("event_name", "push"),
            ("head_ref", ""),
            ("job_workflow_ref", workflow),
            ("job_workflow_sha", sha),
            ("ref", "refs/heads/main"),
            ("ref_protected", "true"),
            ("ref_type", "branch"),
            ("repository", "octo-org/octo-repo"),
            ("repository_id", "456789"),
            ("repository_owner", "octo-org"),
            ("repository_owner_id", "123456"),
            ("repository_visibility", "private"),
            ("run_attempt", "1"),
            ("run_id", "17000000001"),
            ("run_number", "10"),
            ("runner_environment", "github-hosted"),
            ("sha", sha),
            ("workflow", "luigi"),
            ("workflow_ref", workflow),
            ("workflow_sha", sha),
        ];
        let pairs = pairs.into_iter().filter(|(name, value)| *name != "environment" || !value.is_empty());
        Self(pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
    }

    /// A pull request of the same repository, whose workflow asks for this
    /// environment: everything else may be as in a push.
    pub fn pull_request(environment: &str) -> Self {
        let merge = "refs/pull/7/merge";
        let workflow = format!("octo-org/octo-repo/.github/workflows/luigi.yml@{merge}");
        Self::push(environment)
            .with("event_name", "pull_request")
            .with("base_ref", "main")
            .with("head_ref", "feature")
            .with("ref", merge)
            .with("ref_protected", "false")
            .with("job_workflow_ref", &workflow)
            .with("workflow_ref", &workflow)
    }

    /// The same with one claim another.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The same without one claim.
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// A claim's text, empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// All but times, audience and issuer; `sub` as GitHub makes it of the
    /// others, unless it is set.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = self.0.clone();
        map.entry("sub").or_insert_with(|| self.subject().into());
        map
    }

    /// `repo:OWNER@ID/REPOSITORY@ID:…`; an environment wins over the rest.
    fn subject(&self) -> String {
        let escaped = |name: &str| self.text(name).replace(':', "%3A");
        let (owner, repository) = self.text("repository").split_once('/').unwrap_or_default();
        let ids = (self.text("repository_owner_id"), self.text("repository_id"));
        let context = match (self.text("environment"), self.text("event_name")) {
            ("", "pull_request") => "pull_request".to_owned(),
            ("", _) => format!("ref:{}", escaped("ref")),
            _ => format!("environment:{}", escaped("environment")),
        };
        format!("repo:{owner}@{}/{repository}@{}:{context}", ids.0, ids.1)
    }
}
