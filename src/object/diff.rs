//! stub
use serde::Serialize;
/// stub
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectChange {
    /// key
    pub key: super::ObjectKey,
}
