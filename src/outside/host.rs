//! This machine and its processes: who is running, is it still, and was it asked
//! to stop.
//!
//! Reads `/proc` and `/etc/passwd`. Without the first nobody is known to be gone, and
//! deadlines decide.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Who a process is, so that another can tell whether it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessName {
    /// The machine: its name, its boot and the process namespace, since two
    /// containers of one machine may share the first two.
    pub host: String,
    /// The process: its number and when it started, in ticks since boot.
    pub process: String,
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Alive,
    /// It does not, and never will again.
    Gone,
    /// It is on another machine, or nothing can be asked here.
    Unknown,
}

/// This process.
pub fn this_process() -> ProcessName {
    let pid = std::process::id();
    let process = match started(pid) {
        Some(start) => format!("{pid}:{start}"),
        None => format!("{pid}:?"),
    };
    ProcessName { host: host().unwrap_or_else(|| "unknown".to_owned()), process }
}

/// A flag that SIGINT, SIGTERM and SIGHUP set. A second one ends the program at
/// once, with exit code 6: what it leaves behind, the next run ends.
pub fn cancel_on_signals() -> std::io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the first signal finds the flag not set yet.
        signal_hook::flag::register_conditional_shutdown(signal, 6, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Whether that process still runs.
pub fn liveness(name: &ProcessName) -> Liveness {
    if host().is_none_or(|host| host != name.host) {
        return Liveness::Unknown;
    }
    let Some((pid, start)) = name.process.split_once(':') else { return Liveness::Unknown };
    let Ok(pid) = pid.parse::<u32>() else { return Liveness::Unknown };
    match started(pid) {
        Some(now) if now == start => Liveness::Alive,
        None if start == "?" => Liveness::Unknown,
        // Another start: the number belongs to another process now.
        Some(_) | None => Liveness::Gone,
    }
}

/// What this machine calls its user: the name of the process's user id, or the id
/// where it has no name. Nobody vouches for it, so no variable is asked either.
pub fn user() -> String {
    let id = rustix::process::getuid().as_raw().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&users, &id).unwrap_or(&id).to_owned()
}

/// `passwd(5)`: name, password, id.
fn named<'a>(users: &'a str, id: &str) -> Option<&'a str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, own) = (fields.next()?, fields.nth(1)?);
        (own == id && !name.is_empty()).then_some(name)
    })
}

fn host() -> Option<String> {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let name = read("/proc/sys/kernel/hostname")?;
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{name} {boot} {}", namespace.display()))
}

/// `proc_pid_stat(5)`: field 22, counted after the name in parentheses, which may
/// hold anything. A zombie has ended.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    if fields.next().is_none_or(|state| state == "Z" || state == "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_or_else_an_id() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\n\nbroken\n:x:7::\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(named(users, "0"), Some("root"));
        assert_eq!(named(users, "1000"), Some("alice"));
        assert_eq!([named(users, "7"), named(users, "100"), named("", "0")], [None; 3]);
        assert!(!user().is_empty());
    }

    #[test]
    fn knows_the_living_from_the_dead() {
        let me = this_process();
        assert_eq!(liveness(&me), Liveness::Alive);
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let start = started(child.id()).unwrap();
        let name = ProcessName { process: format!("{}:{start}", child.id()), ..me.clone() };
        assert_eq!(liveness(&name), Liveness::Alive);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(liveness(&name), Liveness::Gone);
        let reused = ProcessName { process: format!("{}:1", std::process::id()), ..me.clone() };
        assert_eq!(liveness(&reused), Liveness::Gone);
        assert_eq!(liveness(&ProcessName { host: "elsewhere".into(), ..me }), Liveness::Unknown);
    }
}
