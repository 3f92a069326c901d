//! Objects with their kind on the server, and the namespace that they will be in.
//!
//! Asks nothing.

use crate::deploy::order::{Role, role};
use crate::object::Object;
use crate::outside::cluster::{Resource, Resources, Scope};
use crate::plan::Target;

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
pub fn place(objects: &[Object], target: &Target, kinds: &Resources) -> Vec<Placed> {
    let open = |object: &Object| Placed {
        object: object.clone(),
        resource: None,
        namespace: target.namespace.clone(),
    };
    objects.iter().map(|object| open(object).again(kinds)).collect()
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
                    Some(namespace) => drop(metadata.insert("namespace".to_owned(), namespace.clone().into())),
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
        let resource = self.resource.as_ref().ok_or_else(|| format!("the API server has no kind {}", key.kind))?;
        Ok((resource, &key.namespace, &key.name))
    }
}
