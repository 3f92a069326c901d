//! The ledger as it was at an entry, and whether its history holds.
//!
//! Reads commits; what they mean is for `ledger`.

use super::RunError;
use crate::files::Files;
use crate::ledger::plans::Snapshot;
use crate::ledger::{self, LedgerError, LedgerState, path};
use crate::name::{CommitId, Environment};
use crate::outside::branch::Branch;
use crate::outside::git::Repo;
use crate::problem::Problem;

/// An environment with its objects, at that tip of the branch.
pub fn snapshot(repo: &Repo, tip: Option<CommitId>, environment: &Environment) -> Result<Snapshot, RunError> {
    let Some(tip) = tip else {
        let state = LedgerState::empty(environment.clone());
        return Ok(Snapshot { state, apps: std::collections::BTreeMap::new() });
    };
    let files = repo.files(tip)?;
    let state = ledger::read(&files, environment)?;
    let apps = ledger::stored(&files, &state)?;
    Ok(Snapshot { state, apps })
}

/// An environment as it was when that entry was appended. `None` when the
/// branch has no such entry.
pub fn snapshot_at(
    repo: &Repo,
    branch: &Branch,
    tip: CommitId,
    environment: &Environment,
    seq: u64,
) -> Result<Option<Snapshot>, RunError> {
    branch.complete_history(tip)?;
    let commits = repo.commits(tip, usize::MAX)?;
    let at = path::record(seq);
    let has = |commit: CommitId| -> Result<bool, RunError> {
        Ok(repo.files(commit)?.entry(&at).map_err(LedgerError::from)?.is_some())
    };
    // Entries are only ever added, so the newer ones have it and the older do not.
    let (mut have, mut lack) = (0, commits.len());
    while have < lack {
        let middle = usize::midpoint(have, lack);
        if has(commits[middle])? { have = middle + 1 } else { lack = middle }
    }
    match have.checked_sub(1) {
        Some(oldest) => snapshot(repo, Some(commits[oldest]), environment).map(Some),
        None => Ok(None),
    }
}

/// Whether the ledger holds: its tree, and commit by commit that nothing was
/// ever taken away and nothing was changed but by a run. Offline, unless the clone is shallow.
pub fn verify(repo: &Repo, branch: &Branch, tip: CommitId) -> Result<Vec<Problem>, RunError> {
    branch.complete_history(tip)?;
    let mut problems = ledger::verify::verify(&repo.files(tip)?)?;
    let commits = repo.commits(tip, usize::MAX)?;
    if let Some(first) = commits.last() {
        problems.extend(ledger::verify::first(&repo.files(*first)?, &first.to_string())?);
    }
    let earlier = |id: CommitId| repo.files(id).ok().map(|files| Box::new(files) as Box<dyn Files>);
    for pair in commits.windows(2) {
        let (child, parent, name) = (repo.files(pair[0])?, repo.files(pair[1])?, pair[0].to_string());
        problems.extend(ledger::verify::only_added(&parent, &child, &name)?);
        problems.extend(ledger::verify::unaccounted(&parent, &child, &earlier, &name)?);
    }
    problems.sort();
    problems.dedup();
    Ok(problems)
}
