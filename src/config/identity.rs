//! `identity` of an environment: whose tokens are believed, which actors are
//! agents, and who is in which group.
//!
//! Decides nothing: that is for `identity`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::name::IssuerUrl;
use crate::problem::Place;

/// The issuer of jobs on github.com; an enterprise's own has a path more.
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// How long a token may live, in minutes, where nothing else is said.
pub const LIFE: u64 = 15;
/// The most that may be said, in minutes.
pub const LONGEST_LIFE: u64 = 120;

/// Who runs, and which groups they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose tokens are believed: these and no others.
    pub issuers: Vec<Issuer>,
    /// Actors that are agents, beside those that everybody knows.
    pub agents: Vec<Actor>,
    /// Apps whose runs are ordinary workflows: an app that nobody knows counts as
    /// an agent.
    pub workflows: Vec<Actor>,
    /// The groups, each with its members.
    pub groups: BTreeMap<String, Vec<Member>>,
    /// Where it is written.
    pub place: Place,
}

/// A token issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Whose claims its tokens have.
    pub provider: Provider,
    /// Its URL, as tokens and its metadata have it.
    pub url: IssuerUrl,
    /// The claim that lists groups.
    pub groups_claim: Option<String>,
    /// The longest life of a token, in seconds.
    pub max_life: u64,
    /// Where it is written.
    pub place: Place,
}

/// Whose claims a token has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// GitHub Actions: github.com, GHE.com and GitHub Enterprise Server.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    CircleCi,
    /// Anybody else: its tokens are of people.
    Oidc,
}

impl Provider {
    /// All of them, with their keys in luigi.yaml.
    pub const ALL: [(&'static str, Self); 5] = [
        ("github", Self::GitHub),
        ("gitlab", Self::GitLab),
        ("buildkite", Self::Buildkite),
        ("circleci", Self::CircleCi),
        ("oidc", Self::Oidc),
    ];
}

/// An actor, by the id that its issuer's tokens have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The id.
    pub id: String,
    /// What reports call it.
    pub name: String,
    /// Whose actor it is; `None`: there is one issuer.
    pub issuer: Option<IssuerUrl>,
    /// Where it is written.
    pub place: Place,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub who: Who,
    /// Whose tokens say so; `None`: there is one issuer.
    pub issuer: Option<IssuerUrl>,
    /// Where it is written.
    pub place: Place,
}

/// Who is a member; each is compared letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Jobs that this actor started, by id.
    Actor(String),
    /// Tokens whose `groupsClaim` lists this.
    Claim(String),
    /// Jobs of this workflow file at this ref.
    Workflow(String),
    /// Jobs of this repository, by id.
    Repository(String),
    /// This person, by the `sub` of an issuer of people.
    Subject(String),
}

impl Identity {
    /// The issuer of that URL, when its tokens are believed.
    pub fn issuer(&self, url: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.url.as_str() == url)
    }
}

impl Issuer {
    /// Whether something said of `other` is said of this one: of it by name, or
    /// of the only one there is.
    pub fn is_meant_by(&self, other: Option<&IssuerUrl>) -> bool {
        other.is_none_or(|url| *url == self.url)
    }
}
