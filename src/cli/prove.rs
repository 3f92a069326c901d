//! `luigi prove`.

use super::args::{Global, Prove, ProveFormat};
use super::output::Output;
use crate::report::text;
use crate::run::error::{RunError, exit};
use crate::run::prove::{self, Progress};
use crate::run::world::{self, Options, World};

/// Runs it.
pub fn run(global: &Global, args: &Prove, output: &Output) -> Result<u8, RunError> {
    let repo = world::open(&global.directory)?;
    let head = repo.head()?;
    let options = Options {
        dir: global.directory.clone(),
        config: global.config.clone(),
        environments: args.environment.clone(),
        ..Options::default()
    };
    let world = World::load(&options, repo, head)?;
    let proof = prove::prove(&world, head, args.last, &|progress| match progress {
        Progress::Commit { commit, number, of } => {
            output.step(&format!("commit {number} of {of}: {}", commit.short()));
        }
        Progress::Rendered(key) => output.rendered(key),
    })?;
    match args.format {
        ProveFormat::Text => output.data(&text::prove(&proof, output.style())),
        ProveFormat::Json => output.data(&proof.to_json()?),
    }
    Ok(if proof.is_proved() { exit::OK } else { exit::FOUND })
}
