//! Reads definitions until no content defines another app.
//!
//! An app whose content may define apps is a parent: its plain files are read,
//! its chart or kustomization is asked to be rendered. Sources and `ConfigMap`s
//! that apps wait for turn up on the way; when nothing more can, what is missing
//! is assumed or said.

mod parents;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::app::{App, Carried, Content, Format, Parent};
use super::doc::Doc;
use super::flux::{self, Read};
use super::format::{Context, Header, Stage};
use super::job::{Input, Job, Tool};
use super::kinds::{FluxSources, Fresh, Kind, kind};
use super::scope::{PathHere, Scope, most_named};
use super::values::{Named, ValueSources, with_digests};
use super::{Catalog, Reading, Request, argo, helm_release, job_key, luigi_app, paths, roots};
use crate::files::ReadError;
use crate::name::{AppId, AppKey, Environment, RepoPath, RepoUrl};
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
    values: ValueSources,
    slots: BTreeMap<AppId, Slot>,
    ranks: BTreeMap<AppId, Rank>,
    /// Apps whose content is read for the `ConfigMap`s and Secrets in it.
    forced: BTreeSet<AppId>,
    problems: BTreeSet<Problem>,
    pending: BTreeMap<crate::name::Digest, (String, Job)>,
    root_jobs: Vec<(Environment, Job)>,
    /// `ConfigMap`s that contents were read without.
    without: BTreeSet<Named>,
    /// Those of them that turned up after all, for the next beginning.
    late: ValueSources,
    restart: bool,
    progress: bool,
}

