//! Real fleets into the ledger: deployed, deployed again, rolled back, and put
//! together again where there is nothing but the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use luigi::object;
use serde_json::Value;

use super::{Read, texts};
use crate::faults::fleet::{Fleet, Ledger, Ran, ended};
use crate::support::repo::git;
use crate::support::{corpus, parts};

const LEDGER: &str = "refs/heads/luigi/ledger";

/// A clone of a fleet, some commits before its end, with the luigi.yaml that
/// `luigi init` writes. Its ledger is a local branch.
struct Root {
    around: tempfile::TempDir,
    dir: PathBuf,
}

/// One deploy that was done: its outcome's number, and the objects of the
/// environment after it, by path, byte for byte.
#[derive(PartialEq, Eq)]
struct Deployed {
    seq: u64,
    objects: BTreeMap<String, Vec<u8>>,
}

impl Root {
    fn new(fleet: &str, commits_before: usize) -> Self {
        let around = tempfile::tempdir().unwrap();
        let dir = corpus::clone(fleet, around.path());
        let this = Self { around, dir };
        this.git(&["remote", "remove", "origin"]);
        this.git(&["checkout", "-q", "-b", "work", &format!("main~{commits_before}")]);
        this.luigi(&["init"]).exits(0);
        this.git(&["add", "luigi.yaml"]);
        this.git(&["commit", "-q", "-m", "the root"]);
        this
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.dir, args)
    }

    /// A commit with the files that another one has, and our luigi.yaml.
    fn move_to(&self, revision: &str) {
        let config = self.git(&["rev-parse", "HEAD:luigi.yaml"]);
        self.git(&["read-tree", "--reset", "-u", revision]);
        self.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{config},luigi.yaml")]);
        self.git(&["commit", "-q", "-m", revision]);
        self.git(&["reset", "-q", "--hard"]);
    }

    /// The program, with the render tools and a cache.
    fn luigi(&self, args: &[&str]) -> Ran {
        let mut command = Fleet::luigi(&self.dir, args);
        command.env("LUIGI_TOOLS", parts::tools()).env("XDG_CACHE_HOME", self.around.path().join("cache"));
        ended(command.spawn().unwrap())
    }

    /// Runs it to a good end. Deletes are confirmed as asked for.
    #[track_caller]
    fn confirmed(&self, args: &[&str]) {
        let ran = self.luigi(args);
        let Some((_, asked)) = ran.out.split_once("--confirm") else {
            ran.exits(0);
            return;
        };
        let digest = asked.split_whitespace().next().unwrap().trim_end_matches('.');
        self.luigi(&[args, &["--confirm", digest]].concat()).exits(0);
    }

    /// Deploys apps, all of them where none is named.
    #[track_caller]
    fn deploy(&self, environment: &str, apps: &BTreeSet<String>) -> Deployed {
        let apps = apps.iter().flat_map(|app| ["--app", app]);
        self.confirmed(&["deploy", "-e", environment].into_iter().chain(apps).collect::<Vec<_>>());
        self.deployed(environment)
    }

    /// Puts an entry back.
    #[track_caller]
    fn back_to(&self, environment: &str, then: &Deployed) {
        self.confirmed(&["rollback", "-e", environment, "--to", &then.seq.to_string()]);
        let now = self.deployed(environment);
        assert!(now.objects == then.objects, "{environment} is not as it was at entry {}", then.seq);
    }

    #[track_caller]
    fn deployed(&self, environment: &str) -> Deployed {
        self.luigi(&["verify"]).exits(0);
        Deployed::read(&self.dir, environment)
    }

    /// A repository that holds a luigi.yaml and the ledger, and nothing else.
    fn ledger_alone(&self, environment: &str) -> PathBuf {
        let dir = tempfile::tempdir_in(self.around.path()).unwrap().keep();
        git(&dir, &["init", "-q", "-b", "main"]);
        let config = format!(
            "apiVersion: luigi.dev/v1\nkind: Root\nenvironments:\n  spare: {{apps: [nothing/*.yaml]}}\n  \
             {environment}: {{apps: [nothing/*.yaml]}}\n"
        );
        std::fs::write(dir.join("luigi.yaml"), config).unwrap();
        git(&dir, &["add", "-A"]);
        git(&dir, &["commit", "-q", "-m", "nothing but the configuration"]);
        let source = format!("file://{}", self.dir.display());
        git(&dir, &["fetch", "-q", "--no-tags", &source, &format!("{LEDGER}:{LEDGER}")]);
        dir
    }

    /// From the state `first` on to `revision`, back to `first`, and both again
    /// where there are no sources and no tools.
    #[track_caller]
    fn there_and_back(&self, environment: &str, apps: &BTreeSet<String>, first: &Deployed, revision: &str) {
        self.move_to(revision);
        let second = self.deploy(environment, apps);
        assert!(second.objects != first.objects, "{environment}: the later commit changes nothing");
        self.back_to(environment, first);
        for then in [first, &second] {
            let dir = self.ledger_alone(environment);
            // No program is on its PATH, and no tool is named.
            let luigi = |args: &[&str]| ended(Fleet::luigi(&dir, args).spawn().unwrap());
            let entry = then.seq.to_string();
            luigi(&["restore", "-e", "spare", "--from", environment, "--entry", &entry]).exits(0);
            luigi(&["verify"]).exits(0).says(&["holds"]);
            assert!(Deployed::read(&dir, "spare").objects == then.objects, "entry {entry}");
        }
    }
}

