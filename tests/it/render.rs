//! Rendering with the real kustomize and helm.

mod content;
mod corpus;
mod release;
mod safety;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use luigi::catalog::job::{Crds, Helm, Input, Job, Kustomize, Tool};
use luigi::files::{EntryKind, Files, MemoryFiles};
use luigi::name::RepoPath;
use luigi::object::{self, Object};
use luigi::outside::render::{Limits, Outcome, Renderer, Tools};

use crate::support::parts;

pub fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

/// A job that may read everything.
pub fn job(files: &dyn Files, tool: Tool) -> Job {
    let top = files.entry(&RepoPath::root()).unwrap().unwrap();
    Job {
        at: None,
        inputs: BTreeMap::from([(RepoPath::root(), Input::Tree(top.id))]),
        mounts: Vec::new(),
        tool,
        substitute: None,
        namespace: None,
    }
}

pub fn kustomize(dir: &str) -> Tool {
    Tool::Kustomize(Kustomize { dir: path(dir), replace: None })
}

pub fn helm(chart: &str) -> Helm {
    Helm {
        chart: path(chart),
        release: "app".into(),
        namespace: "ns".into(),
        values: Vec::new(),
        sets: Vec::new(),
        crds: Crds::Include,
        kube_version: None,
        api_versions: Vec::new(),
        dependencies: Vec::new(),
    }
}

pub fn renderer() -> Renderer {
    Renderer::new(Tools::at(parts::tools()), None, Limits::default())
}

pub fn render(files: &dyn Files, tool: Tool) -> Outcome {
    renderer().render(files, &job(files, tool), "app")
}

pub fn objects(outcome: Outcome) -> Vec<Object> {
    match outcome {
        Outcome::Objects(objects) => objects,
        Outcome::Failed(problems) => panic!("{problems:#?}"),
    }
}

/// What a failed render says.
pub fn refused(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Objects(objects) => panic!("rendered: {objects:#?}"),
        Outcome::Failed(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

pub fn keys(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| object.key.to_string()).collect()
}

pub fn memory(files: &[(&str, &str)]) -> MemoryFiles {
    linked(files)
}

/// Files with links: a text that begins with `-> ` is one.
pub fn linked(files: &[(&str, &str)]) -> MemoryFiles {
    let entry = |text: &str| match text.strip_prefix("-> ") {
        Some(target) => (EntryKind::Link, target.as_bytes().to_vec()),
        None => (EntryKind::File, text.as_bytes().to_vec()),
    };
    MemoryFiles::of(files.iter().map(|(name, text)| (path(name), entry(text))).collect())
}

/// The same by hand: the tool in a full checkout.
pub fn by_hand(dir: &Path, tool: &str, arguments: &[&str]) -> Vec<Object> {
    let output = Command::new(parts::tools().join(tool))
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let (objects, problems) = object::objects("by hand", &output.stdout);
    assert_eq!(problems, []);
    objects
}