/// Reads one environment; see [`super::read`].
pub fn read(request: &Request<'_>) -> Result<Reading, ReadError> {
    let (mut ranks, mut late) = (BTreeMap::new(), ValueSources::default());
    loop {
        let mut fixpoint = Fixpoint {
            request,
            scope: request.scope.clone(),
            stage: Stage::Searching,
            sources: FluxSources::default(),
            values: late.clone(),
            slots: BTreeMap::new(),
            ranks,
            forced: BTreeSet::new(),
            problems: BTreeSet::new(),
            pending: BTreeMap::new(),
            root_jobs: Vec::new(),
            without: BTreeSet::new(),
            late,
            restart: false,
            progress: false,
        };
        fixpoint.roots()?;
        fixpoint.run()?;
        if !fixpoint.restart {
            return fixpoint.finish();
        }
        // A better definition of an app was found, or a ConfigMap that one was
        // read without, such as its own: begin again knowing that.
        (ranks, late) = (fixpoint.ranks, fixpoint.late);
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
            stage: self.stage,
        }
    }

    fn run(&mut self) -> Result<(), ReadError> {
        loop {
            self.progress = false;
            self.decide_scope()?;
            let open: Vec<AppId> = self.ids(State::Open);
            let mut waiting = Vec::new();
            for id in &open {
                waiting.extend(self.read_content(id)?);
            }
            for id in self.ids(State::Read) {
                self.expand(&id)?;
            }
            if self.progress {
                continue;
            }
            if !self.pending.is_empty() {
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

    /// Infers which URL means this repository, when nobody has said.
    fn decide_scope(&mut self) -> Result<(), ReadError> {
        if self.scope.is_decided() {
            return Ok(());
        }
        let mut seen: Vec<(RepoUrl, PathHere)> = Vec::new();
        let mut paths: Vec<(String, String)> = Vec::new();
        for slot in self.slots.values() {
            match slot.app.format {
                Format::Luigi => paths.extend(luigi_app::named(&slot.doc)),
                Format::ArgoApplication => paths.extend(argo::named(&slot.doc)),
                Format::FluxKustomization => {
                    let own = slot.doc.namespace();
                    let text = |key| slot.doc.text(&["spec", "sourceRef", key]).unwrap_or("");
                    let namespace = if text("namespace").is_empty() { own } else { text("namespace") };
                    let source = self.sources.get(text("kind"), namespace, text("name"));
                    if let Some(url) = source.and_then(|s| flux::named(s)) {
                        paths.push((url, slot.doc.text(&["spec", "path"]).unwrap_or("").to_owned()));
                    }
                }
                Format::FluxHelmRelease => {}
            }
        }
        for (url, path) in paths {
            let path = RepoPath::parse(&path);
            let here = match path {
                Ok(path) if self.request.files.entry(&path)?.is_some() => PathHere::Exists,
                Ok(_) | Err(_) => PathHere::Missing,
            };
            seen.push((RepoUrl::of(&url), here));
        }
        let hinted = self.request.hints.iter().find(|hint| seen.iter().any(|(url, _)| url == *hint));
        let url = hinted.cloned().or_else(|| most_named(&seen));
        if let Some(url) = url {
            let message = format!("children name this repository as {url}");
            self.add(Problem::new(Code::SourceAssumed, None, message));
            self.scope = self.scope.clone().with_url(url);
            self.progress = true;
        }
        Ok(())
    }

    /// Reads an app's content. Returns the `ConfigMap`s it waits for.
    fn read_content(&mut self, id: &AppId) -> Result<Vec<Named>, ReadError> {
        let Some(slot) = self.slots.get(id) else { return Ok(Vec::new()) };
        let context = self.context();
        let content = match slot.app.format {
            Format::Luigi => luigi_app::read(&context, &slot.app, &slot.doc)?,
            Format::ArgoApplication => argo::read(&context, &slot.app, &slot.doc)?,
            Format::FluxHelmRelease => helm_release::read(&context, &slot.app, &slot.doc)?,
            Format::FluxKustomization => match flux::read(&context, &slot.app, &slot.doc)? {
                Read::Waits { values } => return Ok(values),
                Read::Content { content, without } => {
                    self.without.extend(without);
                    Some(*content)
                }
            },
        };
        if let Some(content) = content
            && let Some(slot) = self.slots.get_mut(id)
        {
            slot.app.content = content;
            slot.state = State::Read;
            self.progress = true;
        }
        Ok(Vec::new())
    }

    /// Registers what an app's content defines, if it does.
    fn expand(&mut self, id: &AppId) -> Result<(), ReadError> {
        let Some(slot) = self.slots.get(id) else { return Ok(()) };
        let own = slot.app.carried == Carried::OwnStep;
        let defines = own && roots::may_define(self.request, &slot.app.content, &slot.doc)?;
        if !defines && !(own && self.forced.contains(id)) {
            return self.expanded(id);
        }
        let (place, depth) = (slot.app.place.clone(), slot.depth + 1);
        let content: Content = slot.app.content.clone();
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
            // One that is looked at for its ConfigMaps alone hides no apps.
            if defines {
                let message = format!("{id} may define apps and was not rendered: {why}");
                let key = AppKey { environment: self.request.environment.clone(), app: id.clone() };
                self.add(Problem::new(Code::ParentNotRendered, Some(place), message).of(&key));
            }
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
            } else if !defines && matches!(self.request.renders.get(&job_key(job)), Some(Err(_))) {
                // Whoever deploys it is told; nothing is hidden here.
            } else {
                match self.rendered(&id.to_string(), job, &place)? {
                    Some(docs) => self.register_rendered(docs, &job.inputs, &parent, depth, &place)?,
                    None => done = false,
                }
            }
        }
        if let Some(slot) = self.slots.get_mut(id) {
            slot.searched = true;
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
                self.problems.extend(problems.iter().cloned());
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
            Kind::Source => self.progress |= self.sources.insert(Arc::clone(doc)) == Fresh::New,
            Kind::Values => self.register_values(doc),
            Kind::Other => {}
        }
    }

    fn register_app(&mut self, doc: &Arc<Doc>, format: Format, rank: Rank, parent: &Parent, depth: usize) {
        let id = match format {
            Format::Luigi => super::format::id("App", doc),
            Format::ArgoApplication => super::format::id("Application", doc),
            Format::FluxKustomization => super::format::id("Kustomization", doc),
            Format::FluxHelmRelease => super::format::id("HelmRelease", doc),
        };
        let id = match id {
            Ok(id) => id,
            Err(error) => {
                let place = doc.place_of(&["metadata", "name"]);
                let code =
                    if doc.json.to_string().contains("{{") { Code::DocumentTemplated } else { Code::AppName };
                return self.add(Problem::new(code, Some(place), format!("{}: {error}", doc.kind())));
            }
        };
        if self.is_self_or_ancestor(&id, parent) {
            return;
        }
        match self.ranks.get(&id) {
            Some(known) if *known > rank => return,
            Some(known) if *known < rank => {
                self.restart |= self.slots.contains_key(&id);
                self.ranks.insert(id.clone(), rank);
            }
            Some(_) => {}
            None => {
                self.ranks.insert(id.clone(), rank);
            }
        }
        if let Some(known) = self.slots.get(&id) {
            if self.ranks.get(&id) == Some(&rank)
                && !(known.doc.place == doc.place && known.doc.json == doc.json)
            {
                let message = format!("{id} is defined at {} too", known.doc.place);
                self.add(Problem::new(Code::AppDuplicate, Some(doc.place.clone()), message));
            }
            return;
        }
        if self.slots.len() >= MAX_APPS {
            let message = format!("more than {MAX_APPS} apps in one environment");
            return self.add(Problem::new(Code::ParentTooDeep, Some(doc.place.clone()), message));
        }
        let context = self.context();
        let header: Header = match format {
            Format::Luigi => luigi_app::header(&context, doc, id.clone(), parent.clone()),
            Format::ArgoApplication => argo::header(&context, doc, id.clone(), parent.clone()),
            Format::FluxKustomization => flux::header(&context, doc, id.clone(), parent.clone()),
            Format::FluxHelmRelease => helm_release::header(&context, doc, id.clone(), parent.clone()),
        };
        let key = header.app.key.clone();
        self.problems.extend(header.problems.into_iter().map(|p| p.of(&key)));
        self.slots.insert(
            id,
            Slot { doc: Arc::clone(doc), app: header.app, depth, state: State::Open, searched: false },
        );
        self.progress = true;
    }

    /// A Flux bootstrap's own Kustomization lies in the folder that it builds:
    /// what defines itself keeps the definition that it was found by.
    fn is_self_or_ancestor(&self, id: &AppId, parent: &Parent) -> bool {
        let mut at = parent;
        let mut steps = 0;
        while let Parent::App(above) = at {
            if above == id {
                return true;
            }
            let Some(slot) = self.slots.get(above) else { return false };
            at = &slot.app.parent;
            steps += 1;
            if steps > MAX_DEPTH + 1 {
                return false;
            }
        }
        false
    }

    fn finish(mut self) -> Result<Reading, ReadError> {
        let mut apps = BTreeMap::new();
        for (id, slot) in std::mem::take(&mut self.slots) {
            let slot_values = slot.values_from();
            let mut app = slot.app;
            let key = AppKey { environment: self.request.environment.clone(), app: id };
            self.problems.extend(app.content.problems.iter().cloned().map(|p| match p.severity {
                // A choice made for several apps is said once.
                Severity::Note => p,
                Severity::Error | Severity::Warning => p.of(&key),
            }));
            app.definition = with_digests(&self.values, app.format, &slot_values, &app.definition);
            app.content.around = paths::around(self.request.files, &app)?;
            apps.insert(key, app);
        }
        let problems = self.problems.into_iter().collect();
        Ok(Reading {
            catalog: Catalog { apps, problems, roots: self.root_jobs },
            pending: self.pending.into_values().collect(),
            scope: self.scope,
        })
    }
}
