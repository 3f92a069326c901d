//! Requests as one identity: sent, tried again within a deadline, told apart.
//!
//! Denials are never tried again; a 401 is, once, with a new token where one can be
//! had. A request whose answer was lost is sent again: callers make only such as
//! may be.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::error::ClusterError;
use super::lease::Fence;
use super::{ANSWER, Server};

/// A bearer token that can be renewed while requests are made with it.
#[derive(Clone)]
pub struct Token {
    now: Arc<RwLock<SecretString>>,
    again: Option<Again>,
}

/// Where a new token comes from, when the server does not believe the old one.
type Source = dyn Fn() -> BoxFuture<'static, Result<SecretString, String>> + Send + Sync;

#[derive(Clone)]
struct Again {
    source: Arc<Source>,
    /// One asks, the others wait for it.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Token {
    /// A token.
    pub fn new(token: SecretString) -> Self {
        Self { now: Arc::new(RwLock::new(token)), again: None }
    }

    /// The same, which asks there for a new one when the server does not believe it
    /// any more.
    #[must_use]
    pub fn renewed_by(
        &self,
        source: impl Fn() -> BoxFuture<'static, Result<SecretString, String>> + Send + Sync + 'static,
    ) -> Self {
        let again = Again { source: Arc::new(source), asking: Arc::default() };
        Self { again: Some(again), ..self.clone() }
    }

    /// The token as it is now, which nobody renews.
    #[must_use]
    pub fn as_it_is(&self) -> Self {
        Self::new(self.read())
    }

