//! One Kubernetes API server: requests, retries, watches.
//!
//! Decides nothing about objects, order or health. Every request is made as
//! somebody: a [`Session`] is one identity, and all sessions share connections.

mod access;
mod error;
mod grant;
mod inventory;
mod lease;
mod objects;
mod resources;
mod session;
mod told;
mod watch;
mod window;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use access::{Access, Refusal, Verb};
pub use error::ClusterError;
pub use grant::{Asked, Grant, GrantError, Revocation};
pub use inventory::Kept;
pub use lease::{Fence, LeaseError, Locked};
pub use objects::{Applied, DryRun, MANAGER, Ownership, Precondition, Propagation};
pub use resources::{Resource, Resources, Scope};
pub use session::{Patience, Session, Token};
pub use watch::{Seen, Watch};

use window::Window;

const CONNECT: Duration = Duration::from_secs(10);
/// For one answer that is no watch.
const ANSWER: Duration = Duration::from_secs(30);
/// Watches on one connection: an API server takes 100 streams or more on each.
const WATCHES_PER_CONNECTION: usize = 80;

/// An API server. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    /// Without a trailing slash.
    base: String,
    certificates: Option<Vec<u8>>,
    calls: reqwest::Client,
    /// Connections for watches, with how many watches each has had.
    watches: Mutex<Vec<(reqwest::Client, Arc<()>)>>,
    window: Window,
}

impl Server {
    /// A server at that URL. `certificates` are PEM: the only authorities
    /// believed; without them the system's are.
    pub fn new(url: &str, certificates: Option<&[u8]>) -> Result<Self, ClusterError> {
        let base = url.trim_end_matches('/').to_owned();
        let parsed = reqwest::Url::parse(&base).map_err(|e| ClusterError::Setup(format!("{base}: {e}")))?;
        let loopback = parsed.host_str().is_some_and(|host| host == "127.0.0.1" || host == "localhost");
        if parsed.scheme() != "https" && !(parsed.scheme() == "http" && loopback) {
            return Err(ClusterError::Setup(format!("{base}: an API server is asked over https only")));
        }
        let calls = client(certificates)?;
        let inner = Inner {
            base,
            certificates: certificates.map(<[u8]>::to_vec),
            calls,
            watches: Mutex::default(),
            window: Window::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.inner.base
    }

    fn calls(&self) -> &reqwest::Client {
        &self.inner.calls
    }

    fn window(&self) -> &Window {
        &self.inner.window
    }

    /// A connection with room for one more watch, and what stands for the watch:
    /// its place is free when that is dropped.
    fn watch_client(&self) -> Result<(reqwest::Client, Arc<()>), ClusterError> {
        let mut all = self.inner.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let room =
            |(_, places): &&(reqwest::Client, Arc<()>)| Arc::strong_count(places) <= WATCHES_PER_CONNECTION;
        if let Some((client, places)) = all.iter().find(room) {
            return Ok((client.clone(), Arc::clone(places)));
        }
        let new = client(self.inner.certificates.as_deref())?;
        let places = Arc::new(());
        all.push((new.clone(), Arc::clone(&places)));
        Ok((new, places))
    }
}

fn client(certificates: Option<&[u8]>) -> Result<reqwest::Client, ClusterError> {
    let setup = |e: &dyn std::fmt::Display| ClusterError::Setup(format!("TLS: {e}"));
    crate::outside::tls::install();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("luigi/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = certificates {
        let all = reqwest::Certificate::from_pem_bundle(pem).map_err(|e| setup(&e))?;
        if all.is_empty() {
            return Err(ClusterError::Setup("certificateAuthority holds no certificate".to_owned()));
        }
        builder = builder.tls_certs_only(all);
    }
    builder.build().map_err(|e| setup(&e))
}
