//! The folders that an app's content lies in.
//!
//! Says nothing about which files in them are read: that is `closure`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::app::Content;
use super::closure::real_path;
use super::doc::at;
use super::job::{Input, Job, Tool};
use crate::files::{EntryKind, Files, ReadError};
use crate::name::RepoPath;

/// The folders as wholes, at one commit. Those that are an input as a whole are
/// left out; so is everything where nothing of the content is here.
pub fn around(
    files: &dyn Files,
    content: &Content,
    definition: &Json,
) -> Result<BTreeMap<RepoPath, Input>, ReadError> {
    let mut out = BTreeMap::new();
    if content.inputs.is_empty() {
        return Ok(out);
    }
    let jobs = content.jobs.iter().filter_map(folder);
    // Where there is no job, a definition's paths are paths of the repository.
    let defined = if content.jobs.is_empty() { defined(definition) } else { Vec::new() };
    for path in jobs.chain(defined) {
        if !matches!(content.inputs.get(&path), Some(Input::Tree(_)))
            && let Some(entry) = files.entry(&path)?
            && entry.kind == EntryKind::Directory
        {
            out.insert(path, Input::Tree(entry.id));
        }
    }
    Ok(out)
}

fn folder(job: &Job) -> Option<RepoPath> {
    let path = match &job.tool {
        Tool::Plain(plain) => &plain.path,
        Tool::Kustomize(kustomize) => &kustomize.dir,
        Tool::Helm(helm) => &helm.chart,
    };
    real_path(&job.mounts, path)
}

fn defined(definition: &Json) -> Vec<RepoPath> {
    let one = [&["spec", "path"][..], &["spec", "source", "path"]];
    let mut texts: Vec<&Json> = one.into_iter().filter_map(|path| at(definition, path)).collect();
    let sources = at(definition, &["spec", "sources"]).and_then(Json::as_array);
    texts.extend(sources.into_iter().flatten().filter_map(|source| at(source, &["path"])));
    texts.into_iter().filter_map(|text| RepoPath::parse(text.as_str()?).ok()).collect()
}
