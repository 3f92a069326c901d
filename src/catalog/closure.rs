//! Every file that an app's content reads, at one commit.
//!
//! Follows what is local, names what is remote, and says of the rest that it is
//! unknown. Renders nothing. A path that is looked for and is not there counts
//! as an input too: were it to appear, the content would read it.

use std::collections::{BTreeMap, BTreeSet};

use super::app::{Pinned, Remote, Unknown};
use super::doc::Parses;
use super::job::{Dependency, Input, Mount};
use super::kustomization::{Reference, Target};
pub use super::link::real_path;
use super::link::{self, End};
use super::{chart, kustomization};
use crate::files::{Entry, EntryKind, Files, Next, ReadError, walk};
use crate::name::{ObjectId, RepoPath};
use crate::object::yaml::{Mark, Node};
use crate::problem::{Code, Place, Problem};

/// The inputs of one app, as they are found.
pub struct Closure<'a> {
    files: &'a dyn Files,
    parses: &'a Parses,
    mounts: &'a [Mount],
    /// Every file and folder read, by its path in the repository.
    pub inputs: BTreeMap<RepoPath, Input>,
    /// Inputs that are elsewhere.
    pub remotes: BTreeSet<Remote>,
    /// Inputs that cannot be followed.
    pub unknown: BTreeSet<Unknown>,
    /// Places that lead into a submodule.
    pub submodules: BTreeSet<Place>,
    /// Why the content cannot be rendered from this repository alone.
    pub not_rendered: BTreeSet<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    open: Vec<RepoPath>,
    done: BTreeSet<RepoPath>,
}

/// What stands at a path, links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path in the repository.
    pub real: RepoPath,
    /// What is there.
    pub what: What,
}

/// A file, a folder, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A file.
    Blob(ObjectId),
    /// A folder.
    Tree(ObjectId),
    /// Nothing.
    Absent,
}

impl<'a> Closure<'a> {
    /// An empty closure over content that sees the repository through `mounts`.
    pub fn new(files: &'a dyn Files, parses: &'a Parses, mounts: &'a [Mount]) -> Self {
        Self {
            files,
            parses,
            mounts,
            inputs: BTreeMap::new(),
            remotes: BTreeSet::new(),
            unknown: BTreeSet::new(),
            submodules: BTreeSet::new(),
            not_rendered: BTreeSet::new(),
            problems: Vec::new(),
            open: Vec::new(),
            done: BTreeSet::new(),
        }
    }

    fn problem(&mut self, code: Code, place: &Place, message: impl Into<String>) {
        self.problems.push(Problem::new(code, Some(place.clone()), message));
    }

    /// What stands at `path` of the content's file system. Links on the way
    /// become inputs; one that leaves the repository is a problem at `place`.
    pub fn locate(&mut self, path: &RepoPath, place: &Place) -> Result<Found, ReadError> {
        let Some(real) = real_path(self.mounts, path) else {
            return Ok(Found { real: path.clone(), what: What::Absent });
        };
        match self.files.entry(&real)? {
            Some(Entry { id, kind: EntryKind::File | EntryKind::Executable }) => {
                Ok(Found { real, what: What::Blob(id) })
            }
            Some(Entry { id, kind: EntryKind::Directory }) => Ok(Found { real, what: What::Tree(id) }),
            Some(Entry { kind: EntryKind::Link | EntryKind::Submodule, .. }) | None => {
                self.follow(real, place)
            }
        }
    }

    /// Walks a path component by component, following links.
    fn follow(&mut self, path: RepoPath, place: &Place) -> Result<Found, ReadError> {
        let way = link::follow(self.files, &path)?;
        self.inputs.extend(way.links.into_iter().map(|(link, id)| (link, Input::Blob(id))));
        if let Some(fault) = way.end.fault() {
            self.problem(Code::LinkEscapes, place, fault);
        }
        match way.end {
            End::Found(found) => Ok(found),
            End::Submodule(at) => {
                self.submodules.insert(place.clone());
                self.submodule(&at, place);
                Ok(Found { real: path, what: What::Absent })
            }
            End::Leaves(_) | End::Circle(_) => Ok(Found { real: path, what: What::Absent }),
        }
    }

