//! The user's own rules (stub until the real one lands).
use super::Settle;
/// A rule.
#[derive(Debug, Clone)]
pub struct Check;
/// Rules.
#[derive(Debug, Clone)]
pub struct Checks;
impl Check {
    /// Evaluates.
    pub fn evaluate(&self, _live: &serde_json::Value) -> Settle {
        Settle::Ready(None)
    }
}
