//! A real Kubernetes control plane on loopback: etcd, kube-apiserver and, where
//! asked for, kube-controller-manager, kube-scheduler and kwok's nodes.
//!
//! All of it ends with the cluster, and with this process whatever ends that
//! (`group`); its folder goes with it. No containers run: kwok says what pods do,
//! by the stages in `tests/parts/kwok/stages`.

pub mod audit;
mod files;
mod servers;

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::files::Files;
use super::group::Group;
use super::issuer::trust::{self, Trust};
use super::{issuer, parts, tls, wait};

/// How long a start may take on a machine that has other work.
const START: Duration = Duration::from_mins(2);
/// A port that was free may be taken when the server comes to it.
const TRIES: usize = 4;

/// What a cluster is made of.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub beside: Beside,
    pub pace: Pace,
    /// The text of an `AuthenticationConfiguration`; without one, no issuer is trusted.
    pub authentication: Option<String>,
    /// More kwok stages, each the text of a file.
    pub stages: Vec<String>,
}

/// What runs beside etcd and kube-apiserver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beside {
    /// Nothing: objects stay as they are written.
    Nothing,
    /// Controllers, scheduler and two nodes.
    #[default]
    Everything,
}

/// How fast controllers and scheduler may ask the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// As they come: 20 requests a second.
    Default,
    /// As fast as the machine is, so that they are not what is measured.
    #[default]
    Unleashed,
}

/// A running cluster.
pub struct Cluster {
    // Dropped first: it stops the servers, then removes the folder.
    group: Mutex<Group>,
    files: Files,
    servers: Vec<(u32, &'static str)>,
    ports: servers::Ports,
    http: reqwest::blocking::Client,
    started: Duration,
    names: AtomicUsize,
}

/// A server that did not come up, and what it said.
struct Fault {
    server: &'static str,
    words: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.words.lines().collect();
        let last = lines[lines.len().saturating_sub(40)..].join("\n");
        write!(f, "{} did not come up; it said:\n{last}", self.server)
    }
}

/// What an administrator of the shared cluster has set up.
pub const AUDIENCE: &str = "luigi-bench";
/// The repository that the shared cluster trusts.
pub const REPOSITORY_ID: &str = "456789";
/// The environment that the shared cluster trusts.
pub const ENVIRONMENT: &str = "production";

/// The cluster that tests of this process share: everything runs, unleashed, and
/// the shared issuer is trusted. Each test takes namespaces of its own.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        let issuer = issuer::shared();
        let trust =
            Trust { issuer, audience: AUDIENCE, repository_id: REPOSITORY_ID, environment: ENVIRONMENT };
        let authentication = Some(trust::configuration(&[trust]));
        Cluster::start(&Options { authentication, ..Options::default() })
    })
}

impl Cluster {
    /// Starts one; it is ready when this returns. Panics with the name of the
    /// server that did not come up.
    pub fn start(options: &Options) -> Self {
        Self::start_on(options, servers::Ports::free)
    }

    fn start_on(options: &Options, mut ports: impl FnMut() -> servers::Ports) -> Self {
        for _ in 1..TRIES {
            match Self::try_start(options, ports()) {
                Ok(cluster) => return cluster,
                Err(fault) if fault.words.contains("address already in use") => {}
                Err(fault) => panic!("{fault}"),
            }
        }
        Self::try_start(options, ports()).unwrap_or_else(|fault| panic!("{fault}"))
    }

