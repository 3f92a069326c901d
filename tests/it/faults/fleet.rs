//! Five apps in three layers, the program, and a hub that counts its pushes and
//! strikes at one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use luigi::files::{EntryKind, Files as _, Next, walk};
use luigi::name::{CommitId, RepoPath};
use luigi::outside::git::Repo;
use serde_json::Value;

use crate::support::git_server::{Before, GitServer, Request};
use crate::support::repo::{Scratch, git};

pub const LEDGER: &str = "luigi/ledger";
const REF: &str = "refs/heads/luigi/ledger";
/// What the hub's hook refuses in what is deployed.
pub const MARKER: &str = "not-on-this-hub";

/// App, and what it needs: three layers.
const APPS: [(&str, &str); 5] =
    [("db", ""), ("queue", ""), ("api", "db, queue"), ("jobs", "queue"), ("web", "api")];

/// When a push is struck: git has not heard of it, or has carried it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// What happens to the program then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    Kill,
    Term,
    /// The connection is closed.
    Cut,
}

/// One blow at the push of that number, from 1.
#[derive(Debug, Clone, Copy)]
pub struct Strike {
    pub push: usize,
    pub moment: Moment,
    pub blow: Blow,
}

#[derive(Default)]
struct Control {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pushes: usize,
    strike: Option<Strike>,
    struck: bool,
    armed: bool,
    pid: Option<u32>,
    /// So many pushes are held until all of them are there.
    meet: usize,
}

impl Control {
    fn before(&self, request: &Request) -> Before {
        if !request.is_push() {
            return Before::Serve;
        }
        let mut state = self.state.lock().unwrap();
        state.pushes += 1;
        self.changed.notify_all();
        let number = state.pushes;
        if number <= state.meet {
            drop(self.changed.wait_while(state, |state| state.pushes < state.meet).unwrap());
            return Before::Serve;
        }
        let Some(strike) = state.strike.filter(|strike| strike.push == number) else { return Before::Serve };
        state.struck = true;
        match (strike.moment, strike.blow) {
            (Moment::Before, Blow::Kill) => {
                signal("KILL", state.pid.unwrap());
                Before::Drop
            }
            (Moment::Before, Blow::Term) => {
                signal("TERM", state.pid.unwrap());
                Before::Serve
            }
            (Moment::Before, Blow::Cut) => Before::Drop,
            (Moment::After, Blow::Cut) => Before::DropAnswer,
            (Moment::After, Blow::Kill | Blow::Term) => {
                state.armed = true;
                Before::Serve
            }
        }
    }

    fn after(&self, request: &Request) {
        let mut state = self.state.lock().unwrap();
        if request.is_push() && std::mem::take(&mut state.armed) {
            let blow = state.strike.map(|strike| strike.blow);
            signal(if blow == Some(Blow::Term) { "TERM" } else { "KILL" }, state.pid.unwrap());
        }
    }
}

/// The shell's own `kill`, which is everywhere. The process is ours and not
/// waited for yet, so its number is still its own.
fn signal(name: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
    assert!(status.success());
}

/// What a run of the program said.
#[derive(Debug)]
pub struct Ran {
    /// `None` when it was killed.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "{word:?} is not in {self:#?}");
        }
        self
    }
}

/// The fleet's repository, its hub behind HTTP, and clones.
pub struct Fleet {
    scratch: Scratch,
    server: GitServer,
    control: Arc<Control>,
    clones: std::cell::Cell<usize>,
    /// Five apps at version 1; then all of them at 2, at 3, and at 4 with one
    /// that the hub refuses.
    pub commits: [String; 4],
}

impl Fleet {
    /// `deploy` is luigi.yaml's key of that name, as `{onCrash: rollback}`.
    pub fn new(deploy: &str) -> Self {
        let scratch = Scratch::new();
        let config = format!(
            "apiVersion: luigi.dev/v1\nkind: Root\nurls: [https://github.com/acme/platform]\n\
             environments:\n  staging: {{apps: [apps/*.yaml]}}\n  spare: {{apps: [apps/*.yaml]}}\n\
             deploy: {deploy}\n"
        );
        scratch.commit(&[("luigi.yaml", &config)], "the root");
        let commits = ["1", "2", "3", "4"].map(|version| version_of(&scratch, version));
        scratch.git(&["clone", "-q", "--bare", ".", "../hub.git"]);
        let hook = scratch.around().join("hub.git/hooks/pre-receive");
        let text = format!(
            "#!/bin/sh\nwhile read -r old new ref; do\n  if git grep -q {MARKER} \"$new\" -- 'environments/*/objects.yaml'\n  \
             then echo 'this hub takes no such objects' >&2; exit 1; fi\ndone\n"
        );
        std::fs::write(&hook, text).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        let control = Arc::new(Control::default());
        let (before, after) = (Arc::clone(&control), Arc::clone(&control));
        let server =
            GitServer::with_hooks(scratch.around(), move |r| before.before(r), move |r| after.after(r));
        Self { scratch, server, control, clones: std::cell::Cell::new(0), commits }
    }

