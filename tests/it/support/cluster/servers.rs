//! The servers' command lines and their ports.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::files::Files;
use super::{Beside, Options, Pace};
use crate::support::parts;

/// Where the programs are.
pub struct Programs {
    kubernetes: &'static Path,
    /// `None` where only etcd and kube-apiserver run.
    kwok: Option<&'static Path>,
}

impl Programs {
    /// Those that are needed, built if they are not there.
    pub fn new(options: &Options) -> Self {
        let kwok = (options.beside == Beside::Everything).then(parts::kwok);
        Self { kubernetes: parts::kubernetes(), kwok }
    }
}

/// Ports on loopback.
pub struct Ports {
    etcd: u16,
    peer: u16,
    api: u16,
    pub kwok: u16,
}

impl Ports {
    /// Four that are free now.
    pub fn free() -> Self {
        // All are held until all are known, so that they differ.
        let held = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [etcd, peer, api, kwok] = held.each_ref().map(|l| l.local_addr().unwrap().port());
        Self { etcd, peer, api, kwok }
    }

    /// The API server's URL.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.api)
    }

    /// Those of these servers.
    pub fn all(&self, servers: &[&str]) -> Vec<u16> {
        let mut ports = vec![self.etcd, self.peer, self.api];
        ports.extend(servers.contains(&"kwok").then_some(self.kwok));
        ports
    }
}

pub fn etcd(programs: &Programs, files: &Files, ports: &Ports) -> Command {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.peer);
    let mut command = program(programs.kubernetes, "etcd", files);
    command.arg("--data-dir").arg(files.path("etcd")).arg("--unsafe-no-fsync");
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.arg(format!("--initial-cluster=default={peer}"));
    command
}

pub fn apiserver(programs: &Programs, files: &Files, ports: &Ports, options: &Options) -> Command {
    let mut command = program(programs.kubernetes, "kube-apiserver", files);
    command.arg(format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd));
    command.arg(format!("--secure-port={}", ports.api));
    // Should another etcd have taken our port, this server does not write over what is there.
    command.arg(format!("--etcd-prefix=/{}", files.folder().file_name().unwrap().display()));
    command.args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"]);
    // A /24 is used up by 254 Services.
    command.args(["--service-cluster-ip-range=10.0.0.0/16", "--endpoint-reconciler-type=none"]);
    command.args(["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"]);
    command.arg("--service-account-issuer=https://kubernetes.default.svc");
    // Nodes have no names that could be looked up; kwok answers for all of them.
    command.arg("--kubelet-preferred-address-types=InternalIP");
    let files_of = [
        ("--cert-dir", "pki"),
        ("--tls-cert-file", "pki/api.pem"),
        ("--tls-private-key-file", "pki/api.key"),
        ("--service-account-key-file", "pki/accounts.pem"),
        ("--service-account-signing-key-file", "pki/accounts.key"),
        ("--token-auth-file", "tokens.csv"),
        ("--audit-policy-file", "audit-policy.json"),
        ("--audit-log-path", "audit.log"),
    ];
    command.args(files_of.map(|(flag, path)| joined(flag, &files.path(path))));
    if options.authentication.is_some() {
        command.arg(joined("--authentication-config", &files.authentication()));
    }
    command
}

pub fn controllers(programs: &Programs, files: &Files, pace: Pace) -> Command {
    let mut command = program(programs.kubernetes, "kube-controller-manager", files);
    command.arg(joined("--kubeconfig", &files.kubeconfig("kube-controller-manager")));
    command.arg(joined("--service-account-private-key-file", &files.path("pki/accounts.key")));
    command.arg(joined("--root-ca-file", &files.path("pki/authority.pem")));
    command.args(["--leader-elect=false", "--secure-port=0"]);
    // kwok may be late with its word on a machine that has other work.
    command.arg("--node-monitor-grace-period=10m");
    if pace == Pace::Unleashed {
        command.args(["--kube-api-qps=2000", "--kube-api-burst=4000"]);
        let syncs = ["deployment", "replicaset", "statefulset", "daemonset", "job", "endpoint", "namespace"];
        command.args(syncs.map(|what| format!("--concurrent-{what}-syncs=20")));
    }
    command
}

pub fn scheduler(programs: &Programs, files: &Files, pace: Pace) -> Command {
    let mut command = program(programs.kubernetes, "kube-scheduler", files);
    command.arg(joined("--kubeconfig", &files.kubeconfig("kube-scheduler")));
    command.args(["--leader-elect=false", "--secure-port=0"]);
    if pace == Pace::Unleashed {
        command.args(["--kube-api-qps=2000", "--kube-api-burst=4000"]);
    }
    command
}

pub fn kwok(programs: &Programs, files: &Files, ports: &Ports) -> Command {
    let dir = programs.kwok.unwrap();
    let mut command = program(dir, "kwok", files);
    command.arg(joined("--kubeconfig", &files.kubeconfig("kwok")));
    command.args(["--manage-all-nodes=true", "--enable-crds=ClusterLogs"]);
    command.arg(format!("--server-address=127.0.0.1:{}", ports.kwok));
    command.args(["--node-ip=127.0.0.1", &format!("--node-port={}", ports.kwok)]);
    let stages = dir.join("kustomize/stage");
    let theirs = [
        "node/fast/node-initialize.yaml",
        "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
        "pod/fast/pod-complete.yaml",
        "pod/fast/pod-delete.yaml",
        "pod/fast/pod-ready.yaml",
        "volume/fast/pv-bind.yaml",
        "volume/fast/pv-delete.yaml",
        "volume/fast/pvc-delete.yaml",
        "volume/fast/pvc-provision.yaml",
    ];
    let theirs = theirs.map(|path| stages.join(path));
    command.args(theirs.iter().chain(&files.stages).map(|path| joined("--config", path)));
    command
}

/// A program with nothing of our environment.
fn program(dir: &Path, name: &str, files: &Files) -> Command {
    let mut command = Command::new(dir.join(name));
    command.current_dir(files.folder()).env_clear().env("HOME", files.folder());
    command
}

fn joined(flag: &str, path: &PathBuf) -> OsString {
    let mut argument = OsString::from(flag);
    argument.push("=");
    argument.push(path);
    argument
}
