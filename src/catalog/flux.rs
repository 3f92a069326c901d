//! Flux `Kustomization`, and the sources it reads.
//!
//! Fields: `kustomize-controller/api/v1/kustomization_types.go`; generated
//! kustomizations: fluxcd/pkg `kustomize/kustomize_generator.go`; artifacts:
//! `source-watcher` `ArtifactGenerator`. `HelmRelease` has a file of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::app::{App, Content, Format, Parent, Remote};
use super::closure::{Closure, What};
use super::doc::{Doc, at};
use super::format::{Context, Header, Stage, content, depends_on, job, kustomize, remote};
use super::ignore::Ignore;
use super::job::{Mount, Substitute, UnknownVariable};
use super::kustomization::FILE_NAMES;
use super::overlay;
use super::pins::Pin;
use super::scope::Meaning;
use super::values::{self, Named};
use crate::files::{EntryKind, Next, ReadError, find, walk};
use crate::name::{AppId, RepoPath};
use crate::problem::{Code, Place, Problem};

/// Everything but the content.
pub fn header(context: &Context<'_>, doc: &Arc<Doc>, id: AppId, parent: Parent) -> Header {
    let mut header = context.header(doc, Format::FluxKustomization, id, parent);
    let text = |path: &[&str]| doc.text(path).unwrap_or("").to_owned();
    header.app.destination.server = text(&["spec", "kubeConfig", "secretRef", "name"]);
    header.app.destination.namespace = text(&["spec", "targetNamespace"]);
    if doc.text(&["spec", "sourceRef", "name"]).is_none()
        || doc.text(&["spec", "sourceRef", "kind"]).is_none()
    {
        let message = "a Kustomization needs spec.sourceRef with kind and name";
        let place = doc.place_of(&["spec", "sourceRef"]);
        header.problems.push(Problem::new(Code::AppField, Some(place), message));
    }
    depends_on(doc, "Kustomization", &mut header);
    header
}

/// Where a source's files are.
pub enum Origin {
    /// In the compared commit, seen through these mounts.
    Here(Vec<Mount>),
    /// The same, by a source that is defined nowhere while its paths exist here.
    Assumed {
        /// Where its folders are.
        mounts: Vec<Mount>,
        /// The source's name.
        source: String,
        /// Where it is named.
        place: Place,
    },
    /// Elsewhere: what, and at which revision.
    Elsewhere {
        /// URL or name.
        what: String,
        /// Tag, commit, range or branch.
        revision: String,
        /// The pin, where it is one.
        pin: Option<Pin>,
    },
    /// Not known yet.
    Wait,
    /// Defined nowhere.
    Nowhere,
}

/// Follows a source reference.
pub fn origin(context: &Context<'_>, kind: &str, namespace: &str, name: &str) -> Origin {
    let Some(source) = context.sources.get(kind, namespace, name) else {
        if kind == "ExternalArtifact" {
            return artifact(context, namespace, name);
        }
        return if context.stage == Stage::Searching { Origin::Wait } else { Origin::Nowhere };
    };
    let text = |path: &[&str]| source.text(path).unwrap_or("").to_owned();
    let url = text(&["spec", "url"]);
    let reference = source.at(&["spec", "ref"]);
    let revision = ["commit", "name", "semver", "tag", "digest", "branch"]
        .iter()
        .find_map(|key| reference.and_then(|r| at(r, &[key])).and_then(Json::as_str))
        .unwrap_or("")
        .to_owned();
    if kind != "GitRepository" {
        // A digest beside a tag is what counts: the tag is for people.
        let digest = reference.and_then(|r| at(r, &["digest"])).and_then(Json::as_str).unwrap_or("");
        let revision = match revision.as_str() {
            tag if digest.is_empty() || tag == digest => revision,
            tag => format!("{tag}@{digest}"),
        };
        let what = if url.is_empty() { format!("{kind} {namespace}/{name}") } else { url };
        return Origin::Elsewhere { what, revision, pin: None };
    }
    match context.scope.meaning(&url, &revision) {
        Meaning::Here => Origin::Here(includes(context, source, namespace)),
        Meaning::Undecided if context.stage == Stage::Searching => Origin::Wait,
        Meaning::Undecided | Meaning::Elsewhere | Meaning::OwnHistory => {
            // A range and a branch float: they are not followed.
            let exact = ["commit", "tag"]
                .iter()
                .find_map(|key| reference.and_then(|r| at(r, &[key])).and_then(Json::as_str));
            let meaning = context.scope.meaning(&url, &revision);
            let pin =
                exact.filter(|exact| *exact == revision).and_then(|exact| Pin::of(meaning, &url, exact));
            Origin::Elsewhere { what: url, revision, pin }
        }
    }
}

