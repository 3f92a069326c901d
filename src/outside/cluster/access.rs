//! What an identity may do, asked of the server itself (`SelfSubjectAccessReview`).
//!
//! Admission and dry-runs are another question: see `objects`.

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use super::error::ClusterError;
use super::resources::Resource;
use super::session::Session;

/// What is done to objects of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Read one.
    Get,
    /// Read all.
    List,
    /// Be told of changes.
    Watch,
    /// Make one.
    Create,
    /// Change one.
    Patch,
    /// Remove one.
    Delete,
}

impl Verb {
    /// As the server names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// One right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// What is done.
    pub verb: Verb,
    /// The API group; empty for the core group.
    pub group: String,
    /// The name in paths, as in `deployments`.
    pub plural: String,
    /// Where; empty for objects in no namespace.
    pub namespace: String,
}

impl Access {
    /// The right to do that to objects of a kind.
    pub fn to(verb: Verb, resource: &Resource, namespace: &str) -> Self {
        let namespace = match resource.scope {
            super::Scope::Namespaced => namespace,
            super::Scope::Cluster => "",
        };
        Self {
            verb,
            group: resource.group.clone(),
            plural: resource.plural.clone(),
            namespace: namespace.to_owned(),
        }
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb.as_str(), self.plural)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if !self.namespace.is_empty() {
            write!(f, " in {}", self.namespace)?;
        }
        Ok(())
    }
}

/// A right that an identity does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The right.
    pub access: Access,
    /// The server's reason; often empty.
    pub reason: String,
}

impl Session {
    /// Those of these rights that this identity does not have.
    pub async fn refusals(&self, wanted: Vec<Access>) -> Result<Vec<Refusal>, ClusterError> {
        let answers: Vec<Result<Option<Refusal>, ClusterError>> =
            stream::iter(wanted).map(|access| self.review(access)).buffered(16).collect().await;
        Ok(answers.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    async fn review(&self, access: Access) -> Result<Option<Refusal>, ClusterError> {
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": access.verb.as_str(), "group": access.group,
                "resource": access.plural, "namespace": access.namespace,
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = self.post(&format!("ask for the right to {access}"), path, &body).await?;
        // Anything but a plain yes is a no.
        if answer.pointer("/status/allowed") == Some(&Value::Bool(true)) {
            return Ok(None);
        }
        let reason = answer.pointer("/status/reason").and_then(Value::as_str).unwrap_or("").to_owned();
        Ok(Some(Refusal { access, reason }))
    }
}
