//! The files of one cluster: certificates, tokens, kubeconfigs, policies, stages.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Options;
use super::servers::Ports;
use crate::support::parts;
use crate::support::tls::{self, Authority, random_text};

/// Who else speaks to the API server, all of them as administrators; the audit log
/// tells them apart.
const USERS: [&str; 4] = ["admin", "kube-controller-manager", "kube-scheduler", "kwok"];

/// A cluster's folder. `Group` removes it.
pub struct Files {
    folder: PathBuf,
    /// The API server's authority, PEM.
    pub authority: String,
    /// The administrator's token.
    pub admin: String,
    /// Stages of ours.
    pub stages: Vec<PathBuf>,
}

impl Files {
    /// Writes all that is known before the first server starts.
    pub fn write(options: &Options, ports: &Ports) -> Self {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir().unwrap().keep();
        fs::create_dir(folder.join("pki")).unwrap();
        let authority = Authority::new("bench");
        let (admin, mut tokens) = (random_text(), String::new());
        let mut files = Self { folder, authority: authority.pem(), admin, stages: Vec::new() };
        let server = authority.server("kube-apiserver");
        let (private, public) = tls::signing_key();
        for (path, text) in [
            ("pki/authority.pem", &files.authority),
            ("pki/api.pem", &server.certificate),
            ("pki/api.key", &server.key),
            ("pki/accounts.key", &private),
            ("pki/accounts.pem", &public),
        ] {
            files.put(path, text);
        }
        for user in USERS {
            let token = if user == "admin" { files.admin.clone() } else { random_text() };
            tokens += &format!("{token},{user},{user},\"system:masters\"\n");
            files.put(&format!("{user}.kubeconfig"), &files.config(&ports.url(), &token));
        }
        files.put("tokens.csv", &tokens);
        // One line for each request, when it has been answered or a watch begins.
        let policy = json!({
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata"}],
        });
        files.put("audit-policy.json", &policy.to_string());
        if let Some(text) = &options.authentication {
            files.write_authentication(text);
        }
        files.stages = ["broken", "late", "waiting"]
            .map(|name| parts::source("kwok").join(format!("stages/{name}.yaml")))
            .to_vec();
        for (at, text) in options.stages.iter().enumerate() {
            let path = files.put(&format!("stage-{at}.yaml"), text);
            files.stages.push(path);
        }
        files
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.path(&format!("{user}.kubeconfig"))
    }

    pub fn log(&self, server: &str) -> PathBuf {
        self.path(&format!("{server}.log"))
    }

    pub fn audit(&self) -> PathBuf {
        self.path("audit.log")
    }

    pub fn authentication(&self) -> PathBuf {
        self.path("authentication.yaml")
    }

    /// Puts the new text there in one step: the API server watches the file.
    pub fn write_authentication(&self, text: &str) {
        let new = self.put("authentication.new", text);
        fs::rename(new, self.authentication()).unwrap();
    }

    /// Writes what the pods of a namespace say; gives the object that tells kwok.
    pub fn write_logs(&self, namespace: &str, lines: &[&str]) -> String {
        // As a container runtime writes them (CRI).
        let lines: String =
            lines.iter().map(|line| format!("2026-07-01T08:00:00.000000000Z stderr F {line}\n")).collect();
        let file = self.put(&format!("{namespace}.pods.log"), &lines);
        json!({
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterLogs",
            "metadata": {"name": namespace},
            "spec": {
                "selector": {"matchNamespaces": [namespace]},
                "logs": [{"logsFile": file, "previousLogsFile": file, "follow": false}],
            },
        })
        .to_string()
    }

    fn put(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    fn config(&self, url: &str, token: &str) -> String {
        let authority = self.path("pki/authority.pem");
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "bench", "cluster": {"server": url, "certificate-authority": authority}}],
            "users": [{"name": "bench", "user": {"token": token}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
            "current-context": "bench",
        })
        .to_string()
    }
}

/// What is in every cluster with nodes: kwok's kind for logs, its storage class,
/// and two nodes with room for everything.
pub fn objects() -> String {
    let theirs =
        ["crd/bases/kwok.x-k8s.io_clusterlogs.yaml", "stage/volume/fast/storage-class.yaml"].map(|path| {
            let path = parts::kwok().join("kustomize").join(path);
            fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        });
    let room = json!({"cpu": "10k", "memory": "10Ti", "pods": "1M", "ephemeral-storage": "10Ti"});
    let nodes = ["bench-0", "bench-1"].map(|name| {
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
            },
            "status": {"allocatable": room, "capacity": room},
        })
        .to_string()
    });
    [theirs, nodes].concat().join("\n---\n")
}