/// `spec.include`: folders of other repositories copied into this one.
fn includes(context: &Context<'_>, source: &Doc, namespace: &str) -> Vec<Mount> {
    let list = source.at(&["spec", "include"]).and_then(Json::as_array);
    let mut mounts = Vec::new();
    for item in list.into_iter().flatten() {
        let text = |path: &[&str]| at(item, path).and_then(Json::as_str).unwrap_or("");
        let name = text(&["repository", "name"]);
        if let Origin::Here(_) | Origin::Assumed { .. } = origin(context, "GitRepository", namespace, name)
            && let (Ok(from), Ok(to)) = (
                RepoPath::parse(text(&["fromPath"])),
                RepoPath::parse(if text(&["toPath"]).is_empty() { name } else { text(&["toPath"]) }),
            )
        {
            mounts.push(Mount { at: to, from });
        }
    }
    if !mounts.is_empty() {
        mounts.push(Mount { at: RepoPath::root(), from: RepoPath::root() });
    }
    mounts
}

/// What a source copies in from repositories elsewhere: nothing of it is here, and
/// the app is not what it would be without. `None` while one may still be found.
fn included_elsewhere(context: &Context<'_>, kind: &str, namespace: &str, name: &str) -> Option<Vec<Remote>> {
    let Some(source) = context.sources.get(kind, namespace, name) else { return Some(Vec::new()) };
    let list = source.at(&["spec", "include"]).and_then(Json::as_array);
    let mut out = Vec::new();
    for item in list.into_iter().flatten() {
        let name = at(item, &["repository", "name"]).and_then(Json::as_str).unwrap_or("");
        match origin(context, "GitRepository", namespace, name) {
            Origin::Here(_) | Origin::Assumed { .. } => {}
            Origin::Elsewhere { what, revision, .. } => out.push(remote(what, &revision)),
            Origin::Wait => return None,
            Origin::Nowhere => out.push(remote(format!("GitRepository {namespace}/{name}"), "")),
        }
    }
    Some(out)
}

/// An artifact that an `ArtifactGenerator` copies together.
fn artifact(context: &Context<'_>, namespace: &str, name: &str) -> Origin {
    for generator in context.sources.of_kind("ArtifactGenerator", namespace) {
        let artifacts = generator.at(&["spec", "artifacts"]).and_then(Json::as_array);
        let named = |a: &&Json| at(a, &["name"]).and_then(Json::as_str) == Some(name);
        let Some(artifact) = artifacts.into_iter().flatten().find(named) else { continue };
        let mut mounts = Vec::new();
        let mut assumed = None;
        for copy in at(artifact, &["copy"]).and_then(Json::as_array).into_iter().flatten() {
            let text = |key: &str| at(copy, &[key]).and_then(Json::as_str).unwrap_or("");
            let (alias, from) = text("from").split_once('/').unwrap_or((text("from"), ""));
            let fixed: Vec<&str> = from.split('/').take_while(|p| !p.contains(['*', '?', '['])).collect();
            let Ok(from) = RepoPath::parse(&fixed.join("/")) else { continue };
            let alias = alias.trim_start_matches('@');
            match alias_origin(context, generator, alias) {
                Origin::Here(_) | Origin::Assumed { .. } => {}
                Origin::Nowhere if matches!(context.files.entry(&from), Ok(Some(_))) => {
                    assumed = Some(format!("source {alias} of ArtifactGenerator {}", generator.name()));
                }
                other @ (Origin::Elsewhere { .. } | Origin::Wait | Origin::Nowhere) => return other,
            }
            // Mounted is the part before the first glob: more than is copied,
            // never less.
            let to = text("to").trim_start_matches("@artifact");
            if let Ok(to) = RepoPath::parse(to) {
                mounts.push(Mount { at: to, from });
            }
        }
        return match assumed {
            Some(source) => Origin::Assumed { mounts, source, place: generator.place.clone() },
            None => Origin::Here(mounts),
        };
    }
    if context.stage == Stage::Searching { Origin::Wait } else { Origin::Nowhere }
}