    /// Whether no file in this folder, or mounted into it, asks for a tool.
    pub fn is_plain(&self, folder: ObjectId) -> Result<bool, ReadError> {
        Ok(self.mounts.is_empty() && !self.files.facts(folder)?.has_looked_for)
    }

    fn submodule(&mut self, at: &RepoPath, place: &Place) {
        self.unknown.insert(Unknown { place: place.clone(), why: format!("{at} is a submodule") });
    }

    /// Takes a file, or nothing, as an input.
    pub fn file(&mut self, path: &RepoPath, place: &Place) -> Result<Found, ReadError> {
        let found = self.locate(path, place)?;
        match found.what {
            What::Blob(id) => {
                self.inputs.insert(found.real.clone(), Input::Blob(id));
            }
            What::Absent => {
                self.inputs.insert(found.real.clone(), Input::Absent);
            }
            What::Tree(_) => {}
        }
        Ok(found)
    }

    /// Takes a folder with all below it as an input, and what its links lead to.
    pub fn tree(&mut self, found: &Found, id: ObjectId, place: &Place) -> Result<(), ReadError> {
        if self.inputs.insert(found.real.clone(), Input::Tree(id)) == Some(Input::Tree(id)) {
            return Ok(());
        }
        if !self.files.facts(id)?.has_links {
            return Ok(());
        }
        let (mut links, mut submodules) = (Vec::new(), Vec::new());
        walk(self.files, id, &found.real, &mut |path, entry| {
            match entry.kind {
                EntryKind::Link => links.push(path),
                EntryKind::Submodule => submodules.push(path),
                EntryKind::File | EntryKind::Executable | EntryKind::Directory => {}
            }
            Ok(Next::Enter)
        })?;
        for at in &submodules {
            self.submodule(at, place);
        }
        for link in links {
            let target = self.follow(link.clone(), place)?;
            match target.what {
                What::Blob(_) | What::Tree(_) if target.real.is_within(&found.real) => {}
                What::Blob(id) => {
                    self.inputs.insert(target.real, Input::Blob(id));
                }
                What::Tree(id) => self.tree(&target, id, place)?,
                What::Absent => {}
            }
        }
        Ok(())
    }

    /// The one document of a file, or a problem.
    fn document(&mut self, found: &Found, id: ObjectId) -> Result<Option<Node>, ReadError> {
        let parsed = self.parses.nodes(self.files, &found.real, id)?;
        self.problems.extend(parsed.1.iter().cloned());
        let node = parsed.0.first().cloned();
        if node.is_none() && parsed.1.is_empty() {
            let message = format!("{} is empty", found.real.file_name());
            self.problem(Code::ContentInvalid, &TOP.place(found.real.as_str()), message);
        }
        Ok(node)
    }

    /// The kustomization file of a folder; the names it could have and has not
    /// become inputs that are absent.
    pub fn kustomization_of(
        &mut self,
        dir: &RepoPath,
        place: &Place,
    ) -> Result<Option<(Found, ObjectId)>, ReadError> {
        let mut all = Vec::new();
        for name in kustomization::FILE_NAMES {
            let found = self.file(&dir.child(name), place)?;
            if let What::Blob(id) = found.what {
                all.push((found, id));
            }
        }
        if all.len() > 1 {
            let message = format!("{dir} has {} kustomization files; kustomize wants one", all.len());
            self.problem(Code::ContentInvalid, &TOP.place(all[1].0.real.as_str()), message);
        }
        Ok(all.into_iter().next())
    }

