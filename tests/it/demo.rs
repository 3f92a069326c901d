//! `luigi demo`: the story it tells, with the program alone on the machine; and
//! that the commands it ends with work as printed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::repo::git;

/// The demo's output, and a temporary folder of its own that it ran in.
struct Told {
    temp: tempfile::TempDir,
    out: String,
}

/// The demo in an environment that has no tool and no git identity.
fn luigi(temp: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_luigi"));
    command.arg("demo").env_clear().env("PATH", "/dev/null").env("TMPDIR", temp).current_dir(temp);
    command
}

fn names(dir: &Path) -> BTreeSet<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn demo() -> Told {
    // A name that a shell would take apart.
    let temp = tempfile::Builder::new().prefix("it's a demo ").tempdir().unwrap();
    let output = luigi(temp.path()).output().unwrap();
    Told { out: text(&output), temp }
}

impl Told {
    /// Where the demo says that everything is.
    fn folder(&self) -> PathBuf {
        let (_, rest) = self.out.split_once("it is all in ").unwrap();
        PathBuf::from(rest.lines().next().unwrap())
    }

    /// Every command that it ends with, in order, without what is said of it.
    fn commands(&self) -> Vec<String> {
        let (_, rest) = self.out.split_once("it is all in ").unwrap();
        let lines = rest.lines().skip(1).map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| line.split("  ").next().unwrap().to_owned()).collect()
    }

    /// Where a text stands; it must, and after those before it.
    #[track_caller]
    fn in_order(&self, words: &[&str]) {
        let mut rest = self.out.as_str();
        for word in words {
            let at = rest.find(word).unwrap_or_else(|| panic!("{word:?} does not follow in {}", self.out));
            rest = &rest[at + word.len()..];
        }
    }
}

#[test]
fn the_story_is_told_and_the_ledger_has_it() {
    let told = demo();
    told.in_order(&[
        "five apps",
        "done. 5 delivered",
        "A change to the database and to search",
        "because content/database/deployment.yaml differs",
        "allowed",
        "done. ",
        "breaks web",
        "failed and rolled back",
        "What a reviewer would see",
        "### ↩ `staging`: failed and rolled back",
        "Look further",
    ]);
    let folder = told.folder();
    assert_eq!(names(told.temp.path()), BTreeSet::from([folder.clone()]), "nothing that is not named");
    let remote = folder.join("remote.git");
    let log = git(&remote, &["log", "--reverse", "--format=%s", "luigi/ledger"]);
    let (_, last) = log.split_once("intent 5").unwrap();
    let steps: Vec<&str> = last.lines().skip(1).map(|line| line.split_once(": ").unwrap().1).collect();
    assert_eq!(
        steps,
        [
            "deliver App/_/database",
            "deliver App/_/payments",
            "put back App/_/payments",
            "put back App/_/database",
            "outcome 6 of deploy by unknown: rolled back",
        ]
    );
    let tree = |commit: &str| git(&remote, &["rev-parse", &format!("{commit}:environments")]);
    let before = git(&remote, &["log", "--format=%H", "--grep=outcome 4", "luigi/ledger"]);
    assert_eq!(tree("luigi/ledger"), tree(&before), "as it was, byte for byte");
    let record: serde_json::Value =
        serde_json::from_str(&git(&remote, &["show", "luigi/ledger:entries/6/record.json"])).unwrap();
    let status = |app: &str| {
        let steps = record["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["app"] == app).unwrap();
        step["result"]["status"].as_str().unwrap().to_owned()
    };
    let apps = ["App/_/database", "App/_/payments", "Application/argocd/web"];
    assert_eq!(apps.map(status), ["rolled-back", "rolled-back", "failed"]);
}

#[test]
fn it_touches_no_home_and_needs_none() {
    let temp = tempfile::tempdir().unwrap();
    let (home, tmp) = (temp.path().join("home"), temp.path().join("tmp"));
    for dir in [&home, &tmp] {
        std::fs::create_dir(dir).unwrap();
    }
    text(&luigi(&tmp).env("HOME", &home).output().unwrap());
    assert_eq!(names(&home), BTreeSet::new());
    // What went wrong is said, and where its remains are.
    let nowhere = luigi(&tmp).env("TMPDIR", "/dev/null").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("/dev/null"), "{nowhere:?}");
}

/// As a reader would: pasted into a shell, one after the other.
#[test]
fn the_commands_at_its_end_work_as_printed() {
    let told = demo();
    let commands = told.commands();
    let named = |word: &str| commands.iter().filter(|command| command.starts_with(word)).count();
    assert_eq!((named("alias luigi="), named("cd "), named("git "), named("luigi ")), (1, 1, 1, 5));
    let path = std::env::var("PATH").unwrap();
    let mut script = "shopt -s expand_aliases\nset -e\n".to_owned();
    for command in &commands {
        script.push_str(&format!("echo '$ {}'\n{command}\n", command.replace('\'', "")));
    }
    let output = Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .env("PATH", path)
        .env("GIT_PAGER", "cat")
        .env("TMPDIR", told.temp.path())
        .output()
        .unwrap();
    let said = text(&output);
    for word in ["deliver App/_/database", "ledger luigi/ledger: holds; 8 entries", "L0701"] {
        assert!(
            said.contains(word),
            "{word:?} is not in {said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
