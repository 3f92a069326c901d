//! An app as every format is read into it.
//!
//! What the formats have in common is here; what only one of them has stays in
//! `definition`, where a difference still counts as a change.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use super::job::{Input, Job};
use crate::name::{AppId, AppKey, RepoPath};
use crate::problem::{Place, Problem};

/// The document format an app was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `luigi.dev/v1` `App`.
    Luigi,
    /// `argoproj.io` `Application`.
    ArgoApplication,
    /// `kustomize.toolkit.fluxcd.io` `Kustomization`.
    FluxKustomization,
    /// `helm.toolkit.fluxcd.io` `HelmRelease`.
    FluxHelmRelease,
}

/// One child: a source, a destination, what it needs.
#[derive(Debug, Clone)]
pub struct App {
    /// Environment and id.
    pub key: AppKey,
    /// Where its definition stands; for a rendered child, where its parent is.
    pub place: Place,
    /// The format it was read from.
    pub format: Format,
    /// The app or `apps` entry whose content defines it.
    pub parent: Parent,
    /// The whole definition, fields without effect left out.
    pub definition: Arc<Json>,
    /// Where its objects go.
    pub destination: Destination,
    /// Apps that must be settled before it, as written.
    pub needs: Vec<Need>,
    /// Argo CD's sync wave among its parent's children. `None` where exact
    /// needs replace waves, or the format has none.
    pub wave: Option<i64>,
    /// Whether a deploy takes a step for it, or its parent carries it.
    pub carried: Carried,
    /// What it reads from this repository and from elsewhere.
    pub content: Arc<Content>,
}

/// Who defines an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Parent {
    /// An entry of `apps` in luigi.yaml.
    Root,
    /// Another app's content.
    App(AppId),
}

/// Whether an app is deployed by a step of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Carried {
    /// It has a step.
    OwnStep,
    /// It is deployed as an object of its parent (a `HelmRelease` under the
    /// engines `ledger` and `flux`).
    ByParent,
}

/// Where an app's objects go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Default)]
pub struct Destination {
    /// The cluster, as the definition names it; empty for the default one.
    pub server: String,
    /// The namespace of objects that name none; empty when there is none.
    pub namespace: String,
}

/// One need, as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// What is needed.
    pub app: AppRef,
    /// Where it is written.
    pub place: Place,
}

/// How a definition names another app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AppRef {
    /// All three parts.
    Exact(AppId),
    /// A name alone, of any kind.
    Name(String),
}

/// What an app reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Every file and folder of this repository, at this commit.
    pub inputs: BTreeMap<RepoPath, Input>,
    /// The folders that the content lies in, as wholes: what counts where
    /// rendering fails, and nobody knows what it would have read.
    pub around: BTreeMap<RepoPath, Input>,
    /// Inputs that are elsewhere: charts, bases, child repositories.
    pub remotes: Vec<Remote>,
    /// Inputs that cannot be followed: each makes the app unknown, and unknown
    /// means affected.
    pub unknown: Vec<Unknown>,
    /// How each source is rendered, in order.
    pub jobs: Vec<Job>,
    /// Why the app cannot be rendered from this repository alone; empty when
    /// it can.
    pub not_rendered: Vec<String>,
    /// What is wrong with the content.
    pub problems: Vec<Problem>,
}

/// An input that is not in the compared commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remote {
    /// What it is: a URL, or a URL and a chart, without credentials.
    pub what: String,
    /// The version, tag, commit, range or branch asked for.
    pub revision: String,
    /// Whether that can mean something else tomorrow.
    pub pinned: Pinned,
}

/// Whether a revision can come to mean something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pinned {
    /// An exact version, tag or commit.
    Exact,
    /// A range, a branch, or nothing.
    Floating,
}

/// An input that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unknown {
    /// Where it is named.
    pub place: Place,
    /// What it is, and why it cannot be followed.
    pub why: String,
}

impl AppRef {
    /// Reads `kind/namespace/name`, or takes the text as a name alone.
    pub fn of(text: &str) -> Self {
        AppId::parse(text).map_or_else(|_| Self::Name(text.to_owned()), Self::Exact)
    }
}

impl std::fmt::Display for AppRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let server = if self.server.is_empty() { "the default cluster" } else { &self.server };
        let namespace = if self.namespace.is_empty() { "no namespace" } else { &self.namespace };
        write!(f, "{server}, {namespace}")
    }
}
