//! A CI event's payload and a few variables → what started the run, what it is
//! to do, and how base and head are to be found.
//!
//! Reads no file and no environment: both are passed in. Resolves nothing in
//! git: that is `run`, by the [`RefRule`]. What cannot be understood is an
//! error by name, never a guess.

mod payload;
mod refname;

#[cfg(test)]
mod tests;

pub use refname::RefName;

use payload::{PullRequestPayload, PushPayload};

use crate::name::CommitId;

/// What the runner's environment says. Empty texts count as absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vars {
    /// `GITHUB_EVENT_NAME`.
    pub event_name: String,
    /// `GITHUB_REF`, such as `refs/pull/7/merge`.
    pub reference: String,
    /// `GITHUB_SHA`: for a pull request, the merge commit.
    pub sha: String,
    /// `GITHUB_ACTOR`: who started the event.
    pub actor: String,
    /// `GITHUB_TRIGGERING_ACTOR`: who started this attempt.
    pub triggering_actor: String,
    /// `GITHUB_RUN_ID`.
    pub run_id: String,
    /// `GITHUB_RUN_ATTEMPT`.
    pub run_attempt: String,
    /// `GITHUB_SERVER_URL`.
    pub server_url: String,
    /// `GITHUB_REPOSITORY`, as `owner/name`.
    pub repository: String,
}

/// A CI event, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What started the run.
    pub trigger: Trigger,
    /// What the run is to do, as far as the event says. Whether a branch may
    /// deploy is for the authority commit's luigi.yaml to say.
    pub mode: Mode,
    /// How base and head are to be found.
    pub refs: RefRule,
    /// Whether the change comes from another repository: then there is a
    /// read-only token, no identity and no comment.
    pub fork: bool,
    /// The repository's default branch, when the payload names it.
    pub default_branch: Option<RefName>,
    /// The repository, as `owner/name`.
    pub repository: String,
    /// Who started the event.
    pub actor: String,
    /// Who started this attempt, when it is somebody else.
    pub triggering_actor: Option<String>,
    /// The run.
    pub run: CiRun,
}

/// The run in CI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiRun {
    /// Its id; the same for every attempt.
    pub id: u64,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Where it can be looked at; `None` without a server's URL.
    pub url: Option<String>,
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A pull request was opened or changed.
    PullRequest {
        /// Its number.
        number: u64,
        /// The branch it is to go into.
        base: RefName,
    },
    /// Commits were pushed to a branch.
    Branch {
        /// The branch.
        branch: RefName,
    },
    /// A tag was pushed.
    Tag {
        /// The tag.
        tag: RefName,
    },
}

/// What a run is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Say what would change; write nothing.
    Plan,
    /// Carry it out.
    Deploy,
}

/// How base and head are to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefRule {
    /// When HEAD is `merge`, and that has two parents, the second of which is
    /// `otherwise.head`: base is its first parent, head is `merge`. In any
    /// other case as `otherwise` says.
    MergeCommit {
        /// The merge that the CI system made.
        merge: CommitId,
        /// The rule where HEAD is something else.
        otherwise: MergeBase,
    },
    /// There is no merge commit.
    MergeBase(MergeBase),
    /// Base is what the ledger says was deployed last in each environment;
    /// before the first deploy there is none, and everything is new.
    LedgerBase {
        /// The commit to deploy; of a tag, what it leads to. It may be an
        /// annotated tag's own id, to be peeled.
        head: CommitId,
        /// What the branch was before, when it was anything. Never the base of
        /// a deploy: evidence, and the base of a plan for an unprotected branch.
        before: Option<CommitId>,
        /// Whether `before` may have been thrown away.
        push: Push,
    },
}

/// Base is the merge base of the base branch's tip and the head. With several
/// merge bases, changes are the union over all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeBase {
    /// The branch the pull request is to go into.
    pub base_branch: RefName,
    /// That branch's tip when the event was made. It goes stale: only for
    /// fetching, never the base itself.
    pub base_hint: CommitId,
    /// The pull request's own head.
    pub head: CommitId,
}

/// How a branch was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It, or the tag, did not exist.
    Created,
    /// Forward.
    Forward,
    /// To a commit that does not follow the one before.
    Forced,
}

