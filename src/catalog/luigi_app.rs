//! Luigi's own `App`: for people with neither Argo CD nor Flux.
//!
//! Every key is known; one that is not is a problem.

use std::sync::Arc;

use serde_json::Value as Json;

use super::app::{App, AppRef, Content, Format, Need, Parent};
use super::closure::What;
use super::doc::{Doc, at};
use super::format::{
    ContentKind, Context, Header, HelmOptions, Stage, content, detect, job, kustomize, plain, remote,
};
use super::job::{Depth, Tool, Values};
use super::pins::Pin;
use super::scope::Meaning;
use crate::files::ReadError;
use crate::name::{AppId, RepoPath};
use crate::problem::{Code, Problem};

const SPEC: [&str; 6] = ["source", "namespace", "needs", "serviceAccount", "boundary", "server"];
const SOURCE: [&str; 4] = ["repo", "revision", "path", "helm"];
const HELM: [&str; 4] = ["valueFiles", "values", "releaseName", "skipCrds"];

/// Everything but the content.
pub fn header(context: &Context<'_>, doc: &Arc<Doc>, id: AppId, parent: Parent) -> Header {
    let mut header = context.header(doc, Format::Luigi, id, parent);
    let text = |path: &[&str]| doc.text(path).unwrap_or("").to_owned();
    header.app.destination.namespace = text(&["spec", "namespace"]);
    header.app.destination.server = text(&["spec", "server"]);
    for (path, known) in
        [(&["spec"][..], &SPEC[..]), (&["spec", "source"], &SOURCE), (&["spec", "source", "helm"], &HELM)]
    {
        unknown_keys(doc, path, known, &mut header);
    }
    if doc.at(&["spec", "source"]).is_none() {
        let message = "an App needs spec.source";
        header.problems.push(Problem::new(Code::AppField, Some(doc.place_of(&["spec"])), message));
    }
    let wrong = |i: &str| {
        Problem::new(Code::AppField, Some(doc.place_of(&["spec", "needs", i])), "needs is a list of names")
    };
    match doc.at(&["spec", "needs"]) {
        None => {}
        Some(Json::Array(list)) => {
            for (i, item) in list.iter().enumerate() {
                match item.as_str() {
                    Some(name) => {
                        let place = doc.place_of(&["spec", "needs", &i.to_string()]);
                        header.app.needs.push(Need { app: AppRef::of(name), place });
                    }
                    None => header.problems.push(wrong(&i.to_string())),
                }
            }
        }
        Some(_) => header.problems.push(wrong("")),
    }
    header
}

fn unknown_keys(doc: &Doc, path: &[&str], known: &[&str], header: &mut Header) {
    let Some(map) = doc.at(path).and_then(Json::as_object) else { return };
    for key in map.keys().filter(|k| !known.contains(&k.as_str())) {
        let place = doc.place_of(&[path, &[key.as_str()]].concat());
        let problem =
            Problem::new(Code::AppField, Some(place), format!("{} has no key {key:?}", path.join(".")));
        header.problems.push(problem.help(format!("Its keys are: {}.", known.join(", "))));
    }
}

/// The URL and path named, to find out which repository is meant.
pub fn named(doc: &Doc) -> Option<(String, String)> {
    let path = doc.text(&["spec", "source", "path"]).unwrap_or("");
    Some((doc.text(&["spec", "source", "repo"])?.to_owned(), path.to_owned()))
}

/// The content, or `None` while it is not known which repository is meant.
pub fn read(context: &Context<'_>, app: &App, doc: &Doc) -> Result<Option<Content>, ReadError> {
    let text = |path: &[&str]| doc.text(path).unwrap_or("");
    let (url, revision) = (text(&["spec", "source", "repo"]), text(&["spec", "source", "revision"]));
    let path = text(&["spec", "source", "path"]);
    let meaning = if url.is_empty() && context.scope.is_compared(revision) {
        Meaning::Here
    } else {
        context.scope.meaning(url, revision)
    };
    match meaning {
        Meaning::Here => {}
        Meaning::Undecided if context.stage == Stage::Searching => return Ok(None),
        Meaning::Undecided | Meaning::Elsewhere | Meaning::OwnHistory => {
            let own = (url.is_empty() && meaning == Meaning::Undecided).then_some(Meaning::OwnHistory);
            let pin = Pin::of(own.unwrap_or(meaning), url, revision);
            let what = if url.is_empty() { "this repository" } else { url };
            let input = remote(format!("{what}//{path}"), revision);
            return Ok(match context.pinned(pin.as_ref()) {
                None => None,
                Some(Err(why)) => {
                    let why = format!("{} at {revision} not fetched: {why}", input.what);
                    Some(Content { remotes: vec![input], not_rendered: vec![why], ..Content::default() })
                }
                Some(Ok(pinned)) => {
                    let there = Context { files: &*pinned.files, ..*context };
                    let mut content = here(&there, app, doc)?;
                    for job in &mut content.jobs {
                        job.at = Some(pinned.at.clone());
                    }
                    // No file of the compared commit: a difference shows in the pin.
                    content.inputs.clear();
                    content.remotes.push(input);
                    Some(content)
                }
            });
        }
    }
    here(context, app, doc).map(Some)
}

