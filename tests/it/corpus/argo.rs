//! phalanx: a chart that renders Applications, 24 times over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use luigi::catalog::Completeness;
use luigi::name::AppKey;
use luigi::object::Object;
use luigi::problem::Code;

use super::{Read, assert_same, hand, texts};
use crate::support::corpus;

/// The environments, by the names of the chart's value files.
fn environments(dir: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(dir.join("environments")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|n| Some(n.strip_prefix("values-")?.strip_suffix(".yaml")?.to_owned())).collect()
}

/// What helm renders from the chart of environments.
fn parent(dir: &Path, environment: &str) -> String {
    let values = format!("environments/values-{environment}.yaml");
    hand::run(dir, "helm", &["template", "parent", "environments", "-f", &values]).unwrap()
}

/// The Applications in it, by name.
fn applications(rendered: &str) -> BTreeMap<String, Object> {
    let objects = hand::objects(rendered).unwrap();
    let apps = objects.into_iter().filter(|object| object.kind() == "Application");
    apps.map(|object| (object.key.name.clone(), object)).collect()
}

#[test]
fn every_application_that_helm_renders_is_an_app() {
    let around = tempfile::tempdir().unwrap();
    let dir = corpus::clone("phalanx", around.path());
    let read = Read::head(&dir);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in read.catalog.apps.keys() {
        let names = found.entry(key.environment.to_string()).or_default();
        assert!(names.insert(key.app.name().to_owned()), "{key} twice");
    }
    let mut counted = 0;
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for environment in environments(&dir) {
        let rendered = parent(&dir, &environment);
        // Counted as text too, by nobody's reader of YAML.
        counted += rendered.lines().filter(|line| *line == "kind: Application").count();
        let names = applications(&rendered).into_keys().collect();
        expected.insert(environment, names);
    }
    assert_eq!(found, expected);
    assert_eq!(found.values().map(BTreeSet::len).sum::<usize>(), counted);
    assert!(counted > 500 && found.len() == 24, "{counted}");
    assert_eq!(read.catalog.completeness(), Completeness::Complete);
    let codes: BTreeSet<Code> = read.catalog.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, BTreeSet::from([Code::ProjectIgnored, Code::SourceAssumed]), "nothing is wrong");
}

/// `helm template` with what the Application says; charts beside it are packed
/// in by helm itself.
fn by_hand(dir: &Path, application: &Object) -> Result<Vec<String>, String> {
    let source = &application.json["spec"]["source"];
    let revision = hand::text(source, "/targetRevision");
    if revision != "main" {
        return Err(format!("at {revision}"));
    }
    let path = hand::text(source, "/path");
    let namespace = hand::text(&application.json, "/spec/destination/namespace");
    let mut arguments: Vec<String> = ["template", &application.key.name, path, "--include-crds"]
        .iter()
        .map(|text| (*text).to_owned())
        .collect();
    arguments.push(format!("--namespace={namespace}"));
    let list = |key: &str| source["helm"][key].as_array().cloned().unwrap_or_default();
    for file in list("valueFiles") {
        arguments.push(format!("--values={path}/{}", file.as_str().unwrap()));
    }
    let object = &source["helm"]["valuesObject"];
    let inline = tempfile::NamedTempFile::new().unwrap();
    if object.is_object() {
        std::fs::write(inline.path(), object.to_string()).unwrap();
        arguments.push(format!("--values={}", inline.path().display()));
    }
    for parameter in list("parameters") {
        let (name, value) = (hand::text(&parameter, "/name"), hand::text(&parameter, "/value"));
        arguments.push("--set".to_owned());
        // Argo CD escapes commas, which mean another value to helm.
        arguments.push(format!("{name}={}", value.replace(',', "\\,")));
    }
    let chart = std::fs::read_to_string(dir.join(path).join("Chart.yaml")).unwrap();
    if chart.contains("file://") {
        hand::run(dir, "helm", &["dependency", "update", "--skip-refresh", path])?;
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Ok(texts(hand::objects(&hand::run(dir, "helm", &arguments)?)?))
}

/// Every app of an environment is what helm renders from its Application by
/// hand, or has a reason that helm has too.
#[test]
fn every_app_is_what_helm_renders_by_hand() {
    let around = tempfile::tempdir().unwrap();
    let dir = corpus::clone("phalanx", around.path());
    let read = Read::head(&dir);
    let (mut same, mut named) = (0, BTreeMap::new());
    for environment in ["base", "idfdev"] {
        let here = |key: &AppKey| key.environment.as_str() == environment;
        let renders = read.renders(here);
        let applications = applications(&parent(&dir, environment));
        for (key, render) in renders {
            match (render, by_hand(&dir, &applications[key.app.name()])) {
                (Ok(ours), Ok(theirs)) => {
                    assert_same(&key, &ours, &theirs);
                    same += 1;
                }
                (Err(why), Err(_)) => _ = named.insert(key.to_string(), why),
                (Err(why), Ok(_)) => panic!("{key} is not rendered ({why}), and helm renders it"),
                (Ok(_), Err(theirs)) => panic!("helm does not render {key}: {theirs}"),
            }
        }
    }
    assert!(same > 35, "{same} {named:#?}");
    for (key, why) in &named {
        assert!(why.contains(" not fetched"), "{key}: {why}");
    }
}
