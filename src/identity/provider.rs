//! Which claim of which provider says what: a table, and the facts read by it.
//!
//! Never parses `sub`: its shape changed in July 2026, differs between servers,
//! and is made of names that are given again. Decides nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::token::Claims;
use crate::config::identity::Provider;

/// The names of one provider's claims; `None`: its tokens do not say it.
#[derive(Debug)]
pub struct ClaimMap {
    /// The repository's id, which outlives its name. Without it there is no
    /// principal, where there is a claim for it.
    pub repository_id: Option<&'static str>,
    /// The repository's name, for people.
    pub repository: Option<&'static str>,
    /// The id of whoever owns the repository.
    pub repository_owner_id: Option<&'static str>,
    /// The id of whoever started the run.
    pub actor_id: Option<&'static str>,
    /// Their name, for people.
    pub actor: Option<&'static str>,
    /// The workflow file and its ref.
    pub workflow: Option<&'static str>,
    /// The provider's own environment, with its protection rules.
    pub environment: Option<&'static str>,
    /// The ref.
    pub reference: Option<&'static str>,
    /// Whether that ref is protected.
    pub ref_protected: Option<&'static str>,
    /// What started the run.
    pub event: Option<&'static str>,
    /// The commit.
    pub commit: Option<&'static str>,
    /// The run.
    pub run_id: Option<&'static str>,
    /// Its attempt.
    pub run_attempt: Option<&'static str>,
    /// Whose machine it runs on.
    pub runner: Option<&'static str>,
    /// What claims made of the repository's custom properties begin with.
    pub properties: Option<&'static str>,
    /// Claims that such a token always has.
    pub required: &'static [&'static str],
    /// Events that may deploy. Empty: its tokens do not say the event, and the
    /// ref must do.
    pub deploys: &'static [&'static str],
    /// A claim that must not be `true`, and what it means.
    pub refused_if: Option<(&'static str, &'static str)>,
    /// What stands for `nbf`.
    pub begins: Begins,
}

/// When a token begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// `nbf` says so, and must be there.
    Says,
    /// With `iat`, where the provider sends no `nbf`.
    AtIssue,
}

const NOTHING: ClaimMap = ClaimMap {
    repository_id: None,
    repository: None,
    repository_owner_id: None,
    actor_id: None,
    actor: None,
    workflow: None,
    environment: None,
    reference: None,
    ref_protected: None,
    event: None,
    commit: None,
    run_id: None,
    run_attempt: None,
    runner: None,
    properties: None,
    required: &[],
    deploys: &[],
    refused_if: None,
    begins: Begins::Says,
};

/// GitHub's documentation, "OpenID Connect reference".
const GITHUB: ClaimMap = ClaimMap {
    repository_id: Some("repository_id"),
    repository: Some("repository"),
    repository_owner_id: Some("repository_owner_id"),
    actor_id: Some("actor_id"),
    actor: Some("actor"),
    workflow: Some("job_workflow_ref"),
    environment: Some("environment"),
    reference: Some("ref"),
    ref_protected: Some("ref_protected"),
    event: Some("event_name"),
    commit: Some("sha"),
    run_id: Some("run_id"),
    run_attempt: Some("run_attempt"),
    runner: Some("runner_environment"),
    properties: Some("repo_property_"),
    required: &["repository_id", "repository_owner_id", "actor_id", "job_workflow_ref", "ref", "event_name"],
    deploys: &["push", "release", "workflow_dispatch", "repository_dispatch", "schedule"],
    ..NOTHING
};

/// GitLab's documentation, "ID token authentication". A parent pipeline's event is
/// not a child's, so `parent_pipeline` and `pipeline` do not deploy.
const GITLAB: ClaimMap = ClaimMap {
    repository_id: Some("project_id"),
    repository: Some("project_path"),
    repository_owner_id: Some("namespace_id"),
    actor_id: Some("user_id"),
    actor: Some("user_login"),
    workflow: Some("ci_config_ref_uri"),
    environment: Some("environment"),
    reference: Some("ref_path"),
    ref_protected: Some("ref_protected"),
    event: Some("pipeline_source"),
    commit: Some("sha"),
    run_id: Some("pipeline_id"),
    runner: Some("runner_environment"),
    required: &["project_id", "namespace_id", "user_id", "ref_path", "pipeline_source"],
    deploys: &["push", "web", "schedule", "api", "trigger"],
    ..NOTHING
};

/// Buildkite's documentation, "buildkite-agent oidc". The ids are in a token that
/// was asked for with `--claim organization_id,pipeline_id`.
const BUILDKITE: ClaimMap = ClaimMap {
    repository_id: Some("pipeline_id"),
    repository: Some("pipeline_slug"),
    repository_owner_id: Some("organization_id"),
    reference: Some("build_branch"),
    commit: Some("build_commit"),
    run_id: Some("build_number"),
    runner: Some("runner_environment"),
    required: &["pipeline_id", "organization_id", "build_branch"],
    ..NOTHING
};