    fn read(&self) -> SecretString {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets a new one, unless somebody else did since `used` was sent.
    async fn replace(&self, used: &SecretString) {
        let Some(again) = &self.again else { return };
        let _one = again.asking.lock().await;
        if self.read().expose_secret() == used.expose_secret()
            && let Ok(new) = (again.source)().await
        {
            self.renew(new);
        }
    }

    /// Every request from now on is made with this one.
    pub fn renew(&self, token: SecretString) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Every request from now on is made with what the other holds.
    pub(super) fn take_over(&self, other: &Self) {
        self.renew(other.read());
    }

    fn header(&self) -> Result<HeaderValue, ClusterError> {
        let token = self.read();
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|_| ClusterError::Setup("the token cannot be sent in a header".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// How long a request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// In all.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { total: Duration::from_mins(1) }
    }
}

/// One identity at one server. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    server: Server,
    token: Token,
    patience: Patience,
    /// Nothing is sent once it is closed.
    fence: Option<Arc<Fence>>,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    /// For people: `apply Deployment a/b`.
    pub(super) what: &'a str,
    pub(super) method: Method,
    /// From the server's top, with its query.
    pub(super) path: String,
    pub(super) body: Option<(&'static str, Vec<u8>)>,
    pub(super) accept: &'static str,
}

impl<'a> Ask<'a> {
    pub(super) fn new(what: &'a str, method: Method, path: impl Into<String>) -> Self {
        Self { what, method, path: path.into(), body: None, accept: "application/json" }
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.with("application/json", body)
    }

    pub(super) fn with(self, kind: &'static str, body: &Value) -> Self {
        Self { body: Some((kind, body.to_string().into_bytes())), ..self }
    }
}

/// What an answer's bytes mean.
type Reader<'r, T> = dyn Fn(&[u8]) -> Result<T, String> + Send + Sync + 'r;

/// Why one try failed, and whether another may do better.
enum Failed {
    /// No.
    ForGood(ClusterError),
    /// Perhaps, after this time or of its own choice.
    ForNow(ClusterError, Option<Duration>),
}

impl Server {
    /// Requests as whom the token says.
    pub fn session(&self, token: Token, patience: Patience) -> Session {
        Session { server: self.clone(), token, patience, fence: None }
    }
}

impl Session {
    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The same identity with another deadline.
    #[must_use]
    pub fn with_patience(&self, patience: Patience) -> Self {
        Self { patience, ..self.clone() }
    }

    /// The same identity behind a fence: nothing is sent once the lock is lost, and
    /// no request outlives it.
    #[must_use]
    pub fn behind(&self, fence: Arc<Fence>) -> Self {
        Self { fence: Some(fence), ..self.clone() }
    }

    /// The token it speaks with.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Sends a request until there is an answer, or the time is up.
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Value, ClusterError> {
        self.retried(ask, &|body| {
            serde_json::from_slice(body).map_err(|e| format!("its answer is no JSON: {e}"))
        })
        .await
    }

    /// The same for an answer that is text.
    pub(super) async fn send_text(&self, ask: &Ask<'_>) -> Result<String, ClusterError> {
        self.retried(ask, &|body| Ok(String::from_utf8_lossy(body).into_owned())).await
    }

    async fn retried<T>(&self, ask: &Ask<'_>, read: &Reader<'_, T>) -> Result<T, ClusterError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(100);
        let mut unbelieved = false;
        loop {
            let token = self.token.read();
            let (error, after) = match self.once(ask, self.patience.total.min(ANSWER), read).await {
                Ok(answer) => return Ok(answer),
                // Once is a passing fault of whoever checks tokens, or the token has
                // ended; twice is an answer.
                Err(Failed::ForGood(error @ ClusterError::Unauthorized { .. })) if !unbelieved => {
                    unbelieved = true;
                    self.token.replace(&token).await;
                    (error, None)
                }
                Err(Failed::ForGood(error)) => return Err(error),
                Err(Failed::ForNow(error, after)) => (error, after),
            };
            let wait = after.unwrap_or(pause + jitter(pause));
            if start.elapsed() + wait >= self.patience.total {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn once<T>(&self, ask: &Ask<'_>, limit: Duration, read: &Reader<'_, T>) -> Result<T, Failed> {
        let place = self.server.window().enter().await;
        let left = self.fence.as_ref().map_or(limit, |fence| fence.left());
        if left.is_zero() {
            return Err(Failed::ForGood(ClusterError::Fenced { what: ask.what.to_owned() }));
        }
        let unavailable =
            |e: &reqwest::Error| ClusterError::Unavailable { what: ask.what.to_owned(), message: chain(e) };
        let request =
            self.request(self.server.calls(), ask).map_err(Failed::ForGood)?.timeout(limit.min(left));
        let response = request.send().await.map_err(|e| Failed::ForNow(unavailable(&e), None))?;
        let status = response.status();
        let after = retry_after(&response);
        let body = response.bytes().await.map_err(|e| Failed::ForNow(unavailable(&e), None))?;
        if status == StatusCode::TOO_MANY_REQUESTS {
            place.too_many();
        } else {
            place.answered();
        }
        if status.is_success() {
            return read(&body).map_err(|message| {
                Failed::ForNow(ClusterError::Strange { what: ask.what.to_owned(), message }, None)
            });
        }
        let error = ClusterError::of(ask.what, status.as_u16(), &body);
        Err(match error {
            ClusterError::Unavailable { .. } => Failed::ForNow(error, after),
            _ => Failed::ForGood(error),
        })
    }

    /// A request with its headers.
    pub(super) fn request(
        &self,
        client: &reqwest::Client,
        ask: &Ask<'_>,
    ) -> Result<reqwest::RequestBuilder, ClusterError> {
        let url = format!("{}{}", self.server.url(), ask.path);
        let mut request = client
            .request(ask.method.clone(), url)
            .header(AUTHORIZATION, self.token.header()?)
            .header(ACCEPT, ask.accept);
        if let Some((kind, body)) = &ask.body {
            request = request.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        Ok(request)
    }
}

/// `Retry-After` in seconds, bounded: a server cannot make a run wait for ever.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds.min(30)))
}

/// Up to half of the pause more, so that many clients do not come back at once.
fn jitter(pause: Duration) -> Duration {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    pause / 2 * (nanos % 1000) / 1000
}

/// An error with its causes. The URL is left out: `what` says it.
pub(super) fn chain(error: &reqwest::Error) -> String {
    use std::error::Error as _;
    let mut text = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "timed out".to_owned(),
        (_, true) => "cannot connect".to_owned(),
        _ => "the connection failed".to_owned(),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
