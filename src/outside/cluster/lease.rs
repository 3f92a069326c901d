//! The lock of an environment: a `Lease` in the control namespace, and the fence
//! that stops every write once it is lost.
//!
//! A holder is outlived on the taker's own clock: clocks of two machines are
//! never compared. The epoch is the ledger's intent number: an older one never
//! takes the lock from a newer one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::error::ClusterError;
use super::resources::{Resource, Scope};
use super::session::{Patience, Session};

/// How long a holder may be silent.
pub const LIFE: Duration = Duration::from_secs(30);
/// How often it speaks.
pub const RENEW: Duration = Duration::from_secs(10);
/// How often a lock that another holds is looked at.
const LOOK: Duration = Duration::from_secs(2);
const NAME: &str = "luigi";
const EPOCH: &str = "luigi.dev/epoch";

/// Until when this run may write. Shared by all that write.
#[derive(Debug)]
pub struct Fence {
    until: Mutex<Instant>,
}

impl Fence {
    fn new(until: Instant) -> Self {
        Self { until: Mutex::new(until) }
    }

    /// What is left; nothing once the lock is lost.
    pub fn left(&self) -> Duration {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).saturating_duration_since(Instant::now())
    }

    fn set(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// From now on nothing may be written.
    pub fn close(&self) {
        self.set(Instant::now());
    }
}