/// CircleCI's documentation, "Using OpenID Connect tokens in jobs".
const CIRCLECI: ClaimMap = ClaimMap {
    repository_id: Some("oidc.circleci.com/project-id"),
    repository: Some("oidc.circleci.com/vcs-origin"),
    repository_owner_id: Some("oidc.circleci.com/org-id"),
    workflow: Some("oidc.circleci.com/pipeline-definition-id"),
    reference: Some("oidc.circleci.com/vcs-ref"),
    run_id: Some("oidc.circleci.com/pipeline-id"),
    required: &["oidc.circleci.com/project-id", "oidc.circleci.com/org-id", "oidc.circleci.com/vcs-ref"],
    refused_if: Some(("oidc.circleci.com/ssh-rerun", "somebody runs this job again over SSH")),
    begins: Begins::AtIssue,
    ..NOTHING
};

/// The names of a provider's claims.
pub fn map(provider: Provider) -> &'static ClaimMap {
    match provider {
        Provider::GitHub => &GITHUB,
        Provider::GitLab => &GITLAB,
        Provider::Buildkite => &BUILDKITE,
        Provider::CircleCi => &CIRCLECI,
        Provider::Oidc => &NOTHING,
    }
}

/// What a token says of a job, whoever issued it. Ids and names are compared
/// letter by letter, and are text, whatever they look like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The repository's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
    /// The repository's name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The id of whoever owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_owner_id: Option<String>,
    /// The id of whoever started the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// Their name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The workflow file and its ref.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The provider's environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The ref.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether that ref is protected; `None`: not said, so not known to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_protected: Option<bool>,
    /// What started the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Its attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_attempt: Option<String>,
    /// Whose machine it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// The repository's custom properties, without what their claims begin with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

/// Why a verified token makes no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// A claim that such a token always has is missing.
    #[error("the token has no claim `{0}`, which is decided on")]
    Missing(&'static str),
    /// A claim is something that others may read differently.
    #[error("the token's claim `{claim}` must be {want}")]
    Form {
        /// Which.
        claim: String,
        /// What it must be.
        want: &'static str,
    },
    /// The token says of itself that it is not an ordinary job's.
    #[error("the token's claim `{claim}` is true: {why}")]
    Refused {
        /// Which.
        claim: &'static str,
        /// What it means.
        why: &'static str,
    },
}

/// What a verified token says of its job.
pub fn facts(claims: &Claims) -> Result<Facts, FactError> {
    let map = map(claims.provider());
    let said = |name: Option<&'static str>| match name {
        Some(name) => text(name, claims.all().get(name)),
        None => Ok(None),
    };
    if let Some((claim, why)) = map.refused_if
        && flag(claim, claims.all().get(claim))? == Some(true)
    {
        return Err(FactError::Refused { claim, why });
    }
    for name in map.required {
        if said(Some(name))?.is_none_or(|text| text.is_empty()) {
            return Err(FactError::Missing(name));
        }
    }
    Ok(Facts {
        repository_id: said(map.repository_id)?,
        repository: said(map.repository)?,
        repository_owner_id: said(map.repository_owner_id)?,
        actor_id: said(map.actor_id)?,
        actor: said(map.actor)?,
        workflow: said(map.workflow)?,
        environment: said(map.environment)?,
        reference: said(map.reference)?,
        ref_protected: match map.ref_protected {
            Some(name) => flag(name, claims.all().get(name))?,
            None => None,
        },
        event: said(map.event)?,
        commit: said(map.commit)?,
        run_id: said(map.run_id)?,
        run_attempt: said(map.run_attempt)?,
        runner: said(map.runner)?,
        properties: properties(map, claims)?,
    })
}

fn properties(map: &ClaimMap, claims: &Claims) -> Result<BTreeMap<String, String>, FactError> {
    let mut out = BTreeMap::new();
    let Some(prefix) = map.properties else { return Ok(out) };
    for (name, value) in claims.all() {
        if let Some(own) = name.strip_prefix(prefix)
            && let Some(value) = text(name, Some(value))?
        {
            out.insert(own.to_owned(), value);
        }
    }
    Ok(out)
}

/// A claim as text. `null` is nothing said, and so is an empty text where
/// something else decides; a number is text with digits.
fn text(name: &str, value: Option<&Value>) -> Result<Option<String>, FactError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
        Some(Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err(FactError::Form { claim: name.to_owned(), want: "a text" })
        }
    }
}

/// A claim that is true or false; providers write both as text.
fn flag(name: &str, value: Option<&Value>) -> Result<Option<bool>, FactError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(Value::String(text)) if text == "true" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" => Ok(Some(false)),
        Some(_) => Err(FactError::Form { claim: name.to_owned(), want: "`true` or `false`" }),
    }
}
