//! Objects of a kind in a namespace, as they change: a list, then a watch that
//! goes on where it broke off, and a new list where it cannot.
//!
//! Every `NET` the collection is listed again: an event that never came is found
//! then. Does not say what a change means.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::mpsc;

use super::error::ClusterError;
use super::resources::{Resource, encoded};
use super::session::{Ask, Session, chain};

/// How often everything is listed anew.
const NET: Duration = Duration::from_secs(30);
/// A watch that a server keeps open for longer is asked for again.
const TIMEOUT_SECONDS: u64 = 290;
/// Before a watch that has ended is asked for again.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest line of a watch: an object has 1.5 MiB at most, and is sent as JSON.
const LONGEST: usize = 16 << 20;

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch {
    /// The namespace; empty for all.
    pub namespace: String,
    /// A label selector; empty for all.
    pub labels: String,
    /// A field selector; empty for all.
    pub fields: String,
}

/// One thing seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// An object as it is now.
    Is(Box<Value>),
    /// An object that is gone, as it was.
    Gone(Box<Value>),
    /// The list ended: everything that was there has been told.
    Synced,
    /// It cannot be watched. Nothing comes after it.
    Failed(ClusterError),
}

impl Session {
    /// Watches until the receiver is dropped. An object that a list does not show
    /// any more is told as gone.
    pub fn watch(&self, resource: &Resource, watch: Watch) -> mpsc::Receiver<Seen> {
        let (sender, receiver) = mpsc::channel(256);
        let (session, resource) = (self.clone(), resource.clone());
        tokio::spawn(async move {
            let mut known = BTreeMap::new();
            let all = Following { session, resource, watch, sender };
            let sender = all.sender.clone();
            tokio::select! {
                () = sender.closed() => {}
                error = all.follow(&mut known) => {
                    if let Some(error) = error {
                        let _ = sender.send(Seen::Failed(error)).await;
                    }
                }
            }
        });
        receiver
    }
}

struct Following {
    session: Session,
    resource: Resource,
    watch: Watch,
    sender: mpsc::Sender<Seen>,
}

/// Objects by namespace and name, with their versions.
type Known = BTreeMap<(String, String), Value>;

/// How a watch ended.
enum End {
    /// It has not: the time for a new list has come.
    Again,
    /// To be asked for again from the last version.
    Resume,
    /// To be listed again.
    Relist,
}

impl Following {
    /// `None` when nobody listens any more.
    async fn follow(&self, known: &mut Known) -> Option<ClusterError> {
        loop {
            let mut version = match self.list(known).await {
                Ok(version) => version,
                Err(error) => return Some(error),
            };
            let again = tokio::time::sleep(NET);
            tokio::pin!(again);
            loop {
                let ended = tokio::select! {
                    () = &mut again => End::Again,
                    ended = self.stream(known, &mut version) => match ended {
                        Ok(end) => end,
                        Err(error) => return Some(error),
                    },
                };
                match ended {
                    End::Again => break,
                    // A server that ends each watch at once is not asked in a tight loop.
                    End::Relist => {
                        tokio::time::sleep(PAUSE).await;
                        break;
                    }
                    End::Resume => tokio::time::sleep(PAUSE).await,
                }
            }
        }
    }

    async fn list(&self, known: &mut Known) -> Result<String, ClusterError> {
        let (items, version) = self
            .session
            .list_where(&self.resource, &self.watch.namespace, &self.watch.labels, &self.watch.fields)
            .await?;
        let mut gone = std::mem::take(known);
        for item in items {
            let key = key(&item);
            let same = gone.remove(&key).is_some_and(|before| version_of(&before) == version_of(&item));
            if !same {
                let _ = self.sender.send(Seen::Is(Box::new(item.clone()))).await;
            }
            known.insert(key, item);
        }
        for item in gone.into_values() {
            let _ = self.sender.send(Seen::Gone(Box::new(item))).await;
        }
        let _ = self.sender.send(Seen::Synced).await;
        Ok(version)
    }

    async fn stream(&self, known: &mut Known, version: &mut String) -> Result<End, ClusterError> {
        let what = format!("watch {} in {}", self.resource.kind, self.watch.namespace);
        let mut path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={TIMEOUT_SECONDS}&resourceVersion={}",
            self.resource.collection(&self.watch.namespace),
            encoded(version)
        );
        for (key, value) in [("labelSelector", &self.watch.labels), ("fieldSelector", &self.watch.fields)] {
            if !value.is_empty() {
                path.push_str(&format!("&{key}={}", encoded(value)));
            }
        }
        let ask = Ask::new(&what, Method::GET, path);
        let (client, _place) = self.session.server().watch_client()?;
        let Ok(mut response) = self.session.request(&client, &ask)?.send().await else {
            return Ok(End::Resume);
        };
        let status = response.status();
        if !status.is_success() {
            let body = response
                .bytes()
                .await
                .map_err(|e| ClusterError::Unavailable { what: what.clone(), message: chain(&e) });
            return match ClusterError::of(&what, status.as_u16(), &body.unwrap_or_default()) {
                // A token that is not believed any more is renewed by the list, or ends it.
                ClusterError::Gone { .. }
                | ClusterError::Unavailable { .. }
                | ClusterError::Unauthorized { .. } => Ok(End::Relist),
                error => Err(error),
            };
        }
        let mut line = Vec::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if line.len() > LONGEST {
                    return Ok(End::Relist);
                }
                if line.ends_with(b"\n") {
                    let whole = std::mem::take(&mut line);
                    if let Some(end) = self.event(&whole, known, version).await {
                        return Ok(end);
                    }
                }
            }
        }
        Ok(End::Resume)
    }

    /// Takes one event. `Some` ends the watch.
    async fn event(&self, line: &[u8], known: &mut Known, version: &mut String) -> Option<End> {
        let Ok(mut event) = serde_json::from_slice::<Value>(line) else { return Some(End::Relist) };
        let object = event.get_mut("object").map(Value::take).unwrap_or_default();
        let kind = event.get("type").and_then(Value::as_str).unwrap_or("");
        if kind != "ERROR"
            && let Some(now) = version_of(&object)
        {
            now.clone_into(version);
        }
        match kind {
            "BOOKMARK" => None,
            "ADDED" | "MODIFIED" => {
                known.insert(key(&object), object.clone());
                let _ = self.sender.send(Seen::Is(Box::new(object))).await;
                None
            }
            "DELETED" => {
                known.remove(&key(&object));
                let _ = self.sender.send(Seen::Gone(Box::new(object))).await;
                None
            }
            // 410 and whatever else: what is true now, a list says.
            _ => Some(End::Relist),
        }
    }
}

fn version_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/resourceVersion").and_then(Value::as_str)
}

fn key(object: &Value) -> (String, String) {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}
