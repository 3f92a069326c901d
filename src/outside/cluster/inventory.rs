//! Where an app's inventory is kept: a ConfigMap of the control namespace,
//! written by compare-and-swap.
//!
//! Does not know what an inventory says: that is `deploy::inventory`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::ClusterError;
use super::resources::{Resource, Scope};
use super::session::Session;
use crate::deploy::inventory::Stored;

/// In `data` where it is plain, in `binaryData` where it is packed.
const KEY: &str = "inventory";

/// What is stored, and the version that it must still have when it is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// What it holds; `None` when nothing is stored yet.
    pub stored: Option<Stored>,
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
    pub async fn inventory(&self, namespace: &str, name: &str) -> Result<Kept, ClusterError> {
        let Some(json) = self.get(&config_maps(), namespace, name).await? else { return Ok(Kept::default()) };
        kept(&json)
    }

    /// Replaces an inventory that still is what `before` says. `None`: it is not,
    /// and nothing was written.
    pub async fn store_inventory(
        &self,
        (namespace, name): (&str, &str),
        before: &Kept,
        stored: &Stored,
    ) -> Result<Option<Kept>, ClusterError> {
        let mut metadata = json!({
            "name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "luigi"},
        });
        if !before.version.is_empty() {
            metadata["resourceVersion"] = json!(before.version);
        }
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        match stored {
            Stored::Plain(text) => object["data"] = json!({KEY: text}),
            Stored::Packed(bytes) => object["binaryData"] = json!({KEY: STANDARD.encode(bytes)}),
        }
        let written = if before.version.is_empty() {
            self.create(&config_maps(), namespace, &object).await
        } else {
            self.replace(&config_maps(), (namespace, name), &object).await
        };
        match written {
            Ok(written) => Ok(Some(Kept { stored: Some(stored.clone()), version: written.version })),
            // Lost: to another, or to an earlier try of this call whose answer did
            // not come. Only reading it tells.
            Err(ClusterError::Conflict { .. }) => {
                let now = self.inventory(namespace, name).await?;
                Ok((now.stored.as_ref() == Some(stored)).then_some(now))
            }
            Err(error) => Err(error),
        }
    }
}

fn kept(json: &Value) -> Result<Kept, ClusterError> {
    let strange = |message: &str| ClusterError::Strange {
        what: "read an inventory".to_owned(),
        message: message.to_owned(),
    };
    let field = |of: &str| json.get(of).and_then(|data| data.get(KEY)).and_then(Value::as_str);
    let stored = match (field("data"), field("binaryData")) {
        (Some(text), _) => Stored::Plain(text.to_owned()),
        (None, Some(text)) => Stored::Packed(STANDARD.decode(text).map_err(|_| strange("it is not base64"))?),
        // Never read as empty: somebody has emptied it.
        (None, None) => return Err(strange("the ConfigMap holds no inventory")),
    };
    let version = json.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    let version = version.ok_or_else(|| strange("it has no version"))?.to_owned();
    Ok(Kept { stored: Some(stored), version })
}
