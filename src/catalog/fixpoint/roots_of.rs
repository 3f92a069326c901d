//! What luigi.yaml and the definitions say of the repository as a whole: charts
//! that are parents, entries of `apps` that match nothing, which URL means it.
//!
//! Registers nothing.

use std::collections::BTreeSet;

use super::Fixpoint;
use crate::catalog::app::Format;
use crate::catalog::closure::What;
use crate::catalog::format::{HelmOptions, job};
use crate::catalog::job::{Job, Values};
use crate::catalog::scope::{PathHere, most_named};
use crate::catalog::{argo, flux, luigi_app};
use crate::files::{EntryKind, ReadError};
use crate::name::{RepoPath, RepoUrl};
use crate::problem::{Code, Place, Problem};

impl Fixpoint<'_> {
    /// A chart that luigi.yaml names as a parent.
    pub(super) fn root_chart(
        &self,
        path: &RepoPath,
        value_files: &[String],
        place: &Place,
    ) -> Result<(Job, (Vec<Problem>, BTreeSet<String>)), ReadError> {
        let context = self.context();
        let mut closure = context.closure(&[]);
        let dependencies = closure.chart(path, place)?;
        let release = path.file_name().to_owned();
        let mut options = HelmOptions { release, namespace: "default".to_owned(), ..HelmOptions::default() };
        for file in value_files {
            match path.join(file) {
                Ok(file) => match closure.file(&file, place)?.what {
                    What::Blob(_) => options.values.push(Values::File(file)),
                    What::Absent | What::Tree(_) => {
                        let message = format!("value file {file} does not exist");
                        closure.problems.push(Problem::new(Code::PathMissing, Some(place.clone()), message));
                    }
                },
                Err(error) => {
                    closure.problems.push(Problem::new(
                        Code::PathEscapes,
                        Some(place.clone()),
                        error.to_string(),
                    ));
                }
            }
        }
        let tool = options.tool(context.config, path.clone(), dependencies);
        let job = job(&closure, &[], tool, None);
        Ok((job, (closure.problems, closure.not_rendered)))
    }

    /// Infers which URL means this repository, when nobody has said.
    pub(super) fn decide_scope(&mut self) -> Result<(), ReadError> {
        if self.scope.is_decided() {
            return Ok(());
        }
        let mut seen: Vec<(RepoUrl, PathHere)> = Vec::new();
        let mut paths: Vec<(String, String)> = Vec::new();
        for slot in self.slots.values() {
            match slot.app.format {
                Format::Luigi => paths.extend(luigi_app::named(&slot.doc)),
                Format::ArgoApplication => paths.extend(argo::named(&slot.doc)),
                Format::FluxKustomization => {
                    let own = slot.doc.namespace();
                    let text = |key| slot.doc.text(&["spec", "sourceRef", key]).unwrap_or("");
                    let namespace = if text("namespace").is_empty() { own } else { text("namespace") };
                    let source = self.sources.get(text("kind"), namespace, text("name"));
                    if let Some(url) = source.and_then(|s| flux::named(s)) {
                        paths.push((url, slot.doc.text(&["spec", "path"]).unwrap_or("").to_owned()));
                    }
                }
                Format::FluxHelmRelease => {}
            }
        }
        for (url, path) in paths {
            let path = RepoPath::parse(&path);
            let here = match path {
                Ok(path) if self.request.files.entry(&path)?.is_some() => PathHere::Exists,
                Ok(_) | Err(_) => PathHere::Missing,
            };
            seen.push((RepoUrl::of(&url), here));
        }
        let hinted = self.request.hints.iter().find(|hint| seen.iter().any(|(url, _)| url == *hint));
        let url = hinted.cloned().or_else(|| most_named(&seen));
        if let Some(url) = url {
            let message = format!("children name this repository as {url}");
            self.add(Problem::new(Code::SourceAssumed, None, message));
            self.scope = self.scope.clone().with_url(url);
            self.progress = true;
        }
        Ok(())
    }

    /// An entry of `apps` that names nothing, with help that fits.
    pub(super) fn no_match(&mut self, glob: &str, place: &Place) -> Result<(), ReadError> {
        let entry = RepoPath::parse(glob).ok().map(|path| self.request.files.entry(&path)).transpose()?;
        let folder = entry.flatten().is_some_and(|entry| entry.kind == EntryKind::Directory);
        let problem = if folder {
            let glob = glob.trim_end_matches('/');
            let message = format!("{glob:?} is a folder, and no file");
            Problem::new(Code::ConfigNoMatch, Some(place.clone()), message)
                .help(format!("Write `{glob}/*.yaml`, or `{glob}/**/*.yaml` for all below it."))
        } else {
            let message = format!("{glob:?} matches no file");
            Problem::new(Code::ConfigNoMatch, Some(place.clone()), message)
        };
        self.add(problem);
        Ok(())
    }
}
