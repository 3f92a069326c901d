//! Argo CD `Application`: single- and multi-source.
//!
//! Field names and defaults: `pkg/apis/application/v1alpha1/types.go`; value
//! file paths: `util/helm` and `reposerver/repository`. Does not expand
//! ApplicationSets.

mod helm;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::app::{App, AppRef, Content, Format, Need, Parent, Unknown};
use super::closure::{Closure, What};
use super::doc::{Doc, at};
use super::format::{
    self, ContentKind, Context, Header, Stage, content, detect, job, kustomize, plain, remote,
};
use super::job::{Depth, Job, Tool};
use super::overlay;
use super::pins::{Pin, Pinned};
use super::scope::Meaning;
use crate::files::{ARGO_OVERRIDES, ReadError};
use crate::name::{AppId, RepoPath};
use crate::problem::{Code, Place, Problem};

const WAVE: &str = "argocd.argoproj.io/sync-wave";
const NEEDS: &str = "luigi.dev/needs";
const DEPENDS_ON: &str = "config.kubernetes.io/depends-on";

/// Everything but the content.
pub fn header(context: &Context<'_>, doc: &Arc<Doc>, id: AppId, parent: Parent) -> Header {
    let mut header = context.header(doc, Format::ArgoApplication, id, parent);
    let text = |path: &[&str]| doc.text(path).unwrap_or("").to_owned();
    let destination = &mut header.app.destination;
    destination.server = text(&["spec", "destination", "server"]);
    if destination.server.is_empty() {
        destination.server = text(&["spec", "destination", "name"]);
    }
    destination.namespace = text(&["spec", "destination", "namespace"]);
    if doc.at(&["spec", "source"]).is_none() && sources(doc).is_empty() {
        let message = "an Application needs spec.source or spec.sources";
        header.problems.push(Problem::new(Code::AppField, Some(doc.place_of(&["spec"])), message));
    }
    needs(doc, &mut header);
    header
}

fn needs(doc: &Doc, header: &mut Header) {
    let annotations = ["metadata", "annotations"];
    let place = |name: &str| doc.place_of(&[annotations[0], annotations[1], name]);
    if let Some(list) = doc.annotation(DEPENDS_ON) {
        for item in list.split(',').map(str::trim).filter(|i| !i.is_empty()) {
            let parts: Vec<&str> = item.split('/').collect();
            let id = match parts.as_slice() {
                [_, "namespaces", namespace, kind, name] => AppId::new(kind, namespace, name),
                [_, kind, name] => AppId::new(kind, "", name),
                _ => AppId::parse(item),
            };
            match id {
                Ok(id) => header.app.needs.push(Need { app: AppRef::Exact(id), place: place(DEPENDS_ON) }),
                Err(error) => header.problems.push(Problem::new(
                    Code::AppField,
                    Some(place(DEPENDS_ON)),
                    format!("{DEPENDS_ON}: {item:?}: {error}"),
                )),
            }
        }
    }
    if let Some(list) = doc.annotation(NEEDS) {
        let names = list.split([',', ' ', '\n']).map(str::trim).filter(|n| !n.is_empty());
        header.app.needs.extend(names.map(|name| Need { app: AppRef::of(name), place: place(NEEDS) }));
        return;
    }
    header.app.wave = match doc.annotation(WAVE).map(str::parse::<i64>) {
        None => Some(0),
        Some(Ok(wave)) => Some(wave),
        Some(Err(_)) => {
            let message = format!("{WAVE} must be a whole number, as text");
            header.problems.push(Problem::new(Code::AppField, Some(place(WAVE)), message));
            Some(0)
        }
    };
}

/// The sources, each with its path of keys.
fn sources(doc: &Doc) -> Vec<(Vec<String>, &Json)> {
    let keys = |parts: &[&str]| parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    match doc.at(&["spec", "sources"]).and_then(Json::as_array) {
        Some(list) if !list.is_empty() => {
            list.iter().enumerate().map(|(i, s)| (keys(&["spec", "sources", &i.to_string()]), s)).collect()
        }
        _ => doc.at(&["spec", "source"]).map(|s| (keys(&["spec", "source"]), s)).into_iter().collect(),
    }
}

/// The URLs and paths that the sources name, to find out which repository is
/// meant.
pub fn named(doc: &Doc) -> Vec<(String, String)> {
    let text = |json: &Json, key: &str| at(json, &[key]).and_then(Json::as_str).map(str::to_owned);
    sources(doc)
        .into_iter()
        .filter(|(_, source)| at(source, &["chart"]).is_none())
        .filter_map(|(_, s)| Some((text(s, "repoURL")?, text(s, "path").unwrap_or_default())))
        .collect()
}

/// What `$name` means in a value file's path.
enum Ref {
    Here,
    Pin(Pin),
    Elsewhere(String),
}

