//! The real fleets of `fixtures/corpus`: everything is seen, everything is what
//! the tools make of it by hand, and all of it goes into the ledger and back.

mod argo;
mod carried;
mod flux;
mod hand;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use luigi::catalog::Catalog;
use luigi::catalog::app::Carried;
use luigi::name::AppKey;
use luigi::object::canonical;
use luigi::outside::git::{CommitFiles, Repo};
use luigi::outside::render::{Limits, Renderer, Tools};
use luigi::problem::Code;
use luigi::run::reading::Reader;
use luigi::run::rendering::{self, AppRender};
use luigi::run::world::{Options, World};

use crate::support::{corpus, parts, repo::git};

/// A fleet at HEAD as Luigi reads it, with what `luigi init` would write.
struct Read {
    world: World,
    files: CommitFiles,
    catalog: Catalog,
}

impl Read {
    fn head(dir: &Path) -> Self {
        let repo = Repo::open(dir).unwrap();
        let head = repo.head().unwrap();
        let mut world = World::load(&Options::default(), repo, head).unwrap();
        world.renderer = Renderer::new(Tools::at(parts::tools()), None, Limits::default());
        let files = world.repo.files(head).unwrap();
        let catalog = Reader::new(&world).catalog(&files).unwrap();
        Self { world, files, catalog }
    }

    /// What these apps come to: their objects as canonical text, or why not.
    fn renders(&self, wanted: impl Fn(&AppKey) -> bool) -> BTreeMap<AppKey, Result<Vec<String>, String>> {
        let apps: Vec<_> = self.catalog.apps.values().filter(|app| wanted(&app.key)).collect();
        let renders = rendering::apps(&self.world, &self.files, &apps, &|_| {});
        let shown = |render| match render {
            AppRender::Objects(objects, _) => Ok(texts(objects)),
            AppRender::NotRendered(why) => Err(why.join("; ")),
            AppRender::Failed(problems) => {
                Err(problems.into_iter().map(|p| p.message).collect::<Vec<_>>().join("; "))
            }
        };
        renders.into_iter().map(|(key, render)| (key, shown(render))).collect()
    }

    /// The apps of an environment that a deploy takes a step for.
    fn own_steps(&self, environment: &str) -> BTreeSet<String> {
        let apps = self.catalog.apps.values().filter(|app| app.key.environment.as_str() == environment);
        apps.filter(|app| app.carried == Carried::OwnStep).map(|app| app.key.app.to_string()).collect()
    }

    /// The apps that problems of a kind are of.
    fn with_problem(&self, code: Code) -> Vec<String> {
        let problems = self.catalog.problems.iter().filter(|problem| problem.code == code);
        problems.filter_map(|problem| Some(problem.app.as_ref()?.app.to_string())).collect()
    }
}

/// Objects as texts that can be compared, sorted.
fn texts(objects: Vec<luigi::object::Object>) -> Vec<String> {
    let text = |object| String::from_utf8(canonical(std::slice::from_ref(&object))).unwrap();
    let mut texts: Vec<String> = objects.into_iter().map(text).collect();
    texts.sort();
    texts
}

/// That two lists are the same; shows the first pair that is not, not all.
#[track_caller]
fn assert_same(key: &AppKey, ours: &[String], theirs: &[String]) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs, "{key}");
    }
    assert_eq!(ours.len(), theirs.len(), "{key}");
}

/// What the proof renders from is the commit, file for file: git makes the same
/// tree of it.
#[test]
fn an_export_is_the_whole_commit() {
    for fleet in ["flux2-kustomize-helm-example", "home-ops", "phalanx"] {
        let around = tempfile::tempdir().unwrap();
        let dir = corpus::clone(fleet, around.path());
        let repo = Repo::open(&dir).unwrap();
        let export = around.path().join("export");
        repo.export(repo.head().unwrap(), &export).unwrap();
        git(&dir, &["read-tree", "--empty"]);
        git(&dir, &["--work-tree", export.to_str().unwrap(), "add", "-A", "-f", "."]);
        assert_eq!(git(&dir, &["write-tree"]), git(&dir, &["rev-parse", "HEAD^{tree}"]), "{fleet}");
    }
}
