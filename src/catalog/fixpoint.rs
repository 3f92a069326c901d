//! Reads definitions until no content defines another app.
//!
//! An app whose content may define apps is a parent: its plain files are read,
//! its chart or kustomization is asked to be rendered. Sources and ConfigMaps
//! that apps wait for turn up on the way; when nothing more can, what is missing
//! is assumed or said.

mod contents;
mod parents;
mod register;
mod roots_of;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::app::{App, Carried, Parent, Unknown};
use super::doc::Doc;
use super::elsewhere::with_sources;
use super::format::{Context, Stage};
use super::job::{Job, Tool};
use super::kinds::{FluxSources, Kind, kind, misread};
use super::scope::Scope;
use super::values::{Named, ValueSources, with_digests};
use super::{Catalog, Reading, Request, job_key, roots};
use crate::files::ReadError;
use crate::name::{AppId, AppKey, Environment};
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
    /// Whether all that its content defines is registered.
    searched: bool,
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

struct Fixpoint<'a> {
    request: &'a Request<'a>,
    scope: Scope,
    stage: Stage,
    sources: FluxSources,
    /// How each source was found, by kind, namespace and name.
    source_ranks: BTreeMap<(String, String, String), Rank>,
    values: ValueSources,
    slots: BTreeMap<AppId, Slot>,
    /// The best definition of each app so far, and who holds it.
    ranks: BTreeMap<AppId, (Rank, Parent)>,
    /// Apps whose best definition would be lost with the app that holds it.
    pinned: BTreeMap<AppId, register::Pin>,
    /// The least rank that each app was met with.
    seen: BTreeMap<AppId, Rank>,
    /// Apps whose content is read for the ConfigMaps and Secrets in it.
    forced: BTreeSet<AppId>,
    problems: BTreeSet<Problem>,
    pending: BTreeMap<crate::name::Digest, (String, Job)>,
    wanted: BTreeSet<super::pins::Pin>,
    root_jobs: Vec<(Environment, Job)>,
    /// ConfigMaps that contents were read without.
    without: BTreeSet<Named>,
    /// Those of them that turned up after all, for the next beginning.
    late: ValueSources,
    restart: bool,
    progress: bool,
}