/// The content, or `None` while it is not known which repository is meant.
pub fn read(context: &Context<'_>, app: &App, doc: &Doc) -> Result<Option<Content>, ReadError> {
    let sources = sources(doc);
    let mut refs: BTreeMap<String, Ref> = BTreeMap::new();
    for (_, source) in &sources {
        let url = text(source, &["repoURL"]);
        let meaning = context.scope.meaning(url, text(source, &["targetRevision"]));
        if meaning == Meaning::Undecided && context.stage == Stage::Searching {
            return Ok(None);
        }
        let name = text(source, &["ref"]);
        if !name.is_empty() {
            let at = match (meaning, Pin::of(meaning, url, text(source, &["targetRevision"]))) {
                (Meaning::Here, _) => Ref::Here,
                (_, Some(pin)) => Ref::Pin(pin),
                (_, None) => Ref::Elsewhere(url.to_owned()),
            };
            refs.insert(name.to_owned(), at);
        }
    }
    let mut closure = context.closure(&[]);
    let mut jobs = Vec::new();
    for (keys, source) in &sources {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let reader = Reader { context, app, doc, source, keys: &keys, refs: &refs, pin: None };
        match reader.pin() {
            None => {
                let mut one = context.closure(&[]);
                jobs.extend(reader.source(&mut one)?);
                closure.absorb(one);
            }
            Some(pin) => {
                let Some(pinned) = context.pinned(Some(&pin)) else { return Ok(None) };
                jobs.extend(reader.at_pin(&mut closure, &pin, pinned)?);
                reader.values_here(&mut closure)?;
            }
        }
    }
    Ok(Some(content(closure, jobs)))
}

fn text<'j>(json: &'j Json, path: &[&str]) -> &'j str {
    at(json, path).and_then(Json::as_str).unwrap_or("")
}

/// One source being read.
struct Reader<'a> {
    context: &'a Context<'a>,
    app: &'a App,
    doc: &'a Doc,
    source: &'a Json,
    keys: &'a [&'a str],
    refs: &'a BTreeMap<String, Ref>,
    /// The pin that the source is read at; `None` is the compared commit.
    pin: Option<&'a Pin>,
}

