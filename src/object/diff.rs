//! stub
use serde::Serialize;
/// stub
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectChange {
    /// key
    pub key: super::ObjectKey,
    /// how
    pub change: ObjectChangeKind,
    /// fields
    pub fields: Vec<FieldChange>,
}
/// stub
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectChangeKind {
    /// stub
    Added,
    /// stub
    Removed,
    /// stub
    Changed,
}
/// stub
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// path
    pub path: String,
    /// before
    pub before: Option<serde_json::Value>,
    /// after
    pub after: Option<serde_json::Value>,
}