/// Why an event is not acted upon. Each has a way out, see [`EventError::help`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// There is no event.
    #[error("this is not a workflow run: GITHUB_EVENT_NAME is not set")]
    NoEvent,
    /// The payload is not the JSON that the event has.
    #[error("the payload of the event `{event}` cannot be read: {why}")]
    Payload {
        /// The event.
        event: String,
        /// What the reader said.
        why: String,
    },
    /// A value is not what its name says.
    #[error("{what} is {value:?}: {why}")]
    Value {
        /// Where it stands.
        what: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// Payload and environment say different things.
    #[error("the payload says {payload:?}, but {variable} says {value:?}")]
    Disagree {
        /// The variable.
        variable: &'static str,
        /// What the payload says.
        payload: String,
        /// What the variable says.
        value: String,
    },
    /// A branch or tag is gone.
    #[error("{reference:?} was deleted; there is no commit to deploy")]
    Deleted {
        /// The branch or tag.
        reference: String,
    },
    /// A pull request is over.
    #[error("pull request {number} is closed; there is nothing to plan")]
    Closed {
        /// Its number.
        number: u64,
    },
    /// `pull_request_target`.
    #[error("`pull_request_target` gives a fork's files the base's secrets, and is refused")]
    PullRequestTarget,
    /// An event that a later version acts upon.
    #[error("the event `{event}` is not supported by this version")]
    NotYet {
        /// The event.
        event: String,
    },
    /// An event that means nothing here.
    #[error("the event `{event}` says neither what to plan nor what to deploy")]
    Unknown {
        /// The event.
        event: String,
    },
}

impl EventError {
    /// What to do about it, one sentence.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoEvent => "Use `luigi plan` or `luigi deploy`; `luigi run` is for workflows.",
            Self::Payload { .. } | Self::Value { .. } => {
                "Say it yourself: `luigi plan` and `luigi deploy` take --base and --head."
            }
            Self::Disagree { .. } => {
                "Do not set GITHUB_ variables in the workflow; use --base and --head instead."
            }
            Self::Deleted { .. } => "Leave deletions out: `if: ${{ !github.event.deleted }}`.",
            Self::Closed { .. } => "Remove `closed` from the event's `types`.",
            Self::PullRequestTarget => "Use `pull_request`: a plan needs no secret.",
            Self::NotYet { .. } | Self::Unknown { .. } => {
                "Use `pull_request` and `push`, or call `luigi plan` or `luigi deploy` with --base and --head."
            }
        }
    }
}

/// Understands an event. `payload` is the content of the file that
/// `GITHUB_EVENT_PATH` names.
pub fn parse(vars: &Vars, payload: &[u8]) -> Result<Event, EventError> {
    let event = vars.event_name.as_str();
    match event {
        "" => Err(EventError::NoEvent),
        "pull_request" => pull_request(vars, payload::read(event, payload)?),
        "push" => push(vars, payload::read(event, payload)?),
        "pull_request_target" => Err(EventError::PullRequestTarget),
        "merge_group" | "release" | "workflow_dispatch" | "repository_dispatch" | "schedule" => {
            Err(EventError::NotYet { event: event.to_owned() })
        }
        _ => Err(EventError::Unknown { event: event.to_owned() }),
    }
}

fn pull_request(vars: &Vars, payload: PullRequestPayload) -> Result<Event, EventError> {
    let pull = payload.pull_request;
    let number = payload.number;
    if payload.action == "closed" || pull.state == "closed" {
        return Err(EventError::Closed { number });
    }
    let base_branch = branch("pull_request.base.ref", &pull.base.reference)?;
    let otherwise = MergeBase {
        base_branch: base_branch.clone(),
        base_hint: commit("pull_request.base.sha", &pull.base.sha)?,
        head: commit("pull_request.head.sha", &pull.head.sha)?,
    };
    let refs = if vars.reference.is_empty() || vars.sha.is_empty() {
        RefRule::MergeBase(otherwise)
    } else {
        agree("GITHUB_REF", &format!("refs/pull/{number}/merge"), &vars.reference)?;
        RefRule::MergeCommit { merge: commit("GITHUB_SHA", &vars.sha)?, otherwise }
    };
    // The head's repository is null when the fork is gone; then it was one.
    let fork = pull.head.repo.is_none_or(|head| head.id != payload.repository.id);
    let trigger = Trigger::PullRequest { number, base: base_branch };
    Ok(Event { fork, ..event(vars, trigger, Mode::Plan, refs, &payload.repository, &payload.sender)? })
}

