//! Renders in a full export of a commit, for the brute-force check of
//! `luigi prove`: no list of inputs is looked at, nothing is cached.
//!
//! The export stays as it is. What has to be prepared is prepared in copies
//! whose files are shared, and undone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

use super::folder::Content;
use super::{Outcome, Private, Rendered, Renderer, lock, no_folder, outcome, prepare};
use crate::catalog::job::{Job, Tool};
use crate::name::RepoPath;

/// A full export, and the copies of it that were needed so far.
#[derive(Debug)]
pub struct Export<'r> {
    renderer: &'r Renderer,
    dir: PathBuf,
    copies: Mutex<Vec<TempDir>>,
}

impl<'r> Export<'r> {
    /// The export in `dir`. Copies are made beside it, so that files can be
    /// shared.
    pub fn new(renderer: &'r Renderer, dir: &Path) -> io::Result<Self> {
        Ok(Self { renderer, dir: dir.canonicalize()?, copies: Mutex::new(Vec::new()) })
    }

    /// Renders one job.
    pub fn render(&self, job: &Job) -> Outcome {
        outcome(self.rendered(job))
    }

    fn rendered(&self, job: &Job) -> Rendered {
        let fail = |error: io::Error| vec![no_folder(&error)];
        let private = Private::new().map_err(fail)?;
        let prepared = folders(job);
        if prepared.is_empty() && job.mounts.is_empty() {
            let content = Content { top: self.dir.clone(), mounts: &[] };
            return self.renderer.content(&content, &private, job);
        }
        if !job.mounts.is_empty() {
            let copy = self.new_copy().map_err(fail)?;
            prepare::share(&self.dir, copy.path(), &job.mounts).map_err(fail)?;
            let top = copy.path().canonicalize().map_err(fail)?;
            return self.renderer.content(&Content { top, mounts: &job.mounts }, &private, job);
        }
        let copy = match lock(&self.copies).pop() {
            Some(copy) => copy,
            None => self.copy().map_err(fail)?,
        };
        let content = Content { top: copy.path().canonicalize().map_err(fail)?, mounts: &[] };
        // Links on the way to a folder are followed before it is changed.
        let real: Vec<RepoPath> =
            prepared.iter().filter_map(|path| prepare::folder(&content, path).ok()).collect();
        let rendered = self.renderer.content(&content, &private, job);
        // A copy that cannot be put back is not used again.
        if real.iter().try_for_each(|path| self.put_back(&content, path)).is_ok() {
            lock(&self.copies).push(copy);
        }
        rendered
    }

    fn new_copy(&self) -> io::Result<TempDir> {
        let beside = self.dir.parent().unwrap_or(&self.dir);
        tempfile::Builder::new().prefix("luigi-export-").tempdir_in(beside)
    }

    fn copy(&self) -> io::Result<TempDir> {
        let copy = self.new_copy()?;
        prepare::share(&self.dir, copy.path(), &[])?;
        Ok(copy)
    }

    /// Makes a folder of a copy what it is in the export.
    fn put_back(&self, copy: &Content<'_>, path: &RepoPath) -> io::Result<()> {
        let to = copy.disk(path);
        if path.is_root() {
            for entry in fs::read_dir(&to)? {
                let entry = entry?;
                let folder = entry.file_type()?.is_dir();
                if folder { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
            }
        } else {
            fs::remove_dir_all(&to)?;
        }
        prepare::share_folder(&self.dir.join(path.as_str()), &to)
    }
}

/// The folders that are prepared before the tool starts.
fn folders(job: &Job) -> Vec<RepoPath> {
    let mut out: Vec<RepoPath> = match &job.tool {
        Tool::Plain(_) => Vec::new(),
        Tool::Kustomize(kustomize) => kustomize.replace.iter().map(|_| kustomize.dir.clone()).collect(),
        Tool::Helm(helm) => helm.dependencies.iter().map(|one| one.chart.clone()).collect(),
    };
    out.sort();
    out.dedup();
    out
}
