//! What the formats share: fields with places, definitions without noise,
//! content of a path in this repository.
//!
//! Knows no format itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::app::{App, AppRef, Carried, Content, Destination, Format, Need, Parent, Remote};
use super::closure::{Closure, What};
use super::doc::{Doc, Parses};
use super::job::{
    Crds, Dependency, Depth, Helm, Job, Kustomize, Mount, Plain, Set, Substitute, Tool, Values,
};
use super::kinds::FluxSources;
use super::pins::{Pin, Pinned, Pins};
use super::scope::{Scope, is_exact};
use super::values::ValueSources;
use crate::config::Config;
use crate::files::{Files, ReadError};
use crate::name::{AppId, AppKey, Environment, RepoPath};
use crate::problem::{Code, Place, Problem};

/// All that reading one environment at one commit needs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The commit's files.
    pub files: &'a dyn Files,
    /// Files parsed so far.
    pub parses: &'a Parses,
    /// `luigi.yaml`.
    pub config: &'a Config,
    /// The environment.
    pub environment: &'a Environment,
    /// What points back at this repository.
    pub scope: &'a Scope,
    /// Flux sources found so far.
    pub sources: &'a FluxSources,
    /// ConfigMaps and Secrets found so far.
    pub values: &'a ValueSources,
    /// Pins looked at so far.
    pub pins: &'a Pins,
    /// Whether what is missing may still be found.
    pub stage: Stage,
}

/// Whether what is missing may still be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It may: wait for it.
    Searching,
    /// All that can be found has been: assume, and say so.
    Settled,
}

/// An app without its content, and what is wrong with its definition.
pub struct Header {
    /// The app; its content is empty.
    pub app: App,
    /// Problems of the definition.
    pub problems: Vec<Problem>,
}

impl Context<'_> {
    /// The parts every format has.
    pub fn header(&self, doc: &Arc<Doc>, format: Format, id: AppId, parent: Parent) -> Header {
        let app = App {
            key: AppKey { environment: self.environment.clone(), app: id },
            place: doc.place.clone(),
            format,
            parent,
            definition: doc.definition(),
            destination: Destination::default(),
            needs: Vec::new(),
            wave: None,
            carried: Carried::OwnStep,
            content: Arc::default(),
        };
        Header { app, problems: Vec::new() }
    }

    /// What a pin came to: its files, or why they cannot be had. `None` while
    /// nobody has looked.
    pub fn pinned(&self, pin: Option<&Pin>) -> Option<Result<Pinned, String>> {
        match pin {
            Some(pin) => self.pins.ask(pin),
            None => Some(Err("it names no tag or commit".to_owned())),
        }
    }

    /// An empty closure over content seen through `mounts`.
    pub fn closure<'m>(&'m self, mounts: &'m [Mount]) -> Closure<'m> {
        Closure::new(self.files, self.parses, mounts)
    }
}

/// `spec.dependsOn` of Flux: same kind, own namespace unless named.
pub fn depends_on(doc: &Doc, kind: &str, header: &mut Header) {
    let Some(list) = doc.at(&["spec", "dependsOn"]).and_then(Json::as_array) else { return };
    for (i, item) in list.iter().enumerate() {
        let place = doc.place_of(&["spec", "dependsOn", &i.to_string()]);
        let name = item.get("name").and_then(Json::as_str).unwrap_or("");
        let own = header.app.key.app.namespace();
        let own = if own == "_" { "" } else { own };
        let namespace = item.get("namespace").and_then(Json::as_str).unwrap_or(own);
        match AppId::new(kind, namespace, name) {
            Ok(id) => header.app.needs.push(Need { app: AppRef::Exact(id), place }),
            Err(error) => {
                header.problems.push(Problem::new(
                    Code::AppField,
                    Some(place),
                    format!("dependsOn: {error}"),
                ));
            }
        }
    }
}

/// What decides how a path is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// A `Chart.yaml` is there.
    Helm,
    /// A kustomization file is there.
    Kustomize,
    /// Neither.
    Plain,
}

/// What a folder holds, as Argo CD and Luigi's `App` detect it.
pub fn detect(closure: &mut Closure<'_>, dir: &RepoPath, place: &Place) -> Result<ContentKind, ReadError> {
    let found = closure.locate(dir, place)?;
    if let What::Tree(id) = found.what
        && closure.is_plain(id)?
    {
        // With the whole folder as an input, a file that appears is seen.
        closure.tree(&found, id, place)?;
        return Ok(ContentKind::Plain);
    }
    if matches!(closure.file(&dir.child("Chart.yaml"), place)?.what, What::Blob(_)) {
        return Ok(ContentKind::Helm);
    }
    let kustomization = closure.kustomization_of(dir, place)?;
    Ok(if kustomization.is_some() { ContentKind::Kustomize } else { ContentKind::Plain })
}

