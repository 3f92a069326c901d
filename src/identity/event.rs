//! Whether the event of a token can deploy, and whether the runner's variables say
//! the same as the token.
//!
//! An allow-list: an event that is not known does not deploy.

use super::provider::{self, Facts};
use crate::config::identity::Provider;
use crate::event::Vars;

/// Why a token's event does not deploy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventRefusal {
    /// It runs a fork's content as the base.
    #[error("`pull_request_target` runs what a fork wrote under the base's identity, and never deploys")]
    PullRequestTarget,
    /// It runs after whatever another workflow did, a fork's included.
    #[error("`workflow_run` runs after a workflow that a fork may have started, and never deploys")]
    WorkflowRun,
    /// It is a pull request's.
    #[error("the token is of a pull request's run (`{event}`), and those only plan")]
    PullRequest {
        /// The event.
        event: String,
    },
    /// It is none of those that deploy.
    #[error("the token is of the event `{event}`; deploys are of {}", .allowed.join(", "))]
    Unlisted {
        /// The event.
        event: String,
        /// Those that do.
        allowed: &'static [&'static str],
    },
    /// The token does not say it, and such tokens do.
    #[error("the token does not say what started its run")]
    Unsaid,
    /// The ref is a pull request's.
    #[error("the token is of {reference:?}, which is a pull request's")]
    PullRequestRef {
        /// The ref.
        reference: String,
    },
}

/// Whether a job with that token may deploy, as far as the token's event says. For
/// providers whose tokens do not say the event, the ref is all there is; that it is
/// a deploy branch is for the policy.
pub fn check_deploy(provider: Provider, facts: &Facts) -> Result<(), EventRefusal> {
    let allowed = provider::map(provider).deploys;
    match facts.event.as_deref() {
        _ if allowed.is_empty() => {}
        None => return Err(EventRefusal::Unsaid),
        Some("pull_request_target") => return Err(EventRefusal::PullRequestTarget),
        Some("workflow_run") => return Err(EventRefusal::WorkflowRun),
        Some(event) if event.contains("pull_request") || event.contains("merge_request") => {
            return Err(EventRefusal::PullRequest { event: event.to_owned() });
        }
        Some(event) if !allowed.contains(&event) => {
            return Err(EventRefusal::Unlisted { event: event.to_owned(), allowed });
        }
        Some(_) => {}
    }
    match facts.reference.as_deref() {
        Some(reference) if is_pull_request(reference) => {
            Err(EventRefusal::PullRequestRef { reference: reference.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

fn is_pull_request(reference: &str) -> bool {
    ["refs/pull/", "pull/", "refs/merge-requests/"].iter().any(|start| reference.starts_with(start))
}

/// A variable of the runner that says something else than the signed token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} says {value:?}, but the token says {token:?}")]
pub struct Disagreement {
    /// The variable.
    pub variable: &'static str,
    /// What it says.
    pub value: String,
    /// What the token says.
    pub token: String,
}

/// Where the runner's variables and the token differ. Only the token is signed: a
/// run whose variables differ is about another commit or repository than its
/// identity, and must not deploy. Variables that are not set are not compared.
pub fn disagreements(facts: &Facts, vars: &Vars) -> Vec<Disagreement> {
    let pairs = [
        ("GITHUB_REPOSITORY", &vars.repository, &facts.repository),
        ("GITHUB_REF", &vars.reference, &facts.reference),
        ("GITHUB_SHA", &vars.sha, &facts.commit),
        ("GITHUB_EVENT_NAME", &vars.event_name, &facts.event),
        ("GITHUB_RUN_ID", &vars.run_id, &facts.run_id),
        ("GITHUB_RUN_ATTEMPT", &vars.run_attempt, &facts.run_attempt),
        ("GITHUB_ACTOR", &vars.actor, &facts.actor),
    ];
    let differs = |(variable, value, token): (&'static str, &String, &Option<String>)| {
        let token = token.as_ref()?;
        let other = !value.is_empty() && value != token;
        other.then(|| Disagreement { variable, value: value.clone(), token: token.clone() })
    };
    pairs.into_iter().filter_map(differs).collect()
}
