//! What every app of one commit comes to, by rendering all of them from a full
//! export.
//!
//! Keeps digests, not objects. Uses no cache and no file list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use super::files;
use super::found::{Data, Found, values_from};
use crate::catalog::Catalog;
use crate::catalog::app::{App, Destination, Format, Parent};
use crate::catalog::job::Job;
use crate::config::AppsKind;
use crate::name::{AppKey, CommitId, Digest, Environment};
use crate::object::{Object, ObjectKey, canonical};
use crate::outside::render::{Export, Outcome};
use crate::report::proof::{Compared, Fact, Instead, Miss, Missed, NotRendered};
use crate::run::error::RunError;
use crate::run::rendering::parallel;
use crate::run::world::World;

/// Every app of one commit.
#[derive(Debug, Default)]
pub struct Oracle {
    prints: BTreeMap<AppKey, Print>,
    /// Where the catalog is not what the export says.
    pub faults: Vec<Miss>,
}

/// What one app comes to.
#[derive(Debug)]
struct Print {
    definition: Arc<Json>,
    destination: Destination,
    values: BTreeMap<String, Vec<Digest>>,
    /// The sources that it refers to. Where something is rendered from here, that
    /// says all; elsewhere these are all that is known.
    sources: Digest,
    content: Content,
}

/// What an app's content comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its objects.
    Objects(Digest),
    /// Its files; why it is not rendered.
    Files(Digest, String),
    /// Nothing of its own is here; why it is not rendered.
    Nothing(String),
}

/// One thing to render.
enum Item<'a> {
    Root(&'a Environment, &'a Job),
    App(&'a AppKey, &'a App),
}

/// Looks at one commit.
pub fn look(
    world: &World,
    commit: CommitId,
    catalog: &Catalog,
    done: &(dyn Fn(&AppKey) + Sync),
) -> Result<Oracle, RunError> {
    let failed = |e: std::io::Error| RunError::io("export a commit", e);
    let around = tempfile::Builder::new().prefix("luigi-prove-").tempdir().map_err(failed)?;
    let export = around.path().join("export");
    world.repo.export(commit, &export)?;
    let exported = Export::new(&world.renderer, &export).map_err(failed)?;
    let roots = catalog.roots.iter().map(|(environment, job)| Item::Root(environment, job));
    let apps = catalog.apps.iter().map(|(key, app)| Item::App(key, app));
    let items: Vec<Item<'_>> = roots.chain(apps).collect();
    let rendered = parallel(&items, |item| {
        let result = item.render(&exported, &export);
        if let Item::App(key, _) = item {
            done(key);
        }
        result
    });
    let mut found: BTreeMap<Environment, Found> = BTreeMap::new();
    for environment in &world.environments {
        let here = found.entry(environment.clone()).or_default();
        for entry in world.config.environments.get(environment).iter().flat_map(|e| &e.apps) {
            match &entry.what {
                AppsKind::Files(glob) => here.take_files(&export, glob).map_err(failed)?,
                AppsKind::Kustomize(_) | AppsKind::Helm { .. } => {}
            }
        }
    }
    let mut contents: BTreeMap<AppKey, Content> = BTreeMap::new();
    for (item, result) in items.iter().zip(rendered) {
        let (content, seen) = result.map_err(failed)?;
        found.entry(item.environment().clone()).or_default().absorb(seen);
        if let Item::App(key, _) = item {
            contents.insert((*key).clone(), content);
        }
    }
    Ok(Oracle::of(catalog, &found, contents))
}

impl Item<'_> {
    fn environment(&self) -> &Environment {
        match self {
            Item::Root(environment, _) => environment,
            Item::App(key, _) => &key.environment,
        }
    }

    /// What it comes to, and what it defines.
    fn render(&self, exported: &Export<'_>, export: &Path) -> std::io::Result<(Content, Found)> {
        let (name, jobs, app) = match self {
            Item::Root(environment, job) => {
                (format!("a parent of {environment}"), std::slice::from_ref(*job), None)
            }
            Item::App(key, app) => (key.app.to_string(), app.content.jobs.as_slice(), Some(*app)),
        };
        let known = app.map(|app| app.content.not_rendered.join(", ")).filter(|why| !why.is_empty());
        // What lies at a pin is in no export of this commit: the definition says it all.
        if jobs.iter().any(|job| job.at.is_some()) {
            return Ok((Content::Nothing("it is pinned to another commit".to_owned()), Found::default()));
        }
        let why = match known {
            Some(why) => why,
            None if jobs.is_empty() => app.map_or_else(String::new, broken),
            None => match objects(exported, jobs) {
                Ok(objects) => {
                    let mut found = Found::default();
                    let digest = Digest::of(&canonical(&objects));
                    for object in objects {
                        found.take(object.json, &name);
                    }
                    return Ok((Content::Objects(digest), found));
                }
                Err(why) => why,
            },
        };
        let digest = app.map(|app| files::digest(export, app)).transpose()?.flatten();
        let content = match digest {
            Some(digest) => Content::Files(digest, why),
            None => Content::Nothing(why),
        };
        Ok((content, Found::default()))
    }
}

