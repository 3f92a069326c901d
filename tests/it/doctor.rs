//! `luigi doctor`: what is missing is said with its remedy, in repositories that
//! lack one thing each.

use std::path::Path;
use std::process::Command;

use crate::support::git_server::{Before, GitServer};
use crate::support::parts;
use crate::support::repo::{Scratch, git};

const CONFIG: &str = "apiVersion: luigi.dev/v1\nkind: Root\nenvironments: {staging: {apps: [apps/*.yaml]}}\n";
const APP: &str = "apiVersion: luigi.dev/v1\nkind: App\nmetadata: {name: web}\nspec: {source: {path: web}}\n";
const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";

/// What it said: its lines as (state, what), and all of it.
#[derive(Debug)]
struct Said {
    code: i32,
    all: String,
}

impl Said {
    /// A line in that state about that, with those words.
    #[track_caller]
    fn says(self, state: &str, what: &str, words: &[&str]) -> Self {
        let head = format!("{state:8}{what}: ");
        let line = self.all.lines().find(|line| line.starts_with(&head));
        let line = line.unwrap_or_else(|| panic!("no {head:?} in {self:#?}"));
        for word in words {
            assert!(line.contains(word), "{word:?} is not in {line:?}");
        }
        self
    }

    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

fn doctor(dir: &Path, variables: &[(&str, &Path)]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_luigi"));
    command.arg("doctor").current_dir(dir).env_clear().env("PATH", parts::tools());
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let all = [output.stdout, output.stderr].concat();
    Said { code: output.status.code().unwrap(), all: String::from_utf8(all).unwrap() }
}

/// A repository that lacks nothing but a remote.
fn healthy() -> Scratch {
    let scratch = Scratch::new();
    scratch.commit(&[("luigi.yaml", CONFIG), ("apps/web.yaml", APP), ("web/object.yaml", OBJECT)], "one");
    scratch
}

#[test]
fn nothing_is_missing_where_nothing_is() {
    let scratch = healthy();
    let cache = tempfile::tempdir().unwrap();
    let said = doctor(&scratch.path(), &[("LUIGI_CACHE_DIR", cache.path())]).exits(0);
    said.says("ok", "kustomize", &["v5."])
        .says("ok", "helm", &["v4."])
        .says("ok", "cache", &[&cache.path().display().to_string()])
        .says("ok", "repository", &[".git"])
        .says("ok", "history", &["whole"])
        .says("ok", "luigi.yaml", &["committed", "staging"])
        .says("note", "remote", &["local branch", "git remote add origin"])
        .says("ok", "ledger", &["luigi/ledger", "first deploy"]);
}

#[test]
fn tools_and_cache_that_are_missing_come_with_the_way_to_get_them() {
    let scratch = healthy();
    let said = doctor(&scratch.path(), &[("PATH", Path::new("/dev/null"))]).exits(8);
    let said = said.says("missing", "kustomize", &["LUIGI_TOOLS", "PATH", "https://"]);
    said.says("missing", "helm", &["LUIGI_TOOLS", "PATH", "https://"]).says(
        "note",
        "cache",
        &["LUIGI_CACHE_DIR"],
    );
    let said = doctor(&scratch.path(), &[("LUIGI_CACHE_DIR", Path::new("/dev/null/x"))]).exits(0);
    said.says("note", "cache", &["/dev/null/x", "cannot be written"]);
    // One of the two, in the folder named.
    let tools = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(parts::tools().join("helm"), tools.path().join("helm")).unwrap();
    let named = [("PATH", Path::new("/dev/null")), ("LUIGI_TOOLS", tools.path())];
    doctor(&scratch.path(), &named).exits(8).says("ok", "helm", &["v4."]).says("missing", "kustomize", &[]);
}

#[test]
fn repositories_that_cannot_be_planned_are_told_why() {
    let nowhere = tempfile::tempdir().unwrap();
    let place = nowhere.path().display().to_string();
    doctor(nowhere.path(), &[]).exits(8).says("missing", "repository", &[&place, "git init"]);
    let fresh = Scratch::new();
    doctor(&fresh.path(), &[]).exits(8).says("missing", "commits", &["luigi init"]);
    let bare = Scratch::new();
    bare.commit(&[("apps/web.yaml", APP), ("web/object.yaml", OBJECT)], "no luigi.yaml");
    doctor(&bare.path(), &[]).exits(8).says("missing", "luigi.yaml", &["luigi init", "not committed"]);
    let broken = healthy();
    broken.commit(&[("luigi.yaml", &CONFIG.replace("apps:", "aps:"))], "a slip");
    let said = doctor(&broken.path(), &[]).exits(8).says("missing", "luigi.yaml", &["errors"]);
    assert!(said.all.contains("L0202") && said.all.contains("luigi.yaml:3:"), "{said:#?}");
}

#[test]
fn a_shallow_clone_is_a_note() {
    let scratch = healthy();
    scratch.commit(&[("web/object.yaml", &OBJECT.replace("name: web", "name: web2"))], "two");
    let url = format!("file://{}", scratch.path().display());
    git(scratch.around(), &["clone", "-q", "--depth", "1", &url, "shallow"]);
    let said = doctor(&scratch.around().join("shallow"), &[]).exits(0);
    said.says("note", "history", &["shallow", "git fetch --unshallow", "fetch-depth: 0"])
        .says("ok", "remote", &["origin", "can be read"])
        .says("ok", "deploying", &["takes pushes"]);
}

/// A token that may read and not write; one that may not read either; nobody
/// there; and an address that Luigi cannot use.
#[test]
fn a_remote_that_takes_no_ledger_is_missing_for_deploying() {
    let scratch = healthy();
    scratch.git(&["clone", "-q", "--bare", ".", "../hub.git"]);
    let forbidden = || Before::Answer("403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned());
    let writes = |query: &str| query.contains("git-receive-pack");
    let read_only = GitServer::with_hooks(
        scratch.around(),
        move |request| if writes(&request.query) { forbidden() } else { Before::Serve },
        |_| {},
    );
    scratch.git(&["remote", "add", "origin", &read_only.url("hub.git")]);
    let said = doctor(&scratch.path(), &[]).exits(8).says("ok", "remote", &["can be read"]);
    said.says("missing", "deploying", &["403", "contents: write", "planning needs no push"]).says(
        "ok",
        "ledger",
        &["not there yet"],
    );
    let closed = GitServer::with_hooks(scratch.around(), move |_| forbidden(), |_| {});
    for (url, why) in
        [(closed.url("hub.git"), "403"), ("ssh://git@github.com/acme/x.git".to_owned(), "https://")]
    {
        scratch.git(&["remote", "set-url", "origin", &url]);
        let said = doctor(&scratch.path(), &[]).exits(8).says("missing", "remote", &[why]);
        assert!(!said.all.contains("ledger: "), "nothing is known of it: {said:#?}");
    }
}

#[test]
fn a_branch_that_is_no_ledger_is_named() {
    let scratch = healthy();
    scratch.git(&["branch", "luigi/ledger"]);
    let said = doctor(&scratch.path(), &[]).exits(8);
    said.says("missing", "ledger", &["luigi/ledger", "luigi verify"]);
}
