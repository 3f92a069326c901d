//! Whether a ledger holds.

use super::LedgerError;
use crate::files::Files;
use crate::problem::Problem;

/// todo
pub fn verify(_: &dyn Files) -> Result<Vec<Problem>, LedgerError> {
    Ok(Vec::new())
}
/// todo
pub fn only_added(_: &dyn Files, _: &dyn Files, _: &str) -> Result<Vec<Problem>, LedgerError> {
    Ok(Vec::new())
}