/// The content that the path names, in the files at hand.
fn here(context: &Context<'_>, app: &App, doc: &Doc) -> Result<Content, ReadError> {
    let path = doc.text(&["spec", "source", "path"]).unwrap_or("");
    let place = doc.place_of(&["spec", "source", "path"]);
    let mut closure = context.closure(&[]);
    if path.is_empty() {
        let message = "an App needs spec.source.path; the repository's top is `path: .`";
        closure.problems.push(Problem::new(Code::AppField, Some(place), message));
        return Ok(content(closure, Vec::new()));
    }
    let dir = match RepoPath::parse(path) {
        Ok(dir) => dir,
        Err(error) => {
            closure.problems.push(Problem::new(Code::PathEscapes, Some(place), error.to_string()));
            return Ok(content(closure, Vec::new()));
        }
    };
    if closure.file(&dir, &place)?.what == What::Absent {
        closure.problems.push(Problem::new(Code::PathMissing, Some(place), format!("{dir} does not exist")));
        return Ok(content(closure, Vec::new()));
    }
    let tool = match detect(&mut closure, &dir, &place)? {
        ContentKind::Helm => {
            let dependencies = closure.chart(&dir, &place)?;
            let options = helm_options(&mut closure, app, doc, &dir)?;
            Some(options.tool(context.config, dir, dependencies))
        }
        ContentKind::Kustomize => Some(kustomize(&mut closure, &dir, None, &place)?),
        ContentKind::Plain => plain(&mut closure, &dir, Depth::Recursive, (None, None), &place)?,
    };
    let jobs = tool.map(|tool| {
        let plain = matches!(tool, Tool::Plain(_));
        let mut job = job(&closure, &[], tool, None);
        job.namespace = Some(app.destination.namespace.clone()).filter(|n| plain && !n.is_empty());
        job
    });
    let jobs = jobs.into_iter().collect();
    Ok(content(closure, jobs))
}

fn helm_options(
    closure: &mut super::closure::Closure<'_>,
    app: &App,
    doc: &Doc,
    chart: &RepoPath,
) -> Result<HelmOptions, ReadError> {
    let helm = doc.at(&["spec", "source", "helm"]).unwrap_or(&Json::Null);
    let release = at(helm, &["releaseName"]).and_then(Json::as_str).unwrap_or(app.key.app.name());
    let mut options = HelmOptions {
        release: release.to_owned(),
        namespace: app.destination.namespace.clone(),
        skip_crds: at(helm, &["skipCrds"]).and_then(Json::as_bool).unwrap_or(false),
        ..HelmOptions::default()
    };
    let files = at(helm, &["valueFiles"]).and_then(Json::as_array);
    for (i, file) in files.into_iter().flatten().enumerate() {
        let place = doc.place_of(&["spec", "source", "helm", "valueFiles", &i.to_string()]);
        let path = match file.as_str().unwrap_or("") {
            file if file.starts_with('/') => RepoPath::parse(file),
            file => chart.join(file),
        };
        match path {
            Ok(path) => match closure.file(&path, &place)?.what {
                What::Blob(_) => options.values.push(Values::File(path)),
                What::Absent | What::Tree(_) => {
                    let message = format!("value file {path} does not exist");
                    closure.problems.push(Problem::new(Code::PathMissing, Some(place), message));
                }
            },
            Err(error) => {
                closure.problems.push(Problem::new(Code::PathEscapes, Some(place), error.to_string()));
            }
        }
    }
    match at(helm, &["values"]) {
        Some(Json::String(text)) => options.values.push(Values::Text(text.clone())),
        Some(object) => options.values.push(Values::Text(object.to_string())),
        None => {}
    }
    Ok(options)
}
