//! What it takes to render one app's content: the tool, its arguments, and
//! every file it may read. Computed here, carried out in `outside::render`.
//!
//! A job is a value: two jobs that are equal, with equal tool versions, render
//! the same objects. That is what the render cache goes by.

use std::collections::BTreeMap;

use serde::Serialize;

use super::pins::At;
use crate::name::{ObjectId, RepoPath};

/// What stands at a path that content reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// A file, by its blob.
    Blob(ObjectId),
    /// A folder with all that is below it, by its tree.
    Tree(ObjectId),
    /// Nothing; but were something there, it would be read.
    Absent,
}

/// Where a folder of the content's own file system lies in the repository.
///
/// Content mostly sees the repository as it is (no mounts). A Flux
/// `ArtifactGenerator` or `GitRepository.spec.include` copies folders to other
/// places first; those copies are mounts. The longest `at` that fits wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mount {
    /// The path that content uses.
    pub at: RepoPath,
    /// The path in the repository.
    pub from: RepoPath,
}

/// How one source of an app is rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Every file and folder of the repository that the tool may read. A
    /// renderer gets these and nothing else.
    pub inputs: BTreeMap<RepoPath, Input>,
    /// The commit that the files are of, where it is not the compared one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// Folders that content sees elsewhere than they are. Empty: all as it is.
    pub mounts: Vec<Mount>,
    /// What renders.
    pub tool: Tool,
    /// Flux `postBuild`, applied to the rendered objects.
    pub substitute: Option<Substitute>,
    /// The namespace of objects that name none, where the tool has no say
    /// (Argo CD's destination namespace for plain files).
    pub namespace: Option<String>,
}

/// The program that renders, with its arguments. All paths are paths of the
/// content's own file system (see [`Mount`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// No program: the files are the objects.
    Plain(Plain),
    /// `kustomize build`.
    Kustomize(Kustomize),
    /// `helm template`.
    Helm(Helm),
}

/// Plain files. Those ending in `.yaml`, `.yml` or `.json` are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plain {
    /// The folder, or one file.
    pub path: RepoPath,
    /// How far down files are read.
    pub depth: Depth,
    /// Only files that match this glob, relative to `path` (Argo CD
    /// `directory.include`, `{a,b}` allowed).
    pub include: Option<String>,
    /// Not the files that match this one; it wins over `include`.
    pub exclude: Option<String>,
}

/// How far down a folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// The folder's own files only.
    Folder,
    /// All that is below it.
    Recursive,
}

/// A kustomization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kustomize {
    /// The folder to build.
    pub dir: RepoPath,
    /// The text that stands in for the folder's own kustomization file: what
    /// Flux or Argo CD would have written there. `None`: the file as it is.
    pub replace: Option<String>,
}

/// A Helm chart that is in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Helm {
    /// The chart's folder.
    pub chart: RepoPath,
    /// The release's name.
    pub release: String,
    /// The release's namespace.
    pub namespace: String,
    /// Values, lowest precedence first, after the chart's own `values.yaml`.
    pub values: Vec<Values>,
    /// `--set` and its kin, in order, after all values.
    pub sets: Vec<Set>,
    /// Whether the chart's `crds/` are rendered.
    pub crds: Crds,
    /// `.Capabilities.KubeVersion`.
    pub kube_version: Option<String>,
    /// `.Capabilities.APIVersions` beyond the built-in ones.
    pub api_versions: Vec<String>,
    /// `file://` dependencies of this chart and of those, put in place before
    /// the tool starts.
    pub dependencies: Vec<Dependency>,
}

/// One set of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// A file of the content's file system.
    File(RepoPath),
    /// YAML or JSON text from the definition.
    Text(String),
}

/// One `--set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Set {
    /// The dotted path, as Helm reads it.
    pub name: String,
    /// What to set.
    pub value: SetValue,
}

/// What a `--set` sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SetValue {
    /// `--set`: typed by Helm.
    Typed(String),
    /// `--set-string`.
    Text(String),
    /// `--set-file`.
    File(RepoPath),
}

/// What happens to a chart's `crds/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Crds {
    /// `--include-crds`.
    Include,
    /// `--skip-crds`.
    Skip,
}

/// A `file://` dependency: `from` is copied to `charts/<folder name>` of
/// `chart`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Dependency {
    /// The chart that depends.
    pub chart: RepoPath,
    /// The chart depended on.
    pub from: RepoPath,
}

/// Flux `spec.postBuild`.
///
/// A variable without a value becomes empty, as in Flux, unless `open` says
/// that values live where nobody here can see them: then it stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Substitute {
    /// The values the repository knows.
    pub variables: BTreeMap<String, String>,
    /// What happens to a variable that has none.
    pub unknown: UnknownVariable,
}

/// What happens to a variable without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownVariable {
    /// It becomes empty (or its default).
    Empty,
    /// It stays as `${NAME}`: a cluster Secret may hold its value.
    Keep,
}
