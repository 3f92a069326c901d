//! Looks pins up: commits of this repository's history, and child repositories
//! that the configuration lets be asked.
//!
//! A pin that cannot be had is an answer, with why: the app is *not rendered*, by
//! name, and nothing else stops.

use std::sync::Arc;

use super::world::{World, cache_dir};
use crate::catalog::pins::{Answer, At, Pin, Pinned, Repository};
use crate::name::RepoUrl;
use crate::outside::git::{GitError, Repo};

/// Answers every pin that is wanted.
pub fn answer(world: &World, wanted: impl IntoIterator<Item = Pin>) {
    for pin in wanted {
        let answer = look(world, &pin);
        world.pins.answer(pin, answer);
    }
}

fn look(world: &World, pin: &Pin) -> Answer {
    let words = |e: GitError| e.to_string();
    let (url, repo, commit) = match &pin.repository {
        Repository::Own => (None, world.repo.clone(), world.repo.own_pin(&pin.revision).map_err(words)?),
        Repository::Child(url) => {
            let named = RepoUrl::of(url);
            if !world.config.render.may_ask(&named) {
                return Err(format!("{named} is not among `render.network` of luigi.yaml"));
            }
            let dir = cache_dir().ok_or("there is no folder for a cache; set LUIGI_CACHE_DIR")?;
            let repo = Repo::child(&dir.join("repositories"), named.as_str()).map_err(words)?;
            let remote = world.repo.remote_at("child".to_owned(), url).map_err(words)?;
            let commit = repo.child_pin(&remote, &pin.revision).map_err(words)?;
            (Some(named), repo, commit)
        }
    };
    let files = repo.files(commit).map_err(words)?;
    Ok(Pinned { at: At { url, commit }, files: Arc::new(files) })
}
