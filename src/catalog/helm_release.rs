//! Flux `HelmRelease`: an object of the Kustomization that carries it, and an
//! app of its own.
//!
//! Under the engine `ledger` it has no step: its parent carries it. Its chart is
//! followed where it is in this repository, and named where it is not.
//! Fields and `GetReleaseName`: `helm-controller/api/v2/helmrelease_types.go`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::app::{App, Carried, Content, Format, Parent};
use super::closure::{Closure, What};
use super::doc::Doc;
use super::flux::{Origin, origin};
use super::format::{Context, Header, HelmOptions, content, depends_on, job, remote};
use super::job::Values;
use crate::files::ReadError;
use crate::name::{AppId, RepoPath};
use crate::problem::{Code, Problem, Severity};

/// Everything but the content.
pub fn header(context: &Context<'_>, doc: &Arc<Doc>, id: AppId, parent: Parent) -> Header {
    let carried = if parent == Parent::Root { Carried::OwnStep } else { Carried::ByParent };
    let mut header = context.header(doc, Format::FluxHelmRelease, id, parent);
    header.app.carried = carried;
    let namespace = doc.text(&["spec", "targetNamespace"]).unwrap_or(doc.namespace()).to_owned();
    header.app.destination.namespace = namespace;
    let server = doc.text(&["spec", "kubeConfig", "secretRef", "name"]).unwrap_or("").to_owned();
    header.app.destination.server = server;
    if doc.at(&["spec", "chart"]).is_none() && doc.at(&["spec", "chartRef"]).is_none() {
        let message = "a HelmRelease needs spec.chart or spec.chartRef";
        header.problems.push(Problem::new(Code::AppField, Some(doc.place_of(&["spec"])), message));
    }
    depends_on(doc, "HelmRelease", &mut header);
    header
}

/// The content, or `None` while a source may still be found.
pub fn read(context: &Context<'_>, app: &App, doc: &Doc) -> Result<Option<Content>, ReadError> {
    let text = |path: &[&str]| doc.text(path).unwrap_or("");
    let by_reference = doc.at(&["spec", "chartRef"]).is_some();
    let keys: &[&str] =
        if by_reference { &["spec", "chartRef"] } else { &["spec", "chart", "spec", "sourceRef"] };
    let key = |name: &'static str| doc.text(&[keys, &[name]].concat()).unwrap_or("");
    let (chart, version) =
        (text(&["spec", "chart", "spec", "chart"]), text(&["spec", "chart", "spec", "version"]));
    let namespace = if key("namespace").is_empty() { doc.namespace() } else { key("namespace") };
    let found = origin(context, key("kind"), namespace, key("name"));
    match found {
        Origin::Wait => Ok(None),
        Origin::Here(mounts) | Origin::Assumed { mounts, .. } if !by_reference => {
            let place = doc.place_of(&["spec", "chart", "spec", "chart"]);
            let mut closure = context.closure(&mounts);
            let dir = match RepoPath::parse(chart) {
                Ok(dir) => dir,
                Err(error) => {
                    let problem = Problem::new(Code::PathEscapes, Some(place), error.to_string());
                    closure.problems.push(problem);
                    return Ok(Some(content(closure, Vec::new())));
                }
            };
            let dependencies = closure.chart(&dir, &place)?;
            closure.not_rendered.extend(not_merged(doc));
            let mut options = HelmOptions {
                release: release_name(doc),
                namespace: app.destination.namespace.clone(),
                ..HelmOptions::default()
            };
            options.values = values_files(&mut closure, doc)?;
            if let Some(values) = doc.at(&["spec", "values"]) {
                options.values.push(Values::Text(values.to_string()));
            }
            let tool = options.tool(context.config, dir, dependencies);
            let jobs = vec![job(&closure, &mounts, tool, None)];
            Ok(Some(content(closure, jobs)))
        }
        Origin::Here(_) | Origin::Assumed { .. } => {
            let what = format!("{} {namespace}/{}", key("kind"), key("name"));
            Ok(Some(named_chart(&what, chart, version)))
        }
        Origin::Nowhere => {
            let what = format!("{} {namespace}/{}", key("kind"), key("name"));
            let mut content = named_chart(&what, chart, version);
            // Without spec.chart and spec.chartRef there is nothing to look for.
            if !key("name").is_empty() {
                let message = format!("{what} is defined nowhere in this repository");
                let mut problem = Problem::new(Code::SourceUnknown, Some(doc.place_of(keys)), message);
                // It may well be in the cluster already: the chart is only named here.
                problem.severity = Severity::Warning;
                content.problems.push(problem);
            }
            Ok(Some(content))
        }
        Origin::Elsewhere { what, revision, pin: _ } => {
            let revision = if by_reference || version.is_empty() { revision } else { version.to_owned() };
            Ok(Some(named_chart(&what, chart, &revision)))
        }
    }
}

/// `GetReleaseName`: composed of both where there is a target namespace.
fn release_name(doc: &Doc) -> String {
    let text = |key: &str| doc.text(&["spec", key]).filter(|text| !text.is_empty());
    match (text("releaseName"), text("targetNamespace")) {
        (Some(name), _) => name.to_owned(),
        (None, Some(namespace)) => format!("{namespace}-{}", doc.name()),
        (None, None) => doc.name().to_owned(),
    }
}

/// What the chart would be rendered without: the release would be another.
fn not_merged(doc: &Doc) -> Vec<String> {
    let list = |key: &str| doc.at(&["spec", key]).and_then(Json::as_array).into_iter().flatten();
    let text = |item: &Json, key: &str| item.get(key).and_then(Json::as_str).unwrap_or("").to_owned();
    let values = list("valuesFrom")
        .map(|item| format!("values from {} {} are not merged", text(item, "kind"), text(item, "name")));
    let post = list("postRenderers").take(1).map(|_| "postRenderers are not run".to_owned());
    values.chain(post).collect()
}

/// `valuesFiles`, relative to the source's top.
fn values_files(closure: &mut Closure<'_>, doc: &Doc) -> Result<Vec<Values>, ReadError> {
    let path = ["spec", "chart", "spec", "valuesFiles"];
    let ignore = doc.at(&["spec", "chart", "spec", "ignoreMissingValuesFiles"]) == Some(&Json::Bool(true));
    let mut out = Vec::new();
    for (i, file) in doc.at(&path).and_then(Json::as_array).into_iter().flatten().enumerate() {
        let place = doc.place_of(&[&path[..], &[&i.to_string()]].concat());
        match RepoPath::parse(file.as_str().unwrap_or("")) {
            Ok(file) => match closure.file(&file, &place)?.what {
                What::Blob(_) => out.push(Values::File(file)),
                What::Absent | What::Tree(_) if ignore => {}
                What::Absent | What::Tree(_) => {
                    let message = format!("value file {file} does not exist");
                    closure.problems.push(Problem::new(Code::PathMissing, Some(place), message));
                }
            },
            Err(error) => {
                closure.problems.push(Problem::new(Code::PathEscapes, Some(place), error.to_string()));
            }
        }
    }
    Ok(out)
}

fn named_chart(source: &str, chart: &str, version: &str) -> Content {
    let what = if chart.is_empty() {
        source.to_owned()
    } else {
        format!("{}/{chart}", source.trim_end_matches('/'))
    };
    let name = if chart.is_empty() { source } else { chart };
    let why = format!("chart {name} {version} not fetched");
    Content { remotes: vec![remote(what, version)], not_rendered: vec![why], ..Content::default() }
}
