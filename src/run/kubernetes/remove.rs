//! Taking away what an app should not have any more: in reverse order, never what
//! an annotation keeps or another has made anew.

use std::collections::BTreeSet;

use super::hands::{Failure, Hands, words};
use super::placed::Placed;
use crate::deploy::inventory::Member;
use crate::deploy::keep::{Occasion, Rule, keep};
use crate::deploy::order::deletion_by_key;
use crate::name::AppId;
use crate::object::{Object, ObjectKey};
use crate::outside::cluster::{MANAGER, Session};

/// Deletes what the inventory has and is not among `kept`; what is among `others`
/// has changed hands and is only forgotten.
pub(super) async fn surplus(
    hands: &Hands,
    app: &AppId,
    kept: &BTreeSet<ObjectKey>,
    others: &BTreeSet<ObjectKey>,
) -> Result<(), Failure> {
    let inventory = hands.inventory(app).await?;
    inventory.admit(hands.epoch).map_err(|e| e.to_string())?;
    let surplus: Vec<(ObjectKey, Member)> =
        inventory.surplus(kept).into_iter().map(|(key, member)| (key.clone(), member.clone())).collect();
    if surplus.is_empty() {
        return Ok(());
    }
    let session = hands.session(app)?;
    let occasion = if kept.is_empty() { Occasion::AppRemoved } else { Occasion::Prune };
    let keys: Vec<ObjectKey> = surplus.iter().map(|(key, _)| key.clone()).collect();
    for list in deletion_by_key(&keys) {
        let deletes = list.into_iter().map(|i| {
            let (key, member) = &surplus[i];
            one(hands, app, &session, (key, member), (others.contains(key), occasion))
        });
        // All of them are tried: one that cannot go does not keep the others.
        let results = futures_util::future::join_all(deletes).await;
        results.into_iter().collect::<Result<Vec<()>, Failure>>()?;
    }
    Ok(())
}

async fn one(
    hands: &Hands,
    app: &AppId,
    session: &Session,
    (key, member): (&ObjectKey, &Member),
    (changed_hands, occasion): (bool, Occasion),
) -> Result<(), Failure> {
    if changed_hands {
        return hands.forget(app, key, None).await;
    }
    let Some(placed) = known(hands, key, member).await? else {
        // The server has no such kind any more: nothing of it can be there.
        return hands.forget(app, key, None).await;
    };
    let (resource, namespace, name) = placed.at()?;
    let live = session.get(resource, namespace, name).await.map_err(|e| words(&e))?;
    let Some(live) = live else { return hands.forget(app, key, None).await };
    let uid = live.pointer("/metadata/uid").and_then(|uid| uid.as_str()).unwrap_or("").to_owned();
    let ours = match &member.uid {
        Some(known) => *known == uid,
        // Announced, and nobody knows whether it was written: whose fields has it?
        None => written_by_us(&live),
    };
    let stays = keep(None, Some(&live), occasion).filter(|keep| match keep.rule {
        Rule::Keep => true,
        // The plan named it, and its digest was confirmed.
        Rule::Confirm => false,
    });
    if !ours || stays.is_some() {
        return hands.forget(app, key, None).await;
    }
    hands.delete_and_wait(session, &placed, Some(&uid)).await?;
    hands.forget(app, key, Some(&uid)).await
}

/// Whether this field manager has ever applied to it.
fn written_by_us(live: &serde_json::Value) -> bool {
    let entries = live.pointer("/metadata/managedFields").and_then(|fields| fields.as_array());
    entries.into_iter().flatten().any(|entry| {
        let text = |key: &str| entry.get(key).and_then(|value| value.as_str());
        text("manager") == Some(MANAGER) && text("operation") == Some("Apply")
    })
}

/// A member with its kind as the server serves it now; `None` when it serves no
/// such kind at all.
async fn known(hands: &Hands, key: &ObjectKey, member: &Member) -> Result<Option<Placed>, Failure> {
    let mut kinds = hands.kinds().await;
    for again in [true, false] {
        if let Some(resource) = kinds
            .of(&key.group, &member.version, &key.kind)
            .or_else(|| kinds.preferred(&key.group, &key.kind))
        {
            let json = serde_json::json!({
                "apiVersion": resource.api_version(), "kind": key.kind,
                "metadata": {"name": key.name, "namespace": key.namespace},
            });
            let object = Object { key: key.clone(), json };
            return Ok(Some(Placed::known(object, resource.clone())));
        }
        // A kind that is not listed because its server is down is not gone.
        if kinds.stale.contains(&key.group) {
            return Err(format!("the API server cannot say whether it has {} {}", key.group, key.kind));
        }
        if again {
            kinds = hands.discover(&kinds).await?;
        }
    }
    Ok(None)
}
