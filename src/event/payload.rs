//! The parts of a payload that are read, as GitHub documents them ("Webhook
//! events and payloads"). Everything else in a payload is left alone.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::EventError;

#[derive(Debug, Deserialize)]
pub(super) struct PullRequestPayload {
    pub(super) action: String,
    pub(super) number: u64,
    pub(super) pull_request: PullRequest,
    pub(super) repository: Repository,
    pub(super) sender: Sender,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequest {
    pub(super) state: String,
    pub(super) base: End,
    pub(super) head: End,
}

/// One end of a pull request.
#[derive(Debug, Deserialize)]
pub(super) struct End {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) sha: String,
    /// `null` when the repository is gone.
    pub(super) repo: Option<RepositoryId>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RepositoryId {
    pub(super) id: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct PushPayload {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) deleted: bool,
    pub(super) forced: bool,
    pub(super) head_commit: Option<HeadCommit>,
    pub(super) repository: Repository,
    pub(super) sender: Sender,
}

#[derive(Debug, Deserialize)]
pub(super) struct HeadCommit {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) full_name: String,
    pub(super) default_branch: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sender {
    pub(super) login: String,
}

pub(super) fn read<T: DeserializeOwned>(event: &str, payload: &[u8]) -> Result<T, EventError> {
    serde_json::from_slice(payload)
        .map_err(|why| EventError::Payload { event: event.to_owned(), why: why.to_string() })
}
