//! Two commits → who is affected: catalogs, changes, the render filter, the
//! graph.
//!
//! Compares commit with commit. What is deployed is compared in `planning`.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RunError;
use super::reading::Reader;
use super::rendering::{self, AppRender};
use super::world::World;
use crate::affected::{Affected, affected};
use crate::catalog::app::{App, Carried};
use crate::catalog::{Catalog, Completeness};
use crate::change::{Change, compare};
use crate::files::{Files, changed_paths};
use crate::graph::Graph;
use crate::name::{AppKey, CommitId, Environment};
use crate::object::canonical;
use crate::outside::git::{CommitFiles, GitError, Repo};
use crate::problem::{Code, Problem, Severity};

/// What a run compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// A commit.
    Commit(CommitId),
    /// Nothing was ever deployed: everything is new.
    Nothing,
    /// A commit that cannot be had: everything is affected, nothing is pruned.
    Missing(CommitId),
}

/// The two ends of a comparison, settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// What is compared with.
    pub base: Base,
    /// Further merge bases: changes are the union over all of them.
    pub more: Vec<CommitId>,
    /// What is looked at.
    pub head: CommitId,
}

/// Whether rendering drops apps that only look changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// It does.
    ByRender,
    /// Nothing is rendered but parents.
    Off,
}

/// The catalogs of both ends and how they differ.
pub struct Comparison {
    /// What was compared with.
    pub base: Base,
    /// Head.
    pub head: CommitId,
    /// Base's files, when there is a base.
    pub base_files: Option<CommitFiles>,
    /// Head's files.
    pub head_files: CommitFiles,
    /// Base's apps.
    pub base_catalog: Option<Catalog>,
    /// Head's apps.
    pub head_catalog: Catalog,
    /// How apps differ, before any render filter.
    pub changes: BTreeMap<AppKey, Change>,
    /// Everything wrong.
    pub problems: Vec<Problem>,
    /// Whether both catalogs are complete.
    pub completeness: Completeness,
    /// Whether a render at base says all: not with several bases.
    one_base: bool,
}

impl Comparison {
    /// Reads both ends and compares them.
    pub fn read(world: &World, base: Base, head: CommitId) -> Result<Self, RunError> {
        Self::read_in(world, &world.environments, base, head)
    }

    /// The same in some environments only.
    pub fn read_in(
        world: &World,
        environments: &[Environment],
        base: Base,
        head: CommitId,
    ) -> Result<Self, RunError> {
        let mut reader = Reader::of(world, environments);
        let head_files = world.repo.files(head)?;
        let head_catalog = reader.catalog(&head_files)?;
        let (base_files, base_catalog) = match base {
            Base::Commit(commit) if commit == head => (Some(head_files.clone()), Some(head_catalog.clone())),
            Base::Commit(commit) => {
                let files = world.repo.files(commit)?;
                reader.read_by(world.config_at(head, &files)?);
                let catalog = reader.catalog(&files)?;
                (Some(files), Some(catalog))
            }
            Base::Nothing => (None, Some(Catalog::default())),
            Base::Missing(_) => (None, None),
        };
        Self::between(world, (base, base_files, base_catalog), (head, head_files, head_catalog))
    }