impl Reader<'_> {
    fn place(&self, path: &[&str]) -> Place {
        self.doc.place_of(&[self.keys, path].concat())
    }

    /// The pin that the source names, when its files lie at one.
    fn pin(&self) -> Option<Pin> {
        let (url, revision) = (text(self.source, &["repoURL"]), text(self.source, &["targetRevision"]));
        let files = !text(self.source, &["path"]).is_empty() && text(self.source, &["chart"]).is_empty();
        if url.is_empty() || !files {
            return None;
        }
        Pin::of(self.context.scope.meaning(url, revision), url, revision)
    }

    /// The source at its pin. What it reads is no file of the compared commit: a
    /// difference shows in the pin.
    fn at_pin(
        &self,
        outer: &mut Closure<'_>,
        pin: &Pin,
        pinned: Result<Pinned, String>,
    ) -> Result<Option<Job>, ReadError> {
        let (url, path) = (text(self.source, &["repoURL"]), text(self.source, &["path"]));
        let input = remote(format!("{url}//{path}"), &pin.revision);
        let what = input.what.clone();
        outer.remotes.insert(input);
        let pinned = match pinned {
            Ok(pinned) => pinned,
            Err(why) => {
                outer.not_rendered.insert(format!("{what} at {} not fetched: {why}", pin.revision));
                return Ok(None);
            }
        };
        let context = Context { files: &*pinned.files, ..*self.context };
        let reader = Reader { context: &context, pin: Some(pin), ..*self };
        let mut one = context.closure(&[]);
        let job = reader.content(&mut one)?;
        one.inputs.clear();
        outer.absorb(one);
        Ok(job.map(|job| Job { at: Some(pinned.at), ..job }))
    }

    fn source(&self, closure: &mut Closure<'_>) -> Result<Option<Job>, ReadError> {
        let url = text(self.source, &["repoURL"]);
        let revision = text(self.source, &["targetRevision"]);
        let path = text(self.source, &["path"]);
        let chart = text(self.source, &["chart"]);
        if url.is_empty() {
            let problem = Problem::new(Code::AppField, Some(self.place(&[])), "a source needs repoURL");
            closure.problems.push(problem);
            return Ok(None);
        }
        if path.is_empty() && chart.is_empty() && text(self.source, &["ref"]).is_empty() {
            let message = "a source needs path or chart; the repository's top is `path: .`";
            closure.problems.push(Problem::new(Code::AppField, Some(self.place(&[])), message));
            return Ok(None);
        }
        if !chart.is_empty() {
            let input = remote(format!("{}/{chart}", url.trim_end_matches('/')), revision);
            closure.not_rendered.insert(format!("chart {chart} {revision} not fetched"));
            closure.remotes.insert(input);
            self.helm_options(closure, None)?;
            return Ok(None);
        }
        match self.context.scope.meaning(url, revision) {
            Meaning::Here => {}
            // Only value files may be read there; whoever names one says what is missing.
            Meaning::OwnHistory | Meaning::Elsewhere if path.is_empty() => {
                closure.remotes.insert(remote(url, revision));
                return Ok(None);
            }
            Meaning::OwnHistory | Meaning::Elsewhere | Meaning::Undecided => {
                let input = remote(format!("{url}//{path}"), revision);
                let why = format!("{} not fetched: it names no tag or commit", input.what);
                closure.not_rendered.insert(why);
                closure.remotes.insert(input);
                self.values_here(closure)?;
                return Ok(None);
            }
        }
        self.content(closure)
    }

    /// The content that the path names, in the files at hand.
    fn content(&self, closure: &mut Closure<'_>) -> Result<Option<Job>, ReadError> {
        let path = text(self.source, &["path"]);
        if path.is_empty() && !text(self.source, &["ref"]).is_empty() {
            return Ok(None);
        }
        let place = self.place(&["path"]);
        let dir = match RepoPath::parse(path) {
            Ok(dir) => dir,
            Err(error) => {
                closure.problems.push(Problem::new(Code::PathEscapes, Some(place), error.to_string()));
                return Ok(None);
            }
        };
        let tool = self.tool(closure, &dir, &place)?;
        Ok(tool.map(|tool| {
            let namespace = matches!(tool, Tool::Plain(_)).then(|| self.app.destination.namespace.clone());
            let mut job = job(closure, &[], tool, None);
            job.namespace = namespace.filter(|n| !n.is_empty());
            job
        }))
    }

    fn tool(
        &self,
        closure: &mut Closure<'_>,
        dir: &RepoPath,
        place: &Place,
    ) -> Result<Option<Tool>, ReadError> {
        if at(self.source, &["plugin"]).is_some() {
            let why = "a config management plugin renders it".to_owned();
            closure.unknown.insert(Unknown { place: self.place(&["plugin"]), why });
            plain(closure, dir, Depth::Recursive, (None, None), place)?;
            closure.not_rendered.insert("plugins are not run".to_owned());
            return Ok(None);
        }
        let found = closure.file(dir, place)?;
        if found.what == What::Absent {
            let message = format!("{dir} does not exist");
            closure.problems.push(Problem::new(Code::PathMissing, Some(place.clone()), message));
            return Ok(None);
        }
        for name in [String::new(), format!("-{}", self.app.key.app.name())] {
            let file = dir.child(&format!("{ARGO_OVERRIDES}{name}.yaml"));
            if closure.file(&file, place)?.what != What::Absent {
                let why = format!("parameters in {file} are not merged");
                closure.unknown.insert(Unknown { place: place.clone(), why });
            }
        }
        let says = |key: &str| at(self.source, &[key]).is_some();
        let kind = if says("helm") && !says("kustomize") && !says("directory") {
            ContentKind::Helm
        } else if says("kustomize") {
            ContentKind::Kustomize
        } else if says("directory") {
            ContentKind::Plain
        } else {
            detect(closure, dir, place)?
        };
        match kind {
            ContentKind::Helm => {
                let dependencies = closure.chart(dir, place)?;
                let options = self.helm_options(closure, Some(dir))?;
                Ok(Some(options.tool(self.context.config, dir.clone(), dependencies)))
            }
            ContentKind::Kustomize => {
                let replace = match at(self.source, &["kustomize"]) {
                    Some(options) => self.overlay(closure, dir, options, place)?,
                    None => None,
                };
                kustomize(closure, dir, replace, place).map(Some)
            }
            ContentKind::Plain => self.directory(closure, dir, place),
        }
    }

    fn overlay(
        &self,
        closure: &mut Closure<'_>,
        dir: &RepoPath,
        options: &Json,
        place: &Place,
    ) -> Result<Option<String>, ReadError> {
        let Some(own) = overlay::own(self.context, closure, dir, place)? else { return Ok(None) };
        Ok(overlay::argo(own, options))
    }

    fn directory(
        &self,
        closure: &mut Closure<'_>,
        dir: &RepoPath,
        place: &Place,
    ) -> Result<Option<Tool>, ReadError> {
        if at(self.source, &["directory", "jsonnet"])
            .is_some_and(|j| j.as_object().is_none_or(|o| !o.is_empty()))
        {
            let why = "jsonnet is not evaluated".to_owned();
            closure.unknown.insert(Unknown { place: self.place(&["directory", "jsonnet"]), why });
        }
        let recurse = at(self.source, &["directory", "recurse"]).and_then(Json::as_bool).unwrap_or(false);
        let depth = if recurse { Depth::Recursive } else { Depth::Folder };
        let glob = |key: &str| {
            let text = text(self.source, &["directory", key]);
            (!text.is_empty()).then(|| text.to_owned())
        };
        plain(closure, dir, depth, (glob("include"), glob("exclude")), place)
    }
}

/// An `Application`'s id: `metadata.namespace` as written.
pub fn id(doc: &Doc) -> Result<AppId, crate::name::NameError> {
    format::id("Application", doc)
}
