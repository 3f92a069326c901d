//! An environment's API server, ready to be asked: its address, whom it is
//! believed by, and the run's own token.
//!
//! Nothing is asked here.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::kubernetes::{Authority, Kubernetes, PerApp};
use crate::config::{Engine, EnvironmentConfig};
use crate::files::{Files, bounded};
use crate::name::{AppId, Digest, Environment};
use crate::outside::cluster::{ClusterError, Patience, Server, Session, Token};
use crate::plan::Target;
use crate::run::who::TokenSource;

/// An API server, and how objects get onto it.
pub struct Cluster {
    /// The server.
    pub server: Server,
    /// What luigi.yaml says of it.
    pub config: Kubernetes,
    /// How each app gets its own credential.
    pub per_app: PerApp,
    /// The control namespace.
    pub namespace: String,
    /// The audience of the run's own token; empty where a file holds it.
    pub audience: String,
    token: TokenSource,
}

/// Why an API server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file of the repository is not there, or too large.
    #[error("certificateAuthority: {0} is not a file of the commit")]
    Authority(String),
    /// An object could not be read.
    #[error(transparent)]
    Read(#[from] crate::files::ReadError),
    /// There is no token.
    #[error("no token for the API server: {0}")]
    Token(String),
}

impl Cluster {
    /// The environment's API server; `None` for another engine. `files` are those
    /// of the authority commit.
    pub fn of(
        environment: &Environment,
        config: &EnvironmentConfig,
        files: &dyn Files,
        token: TokenSource,
    ) -> Result<Option<Self>, SetupError> {
        let Engine::Kubernetes(kubernetes) = &config.engine else { return Ok(None) };
        let certificates = match &kubernetes.authority {
            None => None,
            Some(Authority::Pem(pem)) => Some(pem.clone().into_bytes()),
            Some(Authority::File(path)) => {
                let missing = || SetupError::Authority(path.to_string());
                let entry = files.entry(path)?.ok_or_else(missing)?;
                Some(bounded(files, entry.id)?.ok_or_else(missing)?.to_vec())
            }
        };
        Ok(Some(Self {
            server: Server::new(&kubernetes.server, certificates.as_deref())?,
            namespace: control_namespace(environment, kubernetes),
            config: (**kubernetes).clone(),
            per_app: config.credentials.per_app,
            audience: config.credentials.audience.clone().unwrap_or_default(),
            token,
        }))
    }

    /// The run itself, with a new token.
    pub fn session(&self) -> Result<Session, SetupError> {
        Ok(self.server.session(Token::new(self.token()?), Patience::default()))
    }

    /// A new token of the run.
    pub fn token(&self) -> Result<SecretString, SetupError> {
        self.token.token(&self.audience).map_err(SetupError::Token)
    }

    /// How long a token of an app lives; `None` where apps have none of their own.
    pub fn life(&self) -> Option<Duration> {
        match self.per_app {
            PerApp::None => None,
            PerApp::TokenRequest { life } => Some(life),
        }
    }
}

/// The namespace that holds an environment's accounts, inventories and lock.
pub fn control_namespace(environment: &Environment, config: &Kubernetes) -> String {
    config.namespace.clone().unwrap_or_else(|| format!("luigi-{}", environment.as_str().replace('.', "-")))
}

/// The `ServiceAccount` of an app: the one its definition names, or one made of its
/// id. A name of a cluster has no capitals and no `:`; the digest tells apart what
/// that would make the same.
pub fn account(app: &AppId, target: &Target) -> String {
    target.account.clone().unwrap_or_else(|| object_name("app", app))
}

/// The object that keeps an app's inventory.
pub fn inventory_name(app: &AppId) -> String {
    object_name("inventory", app)
}

fn object_name(prefix: &str, app: &AppId) -> String {
    let digest = Digest::of(app.to_string().as_bytes()).to_string();
    let hash = &digest["sha256:".len()..][..8];
    let plain: String = app
        .name()
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    format!("{prefix}-{}-{hash}", plain.trim_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_clusters_and_differ_where_apps_do() {
        let app = |text: &str| AppId::parse(text).unwrap();
        let name = |text: &str| account(&app(text), &Target::default());
        let long = format!("App/_/{}", "x".repeat(200));
        for text in ["App/a/Payments", "App/b/payments", "App/_/a:b.c_d", long.as_str()] {
            let name = name(text);
            assert!(
                name.len() <= 63
                    && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{name}"
            );
        }
        assert_ne!(name("App/a/payments"), name("App/b/payments"));
        let own = Target { account: Some("deployer".to_owned()), ..Target::default() };
        assert_eq!(account(&app("App/_/x"), &own), "deployer");
    }
}
