//! What objects and files of a full export define: apps, and the `ConfigMap`s and
//! Secrets that apps take values from.
//!
//! Decides nothing about what the catalog says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use globset::GlobBuilder;
use serde_json::Value as Json;

use crate::catalog::app::Format;
use crate::catalog::doc::{Doc, at};
use crate::catalog::format;
use crate::catalog::kinds::{Kind, kind};
use crate::name::{AppId, Digest};
use crate::object::yaml;
use crate::problem::Place;

/// What was found in one environment.
#[derive(Debug, Default)]
pub struct Found {
    /// Every definition of an app, with what defines it.
    pub apps: BTreeMap<AppId, Vec<(Arc<Json>, String)>>,
    /// The data of `ConfigMap`s and Secrets, by kind, namespace and name. One may
    /// be found several times.
    pub data: BTreeMap<(String, String, String), BTreeSet<Data>>,
}

/// A `ConfigMap`'s or Secret's data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Data {
    /// All of it.
    pub digest: Digest,
    /// A `ConfigMap`'s texts. A Secret's are never kept.
    pub texts: BTreeMap<String, String>,
}

impl Found {
    /// Takes one document. `by` says whose it is.
    pub fn take(&mut self, json: Json, by: &str) {
        let doc = Doc::rendered(json, Place::file(by));
        let name = match kind(&doc) {
            Kind::App(Format::Luigi) => "App",
            Kind::App(Format::ArgoApplication) => "Application",
            Kind::App(Format::FluxKustomization) => "Kustomization",
            Kind::App(Format::FluxHelmRelease) => "HelmRelease",
            Kind::Values => return self.data(&doc),
            Kind::ApplicationSet | Kind::AppProject | Kind::Source | Kind::Other => return,
        };
        // A name that nothing can have is a problem that the catalog names.
        if let Ok(id) = format::id(name, &doc) {
            self.apps.entry(id).or_default().push((doc.definition(), by.to_owned()));
        }
    }

    fn data(&mut self, doc: &Doc) {
        let all: BTreeMap<&str, &Json> = ["data", "binaryData", "stringData"]
            .into_iter()
            .filter_map(|key| Some((key, doc.at(&[key])?)))
            .collect();
        let bytes = serde_json_canonicalizer::to_vec(&all).unwrap_or_default();
        let texts = match doc.kind() {
            "ConfigMap" => doc.at(&["data"]).and_then(Json::as_object).map(|map| {
                map.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
            }),
            _ => None,
        };
        let key = (doc.kind().to_owned(), doc.namespace().to_owned(), doc.name().to_owned());
        let data = Data { digest: Digest::of(&bytes), texts: texts.unwrap_or_default() };
        self.data.entry(key).or_default().insert(data);
    }

    /// Takes all that another found.
    pub fn absorb(&mut self, other: Self) {
        for (id, list) in other.apps {
            self.apps.entry(id).or_default().extend(list);
        }
        for (key, set) in other.data {
            self.data.entry(key).or_default().extend(set);
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
            if !manifest || !matcher.is_match(&path) || disk.is_symlink() {
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

/// The `ConfigMap`s and Secrets that a definition takes values from, as kind and
/// name, in order.
pub fn values_from(definition: &Json) -> Vec<(&str, &str)> {
    let lists = [&["spec", "valuesFrom"][..], &["spec", "postBuild", "substituteFrom"]];
    let items = lists.into_iter().filter_map(|path| at(definition, path)?.as_array()).flatten();
    let text = |item, key| at(item, &[key]).and_then(Json::as_str).unwrap_or("");
    items.map(|item| (text(item, "kind"), text(item, "name"))).collect()
}
