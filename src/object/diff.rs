//! stub
use serde::Serialize;
/// stub
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectChange {
    /// key
    pub key: super::ObjectKey,
}
/// stub
pub fn compare(_: &[super::Object], _: &[super::Object]) -> Vec<ObjectChange> {
    Vec::new()
}