impl Deployed {
    fn read(dir: &Path, environment: &str) -> Self {
        let ledger = Ledger::read(dir, &git(dir, &["rev-parse", LEDGER]));
        ledger.sound();
        let top = format!("environments/{environment}/");
        let files = ledger.below(&top).into_iter().filter(|(path, _)| path.ends_with("/objects.yaml"));
        let objects = files.map(|(path, bytes)| (path[top.len()..].to_owned(), bytes.to_vec())).collect();
        let done = |record: &&Value| {
            record["kind"] == "outcome"
                && record["environment"] == environment
                && record["outcome"]["verdict"] == "done"
        };
        let record = ledger.records().into_iter().rfind(|record| done(&record)).unwrap();
        Self { seq: record["ledger"]["seq"].as_u64().unwrap(), objects }
    }

    /// The apps.
    fn apps(&self) -> BTreeSet<&str> {
        self.objects.keys().filter_map(|path| path.strip_suffix("/objects.yaml")).collect()
    }
}

/// The apps that problems of a kind are about, by the first word of what is told.
fn told(ran: &Ran, code: &str) -> BTreeMap<String, String> {
    let start = format!("error[{code}]: ");
    let problems = ran.out.split("\n\n").filter_map(|problem| problem.trim_start().strip_prefix(&start));
    // Text is wrapped at the width of a line.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = problems.filter_map(|p| words(p).split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())));
    parts.collect()
}

/// Deploys all that can be: first without a choice, which is refused with the
/// names of those that cannot be rendered; then the others, which is refused with
/// the names of those that need one of the first; then what is left.
#[track_caller]
fn around_the_refused(
    root: &Root,
    environment: &str,
    all: BTreeSet<String>,
) -> (BTreeSet<String>, BTreeMap<String, String>) {
    let tip = || git(&root.dir, &["for-each-ref", "--format=%(objectname)", LEDGER]);
    let ran = root.luigi(&["deploy", "-e", environment]).exits(3);
    let refused = told(&ran, "L0705");
    assert!(!refused.is_empty() && refused.keys().all(|app| all.contains(app)), "{ran:#?}");
    let mut apps = all;
    apps.retain(|app| !refused.contains_key(app));
    let mut args = vec!["deploy", "-e", environment];
    args.extend(apps.iter().flat_map(|app| ["--app", app]));
    let ran = root.luigi(&args);
    let needing = told(&ran, "L0709");
    ran.exits(if needing.is_empty() { 0 } else { 3 });
    assert!(!tip().is_empty());
    apps.retain(|app| !needing.contains_key(app));
    (apps, refused)
}

/// Both environments whole. Between the two commits an app is split in three,
/// and Namespaces go: deletes that must be confirmed.
#[test]
fn flux2_kustomize_helm_example_there_and_back() {
    let root = Root::new("flux2-kustomize-helm-example", 30);
    let all = BTreeSet::new();
    let staging = root.deploy("staging", &all);
    let production = root.deploy("production", &all);
    assert_eq!(
        production.apps(),
        ["Kustomization/flux-system/apps", "Kustomization/flux-system/infrastructure"].into()
    );
    root.there_and_back("production", &all, &production, "main");
    assert!(root.deployed("staging") == staging, "the other environment is as it was");
    root.luigi(&["deploy", "-e", "production"]).exits(3).says(&["--confirm"]);
}

/// All that can be rendered; what cannot be is refused by name, and so is what
/// needs it.
#[test]
fn home_ops_there_and_back_around_what_is_refused() {
    let root = Root::new("home-ops", 10);
    let all = Read::head(&root.dir).own_steps("main");
    let (apps, refused) = around_the_refused(&root, "main", all);
    let why = &refused["Kustomization/flux-system/qbittorrent"];
    assert!(why.contains("qbittorrent/app/scripts/xseed.sh does not exist"), "{why}");
    assert_eq!(refused.len(), 7, "{refused:#?}");
    assert!(apps.len() > 80 && !apps.contains("Kustomization/flux-system/autobrr"), "it needs qbittorrent");
    let first = root.deploy("main", &apps);
    assert_eq!(first.apps(), apps.iter().map(String::as_str).collect());
    root.there_and_back("main", &apps, &first, "main");
}

/// One environment of 24.
#[test]
fn phalanx_there_and_back_around_what_is_refused() {
    let root = Root::new("phalanx", 10);
    let all = Read::head(&root.dir).own_steps("idfdev");
    let (apps, refused) = around_the_refused(&root, "idfdev", all);
    for (app, why) in &refused {
        assert!(why.starts_with("is not rendered: chart ") && why.contains(" not fetched"), "{app}: {why}");
    }
    let first = root.deploy("idfdev", &apps);
    assert!(apps.len() > 20, "{apps:?}");
    assert_eq!(first.apps(), apps.iter().map(String::as_str).collect());
    root.there_and_back("idfdev", &apps, &first, "main");
}

/// What lies in the ledger is what kustomize renders by hand.
#[test]
fn what_is_deployed_is_what_kustomize_renders() {
    let root = Root::new("flux2-kustomize-helm-example", 0);
    let deployed = root.deploy("staging", &BTreeSet::new());
    for (app, path) in [("apps", "apps/staging"), ("infra-controllers", "infrastructure/controllers")] {
        let bytes = &deployed.objects[&format!("Kustomization/flux-system/{app}/objects.yaml")];
        let read = |text: &[u8]| texts(object::objects("", text).0);
        let hand = super::hand::run(&root.dir, "kustomize", &["build", path]).unwrap();
        assert_eq!(read(bytes), read(hand.as_bytes()), "{app}");
    }
}
