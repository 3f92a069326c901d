//! Changes that Luigi once took for none: each alters what is deployed, or what is
//! to go, and each has a fleet of its own.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::parts;
use crate::support::repo::Scratch;

const CONFIG: &str = "apiVersion: luigi.dev/v1\nkind: Root\nurls: [https://github.com/acme/fleet]\n\
     branch: main\nenvironments:\n  s: {apps: [apps/*.yaml]}\n";
const CHART: &str = "apiVersion: v2\nname: chart\nversion: 1.0.0\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n\
     data: {all: {{ .Values | toJson | quote }}}\n";

fn map(value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{value: '{value}'}}\n")
}

fn application(spec: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a, namespace: argocd}}\n\
         spec:\n  destination: {{server: 'https://k', namespace: a}}\n{spec}"
    )
}

fn at(path: &str, more: &str) -> String {
    application(&format!("  source: {{repoURL: 'https://github.com/acme/fleet', path: {path}{more}}}\n"))
}

fn luigi(scratch: &Scratch, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_luigi"))
        .arg("-C")
        .arg(scratch.path())
        .args(args)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", parts::tools().display()))
        .env("LUIGI_CACHE_DIR", scratch.around().join("cache"))
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// The apps that the last commit affects.
fn affected(scratch: &Scratch) -> Vec<String> {
    let output =
        luigi(scratch, &["graph", "--affected", "--base", "HEAD~1", "--head", "HEAD", "--format", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    json["affected"].as_array().unwrap().iter().map(|a| a["app"].as_str().unwrap().to_owned()).collect()
}

/// What the second files affect, after the first.
fn change(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<String> {
    let scratch = Scratch::new();
    scratch.commit(&[("luigi.yaml", CONFIG)], "configuration");
    scratch.commit(before, "before");
    scratch.commit(after, "after");
    affected(&scratch)
}

const A: [&str; 1] = ["Application/argocd/a"];

#[test]
fn values_here_count_for_a_chart_of_another_repository() {
    for revision in ["v1.0.0", "main"] {
        let app = application(&format!(
            "  sources:\n  - {{repoURL: 'https://github.com/other/charts', path: chart, targetRevision: {revision}, \
             helm: {{valueFiles: [$values/x.yaml]}}}}\n  \
             - {{repoURL: 'https://github.com/acme/fleet', ref: values, targetRevision: main}}\n"
        ));
        let found = change(&[("apps/a.yaml", &app), ("x.yaml", "a: 1\n")], &[("x.yaml", "a: 2\n")]);
        assert_eq!(found, A, "{revision}");
    }
}

#[test]
fn a_glob_of_value_files_takes_links() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path().join("values")).unwrap();
    std::os::unix::fs::symlink("../shared.yaml", scratch.path().join("values/y.yaml")).unwrap();
    let app = at("chart", ", helm: {valueFiles: ['/values/*.yaml']}");
    let chart = [("chart/Chart.yaml", CHART), ("chart/templates/x.yaml", TEMPLATE)];
    scratch.commit(&[("luigi.yaml", CONFIG), ("apps/a.yaml", &app), ("shared.yaml", "a: 1\n")], "one");
    scratch.commit(&chart, "two");
    scratch.commit(&[("shared.yaml", "a: 2\n")], "three");
    assert_eq!(affected(&scratch), A);
}

#[test]
fn what_is_not_evaluated_counts() {
    let plain = [("apps/a.yaml", &*at("d", "")), ("d/c.yaml", &map("1")), ("d/j.jsonnet", "{a: 1}")];
    assert_eq!(change(&plain, &[("d/j.jsonnet", "{a: 2}")]), A);
    let chart = [
        ("apps/a.yaml", &*at("chart", "")),
        ("chart/Chart.yaml", CHART),
        ("chart/templates/x.yaml", TEMPLATE),
    ];
    let own = "helm: {parameters: [{name: tag, value: v2}]}\n";
    assert_eq!(change(&chart, &[("chart/.argocd-source-a.yaml", own)]), A);
    assert_eq!(change(&chart, &[("chart/.argocd-source.yaml", own)]), A);
}

#[test]
fn json_in_yaml_that_cannot_be_read_is_not_empty() {
    let scratch = Scratch::new();
    let object = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j"},"data":{"a":"1"}}"#;
    scratch.commit(&[("luigi.yaml", CONFIG), ("apps/a.yaml", &at("d", "")), ("d/c.yaml", &map("1"))], "one");
    scratch.commit(&[("d/j.yaml", object)], "two");
    scratch.commit(&[("d/j.yaml", &object.replace(r#""a":"1""#, r#""a":"1","a":"2""#))], "three");
    let output = luigi(&scratch, &["plan", "--base", "HEAD~1"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(!text(&output).contains("DELETED"), "{}", text(&output));
}

#[test]
fn flux_sources_of_other_places_take_values_and_digests() {
    let flux = |digest: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: p, namespace: f}}\n\
             spec: {{url: 'oci://r.example/p', ref: {{tag: 1.0.0, digest: 'sha256:{digest}'}}}}\n---\n\
             apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: g, namespace: f}}\n\
             spec: {{url: 'https://github.com/acme/fleet', ref: {{branch: main}}}}\n---\n\
             apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: c, namespace: f}}\n\
             spec: {{path: ./c, sourceRef: {{kind: GitRepository, name: g}}}}\n---\n\
             apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: p, namespace: f}}\n\
             spec:\n  path: ./x\n  sourceRef: {{kind: OCIRepository, name: p}}\n  \
             postBuild: {{substituteFrom: [{{kind: ConfigMap, name: settings}}]}}\n"
        )
    };
    let (one, two) = (flux(&"a".repeat(64)), flux(&"b".repeat(64)));
    let map = |value: &str| map(value).replace("name: settings", "name: settings, namespace: f");
    let before = [("apps/f.yaml", one.as_str()), ("c/settings.yaml", &map("1"))];
    let found = change(&before, &[("c/settings.yaml", &map("2"))]);
    assert_eq!(found, ["Kustomization/f/c", "Kustomization/f/p"]);
    assert_eq!(change(&before, &[("apps/f.yaml", &two)]), ["Kustomization/f/p"]);
}

