//! One GET, bounded in size and time, that follows no redirect.
//!
//! Speaks HTTPS, and plain HTTP to the loopback where a test says so. Never shows a
//! header or a query.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use secrecy::zeroize::Zeroizing;
use tokio::time::Instant;

use crate::identity::Secret;
use crate::name::IssuerUrl;

const CONNECT: Duration = Duration::from_secs(10);
/// For one answer; the deadline is for all tries.
const ANSWER: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Where requests may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// HTTPS, by the certificates that this machine trusts.
    Https,
    /// HTTPS, by those and these as PEM: a server of one's own.
    HttpsWith(Vec<u8>),
    /// As `Https`, and HTTP to the loopback. For tests.
    Loopback,
}

/// What sends requests.
#[derive(Debug, Clone)]
pub struct Web {
    client: Client,
    loopback: bool,
}

/// Why nothing was fetched. `what` says for people what it was.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is not one that is asked.
    #[error("{what} is not at an https address")]
    Address {
        /// What was to be fetched.
        what: String,
    },
    /// The server sends elsewhere.
    #[error("{what} is moved elsewhere ({status}), and no redirect is followed")]
    Redirect {
        /// What was to be fetched.
        what: String,
        /// The answer.
        status: StatusCode,
    },
    /// The server refuses.
    #[error("{what} is refused: the server answered {status}")]
    Status {
        /// What was to be fetched.
        what: String,
        /// The answer.
        status: StatusCode,
    },
    /// The answer is too long.
    #[error("{what} has more than {most} bytes")]
    TooLarge {
        /// What was to be fetched.
        what: String,
        /// The most.
        most: usize,
    },
    /// No answer came in time.
    #[error("{what} could not be had in {tries} tries: {why}")]
    Late {
        /// What was to be fetched.
        what: String,
        /// How often it was tried.
        tries: u32,
        /// What went wrong last.
        why: String,
    },
    /// There is no client.
    #[error("no HTTPS client: {0}")]
    Client(String),
}

impl FetchError {
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Address { .. } => "Only https is asked.",
            Self::Redirect { .. } => "Write the address that it is at now.",
            Self::Status { .. } => "Look at what the server says; it is refused there, not here.",
            Self::TooLarge { .. } => "Something else than an issuer answers at that address.",
            Self::Late { .. } => "Run the job again; look at the runner's network and proxy.",
            Self::Client(_) => "Look at the certificates that were given.",
        }
    }
}

/// Why one try failed.
enum Failure {
    /// Trying again cannot help.
    Final(FetchError),
    /// It may, after a pause that the server may have named.
    Again { why: String, pause: Option<Duration> },
}

impl Web {
    /// What sends requests there.
    pub fn new(reach: Reach) -> Result<Self, FetchError> {
        // Fails only when one is installed already, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fault = |error: reqwest::Error| FetchError::Client(chain(&error));
        let mut client = Client::builder()
            .user_agent(concat!("luigi/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(ANSWER);
        let loopback = match reach {
            Reach::Https => false,
            Reach::HttpsWith(pem) => {
                let more = reqwest::Certificate::from_pem_bundle(&pem).map_err(fault)?;
                client = client.tls_certs_merge(more);
                false
            }
            Reach::Loopback => {
                client = client.no_proxy();
                true
            }
        };
        Ok(Self { client: client.build().map_err(fault)?, loopback })
    }

    /// The body at an address. What may pass (no answer, 429, 5xx) is tried again
    /// until the deadline.
    pub(super) async fn get(
        &self,
        url: &str,
        what: &str,
        bearer: Option<&Secret>,
        most: usize,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, FetchError> {
        let url = self.address(url, what)?;
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            tries += 1;
            let once = self.once(url.clone(), what, bearer, most);
            let (why, named) = match tokio::time::timeout_at(deadline, once).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(Failure::Final(error))) => return Err(error),
                Ok(Err(Failure::Again { why, pause })) => (why, pause),
                Err(_) => ("the time is up".to_owned(), None),
            };
            let next = Instant::now() + named.unwrap_or(pause);
            if next >= deadline {
                return Err(FetchError::Late { what: what.to_owned(), tries, why });
            }
            tokio::time::sleep_until(next).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn address(&self, url: &str, what: &str) -> Result<Url, FetchError> {
        let bad = || FetchError::Address { what: what.to_owned() };
        let parsed = Url::parse(url).map_err(|_| bad())?;
        let plain =
            self.loopback && IssuerUrl::parse_loopback(&parsed.origin().ascii_serialization()).is_ok();
        let clean = parsed.username().is_empty() && parsed.password().is_none();
        if clean && (parsed.scheme() == "https" || plain) { Ok(parsed) } else { Err(bad()) }
    }

    async fn once(
        &self,
        url: Url,
        what: &str,
        bearer: Option<&Secret>,
        most: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let last = |error| Failure::Final(error);
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        if let Some(bearer) = bearer {
            let text = Zeroizing::new(format!("Bearer {}", bearer.expose()));
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_| last(FetchError::Client("a token that no header can hold".to_owned())))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let again = |error: reqwest::Error| Failure::Again { why: chain(&error.without_url()), pause: None };
        let mut response = self.client.get(url).headers(headers).send().await.map_err(again)?;
        let status = response.status();
        let what = || what.to_owned();
        if status.is_redirection() {
            return Err(last(FetchError::Redirect { what: what(), status }));
        }
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let why = format!("the server answered {status}");
            return Err(Failure::Again { why, pause: retry_after(&response) });
        }
        if status != StatusCode::OK {
            return Err(last(FetchError::Status { what: what(), status }));
        }
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(again)? {
            if body.len() + chunk.len() > most {
                return Err(last(FetchError::TooLarge { what: what(), most }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Seconds; a date is not looked at, there being no clock for it here.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_secs)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
