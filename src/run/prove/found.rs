//! What objects and files of a full export define: apps, and the ConfigMaps and
//! Secrets that apps take values from.
//!
//! Decides nothing about what the catalog says, and asks none of its code: what
//! that would overlook, this must not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use globset::GlobBuilder;
use serde_json::Value as Json;

use crate::catalog::doc::at;
use crate::name::{AppId, Digest};
use crate::object::yaml;

/// Fields of a Flux source that do not decide what is fetched: how often, for how
/// long, with which credentials.
const HOW_FETCHED: [&str; 9] = [
    "interval",
    "timeout",
    "suspend",
    "secretRef",
    "certSecretRef",
    "proxySecretRef",
    "serviceAccountName",
    "passCredentials",
    "accessFrom",
];

/// Fields of a definition whose change changes nothing that is deployed, as
/// `docs/luigi-yaml.md` lists them. Not the catalog's own list, on purpose: a
/// field that it leaves out by mistake shows here.
const WITHOUT_EFFECT: [&[&str]; 12] = [
    &["status"],
    &["metadata", "creationTimestamp"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
    &["metadata", "uid"],
    &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"],
    &["metadata", "annotations", "argocd.argoproj.io/refresh"],
    &["spec", "interval"],
    &["spec", "retryInterval"],
    &["spec", "chart", "spec", "interval"],
    &["spec", "revisionHistoryLimit"],
];

/// What was found in one environment.
#[derive(Debug, Default)]
pub struct Found {
    /// Every definition of an app, with what defines it.
    pub apps: BTreeMap<AppId, Vec<(Arc<Json>, String)>>,
    /// The data of ConfigMaps and Secrets, by kind, namespace and name. One may
    /// be found several times.
    pub data: BTreeMap<Key, BTreeSet<Data>>,
    /// Flux sources, as far as they decide what is fetched.
    sources: BTreeMap<Key, Vec<Json>>,
}

/// Kind, namespace and name.
type Key = (String, String, String);

/// A ConfigMap's or Secret's data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Data {
    /// All of it.
    pub digest: Digest,
    /// A ConfigMap's texts. A Secret's are never kept.
    pub texts: BTreeMap<String, String>,
}

impl Found {
    /// Takes one document; of a list, its items. `by` says whose it is.
    pub fn take(&mut self, mut json: Json, by: &str) {
        let text = |path: &[&str]| at(&json, path).and_then(Json::as_str).unwrap_or("").to_owned();
        let (version, kind) = (text(&["apiVersion"]), text(&["kind"]));
        let (namespace, name) = (text(&["metadata", "namespace"]), text(&["metadata", "name"]));
        if kind.ends_with("List")
            && let Some(Json::Array(items)) = json.get_mut("items").map(Json::take)
        {
            for item in items {
                self.take(item, by);
            }
            return;
        }
        let group = version.split_once('/').map_or("", |(group, _)| group);
        match (group, kind.as_str()) {
            ("luigi.dev", "App")
            | ("argoproj.io", "Application")
            | ("kustomize.toolkit.fluxcd.io", "Kustomization")
            | ("helm.toolkit.fluxcd.io", "HelmRelease") => {
                for path in WITHOUT_EFFECT {
                    remove(&mut json, path);
                }
                // A name that nothing can have is a problem that the catalog names.
                if let Ok(id) = AppId::new(&kind, &namespace, &name) {
                    self.apps.entry(id).or_default().push((Arc::new(json), by.to_owned()));
                }
            }
            ("", "ConfigMap" | "Secret") => {
                let data = data(&kind, &json);
                self.data.entry((kind, namespace, name)).or_default().insert(data);
            }
            ("source.toolkit.fluxcd.io" | "source.extensions.fluxcd.io", _) => {
                let mut spec = json.get_mut("spec").map(Json::take).unwrap_or_default();
                for field in HOW_FETCHED {
                    remove(&mut spec, &[field]);
                }
                let all = self.sources.entry((kind, namespace, name)).or_default();
                // The same one may be found in a file and in a render of it.
                if !all.contains(&spec) {
                    all.push(spec);
                }
            }
            _ => {}
        }
    }

