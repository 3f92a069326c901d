//! Where reading begins: the entries of `apps` in luigi.yaml.
//!
//! Parents named there are no apps; what they render is.

use std::collections::BTreeSet;

use super::{Fixpoint, Rank};
use crate::catalog::app::Parent;
use crate::catalog::closure::What;
use crate::catalog::format::{HelmOptions, job, kustomize};
use crate::catalog::job::{Job, Values};
use crate::catalog::roots;
use crate::config::AppsKind;
use crate::files::ReadError;
use crate::name::RepoPath;
use crate::problem::{Code, Place, Problem, Severity};

impl Fixpoint<'_> {
    /// The entries of `apps`.
    pub(super) fn roots(&mut self) -> Result<(), ReadError> {
        let request = *self.request;
        let Some(environment) = request.config.environments.get(request.environment) else { return Ok(()) };
        for entry in &environment.apps {
            match &entry.what {
                AppsKind::Files(glob) => {
                    let files = roots::matching(request.files, glob)?;
                    if files.is_empty() {
                        let message = format!("{glob:?} matches no file");
                        self.add(Problem::new(Code::ConfigNoMatch, Some(entry.place.clone()), message));
                    }
                    request.parses.warm(request.files, &files)?;
                    for (path, id) in files {
                        let parsed = request.parses.get(request.files, &path, id)?;
                        self.problems.extend(parsed.1.iter().cloned());
                        for doc in &parsed.0 {
                            self.register(doc, Rank::Raw, &Parent::Root, 0);
                        }
                    }
                }
                AppsKind::Kustomize(path) => {
                    let context = self.context();
                    let mut closure = context.closure(&[]);
                    let tool = kustomize(&mut closure, path, None, &entry.place)?;
                    let job = job(&closure, &[], tool, None);
                    let found = (closure.problems, closure.not_rendered);
                    self.root_parent(path, job, found, &entry.place)?;
                }
                AppsKind::Helm { path, value_files } => {
                    let (job, found) = self.root_chart(path, value_files, &entry.place)?;
                    self.root_parent(path, job, found, &entry.place)?;
                }
            }
        }
        Ok(())
    }

    fn root_chart(
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

    /// A parent that luigi.yaml names: it is no app, but what it renders are.
    fn root_parent(
        &mut self,
        path: &RepoPath,
        job: Job,
        (problems, not_rendered): (Vec<Problem>, BTreeSet<String>),
        place: &Place,
    ) -> Result<(), ReadError> {
        let broken = problems.iter().any(|p| p.severity == Severity::Error);
        self.problems.extend(problems);
        if broken || !not_rendered.is_empty() {
            let why: Vec<String> = not_rendered.into_iter().collect();
            let message = format!("{path} was not rendered {}", why.join(", "));
            self.add(Problem::new(Code::ParentNotRendered, Some(place.clone()), message.trim_end()));
            return Ok(());
        }
        let inputs = job.inputs.clone();
        self.root_jobs.push((self.request.environment.clone(), job.clone()));
        if let Some(docs) = self.rendered(&format!("parent {path}"), &job, &Place::file(path.as_str()))? {
            self.register_rendered(docs, &inputs, &Parent::Root, 0, &Place::file(path.as_str()))?;
        }
        Ok(())
    }
}
