//! Whether the fields that are read have the form that the format gives them.
//!
//! A field of the wrong form is never taken for one that is absent: the app would
//! seem to read something else. Fields that nothing here reads are not looked at.

use serde_json::Value as Json;

use super::app::Format;
use super::doc::Doc;
use crate::problem::{Code, Problem};

/// The form of a field.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Bool,
    List,
    Map,
    /// A mapping of texts.
    Texts,
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

use Form::{Bool, List, Map, OneOf, Text, Texts};

/// A field by its path, and its form; `*` stands for every item of a list.
type Field = (&'static str, Form);

const COMMON: &[Field] = &[
    ("metadata", Map),
    ("metadata.namespace", Text),
    ("metadata.labels", Texts),
    ("metadata.annotations", Texts),
    ("spec", Map),
];

/// `pkg/apis/application/v1alpha1/types.go`.
const ARGO: &[Field] = &[
    ("spec.destination", Map),
    ("spec.destination.server", Text),
    ("spec.destination.name", Text),
    ("spec.destination.namespace", Text),
    ("spec.source", Map),
    ("spec.sources", List),
    ("spec.sources.*", Map),
];
const ARGO_SOURCE: &[Field] = &[
    ("repoURL", Text),
    ("path", Text),
    ("targetRevision", Text),
    ("chart", Text),
    ("ref", Text),
    ("helm", Map),
    ("helm.releaseName", Text),
    ("helm.valueFiles", List),
    ("helm.valueFiles.*", Text),
    ("helm.ignoreMissingValueFiles", Bool),
    ("helm.values", Text),
    ("helm.valuesObject", Map),
    ("helm.parameters", List),
    ("helm.parameters.*", Map),
    ("helm.parameters.*.name", Text),
    ("helm.parameters.*.value", Text),
    ("helm.fileParameters", List),
    ("helm.fileParameters.*", Map),
    ("helm.fileParameters.*.path", Text),
    ("helm.skipCrds", Bool),
    ("kustomize", Map),
    ("kustomize.images", List),
    ("kustomize.patches", List),
    ("kustomize.components", List),
    ("directory", Map),
    ("directory.recurse", Bool),
    ("directory.include", Text),
    ("directory.exclude", Text),
];

/// `kustomize-controller/api/v1/kustomization_types.go`.
const FLUX_KUSTOMIZATION: &[Field] = &[
    ("spec.path", Text),
    ("spec.targetNamespace", Text),
    ("spec.namePrefix", Text),
    ("spec.nameSuffix", Text),
    ("spec.sourceRef", Map),
    ("spec.sourceRef.kind", OneOf(&["GitRepository", "OCIRepository", "Bucket", "ExternalArtifact"])),
    ("spec.sourceRef.name", Text),
    ("spec.sourceRef.namespace", Text),
    ("spec.dependsOn", List),
    ("spec.patches", List),
    ("spec.images", List),
    ("spec.components", List),
    ("spec.components.*", Text),
    ("spec.postBuild", Map),
    ("spec.postBuild.substitute", Map),
    ("spec.postBuild.substituteFrom", List),
    ("spec.postBuild.substituteFrom.*", Map),
    ("spec.postBuild.substituteFrom.*.kind", OneOf(&["ConfigMap", "Secret"])),
    ("spec.postBuild.substituteFrom.*.name", Text),
];

/// `helm-controller/api/v2/helmrelease_types.go`.
const FLUX_HELM_RELEASE: &[Field] = &[
    ("spec.releaseName", Text),
    ("spec.targetNamespace", Text),
    ("spec.chart", Map),
    ("spec.chart.spec", Map),
    ("spec.chart.spec.chart", Text),
    ("spec.chart.spec.version", Text),
    ("spec.chart.spec.sourceRef", Map),
    ("spec.chart.spec.sourceRef.kind", OneOf(&["HelmRepository", "GitRepository", "Bucket"])),
    ("spec.chart.spec.sourceRef.name", Text),
    ("spec.chart.spec.sourceRef.namespace", Text),
    ("spec.chart.spec.valuesFiles", List),
    ("spec.chart.spec.valuesFiles.*", Text),
    ("spec.chartRef", Map),
    ("spec.chartRef.kind", OneOf(&["OCIRepository", "HelmChart", "ExternalArtifact"])),
    ("spec.chartRef.name", Text),
    ("spec.chartRef.namespace", Text),
    ("spec.dependsOn", List),
    ("spec.values", Map),
    ("spec.valuesFrom", List),
    ("spec.valuesFrom.*", Map),
];

const LUIGI: &[Field] = &[
    ("apiVersion", OneOf(&[crate::config::API_VERSION])),
    ("spec.namespace", Text),
    ("spec.server", Text),
    ("spec.serviceAccount", Text),
    ("spec.boundary", Map),
    ("spec.source", Map),
    ("spec.source.repo", Text),
    ("spec.source.revision", Text),
    ("spec.source.path", Text),
    ("spec.source.helm", Map),
    ("spec.source.helm.releaseName", Text),
    ("spec.source.helm.valueFiles", List),
    ("spec.source.helm.valueFiles.*", Text),
    ("spec.source.helm.skipCrds", Bool),
];

/// Whether a definition's fields have their forms.
#[derive(Debug, Default)]
pub struct Shape {
    /// Every field that has another form than its format gives it.
    pub problems: Vec<Problem>,
    /// Whether one of them says where the content is.
    pub source: SourceForm,
}

/// Whether it is known where the content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceForm {
    /// It is.
    #[default]
    Fine,
    /// A field that says so cannot be read.
    Wrong,
}

