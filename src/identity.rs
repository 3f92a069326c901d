//! Verified claims → a principal and its groups: who runs.
//!
//! Decides nothing about what they may do, but one thing: whether the event of a
//! token can deploy at all. Holds no token.

mod agents;
mod event;
mod provider;
mod secret;
mod token;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

pub use agents::{KNOWN as KNOWN_AGENTS, MACHINERY, agent};
pub use event::{Disagreement, EventRefusal, check_deploy, disagreements};
pub use provider::{Begins, ClaimMap, FactError, Facts, facts, map};
pub use secret::Secret;
#[cfg(test)]
pub(crate) use token::sign;
pub use token::{
    Claims, KeyFault, KeySet, KeySetError, MOST_BYTES, MOST_KEY_SET_BYTES, Part, Refusal, SKEW, issuer_of,
    strict_object, verify,
};

use crate::config::identity::{Identity, Issuer, Member, Provider, Who};
use crate::name::{Digest, IssuerUrl};

/// Who runs. Plain data: policies' test cases make their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    /// What they are.
    pub kind: Kind,
    /// Their id: the issuer, then what it calls them. Two issuers' ids are never
    /// the same.
    pub id: String,
    /// What people call them.
    pub name: String,
    /// The groups they are in.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// How that is known.
    pub proof: Proof,
    /// What their token says of the job.
    pub facts: Facts,
    /// Every claim. Not in a record: a person's may hold what is nobody's business.
    #[serde(skip)]
    pub claims: BTreeMap<String, Value>,
}

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person.
    Human,
    /// A CI job that a person, a clock or a server started.
    Workflow,
    /// A CI job that an agent started.
    Agent,
}

/// How a principal is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Proof {
    /// By a verified token.
    Token {
        /// Who issued it.
        issuer: IssuerUrl,
        /// Whose claims it has.
        provider: Provider,
        /// The one it is for.
        audience: String,
        /// Whom the issuer means; for people to read.
        subject: String,
        /// When it was issued, in seconds since 1970.
        issued_at: u64,
        /// When it ends, in seconds since 1970.
        expires_at: u64,
        /// Its SHA-256.
        digest: Digest,
    },
    /// By what this machine calls its user: nobody has verified it.
    Terminal,
}

impl Proof {
    /// Whether an issuer vouches for it.
    pub fn is_verified(&self) -> bool {
        match self {
            Self::Token { .. } => true,
            Self::Terminal => false,
        }
    }
}

impl Principal {
    /// The person at a terminal, as this machine calls them. They are in no group:
    /// anybody can call themselves anything.
    pub fn terminal(user: &str) -> Self {
        Self {
            kind: Kind::Human,
            id: format!("terminal/users/{user}"),
            name: user.to_owned(),
            groups: BTreeSet::new(),
            proof: Proof::Terminal,
            facts: Facts::default(),
            claims: BTreeMap::new(),
        }
    }

    /// Whether the event of their token can deploy at all, whatever policies say. A
    /// terminal has no event.
    pub fn check_deploy(&self) -> Result<(), EventRefusal> {
        match &self.proof {
            Proof::Token { provider, .. } => check_deploy(*provider, &self.facts),
            Proof::Terminal => Ok(()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Workflow => "workflow",
            Self::Agent => "agent",
        })
    }
}

impl fmt::Display for Principal {
    /// One line for people; what it quotes is still to be escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        if let (Kind::Workflow, Some(actor)) = (self.kind, &self.facts.actor) {
            write!(f, ", started by {actor}")?;
        }
        match &self.proof {
            Proof::Token { issuer, .. } => write!(f, ", verified by {}", issuer.short()),
            Proof::Terminal => f.write_str(", not verified: this is a terminal"),
        }
    }
}

/// Who a verified token is of. `identity` must list its issuer.
pub fn principal(claims: &Claims, identity: &Identity) -> Result<Principal, PrincipalError> {
    let unlisted = || PrincipalError::Unlisted(claims.issuer().clone());
    let issuer = identity.issuer(claims.issuer().as_str()).ok_or_else(unlisted)?;
    let facts = facts(claims)?;
    let of_issuer = claims.issuer().short();
    let agent_name =
        facts.actor_id.as_deref().and_then(|id| agent(id, facts.actor.as_deref(), issuer, identity));
    let (kind, id, name) = match (issuer.provider, agent_name) {
        (Provider::Oidc, _) => {
            let subject = claims.subject();
            (Kind::Human, format!("{of_issuer}/subjects/{subject}"), subject.to_owned())
        }
        (_, Some(agent)) => {
            let id = facts.actor_id.as_deref().unwrap_or_default();
            (Kind::Agent, format!("{of_issuer}/actors/{id}"), agent)
        }
        (_, None) => {
            let id = facts.repository_id.as_deref().unwrap_or_default();
            let name = [&facts.workflow, &facts.repository].into_iter().flatten().next();
            let name = name.map_or_else(|| id.to_owned(), Clone::clone);
            (Kind::Workflow, format!("{of_issuer}/repositories/{id}"), name)
        }
    };
    Ok(Principal {
        kind,
        id,
        name,
        groups: groups(claims, &facts, issuer, identity)?,
        proof: Proof::Token {
            issuer: claims.issuer().clone(),
            provider: claims.provider(),
            audience: claims.audience().to_owned(),
            subject: claims.subject().to_owned(),
            issued_at: claims.issued_at(),
            expires_at: claims.expires_at(),
            digest: claims.digest(),
        },
        facts,
        claims: claims.all().clone(),
    })
}

/// Why a verified token makes no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    /// Its issuer is not listed.
    #[error("the issuer {0} is not among `identity.issuers`")]
    Unlisted(IssuerUrl),
    /// A claim.
    #[error(transparent)]
    Fact(#[from] FactError),
}

fn groups(
    claims: &Claims,
    facts: &Facts,
    issuer: &Issuer,
    identity: &Identity,
) -> Result<BTreeSet<String>, FactError> {
    let listed = match &issuer.groups_claim {
        Some(claim) => listed(claim, claims.all().get(claim))?,
        None => BTreeSet::new(),
    };
    let is_ci = issuer.provider != Provider::Oidc;
    let is_in = |member: &Member| {
        let same = |fact: &Option<String>, id: &String| is_ci && fact.as_ref() == Some(id);
        issuer.is_meant_by(member.issuer.as_ref())
            && match &member.who {
                Who::Actor(id) => same(&facts.actor_id, id),
                Who::Workflow(name) => same(&facts.workflow, name),
                Who::Repository(id) => same(&facts.repository_id, id),
                Who::Subject(id) => !is_ci && claims.subject() == id,
                Who::Claim(group) => listed.contains(group),
            }
    };
    let found = identity.groups.iter().filter(|(_, members)| members.iter().any(is_in));
    Ok(found.map(|(name, _)| name.clone()).collect())
}

/// The groups that a claim lists: a list of texts, or one text.
fn listed(claim: &str, value: Option<&Value>) -> Result<BTreeSet<String>, FactError> {
    let wrong = || FactError::Form { claim: claim.to_owned(), want: "a list of texts" };
    match value {
        None | Some(Value::Null) => Ok(BTreeSet::new()),
        Some(Value::String(one)) => Ok(BTreeSet::from([one.clone()])),
        Some(Value::Array(list)) => {
            list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(wrong()),
    }
}
