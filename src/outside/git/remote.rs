//! The other repository: behind HTTP, or a directory on this machine.
//!
//! Says what is there and brings objects over. Moves refs nowhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::Cache;
use super::http::{Http, Service};
use super::store::Store;
use super::{GitError, Repo, copy, object_id, smart};
use crate::name::{CommitId, ObjectId};
use smart::{Boundary, Request};

/// A repository that this one fetches from and pushes to.
#[derive(Clone)]
pub struct Remote {
    name: String,
    pub(super) place: Place,
}

#[derive(Clone)]
pub(super) enum Place {
    Http(Arc<Http>),
    Local(Repo),
}

impl Remote {
    /// Its name in the repository's configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is, without user and password.
    pub fn shown(&self) -> String {
        match &self.place {
            Place::Http(http) => http.shown(),
            Place::Local(repo) => repo.git_dir().display().to_string(),
        }
    }

    pub(super) fn failed(&self, what: &str, why: impl Into<String>) -> GitError {
        GitError::Remote { what: what.to_owned(), remote: self.shown(), why: why.into() }
    }

    /// The tip of a branch there; `None` when it has no such branch.
    pub fn tip(&self, branch: &str) -> Result<Option<CommitId>, GitError> {
        let name = format!("refs/heads/{branch}");
        let tip = match &self.place {
            Place::Http(http) => smart::tip(http, &name).map_err(|why| self.failed("read", why))?,
            Place::Local(repo) => repo.reference(&name)?,
        };
        Ok(tip.map(CommitId))
    }

    /// Whether pushes are let in at all. What a hook or a rule says of one branch
    /// shows only in the push.
    pub fn lets_push(&self) -> Result<(), GitError> {
        match &self.place {
            Place::Http(http) => http.greeting(Service::ReceivePack, None).map(|_| ()),
            // Made without a name where the file system can; gone at once.
            Place::Local(repo) => tempfile::tempfile_in(repo.common_dir()?.join("objects"))
                .map(|_| ())
                .map_err(|e| e.to_string()),
        }
        .map_err(|why| self.failed("push to", why))
    }

    pub(super) fn fetch(&self, into: &Repo, request: &Request) -> Result<Boundary, GitError> {
        let what = "fetch from";
        match &self.place {
            Place::Http(http) => smart::fetch(http, request, |pack| {
                into.with(|repo| copy::unpack(repo, pack)).and_then(|done| done).map_err(|e| e.to_string())
            })
            .map_err(|why| self.failed(what, why)),
            Place::Local(from) => {
                for want in &request.wants {
                    if !from.has_commit(CommitId(*want))? {
                        return Err(self.failed(what, format!("it has no commit {want}")));
                    }
                }
                let to_ends = request.shallow.iter().copied().collect();
                copy::copy(
                    &from.store,
                    &into.store,
                    &request.wants,
                    request.depth,
                    &to_ends,
                    &from.boundary()?,
                )
            }
        }
    }
}

impl Repo {
    /// The remote that fetches and pushes go to; `None` when there is none.
    pub fn remote(&self) -> Result<Option<Remote>, GitError> {
        let Some(name) = self.remote_name()? else { return Ok(None) };
        let Some(url) = self.remote_url(&name)? else { return Ok(None) };
        self.remote_at(name, &url).map(Some)
    }

    /// The repository behind a URL, asked with the headers that this one's
    /// configuration has for it.
    pub fn remote_at(&self, name: String, url: &str) -> Result<Remote, GitError> {
        let wrong = |why: String| GitError::RemoteUnusable { remote: name.clone(), why };
        let place = if url.starts_with("https://") || url.starts_with("http://") {
            let headers = self.with(|repo| {
                let config =
                    repo.config().map_err(|e| GitError::failed("read the configuration", &e.message()));
                Ok::<_, GitError>(super::http::extra_headers(&config?, url))
            })??;
            Place::Http(Arc::new(Http::new(url, &headers).map_err(wrong)?))
        } else if let Some(path) = self.local_path(url) {
            let store = Store::new(local_git_dir(&path).map_err(wrong)?, Cache::none());
            Place::Local(Self { store: Arc::new(store), work_dir: None })
        } else {
            return Err(wrong(
                "only https://, http://, file:// and paths can be fetched from; give it an https:// URL with `git remote set-url`, or one for this program alone with `url.<base>.insteadOf`"
                    .into(),
            ));
        };
        Ok(Remote { name, place })
    }

    /// A remote's URL as a path; `None` for `ssh://` and `user@host:path`.
    fn local_path(&self, url: &str) -> Option<PathBuf> {
        if let Some(path) = url.strip_prefix("file://") {
            return Some(PathBuf::from(path));
        }
        let colon = url.find(':').is_some_and(|colon| !url[..colon].contains('/'));
        // A relative path counts from the working tree's top, as for git.
        let here = self.work_dir().unwrap_or(self.git_dir());
        (!colon).then(|| here.join(url))
    }

    pub(super) fn reference(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        self.with(|repo| match repo.find_reference(name).and_then(|r| r.resolve()) {
            Ok(found) => Ok(found.target().map(object_id)),
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(e) => Err(GitError::failed(&format!("read {name}"), &e.message())),
        })?
    }
}

fn local_git_dir(path: &Path) -> Result<PathBuf, String> {
    let inner = path.join(".git");
    let candidates = [inner, path.to_path_buf(), path.with_added_extension("git")];
    let found = candidates.into_iter().find(|dir| git2::Repository::open_bare(dir).is_ok());
    found.ok_or_else(|| format!("{} is no git repository", path.display()))
}
