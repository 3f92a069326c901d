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
use crate::problem::{Code, Problem};

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
    // What the merge was made of is the branch as it was then: as good as what
    // was last seen of it.
    let then = merged.map(|(base, _)| base).filter(|base| repo.has_commit(*base).unwrap_or(false));
    let tip = branch_tip(&repo, branch.as_str(), then)?;
    let authority = match &tip {
        Some(tip) => tip.commit,
        None => merged.map_or(rule.base_hint, |(base, _)| base),
    };
    required(&repo, authority)?;
    let ends = match merged {
        Some((base, head)) => Ends { base: have(&repo, base)?, more: Vec::new(), head },
        None => {
            let head = required(&repo, rule.head)?;
            repo.complete_history(&[authority, head])?;
            bases(&repo, authority, head)?
        }
    };
    let mut world = World::load(options, repo, authority)?;
    world.problems.extend(tip.and_then(|tip| tip.doubt));
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
    let Tip { commit: tip, doubt } = branch_tip(&repo, &name, None)?
        .ok_or_else(|| RunError::Usage(format!("the remote has no default branch {name}")))?;
    let mut world = World::load(options, repo, tip)?;
    if world.config.deploy.branches.iter().any(|b| b == branch.as_str()) {
        let World { repo, .. } = world;
        let mut world = World::load(options, repo, head)?;
        world.problems.extend(doubt);
        return Ok(Settled { world, task: Task::Deploy(head), pull_request_head: None });
    }
    world.problems.extend(doubt);
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

/// A branch's tip.
struct Tip {
    commit: CommitId,
    /// Why it may be another by now.
    doubt: Option<Problem>,
}

/// A branch's tip at the remote, `None` where there is no such branch. When the
/// remote cannot be asked it is what was last seen of it, or `otherwise`; with
/// none of either it is an error, never a guess.
fn branch_tip(repo: &Repo, name: &str, otherwise: Option<CommitId>) -> Result<Option<Tip>, RunError> {
    let certain = |commit| Tip { commit, doubt: None };
    let Some(remote) = repo.remote_name()? else {
        return Ok(repo.resolve(&format!("refs/heads/{name}")).ok().map(certain));
    };
    let error = match repo.fetch_branch(name) {
        Ok(tip) => return Ok(tip.map(certain)),
        Err(error) => error,
    };
    let seen = repo.resolve(&format!("refs/remotes/{remote}/{name}")).ok();
    let Some(commit) = seen.or(otherwise) else { return Err(error.into()) };
    let message = format!("{name} is believed to be at {}: {error}", commit.short());
    Ok(Some(Tip { commit, doubt: Some(Problem::new(Code::BranchNotAsked, None, message)) }))
}