fn alias_origin(context: &Context<'_>, generator: &Doc, alias: &str) -> Origin {
    let sources = generator.at(&["spec", "sources"]).and_then(Json::as_array);
    for source in sources.into_iter().flatten() {
        let text = |key: &str| at(source, &[key]).and_then(Json::as_str).unwrap_or("");
        if text("alias") == alias {
            let namespace =
                if text("namespace").is_empty() { generator.namespace() } else { text("namespace") };
            return origin(context, text("kind"), namespace, text("name"));
        }
    }
    Origin::Nowhere
}

/// The URLs that Git sources name, to find out which repository is meant.
pub fn named(doc: &Doc) -> Option<String> {
    (doc.kind() == "GitRepository").then(|| doc.text(&["spec", "url"]).map(str::to_owned)).flatten()
}

/// What reading a `Kustomization` came to.
pub enum Read {
    /// It waits for a source, a ConfigMap or a Secret.
    Waits {
        /// ConfigMaps and Secrets it waits for.
        values: Vec<Named>,
    },
    /// Its content; with what Luigi had to assume.
    Content {
        /// The content.
        content: Box<Content>,
        /// ConfigMaps and Secrets it was read without.
        without: Vec<Named>,
    },
}

impl Read {
    fn content(content: Content) -> Self {
        Self::Content { content: Box::new(content), without: Vec::new() }
    }
}

/// The content of a `Kustomization`.
pub fn read(context: &Context<'_>, app: &App, doc: &Doc) -> Result<Read, ReadError> {
    let own = app.key.app.namespace();
    let own = if own == "_" { "" } else { own };
    let text = |path: &[&str]| doc.text(path).unwrap_or("");
    let place = doc.place_of(&["spec", "path"]);
    let namespace = doc.text(&["spec", "sourceRef", "namespace"]).unwrap_or(own);
    let (kind, name) = (text(&["spec", "sourceRef", "kind"]), text(&["spec", "sourceRef", "name"]));
    let path = match RepoPath::parse(text(&["spec", "path"])) {
        Ok(path) => path,
        Err(error) => {
            let problem = Problem::new(Code::PathEscapes, Some(place), error.to_string());
            return Ok(Read::content(Content { problems: vec![problem], ..Content::default() }));
        }
    };
    let mut notes = Vec::new();
    let mounts = match origin(context, kind, namespace, name) {
        Origin::Here(mounts) => mounts,
        Origin::Assumed { mounts, source, place } => {
            let message = format!(
                "{source} is defined nowhere; what it copies exists here, so this repository is taken"
            );
            notes.push(Problem::new(Code::SourceAssumed, Some(place), message));
            mounts
        }
        Origin::Wait => return Ok(Read::Waits { values: Vec::new() }),
        Origin::Elsewhere { what, revision, pin } => {
            let Some(pin) = pin else { return Ok(Read::content(elsewhere(&what, &revision))) };
            return at_pin(context, doc, (&what, &pin), (&path, own), &place);
        }
        Origin::Nowhere => {
            let exists = matches!(context.closure(&[]).locate(&path, &place)?.what, What::Tree(_));
            let source = doc.place_of(&["spec", "sourceRef"]);
            if !exists {
                let message = format!("{kind} {namespace}/{name} is defined nowhere");
                let problem = Problem::new(Code::SourceUnknown, Some(source), message);
                let mut content = elsewhere(&format!("{kind} {namespace}/{name}"), "");
                content.problems.push(problem);
                return Ok(Read::content(content));
            }
            let message = format!(
                "{kind} {namespace}/{name} is defined nowhere; {path} exists here, so this repository is taken"
            );
            notes.push(Problem::new(Code::SourceAssumed, Some(source), message));
            Vec::new()
        }
    };
    let (substitute, missing) = substitution(context, doc, own, &mut notes);
    if !missing.is_empty() && context.stage == Stage::Searching {
        return Ok(Read::Waits { values: missing });
    }
    let Some(elsewhere) = included_elsewhere(context, kind, namespace, name) else {
        return Ok(Read::Waits { values: Vec::new() });
    };
    let mut content = kustomization(context, doc, &path, &mounts, substitute, &place)?;
    content
        .not_rendered
        .extend(elsewhere.iter().map(|remote| format!("{} is included, and not fetched", remote.what)));
    content.remotes.extend(elsewhere);
    content.problems.extend(notes);
    Ok(Read::Content { content: Box::new(content), without: missing })
}