/// Fields without which nobody knows what an app reads, by the last part of
/// their path.
const SOURCE: [&str; 14] = [
    "apiVersion",
    "chart",
    "chartRef",
    "kind",
    "metadata",
    "path",
    "ref",
    "repo",
    "repoURL",
    "revision",
    "source",
    "sourceRef",
    "spec",
    "targetRevision",
];

/// Looks at every field of a definition that is read.
pub fn check(doc: &Doc, format: Format) -> Shape {
    let mut shape = Shape::default();
    shape.fields(doc, &[], &doc.json, COMMON);
    match format {
        Format::Luigi => shape.fields(doc, &[], &doc.json, LUIGI),
        Format::ArgoApplication => {
            shape.fields(doc, &[], &doc.json, ARGO);
            if let Some(source) = below(&doc.json, "spec.source") {
                shape.fields(doc, &["spec", "source"], source, ARGO_SOURCE);
            }
            let sources = below(&doc.json, "spec.sources").and_then(Json::as_array);
            for (i, source) in sources.into_iter().flatten().enumerate() {
                shape.fields(doc, &["spec", "sources", &i.to_string()], source, ARGO_SOURCE);
            }
        }
        Format::FluxKustomization => shape.fields(doc, &[], &doc.json, FLUX_KUSTOMIZATION),
        Format::FluxHelmRelease => shape.fields(doc, &[], &doc.json, FLUX_HELM_RELEASE),
    }
    shape
}

impl Shape {
    /// Looks at fields of `json`, which stands at `above`.
    fn fields(&mut self, doc: &Doc, above: &[&str], json: &Json, fields: &[Field]) {
        // Most definitions lack most fields, and with each all that are below it.
        let mut lacking = "";
        for (path, form) in fields {
            if !lacking.is_empty() && path.strip_prefix(lacking).is_some_and(|rest| rest.starts_with('.')) {
                continue;
            }
            let before = self.problems.len();
            let (way, item) = path.split_once(".*").map_or((*path, None), |(way, item)| (way, Some(item)));
            match (below(json, way), item) {
                (None, _) => lacking = way,
                (Some(value), None) => self.field(doc, value, *form, (above, &[way])),
                (Some(list), Some(item)) => {
                    for (i, one) in list.as_array().into_iter().flatten().enumerate() {
                        if let Some(value) = below(one, item) {
                            self.field(doc, value, *form, (above, &[way, &i.to_string(), item]));
                        }
                    }
                }
            }
            let last = path.rsplit('.').next().unwrap_or("");
            if self.problems.len() > before && (SOURCE.contains(&last) || *path == "spec.sources") {
                self.source = SourceForm::Wrong;
            }
        }
    }