    /// Follows a kustomization. `replace` is the text that stands in for its
    /// file, where a controller would write one.
    pub fn kustomize(
        &mut self,
        dir: &RepoPath,
        replace: Option<&str>,
        place: &Place,
    ) -> Result<(), ReadError> {
        if self.open.contains(dir) {
            let message = format!("kustomizations include one another: {}", self.circle(dir));
            self.problem(Code::ContentCycle, place, message);
            return Ok(());
        }
        if !self.done.insert(dir.clone()) {
            return Ok(());
        }
        let own = self.kustomization_of(dir, place)?;
        let references = match (replace, own) {
            (Some(text), own) => self.replaced(text, own, dir, place)?,
            (None, Some((found, id))) => {
                // An empty kustomization is a problem, and reads nothing.
                let Some(node) = self.document(&found, id)? else { return Ok(()) };
                let (references, problems) = kustomization::references(found.real.as_str(), &node);
                self.problems.extend(problems);
                let placed = |r: Reference| (r.mark.place(found.real.as_str()), r);
                references.into_iter().map(placed).collect()
            }
            (None, None) => {
                self.problem(Code::PathMissing, place, format!("{dir} has no kustomization.yaml"));
                return Ok(());
            }
        };
        self.open.push(dir.clone());
        let result = references.into_iter().try_for_each(|(place, r)| self.reference(dir, &place, r));
        self.open.pop();
        result
    }

    /// The folders being read from `dir` on, back to it.
    fn circle(&self, dir: &RepoPath) -> String {
        let open = self.open.iter().skip_while(|d| *d != dir).chain([dir]);
        open.map(RepoPath::as_str).collect::<Vec<_>>().join(" → ")
    }

    /// The references of a text that stands in for a folder's own kustomization.
    /// What stands in the folder's own file too has its place there; the rest is
    /// the app's doing.
    fn replaced(
        &mut self,
        text: &str,
        own: Option<(Found, ObjectId)>,
        dir: &RepoPath,
        place: &Place,
    ) -> Result<Vec<(Place, Reference)>, ReadError> {
        let (mut known, mut told) = (Vec::new(), Vec::new());
        if let Some((found, id)) = &own
            && let Some(node) = self.document(found, *id)?
        {
            let (references, problems) = kustomization::references(found.real.as_str(), &node);
            known.extend(references.into_iter().map(|r| (r.mark.place(found.real.as_str()), r)));
            told = problems;
        }
        let file = own.map_or_else(|| dir.child(kustomization::FILE_NAMES[0]), |(found, _)| found.real);
        let (node, mut problems) = crate::object::yaml::document(file.as_str(), text.as_bytes());
        let (references, more) =
            node.map_or_else(Default::default, |node| kustomization::references(file.as_str(), &node));
        problems.extend(more);
        problems.retain(|p| !told.iter().any(|t: &Problem| t.message == p.message));
        let here = problems.into_iter().map(|p| Problem { place: Some(place.clone()), ..p });
        self.problems.extend(told.iter().cloned().chain(here));
        let placed = |r: Reference| {
            let own = known.iter().find(|(_, k)| (k.field, &k.text) == (r.field, &r.text));
            (own.map_or_else(|| place.clone(), |(place, _)| place.clone()), r)
        };
        Ok(references.into_iter().map(placed).collect())
    }

