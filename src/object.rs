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
/// stub
pub fn canonical(objects: &[Object]) -> Vec<u8> {
    let all: Vec<&serde_json::Value> = objects.iter().map(|o| &o.json).collect();
    serde_json_canonicalizer::to_vec(&all).unwrap_or_default()
}
/// stub
pub fn to_yaml(objects: &[Object]) -> String {
    String::from_utf8(canonical(objects)).unwrap_or_default()
}
/// stub
pub fn objects(text: &str, _: &crate::problem::Place) -> (Vec<Object>, Vec<crate::problem::Problem>) {
    let all: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    let of = |json: serde_json::Value| Object {
        key: ObjectKey {
            group: text(&json["apiVersion"]),
            kind: text(&json["kind"]),
            namespace: text(&json["metadata"]["namespace"]),
            name: text(&json["metadata"]["name"]),
        },
        json,
    };
    (all.into_iter().map(of).collect(), Vec::new())
}