    fn field(&mut self, doc: &Doc, json: &Json, form: Form, (above, path): (&[&str], &[&str])) {
        if !fits(json, form) {
            let path = path.iter().flat_map(|part| part.split('.')).filter(|part| !part.is_empty());
            let path: Vec<&str> = above.iter().copied().chain(path).collect();
            wrong(doc, json, &path, form, &mut self.problems);
        }
    }
}

/// The value at a path of keys with dots between them.
fn below<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(json, |json, part| json.as_object()?.get(part))
}

/// Whether a value has that form; what is null has any.
fn fits(json: &Json, form: Form) -> bool {
    json.is_null()
        || match form {
            Text => json.is_string(),
            Bool => json.is_boolean(),
            List => json.is_array(),
            Map => json.is_object(),
            Texts => json.as_object().is_some_and(|map| map.values().all(|value| fits(value, Text))),
            OneOf(known) => json.as_str().is_some_and(|text| known.contains(&text)),
        }
}

fn wrong(doc: &Doc, json: &Json, path: &[&str], form: Form, found: &mut Vec<Problem>) {
    let want = match form {
        Texts if json.is_object() => {
            for (key, value) in json.as_object().into_iter().flatten().filter(|(_, value)| !fits(value, Text))
            {
                wrong(doc, value, &[path, &[key.as_str()]].concat(), Text, found);
            }
            return;
        }
        Text => "text".to_owned(),
        Bool => "true or false".to_owned(),
        List => "a list".to_owned(),
        Map | Texts => "a mapping".to_owned(),
        OneOf(known) => known.join(" or "),
    };
    let is = match json {
        Json::Null => "nothing".to_owned(),
        Json::Bool(_) => "true or false".to_owned(),
        Json::Number(_) => "a number".to_owned(),
        Json::String(text) if matches!(form, OneOf(_)) => format!("{text:?}"),
        Json::String(_) => "text".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "a mapping".to_owned(),
    };
    let message = format!("{} must be {want}, and is {is}", path.join("."));
    let problem = Problem::new(Code::AppField, Some(doc.place_of(path)), message);
    found.push(match (form, json) {
        (Text, Json::Number(_) | Json::Bool(_)) => problem.help("Put it in quotes."),
        _ => problem,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Place;
    use serde_json::json;

    fn told(format: Format, json: Json) -> Vec<String> {
        let doc = Doc::rendered(json, Place::new("a.yaml", 1, 1));
        check(&doc, format).problems.into_iter().map(|p| p.message).collect()
    }

    #[test]
    fn fields_of_the_wrong_form_are_named() {
        let spec =
            json!({"sources": [{"path": 7, "repoURL": null}, "x"], "source": {"helm": {"valueFiles": "a"}}});
        assert_eq!(
            told(
                Format::ArgoApplication,
                json!({"metadata": {"annotations": {"a.b/c": 3, "d": "x"}}, "spec": spec})
            ),
            [
                "metadata.annotations.a.b/c must be text, and is a number",
                "spec.sources.1 must be a mapping, and is text",
                "spec.source.helm.valueFiles must be a list, and is text",
                "spec.sources.0.path must be text, and is a number",
            ]
        );
    }

    #[test]
    fn kinds_of_sources_are_known() {
        let spec = json!({"sourceRef": {"kind": "GitRepo", "name": "x"}, "path": null});
        assert_eq!(
            told(Format::FluxKustomization, json!({"spec": spec})),
            [
                "spec.sourceRef.kind must be GitRepository or OCIRepository or Bucket or ExternalArtifact, and is \"GitRepo\""
            ]
        );
    }
}