    fn try_start(options: &Options, ports: servers::Ports) -> Result<Self, Fault> {
        // Before the clock starts: the first time, this builds them.
        let programs = servers::Programs::new(options);
        let start = Instant::now();
        let files = Files::write(options, &ports);
        let mut cluster = Self {
            group: Mutex::new(Group::with_folder(files.folder())),
            http: tls::client(&files.authority),
            files,
            servers: Vec::new(),
            ports,
            started: Duration::ZERO,
            names: AtomicUsize::new(0),
        };
        cluster.spawn("etcd", &mut servers::etcd(&programs, &cluster.files, &cluster.ports));
        let mut api = servers::apiserver(&programs, &cluster.files, &cluster.ports, options);
        cluster.spawn("kube-apiserver", &mut api);
        cluster.ready("kube-apiserver", |cluster| {
            let (code, answer) = cluster.admin("GET", "/readyz", None);
            wait::so(code == 200, format!("{code} {answer}"))
        })?;
        if options.beside == Beside::Everything {
            cluster.bring_to_life(&programs, options)?;
        }
        cluster.started = start.elapsed();
        Ok(cluster)
    }

    /// Controllers, scheduler, nodes; done when the nodes are ready.
    fn bring_to_life(&mut self, programs: &servers::Programs, options: &Options) -> Result<(), Fault> {
        let mut controllers = servers::controllers(programs, &self.files, options.pace);
        self.spawn("kube-controller-manager", &mut controllers);
        self.spawn("kube-scheduler", &mut servers::scheduler(programs, &self.files, options.pace));
        self.kubectl_with(&files::objects(), &["apply", "--server-side", "-f", "-"]);
        self.kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd/clusterlogs.kwok.x-k8s.io",
            "--timeout=60s",
        ]);
        self.spawn("kwok", &mut servers::kwok(programs, &self.files, &self.ports));
        self.ready("kwok", |cluster| {
            let (_, nodes) = cluster.admin("GET", "/api/v1/nodes", None);
            let nodes: Vec<bool> = nodes["items"].as_array().into_iter().flatten().map(is_ready).collect();
            wait::so(nodes == [true, true], format!("nodes ready: {nodes:?}"))
        })?;
        // The controller manager is there when it has made what every cluster has.
        self.ready("kube-controller-manager", |cluster| {
            let (code, _) = cluster.admin("GET", "/api/v1/namespaces/default/serviceaccounts/default", None);
            wait::so(code == 200, format!("the default ServiceAccount: {code}"))
        })
    }

    fn spawn(&mut self, name: &'static str, command: &mut Command) {
        let log = fs::File::create(self.files.log(name)).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = self.group.get_mut().unwrap().spawn(command);
        let child = child.unwrap_or_else(|e| panic!("the part {name} cannot be started: {e}"));
        self.servers.push((child.id(), name));
    }

    /// Asks until it is so; a server that has ended, or the time, is a fault.
    fn ready(&self, server: &'static str, ask: impl Fn(&Self) -> Result<(), String>) -> Result<(), Fault> {
        let start = Instant::now();
        loop {
            if let Some(server) = self.fallen() {
                return Err(Fault { server, words: self.words_of(server) });
            }
            match ask(self) {
                Ok(()) => return Ok(()),
                Err(last) if start.elapsed() > START => {
                    return Err(Fault { server, words: format!("{}\n{last}", self.words_of(server)) });
                }
                Err(_) => wait::pause(),
            }
        }
    }

    /// A server that has ended though nobody told it to.
    fn fallen(&self) -> Option<&'static str> {
        let (ended, _) = *self.group.lock().unwrap().ended().first()?;
        self.servers.iter().find(|(id, _)| *id == ended).map(|(_, name)| *name)
    }

    /// All that a server has written.
    pub fn words_of(&self, server: &str) -> String {
        fs::read_to_string(self.files.log(server)).unwrap_or_default()
    }

    /// How long the start took, without building the programs.
    pub fn started_in(&self) -> Duration {
        self.started
    }

    /// The API server's URL.
    pub fn url(&self) -> String {
        self.ports.url()
    }

    /// The authority that the API server's certificate is from, PEM.
    pub fn authority(&self) -> &str {
        &self.files.authority
    }

    /// The token of a member of `system:masters`.
    pub fn admin_token(&self) -> &str {
        &self.files.admin
    }

    /// A kubeconfig with that token.
    pub fn kubeconfig(&self) -> PathBuf {
        self.files.kubeconfig("admin")
    }

    /// The cluster's folder.
    pub fn folder(&self) -> &Path {
        self.files.folder()
    }

    /// The ports that its servers listen on.
    pub fn ports(&self) -> Vec<u16> {
        self.ports.all(&self.servers.iter().map(|(_, name)| *name).collect::<Vec<_>>())
    }

    /// The number of its process group.
    pub fn group(&self) -> u32 {
        self.group.lock().unwrap().id()
    }

    /// What the API server has written down so far.
    pub fn audit(&self) -> audit::Log {
        audit::Log::read(&self.files.audit())
    }

    /// From now on the API server goes by this `AuthenticationConfiguration`; it
    /// sees the change by itself, soon.
    pub fn trust(&self, authentication: &str) {
        self.files.write_authentication(authentication);
    }

    /// A new namespace whose name begins so.
    pub fn namespace(&self, prefix: &str) -> String {
        let name = format!("{prefix}-{}", self.names.fetch_add(1, Ordering::SeqCst));
        let body = json!({"metadata": {"name": name}});
        let (code, answer) = self.admin("POST", "/api/v1/namespaces", Some(&body));
        assert_eq!(code, 201, "{answer}");
        name
    }

    /// What the containers of a namespace's pods say, now and before they fell over.
    pub fn say(&self, namespace: &str, lines: &[&str]) {
        let object = self.files.write_logs(namespace, lines);
        self.kubectl_with(&object, &["apply", "--server-side", "-f", "-"]);
        // kwok hears of it by a watch; it answers for any pod.
        let logs = format!("http://127.0.0.1:{}/containerLogs/{namespace}/any/any", self.ports.kwok);
        let expected: String = lines.iter().map(|line| format!("{line}\n")).collect();
        wait::until(START, "kwok knows what pods say", || {
            let text = self.http.get(&logs).send().and_then(reqwest::blocking::Response::text);
            let text = text.map_err(|e| format!("{e:?}"))?;
            wait::so(text == expected, text)
        });
    }

    /// One request with a token, as it is answered: the code, and the body (as
    /// text where it is no JSON). PATCH is server-side apply.
    pub fn call(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method: reqwest::Method = method.parse().unwrap();
        let kind = if method == "PATCH" { "application/apply-patch+yaml" } else { "application/json" };
        let mut request = self.http.request(method, format!("{}{path}", self.url()));
        request = request.bearer_auth(token).header("content-type", kind);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().and_then(|r| Ok((r.status().as_u16(), r.text()?)));
        match answer {
            Ok((code, text)) => (code, serde_json::from_str(&text).unwrap_or_else(|_| text.into())),
            Err(error) => (0, format!("{error:?}").into()),
        }
    }

    /// The same as an administrator.
    pub fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.call(self.admin_token(), method, path, body)
    }

    /// Runs kubectl as an administrator; panics with its error where it fails.
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.kubectl_with("", args)
    }

    /// The same with an input.
    pub fn kubectl_with(&self, input: &str, args: &[&str]) -> String {
        let output = self.try_kubectl(input, args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {args:?}: {error}\nfallen: {:?}", self.fallen());
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, whatever comes of it.
    pub fn try_kubectl(&self, input: &str, args: &[&str]) -> Output {
        let mut command = Command::new(parts::kubernetes().join("kubectl"));
        command.env_clear().env("HOME", self.folder()).env("KUBECONFIG", self.kubeconfig());
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
            child.wait_with_output().unwrap()
        })
    }
}

fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

#[test]
fn a_port_that_is_taken_is_left_to_who_has_it() {
    for server in [0, 2] {
        let mut tries = 0;
        let mut held = Vec::new();
        let cluster = Cluster::start_on(&Options { beside: Beside::Nothing, ..Options::default() }, || {
            let ports = servers::Ports::free();
            if tries == 0 {
                held.push(TcpListener::bind(("127.0.0.1", ports.all(&[])[server])).unwrap());
            }
            tries += 1;
            ports
        });
        assert_eq!((tries, cluster.admin("GET", "/readyz", None).0), (2, 200));
    }
}
