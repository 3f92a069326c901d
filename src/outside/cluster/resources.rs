//! Which kinds a server has, and where their objects are.
//!
//! Aggregated discovery (`apidiscovery.k8s.io/v2`), which all supported servers
//! have: two requests say everything.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use super::error::ClusterError;
use super::session::{Ask, Session};
use crate::object::ObjectKey;

const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// Whether objects of a kind are in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// They are.
    Namespaced,
    /// They are not.
    Cluster,
}

/// One kind, as a server serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The name in paths, as in `deployments`.
    pub plural: String,
    /// Where its objects are.
    pub scope: Scope,
    /// Whether it has a status subresource.
    pub has_status: bool,
    /// What can be done with it, as in `patch`.
    pub verbs: Vec<String>,
}

/// All kinds of a server.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// By group and kind; the server's preferred version first.
    by_kind: BTreeMap<(String, String), Vec<Resource>>,
    /// Groups that the server could not tell of: an aggregated API that is down.
    pub stale: Vec<String>,
}

impl Session {
    /// Asks the server what it has.
    pub async fn resources(&self) -> Result<Resources, ClusterError> {
        let mut all = Resources::default();
        for top in ["/api", "/apis"] {
            let ask =
                Ask { accept: AGGREGATED, ..Ask::new("read what the API server has", Method::GET, top) };
            all.take(&self.send(&ask).await?);
        }
        Ok(all)
    }
}

impl Resources {
    /// The kind at that `apiVersion`, or at any version of its group where that
    /// one is not served.
    pub fn of(&self, group: &str, version: &str, kind: &str) -> Option<&Resource> {
        let all = self.by_kind.get(&(group.to_owned(), kind.to_owned()))?;
        all.iter().find(|resource| resource.version == version)
    }

    /// The kind at the server's preferred version.
    pub fn preferred(&self, group: &str, kind: &str) -> Option<&Resource> {
        self.by_kind.get(&(group.to_owned(), kind.to_owned()))?.first()
    }

    fn take(&mut self, list: &Value) {
        let text = |json: &Value, at: &str| json.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
        let array =
            |json: &Value, key: &str| json.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        for group in array(list, "items") {
            let name = text(&group, "/metadata/name");
            for version in array(&group, "versions") {
                if text(&version, "/freshness") == "Stale" {
                    self.stale.push(name.clone());
                }
                for resource in array(&version, "resources") {
                    let kind = text(&resource, "/responseKind/kind");
                    let named = text(&resource, "/responseKind/group");
                    let found = Resource {
                        group: if named.is_empty() { name.clone() } else { named },
                        version: text(&version, "/version"),
                        kind: kind.clone(),
                        plural: text(&resource, "/resource"),
                        scope: if text(&resource, "/scope") == "Cluster" {
                            Scope::Cluster
                        } else {
                            Scope::Namespaced
                        },
                        has_status: array(&resource, "subresources")
                            .iter()
                            .any(|sub| text(sub, "/subresource") == "status"),
                        verbs: array(&resource, "verbs")
                            .iter()
                            .filter_map(Value::as_str)
                            .map(str::to_owned)
                            .collect(),
                    };
                    self.by_kind.entry((found.group.clone(), kind)).or_default().push(found);
                }
            }
        }
    }
}

impl Resource {
    /// The `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path of all objects of the kind, in a namespace or (empty) everywhere.
    pub fn collection(&self, namespace: &str) -> String {
        let top = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match (self.scope, namespace) {
            (Scope::Namespaced, namespace) if !namespace.is_empty() => {
                format!("{top}/namespaces/{}/{}", encoded(namespace), self.plural)
            }
            (Scope::Namespaced | Scope::Cluster, _) => format!("{top}/{}", self.plural),
        }
    }

    /// The path of one object.
    pub fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.collection(namespace), encoded(name))
    }

    /// For people: `Deployment a/b`.
    pub fn shown(&self, namespace: &str, name: &str) -> String {
        match self.scope {
            Scope::Namespaced => format!("{} {namespace}/{name}", self.kind),
            Scope::Cluster => format!("{} {name}", self.kind),
        }
    }

    /// The key of one object, as inventories have it.
    pub fn key(&self, namespace: &str, name: &str) -> ObjectKey {
        let namespace = if self.scope == Scope::Cluster { "" } else { namespace };
        ObjectKey {
            group: self.group.clone(),
            kind: self.kind.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// A path segment, whatever a file says that a name is. A dot segment would be
/// taken out of the URL on the way: it becomes a name that no object can have.
pub(super) fn encoded(segment: &str) -> String {
    if matches!(segment, "" | "." | "..") {
        return "%2F".to_owned();
    }
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_is_read_and_paths_are_made_of_it() {
        let list = serde_json::json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
                {"resource": "deployments", "scope": "Namespaced", "verbs": ["get", "patch"],
                 "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                 "subresources": [{"subresource": "status"}, {"subresource": "scale"}]}]}]},
            {"metadata": {"name": "metrics.example"}, "versions": [{"version": "v1", "freshness": "Stale"}]},
        ]});
        let mut all = Resources::default();
        all.take(&list);
        let found = all.of("apps", "v1", "Deployment").unwrap();
        assert!(found.has_status);
        assert_eq!(found.object("a", "b/../c"), "/apis/apps/v1/namespaces/a/deployments/b%2F..%2Fc");
        assert_eq!(found.collection(""), "/apis/apps/v1/deployments");
        assert_eq!(all.of("apps", "v1beta1", "Deployment"), None);
        assert_eq!(all.stale, ["metrics.example"]);
    }
}
