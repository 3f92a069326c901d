//! Circles, doubled names, names that mean nothing or too much.

use super::{CONFIG, affected, app, config_map, graph, told};
use crate::support::repo::Scratch;

const HEAD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Application\n";

fn application(name: &str, path: &str, annotations: &str) -> String {
    format!(
        "{HEAD}metadata: {{name: {name}, annotations: {{{annotations}}}}}\nspec:\n  source: {{repoURL: \
         https://github.com/acme/bad, path: {path}}}\n---\n"
    )
}

fn report(definitions: &str) -> serde_json::Value {
    let scratch = Scratch::new();
    let map = config_map("x");
    scratch.commit(&[("luigi.yaml", CONFIG), ("x/x.yaml", &map), ("apps/a.yaml", definitions)], "one");
    graph(&scratch.path(), &["--no-render"])
}

#[test]
fn circles_are_named_whole() {
    let needs = |name: &str, of: &str| application(name, "x", &format!("luigi.dev/needs: {of}"));
    let two = needs("a", "b") + &needs("b", "a");
    let three = needs("c", "d") + &needs("d", "e") + &needs("e", "c");
    let circles = told(&report(&(two + &three + &needs("s", "s"))), "L0307");
    let whole = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|n| format!("Application/_/{n}")).collect();
        format!("apps need one another in a circle: {}", names.join(" → "))
    };
    assert_eq!(circles, [whole(&["a", "b", "a"]), whole(&["c", "d", "e", "c"]), whole(&["s", "s"])]);
}

#[test]
fn a_circle_through_sync_waves_has_a_place() {
    let wave = |n: i32| format!("argocd.argoproj.io/sync-wave: \"{n}\"");
    let depends = "config.kubernetes.io/depends-on: argoproj.io/Application/late";
    let early = application("early", "x", &format!("{}, {depends}", wave(0)));
    let report = report(&(early + &application("late", "x", &wave(1))));
    let circles = told(&report, "L0307");
    assert_eq!(circles.len(), 1, "{report:#}");
    for part in ["Application/_/early", "(all of sync wave 0)", "Application/_/late"] {
        assert!(circles[0].contains(part), "{circles:?}");
    }
    let place = report["problems"].as_array().unwrap().iter().find(|p| p["code"] == "L0307").unwrap();
    assert_eq!(place["place"]["line"], 3, "{place}");
}

#[test]
fn names_that_are_doubled_unknown_or_ambiguous() {
    let flux = |name: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: \
             f}}\nspec: {{path: x, sourceRef: {{kind: GitRepository, name: g}}, dependsOn: [{{name: gone}}]}}\n---\n"
        )
    };
    let argo = application("db", "x", "");
    let other = argo.replace("{name: db", "{name: db, namespace: ns");
    let needs = application("api", "x", "luigi.dev/needs: \"db gone\"") + &flux("k");
    let report = report(&(argo.clone() + &other + &needs + &argo.replace("path: x", "path: other")));
    assert_eq!(
        told(&report, "L0306"),
        ["Application/_/api needs db, which may be Application/_/db or Application/ns/db"]
    );
    assert_eq!(told(&report, "L0305").len(), 2, "{report:#}");
    let doubled = told(&report, "L0303");
    assert_eq!(doubled, ["Application/_/db is defined at apps/a.yaml:1:1 too"]);
    assert_eq!(report["complete"], false);
}

#[test]
fn apps_that_define_one_another_are_not_lost() {
    let scratch = Scratch::new();
    let (a, b) = (application("a", "b", ""), application("b", "a", ""));
    let files = |a: &str| {
        [("luigi.yaml", CONFIG.replace("apps/*", "?/*")), ("a/a.yaml", a.to_owned()), ("b/b.yaml", b.clone())]
    };
    let commit = |files: &[(&str, String)]| {
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
        scratch.commit(&files, "commit");
    };
    commit(&files(&a));
    commit(&files(&a.replace("path: b", "path: ./b")));
    let report = graph(&scratch.path(), &["--no-render"]);
    assert!(affected(&report).contains(&"Application/_/a".to_owned()), "{report:#}");
    assert_eq!(report["complete"], false);
    let circle = "apps define one another in a circle: Application/_/a → Application/_/b → Application/_/a";
    assert!(told(&report, "L0308").iter().all(|m| m == circle), "{report:#}");
    assert_eq!(told(&report, "L0308").len(), 2);
}

#[test]
fn an_app_in_its_own_folder_keeps_its_definition() {
    let scratch = Scratch::new();
    let root = application("root", "apps", "");
    let map = config_map("x");
    let files = [
        ("luigi.yaml", CONFIG),
        ("apps/root.yaml", &root),
        ("apps/x.yaml", &app("x", "x")),
        ("x/x.yaml", &map),
    ];
    scratch.commit(&files, "one");
    let report = graph(&scratch.path(), &["--no-render"]);
    assert_eq!(affected(&report), ["App/_/x", "Application/_/root"]);
    assert_eq!(report["complete"], true, "{report:#}");
}

#[test]
fn sources_that_differ_are_told_whatever_their_order() {
    let source = |url: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: g, namespace: f}}\nspec: \
             {{url: https://github.com/acme/{url}}}\n---\n"
        )
    };
    for (first, second) in [("bad", "other"), ("other", "bad")] {
        let report = report(&(source(first) + &source(second)));
        let doubled = told(&report, "L0303");
        assert_eq!(doubled, ["GitRepository f/g is defined otherwise at apps/a.yaml:1:1"]);
        assert_eq!(report["complete"], false);
    }
    assert_eq!(told(&report(&(source("bad") + &source("bad"))), "L0303"), [""; 0]);
}
