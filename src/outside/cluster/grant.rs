//! One short-lived token for one app: a `TokenRequest` on the app's own
//! `ServiceAccount`, bound to a Secret made for it. Deleting that Secret revokes
//! the token.
//!
//! Whoever asks needs `create` on `serviceaccounts/token` of named accounts, and
//! `create` and `delete` on Secrets of the control namespace; never `get`.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::error::ClusterError;
use super::objects::{Precondition, Propagation};
use super::resources::{Resource, Scope, encoded};
use super::session::{Patience, Session, Token};
use crate::name::Digest;

/// The label of everything that one run made for its tokens.
pub const RUN_LABEL: &str = "luigi.dev/run";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The control namespace, where the account and the Secret are.
    pub namespace: String,
    /// The `ServiceAccount`.
    pub account: String,
    /// The Secret that the token is bound to; new for every grant.
    pub secret: String,
    /// The run, as a label's value.
    pub run: String,
    /// Audiences; empty for the API server's own.
    pub audiences: Vec<String>,
    /// The token's life; 10 minutes at least, or the server refuses.
    pub life: Duration,
}

/// A token, and what revokes it.
#[derive(Clone)]
pub struct Grant {
    /// What was asked for.
    pub asked: Asked,
    /// The token.
    pub token: Token,
    /// When it ends by itself.
    pub expires: SystemTime,
    /// The SHA-256 of the token: what a record may say of it.
    pub digest: Digest,
}

/// Why there is no grant.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The server said no.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The server gave something else than was asked for.
    #[error("the token for {account} is not what was asked for: {why}")]
    Differs {
        /// The `ServiceAccount`.
        account: String,
        /// How it differs.
        why: String,
    },
}

/// Whether a token is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// The server was asked with it, and said 401.
    Proved {
        /// How long after the revocation.
        after: Duration,
    },
    /// It is revoked, and the server still took it when last asked.
    Pending,
    /// It could not be revoked; it ends by itself.
    Failed {
        /// Why.
        why: String,
    },
}

fn secrets() -> Resource {
    Resource {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        plural: "secrets".to_owned(),
        scope: Scope::Namespaced,
        has_status: false,
        verbs: Vec::new(),
    }
}

