//! Reads definitions until no content defines another app.
//!
//! An app whose content may define apps is a parent: its plain files are read,
//! its chart or kustomization is asked to be rendered. Sources and ConfigMaps
//! that apps wait for turn up on the way; when nothing more can, what is missing
//! is assumed or said.

mod register;
mod roots_of;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::app::{App, Carried, Content, Format, Parent, Unknown};
use super::doc::Doc;
use super::flux::{self, Read};
use super::format::{Context, Stage, job, kustomize};
use super::job::{Input, Job, Tool};
use super::kinds::{ConfigMaps, FluxSources, Fresh, Kind, kind, misread};
use super::parallel::parallel;
use super::scope::Scope;
use super::{Catalog, Reading, Request, argo, helm_release, job_key, kept, luigi_app, roots};
use crate::config::AppsKind;
use crate::files::ReadError;
use crate::name::{AppId, AppKey, RepoPath};
use crate::problem::{Code, Place, Problem, Severity};

/// Parents of parents, at most.
const MAX_DEPTH: usize = 16;
/// Apps of one environment, at most.
const MAX_APPS: usize = 250_000;

/// Where a definition was found; the later one wins over the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A file that luigi.yaml names.
    Raw,
    /// A file of a parent's plain content.
    Plain,
    /// A parent's render.
    Rendered,
}

/// One app on its way.
struct Slot {
    doc: Arc<Doc>,
    app: App,
    depth: usize,
    state: State,
    /// A field that could not be read: the content may hold more than is seen.
    flaw: Option<Unknown>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its content is not known.
    Open,
    /// Its content is known; whether it defines apps is not.
    Read,
    /// All is known.
    Expanded,
}

/// What came of reading an app's content.
enum Found {
    Content(Arc<Content>),
    /// ConfigMaps that it waits for; none where it is not known yet which repository
    /// is meant.
    Waits(Vec<(String, String)>),
}

struct Fixpoint<'a> {
    request: &'a Request<'a>,
    scope: Scope,
    stage: Stage,
    sources: FluxSources,
    /// How each source was found, by kind, namespace and name.
    source_ranks: BTreeMap<(String, String, String), Rank>,
    config_maps: ConfigMaps,
    slots: BTreeMap<AppId, Slot>,
    /// The best definition of each app so far, and who holds it.
    ranks: BTreeMap<AppId, (Rank, Parent)>,
    /// Apps whose best definition would be lost with the app that holds it.
    pinned: BTreeMap<AppId, register::Pin>,
    /// The least rank that each app was met with.
    seen: BTreeMap<AppId, Rank>,
    /// Apps whose content is read for the ConfigMaps in it.
    forced: BTreeSet<AppId>,
    problems: BTreeSet<Problem>,
    pending: BTreeMap<crate::name::Digest, (String, Job)>,
    restart: bool,
    progress: bool,
}

/// Reads one environment; see [`super::read`].
pub fn read(request: &Request<'_>) -> Result<Reading, ReadError> {
    let mut ranks = BTreeMap::new();
    let mut pinned = BTreeMap::new();
    loop {
        let mut fixpoint = Fixpoint {
            request,
            scope: request.scope.clone(),
            stage: Stage::Searching,
            sources: FluxSources::default(),
            source_ranks: BTreeMap::new(),
            config_maps: ConfigMaps::default(),
            slots: BTreeMap::new(),
            ranks,
            pinned: std::mem::take(&mut pinned),
            seen: BTreeMap::new(),
            forced: BTreeSet::new(),
            problems: BTreeSet::new(),
            pending: BTreeMap::new(),
            restart: false,
            progress: false,
        };
        fixpoint.roots()?;
        fixpoint.run()?;
        if !fixpoint.restart {
            match fixpoint.lost() {
                None => return Ok(fixpoint.finish()),
                Some(lost) => (ranks, pinned) = lost,
            }
            continue;
        }
        pinned = fixpoint.pinned;
        // A better definition of an app was found: begin again knowing that.
        ranks = fixpoint.ranks;
    }
}