/// The content at a pin. It is no file of the compared commit: a difference shows
/// in the pin.
fn at_pin(
    context: &Context<'_>,
    doc: &Doc,
    (what, pin): (&str, &Pin),
    (path, own): (&RepoPath, &str),
    place: &Place,
) -> Result<Read, ReadError> {
    let pinned = match context.pinned(Some(pin)) {
        None => return Ok(Read::Waits { values: Vec::new() }),
        Some(Ok(pinned)) => pinned,
        Some(Err(why)) => {
            let mut content = elsewhere(what, &pin.revision);
            content.not_rendered.iter_mut().for_each(|said| *said = format!("{said}: {why}"));
            return Ok(Read::content(content));
        }
    };
    let mut notes = Vec::new();
    let (substitute, missing) = substitution(context, doc, own, &mut notes);
    if !missing.is_empty() && context.stage == Stage::Searching {
        return Ok(Read::Waits { values: missing });
    }
    let there = Context { files: &*pinned.files, ..*context };
    let mut content = kustomization(&there, doc, path, &[], substitute, place)?;
    for job in &mut content.jobs {
        job.at = Some(pinned.at.clone());
    }
    content.inputs.clear();
    content.remotes.push(remote(what, &pin.revision));
    content.problems.extend(notes);
    Ok(Read::Content { content: Box::new(content), without: missing })
}

fn elsewhere(what: &str, revision: &str) -> Content {
    let input = remote(what, revision);
    let shown = if revision.is_empty() { "its newest revision" } else { revision };
    let why = format!("{} at {shown} not fetched", input.what);
    Content { remotes: vec![input], not_rendered: vec![why], ..Content::default() }
}

fn kustomization(
    context: &Context<'_>,
    doc: &Doc,
    path: &RepoPath,
    mounts: &[Mount],
    substitute: Option<Substitute>,
    place: &Place,
) -> Result<Content, ReadError> {
    let mut closure = context.closure(mounts);
    let found = closure.file(path, place)?;
    let What::Tree(_) = found.what else {
        let message = format!("{path} does not exist");
        closure.problems.push(Problem::new(Code::PathMissing, Some(place.clone()), message));
        return Ok(content(closure, Vec::new()));
    };
    let empty = Json::Null;
    let spec = doc.at(&["spec"]).unwrap_or(&empty);
    let replace = if let Some(own) = overlay::own(context, &mut closure, path, place)? {
        overlay::flux(own, spec)
    } else if closure.kustomization_of(path, place)?.is_some() {
        // There is one, and it cannot be read: the closure says why.
        closure.kustomize(path, None, place)?;
        return Ok(content(closure, Vec::new()));
    } else {
        let own = overlay::generated(&resources(context, &mut closure, path, doc, place)?);
        let plain = Json::Object(own.clone()).to_string();
        Some(overlay::flux(own, spec).unwrap_or(plain))
    };
    let tool = kustomize(&mut closure, path, replace, place)?;
    let jobs = vec![job(&closure, mounts, tool, substitute)];
    Ok(content(closure, jobs))
}

