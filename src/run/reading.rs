//! Reads catalogs to the end: parents are rendered, and read again, until none
//! is left.

use std::sync::Arc;

use super::error::RunError;
use super::world::World;
use crate::catalog::job::Job;
use crate::catalog::scope::Scope;
use crate::catalog::{self, Catalog, Reading, Rendered, Renders, Request, job_key};
use crate::config::Config;
use crate::files::Files;
use crate::name::{Digest, Environment};
use crate::outside::render::Outcome;
use crate::problem::{Code, Problem};

/// Rounds of rendering parents of parents, at most.
const MAX_ROUNDS: usize = 32;

/// Renders of parents kept from one commit to the next, at most.
const MAX_RENDERS: usize = 512;

/// What reading has learnt so far; kept from one commit to the next.
pub struct Reader<'w> {
    world: &'w World,
    environments: &'w [Environment],
    renders: Renders,
    /// What points back at this repository, once it is known.
    scope: Scope,
    /// The configuration to read by, where it is not the authority's.
    config: Option<Config>,
}

impl<'w> Reader<'w> {
    /// A reader that knows nothing yet.
    pub fn new(world: &'w World) -> Self {
        Self::of(world, &world.environments)
    }

    /// A reader of some environments only.
    pub fn of(world: &'w World, environments: &'w [Environment]) -> Self {
        Self { world, environments, renders: Renders::new(), scope: world.scope.clone(), config: None }
    }

    /// Reads by another configuration from now on: what a commit says of itself.
    pub fn read_by(&mut self, config: Option<Config>) {
        self.config = config;
    }

    /// Forgets renders when they are many. What they were renders of is not
    /// asked for again, or is rendered again.
    pub fn forget(&mut self) {
        if self.renders.len() > MAX_RENDERS {
            self.renders.clear();
        }
    }

    /// All apps of the selected environments at one commit. Read head first:
    /// what is inferred there holds for base.
    pub fn catalog(&mut self, files: &dyn Files) -> Result<Catalog, RunError> {
        let mut out = Catalog::default();
        let mut open: Vec<Environment> = self.environments.to_vec();
        for _ in 0..MAX_ROUNDS {
            let mut pending: Vec<(String, Job)> = Vec::new();
            let mut waiting = Vec::new();
            for environment in open {
                let reading = self.read(files, &environment)?;
                if reading.pending.is_empty() && reading.wanted.is_empty() {
                    out.absorb(reading.catalog);
                } else {
                    // What was assumed is said once: the next reading knows it already.
                    let assumed = |p: &Problem| p.code == Code::SourceAssumed && p.place.is_none();
                    out.problems.extend(reading.catalog.problems.into_iter().filter(assumed));
                    pending.extend(reading.pending);
                    super::pins::answer(self.world, reading.wanted);
                    waiting.push(environment);
                }
            }
            if waiting.is_empty() {
                out.problems.sort();
                out.problems.dedup();
                return Ok(out);
            }
            self.render(files, pending);
            open = waiting;
        }
        let message = format!("parents are still not read after {MAX_ROUNDS} rounds of rendering");
        out.problems.push(Problem::new(Code::ParentTooDeep, None, message));
        Ok(out)
    }

    fn read(&mut self, files: &dyn Files, environment: &Environment) -> Result<Reading, RunError> {
        let reading = catalog::read(&Request {
            files,
            parses: &self.world.parses,
            config: self.config.as_ref().unwrap_or(&self.world.config),
            environment,
            scope: &self.scope,
            hints: &self.world.hints,
            renders: &self.renders,
            pins: &self.world.pins,
        })?;
        self.scope = reading.scope.clone();
        Ok(reading)
    }

    fn render(&mut self, files: &dyn Files, pending: Vec<(String, Job)>) {
        let mut jobs: Vec<(Digest, String, Job)> = Vec::new();
        for (name, job) in pending {
            let key = job_key(&job);
            if !jobs.iter().any(|(k, _, _)| *k == key) {
                jobs.push((key, name, job));
            }
        }
        let outcomes =
            super::rendering::parallel(&jobs, |(_, name, job)| self.world.render(files, job, name));
        for ((key, _, _), outcome) in jobs.into_iter().zip(outcomes) {
            let rendered: Rendered = match outcome {
                Outcome::Objects(objects) => Ok(Arc::new(objects)),
                Outcome::Failed(problems) => Err(problems),
            };
            self.renders.insert(key, rendered);
        }
    }
}
