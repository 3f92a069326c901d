//! The repository, its configuration and the two commits: settled once, at the
//! start of a run.

use std::path::{Path, PathBuf};

use super::compare::Base;
use super::error::RunError;
use crate::catalog::doc::Parses;
use crate::catalog::infer;
use crate::catalog::pins::Pins;
use crate::catalog::scope::Scope;
use crate::config::{self, Config};
use crate::files::{EntryKind, Files, bounded};
use crate::name::{CommitId, Environment, RepoPath, RepoUrl};
use crate::outside::git::{Cache, GitError, Repo};
use crate::outside::render::{Limits, Renderer, Tools};
use crate::policy::ConfigState;
use crate::problem::{Code, Place, Problem, Severity};

/// Where a run takes place, before anything is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `-C`.
    pub dir: PathBuf,
    /// `--config`: `luigi.yaml` from a file of this machine (planning only).
    pub config: Option<PathBuf>,
    /// `--environment`; empty for all.
    pub environments: Vec<String>,
    /// `--app`; empty for all.
    pub apps: Vec<String>,
    /// The repository's URL, as the CI system names it.
    pub repository: Option<String>,
    /// The branch an event names.
    pub branch: Option<String>,
    /// A folder for what was rendered; without one, below Luigi's own.
    pub cache: Option<PathBuf>,
}

/// A repository with its configuration.
pub struct World {
    /// The repository.
    pub repo: Repo,
    /// What luigi.yaml says, or would say.
    pub config: Config,
    /// Whether it is committed.
    pub config_state: ConfigState,
    /// The commit it was read from.
    pub authority: CommitId,
    /// The environments selected, in the order of `after`.
    pub environments: Vec<Environment>,
    /// What points back at this repository, as far as it is configured.
    pub scope: Scope,
    /// URLs to prefer when it is not.
    pub hints: Vec<RepoUrl>,
    /// The repository's own URL, when it has one.
    pub url: Option<String>,
    /// What renders.
    pub renderer: Renderer,
    /// What pins mean, looked up once for the whole run.
    pub pins: Pins,
    /// What was found on the way: notes about the configuration.
    pub problems: Vec<Problem>,
    /// Every definition parsed so far.
    pub parses: Parses,
}

/// Luigi's own cache folder: `LUIGI_CACHE_DIR`, or below the user's.
pub fn cache_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("LUIGI_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|d| d.join("luigi")))
        .or_else(|| set("HOME").map(|d| d.join(".cache").join("luigi")))
}

/// Opens the repository that `-C` names.
pub fn open(dir: &Path) -> Result<Repo, RunError> {
    let cache = cache_dir().map_or_else(Cache::none, |dir| Cache::open(&dir));
    Ok(Repo::open_with(dir, cache)?)
}

impl World {
    /// Reads the configuration at `authority`; without one, infers it there.
    pub fn load(options: &Options, repo: Repo, authority: CommitId) -> Result<Self, RunError> {
        let files = repo.files(authority)?;
        let parses = Parses::default();
        let (config, config_state, problems) = configuration(options, &files, &parses)?;
        let url = options.repository.clone().or(match repo.remote_name()? {
            Some(name) => repo.remote_url(&name)?,
            None => None,
        });
        let environments = select(&config, &options.environments)?;
        let mut branches: Vec<String> = config.branch.iter().cloned().collect();
        if branches.is_empty() {
            branches.extend(options.branch.clone());
            branches.extend(repo.default_branch()?);
        }
        let scope = Scope::new(
            config.urls.iter().chain(options.repository.iter().filter(|_| config.urls.is_empty())),
            branches,
        );
        let hints = url.iter().filter(|u| is_hosted(u)).map(|u| RepoUrl::of(u)).collect();
        let cache = options.cache.clone().or_else(cache_dir).map(|dir| dir.join("renders"));
        let renderer = Renderer::new(Tools::find(), cache, Limits::default());
        Ok(Self {
            repo,
            config,
            config_state,
            authority,
            environments,
            scope,
            hints,
            url: url.map(|u| crate::catalog::format::without_credentials(&u)),
            renderer,
            pins: Pins::default(),
            problems,
            parses,
        })
    }
}

