//! ConfigMaps and Secrets that definitions take values from: Flux's
//! `postBuild.substituteFrom` and `valuesFrom`.
//!
//! Of a Secret only a digest is kept: whether it differs, never what it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::app::{App, Format};
use super::doc::{Doc, at};
use super::kinds::Fresh;
use crate::name::Digest;

/// A ConfigMap or Secret by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// `ConfigMap` or `Secret`.
    pub kind: String,
    /// Its namespace; empty when there is none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What is known of one.
#[derive(Debug, Clone)]
struct Known {
    /// Of all its data.
    digest: Digest,
    /// A ConfigMap's texts.
    texts: BTreeMap<String, String>,
}

/// All that were found.
#[derive(Debug, Default, Clone)]
pub struct ValueSources {
    by_name: BTreeMap<Named, Known>,
}

impl Named {
    /// The name of a document.
    pub fn of(doc: &Doc) -> Self {
        let (kind, namespace, name) = (doc.kind(), doc.namespace(), doc.name());
        Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl ValueSources {
    /// Takes a ConfigMap or a Secret. The first of a name stays.
    pub fn insert(&mut self, doc: &Doc) -> Fresh {
        let key = Named::of(doc);
        if self.by_name.contains_key(&key) {
            return Fresh::Known;
        }
        let parts = ["data", "binaryData", "stringData"].map(|key| doc.at(&[key]));
        let digest = Digest::of(&serde_json_canonicalizer::to_vec(&parts).unwrap_or_default());
        let data = doc.at(&["data"]).and_then(Json::as_object).filter(|_| key.kind == "ConfigMap");
        let data = data.into_iter().flatten();
        let texts = data.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
        self.by_name.insert(key, Known { digest, texts });
        Fresh::New
    }

    /// A ConfigMap's texts; of a Secret, known to be there, none.
    pub fn get(&self, named: &Named) -> Option<&BTreeMap<String, String>> {
        self.by_name.get(named).map(|known| &known.texts)
    }
}

/// What an app takes values from, in order. `namespace` is the app's own.
pub fn named(format: Format, doc: &Doc, namespace: &str) -> Vec<Named> {
    let path: &[&str] = match format {
        Format::FluxKustomization => &["spec", "postBuild", "substituteFrom"],
        Format::FluxHelmRelease => &["spec", "valuesFrom"],
        Format::ArgoApplication | Format::Luigi => return Vec::new(),
    };
    let list = doc.at(path).and_then(Json::as_array);
    let text = |item, key| at(item, &[key]).and_then(Json::as_str).unwrap_or("").to_owned();
    list.into_iter()
        .flatten()
        .map(|item| Named {
            kind: text(item, "kind"),
            namespace: namespace.to_owned(),
            name: text(item, "name"),
        })
        .collect()
}

/// The definition together with digests of what it takes values from: those are
/// part of what is deployed. The ConfigMaps of a Kustomization whose files are
/// here are not among them, because its objects show what they hold.
pub fn with_digests(known: &ValueSources, app: &App, named: &[Named]) -> Arc<Json> {
    let definition = &app.definition;
    let objects = app.format == Format::FluxKustomization && !app.content.jobs.is_empty();
    let shown = |named: &Named| objects && named.kind == "ConfigMap";
    let seen: serde_json::Map<String, Json> = named
        .iter()
        .filter(|named| !shown(named))
        .filter_map(|named| Some((named.to_string(), json!(known.by_name.get(named)?.digest))))
        .collect();
    if seen.is_empty() {
        return Arc::clone(definition);
    }
    let mut definition = (**definition).clone();
    if let Some(map) = definition.as_object_mut() {
        // No Kubernetes object has this key at its top.
        map.insert("valuesFrom".to_owned(), Json::Object(seen));
    }
    Arc::new(definition)
}
