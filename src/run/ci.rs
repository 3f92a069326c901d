//! A CI event → two commits, and the commit whose configuration is believed.
//!
//! Both ends become commit ids here, once. What cannot be had is fetched by id;
//! what still cannot be had is said.

use super::compare::{Base, Ends, bases};
use super::error::RunError;
use super::world::{Options, World, missing_commit};
use crate::event::{Event, MergeBase, RefName, RefRule, Trigger};
use crate::name::CommitId;
use crate::outside::git::Repo;

/// What an event comes to.
pub struct Settled {
    /// The repository with the authority's configuration.
    pub world: World,
    /// What to do.
    pub task: Task,
    /// The pull request's own head.
    pub pull_request_head: Option<CommitId>,
}

/// What to do.
pub enum Task {
    /// Plan.
    Plan(Ends),
    /// Deploy that commit.
    Deploy(CommitId),
}

/// Settles an event.
pub fn settle(event: &Event, options: &Options, repo: Repo) -> Result<Settled, RunError> {
    match (&event.trigger, &event.refs) {
        (Trigger::PullRequest { base, .. }, RefRule::MergeCommit { merge, otherwise }) => {
            pull_request(options, repo, base, Some(*merge), otherwise)
        }
        (Trigger::PullRequest { base, .. }, RefRule::MergeBase(rule)) => {
            pull_request(options, repo, base, None, rule)
        }
        (Trigger::Branch { branch }, RefRule::LedgerBase { head, before, .. }) => {
            push(event, options, repo, branch, *head, *before)
        }
        (Trigger::Tag { tag }, _) => Err(RunError::Usage(format!(
            "deploying by tag ({}) is not supported by this version; leave tags out of the workflow's `on`",
            tag.as_str()
        ))),
        (Trigger::PullRequest { .. }, RefRule::LedgerBase { .. })
        | (Trigger::Branch { .. }, RefRule::MergeCommit { .. } | RefRule::MergeBase(_)) => {
            Err(RunError::Other("the event and its refs do not fit together".to_owned()))
        }
    }
}

fn pull_request(
    options: &Options,
    repo: Repo,
    branch: &RefName,
    merge: Option<CommitId>,
    rule: &MergeBase,
) -> Result<Settled, RunError> {
    let merged = match merge {
        Some(merge) if repo.head()? == merge => match repo.parents(merge)?.as_slice() {
            [base, head] if *head == rule.head => Some((*base, merge)),
            _ => None,
        },
        Some(_) | None => None,
    };
    let tip = branch_tip(&repo, branch.as_str())?;
    let (ends, authority) = match (merged, tip) {
        (Some((base, head)), tip) => {
            (Ends { base: have(&repo, base)?, more: Vec::new(), head }, tip.unwrap_or(base))
        }
        (None, tip) => {
            let tip = match tip {
                Some(tip) => tip,
                None => required(&repo, rule.base_hint)?,
            };
            let head = required(&repo, rule.head)?;
            repo.complete_history(&[tip, head])?;
            (bases(&repo, tip, head)?, tip)
        }
    };
    required(&repo, authority)?;
    let world = World::load(options, repo, authority)?;
    Ok(Settled { world, task: Task::Plan(ends), pull_request_head: Some(rule.head) })
}

fn push(
    event: &Event,
    options: &Options,
    repo: Repo,
    branch: &RefName,
    head: CommitId,
    before: Option<CommitId>,
) -> Result<Settled, RunError> {
    let head = required(&repo, head)?;
    let default = match &event.default_branch {
        Some(name) => Some(name.as_str().to_owned()),
        None => repo.default_branch()?,
    };
    // The default branch is its own authority; what other branches may do is for
    // the default branch's tip to say, never for the branch itself.
    if default.as_deref() == Some(branch.as_str()) {
        let world = World::load(options, repo, head)?;
        let task = if world.config.deploy.branches.iter().any(|b| b == branch.as_str()) {
            Task::Deploy(head)
        } else {
            Task::Plan(before_or_first(&world.repo, head, before)?)
        };
        return Ok(Settled { world, task, pull_request_head: None });
    }
    let name = default.ok_or_else(|| RunError::Usage("the default branch is not known".to_owned()))?;
    let tip = branch_tip(&repo, &name)?.ok_or_else(|| {
        RunError::Usage(format!("the default branch {name} cannot be had; check out with fetch-depth: 0"))
    })?;
    let world = World::load(options, repo, tip)?;
    if world.config.deploy.branches.iter().any(|b| b == branch.as_str()) {
        let World { repo, .. } = world;
        let world = World::load(options, repo, head)?;
        return Ok(Settled { world, task: Task::Deploy(head), pull_request_head: None });
    }
    world.repo.complete_history(&[tip, head])?;
    let ends = bases(&world.repo, tip, head)?;
    Ok(Settled { world, task: Task::Plan(ends), pull_request_head: None })
}

fn before_or_first(repo: &Repo, head: CommitId, before: Option<CommitId>) -> Result<Ends, RunError> {
    let base = match before {
        Some(before) => have(repo, before)?,
        None => match repo.first_parent(head)? {
            Some(parent) => have(repo, parent)?,
            None => Base::Nothing,
        },
    };
    Ok(Ends { base, more: Vec::new(), head })
}

/// A commit as a base, fetched by its id if need be.
fn have(repo: &Repo, commit: CommitId) -> Result<Base, RunError> {
    if repo.has_commit(commit)? { Ok(Base::Commit(commit)) } else { Ok(missing_commit(repo, commit)) }
}

/// A commit that there is no going on without.
fn required(repo: &Repo, commit: CommitId) -> Result<CommitId, RunError> {
    if !repo.has_commit(commit)? {
        repo.fetch_commit(commit)?;
    }
    // An annotated tag's id is peeled.
    Ok(repo.resolve(&commit.to_string())?)
}

/// A branch's tip: the remote's, if it can be asked, else as last seen.
fn branch_tip(repo: &Repo, name: &str) -> Result<Option<CommitId>, RunError> {
    let remote = repo.remote_name()?;
    if remote.is_some()
        && let Ok(Some(tip)) = repo.fetch_branch(name)
    {
        return Ok(Some(tip));
    }
    let seen = remote.map(|r| format!("refs/remotes/{r}/{name}"));
    for reference in seen.into_iter().chain([format!("refs/heads/{name}")]) {
        if let Ok(tip) = repo.resolve(&reference) {
            return Ok(Some(tip));
        }
    }
    Ok(None)
}
