//! Children at a tag or commit: of this repository's history, and of repositories
//! of their own, asked only where the configuration lets them be.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::git_server::GitServer;
use crate::support::parts;
use crate::support::repo::{Scratch, git};

const OWN: &str = "https://github.com/acme/fleet";

fn config(network: &str) -> String {
    format!(
        "apiVersion: luigi.dev/v1\nkind: Root\nurls: [{OWN}]\nenvironments:\n  prod:\n    \
         apps: [apps/*.yaml]\nbranch: main\nrender: {{network: [{network}]}}\n"
    )
}

fn application(name: &str, url: &str, revision: &str, path: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\n\
         spec:\n  project: default\n  source: {{repoURL: '{url}', targetRevision: '{revision}', path: {path}}}\n  \
         destination: {{server: 'https://kubernetes.default.svc', namespace: {name}}}\n"
    )
}

fn map(value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{value: '{value}'}}\n")
}

struct Run {
    scratch: Scratch,
    cache: tempfile::TempDir,
}

impl Run {
    fn luigi(&self, args: &[&str]) -> Output {
        let path = format!("{}:/usr/bin:/bin", parts::tools().display());
        Command::new(env!("CARGO_BIN_EXE_luigi"))
            .arg("-C")
            .arg(self.scratch.path())
            .args(args)
            .env_clear()
            .env("PATH", path)
            .env("LUIGI_CACHE_DIR", self.cache.path())
            .output()
            .unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.luigi(args);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The only step of a plan that has exactly one.
fn step(plan: &Value) -> &Value {
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{plan:#}");
    &steps[0]
}

fn run(scratch: Scratch) -> Run {
    Run { scratch, cache: tempfile::tempdir().unwrap() }
}

#[test]
fn a_tag_of_this_repository_is_read_where_it_is() {
    let scratch = Scratch::new();
    let app = |revision: &str| application("web", OWN, revision, "content");
    scratch.commit(&[("luigi.yaml", &config("")), ("content/map.yaml", &map("one"))], "one");
    scratch.git(&["tag", "-a", "-m", "one", "web-v1.0.0"]);
    let second = scratch.commit(&[("content/map.yaml", &map("two"))], "two");
    scratch.commit(&[("apps/web.yaml", &app("web-v1.0.0")), ("content/map.yaml", &map("three"))], "three");
    scratch.commit(&[("content/map.yaml", &map("four"))], "four");
    let run = run(scratch);
    // What changed is not what the app reads.
    let plan = run.json(&["plan", "--format", "json"]);
    assert_eq!(
        (&plan["complete"], &plan["affected"]),
        (&Value::Bool(true), &Value::Array(vec![])),
        "{plan:#}"
    );

    run.scratch.commit(&[("apps/web.yaml", &app(&second))], "pin moved");
    let plan = run.json(&["plan", "--format", "json"]);
    let step = step(&plan);
    assert_eq!(step["notRendered"], Value::Array(vec![]), "{step:#}");
    let shown = step["changes"].to_string();
    assert!(shown.contains("\"one\"") && shown.contains("\"two\""), "{shown}");
    let kinds: Vec<&Value> =
        plan["affected"][0]["reasons"].as_array().unwrap().iter().map(|r| &r["kind"]).collect();
    assert!(kinds.contains(&&Value::from("pin")), "{plan:#}");
}

#[test]
fn a_child_repository_is_asked_where_it_may_be() {
    let child = Scratch::new();
    child.commit(&[("deploy/map.yaml", &map("child one"))], "one");
    child.git(&["tag", "-a", "-m", "one", "v1.0.0"]);
    child.commit(&[("deploy/map.yaml", &map("child two"))], "two");
    child.git(&["tag", "v1.1.0"]);
    git(child.around(), &["clone", "-q", "--bare", "repo", "child.git"]);
    git(&child.around().join("child.git"), &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let server = GitServer::start(child.around());
    let url = server.url("child.git");
    let app = |revision: &str| application("child", &url, revision, "deploy");

    let scratch = Scratch::new();
    scratch.commit(&[("luigi.yaml", &config("")), ("apps/child.yaml", &app("v1.0.0"))], "one");
    scratch.commit(&[("apps/child.yaml", &app("v1.1.0"))], "two");
    let run = run(scratch);
    let plan = run.json(&["plan", "--format", "json"]);
    let why = step(&plan)["notRendered"].to_string();
    assert!(why.contains("render.network"), "{why}");
    assert_eq!(server.requests(), 0, "nobody said that it may be asked");

    // Both ends are planned with one configuration: head's.
    run.scratch.commit(&[("luigi.yaml", &config("127.0.0.1"))], "may be asked");
    let plan = run.json(&["plan", "--base", "HEAD~2", "--format", "json"]);
    let changes = step(&plan)["changes"].to_string();
    assert!(changes.contains("child one") && changes.contains("child two"), "{plan:#}");
    let asked = server.requests();
    assert!(asked > 0);

    // A branch is not followed, and a tag that is not there is named.
    for (revision, why) in [("main", "not followed"), ("v9.9.9", "no tag"), ("", "names no tag")] {
        run.scratch.commit(&[("apps/child.yaml", &app(revision))], "to another");
        let plan = run.json(&["plan", "--format", "json"]);
        let said = step(&plan)["notRendered"].to_string();
        assert!(said.contains(why), "{revision}: {said}");
        assert_eq!(run.luigi(&["deploy", "--environment", "prod"]).status.code(), Some(3), "{revision}");
    }
    run.scratch.commit(&[("apps/child.yaml", &app("v1.1.0"))], "back");
    let output = run.luigi(&["deploy", "--environment", "prod"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let stored =
        run.scratch.git(&["show", "luigi/ledger:environments/prod/Application/argocd/child/objects.yaml"]);
    assert!(stored.contains("child two"), "{stored}");
}

#[test]
fn values_at_another_commit_than_the_chart_are_named() {
    let scratch = Scratch::new();
    let chart = "apiVersion: v2\nname: c\nversion: 0.1.0\n";
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {v: '{{ .Values.v }}'}\n";
    scratch.commit(
        &[
            ("luigi.yaml", &config("")),
            ("chart/Chart.yaml", chart),
            ("chart/templates/map.yaml", template),
            ("values/prod.yaml", "v: one\n"),
        ],
        "one",
    );
    scratch.git(&["tag", "v1.0.0"]);
    let app = |values: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: c, namespace: argocd}}\n\
             spec:\n  project: default\n  destination: {{server: 'https://kubernetes.default.svc', namespace: c}}\n  \
             sources:\n    - {{repoURL: '{OWN}', targetRevision: v1.0.0, path: chart, helm: {{valueFiles: [$v/values/prod.yaml]}}}}\n    \
             - {{repoURL: '{OWN}', targetRevision: '{values}', ref: v}}\n"
        )
    };
    scratch.commit(&[("apps/c.yaml", &app("v1.0.0")), ("values/prod.yaml", "v: two\n")], "two");
    scratch.commit(&[("apps/c.yaml", &app("main"))], "three");
    let run = run(scratch);
    let at = |head: &str| run.json(&["plan", "--base", "HEAD~2", "--head", head, "--format", "json"]);
    let pinned = at("HEAD~1");
    assert_eq!(step(&pinned)["notRendered"], Value::Array(vec![]), "{pinned:#}");
    run.scratch.git(&["checkout", "-q", "HEAD~1"]);
    let output = run.luigi(&["deploy", "--environment", "prod"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let stored = "luigi/ledger:environments/prod/Application/argocd/c/objects.yaml";
    assert!(
        run.scratch.git(&["show", stored]).contains("v: one"),
        "the values of the tag, not those of head"
    );
    run.scratch.git(&["checkout", "-q", "main"]);
    let mixed = at("HEAD");
    assert!(step(&mixed)["notRendered"].to_string().contains("not at the chart's commit"), "{mixed:#}");
}
