//! `luigi doctor`: what is missing on this machine and in this repository, and
//! how to get it.
//!
//! Writes nothing, and repairs nothing.

use super::args::Global;
use super::output::Output;
use crate::config;
use crate::files::Files;
use crate::name::{Environment, RepoPath};
use crate::outside::branch::Branch;
use crate::outside::git::{GitError, Repo};
use crate::outside::render::Tools;
use crate::problem::Severity;
use crate::report::escape;
use crate::run::error::{RunError, exit};
use crate::run::ledger;
use crate::run::world::{self, Options, World};

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is there.
    Fine,
    /// It works, and could be better.
    Note,
    /// Something will not work.
    Missing,
}

/// Lines as they are found.
struct Findings<'a> {
    output: &'a Output,
    worst: State,
}

impl Findings<'_> {
    fn say(&mut self, state: State, what: &str, words: &str) {
        let sign = match state {
            State::Fine => "ok      ",
            State::Note => "note    ",
            State::Missing => "missing ",
        };
        let line = format!("{sign}{what}: {}", escape::terminal(words));
        self.output.data(&format!("{}\n", escape::log_line(&line)));
        if state == State::Missing {
            self.worst = State::Missing;
        }
    }

    fn error(&mut self, what: &str, error: &impl ToString) {
        self.say(State::Missing, what, &error.to_string());
    }
}

/// Looks at everything; exit code 8 where something is missing.
pub fn run(global: &Global, output: &Output) -> Result<u8, RunError> {
    let mut found = Findings { output, worst: State::Fine };
    tools(&mut found);
    cache(&mut found);
    match world::open(&global.directory) {
        Err(error) => found.say(State::Missing, "repository", &format!("{error}; `git init` makes one")),
        Ok(repo) => repository(&mut found, global, repo)?,
    }
    Ok(if found.worst == State::Missing { exit::FOUND } else { exit::OK })
}

fn tools(found: &mut Findings<'_>) {
    let tools = Tools::find();
    let all = [
        (
            "kustomize",
            tools.kustomize_version(),
            "https://kubectl.docs.kubernetes.io/installation/kustomize/",
        ),
        ("helm", tools.helm_version(), "https://helm.sh/docs/intro/install/"),
    ];
    for (name, version, page) in all {
        match version {
            Some(version) => found.say(State::Fine, name, version),
            None => {
                let words = format!(
                    "not beside luigi, in the folder that LUIGI_TOOLS names, or on PATH; apps that need it cannot be rendered; {page}"
                );
                found.say(State::Missing, name, &words);
            }
        }
    }
}

fn cache(found: &mut Findings<'_>) {
    let Some(dir) = world::cache_dir() else {
        let words = "none: everything is rendered anew; set HOME, XDG_CACHE_HOME or LUIGI_CACHE_DIR";
        return found.say(State::Note, "cache", words);
    };
    let writable = std::fs::create_dir_all(&dir).and_then(|()| tempfile::tempfile_in(&dir));
    match writable {
        Ok(_) => found.say(State::Fine, "cache", &dir.display().to_string()),
        Err(error) => {
            let words = format!(
                "{} cannot be written ({error}), so everything is rendered anew; set LUIGI_CACHE_DIR",
                dir.display()
            );
            found.say(State::Note, "cache", &words);
        }
    }
}

fn repository(found: &mut Findings<'_>, global: &Global, repo: Repo) -> Result<(), RunError> {
    found.say(State::Fine, "repository", &repo.git_dir().display().to_string());
    if repo.is_shallow()? {
        let words = "shallow; what a run needs is fetched by commit id, `luigi prove` sees only what is here; `git fetch --unshallow`, or fetch-depth: 0";
        found.say(State::Note, "history", words);
    } else {
        found.say(State::Fine, "history", "whole");
    }
    let readable = remote(found, &repo)?;
    let head = match repo.head() {
        Ok(head) => head,
        Err(GitError::Unresolved { .. }) => {
            found.say(State::Missing, "commits", "none; commit something, then `luigi init`");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let committed = repo.files(head)?.entry(&RepoPath::root().child(config::FILE))?.is_some();
    if !committed && global.config.is_none() {
        let words = "not committed; `luigi init` writes it, and deploying needs it committed";
        found.say(State::Missing, config::FILE, words);
    }
    let options =
        Options { dir: global.directory.clone(), config: global.config.clone(), ..Options::default() };
    match World::load(&options, repo, head) {
        Err(RunError::Problems(problems)) => {
            let bad = problems.iter().filter(|p| p.severity == Severity::Error).count();
            let words = format!("{bad} errors; nothing can be planned until they are mended");
            found.say(State::Missing, config::FILE, &words);
            found.output.problems(&problems);
        }
        Err(error) => found.error(config::FILE, &error),
        Ok(world) => {
            if committed {
                let names: Vec<&str> = world.environments.iter().map(Environment::as_str).collect();
                found.say(State::Fine, config::FILE, &format!("committed; {}", names.join(", ")));
            }
            if readable {
                the_ledger(found, &world)?;
            }
        }
    }
    Ok(())
}

/// Whether the remote, or its absence, is understood: only then is there more to
/// say of the ledger.
fn remote(found: &mut Findings<'_>, repo: &Repo) -> Result<bool, RunError> {
    let remote = match repo.remote() {
        Ok(Some(remote)) => remote,
        Ok(None) => {
            let words = "none; the ledger is kept on the local branch alone; `git remote add origin URL`";
            found.say(State::Note, "remote", words);
            return Ok(true);
        }
        Err(error) => {
            found.error("remote", &error);
            return Ok(false);
        }
    };
    let branch = repo.default_branch()?.unwrap_or_else(|| "main".to_owned());
    if let Err(error) = remote.tip(&branch) {
        found.error("remote", &error);
        return Ok(false);
    }
    found.say(State::Fine, "remote", &format!("{} at {} can be read", remote.name(), remote.shown()));
    match remote.lets_push() {
        Ok(()) => {
            let words =
                "the remote takes pushes; what its rules say of the ledger's branch shows in a deploy";
            found.say(State::Fine, "deploying", words);
        }
        Err(error) => found.say(State::Missing, "deploying", &format!("{error}; planning needs no push")),
    }
    Ok(true)
}

fn the_ledger(found: &mut Findings<'_>, world: &World) -> Result<(), RunError> {
    let name = &world.config.ledger_branch;
    let branch = Branch::open(&world.repo, name)?;
    let tip = match branch.fetch() {
        Ok(Some(tip)) => tip,
        Ok(None) => {
            found.say(State::Fine, "ledger", &format!("{name} is not there yet; the first deploy makes it"));
            return Ok(());
        }
        Err(error) => {
            found.error("ledger", &error);
            return Ok(());
        }
    };
    let problems = ledger::verify(&world.repo, &branch, tip)?;
    if problems.iter().any(|p| p.severity == Severity::Error) {
        found.say(State::Missing, "ledger", &format!("{name} does not hold; `luigi verify` says more"));
        found.output.problems(&problems);
    } else {
        found.say(State::Fine, "ledger", &format!("{name} holds, at {}", tip.short()));
    }
    Ok(())
}
