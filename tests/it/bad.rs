//! Bad input, through the real program: every fault in one run, each with its
//! place, code and help; nothing that cannot be known is called unaffected.
//!
//! `fixtures/bad/repo` and `fixtures/bad/config` hold the broken files, each with
//! an `expected.txt`. What git or an editor would change on the way (links, bytes
//! that are no text, line ends) is made here.

mod bombs;
mod circles;
mod history;
mod paths;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::support::parts;
use crate::support::repo::Scratch;

/// Files of a repository whose one environment reads `apps/*.yaml`.
pub const CONFIG: &str = "apiVersion: luigi.dev/v1\nkind: Root\nurls: [https://github.com/acme/bad]\n\
     environments: {all: {apps: [\"apps/*.yaml\"]}}\nbranch: main\n";

/// The program, seeing nothing of this machine.
pub fn luigi(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_luigi"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", "/dev/null");
    command.env("LUIGI_TOOLS", parts::tools()).arg("-C").arg(dir);
    command
}

/// What `luigi graph --format json` says; it must exit with 0.
pub fn graph(dir: &Path, more: &[&str]) -> Json {
    let output = run(dir, &[&["graph", "--format", "json"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs the program to its end.
pub fn run(dir: &Path, args: &[&str]) -> Output {
    luigi(dir).args(args).output().unwrap()
}

/// Each problem as `file:line:column code`, after a look at its help.
pub fn places(report: &Json) -> BTreeSet<String> {
    let list = report["problems"].as_array().unwrap();
    for problem in list {
        assert!(!problem["help"].as_str().unwrap().is_empty(), "{problem}");
        assert!(!problem["message"].as_str().unwrap().is_empty(), "{problem}");
    }
    list.iter().map(place).collect()
}

fn place(problem: &Json) -> String {
    let (at, code) = (&problem["place"], problem["code"].as_str().unwrap());
    let file = at["file"].as_str().unwrap_or("nowhere");
    format!("{file}:{}:{} {code}", at["line"], at["column"])
}

/// The messages of all problems of a code.
pub fn told(report: &Json, code: &str) -> Vec<String> {
    let list = report["problems"].as_array().unwrap().iter().filter(|p| p["code"] == code);
    list.map(|p| p["message"].as_str().unwrap().to_owned()).collect()
}

/// The affected apps, without their environment.
pub fn affected(report: &Json) -> Vec<String> {
    report["affected"].as_array().unwrap().iter().map(|a| a["app"].as_str().unwrap().to_owned()).collect()
}

/// Luigi's own `App` of that name and path.
pub fn app(name: &str, path: &str) -> String {
    format!(
        "apiVersion: luigi.dev/v1\nkind: App\nmetadata: {{name: {name}}}\nspec: {{source: {{path: {path}}}}}\n"
    )
}

/// A ConfigMap.
pub fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad").join(path)
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn expected(path: &str) -> BTreeSet<String> {
    std::fs::read_to_string(fixture(path)).unwrap().lines().map(str::to_owned).collect()
}

fn same(found: &BTreeSet<String>, wanted: &BTreeSet<String>) {
    let missing: Vec<_> = wanted.difference(found).collect();
    let more: Vec<_> = found.difference(wanted).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing: {missing:#?}\nmore: {more:#?}");
}

#[test]
fn every_broken_file_is_told_in_one_run() {
    let scratch = Scratch::new();
    copy(&fixture("repo"), &scratch.path());
    scratch.commit(&[], "broken");
    let report = graph(&scratch.path(), &["--no-render"]);
    let found = places(&report);
    same(&found, &expected("repo.txt"));
    let files: BTreeSet<&str> =
        found.iter().filter_map(|p| p.split_once(':')).map(|(file, _)| file).collect();
    assert!(files.len() >= 80, "{}", files.len());
    assert!(found.iter().all(|p| !p.contains(":0:") && !p.contains("nowhere")), "a place has no line");
    assert_eq!(report["complete"], false);
    // The same with rendering: what cannot be read does not get in its way.
    let rendered = places(&graph(&scratch.path(), &[]));
    assert!(rendered.is_superset(&found), "{:?}", found.difference(&rendered).collect::<Vec<_>>());
}

#[test]
fn each_broken_luigi_yaml_tells_all_its_faults() {
    let scratch = Scratch::new();
    scratch.commit(&[("x.yaml", "")], "first");
    let mut found = BTreeSet::new();
    let mut names: Vec<_> =
        std::fs::read_dir(fixture("config")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert!(names.len() >= 20);
    for name in names {
        let name = name.to_str().unwrap();
        let file = fixture("config").join(name);
        let output = luigi(&scratch.path()).arg("graph").arg("--config").arg(&file).output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {words}");
        assert!(output.stdout.is_empty(), "{name}");
        let mut code = "";
        let mut count = 0;
        for line in words.lines() {
            if let Some((_, rest)) = line.split_once("error[") {
                code = rest.split(']').next().unwrap();
                count += 1;
            } else if let Some(at) = line.trim_start().strip_prefix("--> ") {
                let at = at.rsplit('/').next().unwrap();
                found.insert(format!("{at} {code}"));
            }
        }
        assert_eq!(words.matches("= help: ").count(), count, "{name}: {words}");
    }
    same(&found, &expected("config.txt"));
}

#[test]
fn a_committed_luigi_yaml_that_is_no_file_is_refused() {
    let scratch = Scratch::new();
    std::os::unix::fs::symlink("other.yaml", scratch.path().join("luigi.yaml")).unwrap();
    scratch.commit(&[("other.yaml", CONFIG), ("apps/a.yaml", &app("a", "a"))], "a link");
    let output = run(&scratch.path(), &["graph"]);
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("luigi.yaml:1:1") && words.contains("not a file"), "{words}");
}

#[test]
fn without_a_luigi_yaml_a_broken_child_is_told_and_hides_no_other() {
    let scratch = Scratch::new();
    let (good, map) = (app("good", "x"), config_map("x"));
    let files = [
        ("apps/good.yaml", good.as_str()),
        ("apps/bad.yaml", "apiVersion: luigi.dev/v1\nkind: App\na: [\n"),
        ("x/x.yaml", &map),
    ];
    scratch.commit(&files, "one");
    let report = graph(&scratch.path(), &["--no-render"]);
    assert_eq!(affected(&report), ["App/_/good"]);
    assert_eq!(report["complete"], false);
    assert!(places(&report).contains("apps/bad.yaml:4:1 L0101"), "{report:#}");
}

#[test]
fn what_a_controller_adds_has_the_apps_place_and_the_rest_its_own() {
    let scratch = Scratch::new();
    let argo = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  source:\n    \
         repoURL: https://github.com/acme/bad\n    path: k\n    kustomize:\n      namePrefix: x-\n      components: \
         [../gone]\n";
    let own = "kind: Kustomization\n# a line\nresources:\n  - missing.yaml\nresourcs: []\n";
    scratch.commit(&[("luigi.yaml", CONFIG), ("apps/a.yaml", argo), ("k/kustomization.yaml", own)], "one");
    let found: Vec<String> = places(&graph(&scratch.path(), &["--no-render"])).into_iter().collect();
    let wanted =
        ["apps/a.yaml:7:11 L0403", "k/kustomization.yaml:4:5 L0403", "k/kustomization.yaml:5:1 L0407"];
    assert_eq!(found, wanted);
}
