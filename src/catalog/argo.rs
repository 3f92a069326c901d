//! Argo CD `Application`: single- and multi-source.
//!
//! Field names and defaults: `pkg/apis/application/v1alpha1/types.go`; value
//! file paths: `util/helm` and `reposerver/repository`. Does not expand
//! ApplicationSets.

mod pinned;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::app::{App, AppRef, Content, Format, Need, Parent, Unknown};
use super::closure::{Closure, What};
use super::doc::{Doc, at};
use super::format::{
    self, ContentKind, Context, Header, HelmOptions, Stage, content, detect, job, kustomize, plain, remote,
};
use super::job::{Depth, Job, Set, SetValue, Tool, Values};
use super::overlay;
use super::pins::Pin;
use super::scope::Meaning;
use crate::files::{EntryKind, Next, ReadError, walk};
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
    let mut jobs = Vec::with_capacity(sources.len());
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

    /// The Helm options; value files become inputs. `chart` is `None` where the
    /// chart itself is elsewhere.
    fn helm_options(
        &self,
        closure: &mut Closure<'_>,
        chart: Option<&RepoPath>,
    ) -> Result<HelmOptions, ReadError> {
        let get = |path: &[&str]| at(self.source, &[&["helm"], path].concat());
        let string = |key: &str| get(&[key]).and_then(Json::as_str).map(str::to_owned);
        let mut options = HelmOptions {
            release: string("releaseName").unwrap_or_else(|| self.app.key.app.name().to_owned()),
            namespace: string("namespace").unwrap_or_else(|| self.app.destination.namespace.clone()),
            skip_crds: get(&["skipCrds"]).and_then(Json::as_bool).unwrap_or(false),
            kube_version: string("kubeVersion"),
            ..HelmOptions::default()
        };
        let list = |key: &str| get(&[key]).and_then(Json::as_array).cloned().unwrap_or_default();
        options.api_versions =
            list("apiVersions").iter().filter_map(Json::as_str).map(str::to_owned).collect();
        for (i, file) in list("valueFiles").iter().enumerate() {
            let place = self.place(&["helm", "valueFiles", &i.to_string()]);
            self.value_file(closure, chart, file.as_str().unwrap_or(""), &place, &mut options)?;
        }
        match (get(&["valuesObject"]), string("values")) {
            (Some(object), _) => options.values.push(Values::Text(object.to_string())),
            (None, Some(text)) if !text.is_empty() => options.values.push(Values::Text(text)),
            (None, _) => {}
        }
        for parameter in list("parameters") {
            let value = text(&parameter, &["value"]).to_owned();
            let forced = at(&parameter, &["forceString"]).and_then(Json::as_bool).unwrap_or(false);
            let value = if forced { SetValue::Text(value) } else { SetValue::Typed(value) };
            options.sets.push(Set { name: text(&parameter, &["name"]).to_owned(), value });
        }
        for (i, parameter) in list("fileParameters").iter().enumerate() {
            let place = self.place(&["helm", "fileParameters", &i.to_string()]);
            if let Some(path) = self.input_path(closure, chart, text(parameter, &["path"]), &place) {
                if !matches!(closure.file(&path, &place)?.what, What::Blob(_)) {
                    let message = format!("the file {path} does not exist");
                    closure.problems.push(Problem::new(Code::PathMissing, Some(place), message));
                }
                options
                    .sets
                    .push(Set { name: text(parameter, &["name"]).to_owned(), value: SetValue::File(path) });
            }
        }
        Ok(options)
    }

    /// The path of a value file in this repository; `None` when it is elsewhere
    /// or wrong, which the closure then says.
    fn input_path(
        &self,
        closure: &mut Closure<'_>,
        chart: Option<&RepoPath>,
        file: &str,
        place: &Place,
    ) -> Option<RepoPath> {
        if file.contains("://") {
            closure.not_rendered.insert(format!("value file {file} not fetched"));
            closure.remotes.insert(remote(file, ""));
            return None;
        }
        let path = if let Some(rest) = file.strip_prefix('$') {
            let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
            match self.refs.get(name) {
                Some(Ref::Here) if self.pin.is_none() => RepoPath::parse(rest),
                Some(Ref::Pin(pin)) if self.pin == Some(pin) => RepoPath::parse(rest),
                // A chart and values at two commits: no one tree holds both.
                Some(Ref::Here) => {
                    closure.not_rendered.insert(format!("value file {file} is not at the chart's commit"));
                    return None;
                }
                Some(Ref::Pin(pin)) => {
                    let why = format!("value file {file} at {} is not at the chart's commit", pin.revision);
                    closure.not_rendered.insert(why);
                    return None;
                }
                Some(Ref::Elsewhere(url)) => {
                    closure.not_rendered.insert(format!("value file {file} of {url} not fetched"));
                    return None;
                }
                None => {
                    let message = format!("{file:?}: no source has `ref: {name}`");
                    closure.problems.push(Problem::new(Code::AppField, Some(place.clone()), message));
                    return None;
                }
            }
        } else if file.starts_with('/') {
            RepoPath::parse(file)
        } else {
            // Beside a remote chart a relative file lies in the chart.
            chart?.join(file)
        };
        match path {
            Ok(path) => Some(path),
            Err(error) => {
                closure.problems.push(Problem::new(
                    Code::PathEscapes,
                    Some(place.clone()),
                    error.to_string(),
                ));
                None
            }
        }
    }

    fn value_file(
        &self,
        closure: &mut Closure<'_>,
        chart: Option<&RepoPath>,
        file: &str,
        place: &Place,
        options: &mut HelmOptions,
    ) -> Result<(), ReadError> {
        let Some(path) = self.input_path(closure, chart, file, place) else { return Ok(()) };
        let ignore =
            at(self.source, &["helm", "ignoreMissingValueFiles"]).and_then(Json::as_bool).unwrap_or(false);
        if path.as_str().contains(['*', '?', '[']) {
            let files = self.glob(closure, &path, place)?;
            if files.is_empty() && !ignore {
                let message = format!("value files {path} match nothing");
                closure.problems.push(Problem::new(Code::PathMissing, Some(place.clone()), message));
            }
            options.values.extend(files.into_iter().map(Values::File));
            return Ok(());
        }
        match closure.file(&path, place)?.what {
            What::Blob(_) => options.values.push(Values::File(path)),
            What::Absent | What::Tree(_) if ignore => {}
            What::Absent | What::Tree(_) => {
                let message = format!("value file {path} does not exist");
                closure.problems.push(Problem::new(Code::PathMissing, Some(place.clone()), message));
            }
        }
        Ok(())
    }

    /// Files that a value-file glob matches, by name; the folder searched becomes
    /// an input, since a new file in it may match.
    fn glob(
        &self,
        closure: &mut Closure<'_>,
        glob: &RepoPath,
        place: &Place,
    ) -> Result<Vec<RepoPath>, ReadError> {
        let fixed: Vec<&str> =
            glob.as_str().split('/').take_while(|p| !p.contains(['*', '?', '['])).collect();
        let Ok(dir) = RepoPath::parse(&fixed.join("/")) else { return Ok(Vec::new()) };
        let matcher = globset::GlobBuilder::new(glob.as_str()).literal_separator(true).build();
        let Ok(matcher) = matcher.map(|g| g.compile_matcher()) else { return Ok(Vec::new()) };
        let found = closure.locate(&dir, place)?;
        let What::Tree(id) = found.what else { return Ok(Vec::new()) };
        closure.tree(&found, id, place)?;
        let mut out = Vec::new();
        walk(self.context.files, id, &dir, &mut |path, entry| {
            if matches!(entry.kind, EntryKind::File | EntryKind::Executable)
                && matcher.is_match(path.as_str())
            {
                out.push(path);
            }
            Ok(Next::Enter)
        })?;
        out.sort();
        Ok(out)
    }
}

/// An `Application`'s id: `metadata.namespace` as written.
pub fn id(doc: &Doc) -> Result<AppId, crate::name::NameError> {
    format::id("Application", doc)
}
