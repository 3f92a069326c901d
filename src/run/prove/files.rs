//! Files of a full export as one digest, for apps that cannot be rendered.
//!
//! Follows no links: a link is its target's text. Which files lie elsewhere and
//! are named by them, `reach` finds out.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value as Json;

use super::reach;
use crate::catalog::app::App;
use crate::catalog::closure::real_path;
use crate::catalog::doc::at;
use crate::catalog::job::{Job, SetValue, Tool, Values};
use crate::name::{Digest, RepoPath};

/// Every file and link below `dir`, as paths from `top`, sorted.
pub fn below(top: &Path, dir: &Path) -> io::Result<Vec<String>> {
    let mut out = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                todo.push(entry.path());
            } else if let Some(path) = entry.path().strip_prefix(top).ok().and_then(Path::to_str) {
                out.push(path.to_owned());
            }
        }
    }
    out.sort();
    Ok(out)
}

/// One digest of all files at and below these paths, and of those elsewhere that
/// they lead to; `None` where none of the paths is there.
pub fn digest(export: &Path, app: &App) -> io::Result<Option<Digest>> {
    let paths = paths(app);
    let mut all = BTreeSet::new();
    for path in &paths {
        let disk = export.join(path.as_str());
        match disk.symlink_metadata() {
            Ok(facts) if facts.is_dir() => all.extend(below(export, &disk)?),
            Ok(_) => _ = all.insert(path.to_string()),
            Err(_) => {}
        }
    }
    if all.is_empty() {
        return Ok(None);
    }
    // Plain files lead nowhere.
    if !app.content.jobs.iter().any(|job| matches!(job.tool, Tool::Plain(_))) {
        all.extend(reach::from(export, &paths)?);
    }
    let mut text = String::new();
    for path in &all {
        let disk = export.join(path);
        let bytes = if disk.is_symlink() {
            fs::read_link(&disk)?.into_os_string().into_encoded_bytes()
        } else {
            fs::read(&disk)?
        };
        text.push_str(&format!("{path}\0{}\0{}\n", disk.is_symlink(), Digest::of(&bytes)));
    }
    Ok(Some(Digest::of(text.as_bytes())))
}

/// The paths of an app's content: what its jobs are told to read, and without
/// jobs what its definition names.
fn paths(app: &App) -> Vec<RepoPath> {
    let mut out: Vec<RepoPath> = app.content.jobs.iter().flat_map(job_paths).collect();
    // A path of another repository, or of a copied folder, may exist here too,
    // and means nothing.
    if out.is_empty() && !app.content.inputs.is_empty() {
        out.extend(defined_paths(&app.definition));
    }
    out.sort();
    out.dedup();
    out
}

fn job_paths(job: &Job) -> Vec<RepoPath> {
    let mut seen: Vec<&RepoPath> = Vec::new();
    match &job.tool {
        Tool::Plain(plain) => seen.push(&plain.path),
        Tool::Kustomize(kustomize) => seen.push(&kustomize.dir),
        Tool::Helm(helm) => {
            seen.push(&helm.chart);
            seen.extend(helm.dependencies.iter().map(|d| &d.from));
            seen.extend(helm.values.iter().filter_map(|v| match v {
                Values::File(path) => Some(path),
                Values::Text(_) => None,
            }));
            seen.extend(helm.sets.iter().filter_map(|s| match &s.value {
                SetValue::File(path) => Some(path),
                SetValue::Typed(_) | SetValue::Text(_) => None,
            }));
        }
    }
    seen.into_iter().filter_map(|path| real_path(&job.mounts, path)).collect()
}

fn defined_paths(definition: &Json) -> Vec<RepoPath> {
    let one = [&["spec", "path"][..], &["spec", "source", "path"]];
    let mut texts: Vec<&Json> = one.into_iter().filter_map(|path| at(definition, path)).collect();
    let sources = at(definition, &["spec", "sources"]).and_then(Json::as_array);
    texts.extend(sources.into_iter().flatten().filter_map(|source| at(source, &["path"])));
    texts.into_iter().filter_map(|text| RepoPath::parse(text.as_str()?).ok()).collect()
}
