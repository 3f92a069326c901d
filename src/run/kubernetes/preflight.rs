//! Before the first write: may every app do what it is going to, and does the
//! server take every object? All that is wrong is told together.
//!
//! What cannot be asked yet (a kind or namespace that this very run makes) is
//! passed over: the write itself will say.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};

use super::hands::{Hands, words};
use super::placed::{Placed, place};
use super::work::Set;
use crate::config::kubernetes::Preflight;
use crate::name::AppId;
use crate::object::ObjectKey;
use crate::outside::cluster::{Access, ClusterError, DryRun, Ownership, Resources, Session, Verb};

/// Apps that are looked at at once.
const AT_ONCE: usize = 16;

/// Everything that stands in the way, app by app.
pub(super) async fn preflight(hands: &Hands) -> Result<(), String> {
    let kinds = hands.kinds().await;
    let made = made(hands, &kinds);
    let apps: Vec<(&AppId, &Session)> = hands.sessions.iter().collect();
    let found: Vec<Vec<String>> = stream::iter(apps)
        .map(|(app, session)| one(hands, &kinds, &made, (app, session)))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let all: Vec<String> = found.into_iter().flatten().collect();
    if all.is_empty() { Ok(()) } else { Err(format!("nothing was written: {}", all.join("\n"))) }
}

/// Namespaces that this run makes.
fn made(hands: &Hands, kinds: &Resources) -> BTreeSet<String> {
    let sets = hands.work.desired.iter();
    sets.flat_map(|(app, set)| place(app, &set.objects, &set.target, kinds))
        .filter(|placed| placed.object.key.group.is_empty() && placed.object.key.kind == "Namespace")
        .map(|placed| placed.object.key.name)
        .collect()
}

async fn one(
    hands: &Hands,
    kinds: &Resources,
    made: &BTreeSet<String>,
    (app, session): (&AppId, &Session),
) -> Vec<String> {
    let none = Set::default();
    let desired = hands.work.desired.get(app);
    let after = desired.map(|set| place(app, &set.objects, &set.target, kinds)).unwrap_or_default();
    let before = hands.work.before.get(app).unwrap_or(&none);
    let before = place(app, &before.objects, &before.target, kinds);
    let refused = match session.refusals(rights(&after, &before, desired.is_some())).await {
        Ok(refused) => refused,
        Err(error) => return vec![format!("{app}: {}", words(&error))],
    };
    if !refused.is_empty() {
        let list: Vec<String> = refused.iter().map(|refusal| refusal.access.to_string()).collect();
        return vec![format!("{app} may not: {}", list.join(", "))];
    }
    if hands.config.preflight == Preflight::Access {
        return Vec::new();
    }
    let tries = after.iter().filter(|placed| placed.resource.is_some() && !placed.is_hook());
    let found: Vec<Option<String>> =
        stream::iter(tries).map(|placed| attempt(hands, session, placed, made)).buffered(8).collect().await;
    found.into_iter().flatten().map(|why| format!("{app}: {why}")).collect()
}

/// What an app has to be allowed to do.
fn rights(after: &[Placed], before: &[Placed], writes: bool) -> Vec<Access> {
    let mut out: BTreeSet<Access> = BTreeSet::new();
    let mut add = |placed: &Placed, verbs: &[Verb]| {
        if let Some(resource) = &placed.resource {
            out.extend(verbs.iter().map(|verb| Access::to(*verb, resource, &placed.object.key.namespace)));
        }
    };
    for placed in after {
        add(placed, &[Verb::Get, Verb::Create, Verb::Patch, Verb::List, Verb::Watch]);
    }
    let kept: BTreeSet<&ObjectKey> = after.iter().map(|placed| &placed.object.key).collect();
    for placed in before.iter().filter(|placed| !kept.contains(&placed.object.key)) {
        // An app that is only looked at deletes nothing.
        add(placed, if writes { &[Verb::Get, Verb::Delete] } else { &[Verb::Get] });
    }
    out.into_iter().collect()
}

async fn attempt(
    hands: &Hands,
    session: &Session,
    placed: &Placed,
    made: &BTreeSet<String>,
) -> Option<String> {
    let (resource, namespace, name) = placed.at().ok()?;
    if made.contains(namespace) {
        return None;
    }
    let at = (namespace, name);
    let answer = session.apply(resource, at, &placed.object.json, Ownership::Respect, DryRun::Server).await;
    match answer {
        Ok(_) => None,
        Err(ClusterError::Conflict { fields, .. })
            if !fields.is_empty() && fields.iter().all(|(field, _)| hands.config.force.contains(field)) =>
        {
            None
        }
        // A webhook that would do something cannot be tried.
        Err(ClusterError::Invalid { message, .. }) if message.contains("does not support dry run") => None,
        Err(error) => Some(words(&error)),
    }
}

/// Why a run cannot begin, for each app that got no credential.
pub(super) fn not_granted(failed: &BTreeMap<AppId, String>) -> String {
    let list: Vec<String> =
        failed.iter().map(|(app, why)| format!("{app} got no credential: {why}")).collect();
    format!("nothing was written: {}", list.join("\n"))
}
