//! `engine.kubernetes` and `credentials` of an environment.

use std::time::Duration;

use super::Engine;
use super::keys;
use super::read::Reader;
use crate::name::RepoPath;
use crate::object::yaml::Node;
use crate::problem::Code;

/// An API server, and how objects get onto it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    /// Its URL.
    pub server: String,
    /// The authorities that its certificate is believed by; `None`: the system's.
    pub authority: Option<Authority>,
    /// The control namespace; `None`: `luigi-<environment>`.
    pub namespace: Option<String>,
    /// Fields that are taken from other managers, as in `.spec.replicas`.
    pub force: Vec<String>,
    /// How long an app may take until it is ready.
    pub timeout: Duration,
    /// Whether every object is tried on the server before the first write.
    pub preflight: Preflight,
}

/// Where certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// In a file of the repository.
    File(RepoPath),
    /// In luigi.yaml itself, as PEM.
    Pem(String),
}

/// What is asked before the first write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preflight {
    /// The rights of every app, and a dry run of every object.
    Full,
    /// The rights of every app.
    Access,
}

/// How an environment's credentials are got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// The audience of the job's token for the API server.
    pub audience: Option<String>,
    /// How each app gets its own.
    pub per_app: PerApp,
}

/// How each app gets a credential of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PerApp {
    /// It does not: the run's own token does everything. For clusters that are not
    /// prepared yet, and said aloud.
    #[default]
    None,
    /// A token of the app's `ServiceAccount`.
    TokenRequest {
        /// How long it lives, 10 minutes at least.
        life: Duration,
    },
}

/// The least life that an API server gives a token.
pub const LEAST_LIFE: Duration = Duration::from_mins(10);
const LONGEST_LIFE: Duration = Duration::from_hours(1);

impl Reader<'_> {
    pub(super) fn kubernetes(&mut self, node: &Node) -> Engine {
        let mut out = Kubernetes {
            server: String::new(),
            authority: None,
            namespace: None,
            force: Vec::new(),
            timeout: Duration::from_mins(10),
            preflight: Preflight::Full,
        };
        for entry in self.map(node, "engine.kubernetes") {
            let value = &entry.value;
            match entry.key.as_str() {
                "server" => {
                    if let Some(url) = self.text(value, "engine.kubernetes.server") {
                        if !url.starts_with("https://") && !is_loopback(&url) {
                            let message = "engine.kubernetes.server must be an https:// URL";
                            self.add(Code::ConfigValue, value.place(self.file), message);
                        }
                        out.server = url;
                    }
                }
                "certificateAuthority" => out.authority = self.authority(value),
                "namespace" => out.namespace = self.text(value, "engine.kubernetes.namespace"),
                "force" => out.force = self.texts(value, "engine.kubernetes.force"),
                "timeout" => {
                    if let Some(time) = self.duration(value, "engine.kubernetes.timeout") {
                        out.timeout = time;
                    }
                }
                "preflight" => {
                    let choices = [("full", Preflight::Full), ("access", Preflight::Access)];
                    if let Some(choice) = self.one_of(value, "engine.kubernetes.preflight", &choices) {
                        out.preflight = choice;
                    }
                }
                _ => self.unknown(entry, "engine.kubernetes", keys::ENGINE_KUBERNETES),
            }
        }
        if node.get("server").is_none() {
            self.add(Code::ConfigValue, node.place(self.file), "`engine.kubernetes.server` is missing");
        }
        Engine::Kubernetes(Box::new(out))
    }

    fn authority(&mut self, node: &Node) -> Option<Authority> {
        let text = self.text(node, "engine.kubernetes.certificateAuthority")?;
        if text.trim_start().starts_with("-----BEGIN CERTIFICATE-----") {
            return Some(Authority::Pem(text));
        }
        self.path(node, "engine.kubernetes.certificateAuthority").map(Authority::File)
    }

    pub(super) fn credentials(&mut self, node: &Node) -> Credentials {
        let mut out = Credentials::default();
        for entry in self.map(node, "credentials") {
            match entry.key.as_str() {
                "kubernetes" => {
                    for option in self.map(&entry.value, "credentials.kubernetes") {
                        match option.key.as_str() {
                            "audience" => {
                                out.audience = self.text(&option.value, "credentials.kubernetes.audience");
                            }
                            _ => self.unknown(option, "credentials.kubernetes", keys::CREDENTIALS_KUBERNETES),
                        }
                    }
                }
                "perApp" => {
                    for option in self.map(&entry.value, "credentials.perApp") {
                        match option.key.as_str() {
                            "tokenRequest" => out.per_app = self.token_request(&option.value),
                            "oauth" | "aws" | "gcp" | "azure" | "vault" => {
                                self.unsupported(option, &format!("credentials.perApp.{}", option.key));
                            }
                            _ => self.unknown(option, "credentials.perApp", keys::PER_APP),
                        }
                    }
                }
                _ => self.unknown(entry, "credentials", keys::CREDENTIALS),
            }
        }
        out
    }

    fn token_request(&mut self, node: &Node) -> PerApp {
        let mut life = LEAST_LIFE;
        for option in self.map(node, "credentials.perApp.tokenRequest") {
            match option.key.as_str() {
                "lifetime" => {
                    if let Some(time) = self.duration(&option.value, "lifetime") {
                        if (LEAST_LIFE..=LONGEST_LIFE).contains(&time) {
                            life = time;
                        } else {
                            let message = "a token lives from 10m to 1h";
                            self.add(Code::ConfigValue, option.value.place(self.file), message);
                        }
                    }
                }
                _ => self.unknown(option, "credentials.perApp.tokenRequest", keys::TOKEN_REQUEST),
            }
        }
        PerApp::TokenRequest { life }
    }

    /// A Go duration of whole seconds, minutes or hours, as in `90s` or `1h30m`.
    fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let found = node.as_str().and_then(duration);
        if found.is_none() {
            let message = format!("{what} must be a time such as 90s, 10m or 1h30m");
            self.add(Code::ConfigValue, node.place(self.file), message);
        }
        found
    }
}

fn is_loopback(url: &str) -> bool {
    url.starts_with("http://127.0.0.1:") || url.starts_with("http://localhost:")
}

fn duration(text: &str) -> Option<Duration> {
    let mut seconds = 0u64;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_and_have_units() {
        let seconds = |text| duration(text).map(|d| d.as_secs());
        assert_eq!(["90s", "10m", "1h30m"].map(seconds), [Some(90), Some(600), Some(5400)]);
        assert_eq!(["", "10", "0s", "-1s", "1d", "99999999999999999999h"].map(seconds), [None; 6]);
    }
}