impl World {
    /// What `luigi.yaml` said at base, where head is the authority: then a change of
    /// it is a change like any other. `None` where the authority's own holds for
    /// both ends, and where base has none that can be used.
    pub fn config_at(&self, head: CommitId, base: &dyn Files) -> Result<Option<Config>, RunError> {
        if self.authority != head || self.config_state != ConfigState::Committed {
            return Ok(None);
        }
        let Some(entry) = base.entry(&RepoPath::root().child(config::FILE))? else { return Ok(None) };
        let Some(bytes) = bounded(base, entry.id)? else { return Ok(None) };
        let (config, problems) = config::read(config::FILE, &bytes);
        Ok((!problems.iter().any(|p| p.severity == Severity::Error)).then_some(config))
    }
}

/// A URL of another host: a folder or a bundle says nothing about what children
/// mean.
fn is_hosted(url: &str) -> bool {
    let scheme = url.split_once("://").is_some_and(|(scheme, _)| scheme != "file");
    scheme || url.split_once(':').is_some_and(|(host, _)| host.contains('@'))
}

fn configuration(
    options: &Options,
    files: &dyn Files,
    parses: &Parses,
) -> Result<(Config, ConfigState, Vec<Problem>), RunError> {
    if let Some(path) = &options.config {
        let bytes = std::fs::read(path).map_err(|e| RunError::io(format!("read {}", path.display()), e))?;
        let (config, problems) = usable(config::read(&path.display().to_string(), &bytes))?;
        return Ok((config, ConfigState::NotCommitted, problems));
    }
    let at = RepoPath::root().child(config::FILE);
    match files.entry(&at)? {
        Some(entry) if !matches!(entry.kind, EntryKind::File | EntryKind::Executable) => {
            let message = "luigi.yaml is not a file; nothing is read through a link";
            let place = Place::new(config::FILE, 1, 1);
            Err(RunError::Problems(vec![Problem::new(Code::ConfigValue, Some(place), message)]))
        }
        Some(entry) => {
            let Some(bytes) = bounded(files, entry.id)? else {
                let place = Place::new(config::FILE, 1, 1);
                let message = "luigi.yaml is too large";
                return Err(RunError::Problems(vec![Problem::new(Code::YamlTooLarge, Some(place), message)]));
            };
            let (config, problems) = usable(config::read(config::FILE, &bytes))?;
            Ok((config, ConfigState::Committed, problems))
        }
        None => {
            let (config, mut problems) = infer::infer(files, parses)?;
            // A child that cannot be read does not hide the others.
            if config.environments.is_empty() {
                return Err(RunError::Problems(problems));
            }
            let note = Problem::new(
                Code::ConfigMissing,
                Some(Place::file(config::FILE)),
                "there is no luigi.yaml; this is what `luigi init` would write",
            );
            problems.push(note);
            Ok((config, ConfigState::NotCommitted, problems))
        }
    }
}

/// A configuration with an error in it stops the run: everything depends on it.
fn usable((config, problems): (Config, Vec<Problem>)) -> Result<(Config, Vec<Problem>), RunError> {
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Err(RunError::Problems(problems));
    }
    Ok((config, problems))
}

fn select(config: &Config, wanted: &[String]) -> Result<Vec<Environment>, RunError> {
    let all = config.environments_in_order();
    for name in wanted {
        if !all.iter().any(|e| e.as_str() == name) {
            let names: Vec<&str> = all.iter().map(|e| e.as_str()).collect();
            let known = names.join(", ");
            return Err(RunError::Usage(format!("there is no environment {name:?}; there are: {known}")));
        }
    }
    let chosen = |e: &&Environment| wanted.is_empty() || wanted.iter().any(|w| w == e.as_str());
    Ok(all.into_iter().filter(chosen).cloned().collect())
}

/// What becomes of a revision that is not here: a commit id is fetched, and when
/// it cannot be had it is a missing base; a name that means nothing is an error.
pub fn missing(repo: &Repo, rev: &str, error: GitError) -> Result<Base, RunError> {
    let Ok(commit) = CommitId::parse(rev) else { return Err(error.into()) };
    Ok(missing_commit(repo, commit))
}

/// Fetches a commit by its id; what cannot be had stays missing.
pub fn missing_commit(repo: &Repo, commit: CommitId) -> Base {
    match repo.fetch_commit(commit) {
        Ok(()) => Base::Commit(commit),
        Err(_) => Base::Missing(commit),
    }
}
