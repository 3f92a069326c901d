//! Objects with their kind on the server, the namespace that they will be in, and
//! the mark of their app.
//!
//! The mark is what tells an object that Luigi wrote from another's of the same
//! name, should a run die before it has written down what it wrote: of one that
//! sets no field (a bare `ServiceAccount` or Namespace) the server keeps no manager.
//!
//! Asks nothing.

use serde_json::{Value, json};

use crate::deploy::order::{Role, role};
use crate::name::AppId;
use crate::object::Object;
use crate::outside::cluster::{Resource, Resources, Scope};
use crate::plan::Target;

/// The annotation that says whose an object is.
pub const MARK: &str = "luigi.dev/app";

/// An object, where it will be.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The object; its namespace is filled in once its kind is known.
    pub object: Object,
    /// Its kind; `None` while the server has it not.
    pub resource: Option<Resource>,
    namespace: String,
}

/// All of an app's objects.
pub fn place(app: &AppId, objects: &[Object], target: &Target, kinds: &Resources) -> Vec<Placed> {
    let open = |object: &Object| Placed {
        object: marked(object, app),
        resource: None,
        namespace: target.namespace.clone(),
    };
    objects.iter().map(|object| open(object).again(kinds)).collect()
}

fn marked(object: &Object, app: &AppId) -> Object {
    let mut object = object.clone();
    if let Some(metadata) = object.json.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        // `annotations:` with nothing after it is null.
        if annotations.is_null() {
            *annotations = json!({});
        }
        // Anything else than a mapping the server refuses, in words of its own.
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(MARK.to_owned(), json!(app.to_string()));
        }
    }
    object
}

impl Placed {
    /// An object that is in its namespace already.
    pub fn known(object: Object, resource: Resource) -> Self {
        Self { object, resource: Some(resource), namespace: String::new() }
    }

    /// The same with the kinds as they are now.
    #[must_use]
    pub fn again(&self, kinds: &Resources) -> Self {
        let api = self.object.api_version();
        let version = api.rsplit_once('/').map_or(api, |(_, version)| version);
        let resource = kinds.of(&self.object.key.group, version, &self.object.key.kind).cloned();
        let mut object = self.object.clone();
        if let Some(resource) = &resource {
            let namespace = match (resource.scope, object.key.namespace.as_str()) {
                (Scope::Cluster, _) => None,
                (Scope::Namespaced, "") if self.namespace.is_empty() => Some("default".to_owned()),
                (Scope::Namespaced, "") => Some(self.namespace.clone()),
                (Scope::Namespaced, own) => Some(own.to_owned()),
            };
            if let Some(metadata) = object.json.get_mut("metadata").and_then(|m| m.as_object_mut()) {
                match &namespace {
                    Some(namespace) => {
                        drop(metadata.insert("namespace".to_owned(), namespace.clone().into()));
                    }
                    None => drop(metadata.remove("namespace")),
                }
            }
            object.key.namespace = namespace.unwrap_or_default();
        }
        Self { object, resource, namespace: self.namespace.clone() }
    }

    /// Whether it is a hook.
    pub fn is_hook(&self) -> bool {
        matches!(role(&self.object, &mut Vec::new()), Role::Hook(_))
    }

    /// Kind, namespace and name.
    pub fn at(&self) -> Result<(&Resource, &str, &str), String> {
        let key = &self.object.key;
        let resource =
            self.resource.as_ref().ok_or_else(|| format!("the API server has no kind {}", key.kind))?;
        Ok((resource, &key.namespace, &key.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectKey;

    #[test]
    fn every_object_says_whose_it_is() {
        let app = AppId::parse("App/_/db").unwrap();
        for metadata in [json!({"name": "x"}), json!({"name": "x", "annotations": null})] {
            let key = ObjectKey {
                group: String::new(),
                kind: "Namespace".into(),
                namespace: String::new(),
                name: "x".into(),
            };
            let json = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
            let placed = place(&app, &[Object { key, json }], &Target::default(), &Resources::default());
            assert_eq!(
                placed[0].object.json["metadata"]["annotations"],
                json!({"luigi.dev/app": "App/_/db"})
            );
        }
    }
}