    /// A fleet with version 1 deployed, and the ledger's tip.
    pub fn deployed(deploy: &str) -> (Self, String) {
        let fleet = Self::new(deploy);
        fleet.deploy(&fleet.clone_hub(), 0).exits(0);
        let tip = fleet.tip().unwrap();
        (fleet, tip)
    }

    /// The bare repository.
    pub fn hub(&self) -> PathBuf {
        self.scratch.around().join("hub.git")
    }

    /// The folder of the hub and the clones.
    pub fn around(&self) -> &Path {
        self.scratch.around()
    }

    /// A clone that has nothing but what a job checks out: `main`, without the
    /// ledger.
    pub fn clone_hub(&self) -> PathBuf {
        let name = format!("clone-{}", self.clones.replace(self.clones.get() + 1));
        let dir = self.scratch.around().join(&name);
        let source = format!("file://{}", self.hub().display());
        git(self.scratch.around(), &["clone", "-q", "--single-branch", "--branch", "main", &source, &name]);
        git(&dir, &["remote", "set-url", "origin", &self.server.url("hub.git")]);
        dir
    }

    /// A clone of one commit without its history, as `actions/checkout` makes it.
    pub fn shallow(&self, commit: usize) -> PathBuf {
        let name = format!("clone-{}", self.clones.replace(self.clones.get() + 1));
        let dir = self.scratch.around().join(&name);
        git(&self.hub(), &["branch", "-f", &name, &self.commits[commit]]);
        let source = format!("file://{}", self.hub().display());
        git(self.scratch.around(), &["clone", "-q", "--depth", "1", "--branch", &name, &source, &name]);
        git(&dir, &["remote", "set-url", "origin", &self.server.url("hub.git")]);
        dir
    }

    /// The program in a clone, with no other program on its `PATH`.
    pub fn luigi(dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_luigi"));
        command.args(args).current_dir(dir).env_clear().env("PATH", "/nonexistent").env("USER", "ada");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it, as the one that a strike is aimed at.
    pub fn start(&self, mut command: Command) -> Child {
        // Whoever strikes waits for the number.
        let mut state = self.control.state.lock().unwrap();
        let child = command.spawn().unwrap();
        state.pid = Some(child.id());
        child
    }

    /// Runs it to its end.
    pub fn run(&self, dir: &Path, args: &[&str]) -> Ran {
        ended(self.start(Self::luigi(dir, args)))
    }

    /// `luigi deploy` of the commit with that number.
    pub fn deploy(&self, dir: &Path, commit: usize) -> Ran {
        self.run(dir, &["deploy", "-e", "staging", "--head", &self.commits[commit]])
    }

    /// From now on: pushes are counted from 1 again, and that one is struck.
    pub fn aim(&self, strike: Option<Strike>) {
        *self.control.state.lock().unwrap() = State { strike, ..State::default() };
    }

    /// From now on: the first two pushes reach git at the same moment.
    pub fn meet(&self) {
        *self.control.state.lock().unwrap() = State { meet: 2, ..State::default() };
    }

    /// Whether the push that was aimed at came.
    pub fn struck(&self) -> bool {
        self.control.state.lock().unwrap().struck
    }

    /// How many pushes there were since the last aim.
    pub fn pushes(&self) -> usize {
        self.control.state.lock().unwrap().pushes
    }

    /// The ledger's tip at the hub.
    pub fn tip(&self) -> Option<String> {
        let id = git(&self.hub(), &["for-each-ref", "--format=%(objectname)", REF]);
        (!id.is_empty()).then_some(id)
    }

    /// Puts the hub's ledger back to a tip.
    pub fn reset(&self, tip: &str) {
        git(&self.hub(), &["update-ref", REF, tip]);
    }

    /// The commits of the ledger since a tip, oldest first.
    pub fn subjects(&self, since: &str) -> Vec<String> {
        let range = format!("{since}..{REF}");
        let text = git(&self.hub(), &["log", "--reverse", "--format=%s", &range]);
        text.lines().map(str::to_owned).collect()
    }

    /// Everything that the ledger holds at the hub.
    pub fn ledger(&self) -> Ledger {
        Ledger::read(&self.hub(), &self.tip().unwrap())
    }

    /// What must hold of every ledger whose runs are all over.
    #[track_caller]
    pub fn sound(&self, clone: &Path) -> Ledger {
        self.run(clone, &["verify"]).exits(0);
        let ledger = self.ledger();
        ledger.sound();
        ledger
    }
}

/// Waits for the program.
pub fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// All five apps at a version; the last in order holds the marker at version 4.
fn version_of(scratch: &Scratch, version: &str) -> String {
    let mut files = Vec::new();
    for (name, needs) in APPS {
        let app = format!(
            "apiVersion: luigi.dev/v1\nkind: App\nmetadata: {{name: {name}}}\nspec:\n  source: \
             {{repo: https://github.com/acme/platform, path: content/{name}}}\n  namespace: shop\n  \
             needs: [{needs}]\n"
        );
        let mut map = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  version: v{version}\n"
        );
        if version == "4" && name == "web" {
            writeln!(map, "  word: {MARKER}").unwrap();
        }
        files.push((format!("apps/{name}.yaml"), app));
        files.push((format!("content/{name}/map.yaml"), map));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    scratch.commit(&files, &format!("version {version}"))
}

/// Whether two states are held to the same entry numbers. A run that was undone
/// and done again has other numbers; a run that was finished has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    Same,
    Differ,
}

