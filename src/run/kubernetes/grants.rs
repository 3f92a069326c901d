//! One credential per app: asked for together, renewed in time, revoked together,
//! and proved dead or said to be pending.
//!
//! Writes no token anywhere. Names of Secrets are all that outlives the run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use futures_util::stream::{self, StreamExt as _};

use super::setup::{Cluster, account};
use crate::name::{AppId, Digest};
use crate::outside::cluster::{Asked, Grant, Patience, Revocation, Session};
use crate::plan::Target;
use crate::record::CredentialRecord;

/// Grants asked for at once.
const AT_ONCE: usize = 16;
/// How long a server may take to notice a revocation, in a run that ends well.
pub const PROOF: Duration = Duration::from_secs(20);

/// The credentials of one run.
pub struct Grants {
    control: Session,
    of: BTreeMap<AppId, Grant>,
    /// For apps without one of their own.
    own: Option<Session>,
    asked_at: Instant,
}

/// Apps that got none, with why.
pub type NotGranted = BTreeMap<AppId, String>;

impl Grants {
    /// Asks for all of them. Those that got none are named; the others stand.
    pub async fn ask(
        cluster: &Cluster,
        control: &Session,
        run: &str,
        apps: &BTreeMap<AppId, Target>,
    ) -> (Self, NotGranted) {
        let mut this =
            Self { control: control.clone(), of: BTreeMap::new(), own: None, asked_at: Instant::now() };
        let Some(life) = cluster.life() else {
            this.own = Some(control.clone());
            return (this, NotGranted::new());
        };
        let asked: Vec<(AppId, Asked)> =
            apps.iter().map(|(app, target)| (app.clone(), asked(cluster, run, app, target, life))).collect();
        let answers: Vec<(AppId, Result<Grant, String>)> = stream::iter(asked)
            .map(|(app, asked)| async move {
                let grant = control.grant(asked, SystemTime::now()).await;
                (app, grant.map_err(|e| e.to_string()))
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut failed = NotGranted::new();
        for (app, answer) in answers {
            match answer {
                Ok(grant) => drop(this.of.insert(app, grant)),
                Err(why) => drop(failed.insert(app, why)),
            }
        }
        (this, failed)
    }

    /// The app's own identity; `None` where it got none.
    pub fn session(&self, cluster: &Cluster, app: &AppId) -> Option<Session> {
        match (&self.own, self.of.get(app)) {
            (Some(own), _) => Some(own.clone()),
            (None, Some(grant)) => Some(cluster.server.session(grant.token.clone(), Patience::default())),
            (None, None) => None,
        }
    }

    /// When the next renewal is due: at two thirds of the shortest life.
    pub fn renew_in(&self) -> Option<Duration> {
        let life = self.of.values().map(|grant| grant.asked.life).min()?;
        Some((life * 2 / 3).saturating_sub(self.asked_at.elapsed()))
    }

    /// Gets a new token for every grant, bound to the same Secret. One that fails
    /// keeps its old token: the server says when that is not enough.
    pub async fn renew(&mut self) {
        self.asked_at = Instant::now();
        let control = &self.control;
        let renewed: Vec<(AppId, Option<Grant>)> = stream::iter(self.of.clone())
            .map(|(app, grant)| async move { (app, control.regrant(&grant, SystemTime::now()).await.ok()) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (app, grant) in renewed {
            if let (Some(new), Some(old)) = (grant, self.of.get_mut(&app)) {
                *old = new;
            }
        }
    }

    /// Revokes all, and asks with each token until the server refuses it, for as
    /// long as `proof`.
    pub async fn revoke(&self, cluster: &Cluster, proof: Duration) -> BTreeMap<AppId, Revocation> {
        let start = Instant::now();
        let control = self.control.with_patience(Patience { total: Duration::from_secs(10) });
        let control = &control;
        stream::iter(self.of.clone())
            .map(|(app, grant)| async move {
                if let Err(error) = control.revoke(&grant).await {
                    return (app, Revocation::Failed { why: error.to_string() });
                }
                let session = cluster.server.session(grant.token.clone(), Patience::default());
                (app, prove(&session, start, proof).await)
            })
            // All together: each waits for the same cache to forget.
            .buffer_unordered(self.of.len().max(1))
            .collect()
            .await
    }

    /// What a record says of them.
    pub fn record(&self, revoked: &BTreeMap<AppId, Revocation>) -> Vec<CredentialRecord> {
        let one = |(app, grant): (&AppId, &Grant)| CredentialRecord {
            app: app.clone(),
            provider: "tokenRequest".to_owned(),
            account: format!("{}/{}", grant.asked.namespace, grant.asked.account),
            audiences: grant.asked.audiences.clone(),
            life_seconds: grant.asked.life.as_secs(),
            digest: grant.digest,
            revocation: revoked.get(app).map_or_else(|| "not tried".to_owned(), words),
            secret: grant.asked.secret.clone(),
        };
        self.of.iter().map(one).collect()
    }
}

fn words(revocation: &Revocation) -> String {
    match revocation {
        Revocation::Proved { after } => format!("revoked, proved after {:.1} s", after.as_secs_f64()),
        Revocation::Pending => "revoked, proof pending".to_owned(),
        Revocation::Failed { why } => format!("not revoked, ends by itself: {why}"),
    }
}

async fn prove(session: &Session, start: Instant, proof: Duration) -> Revocation {
    let mut pause = Duration::from_millis(500);
    loop {
        // Who cannot be asked has not said that it is dead.
        if matches!(session.is_accepted().await, Ok(false)) {
            return Revocation::Proved { after: start.elapsed() };
        }
        if start.elapsed() + pause >= proof {
            return Revocation::Pending;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_secs(2));
    }
}

fn asked(cluster: &Cluster, run: &str, app: &AppId, target: &Target, life: Duration) -> Asked {
    let account = account(app, target);
    let nonce =
        Digest::of(format!("{run}\0{app}\0{:?}\0{}", SystemTime::now(), std::process::id()).as_bytes());
    let nonce = nonce.to_string()["sha256:".len()..][..16].to_owned();
    let label = Digest::of(run.as_bytes()).to_string()["sha256:".len()..][..16].to_owned();
    Asked {
        namespace: cluster.namespace.clone(),
        secret: format!("luigi-run-{nonce}"),
        account,
        run: label,
        audiences: Vec::new(),
        life,
    }
}