/// The lock, held.
pub struct Locked {
    session: Session,
    namespace: String,
    holder: String,
    epoch: u64,
    /// Until when writes are allowed.
    pub fence: Arc<Fence>,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another run holds it, and goes on holding it.
    #[error("{environment} is locked by {holder}")]
    Held {
        /// The control namespace.
        environment: String,
        /// Who.
        holder: String,
    },
    /// A newer run has had it.
    #[error("{environment} was last locked by intent {newer}, which is newer than {ours}")]
    Newer {
        /// The control namespace.
        environment: String,
        /// Its number.
        newer: u64,
        /// This run's.
        ours: u64,
    },
    /// The server said no.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

fn leases() -> Resource {
    Resource {
        group: "coordination.k8s.io".to_owned(),
        version: "v1".to_owned(),
        kind: "Lease".to_owned(),
        plural: "leases".to_owned(),
        scope: Scope::Namespaced,
        has_status: false,
        verbs: Vec::new(),
    }
}

/// What a Lease says.
struct Seen {
    holder: String,
    epoch: u64,
    version: String,
    life: Duration,
    transitions: u64,
}

fn seen(json: &Value) -> Seen {
    let text = |at: &str| json.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
    let number = |at: &str| json.pointer(at).and_then(Value::as_u64);
    let epoch = json.get("metadata").and_then(|m| m.get("annotations")).and_then(|a| a.get(EPOCH));
    Seen {
        holder: text("/spec/holderIdentity"),
        epoch: epoch.and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(0),
        version: text("/metadata/resourceVersion"),
        life: number("/spec/leaseDurationSeconds").map_or(LIFE, Duration::from_secs),
        transitions: number("/spec/leaseTransitions").unwrap_or(0),
    }
}

impl Session {
    /// Takes the lock of a control namespace. A holder that was silent for as
    /// long as it promised to speak, seen from here, is outlived; one that speaks
    /// is waited for as long as `wait`. `dead` is a holder that is known to be dead.
    pub async fn lock(
        &self,
        namespace: &str,
        holder: &str,
        epoch: u64,
        (wait, dead): (Duration, Option<&str>),
    ) -> Result<Locked, LeaseError> {
        let start = Instant::now();
        let mut silent_since: Option<(String, Instant)> = None;
        loop {
            let now = self.get(&leases(), namespace, NAME).await?;
            let before = now.as_ref().map(seen);
            let since = Instant::now();
            match &before {
                Some(seen) if seen.epoch > epoch => {
                    let environment = namespace.to_owned();
                    return Err(LeaseError::Newer { environment, newer: seen.epoch, ours: epoch });
                }
                Some(seen)
                    if !seen.holder.is_empty() && seen.holder != holder && dead != Some(&seen.holder) =>
                {
                    let silent = silent_since.as_ref().filter(|(version, _)| *version == seen.version);
                    let silent = silent.map(|(_, since)| since.elapsed());
                    if silent.is_none() {
                        silent_since = Some((seen.version.clone(), since));
                    }
                    if silent.is_none_or(|silent| silent < seen.life) {
                        // One that has been silent is worth waiting for: it may be dead.
                        if start.elapsed() >= wait + LIFE || (start.elapsed() >= wait && silent.is_none()) {
                            let environment = namespace.to_owned();
                            return Err(LeaseError::Held { environment, holder: seen.holder.clone() });
                        }
                        tokio::time::sleep(LOOK).await;
                        continue;
                    }
                }
                Some(_) | None => {}
            }
            let object = lease(namespace, holder, epoch, before.as_ref());
            // From before the request: the server's clock starts no earlier.
            let asked = Instant::now();
            let written = match &before {
                None => self.create(&leases(), namespace, &object).await,
                Some(_) => self.replace(&leases(), (namespace, NAME), &object).await,
            };
            match written {
                Ok(_) => {
                    let fence = Arc::new(Fence::new(asked + LIFE));
                    let (namespace, holder) = (namespace.to_owned(), holder.to_owned());
                    return Ok(Locked { session: self.clone(), namespace, holder, epoch, fence });
                }
                // Another was faster, or an earlier try of this call was: look again.
                Err(ClusterError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Locked {
    /// Speaks until it is dropped or lost. Returns when it is lost, with why.
    pub async fn keep(&self) -> String {
        loop {
            tokio::time::sleep(RENEW).await;
            if let Err(why) = self.renew().await {
                self.fence.close();
                return why;
            }
        }
    }

    async fn renew(&self) -> Result<(), String> {
        let mut last = "no answer".to_owned();
        while !self.fence.left().is_zero() {
            let patience = Patience { total: self.fence.left().min(Duration::from_secs(5)) };
            let session = self.session.with_patience(patience);
            let asked = Instant::now();
            match session.get(&leases(), &self.namespace, NAME).await {
                Ok(Some(json)) => {
                    let now = seen(&json);
                    if now.holder != self.holder || now.epoch != self.epoch {
                        return Err(format!("{} has taken the lock", now.holder));
                    }
                    let object = lease(&self.namespace, &self.holder, self.epoch, Some(&now));
                    match session.replace(&leases(), (&self.namespace, NAME), &object).await {
                        Ok(_) => {
                            self.fence.set(asked + LIFE);
                            return Ok(());
                        }
                        Err(error) => last = error.to_string(),
                    }
                }
                Ok(None) => return Err("the lock is gone".to_owned()),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Err(format!("the lock could not be renewed in time: {last}"))
    }

    /// Gives the lock back. It stays as who had it last, with the epoch.
    pub async fn release(self) -> Result<(), ClusterError> {
        self.fence.close();
        let Some(json) = self.session.get(&leases(), &self.namespace, NAME).await? else { return Ok(()) };
        let now = seen(&json);
        if now.holder != self.holder {
            return Ok(());
        }
        let object = lease(&self.namespace, "", self.epoch, Some(&now));
        match self.session.replace(&leases(), (&self.namespace, NAME), &object).await {
            // Somebody else has it, so it is not ours to give.
            Ok(_) | Err(ClusterError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn lease(namespace: &str, holder: &str, epoch: u64, before: Option<&Seen>) -> Value {
    let now = micro_time(SystemTime::now());
    let transitions = match before {
        Some(seen) if seen.holder != holder && !holder.is_empty() => seen.transitions + 1,
        Some(seen) => seen.transitions,
        None => 0,
    };
    let mut object = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": NAME, "namespace": namespace, "annotations": {EPOCH: epoch.to_string()}},
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": LIFE.as_secs(),
            "renewTime": now, "leaseTransitions": transitions,
        },
    });
    if let Some(seen) = before {
        object["metadata"]["resourceVersion"] = json!(seen.version);
    }
    object
}

/// `MicroTime`: RFC 3339 with six decimals.
fn micro_time(time: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_written_as_the_server_reads_it() {
        let object = lease("luigi-prod", "run-1/1", 7, None);
        let read = seen(&object);
        assert_eq!((read.holder.as_str(), read.epoch, read.life), ("run-1/1", 7, LIFE));
        assert_eq!(micro_time(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00.000000Z");
        let taken = lease("luigi-prod", "run-2/1", 8, Some(&read));
        assert_eq!(taken["spec"]["leaseTransitions"], json!(1));
        assert_eq!(lease("luigi-prod", "", 8, Some(&seen(&taken)))["spec"]["leaseTransitions"], json!(1));
    }

    #[test]
    fn a_closed_fence_leaves_nothing() {
        let fence = Fence::new(Instant::now() + LIFE);
        assert!(fence.left() > LIFE / 2);
        fence.close();
        assert_eq!(fence.left(), Duration::ZERO);
    }
}
