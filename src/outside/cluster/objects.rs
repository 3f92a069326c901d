//! Reading, writing and deleting objects.
//!
//! Writes are server-side applies as field manager `luigi`, without force: what
//! another manager owns is a conflict that names it. Deletes carry the uid.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::error::ClusterError;
use super::resources::{Resource, encoded};
use super::session::{Ask, Session};

/// The field manager.
pub const MANAGER: &str = "luigi";

const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
/// Objects of one page of a list.
const PAGE: usize = 500;
/// How often an apply or a delete is sent that another write has come in between of.
const TRIES: u32 = 5;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether the server only says what it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// It writes.
    No,
    /// It runs everything but the write.
    Server,
}

/// Whether fields that another manager owns are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// They are not: a conflict.
    Respect,
    /// They are.
    Take,
}

/// What a server made of an apply.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The object as it is now.
    pub json: Value,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub version: String,
}

/// What is not to be met at a write: the object must be this one still.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Precondition {
    /// Its uid.
    pub uid: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// What is left behind when an object with dependents goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// Dependents go after it.
    Background,
    /// It goes after its dependents.
    Foreground,
}

impl Session {
    /// One object; `None` when it is not there.
    pub async fn get(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ClusterError> {
        let what = format!("read {}", resource.shown(namespace, name));
        match self.send(&Ask::new(&what, Method::GET, resource.object(namespace, name))).await {
            Ok(json) => Ok(Some(json)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a kind in a namespace (empty: everywhere).
    pub async fn list(&self, resource: &Resource, namespace: &str) -> Result<Vec<Value>, ClusterError> {
        Ok(self.list_where(resource, namespace, "", "").await?.0)
    }

    /// Those that fit a label and a field selector (empty: all), and the version
    /// of the list.
    pub(super) async fn list_where(
        &self,
        resource: &Resource,
        namespace: &str,
        labels: &str,
        fields: &str,
    ) -> Result<(Vec<Value>, String), ClusterError> {
        let what = format!("list {} in {namespace}", resource.kind);
        let mut all = Vec::new();
        let mut next = String::new();
        loop {
            let mut path = format!("{}?limit={PAGE}", resource.collection(namespace));
            for (key, value) in [("labelSelector", labels), ("fieldSelector", fields), ("continue", &next)] {
                if !value.is_empty() {
                    path.push_str(&format!("&{key}={}", encoded(value)));
                }
            }
            let list = match self.send(&Ask::new(&what, Method::GET, path)).await {
                // The continuation is too old: from the start, in one piece of truth.
                Err(ClusterError::Gone { .. }) if !next.is_empty() => {
                    all.clear();
                    next.clear();
                    continue;
                }
                other => other?,
            };
            let text = |at: &str| list.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
            let Some(items) = list.get("items").and_then(Value::as_array) else {
                return Err(ClusterError::Strange { what, message: "the list has no items".to_owned() });
            };
            all.extend(items.iter().cloned().map(|item| typed(item, resource)));
            next = text("/metadata/continue");
            if next.is_empty() {
                return Ok((all, text("/metadata/resourceVersion")));
            }
        }
    }

    /// Applies an object. Sending it twice changes nothing, so a lost answer is
    /// asked for again.
    pub async fn apply(
        &self,
        resource: &Resource,
        (namespace, name): (&str, &str),
        object: &Value,
        ownership: Ownership,
        dry_run: DryRun,
    ) -> Result<Applied, ClusterError> {
        let shown = resource.shown(namespace, name);
        let what = match dry_run {
            DryRun::No => format!("apply {shown}"),
            DryRun::Server => format!("try {shown}"),
        };
        let mut path =
            format!("{}?fieldManager={MANAGER}&fieldValidation=Strict", resource.object(namespace, name));
        if ownership == Ownership::Take {
            path.push_str("&force=true");
        }
        if dry_run == DryRun::Server {
            path.push_str("&dryRun=All");
        }
        let json = self.send_over(&Ask::new(&what, Method::PATCH, path).with(APPLY, object)).await?;
        applied(&what, json)
    }

    /// Sends again what another's write has come in between of: a conflict that
    /// names no field. One that lasts is what it says.
    async fn send_over(&self, ask: &Ask<'_>) -> Result<Value, ClusterError> {
        let mut tries = 0;
        loop {
            match self.send(ask).await {
                Err(ClusterError::Conflict { fields, reason, .. })
                    if fields.is_empty() && reason == "Conflict" && tries < TRIES =>
                {
                    tries += 1;
                    tokio::time::sleep(PAUSE * tries).await;
                }
                other => return other,
            }
        }
    }

    /// Creates an object. A name that is taken is a conflict, also where an
    /// earlier try of this call took it: the caller knows its own objects.
    pub async fn create(
        &self,
        resource: &Resource,
        namespace: &str,
        object: &Value,
    ) -> Result<Applied, ClusterError> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
        let what = format!("create {}", resource.shown(namespace, name));
        let path =
            format!("{}?fieldManager={MANAGER}&fieldValidation=Strict", resource.collection(namespace));
        applied(&what, self.send(&Ask::new(&what, Method::POST, path).json(object)).await?)
    }

    /// Replaces an object that still has the version in it.
    pub async fn replace(
        &self,
        resource: &Resource,
        (namespace, name): (&str, &str),
        object: &Value,
    ) -> Result<Applied, ClusterError> {
        let what = format!("write {}", resource.shown(namespace, name));
        let path = format!("{}?fieldManager={MANAGER}", resource.object(namespace, name));
        applied(&what, self.send(&Ask::new(&what, Method::PUT, path).json(object)).await?)
    }

    /// Merges fields into an object.
    pub async fn merge(
        &self,
        resource: &Resource,
        (namespace, name): (&str, &str),
        fields: &Value,
    ) -> Result<Applied, ClusterError> {
        let what = format!("change {}", resource.shown(namespace, name));
        let path = format!("{}?fieldManager={MANAGER}", resource.object(namespace, name));
        applied(&what, self.send(&Ask::new(&what, Method::PATCH, path).with(MERGE, fields)).await?)
    }

    /// Asks for an object to go. `false`: it was gone already.
    pub async fn delete(
        &self,
        resource: &Resource,
        (namespace, name): (&str, &str),
        precondition: &Precondition,
        propagation: Propagation,
    ) -> Result<bool, ClusterError> {
        let what = format!("delete {}", resource.shown(namespace, name));
        let mut conditions = serde_json::Map::new();
        for (key, value) in [("uid", &precondition.uid), ("resourceVersion", &precondition.version)] {
            if let Some(value) = value {
                conditions.insert(key.to_owned(), json!(value));
            }
        }
        let propagation = match propagation {
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
        };
        let body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": propagation, "preconditions": conditions,
        });
        let ask = Ask::new(&what, Method::DELETE, resource.object(namespace, name)).json(&body);
        match self.send_over(&ask).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Posts to a subresource or a review, and returns what the server says.
    pub(super) async fn post(&self, what: &str, path: &str, body: &Value) -> Result<Value, ClusterError> {
        self.send(&Ask::new(what, Method::POST, path).json(body)).await
    }
}

fn applied(what: &str, json: Value) -> Result<Applied, ClusterError> {
    let text = |at: &str| json.pointer(at).and_then(Value::as_str).map(str::to_owned);
    match (text("/metadata/uid"), text("/metadata/resourceVersion")) {
        (Some(uid), version) => Ok(Applied { uid, version: version.unwrap_or_default(), json }),
        // A dry run of a new object has no version, and some have no uid.
        (None, _) if json.get("metadata").is_some() => {
            Ok(Applied { uid: String::new(), version: String::new(), json })
        }
        (None, _) => {
            let message = "the answer holds no object".to_owned();
            Err(ClusterError::Strange { what: what.to_owned(), message })
        }
    }
}

/// Items of a list do not say what they are.
fn typed(mut item: Value, resource: &Resource) -> Value {
    if let Some(map) = item.as_object_mut() {
        map.entry("apiVersion").or_insert_with(|| json!(resource.api_version()));
        map.entry("kind").or_insert_with(|| json!(resource.kind));
    }
    item
}