/// A job whose inputs are all that `closure` has found so far.
pub fn job(closure: &Closure<'_>, mounts: &[Mount], tool: Tool, substitute: Option<Substitute>) -> Job {
    Job {
        inputs: closure.inputs.clone(),
        at: None,
        mounts: mounts.to_vec(),
        tool,
        substitute,
        namespace: None,
    }
}

/// Plain files below a path.
pub fn plain(
    closure: &mut Closure<'_>,
    path: &RepoPath,
    depth: Depth,
    globs: (Option<String>, Option<String>),
    place: &Place,
) -> Result<Option<Tool>, ReadError> {
    let found = closure.file(path, place)?;
    match found.what {
        What::Tree(id) => closure.tree(&found, id, place)?,
        What::Blob(_) => {}
        What::Absent => {
            let message = format!("{path} does not exist");
            closure.problems.push(Problem::new(Code::PathMissing, Some(place.clone()), message));
            return Ok(None);
        }
    }
    Ok(Some(Tool::Plain(Plain { path: path.clone(), depth, include: globs.0, exclude: globs.1 })))
}

/// A kustomization, as it is or replaced.
pub fn kustomize(
    closure: &mut Closure<'_>,
    dir: &RepoPath,
    replace: Option<String>,
    place: &Place,
) -> Result<Tool, ReadError> {
    closure.kustomize(dir, replace.as_deref(), place)?;
    Ok(Tool::Kustomize(Kustomize { dir: dir.clone(), replace }))
}

/// What a Helm source says beside its chart.
#[derive(Debug, Default)]
pub struct HelmOptions {
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// Values, lowest precedence first.
    pub values: Vec<Values>,
    /// `--set` and its kin.
    pub sets: Vec<Set>,
    /// `skipCrds`.
    pub skip_crds: bool,
    /// The chart's idea of the cluster, when the definition has one.
    pub kube_version: Option<String>,
    /// More API versions.
    pub api_versions: Vec<String>,
}

impl HelmOptions {
    /// The tool that renders `chart` with these options.
    pub fn tool(self, config: &Config, chart: RepoPath, dependencies: Vec<Dependency>) -> Tool {
        let mut api_versions = config.render.api_versions.clone();
        api_versions.extend(self.api_versions);
        Tool::Helm(Helm {
            chart,
            release: self.release,
            namespace: self.namespace,
            values: self.values,
            sets: self.sets,
            crds: if self.skip_crds { Crds::Skip } else { Crds::Include },
            kube_version: self.kube_version.or_else(|| config.render.kube_version.clone()),
            api_versions,
            dependencies,
        })
    }
}

/// Everything a closure and its jobs say, as an app's content.
pub fn content(mut closure: Closure<'_>, jobs: Vec<Job>) -> Content {
    // Behind a link that is not followed, and in a submodule, nobody knows what
    // exists; that has been said at the same place.
    let refused: BTreeSet<Place> = (closure.problems.iter())
        .filter(|p| p.code == Code::LinkEscapes)
        .filter_map(|p| p.place.clone())
        .chain(closure.submodules.iter().cloned())
        .collect();
    closure.problems.retain(|p| {
        p.code != Code::PathMissing || !p.place.as_ref().is_some_and(|place| refused.contains(place))
    });
    Content {
        inputs: closure.inputs,
        around: BTreeMap::new(),
        remotes: closure.remotes.into_iter().map(shown).collect(),
        unknown: closure.unknown.into_iter().collect(),
        jobs,
        not_rendered: closure.not_rendered.iter().map(|why| without_credentials(why)).collect(),
        problems: closure.problems,
    }
}

/// A remote input as it may be shown.
fn shown(mut remote: Remote) -> Remote {
    remote.what = without_credentials(&remote.what);
    let end = remote.revision.find('&').unwrap_or(remote.revision.len());
    remote.revision.truncate(end);
    remote
}

/// A remote input at a revision.
pub fn remote(what: impl Into<String>, revision: &str) -> Remote {
    let pinned = if is_exact(revision) { super::app::Pinned::Exact } else { super::app::Pinned::Floating };
    Remote { what: without_credentials(&what.into()), revision: revision.to_owned(), pinned }
}

/// A text without the users, passwords and queries of the URLs in it; of a query
/// only the revision stays. Whoever writes a token there shows it to nobody else.
pub fn without_credentials(text: &str) -> String {
    text.split(' ').map(url_without_credentials).collect::<Vec<_>>().join(" ")
}

fn url_without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, query) = rest.split_once('?').map_or((rest, ""), |(place, query)| (place, query));
    let (host, path) = place.split_once('/').map_or((place, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit('@').next().unwrap_or(host);
    let path = path.map_or_else(String::new, |path| format!("/{path}"));
    let says = |pair: &&str| pair.starts_with("ref=") || pair.starts_with("version=");
    let query = query.split('&').find(says).map_or_else(String::new, |pair| format!("?{pair}"));
    format!("{scheme}://{host}{path}{query}")
}

/// An id of the document's own namespace and name.
pub fn id(kind: &str, doc: &Doc) -> Result<AppId, crate::name::NameError> {
    AppId::new(kind, doc.namespace(), doc.name())
}
