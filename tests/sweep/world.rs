//! One position's own world: namespaces, accounts, a repository with its ledger,
//! and the program run in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::fleet::{self, APPS, Credentials, Setup, State};
use crate::proxy::{Log, Proxy, Strike};
use crate::support::cluster::Cluster;
use crate::support::repo::Scratch;
use crate::support::{parts, wait};

/// No run takes that long, unless it hangs.
const LONGEST: Duration = Duration::from_mins(4);

/// Numbers of worlds, over all workers.
static NEXT: AtomicUsize = AtomicUsize::new(0);
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// What is run instead of the program that was built for the tests: one that no
/// build changes while a sweep goes on.
pub fn run_program(path: PathBuf) {
    PROGRAM.set(path).unwrap();
}

/// The program that is run.
pub fn program() -> &'static Path {
    PROGRAM.get_or_init(|| env!("CARGO_BIN_EXE_luigi").into())
}

/// A world.
pub struct World<'c> {
    pub cluster: &'c Cluster,
    pub prefix: String,
    pub setup: Setup,
    pub scratch: Scratch,
    proxy: &'c Proxy,
    token: PathBuf,
}

/// How a run of the program ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// `None`: it was killed.
    pub code: Option<i32>,
    pub log: Log,
    pub words: String,
    pub took: Duration,
}

impl<'c> World<'c> {
    /// A world with nothing deployed.
    pub fn new(cluster: &'c Cluster, proxy: &'c Proxy, setup: Setup) -> Self {
        let prefix = format!("sweep-{:05}", NEXT.fetch_add(1, Ordering::SeqCst));
        let make = |path: &str, body: &serde_json::Value| {
            let (code, answer) = cluster.admin("POST", path, Some(body));
            assert_eq!(code, 201, "{answer}");
        };
        let control = fleet::control(&prefix);
        let spaces = APPS.iter().map(|(app, _)| fleet::namespace(&prefix, app)).chain([control.clone()]);
        for name in spaces {
            make("/api/v1/namespaces", &json!({"metadata": {"name": name}}));
        }
        if setup.credentials == Credentials::PerApp {
            for (app, _) in APPS {
                let path = format!("/api/v1/namespaces/{control}/serviceaccounts");
                make(&path, &json!({"metadata": {"name": account(app)}}));
            }
            let binding = json!({
                "metadata": {"name": control},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io",
                    "name": format!("system:serviceaccounts:{control}")}],
            });
            make("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding);
        }
        let scratch = Scratch::new();
        let token = scratch.around().join("token");
        std::fs::write(&token, cluster.admin_token()).unwrap();
        Self { cluster, prefix, setup, scratch, proxy, token }
    }

    /// Makes the repository be so.
    pub fn commit(&self, state: State) {
        let files = fleet::files(&self.proxy.url(), &self.prefix, self.setup, state);
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        self.scratch.commit(&files, "change");
    }

    /// Runs `luigi deploy` through the proxy.
    pub fn deploy(&self, strike: Option<&Strike>) -> Ran {
        let token = self.token.to_str().unwrap();
        let args = ["deploy", "--environment", "prod", "--format", "json", "--token-file", token];
        let words = self.scratch.around().join("words");
        let file = File::create(&words).unwrap();
        let mut command = self.command(&args);
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let start = Instant::now();
        let mut child = self.proxy.spawn(&mut command, &self.prefix, strike);
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > LONGEST {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            wait::pause();
        };
        let took = start.elapsed();
        let log = self.proxy.finish();
        let words = String::from_utf8_lossy(&std::fs::read(&words).unwrap()).into_owned();
        Ran { code: status.code(), log, words, took }
    }

    /// Whether `luigi verify` finds the ledger sound; its words where not.
    pub fn verify(&self) -> Result<(), String> {
        let output = self.command(&["verify"]).output().unwrap();
        let words = [output.stdout, output.stderr].concat();
        wait::so(output.status.success(), String::from_utf8_lossy(&words))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        let path = format!("{}:/usr/bin:/bin", parts::tools().display());
        command.arg("-C").arg(self.scratch.path()).args(args).env_clear().env("PATH", path);
        command
    }
}

/// The `ServiceAccount` of an app.
fn account(app: &str) -> String {
    let id = luigi::name::AppId::parse(&format!("App/_/{app}")).unwrap();
    luigi::run::kubernetes::setup::account(&id, &luigi::plan::Target::default())
}
