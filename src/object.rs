//! Kubernetes objects from YAML exactly as kubectl reads them.
//!
//! Does not know where text comes from, and never asks a server.
pub mod diff;
pub mod yaml;
use serde::Serialize;
/// identity
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectKey {
    /// g
    pub group: String,
    /// k
    pub kind: String,
    /// n
    pub namespace: String,
    /// n
    pub name: String,
}
/// object
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// key
    pub key: ObjectKey,
    /// value
    pub json: serde_json::Value,
}
