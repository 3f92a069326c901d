//! Who runs, as their token says, and where the run's own tokens come from.
//!
//! A token is asked for just before it is used, masked before anybody sees it, and
//! kept nowhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;

use super::error::RunError;
use crate::config::EnvironmentConfig;
use crate::identity::{Principal, Secret, check_deploy, principal};
use crate::outside::issuer::{Issuers, JobTokens, REQUEST_TOKEN, REQUEST_URL, Reach, Web};

/// How long an issuer is asked.
const PATIENCE: Duration = Duration::from_secs(30);
/// The audience of a token that is for Luigi itself.
pub const AUDIENCE: &str = "luigi";

/// What the runner has to do with a token before it is used.
pub type Mask = Arc<dyn Fn(&str) + Send + Sync>;

/// Where the run's own tokens come from.
#[derive(Clone)]
pub enum TokenSource {
    /// A file, read anew each time.
    File(PathBuf),
    /// The CI job, asked for a new one each time.
    Job {
        /// Where to ask.
        tokens: Arc<JobTokens>,
        /// What is done with each first.
        mask: Mask,
    },
}

impl TokenSource {
    /// What this process may ask: a file that it was given, or the job's issuer.
    /// `None` where there is neither.
    pub fn of(file: Option<&PathBuf>, mask: Mask) -> Result<Option<Self>, RunError> {
        if let Some(file) = file {
            return Ok(Some(Self::File(file.clone())));
        }
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(url), Some(right)) = (set(REQUEST_URL), set(REQUEST_TOKEN)) else { return Ok(None) };
        let words = |e: &dyn std::fmt::Display| RunError::Usage(e.to_string());
        let web = Web::new(Reach::Https).map_err(|e| words(&e))?;
        let tokens = JobTokens::new(web, &url, Secret::new(right)).map_err(|e| words(&e))?;
        Ok(Some(Self::Job { tokens: Arc::new(tokens), mask }))
    }

    /// A new token for that audience.
    pub fn token(&self, audience: &str) -> Result<SecretString, String> {
        match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
                match text.trim() {
                    "" => Err(format!("{} is empty", path.display())),
                    text => Ok(SecretString::from(text)),
                }
            }
            Self::Job { .. } if audience.is_empty() => {
                Err("luigi.yaml names no `credentials.kubernetes.audience`".to_owned())
            }
            Self::Job { tokens, mask } => {
                let mask = |token: &Secret| mask(token.expose());
                apart(tokens.fetch(audience, PATIENCE, mask))?
                    .map(Secret::into_inner)
                    .map_err(|e| format!("{e}. {}", e.help()))
            }
        }
    }
}

/// Runs something asynchronous to its end in a thread of its own, whoever asks.
fn apart<T: Send>(work: impl Future<Output = T> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(work)).map_err(|e| format!("no thread: {e}"))
        });
        thread.join().unwrap_or_else(|_| Err("the thread that asked has ended".to_owned()))
    })
}

/// Who runs, as far as the environment wants to know: `None` where it names no
/// identity. A token that is not believed ends the run before anything else.
pub fn principal_of(
    config: &EnvironmentConfig,
    source: Option<&TokenSource>,
    user: &str,
) -> Result<Option<Principal>, RunError> {
    let Some(identity) = &config.identity else { return Ok(None) };
    let audience = config.credentials.audience.as_deref().unwrap_or(AUDIENCE);
    let Some(source) = source else { return Ok(Some(Principal::terminal(user))) };
    let refused = |why: String| RunError::Denied(format!("nobody is known to run this: {why}"));
    let token = source.token(audience).map_err(refused)?;
    let secret = Secret::new(secrecy::ExposeSecret::expose_secret(&token).to_owned());
    let web = Web::new(Reach::Https).map_err(|e| refused(e.to_string()))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let issuers = Issuers::new(web);
    let claims = apart(issuers.verify(&secret, identity, audience, now, PATIENCE))
        .map_err(refused)?
        .map_err(|e| refused(format!("{e}. {}", e.help())))?;
    let who = principal(&claims, identity).map_err(|e| refused(e.to_string()))?;
    check_deploy(claims.provider(), &who.facts).map_err(|e| refused(e.to_string()))?;
    Ok(Some(who))
}