/// Reads one environment; see [`super::read`].
pub fn read(request: &Request<'_>) -> Result<Reading, ReadError> {
    let (mut ranks, mut pinned) = (BTreeMap::new(), BTreeMap::new());
    let mut late = ValueSources::default();
    loop {
        let mut fixpoint = Fixpoint {
            request,
            scope: request.scope.clone(),
            stage: Stage::Searching,
            sources: FluxSources::default(),
            source_ranks: BTreeMap::new(),
            values: late.clone(),
            slots: BTreeMap::new(),
            ranks,
            pinned: std::mem::take(&mut pinned),
            seen: BTreeMap::new(),
            forced: BTreeSet::new(),
            problems: BTreeSet::new(),
            pending: BTreeMap::new(),
            wanted: BTreeSet::new(),
            root_jobs: Vec::new(),
            without: BTreeSet::new(),
            late,
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
            late = fixpoint.late;
            continue;
        }
        // A better definition of an app was found, or a ConfigMap that one was
        // read without, such as its own: begin again knowing that.
        (ranks, pinned, late) = (fixpoint.ranks, fixpoint.pinned, fixpoint.late);
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
            values: &self.values,
            pins: self.request.pins,
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
            if !self.pending.is_empty() {
                return Ok(());
            }
            self.wanted.extend(self.request.pins.take_wanted());
            if !self.wanted.is_empty() {
                return Ok(());
            }
            if self.search_values(waiting)? {
                continue;
            }
            if self.ids(State::Open).is_empty() {
                return Ok(());
            }
            self.stage = Stage::Settled;
        }
    }

    fn ids(&self, state: State) -> Vec<AppId> {
        self.slots.iter().filter(|(_, s)| s.state == state).map(|(id, _)| id.clone()).collect()
    }

    /// Registers what an app's content defines, if it does.
    fn expand(&mut self, id: &AppId) -> Result<(), ReadError> {
        let Some(slot) = self.slots.get(id) else { return Ok(()) };
        let own = slot.app.carried == Carried::OwnStep;
        let defines = own && roots::may_define(self.request, &slot.app.content, &slot.doc)?;
        let asked = own && self.forced.contains(id);
        if !defines && !asked {
            self.expanded(id);
            return Ok(());
        }
        let (place, depth) = (slot.app.place.clone(), slot.depth + 1);
        let content = Arc::clone(&slot.app.content);
        let broken = content.problems.iter().any(|p| p.severity == Severity::Error);
        if depth > MAX_DEPTH {
            let message = format!("{id} is {depth} parents deep");
            self.add(Problem::new(Code::ParentTooDeep, Some(place), message));
            self.expanded(id);
            return Ok(());
        }
        if broken || !content.not_rendered.is_empty() || !content.unknown.is_empty() {
            let mut why = content.not_rendered.clone();
            why.extend(content.unknown.iter().map(|u| u.why.clone()));
            let why = if why.is_empty() { "its content has problems".to_owned() } else { why.join(", ") };
            // One that is looked at for its ConfigMaps alone hides no apps.
            if defines {
                let message = format!("{id} may define apps and was not rendered: {why}");
                let key = AppKey { environment: self.request.environment.clone(), app: id.clone() };
                self.add(Problem::new(Code::ParentNotRendered, Some(place), message).of(&key));
            }
            self.expanded(id);
            return Ok(());
        }
        let parent = Parent::App(id.clone());
        let mut done = true;
        for job in &content.jobs {
            if let Tool::Plain(plain) = &job.tool {
                let files = self.request.files_of(job);
                for (path, blob) in roots::plain_files(&*files, job, plain)? {
                    let parsed = self.request.parses.get(&*files, &path, blob)?;
                    self.problems.extend(parsed.1.iter().cloned());
                    for doc in &parsed.0 {
                        self.register(doc, Rank::Plain, &parent, depth);
                    }
                }
            } else if !defines && matches!(self.request.renders.get(&job_key(job)), Some(Err(_))) {
                // Whoever deploys it is told; nothing is hidden here.
            } else {
                match self.rendered(&id.to_string(), job, &place) {
                    Some(docs) => self.register_rendered(&docs, job, &parent, depth, &place)?,
                    None => done = false,
                }
            }
        }
        if let Some(slot) = self.slots.get_mut(id) {
            slot.searched = true;
        }
        if done {
            self.expanded(id);
        }
        Ok(())
    }

    fn expanded(&mut self, id: &AppId) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.state = State::Expanded;
            self.progress = true;
        }
    }

    /// A job's objects; `None` when they are pending.
    fn rendered(&mut self, name: &str, job: &Job, place: &Place) -> Option<Arc<Vec<crate::object::Object>>> {
        let key = job_key(job);
        match self.request.renders.get(&key) {
            None => {
                self.pending.insert(key, (name.to_owned(), job.clone()));
                None
            }
            Some(Ok(objects)) => Some(Arc::clone(objects)),
            Some(Err(problems)) => {
                let placed = |p: &Problem| match p.place {
                    Some(_) => p.clone(),
                    None => Problem { place: Some(place.clone()), ..p.clone() },
                };
                self.problems.extend(problems.iter().map(placed));
                let message = format!("{name} may define apps and could not be rendered");
                self.add(Problem::new(Code::ParentNotRendered, Some(place.clone()), message));
                Some(Arc::new(Vec::new()))
            }
        }
    }

    fn register_rendered(
        &mut self,
        objects: &[crate::object::Object],
        job: &Job,
        parent: &Parent,
        depth: usize,
        place: &Place,
    ) -> Result<(), ReadError> {
        let raw = roots::raw_places(self.request, job)?;
        for object in objects {
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
            Kind::Values => self.register_values(doc),
            Kind::Other => {
                if let Some((field, message)) = misread(doc) {
                    self.add(Problem::new(Code::AppField, Some(doc.place_of(&[field])), message));
                }
            }
        }
    }

    fn finish(mut self) -> Reading {
        let mut apps = BTreeMap::new();
        for (id, slot) in std::mem::take(&mut self.slots) {
            let slot_values = slot.values_from();
            let mut app = slot.app;
            app.definition = with_sources(&self.sources, &app, &slot.doc);
            let key = AppKey { environment: self.request.environment.clone(), app: id };
            self.problems.extend(app.content.problems.iter().cloned().map(|p| match p.severity {
                // A choice made for several apps is said once.
                Severity::Note => p,
                Severity::Error | Severity::Warning => p.of(&key),
            }));
            app.definition = with_digests(&self.values, &app, &slot_values);
            apps.insert(key, app);
        }
        let problems = self.problems.into_iter().collect();
        Reading {
            catalog: Catalog { apps, problems, roots: self.root_jobs },
            pending: self.pending.into_values().collect(),
            wanted: self.wanted,
            scope: self.scope,
        }
    }
}
