//! Runs one tool, shut in: no environment, no configuration, no way to a
//! network that we know of, and limits on time, memory and output.
//!
//! Does not know what a tool prints. What content can make a tool do is the
//! fence's to refuse; this is the second wall.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::Limits;

/// What a tool did.
#[derive(Debug)]
pub(super) enum Ran {
    /// It said it worked; what it printed.
    Ok(Vec<u8>),
    /// It said it failed; what it said about that.
    Failed(String),
    /// It was stopped; the limit, as a sentence.
    Limit(String),
}

/// Why a tool did not run. Lowercase fragments.
#[derive(Debug, thiserror::Error)]
#[error("starting {program}: {source}")]
pub(super) struct StartError {
    /// The program.
    pub(super) program: String,
    /// What the system says.
    pub(super) source: std::io::Error,
}

/// The most that is kept of what a tool says about a failure, in bytes.
const MOST_WORDS: u64 = 1 << 20;

/// Runs `program` in the private folder `private`, which has the folders `home`,
/// `tmp` and `bin`, all empty.
pub(super) fn run(
    program: &Path,
    arguments: &[String],
    private: &Path,
    limits: &Limits,
) -> Result<Ran, StartError> {
    let fail = |source| StartError { program: program.display().to_string(), source };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(private.join("tmp"));
    shut_in(&mut command, private, limits);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that what the tool starts ends with it.
    command.process_group(0);
    let mut child = command.spawn().map_err(fail)?;
    bound(&child, limits);

    let (send, receive) = mpsc::channel();
    let out = child.stdout.take();
    let words = child.stderr.take();
    read_all(out, limits.output, send.clone(), Stream::Out);
    read_all(words, MOST_WORDS, send.clone(), Stream::Words);
    watch(&child, send);
    let read = collect(&receive, Instant::now() + limits.time, limits);
    // Ends it where a limit was hit, and in any case what it left behind in its
    // group. It is not reaped yet, so its id still means this group.
    end(&child);
    let status = child.wait().map_err(fail)?;
    Ok(match read {
        Err(limit) => Ran::Limit(limit),
        Ok((out, words)) => verdict(status, out, &words, limits),
    })
}

/// Nothing of our own environment, and every proxy a dead end: a tool that
/// reaches out finds nobody. `git` is not on the `PATH`: nothing is.
fn shut_in(command: &mut Command, private: &Path, limits: &Limits) {
    command.env_clear();
    let folder = |name: &str| private.join(name).into_os_string();
    for (name, dir) in [
        ("HOME", "home"),
        ("TMPDIR", "tmp"),
        ("PATH", "bin"),
        ("XDG_CONFIG_HOME", "home"),
        ("XDG_CACHE_HOME", "home"),
        ("XDG_DATA_HOME", "home"),
        ("HELM_CONFIG_HOME", "home"),
        ("HELM_CACHE_HOME", "home"),
        ("HELM_DATA_HOME", "home"),
        ("HELM_PLUGINS", "bin"),
        ("HELM_REPOSITORY_CACHE", "home"),
        ("HELM_CONTENT_CACHE", "home"),
        ("HELM_REGISTRY_CONFIG", "home/registry.json"),
        ("HELM_REPOSITORY_CONFIG", "home/repositories.yaml"),
        ("KUSTOMIZE_PLUGIN_HOME", "bin"),
        ("KUBECONFIG", "home/kubeconfig"),
    ] {
        command.env(name, folder(dir));
    }
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.env("LC_ALL", "C").env("TZ", "UTC").env("HELM_COLOR", "never").env("NO_COLOR", "1");
    // Both tools are Go programs: collect before the hard limit is reached.
    command.env("GOMEMLIMIT", format!("{}B", limits.memory / 4 * 3));
}

/// Sets the hard limits on a program that just started; what it starts inherits
/// them. Only Linux can set another's limits; elsewhere time and output bound it.
#[cfg(target_os = "linux")]
fn bound(child: &Child, limits: &Limits) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let seconds = limits.time.as_secs().saturating_mul(4).max(1);
    for (resource, most) in [
        (Resource::As, limits.memory.saturating_add(limits.reserve)),
        (Resource::Fsize, limits.output),
        (Resource::Cpu, seconds),
        (Resource::Core, 0),
    ] {
        // It may have ended already; then there is nothing to bound.
        let _ = prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum: Some(most) });
    }
}

#[cfg(not(target_os = "linux"))]
fn bound(_: &Child, _: &Limits) {}

/// Ends the program and all that it started.
fn end(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may be gone; that is what was wanted.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Words,
    /// No stream: the program itself has ended.
    End,
}

/// All of a stream, or `None` when it has more than is allowed.
type Piece = (Stream, Option<Vec<u8>>);

/// Tells when the program has ended, without reaping it.
fn watch(child: &Child, send: mpsc::Sender<Piece>) {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    std::thread::spawn(move || {
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = send.send((Stream::End, Some(Vec::new())));
    });
}

/// Reads a stream to its end on a thread of its own, which is never waited for:
/// a stray descendant may hold the stream open.
fn read_all(stream: Option<impl Read + Send + 'static>, most: u64, send: mpsc::Sender<Piece>, which: Stream) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stream.take(most + 1).read_to_end(&mut bytes);
        let fits = read.is_ok() && bytes.len() as u64 <= most;
        // Nobody listens any more once a limit was hit.
        let _ = send.send((which, fits.then_some(bytes)));
    });
}

type Streams = (Vec<u8>, Vec<u8>);

fn collect(receive: &mpsc::Receiver<Piece>, deadline: Instant, limits: &Limits) -> Result<Streams, String> {
    let mut streams = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let left = deadline.saturating_duration_since(Instant::now());
        match receive.recv_timeout(left) {
            Ok((Stream::Out, Some(bytes))) => streams.0 = bytes,
            Ok((Stream::Words, Some(bytes))) => streams.1 = bytes,
            Ok((Stream::End, _)) => {}
            Ok((Stream::Out | Stream::Words, None)) => {
                return Err(format!("it printed more than {}", size(limits.output)));
            }
            Err(_) => return Err(format!("it took longer than {}", time(limits.time))),
        }
    }
    Ok(streams)
}

fn verdict(status: ExitStatus, out: Vec<u8>, words: &[u8], limits: &Limits) -> Ran {
    if status.success() {
        return Ran::Ok(out);
    }
    let words = String::from_utf8_lossy(words).into_owned();
    let no_memory = ["out of memory", "cannot allocate memory", "failed to reserve"];
    if no_memory.iter().any(|text| words.contains(text)) {
        return Ran::Limit(format!("it used more memory than {}", size(limits.memory)));
    }
    match status.signal() {
        None => Ran::Failed(words),
        Some(signal) => Ran::Limit(format!("it was ended by signal {signal}")),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

fn time(time: Duration) -> String {
    if time >= Duration::from_secs(1) {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}