/// Why an app without jobs is not rendered.
fn broken(app: &App) -> String {
    app.content.problems.first().map_or_else(|| "it has no content here".to_owned(), |p| p.message.clone())
}

/// All jobs' objects; of equal keys the last counts, as in Argo CD.
fn objects(exported: &Export<'_>, jobs: &[Job]) -> Result<Vec<Object>, String> {
    let mut all: BTreeMap<ObjectKey, Object> = BTreeMap::new();
    for job in jobs {
        match exported.render(job) {
            Outcome::Objects(objects) => all.extend(objects.into_iter().map(|o| (o.key.clone(), o))),
            Outcome::Failed(problems) => {
                let words: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
                return Err(words.join("; "));
            }
        }
    }
    Ok(all.into_values().collect())
}

impl Oracle {
    fn of(
        catalog: &Catalog,
        found: &BTreeMap<Environment, Found>,
        mut contents: BTreeMap<AppKey, Content>,
    ) -> Self {
        let mut oracle = Self::default();
        let nothing = Found::default();
        for (environment, found) in found {
            for (id, definitions) in &found.apps {
                let key = AppKey { environment: environment.clone(), app: id.clone() };
                if !catalog.apps.contains_key(&key) {
                    let by = definitions.first().map_or_else(String::new, |(_, by)| by.clone());
                    oracle.fault(&key, Missed::Hidden { by });
                }
            }
        }
        for (key, app) in &catalog.apps {
            let here = found.get(&key.environment).unwrap_or(&nothing);
            let definition = oracle.definition(catalog, app, here, &contents);
            let values = values(app, &definition, here);
            oracle.check_variables(app, here);
            let content = contents.remove(key).unwrap_or(Content::Nothing(String::new()));
            let destination = app.destination.clone();
            let sources = sources(app, &definition, here);
            oracle.prints.insert(key.clone(), Print { definition, destination, values, sources, content });
        }
        oracle.faults.sort();
        oracle
    }

    fn fault(&mut self, app: &AppKey, what: Missed) {
        self.faults.push(Miss { app: app.clone(), what });
    }

    /// The definition that the export holds.
    fn definition(
        &mut self,
        catalog: &Catalog,
        app: &App,
        found: &Found,
        contents: &BTreeMap<AppKey, Content>,
    ) -> Arc<Json> {
        let known = plain_definition(app);
        let Some(all) = found.apps.get(&app.key.app) else {
            let could = match &app.parent {
                Parent::Root => catalog.roots.is_empty(),
                Parent::App(id) => {
                    let parent = AppKey { environment: app.key.environment.clone(), app: id.clone() };
                    matches!(contents.get(&parent), Some(Content::Objects(_)))
                }
            };
            if could {
                self.fault(&app.key, Missed::Phantom);
            }
            return known;
        };
        if let Some((same, _)) = all.iter().find(|(definition, _)| *definition == known) {
            return Arc::clone(same);
        }
        self.fault(&app.key, Missed::Definition);
        all.first().map_or(known, |(first, _)| Arc::clone(first))
    }

    /// What Luigi substitutes must be what the ConfigMaps in the export say.
    fn check_variables(&mut self, app: &App, found: &Found) {
        let Some(substitute) = app.content.jobs.first().and_then(|job| job.substitute.as_ref()) else {
            return;
        };
        let inline = crate::catalog::doc::at(&app.definition, &["spec", "postBuild", "substitute"]);
        let mut expected: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for (kind, name) in values_from(&app.definition) {
            let Some(data) = data(app, found, kind, name) else { continue };
            let (Some(one), 1) = (data.first(), data.len()) else { continue };
            expected.extend(one.texts.iter().map(|(k, v)| (k.as_str(), (v.as_str(), name))));
        }
        for (variable, (value, from)) in expected {
            let overridden = inline.and_then(|map| map.get(variable)).is_some();
            if !overridden && substitute.variables.get(variable).map(String::as_str) != Some(value) {
                self.fault(&app.key, Missed::Values { from: format!("ConfigMap {from}") });
            }
        }
    }