impl Session {
    /// Asks for a token. On an error nothing is left behind that works.
    pub async fn grant(&self, asked: Asked, now: SystemTime) -> Result<Grant, GrantError> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
            "metadata": {"name": asked.secret, "namespace": asked.namespace, "labels": {RUN_LABEL: asked.run}},
        });
        match self.create(&secrets(), &asked.namespace, &secret).await {
            Ok(_) => {}
            // The name is new for every grant: an earlier try of this call made it.
            Err(error) if error.is_already_exists() => {}
            Err(error) => return Err(error.into()),
        }
        let granted = self.request_token(&asked, now).await;
        if granted.is_err() {
            // The error that is returned says more than this one could.
            let _ = self.delete_secret(&asked).await;
        }
        granted
    }

    /// A new token for the same account, bound to the same Secret. The old one ends
    /// by itself, and is revoked with the new one.
    pub async fn regrant(&self, grant: &Grant, now: SystemTime) -> Result<Grant, GrantError> {
        let new = self.request_token(&grant.asked, now).await?;
        grant.token.take_over(&new.token);
        Ok(Grant { token: grant.token.clone(), ..new })
    }

    async fn request_token(&self, asked: &Asked, now: SystemTime) -> Result<Grant, GrantError> {
        let path = format!(
            "/api/v1/namespaces/{}/serviceaccounts/{}/token",
            encoded(&asked.namespace),
            encoded(&asked.account)
        );
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {
                "audiences": asked.audiences, "expirationSeconds": asked.life.as_secs(),
                "boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": asked.secret},
            },
        });
        let what = format!("ask for a token of ServiceAccount {}/{}", asked.namespace, asked.account);
        let mut answer = self.post(&what, &path, &body).await?;
        let token = match answer.pointer_mut("/status/token").map(Value::take) {
            Some(Value::String(token)) => SecretString::from(token),
            _ => {
                let message = "the answer holds no token".to_owned();
                return Err(ClusterError::Strange { what, message }.into());
            }
        };
        let expires = matches(asked, &token, now)
            .map_err(|why| GrantError::Differs { account: asked.account.clone(), why })?;
        let digest = Digest::of(token.expose_secret().as_bytes());
        Ok(Grant { asked: asked.clone(), token: Token::new(token), expires, digest })
    }

    async fn delete_secret(&self, asked: &Asked) -> Result<bool, ClusterError> {
        let at = (asked.namespace.as_str(), asked.secret.as_str());
        self.delete(&secrets(), at, &Precondition::default(), Propagation::Background).await
    }

    /// Revokes a grant; does not wait for the server to notice.
    pub async fn revoke(&self, grant: &Grant) -> Result<(), ClusterError> {
        self.delete_secret(&grant.asked).await.map(drop)
    }

    /// Whether the server still takes this session's own token.
    pub async fn is_accepted(&self) -> Result<bool, ClusterError> {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        let once = self.with_patience(Patience { total: Duration::from_secs(5) });
        match once.post("ask who this is", path, &body).await {
            Ok(_) | Err(ClusterError::Forbidden { .. }) => Ok(true),
            Err(ClusterError::Unauthorized { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether a token is what was asked for; when it ends.
///
/// The signature is the server's business. What it says of itself is ours: a
/// token of another account, for another audience, or longer is refused.
fn matches(asked: &Asked, token: &SecretString, now: SystemTime) -> Result<SystemTime, String> {
    let payload = token.expose_secret().split('.').nth(1).ok_or("it is no JWT")?;
    let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| "its payload is not base64url")?;
    let claims: Value = serde_json::from_slice(&bytes).map_err(|_| "its payload is no JSON")?;
    let text = |at: &str| claims.pointer(at).and_then(Value::as_str).unwrap_or("");
    let subject = format!("system:serviceaccount:{}:{}", asked.namespace, asked.account);
    if text("/sub") != subject {
        return Err(format!("it is a token of {:?}", text("/sub")));
    }
    if text("/kubernetes.io/secret/name") != asked.secret {
        return Err("it is not bound to the Secret that would revoke it".to_owned());
    }
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !asked.audiences.is_empty() && audiences != asked.audiences {
        return Err(format!("its audience is {audiences:?}"));
    }
    let ends = claims.get("exp").and_then(Value::as_u64).ok_or("it does not say when it ends")?;
    let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(ends);
    let life = expires.duration_since(now).map_err(|_| "it has ended already")?;
    // A minute for clocks that differ.
    if life > asked.life + Duration::from_mins(1) {
        return Err(format!("it lives {} s, and {} s were asked for", life.as_secs(), asked.life.as_secs()));
    }
    Ok(expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked {
            namespace: "luigi-prod".to_owned(),
            account: "payments".to_owned(),
            secret: "run-1".to_owned(),
            run: "1".to_owned(),
            audiences: Vec::new(),
            life: Duration::from_mins(10),
        }
    }

    fn token(change: impl Fn(&mut Value)) -> SecretString {
        let mut claims = json!({
            "sub": "system:serviceaccount:luigi-prod:payments", "aud": ["https://kubernetes.default.svc"],
            "exp": 1000 + 600, "kubernetes.io": {"secret": {"name": "run-1"}},
        });
        change(&mut claims);
        SecretString::from(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string())))
    }

    #[test]
    fn only_what_was_asked_for_is_taken() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let check = |change: fn(&mut Value)| matches(&asked(), &token(change), now).map(drop);
        assert_eq!(check(|_| {}), Ok(()));
        for (change, why) in [
            ((|c| c["sub"] = json!("system:serviceaccount:luigi-prod:other")) as fn(&mut Value), "token of"),
            (|c| c["kubernetes.io"]["secret"]["name"] = json!("run-2"), "not bound"),
            (|c| c["exp"] = json!(1000 + 3600), "lives 3600 s"),
            (|c| c["exp"] = json!(999), "ended already"),
            (|c| c["exp"] = Value::Null, "does not say"),
        ] {
            let found = check(change).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
        let other = Asked { audiences: vec!["elsewhere".to_owned()], ..asked() };
        assert!(matches(&other, &token(|_| {}), now).is_err());
    }
}