/// The files of a ledger at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Ledger {
    pub fn read(repo: &Path, commit: &str) -> Self {
        let files = Repo::open(repo).unwrap().files(CommitId::parse(commit).unwrap()).unwrap();
        let top = files.entry(&RepoPath::root()).unwrap().unwrap();
        let mut all = BTreeMap::new();
        walk(&files, top.id, &RepoPath::root(), &mut |at, entry| {
            if entry.kind != EntryKind::Directory {
                all.insert(at.to_string(), files.blob(entry.id)?.to_vec());
            }
            Ok(Next::Enter)
        })
        .unwrap();
        Self { files: all }
    }

    /// The records, in order.
    pub fn records(&self) -> Vec<Value> {
        let mut records: Vec<(u64, Value)> = Vec::new();
        for (path, bytes) in &self.files {
            let parts: Vec<&str> = path.split('/').collect();
            if let ["entries", seq, "record.json"] = parts[..] {
                records.push((seq.parse().unwrap(), serde_json::from_slice(bytes).unwrap()));
            }
        }
        records.sort_by_key(|(seq, _)| *seq);
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// The entries' files.
    pub fn entries(&self) -> BTreeMap<&str, &[u8]> {
        self.below("entries/")
    }

    pub fn below(&self, top: &str) -> BTreeMap<&str, &[u8]> {
        let inside = self.files.iter().filter(|(path, _)| path.starts_with(top));
        inside.map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect()
    }

    /// What is deployed. A time is never compared: the clock has moved. All
    /// else is, `revision` included, since the same commit was deployed.
    pub fn environments(&self, numbers: Numbers) -> BTreeMap<String, Value> {
        let value = |path: &str, bytes: &[u8]| {
            if !path.ends_with(".json") {
                return Value::String(String::from_utf8(bytes.to_vec()).unwrap());
            }
            let mut value: Value = serde_json::from_slice(bytes).unwrap();
            let map = value.as_object_mut().unwrap();
            map.remove("settledAt");
            if numbers == Numbers::Differ {
                map.remove("seq");
            }
            value
        };
        let below = self.below("environments/");
        below.into_iter().map(|(path, bytes)| (path.to_owned(), value(path, bytes))).collect()
    }

    /// No entry twice, each intent ended once, nothing staged, nothing held.
    #[track_caller]
    pub fn sound(&self) {
        assert_eq!(self.below("staged/").keys().collect::<Vec<_>>(), Vec::<&&str>::new());
        for (path, bytes) in self.below("environments/") {
            if path.ends_with("/environment.json") {
                let value: Value = serde_json::from_slice(bytes).unwrap();
                assert_eq!(value.get("lease"), None, "{path}");
            }
        }
        let (mut intents, mut ended, mut seen) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
        for record in self.records() {
            let (run, kind) = (record["run"]["id"].to_string(), record["kind"].as_str().unwrap().to_owned());
            // A run that ended another's before its own has one entry of each kind too.
            assert!(seen.insert((run.clone(), kind.clone())), "{kind} of {run} twice");
            let at = &record["ledger"];
            match kind.as_str() {
                "intent" => assert!(intents.insert(at["seq"].as_u64().unwrap())),
                _ => ended.extend(at["intent"].as_u64()),
            }
        }
        let once: BTreeSet<u64> = ended.iter().copied().collect();
        assert_eq!((once.len(), once), (ended.len(), intents), "each intent is ended once");
    }
}
