//! Processes that end with this one, whatever ends it: a panic, an `exit`, a
//! SIGKILL.
//!
//! Each group has a leader that holds the reading end of a pipe. The kernel
//! closes our end when we are gone; then the leader kills its own process group.
//! The group's number cannot be given to others while the leader lives, so no
//! stranger is ever hit. No unsafe code, and no timer.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Reads to the end, then kills the whole group and so itself.
const LEADER: &str = "trap '' HUP INT TERM; while read -r _; do :; done; kill -KILL 0";
/// Reads to the end, which comes with the leader's; then removes a folder. A
/// process that is being killed may still make a file meanwhile, so it tries again.
const CLEANER: &str = "trap '' HUP INT TERM; while read -r _; do :; done; \
    for _ in 1 2 3 4 5 6 7 8 9; do rm -rf \"$1\" 2>/dev/null && exit; sleep 0.2; done";

/// A process group; dropping it kills all of its members and waits for them.
pub struct Group {
    leader: Child,
    cleaner: Option<Child>,
    members: Vec<Child>,
}

impl Group {
    /// An empty group.
    pub fn new() -> Self {
        Self { leader: shell(LEADER, None, Stdio::piped()), cleaner: None, members: Vec::new() }
    }

    /// An empty group that takes a folder along.
    pub fn with_folder(folder: &Path) -> Self {
        let mut group = Self::new();
        let end = group.leader.stdout.take().unwrap();
        group.cleaner = Some(shell(CLEANER, Some(folder), end.into()));
        group
    }

    /// The group's number.
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// Starts a program in it.
    pub fn spawn(&mut self, command: &mut Command) -> io::Result<&mut Child> {
        let child = command.process_group(self.id().try_into().unwrap()).spawn()?;
        self.members.push(child);
        Ok(self.members.last_mut().unwrap())
    }

    /// The members that have ended by themselves, with how they did.
    pub fn ended(&mut self) -> Vec<(u32, std::process::ExitStatus)> {
        let ended = self.members.iter_mut().filter_map(|m| Some((m.id(), m.try_wait().ok()??)));
        ended.collect()
    }
}

/// A shell in a group of its own that reads from the pipe; without a folder it
/// is a leader, whose input we hold.
fn shell(script: &str, folder: Option<&Path>, stdin: Stdio) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).args(folder).process_group(0);
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|e| panic!("sh: {e}"))
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.leader.stdin.take());
        drop(self.leader.wait());
        for member in &mut self.members {
            drop(member.wait());
        }
        if let Some(cleaner) = &mut self.cleaner {
            drop(cleaner.wait());
        }
    }
}
