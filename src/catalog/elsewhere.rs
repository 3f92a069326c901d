//! What Flux sources say beside URL and revision, for apps of which nothing is
//! here: a change of that is all that can be seen of them.
//!
//! URL and revision are pins, and told as such.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::app::{App, Format};
use super::doc::{Doc, at};
use super::kinds::FluxSources;

/// How often, for how long and with which credentials something is fetched does
/// not decide what is.
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
/// What [`super::app::Remote`] holds.
const PIN: [&str; 2] = ["url", "ref"];

/// The definition with what its sources say; as it is where there is nothing to
/// add. `doc` is the definition as it was found.
pub fn with_sources(sources: &FluxSources, app: &App, doc: &Doc) -> Arc<Json> {
    let elsewhere = app.content.inputs.is_empty() && !app.content.remotes.is_empty();
    let flux = matches!(app.format, Format::FluxKustomization | Format::FluxHelmRelease);
    if !elsewhere || !flux {
        return Arc::clone(&app.definition);
    }
    let mut seen = BTreeMap::new();
    let own = app.key.app.namespace();
    let paths = [&["spec", "sourceRef"][..], &["spec", "chart", "spec", "sourceRef"], &["spec", "chartRef"]];
    for reference in paths.into_iter().filter_map(|path| doc.at(path)) {
        take(sources, if own == "_" { "" } else { own }, reference, &PIN, &mut seen);
    }
    seen.retain(|_, spec| spec.as_object().is_some_and(|map| !map.is_empty()));
    if seen.is_empty() {
        return Arc::clone(&app.definition);
    }
    let mut definition = (*app.definition).clone();
    if let Some(map) = definition.as_object_mut() {
        // No Kubernetes object has this key at its top.
        map.insert("sources".to_owned(), seen.into_iter().collect::<Map<_, _>>().into());
    }
    Arc::new(definition)
}

/// Takes a source and those that it is made of.
fn take(
    sources: &FluxSources,
    namespace: &str,
    reference: &Json,
    without: &[&str],
    seen: &mut BTreeMap<String, Json>,
) {
    let text = |json: &Json, key: &str| at(json, &[key]).and_then(Json::as_str).unwrap_or("").to_owned();
    let (kind, name, other) =
        (text(reference, "kind"), text(reference, "name"), text(reference, "namespace"));
    let namespace = if other.is_empty() { namespace.to_owned() } else { other };
    let found: Vec<&Arc<Doc>> = if kind == "ExternalArtifact" {
        let makes = |doc: &&Arc<Doc>| list(doc, "artifacts").any(|artifact| text(artifact, "name") == name);
        sources.of_kind("ArtifactGenerator", &namespace).filter(makes).collect()
    } else {
        sources.get(&kind, &namespace, &name).into_iter().collect()
    };
    for doc in found {
        let key = format!("{} {namespace}/{}", doc.kind(), doc.name());
        if seen.contains_key(&key) {
            continue;
        }
        let mut spec = doc.at(&["spec"]).cloned().unwrap_or_default();
        if let Some(map) = spec.as_object_mut() {
            map.retain(|field, _| !HOW_FETCHED.contains(&&**field) && !without.contains(&&**field));
        }
        seen.insert(key, spec);
        for source in list(doc, "sources").chain(doc.at(&["spec", "sourceRef"])) {
            take(sources, &namespace, source, &[], seen);
        }
        for include in list(doc, "include") {
            let named =
                serde_json::json!({"kind": "GitRepository", "name": at(include, &["repository", "name"])});
            take(sources, &namespace, &named, &[], seen);
        }
    }
}

fn list<'d>(doc: &'d Doc, field: &str) -> impl Iterator<Item = &'d Json> {
    doc.at(&["spec", field]).and_then(Json::as_array).into_iter().flatten()
}
