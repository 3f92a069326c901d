//! `luigi.yaml` → what is deployed where, and how.
//!
//! A key that does not exist, or that this version does not carry out, is a
//! problem with its place; none is ever ignored. Does not look at the
//! repository: whether `apps` matches anything is for `catalog`.

pub mod identity;
pub mod keys;
pub mod kubernetes;
mod read;

use std::collections::BTreeMap;

use serde::Serialize;

pub use read::read;

use crate::name::{Environment, RepoPath};
use crate::problem::Place;

/// The file's name, at the repository's top.
pub const FILE: &str = "luigi.yaml";
/// The only `apiVersion` there is.
pub const API_VERSION: &str = "luigi.dev/v1";

/// All that `luigi.yaml` says, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// URLs under which children point back at this repository; empty: to be
    /// inferred.
    pub urls: Vec<String>,
    /// The environments by name.
    pub environments: BTreeMap<Environment, EnvironmentConfig>,
    /// The ledger's branch.
    pub ledger_branch: String,
    /// The branch that children mean by `HEAD`; `None`: the event's.
    pub branch: Option<String>,
    /// How deploys go.
    pub deploy: Deploy,
    /// How content is rendered.
    pub render: Render,
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentConfig {
    /// Where its children are defined.
    pub apps: Vec<Apps>,
    /// Environments that must have the same commit first.
    pub after: Vec<Environment>,
    /// What carries a step out.
    pub engine: Engine,
    /// How credentials are got.
    pub credentials: kubernetes::Credentials,
    /// Who runs; `None`: nobody's token is believed.
    pub identity: Option<identity::Identity>,
    /// Where it is written.
    pub place: Place,
}

/// One entry of `apps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apps {
    /// Where it is written.
    pub place: Place,
    /// What it names.
    pub what: AppsKind,
}

/// What an entry of `apps` names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AppsKind {
    /// Files by glob (`*` stays within a component, `**` does not).
    Files(String),
    /// A parent that is a kustomization.
    Kustomize(RepoPath),
    /// A parent that is a chart.
    Helm {
        /// The chart's folder.
        path: RepoPath,
        /// Value files, relative to it, lowest precedence first.
        value_files: Vec<String>,
    },
}

/// What carries a step out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// Rendered manifests, in order, into git.
    Ledger,
    /// Onto an API server, object by object.
    Kubernetes(Box<kubernetes::Kubernetes>),
}

/// How deploys go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// Branches whose push deploys.
    pub branches: Vec<String>,
    /// After a step failed.
    pub on_failure: OnFailure,
    /// After a run died.
    pub on_crash: OnCrash,
    /// What dependents of a changed app get.
    pub dependents: Dependents,
    /// How many deletes need a confirmation.
    pub prune_threshold: PruneThreshold,
}

/// After a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The whole affected set goes back.
    Rollback,
    /// Things stay as they are (exit 7).
    Leave,
}

/// After a run died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCrash {
    /// The next run finishes it.
    Resume,
    /// The next run undoes it.
    Rollback,
}

/// What dependents of a changed app get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dependents {
    /// Their health is waited for.
    Verify,
    /// They are applied again.
    Apply,
}

/// More deletes than `max(count, percent of the environment's objects)` need a
/// confirmation by plan digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneThreshold {
    /// Objects.
    pub count: u64,
    /// Percent of the objects deployed, 0 to 100.
    pub percent: u64,
}

/// How content is rendered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Render {
    /// `.Capabilities.KubeVersion`; `None`: Helm's own default.
    pub kube_version: Option<String>,
    /// `.Capabilities.APIVersions` beyond the built-in ones.
    pub api_versions: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            environments: BTreeMap::new(),
            ledger_branch: "luigi/ledger".to_owned(),
            branch: None,
            deploy: Deploy {
                branches: vec!["main".to_owned()],
                on_failure: OnFailure::Rollback,
                on_crash: OnCrash::Resume,
                dependents: Dependents::Verify,
                prune_threshold: PruneThreshold { count: 5, percent: 10 },
            },
            render: Render::default(),
        }
    }
}

impl Config {
    /// The environments so that each stands after those it comes after; ties
    /// by name. `read` has refused circles.
    pub fn environments_in_order(&self) -> Vec<&Environment> {
        let mut done: Vec<&Environment> = Vec::new();
        while done.len() < self.environments.len() {
            let next = self
                .environments
                .iter()
                .find(|(name, env)| !done.contains(name) && env.after.iter().all(|a| done.contains(&a)));
            match next {
                Some((name, _)) => done.push(name),
                None => break,
            }
        }
        done
    }

    /// The configuration as `luigi init` writes it.
    pub fn to_yaml(&self) -> String {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let mut out = format!("apiVersion: {API_VERSION}\nkind: Root\n");
        if !self.urls.is_empty() {
            out += "urls:\n";
            for url in &self.urls {
                out += &format!("  - {}\n", quote(url));
            }
        }
        out += "environments:\n";
        for (name, env) in &self.environments {
            out += &format!("  {}:\n    apps:\n", quote(name.as_str()));
            for apps in &env.apps {
                out += &match &apps.what {
                    AppsKind::Files(glob) => format!("      - {}\n", quote(glob)),
                    AppsKind::Kustomize(path) => format!("      - kustomize: {}\n", quote(path.as_str())),
                    AppsKind::Helm { path, value_files } => {
                        let files: Vec<String> = value_files.iter().map(|f| quote(f)).collect();
                        format!(
                            "      - helm: {{path: {}, valueFiles: [{}]}}\n",
                            quote(path.as_str()),
                            files.join(", ")
                        )
                    }
                };
            }
            if !env.after.is_empty() {
                let after: Vec<String> = env.after.iter().map(|e| quote(e.as_str())).collect();
                out += &format!("    after: [{}]\n", after.join(", "));
            }
            out += "    engine: {ledger: {}}\n";
        }
        out += &format!("ledger: {{branch: {}}}\n", quote(&self.ledger_branch));
        if let Some(branch) = &self.branch {
            out += &format!("branch: {}\n", quote(branch));
        }
        out
    }
}