impl Fixpoint<'_> {
    fn add(&mut self, problem: Problem) {
        self.problems.insert(problem);
    }

    fn context(&self) -> Context<'_> {
        Context {
            files: self.request.files,
            parses: self.request.parses,
            config: self.request.config,
            environment: self.request.environment,
            scope: &self.scope,
            sources: &self.sources,
            config_maps: &self.config_maps,
            stage: self.stage,
        }
    }

    fn run(&mut self) -> Result<(), ReadError> {
        loop {
            self.progress = false;
            self.decide_scope()?;
            let open: Vec<AppId> = self.ids(State::Open);
            let waiting = self.read_contents(&open)?;
            for id in self.ids(State::Read) {
                self.expand(&id)?;
            }
            if self.progress {
                continue;
            }
            if !self.pending.is_empty() || self.ids(State::Open).is_empty() {
                return Ok(());
            }
            if self.stage == Stage::Searching && !self.search_config_maps(&waiting)? {
                self.stage = Stage::Settled;
            }
        }
    }

    fn ids(&self, state: State) -> Vec<AppId> {
        self.slots.iter().filter(|(_, s)| s.state == state).map(|(id, _)| id.clone()).collect()
    }

    /// The entries of `apps`.
    fn roots(&mut self) -> Result<(), ReadError> {
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
                    self.root_parent(path, job, found, &entry.place)?;
                }
                AppsKind::Helm { path, value_files } => {
                    let (job, found) = self.root_chart(path, value_files, &entry.place)?;
                    self.root_parent(path, job, found, &entry.place)?;
                }
            }
        }
        Ok(())
    }

    /// A parent that luigi.yaml names: it is no app, but what it renders are.
    fn root_parent(
        &mut self,
        path: &RepoPath,
        job: Job,
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
        let inputs = job.inputs.clone();
        if let Some(docs) = self.rendered(&format!("parent {path}"), &job, place)? {
            self.register_rendered(docs, &inputs, &Parent::Root, 0, &Place::file(path.as_str()))?;
        }
        Ok(())
    }

    /// Reads the content of apps. Returns the ConfigMaps that they wait for.
    fn read_contents(&mut self, ids: &[AppId]) -> Result<Vec<(String, String)>, ReadError> {
        let found = parallel(ids, |id| self.content_of(id))?;
        let mut waiting = Vec::new();
        for (id, found) in ids.iter().zip(found) {
            let content = match found {
                Found::Content(content) => content,
                Found::Waits(config_maps) => {
                    waiting.extend(config_maps);
                    continue;
                }
            };
            if let Some(slot) = self.slots.get_mut(id) {
                slot.app.content = content;
                slot.state = State::Read;
                self.progress = true;
            }
        }
        Ok(waiting)
    }

    fn content_of(&self, id: &AppId) -> Result<Found, ReadError> {
        let Some(slot) = self.slots.get(id) else { return Ok(Found::Waits(Vec::new())) };
        let context = self.context();
        let content = match slot.app.format {
            Format::Luigi => luigi_app::read(&context, &slot.app, &slot.doc)?,
            Format::ArgoApplication => {
                if slot.flaw.is_none()
                    && let Some(content) = kept::find(&context, &slot.doc)?
                {
                    return Ok(Found::Content(content));
                }
                argo::read(&context, &slot.app, &slot.doc)?
            }
            Format::FluxHelmRelease => helm_release::read(&context, &slot.app, &slot.doc)?,
            Format::FluxKustomization => match flux::read(&context, &slot.app, &slot.doc)? {
                Read::Waits { config_maps } => return Ok(Found::Waits(config_maps)),
                Read::Content(content) => Some(*content),
            },
        };
        let Some(mut content) = content else { return Ok(Found::Waits(Vec::new())) };
        content.unknown.extend(slot.flaw.clone());
        let content = Arc::new(content);
        if slot.app.format == Format::ArgoApplication {
            kept::keep(&context, &slot.doc, &content)?;
        }
        Ok(Found::Content(content))
    }

    /// Registers what an app's content defines, if it does.
    fn expand(&mut self, id: &AppId) -> Result<(), ReadError> {
        let Some(slot) = self.slots.get(id) else { return Ok(()) };
        let forced = self.forced.contains(id);
        let parent = slot.app.carried == Carried::OwnStep
            && (forced || roots::may_define(self.request, &slot.app.content, &slot.doc)?);
        if !parent {
            return self.expanded(id);
        }
        let (place, depth) = (slot.app.place.clone(), slot.depth + 1);
        let content = Arc::clone(&slot.app.content);
        let broken = content.problems.iter().any(|p| p.severity == Severity::Error);
        if depth > MAX_DEPTH {
            let message = format!("{id} is {depth} parents deep");
            self.add(Problem::new(Code::ParentTooDeep, Some(place), message));
            return self.expanded(id);
        }
        if broken || !content.not_rendered.is_empty() || !content.unknown.is_empty() {
            let mut why = content.not_rendered.clone();
            why.extend(content.unknown.iter().map(|u| u.why.clone()));
            let why = if why.is_empty() { "its content has problems".to_owned() } else { why.join(", ") };
            let message = format!("{id} may define apps and was not rendered: {why}");
            let key = AppKey { environment: self.request.environment.clone(), app: id.clone() };
            self.add(Problem::new(Code::ParentNotRendered, Some(place), message).of(&key));
            return self.expanded(id);
        }
        let parent = Parent::App(id.clone());
        let mut done = true;
        for job in &content.jobs {
            if let Tool::Plain(plain) = &job.tool {
                for (path, blob) in roots::plain_files(self.request.files, job, plain)? {
                    let parsed = self.request.parses.get(self.request.files, &path, blob)?;
                    self.problems.extend(parsed.1.iter().cloned());
                    for doc in &parsed.0 {
                        self.register(doc, Rank::Plain, &parent, depth);
                    }
                }
            } else {
                match self.rendered(&id.to_string(), job, &place)? {
                    Some(docs) => self.register_rendered(docs, &job.inputs, &parent, depth, &place)?,
                    None => done = false,
                }
            }
        }
        if done { self.expanded(id) } else { Ok(()) }
    }

    fn expanded(&mut self, id: &AppId) -> Result<(), ReadError> {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.state = State::Expanded;
            self.progress = true;
        }
        Ok(())
    }

    /// A job's objects; `None` when they are pending.
    fn rendered(
        &mut self,
        name: &str,
        job: &Job,
        place: &Place,
    ) -> Result<Option<Arc<Vec<crate::object::Object>>>, ReadError> {
        let key = job_key(job);
        match self.request.renders.get(&key) {
            None => {
                self.pending.insert(key, (name.to_owned(), job.clone()));
                Ok(None)
            }
            Some(Ok(objects)) => Ok(Some(Arc::clone(objects))),
            Some(Err(problems)) => {
                let placed = |p: &Problem| match p.place {
                    Some(_) => p.clone(),
                    None => Problem { place: Some(place.clone()), ..p.clone() },
                };
                self.problems.extend(problems.iter().map(placed));
                let message = format!("{name} may define apps and could not be rendered");
                self.add(Problem::new(Code::ParentNotRendered, Some(place.clone()), message));
                Ok(Some(Arc::new(Vec::new())))
            }
        }
    }

    fn register_rendered(
        &mut self,
        objects: Arc<Vec<crate::object::Object>>,
        inputs: &BTreeMap<RepoPath, Input>,
        parent: &Parent,
        depth: usize,
        place: &Place,
    ) -> Result<(), ReadError> {
        let raw = roots::raw_places(self.request, inputs)?;
        for object in objects.iter() {
            let key = (object.key.kind.clone(), object.key.name.clone());
            let doc = match raw.get(&key) {
                Some(Some(raw)) => Doc::rendered_from(object.json.clone(), raw),
                Some(None) | None => Doc::rendered(object.json.clone(), place.clone()),
            };
            self.register(&Arc::new(doc), Rank::Rendered, parent, depth);
        }
        Ok(())
    }

    /// Takes one document.
    fn register(&mut self, doc: &Arc<Doc>, rank: Rank, parent: &Parent, depth: usize) {
        match kind(doc) {
            Kind::App(format) => self.register_app(doc, format, rank, parent, depth),
            Kind::ApplicationSet => {
                let message = format!("ApplicationSet {} is not expanded by this version", doc.name());
                self.add(Problem::new(Code::KindUnsupported, Some(doc.place.clone()), message));
            }
            Kind::AppProject => {
                let message = format!("AppProject {} is not enforced by this version", doc.name());
                self.add(Problem::new(Code::ProjectIgnored, Some(doc.place.clone()), message));
            }
            Kind::Source => self.register_source(doc, rank),
            Kind::ConfigMap => self.progress |= self.config_maps.insert(doc) == Fresh::New,
            Kind::Other => {
                if let Some((field, message)) = misread(doc) {
                    self.add(Problem::new(Code::AppField, Some(doc.place_of(&[field])), message));
                }
            }
        }
    }

    /// Looks for ConfigMaps in the content of apps that define no apps. Returns
    /// whether any such content is worth reading.
    fn search_config_maps(&mut self, wanted: &[(String, String)]) -> Result<bool, ReadError> {
        if wanted.is_empty() {
            return Ok(false);
        }
        let mut found = Vec::new();
        for (id, slot) in &self.slots {
            let open = slot.state == State::Expanded && !self.forced.contains(id);
            if open && roots::mentions_config_map(self.request, &slot.app.content, wanted)? {
                found.push(id.clone());
            }
        }
        for id in &found {
            self.forced.insert(id.clone());
            if let Some(slot) = self.slots.get_mut(id) {
                slot.state = State::Read;
            }
        }
        Ok(!found.is_empty())
    }

    fn finish(mut self) -> Reading {
        let mut apps = BTreeMap::new();
        for (id, slot) in std::mem::take(&mut self.slots) {
            let mut app = slot.app;
            let key = AppKey { environment: self.request.environment.clone(), app: id };
            self.problems.extend(app.content.problems.iter().cloned().map(|p| match p.severity {
                // A choice made for several apps is said once.
                Severity::Note => p,
                Severity::Error | Severity::Warning => p.of(&key),
            }));
            if app.format == Format::FluxHelmRelease {
                app.definition =
                    helm_release::with_values_from(&self.config_maps, &slot.doc, &app.definition);
            }
            apps.insert(key, app);
        }
        let problems = self.problems.into_iter().collect();
        Reading {
            catalog: Catalog { apps, problems },
            pending: self.pending.into_values().collect(),
            scope: self.scope,
        }
    }
}
