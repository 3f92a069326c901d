//! Where an app's inventory is kept: a ConfigMap of the control namespace,
//! written by compare-and-swap.
//!
//! Does not know what an inventory says: that is `deploy::inventory`.

use serde_json::{Value, json};

use super::error::ClusterError;
use super::resources::{Resource, Scope};
use super::session::Session;

const KEY: &str = "inventory.json";

/// A stored text, and the version that it must still have when it is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The text; `None` when nothing is stored yet.
    pub text: Option<String>,
    /// The object's version; empty when there is none.
    pub version: String,
}

fn config_maps() -> Resource {
    Resource {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        plural: "configmaps".to_owned(),
        scope: Scope::Namespaced,
        has_status: false,
        verbs: Vec::new(),
    }
}

impl Session {
    /// Reads an inventory.
    pub async fn inventory(&self, namespace: &str, name: &str) -> Result<Stored, ClusterError> {
        let Some(json) = self.get(&config_maps(), namespace, name).await? else { return Ok(Stored::default()) };
        stored(&json)
    }

    /// Replaces an inventory that still is what `before` says. `None`: it is not,
    /// and nothing was written.
    pub async fn store_inventory(
        &self,
        (namespace, name): (&str, &str),
        before: &Stored,
        text: &str,
    ) -> Result<Option<Stored>, ClusterError> {
        let mut metadata = json!({
            "name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "luigi"},
        });
        if !before.version.is_empty() {
            metadata["resourceVersion"] = json!(before.version);
        }
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}});
        let written = if before.version.is_empty() {
            self.create(&config_maps(), namespace, &object).await
        } else {
            self.replace(&config_maps(), (namespace, name), &object).await
        };
        match written {
            Ok(written) => Ok(Some(Stored { text: Some(text.to_owned()), version: written.version })),
            // Lost: to another, or to an earlier try of this call whose answer did
            // not come. Only reading it tells.
            Err(ClusterError::Conflict { .. }) => {
                let now = self.inventory(namespace, name).await?;
                Ok((now.text.as_deref() == Some(text)).then_some(now))
            }
            Err(error) => Err(error),
        }
    }
}

fn stored(json: &Value) -> Result<Stored, ClusterError> {
    let text = json.get("data").and_then(|data| data.get(KEY)).and_then(Value::as_str).map(str::to_owned);
    match json.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
        Some(version) => Ok(Stored { text, version: version.to_owned() }),
        None => Err(ClusterError::Strange {
            what: "read an inventory".to_owned(),
            message: "it has no version".to_owned(),
        }),
    }
}