    /// Compares two ends that are read already. `None` is an end that cannot be
    /// read; nothing at base is an empty catalog.
    pub fn between(
        world: &World,
        (base, base_files, base_catalog): (Base, Option<CommitFiles>, Option<Catalog>),
        (head, head_files, head_catalog): (CommitId, CommitFiles, Catalog),
    ) -> Result<Self, RunError> {
        let mut trees = |path: &crate::name::RepoPath, before, after| match &base_files {
            Some(files) => changed_paths(files, before, &head_files, after, path),
            None => Ok(vec![path.clone()]),
        };
        let changes = compare(base_catalog.as_ref(), &head_catalog, &mut trees)?;
        let mut problems = world.problems.clone();
        problems.extend(head_catalog.problems.iter().cloned());
        let mut completeness = head_catalog.completeness();
        if world.problems.iter().any(Problem::hides_apps) {
            completeness = Completeness::Incomplete;
        }
        match (base, &base_catalog) {
            (Base::Missing(commit), _) => {
                let message = format!("the base commit {commit} cannot be had");
                problems.push(Problem::new(Code::BaseMissing, None, message));
                completeness = Completeness::Incomplete;
            }
            (Base::Commit(_) | Base::Nothing, Some(catalog)) => {
                if hides_apps_at_base(catalog) {
                    completeness = Completeness::Incomplete;
                }
                let known: BTreeSet<&Problem> = head_catalog.problems.iter().collect();
                let only_base = catalog.problems.iter().filter(|p| p.hides_apps() && !known.contains(p));
                // Head is what counts: what was wrong before stops nobody.
                problems.extend(only_base.filter(|p| p.code != Code::ConfigNoMatch).map(|problem| Problem {
                    severity: Severity::Warning,
                    message: format!("at base: {}", problem.message),
                    ..problem.clone()
                }));
            }
            (Base::Commit(_) | Base::Nothing, None) => {}
        }
        let (_, found) = Graph::build(head_catalog.apps.values());
        problems.extend(found);
        problems.sort();
        problems.dedup();
        Ok(Self {
            base,
            head,
            base_files,
            head_files,
            base_catalog,
            head_catalog,
            changes,
            problems,
            completeness,
            one_base: true,
        })
    }

    /// Reads both ends; with several bases an app is changed when it differs
    /// from any of them.
    pub fn of(world: &World, ends: &Ends) -> Result<Self, RunError> {
        let mut this = Self::read(world, ends.base, ends.head)?;
        for base in &ends.more {
            let other = Self::read(world, Base::Commit(*base), ends.head)?;
            this.one_base = false;
            if other.completeness == Completeness::Incomplete {
                this.completeness = Completeness::Incomplete;
            }
            for (key, change) in other.changes {
                let known = this.changes.remove(&key).map_or_else(Vec::new, |c| c.differences);
                let differences = known.into_iter().chain(change.differences).collect();
                this.changes
                    .insert(key, Change { environment: change.environment, ..Change::of(differences) });
            }
            this.problems.extend(other.problems);
        }
        this.problems.sort();
        this.problems.dedup();
        Ok(this)
    }

    /// Whether a change may turn out to be none once both ends are rendered.
    pub fn may_be_touched_only(&self, change: &Change) -> bool {
        self.one_base && change.may_be_touched_only()
    }

    /// The app as it is at head, or was at base.
    pub fn app(&self, key: &AppKey) -> Option<&App> {
        self.head_catalog.apps.get(key).or_else(|| self.base_app(key))
    }

    /// The app as it was at base.
    pub fn base_app(&self, key: &AppKey) -> Option<&App> {
        self.base_catalog.as_ref().and_then(|c| c.apps.get(key))
    }

    /// All apps: head's, and base's where head has none.
    pub fn all_apps(&self) -> BTreeMap<AppKey, App> {
        let mut apps = self.base_catalog.as_ref().map_or_else(BTreeMap::new, |c| c.apps.clone());
        apps.extend(self.head_catalog.apps.iter().map(|(k, a)| (k.clone(), a.clone())));
        apps
    }

    /// The graph of all apps.
    pub fn graph(&self) -> Graph {
        let gone = self.base_catalog.iter().flat_map(|c| c.apps.values());
        let gone = gone.filter(|app| !self.head_catalog.apps.contains_key(&app.key));
        Graph::build(self.head_catalog.apps.values().chain(gone)).0
    }

    /// Drops apps whose rendered objects are the same at both ends. Returns
    /// those dropped, and the renders that were made.
    pub fn filter(&mut self, world: &World, done: &(dyn Fn(&AppKey) + Sync)) -> (Vec<AppKey>, Renders) {
        let candidates: Vec<AppKey> = self
            .changes
            .iter()
            .filter(|(key, change)| self.may_be_touched_only(change) && self.is_rendered(key))
            .map(|(key, _)| key.clone())
            .collect();
        let renders = self.render(world, &candidates, &candidates, done);
        let same = |key: &&AppKey| match (renders.base.get(*key), renders.head.get(*key)) {
            (Some(AppRender::Objects(before, _)), Some(AppRender::Objects(after, _))) => {
                canonical(before) == canonical(after)
            }
            _ => false,
        };
        let touched: Vec<AppKey> = candidates.iter().filter(same).cloned().collect();
        for key in &touched {
            self.changes.remove(key);
        }
        for render in renders.head.values() {
            if let AppRender::Failed(problems) | AppRender::Objects(_, problems) = render {
                self.problems.extend(problems.iter().cloned());
            }
        }
        self.problems.sort();
        self.problems.dedup();
        (touched, renders)
    }