    fn reference(&mut self, dir: &RepoPath, place: &Place, reference: Reference) -> Result<(), ReadError> {
        let Some(path) = reference.target.path() else {
            match reference.target {
                Target::Remote { pinned } => self.remote_base(&reference.text, pinned),
                Target::Absolute => {
                    let message = format!("{}: {:?} is absolute", reference.field, reference.text);
                    self.problem(Code::PathEscapes, place, message);
                }
                Target::Code(what) => {
                    self.unknown.insert(Unknown {
                        place: place.clone(),
                        why: format!("{what} would have to be run"),
                    });
                }
                Target::Inline => {}
                Target::FileOrDir(_)
                | Target::File(_)
                | Target::Component(_)
                | Target::Config(_)
                | Target::Chart(_) => {}
            }
            return Ok(());
        };
        let Ok(path) = dir.join(path) else {
            let message = format!("{}: {path:?} leaves the repository", reference.field);
            self.problem(Code::PathEscapes, place, message);
            return Ok(());
        };
        let found = self.file(&path, place)?;
        match (&reference.target, found.what) {
            (Target::Chart(chart), What::Absent) => {
                let pinned = if chart.pinned { Pinned::Exact } else { Pinned::Floating };
                let what = chart.repository.clone().unwrap_or_else(|| path.to_string());
                self.not_rendered.insert(format!("chart {} not fetched", reference.text));
                self.remotes.insert(Remote { what, revision: reference.text, pinned });
            }
            (_, What::Absent) => {
                let message = format!("{}: {path} does not exist", reference.field);
                self.problem(Code::PathMissing, place, message);
            }
            (Target::Config(_), What::Blob(id)) => self.plugin_config(dir, &found, id)?,
            (_, What::Blob(_)) => {}
            (Target::Chart(_), What::Tree(id)) => self.tree(&found, id, place)?,
            (Target::FileOrDir(_) | Target::Component(_) | Target::Config(_), What::Tree(_)) => {
                self.kind_fits(&path, &reference, place)?;
                self.kustomize(&path, None, place)?;
            }
            (_, What::Tree(_)) => {
                let message = format!("{}: {path} is a folder, and a file is wanted", reference.field);
                self.problem(Code::ContentInvalid, place, message);
            }
        }
        Ok(())
    }

    /// Kustomize takes components under `components` only, and nothing else there
    /// (`api/internal/target/kusttarget.go`, `accumulateDirectory`).
    fn kind_fits(&mut self, dir: &RepoPath, reference: &Reference, place: &Place) -> Result<(), ReadError> {
        let Some((found, id)) = self.kustomization_of(dir, place)? else { return Ok(()) };
        let parsed = self.parses.nodes(self.files, &found.real, id)?;
        let Some(node) = parsed.0.first() else { return Ok(()) };
        let is_component = node.get("kind").and_then(Node::as_str) == Some("Component");
        let wants_component = matches!(reference.target, Target::Component(_));
        let message = match (wants_component, is_component) {
            (true, true) | (false, false) => return Ok(()),
            (true, false) => format!("{}: {dir} is no Component", reference.field),
            (false, true) => format!("{}: {dir} is a Component; name it in `components`", reference.field),
        };
        self.problem(Code::ContentInvalid, place, message);
        Ok(())
    }

    /// A generator's, transformer's or validator's own file names files too.
    fn plugin_config(&mut self, dir: &RepoPath, found: &Found, id: ObjectId) -> Result<(), ReadError> {
        let parsed = self.parses.nodes(self.files, &found.real, id)?;
        self.problems.extend(parsed.1.iter().cloned());
        for node in &parsed.0 {
            let (references, problems) = kustomization::plugin_references(found.real.as_str(), node);
            self.problems.extend(problems);
            for reference in references {
                let place = reference.mark.place(found.real.as_str());
                self.reference(dir, &place, reference)?;
            }
        }
        Ok(())
    }

    fn remote_base(&mut self, text: &str, pinned: bool) {
        let (what, revision) = text.split_once("?ref=").unwrap_or((text, ""));
        let pinned = if pinned { Pinned::Exact } else { Pinned::Floating };
        self.not_rendered.insert(format!("remote base {text} not fetched"));
        self.remotes.insert(Remote { what: what.to_owned(), revision: revision.to_owned(), pinned });
    }

    /// Follows a chart and its `file://` dependencies. Returns the latter, as
    /// they are to be put in place.
    pub fn chart(&mut self, dir: &RepoPath, place: &Place) -> Result<Vec<Dependency>, ReadError> {
        let mut dependencies = BTreeSet::new();
        self.chart_into(dir, place, &mut dependencies)?;
        Ok(dependencies.into_iter().collect())
    }

