//! Where reading begins: the entries of `apps` in luigi.yaml.
//!
//! Parents named there are no apps; what they render is.

use std::collections::BTreeSet;

use super::{Fixpoint, Rank};
use crate::catalog::app::Parent;
use crate::catalog::format::{job, kustomize};
use crate::catalog::job::Job;
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
                    let (files, problems) = roots::matching(request.files, glob)?;
                    self.problems.extend(problems);
                    if files.is_empty() {
                        self.no_match(glob, &entry.place)?;
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
                    self.root_parent(path, &job, found, &entry.place)?;
                }
                AppsKind::Helm { path, value_files } => {
                    let (job, found) = self.root_chart(path, value_files, &entry.place)?;
                    self.root_parent(path, &job, found, &entry.place)?;
                }
            }
        }
        Ok(())
    }

    /// A parent that luigi.yaml names: it is no app, but what it renders are.
    fn root_parent(
        &mut self,
        path: &RepoPath,
        job: &Job,
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
        self.root_jobs.push((self.request.environment.clone(), job.clone()));
        if let Some(docs) = self.rendered(&format!("parent {path}"), job, place) {
            self.register_rendered(&docs, job, &Parent::Root, 0, &Place::file(path.as_str()))?;
        }
        Ok(())
    }
}