    /// Whether an app's own render says all that there is to say about it.
    fn is_rendered(&self, key: &AppKey) -> bool {
        let whole = |app: &App| {
            app.carried == Carried::OwnStep
                && app.content.not_rendered.is_empty()
                && app.content.unknown.is_empty()
                && !app.content.jobs.is_empty()
        };
        self.head_catalog.apps.get(key).is_some_and(whole) && self.base_app(key).is_some_and(whole)
    }

    /// Renders apps at either end.
    pub fn render(
        &self,
        world: &World,
        at_base: &[AppKey],
        at_head: &[AppKey],
        done: &(dyn Fn(&AppKey) + Sync),
    ) -> Renders {
        let base = match &self.base_files {
            Some(files) => {
                let apps: Vec<&App> = at_base.iter().filter_map(|k| self.base_app(k)).collect();
                rendering::apps(world, files as &dyn Files, &apps, done)
            }
            None => BTreeMap::new(),
        };
        let apps: Vec<&App> = at_head.iter().filter_map(|k| self.head_catalog.apps.get(k)).collect();
        let head = rendering::apps(world, &self.head_files, &apps, done);
        Renders { base, head }
    }

    /// Who is affected by the changes as they are now.
    pub fn affected(&self, world: &World, graph: &Graph) -> BTreeMap<AppKey, Affected> {
        affected(graph, &self.changes, world.config.deploy.dependents)
    }
}

/// Renders at both ends.
#[derive(Debug, Default)]
pub struct Renders {
    /// At base.
    pub base: BTreeMap<AppKey, AppRender>,
    /// At head.
    pub head: BTreeMap<AppKey, AppRender>,
}

/// An environment that is new at head matches nothing at base, and hides nothing
/// there.
fn hides_apps_at_base(catalog: &Catalog) -> bool {
    catalog.problems.iter().any(|p| p.hides_apps() && p.code != Code::ConfigNoMatch)
}

/// Both ends for local use: the merge bases with the default branch; on it, the
/// first parent.
pub fn default_ends(world: &World, head: CommitId) -> Result<Ends, RunError> {
    let repo = &world.repo;
    let remote = repo.remote_name()?;
    if let Some(branch) = repo.default_branch()? {
        let tips =
            [remote.map(|r| format!("refs/remotes/{r}/{branch}")), Some(format!("refs/heads/{branch}"))];
        for tip in tips.into_iter().flatten() {
            let Ok(tip) = repo.resolve(&tip) else { continue };
            if tip == head {
                break;
            }
            // Cut-off history may hold the merge base: then all of it is needed.
            if repo.complete_history(&[tip, head]).is_err() {
                return Ok(Ends { base: Base::Missing(tip), more: Vec::new(), head });
            }
            let ends = bases(repo, tip, head)?;
            match ends.base {
                Base::Nothing => {}
                Base::Commit(base) if base == head => break,
                Base::Commit(_) | Base::Missing(_) => return Ok(ends),
            }
        }
    }
    let base = match repo.first_parent(head)? {
        None => Base::Nothing,
        Some(parent) => commit_or_missing(world, parent)?,
    };
    Ok(Ends { base, more: Vec::new(), head })
}

/// The merge bases of a branch's tip and a commit, all of them.
pub fn bases(repo: &Repo, tip: CommitId, head: CommitId) -> Result<Ends, RunError> {
    let mut bases = repo.merge_bases(tip, head)?.into_iter();
    let base = bases.next().map_or(Base::Nothing, Base::Commit);
    Ok(Ends { base, more: bases.collect(), head })
}

/// A commit as a base, if it can be had; what is not here is fetched by its id.
pub fn commit_or_missing(world: &World, commit: CommitId) -> Result<Base, RunError> {
    match world.repo.files(commit) {
        Ok(_) => Ok(Base::Commit(commit)),
        Err(GitError::Missing(_)) => Ok(super::world::missing_commit(&world.repo, commit)),
        Err(other) => Err(other.into()),
    }
}