    fn chart_into(
        &mut self,
        dir: &RepoPath,
        place: &Place,
        out: &mut BTreeSet<Dependency>,
    ) -> Result<(), ReadError> {
        if self.open.contains(dir) {
            let message = format!("charts depend on one another: {}", self.circle(dir));
            self.problem(Code::ContentCycle, place, message);
            return Ok(());
        }
        if !self.done.insert(dir.clone()) {
            return Ok(());
        }
        let folder = self.locate(dir, place)?;
        let What::Tree(tree) = folder.what else {
            self.inputs.insert(folder.real, Input::Absent);
            self.problem(Code::PathMissing, place, format!("the chart {dir} does not exist"));
            return Ok(());
        };
        self.tree(&folder, tree, place)?;
        let found = self.locate(&dir.child("Chart.yaml"), place)?;
        let What::Blob(id) = found.what else {
            self.problem(Code::PathMissing, place, format!("{dir} has no Chart.yaml"));
            return Ok(());
        };
        let Some(node) = self.document(&found, id)? else { return Ok(()) };
        let (read, problems) = chart::read(found.real.as_str(), &node);
        self.problems.extend(problems);
        let mut all: Vec<(chart::Dependency, String)> =
            read.dependencies.into_iter().map(|d| (d, found.real.to_string())).collect();
        if read.api == chart::ApiVersion::V1 {
            let old = self.locate(&dir.child("requirements.yaml"), place)?;
            if let What::Blob(id) = old.what
                && let Some(node) = self.document(&old, id)?
            {
                let (more, problems) = chart::requirements(old.real.as_str(), &node);
                self.problems.extend(problems);
                all.extend(more.into_iter().map(|d| (d, old.real.to_string())));
            }
        }
        self.open.push(dir.clone());
        let result = all.iter().try_for_each(|(d, file)| self.dependency(dir, file, d, out));
        self.open.pop();
        result
    }

    fn dependency(
        &mut self,
        chart: &RepoPath,
        file: &str,
        dependency: &chart::Dependency,
        out: &mut BTreeSet<Dependency>,
    ) -> Result<(), ReadError> {
        let place = dependency.mark.place(file);
        match &dependency.source {
            chart::DependencySource::Vendored => Ok(()),
            chart::DependencySource::Local(path) => {
                let Ok(from) = chart.join(path) else {
                    let message = format!("the dependency {path:?} leaves the repository");
                    self.problem(Code::PathEscapes, &place, message);
                    return Ok(());
                };
                out.insert(Dependency { chart: chart.clone(), from: from.clone() });
                self.chart_into(&from, &place, out)
            }
            chart::DependencySource::Remote { url } => {
                let pinned = if dependency.pinned { Pinned::Exact } else { Pinned::Floating };
                let what = format!("{}/{}", url.trim_end_matches('/'), dependency.name);
                self.remotes.insert(Remote { what, revision: dependency.version.clone(), pinned });
                if !self.is_vendored(chart, dependency, &place)? {
                    let name = format!("chart {} {} not fetched", dependency.name, dependency.version);
                    self.not_rendered.insert(name);
                }
                Ok(())
            }
        }
    }

    /// Whether a remote dependency lies in the chart's own `charts/`, as a folder
    /// or an archive.
    fn is_vendored(
        &mut self,
        chart: &RepoPath,
        dependency: &chart::Dependency,
        place: &Place,
    ) -> Result<bool, ReadError> {
        let folder = self.locate(&chart.child("charts"), place)?;
        let What::Tree(id) = folder.what else { return Ok(false) };
        let prefix = format!("{}-", dependency.name);
        Ok(self.files.list(id)?.iter().any(|(name, entry)| match entry.kind {
            EntryKind::Directory => *name == dependency.name,
            EntryKind::File | EntryKind::Executable | EntryKind::Link => {
                name.strip_prefix(&prefix).is_some_and(|rest| rest.ends_with(".tgz"))
            }
            EntryKind::Submodule => false,
        }))
    }

    /// Takes everything another closure found.
    pub fn absorb(&mut self, mut other: Closure<'_>) {
        self.inputs.append(&mut other.inputs);
        self.remotes.extend(other.remotes);
        self.unknown.extend(other.unknown);
        self.submodules.extend(other.submodules);
        self.not_rendered.extend(other.not_rendered);
        self.problems.extend(other.problems);
    }
}

/// A mark for things whose place is only a file.
pub const TOP: Mark = Mark { line: 1, column: 1 };
