//! Nothing stays: no process, no open port, no folder, however a cluster ends.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::{Beside, Cluster, Options};
use crate::support::group::Group;
use crate::support::wait::{pause, so, until};

/// Set in the process that is killed.
const VICTIM: &str = "LUIGI_BENCH_VICTIM";

/// What can be seen of a cluster from outside.
struct Traces {
    group: u64,
    ports: Vec<u16>,
    folder: PathBuf,
}

impl Traces {
    fn read(text: &Value) -> Self {
        let ports = text["ports"].as_array().unwrap().iter();
        Self {
            group: text["group"].as_u64().unwrap(),
            ports: ports.map(|p| p.as_u64().unwrap().try_into().unwrap()).collect(),
            folder: text["folder"].as_str().unwrap().into(),
        }
    }

    /// What is still there.
    fn left(&self) -> Vec<String> {
        let open = self.ports.iter().filter(|port| TcpStream::connect(("127.0.0.1", **port)).is_ok());
        let mut left: Vec<String> = open.map(|port| format!("port {port}")).collect();
        left.extend(members(self.group).into_iter().map(|process| format!("process {process}")));
        left.extend(self.folder.exists().then(|| format!("folder {}", self.folder.display())));
        left
    }
}

/// The processes of a group that still run.
fn members(group: u64) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.unwrap().path().join("stat")).ok()?;
        // After the name, which may hold anything: state, parent, group (proc(5)).
        let (name, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ours = fields.get(2)?.parse() == Ok(group) && fields.first() != Some(&"Z");
        ours.then(|| name.to_owned())
    });
    processes.collect()
}

fn traces(cluster: &Cluster) -> Value {
    json!({"group": cluster.group(), "ports": cluster.ports(), "folder": cluster.folder()})
}

fn small() -> Cluster {
    Cluster::start(&Options { beside: Beside::Nothing, ..Options::default() })
}

#[test]
fn a_dropped_cluster_leaves_nothing() {
    let cluster = small();
    let traces = Traces::read(&traces(&cluster));
    // Ports of etcd, its peers and the API server; leader and two servers; the folder.
    assert_eq!(traces.left().len(), 3 + 3 + 1, "{:?}", traces.left());
    drop(cluster);
    assert_eq!(traces.left(), [""; 0]);
}

#[test]
fn a_killed_test_process_leaves_nothing() {
    if std::env::var_os(VICTIM).is_some() {
        let cluster = small();
        println!("\n{VICTIM} {}", traces(&cluster));
        loop {
            pause();
        }
    }
    // In a group, so that it ends with us when something here fails.
    let mut group = Group::new();
    let name = "cluster::gone::a_killed_test_process_leaves_nothing";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture"])
        .env(VICTIM, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let victim = group.spawn(&mut command).unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.into_iter().find_map(|line| Some(line.strip_prefix(VICTIM)?.to_owned()));
    let traces = Traces::read(&serde_json::from_str(&line.expect("the victim's cluster came up")).unwrap());
    assert_eq!(traces.left().len(), 3 + 3 + 1, "{:?}", traces.left());
    victim.kill().unwrap();
    victim.wait().unwrap();
    until(Duration::from_secs(20), "all of it is gone", || {
        let left = traces.left();
        so(left.is_empty(), left.join(", "))
    });
}

#[test]
fn a_group_ends_its_members_and_takes_its_folder_along() {
    let folder = tempfile::tempdir().unwrap().keep();
    let mut group = Group::with_folder(&folder);
    // One that would not go by itself, and has made a process of its own.
    let script = "trap '' TERM HUP; touch made; sleep 1000 & wait";
    group.spawn(Command::new("sh").args(["-c", script]).current_dir(&folder)).unwrap();
    let id = u64::from(group.id());
    until(Duration::from_secs(20), "it runs", || {
        so(Path::new(&folder).join("made").exists() && members(id).len() == 3, format!("{:?}", members(id)))
    });
    drop(group);
    assert_eq!(members(id), [""; 0]);
    assert!(!folder.exists());
}