fn push(vars: &Vars, payload: PushPayload) -> Result<Event, EventError> {
    if !vars.reference.is_empty() && !payload.deleted {
        agree("GITHUB_REF", &payload.reference, &vars.reference)?;
    }
    if payload.deleted || is_zeros(&payload.after) {
        return Err(EventError::Deleted { reference: payload.reference });
    }
    let after = commit("after", &payload.after)?;
    let before = if is_zeros(&payload.before) { None } else { Some(commit("before", &payload.before)?) };
    let moved = match (before, payload.forced) {
        (None, _) => Push::Created,
        (Some(_), true) => Push::Forced,
        (Some(_), false) => Push::Forward,
    };
    let (trigger, head) = if let Some(name) = payload.reference.strip_prefix("refs/heads/") {
        if !vars.sha.is_empty() {
            agree("GITHUB_SHA", &payload.after, &vars.sha)?;
        }
        (Trigger::Branch { branch: branch("ref", name)? }, after)
    } else if let Some(name) = payload.reference.strip_prefix("refs/tags/") {
        // Of an annotated tag, `after` is the tag's own id.
        let head = match &payload.head_commit {
            Some(head) => commit("head_commit.id", &head.id)?,
            None => after,
        };
        (Trigger::Tag { tag: branch("ref", name)? }, head)
    } else {
        return Err(EventError::Value {
            what: "ref",
            value: payload.reference,
            why: "it is neither a branch nor a tag".to_owned(),
        });
    };
    let refs = RefRule::LedgerBase { head, before, push: moved };
    event(vars, trigger, Mode::Deploy, refs, &payload.repository, &payload.sender)
}

/// What all events have; not from a fork.
fn event(
    vars: &Vars,
    trigger: Trigger,
    mode: Mode,
    refs: RefRule,
    repository: &payload::Repository,
    sender: &payload::Sender,
) -> Result<Event, EventError> {
    if !vars.repository.is_empty() {
        agree("GITHUB_REPOSITORY", &repository.full_name, &vars.repository)?;
    }
    let actor = if vars.actor.is_empty() { sender.login.clone() } else { vars.actor.clone() };
    let default_branch = repository
        .default_branch
        .as_deref()
        .map(|name| branch("repository.default_branch", name))
        .transpose()?;
    Ok(Event {
        trigger,
        mode,
        refs,
        fork: false,
        default_branch,
        repository: repository.full_name.clone(),
        triggering_actor: Some(vars.triggering_actor.clone()).filter(|t| !t.is_empty() && *t != actor),
        actor,
        run: ci_run(vars, &repository.full_name)?,
    })
}

fn ci_run(vars: &Vars, repository: &str) -> Result<CiRun, EventError> {
    let id: u64 = number("GITHUB_RUN_ID", &vars.run_id)?;
    let attempt: u32 =
        if vars.run_attempt.is_empty() { 1 } else { number("GITHUB_RUN_ATTEMPT", &vars.run_attempt)? };
    let server = vars.server_url.trim_end_matches('/');
    let url =
        (!server.is_empty()).then(|| format!("{server}/{repository}/actions/runs/{id}/attempts/{attempt}"));
    Ok(CiRun { id, attempt, url })
}

fn commit(what: &'static str, text: &str) -> Result<CommitId, EventError> {
    CommitId::parse(text).map_err(|why| EventError::Value {
        what,
        value: text.to_owned(),
        why: why.to_string(),
    })
}

fn branch(what: &'static str, text: &str) -> Result<RefName, EventError> {
    RefName::parse(text).map_err(|why| EventError::Value {
        what,
        value: text.to_owned(),
        why: why.to_string(),
    })
}

fn number<N: std::str::FromStr>(what: &'static str, text: &str) -> Result<N, EventError> {
    text.parse().map_err(|_| EventError::Value {
        what,
        value: text.to_owned(),
        why: "it is no number".to_owned(),
    })
}

/// Forty zeros, or sixty-four where objects have SHA-256 ids, are git's way to
/// say "none".
fn is_zeros(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b == b'0')
}

fn agree(variable: &'static str, payload: &str, value: &str) -> Result<(), EventError> {
    if payload == value {
        return Ok(());
    }
    Err(EventError::Disagree { variable, payload: payload.to_owned(), value: value.to_owned() })
}
