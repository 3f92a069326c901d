//! Token issuers: the job's own token, an issuer's keys, and whether the one was
//! signed by the other.
//!
//! Decides nothing: what makes a token good is in `identity`. Prints nothing and
//! masks nothing: the caller is handed each token before anything else can use it.

mod fetch;
mod job;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

pub use fetch::{FetchError, Reach, Web};
pub use job::{JobTokens, REQUEST_TOKEN, REQUEST_URL};

use crate::config::identity::{Identity, Issuer};
use crate::identity::{
    self, Claims, KeySet, KeySetError, MOST_KEY_SET_BYTES, Refusal, Secret, strict_object,
};
use crate::name::IssuerUrl;

/// The most bytes of an issuer's metadata.
const MOST_METADATA: usize = 64 << 10;

/// Why nobody is known. Lower-case fragments; [`IssuerError::help`] is the way out.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The job may not ask for tokens.
    #[error("this job can ask for no identity token: {0} is not set")]
    NoRequest(&'static str),
    /// Something could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What came is not what it should be.
    #[error("{what} cannot be read: {why}")]
    Answer {
        /// What was fetched.
        what: String,
        /// Why not.
        why: String,
    },
    /// An issuer's metadata name another issuer.
    #[error("the metadata of {want} are of the issuer {found:?}")]
    OtherIssuer {
        /// Whose they should be.
        want: IssuerUrl,
        /// Whose they are.
        found: String,
    },
    /// An issuer's keys are on another host.
    #[error("the issuer {issuer} has its keys at {found:?}, which is not on its host")]
    KeysElsewhere {
        /// Whose keys.
        issuer: IssuerUrl,
        /// Where they are said to be.
        found: String,
    },
    /// An issuer's keys are no key set.
    #[error("the keys of {issuer}: {why}")]
    Keys {
        /// Whose keys.
        issuer: IssuerUrl,
        /// Why not.
        why: KeySetError,
    },
    /// The token is not believed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl IssuerError {
    /// What to do about it, one sentence.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoRequest(_) => {
                "Give the job `permissions: id-token: write`; pull requests from forks never have it."
            }
            Self::Fetch(error) => error.help(),
            Self::Answer { .. } | Self::Keys { .. } => {
                "Look at what the issuer serves; something between may have answered for it."
            }
            Self::OtherIssuer { .. } => "Write the issuer in luigi.yaml exactly as its metadata have it.",
            Self::KeysElsewhere { .. } => "Such an issuer is not taken: whoever holds that host could sign.",
            Self::Refused(_) => "Nothing was sent anywhere; look at the job's permissions and luigi.yaml.",
        }
    }
}

/// Issuers and their keys, fetched once and again when a token names a newer key.
#[derive(Debug)]
pub struct Issuers {
    web: Web,
    keys: Mutex<BTreeMap<IssuerUrl, Arc<KeySet>>>,
}

impl Issuers {
    /// No keys are fetched yet.
    pub fn new(web: Web) -> Self {
        Self { web, keys: Mutex::new(BTreeMap::new()) }
    }

    /// The claims of a token from one of the environment's issuers, for that
    /// audience alone. `now` is in seconds since 1970.
    pub async fn verify(
        &self,
        token: &Secret,
        identity: &Identity,
        audience: &str,
        now: u64,
        within: Duration,
    ) -> Result<Claims, IssuerError> {
        let issuer = identity::issuer_of(token, identity)?;
        self.verify_from(token, issuer, audience, now, within).await
    }

    /// The claims of a token that must be from that issuer.
    pub async fn verify_from(
        &self,
        token: &Secret,
        issuer: &Issuer,
        audience: &str,
        now: u64,
        within: Duration,
    ) -> Result<Claims, IssuerError> {
        let known = self.held().get(&issuer.url).cloned();
        if let Some(keys) = known {
            match identity::verify(token, &keys, issuer, audience, now) {
                // The issuer may have a new key since.
                Err(Refusal::KidUnknown { .. }) => {}
                verdict => return Ok(verdict?),
            }
        }
        let keys = self.fetch(&issuer.url, within).await?;
        Ok(identity::verify(token, &keys, issuer, audience, now)?)
    }

    /// An issuer's keys as they are now: by its metadata, from its own host.
    pub async fn fetch(&self, issuer: &IssuerUrl, within: Duration) -> Result<Arc<KeySet>, IssuerError> {
        let deadline = tokio::time::Instant::now() + within;
        let what = format!("the metadata of {issuer}");
        let bytes = self.web.get(&issuer.metadata(), &what, None, MOST_METADATA, deadline).await?;
        let unreadable = |why: String| IssuerError::Answer { what: what.clone(), why };
        let metadata = strict_object(&bytes).map_err(unreadable)?;
        let text = |name: &str| match metadata.get(name).and_then(Value::as_str) {
            Some(text) => Ok(text),
            None => Err(unreadable(format!("`{name}` is missing or no text"))),
        };
        let found = text("issuer")?;
        if found != issuer.as_str() {
            let found = found.chars().take(120).collect();
            return Err(IssuerError::OtherIssuer { want: issuer.clone(), found });
        }
        let keys_at = text("jwks_uri")?;
        if !is_on_host_of(keys_at, issuer) {
            let found = keys_at.chars().take(120).collect();
            return Err(IssuerError::KeysElsewhere { issuer: issuer.clone(), found });
        }
        let what = format!("the keys of {issuer}");
        let bytes = self.web.get(keys_at, &what, None, MOST_KEY_SET_BYTES, deadline).await?;
        let keys = KeySet::parse(&bytes)
            .map_err(|why| IssuerError::Keys { issuer: issuer.clone(), why })
            .map(Arc::new)?;
        self.held().insert(issuer.clone(), Arc::clone(&keys));
        Ok(keys)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<IssuerUrl, Arc<KeySet>>> {
        // What is held is replaced whole: there is nothing half done to fear.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a URL has the issuer's scheme, host and port, and no user.
fn is_on_host_of(url: &str, issuer: &IssuerUrl) -> bool {
    let (Ok(url), Ok(own)) = (reqwest::Url::parse(url), reqwest::Url::parse(issuer.as_str())) else {
        return false;
    };
    url.origin() == own.origin()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
}
