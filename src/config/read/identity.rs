//! Reads `identity` of an environment.
//!
//! What another version takes groups from (GitHub teams, external identities) is
//! refused by name.

use std::collections::BTreeMap;

use super::Reader;
use crate::config::identity::{Actor, GITHUB, Identity, Issuer, LIFE, LONGEST_LIFE, Member, Provider, Who};
use crate::config::keys;
use crate::name::IssuerUrl;
use crate::object::yaml::{Entry, Node};
use crate::problem::{Code, Place};

impl Reader<'_> {
    pub(super) fn identity(&mut self, entry: &Entry) -> Identity {
        let mut out = Identity {
            issuers: Vec::new(),
            agents: Vec::new(),
            workflows: Vec::new(),
            groups: BTreeMap::new(),
            place: Place::new(self.file, entry.mark.line, entry.mark.column),
        };
        let before = self.problems.len();
        for field in self.map(&entry.value, "identity") {
            let value = &field.value;
            match field.key.as_str() {
                "issuers" => out.issuers = self.each(value, "issuers", Self::issuer),
                "agents" => out.agents = self.each(value, "agents", Self::actor),
                "workflows" => out.workflows = self.each(value, "workflows", Self::actor),
                "groups" => out.groups = self.groups(value),
                _ => self.unknown(field, "identity", keys::IDENTITY),
            }
        }
        let none = match entry.value.get("issuers") {
            Some(issuers) => issuers.as_list().is_some_and(<[Node]>::is_empty),
            None => true,
        };
        if none {
            self.add(Code::ConfigValue, entry.value.place(self.file), "`identity.issuers` names none");
        }
        // What could not be read would be missed below, and is told already.
        if self.problems.len() == before {
            self.fits(&out);
        }
        out
    }

    fn each<T>(&mut self, node: &Node, what: &str, one: fn(&mut Self, &Node) -> Option<T>) -> Vec<T> {
        match node.as_list() {
            Some(items) => items.iter().filter_map(|item| one(self, item)).collect(),
            None => {
                self.wrong(node, &format!("identity.{what}"), "a list");
                Vec::new()
            }
        }
    }

    fn issuer(&mut self, node: &Node) -> Option<Issuer> {
        let place = node.place(self.file);
        if node.as_str() == Some("github") {
            let url = IssuerUrl::parse(GITHUB).ok()?;
            return Some(Issuer {
                provider: Provider::GitHub,
                url,
                groups_claim: None,
                max_life: LIFE * 60,
                place,
            });
        }
        let Some(fields) = node.as_map() else {
            self.wrong(node, "an issuer", "`github`, or a mapping such as {oidc: URL}");
            return None;
        };
        let (mut found, mut urls) = (Vec::new(), 0);
        let (mut groups_claim, mut life) = (None, LIFE);
        for field in fields {
            if let Some((_, provider)) = Provider::ALL.iter().find(|(key, _)| *key == field.key) {
                urls += 1;
                found.extend(self.url(&field.value).map(|url| (*provider, url)));
                continue;
            }
            match field.key.as_str() {
                "groupsClaim" => groups_claim = self.text(&field.value, "groupsClaim"),
                "maxLifeMinutes" => match field.value.as_i64().and_then(|n| u64::try_from(n).ok()) {
                    Some(minutes) if (1..=LONGEST_LIFE).contains(&minutes) => life = minutes,
                    _ => self.wrong(&field.value, "maxLifeMinutes", "a whole number from 1 to 120"),
                },
                "saml" | "githubSaml" => {
                    urls += 1;
                    self.unsupported(field, &format!("issuers: {}", field.key));
                }
                _ => self.unknown(field, "an issuer", keys::ISSUER),
            }
        }
        if urls != 1 {
            let kinds: Vec<&str> = Provider::ALL.iter().map(|(key, _)| *key).collect();
            let message = format!("an issuer has exactly one of {}", kinds.join(", "));
            self.add(Code::ConfigValue, place, message);
            return None;
        }
        let (provider, url) = found.pop()?;
        Some(Issuer { provider, url, groups_claim, max_life: life * 60, place })
    }

    fn url(&mut self, node: &Node) -> Option<IssuerUrl> {
        let text = self.text(node, "an issuer's URL")?;
        match IssuerUrl::parse(&text) {
            Ok(url) => Some(url),
            Err(error) => {
                self.add(Code::ConfigValue, node.place(self.file), format!("{text:?}: {error}"));
                None
            }
        }
    }

    fn actor(&mut self, node: &Node) -> Option<Actor> {
        let place = node.place(self.file);
        let Some(fields) = node.as_map() else {
            self.wrong(node, "an actor", "a mapping with `actorId` and `name`");
            return None;
        };
        let (mut id, mut name, mut issuer) = (None, None, None);
        for field in fields {
            match field.key.as_str() {
                "actorId" => id = self.text(&field.value, "actorId"),
                "name" => name = self.text(&field.value, "name"),
                "issuer" => issuer = self.url(&field.value),
                _ => self.unknown(field, "an actor", keys::ACTOR),
            }
        }
        for key in ["actorId", "name"] {
            if node.get(key).is_none() {
                self.add(Code::ConfigValue, place.clone(), format!("an actor has no `{key}`"));
            }
        }
        Some(Actor { id: id?, name: name?, issuer, place })
    }

    fn groups(&mut self, node: &Node) -> BTreeMap<String, Vec<Member>> {
        let mut out = BTreeMap::new();
        for entry in self.map(node, "groups") {
            if is_group(&entry.key) {
                let members = self.each(&entry.value, &format!("groups.{}", entry.key), Self::member);
                out.insert(entry.key.clone(), members);
            } else {
                let place = Place::new(self.file, entry.mark.line, entry.mark.column);
                let rule = "a group's name has letters, digits, '-', '.' and '_', at most 63";
                self.add(Code::ConfigValue, place, format!("{:?}: {rule}", entry.key));
            }
        }
        out
    }

    fn member(&mut self, node: &Node) -> Option<Member> {
        let place = node.place(self.file);
        let Some(fields) = node.as_map() else {
            self.wrong(node, "a member", "a mapping such as {actorId: \"123\"}");
            return None;
        };
        let (mut who, mut named, mut issuer) = (None, 0, None);
        for field in fields {
            let kind: fn(String) -> Who = match field.key.as_str() {
                "actorId" => Who::Actor,
                "claim" => Who::Claim,
                "workflow" => Who::Workflow,
                "repositoryId" => Who::Repository,
                "subject" => Who::Subject,
                "issuer" => {
                    issuer = self.url(&field.value);
                    continue;
                }
                "githubTeam" | "samlGroup" => {
                    named += 1;
                    self.unsupported(field, &format!("groups: {}", field.key));
                    continue;
                }
                _ => {
                    self.unknown(field, "a member", keys::MEMBER);
                    continue;
                }
            };
            named += 1;
            who = self.text(&field.value, &field.key).map(kind);
        }
        if named != 1 {
            let message = "a member has exactly one of actorId, claim, workflow, repositoryId, subject";
            self.add(Code::ConfigValue, place, message);
            return None;
        }
        Some(Member { who: who?, issuer, place })
    }

    /// What no form can say: names that lead nowhere, and members that nobody
    /// could be.
    fn fits(&mut self, identity: &Identity) {
        let mut wrong: Vec<(Place, String)> = Vec::new();
        for (at, issuer) in identity.issuers.iter().enumerate() {
            if identity.issuers[..at].iter().any(|other| other.url == issuer.url) {
                wrong.push((issuer.place.clone(), format!("the issuer {} is there twice", issuer.url)));
            }
        }
        for actor in identity.agents.iter().chain(&identity.workflows) {
            let what = format!("the actor {:?}", actor.id);
            wrong.extend(leads(identity, actor.issuer.as_ref(), &actor.place, &what, is_ci));
        }
        for actor in &identity.workflows {
            let same = |a: &&Actor| a.id == actor.id && a.issuer == actor.issuer;
            if identity.agents.iter().find(same).is_some() {
                let message = format!("the actor {:?} is among both agents and workflows", actor.id);
                wrong.push((actor.place.clone(), message));
            }
        }
        for member in identity.groups.values().flatten() {
            let (what, fits): (_, fn(&Issuer) -> bool) = match &member.who {
                Who::Actor(id) => (format!("the actor {id:?}"), is_ci),
                Who::Workflow(name) => (format!("the workflow {name:?}"), is_ci),
                Who::Repository(id) => (format!("the repository {id:?}"), is_ci),
                Who::Subject(id) => (format!("the subject {id:?}"), |i| !is_ci(i)),
                Who::Claim(group) => (format!("the claim {group:?}"), |i| i.groups_claim.is_some()),
            };
            wrong.extend(leads(identity, member.issuer.as_ref(), &member.place, &what, fits));
        }
        for (place, message) in wrong {
            self.add(Code::ConfigIdentity, place, message);
        }
    }
}

/// What is wrong with whom something is said of; `fits` is whether that issuer's
/// tokens can be it.
fn leads(
    identity: &Identity,
    named: Option<&IssuerUrl>,
    place: &Place,
    what: &str,
    fits: fn(&Issuer) -> bool,
) -> Option<(Place, String)> {
    let message = match (named, identity.issuers.as_slice()) {
        (None, [_]) => None,
        (None, _) => Some(format!("{what} needs an `issuer`: there are several")),
        (Some(url), _) if identity.issuer(url.as_str()).is_none() => {
            Some(format!("{what} is of the issuer {url}, which is not among `issuers`"))
        }
        (Some(_), _) => None,
    };
    let lost = || {
        let meant = identity.issuers.iter().find(|issuer| issuer.is_meant_by(named))?;
        (!fits(meant)).then(|| format!("no token of {} can be {what}", meant.url))
    };
    message.or_else(lost).map(|message| (place.clone(), message))
}

fn is_ci(issuer: &Issuer) -> bool {
    match issuer.provider {
        Provider::GitHub | Provider::GitLab | Provider::Buildkite | Provider::CircleCi => true,
        Provider::Oidc => false,
    }
}

fn is_group(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}
