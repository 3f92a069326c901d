//! Which actors are agents: programs that change code on their own.
//!
//! Decides on ids. A name is looked at only where it makes an actor an agent, never
//! where it would make one a person: names are given again, ids are not.

use crate::config::identity::{Actor, GITHUB, Identity, Issuer, Provider};

/// Agents on github.com by the id of their account, which no other account gets.
/// Read from the `id+login@users.noreply.github.com` addresses of their commits.
pub const KNOWN: [(&str, &str); 9] = [
    ("198982749", "Copilot"),
    ("175728472", "Copilot"),
    ("49699333", "Dependabot"),
    ("29139614", "Renovate"),
    ("209825114", "Claude"),
    ("199175422", "Codex"),
    ("206951365", "Cursor"),
    ("158243242", "Devin"),
    ("161369871", "Jules"),
];

/// github.com's own machinery: whoever made the change is in the merged pull
/// request, not here.
pub const MACHINERY: [(&str, &str); 2] =
    [("41898282", "github-actions[bot]"), ("118344674", "github-merge-queue[bot]")];

/// What an agent is called, when that actor is one. The same question is to be
/// asked of the authors of merged pull requests.
pub fn agent(actor_id: &str, login: Option<&str>, issuer: &Issuer, identity: &Identity) -> Option<String> {
    let listed = |list: &[Actor]| {
        let same = |actor: &&Actor| actor.id == actor_id && issuer.is_meant_by(actor.issuer.as_ref());
        list.iter().find(same).map(|actor| actor.name.clone())
    };
    let known = |table: &[(&str, &str)]| {
        let found = table.iter().find(|(id, _)| *id == actor_id && is_github_com(issuer));
        found.map(|(_, name)| (*name).to_owned())
    };
    if let Some(name) = listed(&identity.agents).or_else(|| known(&KNOWN)) {
        return Some(name);
    }
    if listed(&identity.workflows).or_else(|| known(&MACHINERY)).is_some() {
        return None;
    }
    // An app that nobody listed: it may be anything, so it is the stricter kind.
    // No person's login has brackets, and GitHub keeps `Copilot` for itself.
    let app = |login: &&str| login.strip_suffix("[bot]").is_some() || login.eq_ignore_ascii_case("copilot");
    match issuer.provider {
        Provider::GitHub => login.filter(app).map(str::to_owned),
        Provider::GitLab | Provider::Buildkite | Provider::CircleCi | Provider::Oidc => None,
    }
}

/// Ids are github.com's; GHE.com and GitHub Enterprise Server count for
/// themselves.
fn is_github_com(issuer: &Issuer) -> bool {
    let rest = issuer.url.as_str().strip_prefix(GITHUB);
    issuer.provider == Provider::GitHub && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
