//! The programs that are compared, run and timed.
//!
//! Knows nothing of how the repository was made.

use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fleet::{Fleet, git};

/// What one run cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// By the clock.
    pub wall: Duration,
    /// Of all processors, user and system.
    cpu: Duration,
}

impl Cost {
    /// The run in the middle, by the clock.
    pub fn median(mut runs: Vec<Self>) -> Self {
        runs.sort_by_key(|run| run.wall);
        runs.get(runs.len() / 2).copied().unwrap_or(Self { wall: Duration::ZERO, cpu: Duration::ZERO })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms ({} ms of processors)", self.wall.as_millis(), self.cpu.as_millis())
    }
}

/// Luigi and git over one repository.
pub struct Programs {
    repository: PathBuf,
    cache: PathBuf,
    /// The ids of all definitions of both commits, a line each.
    definitions: PathBuf,
}

impl Programs {
    /// Prepares them: an empty cache, and the list of definitions.
    pub fn new(fleet: &Fleet) -> Result<Self, String> {
        let repository = fleet.repository();
        let definitions = fleet.scratch().join("definitions");
        let mut ids = Vec::new();
        for commit in ["HEAD~1", "HEAD"] {
            let listed = git(&repository, &["ls-tree", "-r", "--format=%(objectname)", commit, "apps/"])?;
            ids.extend(listed);
        }
        fs::write(&definitions, ids).map_err(|e| format!("list of definitions: {e}"))?;
        Ok(Self { repository, cache: fleet.scratch().join("cache"), definitions })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_luigi"));
        command.args(["graph", "--affected", "--no-render", "--base", "HEAD~1", "--head", "HEAD", "-C"]);
        command.arg(&self.repository).env("LUIGI_CACHE_DIR", &self.cache);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// One run of Luigi.
    pub fn luigi(&self) -> Result<Cost, String> {
        let (start, cpu) = (Instant::now(), children());
        finish("luigi", self.command().spawn())?;
        Ok(Cost { wall: start.elapsed(), cpu: children().saturating_sub(cpu) })
    }

    /// How many apps Luigi says are affected.
    pub fn affected(&self) -> Result<usize, String> {
        let output = self.command().args(["--format", "json"]).stdout(Stdio::piped()).output();
        let output = output.map_err(|e| format!("luigi: {e}"))?;
        let json: serde_json::Value =
            serde_json::from_slice(&output.stdout).map_err(|e| format!("luigi's JSON: {e}"))?;
        let affected = json.get("affected").and_then(serde_json::Value::as_array);
        affected.map(Vec::len).ok_or_else(|| "luigi's JSON has no `affected`".to_owned())
    }

    /// One run of what git needs to read the same files: both listings, and
    /// every definition of both commits.
    pub fn git(&self) -> Result<Cost, String> {
        let (start, cpu) = (Instant::now(), children());
        let command = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(arguments).current_dir(&self.repository).stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        for commit in ["HEAD~1", "HEAD"] {
            finish("git ls-tree", command(&["ls-tree", "-r", commit]).spawn())?;
        }
        let list = File::open(&self.definitions).map_err(|e| format!("list of definitions: {e}"))?;
        finish("git cat-file", command(&["cat-file", "--batch"]).stdin(list).spawn())?;
        Ok(Cost { wall: start.elapsed(), cpu: children().saturating_sub(cpu) })
    }

    /// The most memory that Luigi holds at once, in bytes.
    pub fn peak_memory(&self) -> Result<u64, String> {
        let mut child = self.command().spawn().map_err(|e| format!("luigi: {e}"))?;
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        // The kernel keeps the highest mark; it can only be asked while the process lives.
        while child.try_wait().map_err(|e| format!("luigi: {e}"))?.is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or(0) << 10);
            std::thread::yield_now();
        }
        Ok(peak)
    }
}

fn finish(name: &str, child: std::io::Result<Child>) -> Result<(), String> {
    let status = child.and_then(|mut child| child.wait()).map_err(|e| format!("{name}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}

/// Processor time of all children that have ended (proc(5), `stat`, fields 16
/// and 17, in ticks of 10 ms); zero where it cannot be had.
fn children() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = after_name.split(' ').skip(13).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// How many processors this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
