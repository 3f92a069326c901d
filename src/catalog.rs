//! Files at one commit → apps, problems, and parents still to render.
//!
//! Opens nothing itself: files come through `files::Files`, rendered parents
//! from the caller, who renders what is pending and reads again until nothing
//! is. One file per format.

pub mod app;
pub mod argo;
pub mod chart;
pub mod closure;
pub mod doc;
mod elsewhere;
mod fixpoint;
pub mod flux;
pub mod format;
pub mod helm_release;
mod ignore;
pub mod infer;
pub mod job;
pub mod kinds;
pub mod kustomization;
pub mod link;
pub mod luigi_app;
mod overlay;
mod parallel;
mod paths;
pub mod pins;
pub mod roots;
pub mod scope;
pub mod shape;
pub mod substitute;
pub mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use app::App;
use doc::Parses;
use job::Job;
use pins::Pins;
use scope::Scope;

use serde::Serialize;

use crate::config::Config;
use crate::files::{Files, ReadError};
use crate::name::{AppKey, Digest, Environment, RepoUrl};
use crate::object::Object;
use crate::problem::Problem;

/// Whether a catalog holds every app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Completeness {
    /// Every app was seen.
    Complete,
    /// Some may be hidden by problems.
    Incomplete,
}

/// Every app of one environment at one commit.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The apps.
    pub apps: BTreeMap<AppKey, App>,
    /// Everything wrong, sorted; each once.
    pub problems: Vec<Problem>,
    /// How parents that luigi.yaml names are rendered: they are no apps, but
    /// what they render is.
    pub roots: Vec<(Environment, Job)>,
}

impl Catalog {
    /// Whether every app was seen.
    pub fn completeness(&self) -> Completeness {
        let hidden = self.problems.iter().any(Problem::hides_apps);
        if hidden { Completeness::Incomplete } else { Completeness::Complete }
    }

    /// Takes the apps and problems of another environment.
    pub fn absorb(&mut self, mut other: Self) {
        self.apps.append(&mut other.apps);
        self.problems.extend(other.problems);
        self.roots.extend(other.roots);
    }
}

/// What a parent's render came to.
pub type Rendered = Result<Arc<Vec<Object>>, Vec<Problem>>;

/// Renders by [`job_key`].
pub type Renders = BTreeMap<Digest, Rendered>;

/// The name of a render: equal jobs have equal names.
pub fn job_key(job: &Job) -> Digest {
    Digest::of(serde_json::to_string(job).unwrap_or_default().as_bytes())
}

/// What one reading needs.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The commit's files.
    pub files: &'a dyn Files,
    /// Files parsed so far, shared by readings.
    pub parses: &'a Parses,
    /// `luigi.yaml`.
    pub config: &'a Config,
    /// The environment to read.
    pub environment: &'a Environment,
    /// What points back at this repository, as far as it is known.
    pub scope: &'a Scope,
    /// URLs to prefer when that has to be inferred, best first.
    pub hints: &'a [RepoUrl],
    /// Parents rendered so far.
    pub renders: &'a Renders,
    /// Pins looked at so far.
    pub pins: &'a Pins,
}

impl Request<'_> {
    /// The files that a job reads: the compared commit's, or those at its pin.
    pub fn files_of(&self, job: &Job) -> std::sync::Arc<dyn Files + Send + Sync + '_> {
        match job.at.as_ref().and_then(|at| self.pins.files(at)) {
            Some(files) => files,
            None => std::sync::Arc::new(self.files),
        }
    }
}

/// What one reading came to.
pub struct Reading {
    /// The apps, as far as they are known. Final when nothing is pending.
    pub catalog: Catalog,
    /// Parents to render before the next reading, with a name for people.
    pub pending: Vec<(String, Job)>,
    /// Pins to look at before the next reading.
    pub wanted: std::collections::BTreeSet<pins::Pin>,
    /// What points back at this repository, inferred where it was not known.
    pub scope: Scope,
}

/// Reads one environment at one commit.
pub fn read(request: &Request<'_>) -> Result<Reading, ReadError> {
    fixpoint::read(request)
}
