//! What a document is: an app, something an app refers to, or nothing to us.
//!
//! Reads no field beyond kind and name.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::app::Format;
use super::doc::Doc;

/// What a document is to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It defines an app.
    App(Format),
    /// It would define apps, but this version does not expand it.
    ApplicationSet,
    /// It limits apps; not enforced by this version.
    AppProject,
    /// A Flux source.
    Source,
    /// A ConfigMap: Flux substitutes from it.
    ConfigMap,
    /// Anything else.
    Other,
}

/// What a document is.
pub fn kind(doc: &Doc) -> Kind {
    match (doc.group(), doc.kind()) {
        ("luigi.dev", "App") => Kind::App(Format::Luigi),
        ("argoproj.io", "Application") => Kind::App(Format::ArgoApplication),
        ("argoproj.io", "ApplicationSet") => Kind::ApplicationSet,
        ("argoproj.io", "AppProject") => Kind::AppProject,
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => Kind::App(Format::FluxKustomization),
        ("helm.toolkit.fluxcd.io", "HelmRelease") => Kind::App(Format::FluxHelmRelease),
        ("source.toolkit.fluxcd.io" | "source.extensions.fluxcd.io", _) => Kind::Source,
        ("", "ConfigMap") => Kind::ConfigMap,
        _ => Kind::Other,
    }
}

/// Why a document that is [`Kind::Other`] cannot be what it seems to be meant
/// for: the field, and what is wrong with it. Passing it over would lose an app.
pub fn misread(doc: &Doc) -> Option<(&'static str, String)> {
    const OURS: [(&str, &[&str]); 3] = [
        ("luigi.dev", &["App", "Root"]),
        ("kustomize.toolkit.fluxcd.io", &["Kustomization"]),
        ("helm.toolkit.fluxcd.io", &["HelmRelease"]),
    ];
    if let Some(text) = doc.json.as_str() {
        let ours = crate::files::MARKERS.iter().any(|marker| text.contains(marker));
        return ours.then(|| ("", "a definition is a mapping, and this is text".to_owned()));
    }
    let (version, kind) = (doc.text(&["apiVersion"]).unwrap_or(""), doc.kind());
    let group = version.split('/').next().unwrap_or("");
    let in_our_group = group == "argoproj.io" || OURS.iter().any(|(ours, _)| *ours == group);
    if in_our_group && kind.is_empty() {
        return Some(("kind", format!("a document of {group} needs a kind")));
    }
    let of_argo = matches!(kind, "Application" | "ApplicationSet" | "AppProject");
    let meant = of_argo
        || kind == "HelmRelease"
        || (matches!(kind, "Kustomization" | "App") && doc.at(&["spec"]).is_some())
        || in_our_group;
    if meant && !version.contains('/') {
        return Some(("apiVersion", format!("{kind} needs an apiVersion, its group and version")));
    }
    let (_, kinds) = OURS.iter().find(|(ours, _)| *ours == group)?;
    (!kinds.contains(&kind)).then(|| {
        ("kind", format!("{group} has no kind {kind:?} that Luigi knows; it has {}", kinds.join(", ")))
    })
}

/// Whether a text may hold a document that defines an app. Errs on the side of
/// yes: comments and templates count.
pub fn may_define_apps(text: &[u8]) -> bool {
    const KINDS: [(&[u8], &[&[u8]]); 4] = [
        (b"argoproj.io/", &[b"Application"]),
        (b"kustomize.toolkit.fluxcd.io/", &[b"Kustomization"]),
        (b"helm.toolkit.fluxcd.io/", &[b"HelmRelease"]),
        (b"luigi.dev/", &[b"App"]),
    ];
    KINDS.iter().any(|(group, kinds)| holds(text, group) && kinds.iter().any(|kind| defines(text, kind)))
}

fn holds(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|w| w == what)
}

/// `kind:` with that value (or one that begins with it) on one line, in YAML or
/// JSON, or a kind that a template fills in.
fn defines(text: &[u8], kind: &[u8]) -> bool {
    text.split(|b| *b == b'\n').any(|line| {
        let Some(at) = line.windows(4).position(|w| w == b"kind") else { return false };
        let rest = &line[at + 4..];
        let value = rest.iter().position(|b| !b" \t\"':".contains(b)).map_or(&rest[..0], |i| &rest[i..]);
        value.starts_with(kind) || value.starts_with(b"{{")
    })
}

/// Flux sources by kind, namespace and name.
#[derive(Debug, Default)]
pub struct FluxSources {
    by_key: BTreeMap<(String, String, String), Arc<Doc>>,
}

impl FluxSources {
    /// Takes a source. The first of a name stays.
    pub fn insert(&mut self, doc: Arc<Doc>) -> Fresh {
        let key = (doc.kind().to_owned(), doc.namespace().to_owned(), doc.name().to_owned());
        match self.by_key.entry(key) {
            std::collections::btree_map::Entry::Occupied(_) => Fresh::Known,
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(doc);
                Fresh::New
            }
        }
    }

    /// The source of that kind and name.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Arc<Doc>> {
        self.by_key.get(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    /// Every source of a kind in a namespace.
    pub fn of_kind<'a>(&'a self, kind: &'a str, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Doc>> {
        self.by_key.iter().filter(move |((k, n, _), _)| k == kind && n == namespace).map(|(_, doc)| doc)
    }
}

/// ConfigMaps' data by namespace and name.
#[derive(Debug, Default)]
pub struct ConfigMaps {
    by_name: BTreeMap<(String, String), BTreeMap<String, String>>,
}

impl ConfigMaps {
    /// Takes a ConfigMap. The first of a name stays.
    pub fn insert(&mut self, doc: &Doc) -> Fresh {
        let key = (doc.namespace().to_owned(), doc.name().to_owned());
        if self.by_name.contains_key(&key) {
            return Fresh::Known;
        }
        let data = doc.at(&["data"]).and_then(Json::as_object);
        let data = data.into_iter().flatten();
        let data = data.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
        self.by_name.insert(key, data);
        Fresh::New
    }

    /// A ConfigMap's data.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&BTreeMap<String, String>> {
        self.by_name.get(&(namespace.to_owned(), name.to_owned()))
    }
}

/// Whether something was not known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// It is new.
    New,
    /// It was known.
    Known,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_seen_in_yaml_json_and_templates() {
        for yes in [
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\n",
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\n",
            "{\"apiVersion\": \"argoproj.io/v1alpha1\", \"kind\": \"Application\"}",
            "apiVersion: helm.toolkit.fluxcd.io/v2\n  kind: 'HelmRelease'",
            "apiVersion: argoproj.io/v1alpha1\nkind: {{ .kind }}",
            "apiVersion: luigi.dev/v1\nkind: App",
        ] {
            assert!(may_define_apps(yes.as_bytes()), "{yes}");
        }
        for no in [
            "apiGroups: [argoproj.io]\nkind: Role",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization",
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n",
        ] {
            assert!(!may_define_apps(no.as_bytes()), "{no}");
        }
    }
}