/// The resources of the kustomization that Flux generates for a folder without
/// one: every YAML file below it, but a folder with a kustomization as a whole.
fn resources(
    context: &Context<'_>,
    closure: &mut Closure<'_>,
    dir: &RepoPath,
    doc: &Doc,
    place: &Place,
) -> Result<Vec<String>, ReadError> {
    let found = closure.locate(dir, place)?;
    let What::Tree(id) = found.what else { return Ok(Vec::new()) };
    closure.tree(&found, id, place)?;
    let own = ignored(context, doc);
    let ignore = Ignore::below(context.files, &found.real, id, own.as_deref())?;
    let left_out =
        |path: &RepoPath| found.real.join(path.as_str()).is_ok_and(|path| ignore.leaves_out(&path));
    let mut out = Vec::new();
    walk(context.files, id, &RepoPath::root(), &mut |path, entry| {
        let name = path.file_name();
        match entry.kind {
            EntryKind::Directory => {
                let list = context.files.list(entry.id)?;
                if FILE_NAMES.iter().any(|n| find(&list, n).is_some() && !left_out(&path.child(n))) {
                    out.push(path.to_string());
                    return Ok(Next::Skip);
                }
                Ok(Next::Enter)
            }
            EntryKind::File | EntryKind::Executable => {
                let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
                if yaml && !left_out(&path) {
                    out.push(path.to_string());
                }
                Ok(Next::Enter)
            }
            EntryKind::Link | EntryKind::Submodule => Ok(Next::Enter),
        }
    })?;
    out.sort();
    Ok(out)
}

/// `spec.ignore` of the GitRepository that the files are of.
fn ignored(context: &Context<'_>, doc: &Doc) -> Option<String> {
    let text = |path: &[&str]| doc.text(path).unwrap_or("");
    let (kind, name) = (text(&["spec", "sourceRef", "kind"]), text(&["spec", "sourceRef", "name"]));
    let namespace = doc.text(&["spec", "sourceRef", "namespace"]).unwrap_or(doc.namespace());
    let own = |source: &Doc| source.text(&["spec", "ignore"]).map(str::to_owned);
    if kind != "ExternalArtifact" {
        return context.sources.get(kind, namespace, name).and_then(|source| own(source));
    }
    // What an artifact is copied from was filtered before.
    context.sources.of_kind("ArtifactGenerator", namespace).find_map(|generator| {
        let sources = generator.at(&["spec", "sources"]).and_then(Json::as_array)?;
        sources.iter().find_map(|source| {
            let text = |key: &str| at(source, &[key]).and_then(Json::as_str).unwrap_or("");
            let namespace = if text("namespace").is_empty() { namespace } else { text("namespace") };
            own(context.sources.get(text("kind"), namespace, text("name"))?)
        })
    })
}

/// `spec.postBuild`, and the ConfigMaps that are not known (yet).
fn substitution(
    context: &Context<'_>,
    doc: &Doc,
    namespace: &str,
    notes: &mut Vec<Problem>,
) -> (Option<Substitute>, Vec<Named>) {
    let Some(post) = doc.at(&["spec", "postBuild"]) else { return (None, Vec::new()) };
    let mut variables = BTreeMap::new();
    let mut unknown = UnknownVariable::Empty;
    let mut missing = Vec::new();
    let optional = |i: usize| {
        let item = at(post, &["substituteFrom"]).and_then(|list| list.get(i));
        item.and_then(|item| at(item, &["optional"])).and_then(Json::as_bool).unwrap_or(false)
    };
    for (i, named) in values::named(Format::FluxKustomization, doc, namespace).into_iter().enumerate() {
        if named.kind != "ConfigMap" {
            unknown = UnknownVariable::Keep;
            continue;
        }
        if let Some(texts) = context.values.get(&named) {
            variables.extend(texts.clone());
            continue;
        }
        unknown = UnknownVariable::Keep;
        if context.stage == Stage::Settled && !optional(i) {
            let place = doc.place_of(&["spec", "postBuild", "substituteFrom", &i.to_string()]);
            let message = format!(
                "ConfigMap {namespace}/{} is not in this repository; its variables stay as they are",
                named.name
            );
            notes.push(Problem::new(Code::ContentUnknown, Some(place), message));
        }
        missing.push(named);
    }
    for (key, value) in at(post, &["substitute"]).and_then(Json::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        variables.insert(key.clone(), value);
    }
    if variables.is_empty() && unknown == UnknownVariable::Empty {
        return (None, missing);
    }
    (Some(Substitute { variables, unknown }), missing)
}