    /// The sources that a definition of that namespace refers to, and those that
    /// these refer to.
    pub fn sources(&self, namespace: &str, definition: &Json) -> BTreeMap<String, &[Json]> {
        let mut out = BTreeMap::new();
        let mut open = vec![(namespace.to_owned(), definition)];
        while let Some((namespace, json)) = open.pop() {
            for (kind, other, name) in references(json) {
                let other = if other.is_empty() { namespace.clone() } else { other };
                let found: Vec<(&Key, &Vec<Json>)> = match kind.as_str() {
                    "ExternalArtifact" => self.generators(&other, &name).collect(),
                    _ => self.sources.get_key_value(&(kind, other, name)).into_iter().collect(),
                };
                for (key, specs) in found {
                    let (kind, namespace, name) = key;
                    if out.insert(format!("{kind} {namespace}/{name}"), specs.as_slice()).is_none() {
                        open.extend(specs.iter().map(|spec| (namespace.clone(), spec)));
                    }
                }
            }
        }
        out
    }

    /// What makes an artifact of that name.
    fn generators(&self, namespace: &str, name: &str) -> impl Iterator<Item = (&Key, &Vec<Json>)> {
        self.sources.iter().filter(move |((kind, place, _), specs)| {
            let artifacts = specs.iter().filter_map(|spec| spec.get("artifacts")?.as_array()).flatten();
            let makes = artifacts.filter_map(|one| one.get("name")?.as_str()).any(|other| other == name);
            kind == "ArtifactGenerator" && place == namespace && makes
        })
    }

    /// Takes all that another found.
    pub fn absorb(&mut self, other: Self) {
        for (id, list) in other.apps {
            self.apps.entry(id).or_default().extend(list);
        }
        for (key, set) in other.data {
            self.data.entry(key).or_default().extend(set);
        }
        for (key, specs) in other.sources {
            let all = self.sources.entry(key).or_default();
            for spec in specs {
                if !all.contains(&spec) {
                    all.push(spec);
                }
            }
        }
    }

    /// Takes every document of the export's files that a glob of luigi.yaml
    /// matches.
    pub fn take_files(&mut self, export: &Path, glob: &str) -> std::io::Result<()> {
        let Ok(matcher) = GlobBuilder::new(glob).literal_separator(true).build() else { return Ok(()) };
        let matcher = matcher.compile_matcher();
        for path in super::files::below(export, export)? {
            let manifest = [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
            let disk = export.join(&path);
            // A link of the export leads nowhere out of it.
            if !manifest || !matcher.is_match(&path) || !disk.is_file() {
                continue;
            }
            let (nodes, _) = yaml::documents(&path, &std::fs::read(&disk)?);
            for node in nodes {
                self.take(node.to_json(), &path);
            }
        }
        Ok(())
    }
}

/// Whatever in a document names another by kind and name, wherever it stands; an
/// included GitRepository has no kind.
fn references(json: &Json) -> Vec<Key> {
    let mut out = Vec::new();
    let mut open = vec![("", json)];
    while let Some((field, json)) = open.pop() {
        match json {
            Json::Object(map) => {
                let text = |key: &str| map.get(key).and_then(Json::as_str).unwrap_or("").to_owned();
                let kind = if field == "repository" { "GitRepository".to_owned() } else { text("kind") };
                if !kind.is_empty() && !text("name").is_empty() {
                    out.push((kind, text("namespace"), text("name")));
                }
                open.extend(map.iter().map(|(key, value)| (key.as_str(), value)));
            }
            Json::Array(items) => open.extend(items.iter().map(|item| ("", item))),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    out
}

fn data(kind: &str, json: &Json) -> Data {
    let all: BTreeMap<&str, &Json> = ["data", "binaryData", "stringData"]
        .into_iter()
        .filter_map(|key| Some((key, at(json, &[key])?)))
        .collect();
    let bytes = serde_json_canonicalizer::to_vec(&all).unwrap_or_default();
    let texts = at(json, &["data"]).and_then(Json::as_object).filter(|_| kind == "ConfigMap");
    let texts = texts.into_iter().flatten();
    let texts = texts.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
    Data { digest: Digest::of(&bytes), texts }
}

fn remove(json: &mut Json, path: &[&str]) {
    let Some((last, before)) = path.split_last() else { return };
    let mut value = Some(json);
    for key in before {
        value = value.and_then(|value| value.get_mut(*key));
    }
    if let Some(map) = value.and_then(Json::as_object_mut) {
        map.remove(*last);
    }
}

/// The ConfigMaps and Secrets that a definition takes values from, as kind and
/// name, in order.
pub fn values_from(definition: &Json) -> Vec<(&str, &str)> {
    let lists = [&["spec", "valuesFrom"][..], &["spec", "postBuild", "substituteFrom"]];
    let items = lists.into_iter().filter_map(|path| at(definition, path)?.as_array()).flatten();
    let text = |item, key| at(item, &[key]).and_then(Json::as_str).unwrap_or("");
    items.map(|item| (text(item, "kind"), text(item, "name"))).collect()
}