    /// The apps.
    pub fn apps(&self) -> impl Iterator<Item = &AppKey> {
        self.prints.keys()
    }

    /// What an app's content comes to.
    pub fn content(&self, key: &AppKey) -> Option<&Content> {
        self.prints.get(key).map(|print| &print.content)
    }

    /// How an app differs from what it was at `base`; empty when it does not.
    pub fn facts(&self, base: &Self, key: &AppKey) -> Vec<Fact> {
        let (before, after) = match (base.prints.get(key), self.prints.get(key)) {
            (Some(before), Some(after)) => (before, after),
            (None, Some(_)) => return vec![Fact::Added],
            (Some(_), None) => return vec![Fact::Removed],
            (None, None) => return Vec::new(),
        };
        let content = match (&before.content, &after.content) {
            (Content::Objects(old), Content::Objects(new)) => (old != new).then_some(Fact::Objects),
            (Content::Files(old, _), Content::Files(new, _)) => (old != new).then_some(Fact::Files),
            (Content::Nothing(_), Content::Nothing(_)) => None,
            (Content::Files(..), Content::Nothing(_)) | (Content::Nothing(_), Content::Files(..)) => {
                Some(Fact::Files)
            }
            (Content::Objects(_), Content::Files(..) | Content::Nothing(_))
            | (Content::Files(..) | Content::Nothing(_), Content::Objects(_)) => Some(Fact::Renders),
        };
        let elsewhere = [before, after].iter().any(|print| matches!(print.content, Content::Nothing(_)));
        let others = [
            (before.definition != after.definition, Fact::Definition),
            (before.destination != after.destination, Fact::Destination),
            (before.values != after.values, Fact::Values),
            (elsewhere && before.sources != after.sources, Fact::Source),
        ];
        others.into_iter().filter(|(differs, _)| *differs).map(|(_, fact)| fact).chain(content).collect()
    }

    /// How its apps were compared.
    pub fn compared(&self) -> Compared {
        let mut out = Compared::default();
        for print in self.prints.values() {
            match print.content {
                Content::Objects(_) => out.rendered += 1,
                Content::Files(..) => out.files += 1,
                Content::Nothing(_) => out.definition += 1,
            }
        }
        out
    }

    /// The apps that were not rendered, and why.
    pub fn not_rendered(&self) -> impl Iterator<Item = NotRendered> {
        self.prints.iter().filter_map(|(app, print)| {
            let (why, by) = match &print.content {
                Content::Objects(_) => return None,
                Content::Files(_, why) => (why, Instead::Files),
                Content::Nothing(why) => (why, Instead::Definition),
            };
            Some(NotRendered { app: app.clone(), why: why.clone(), by })
        })
    }
}

/// The definition as a document has it: without what the catalog adds to it.
fn plain_definition(app: &App) -> Arc<Json> {
    const ADDED: [&str; 2] = ["valuesFrom", "sources"];
    if ADDED.iter().all(|key| app.definition.get(key).is_none()) {
        return Arc::clone(&app.definition);
    }
    let mut plain = (*app.definition).clone();
    if let Some(map) = plain.as_object_mut() {
        map.retain(|key, _| !ADDED.contains(&&**key));
    }
    Arc::new(plain)
}

fn data<'f>(app: &App, found: &'f Found, kind: &str, name: &str) -> Option<&'f BTreeSet<Data>> {
    let namespace = app.key.app.namespace();
    let namespace = if namespace == "_" { "" } else { namespace };
    let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
    found.data.get(&key)
}

/// Of the sources that a definition refers to, one digest.
fn sources(app: &App, definition: &Json, found: &Found) -> Digest {
    let id = &app.key.app;
    let namespace = if id.namespace() == "_" { "" } else { id.namespace() };
    let all = found.sources(namespace, definition);
    Digest::of(&serde_json_canonicalizer::to_vec(&all).unwrap_or_default())
}

/// What an app takes from ConfigMaps and Secrets that the repository renders.
/// A Kustomization's ConfigMaps are in its render already.
fn values(app: &App, definition: &Json, found: &Found) -> BTreeMap<String, Vec<Digest>> {
    let substituted = app.format == Format::FluxKustomization;
    let mut out = BTreeMap::new();
    for (kind, name) in values_from(definition) {
        if substituted && kind == "ConfigMap" {
            continue;
        }
        if let Some(data) = data(app, found, kind, name) {
            out.insert(format!("{kind} {name}"), data.iter().map(|d| d.digest).collect());
        }
    }
    out
}