#[test]
fn what_is_deployed_and_defined_nowhere_is_pruned() {
    let scratch = Scratch::new();
    let both = CONFIG.replace("[apps/*.yaml]", "[apps/*.yaml, more/*.yaml]");
    let other = at("d", "").replace("name: a,", "name: b,");
    scratch.commit(&[("luigi.yaml", &both), ("d/c.yaml", &map("1")), ("apps/a.yaml", &at("d", ""))], "one");
    scratch.commit(&[("more/b.yaml", &other)], "two");
    let output = luigi(&scratch, &["deploy"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    scratch.commit(&[("luigi.yaml", CONFIG)], "three");
    let output = luigi(&scratch, &["plan", "--deployed"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("Application/argocd/b  PRUNE"), "{}", text(&output));
}

#[test]
fn tokens_in_urls_are_not_shown() {
    let scratch = Scratch::new();
    let kustomization = |version: &str| {
        format!("resources: ['https://user:hidden@github.com/o/r//x?ref={version}&sshkey=hidden']\n")
    };
    let app = application(
        "  sources:\n  - {repoURL: 'https://charts.example', chart: c, targetRevision: 1.0.0, \
         helm: {valueFiles: ['https://u:hidden@h.example/v.yaml?token=hidden']}}\n  \
         - {repoURL: 'https://github.com/acme/fleet', path: k}\n",
    );
    scratch.commit(&[("luigi.yaml", CONFIG), ("apps/a.yaml", &app)], "one");
    scratch.commit(&[("k/kustomization.yaml", &kustomization("v1.0.0"))], "two");
    scratch.commit(&[("k/kustomization.yaml", &kustomization("v1.0.1"))], "three");
    for format in ["text", "json", "github"] {
        let output = luigi(&scratch, &["plan", "--base", "HEAD~1", "--format", format]);
        let shown = text(&output);
        assert!(shown.contains("v1.0.1") && !shown.contains("hidden"), "{format}: {shown}");
    }
}
