//! Every file that an app's content reads, at one commit.
//!
//! Follows what is local, names what is remote, and says of the rest that it is
//! unknown. Renders nothing. A path that is looked for and is not there counts
//! as an input too: were it to appear, the content would read it.

use std::collections::{BTreeMap, BTreeSet};

use super::app::{Pinned, Remote, Unknown};
use super::doc::Parses;
use super::job::{Dependency, Input, Mount};
use super::{chart, kustomization};
use crate::files::{Entry, EntryKind, Files, Next, ReadError, walk};
use crate::name::{ObjectId, RepoPath};
use crate::object::yaml::{Mark, Node};
use crate::problem::{Code, Place, Problem};

/// Links followed for one path, at most; more is a circle (Linux: `ELOOP`).
const MAX_LINKS: usize = 40;

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
            Some(Entry { kind: EntryKind::Submodule, .. }) => {
                let why = format!("{real} is a submodule");
                self.unknown.insert(Unknown { place: place.clone(), why });
                Ok(Found { real, what: What::Absent })
            }
            // In a real folder there is no link on the way to what is not there.
            None if self.is_folder(&real.parent())? => Ok(Found { real, what: What::Absent }),
            Some(Entry { kind: EntryKind::Link, .. }) | None => self.follow(real, place),
        }
    }

    fn is_folder(&self, path: &RepoPath) -> Result<bool, ReadError> {
        Ok(self.files.entry(path)?.is_some_and(|entry| entry.kind == EntryKind::Directory))
    }

    /// Walks a path component by component, following links.
    fn follow(&mut self, path: RepoPath, place: &Place) -> Result<Found, ReadError> {
        let mut rest: Vec<String> = path.as_str().split('/').rev().map(str::to_owned).collect();
        let mut at = RepoPath::root();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            let next = at.child(&part);
            let Some(entry) = self.files.entry(&next)? else {
                return Ok(Found { real: path, what: What::Absent });
            };
            if entry.kind != EntryKind::Link {
                at = next;
                continue;
            }
            self.inputs.insert(next.clone(), Input::Blob(entry.id));
            let target = String::from_utf8_lossy(&self.files.blob(entry.id)?).into_owned();
            links += 1;
            let Ok(target) = at.join(&target) else {
                self.problem(Code::LinkEscapes, place, format!("the link {next} leaves the repository"));
                return Ok(Found { real: path, what: What::Absent });
            };
            if links > MAX_LINKS {
                self.problem(Code::LinkEscapes, place, format!("the link {next} goes in a circle"));
                return Ok(Found { real: path, what: What::Absent });
            }
            rest.extend(target.as_str().split('/').rev().filter(|p| !p.is_empty()).map(str::to_owned));
            at = RepoPath::root();
        }
        Ok(match self.files.entry(&at)? {
            Some(Entry { id, kind: EntryKind::File | EntryKind::Executable }) => {
                Found { real: at, what: What::Blob(id) }
            }
            Some(Entry { id, kind: EntryKind::Directory }) => Found { real: at, what: What::Tree(id) },
            Some(Entry { kind: EntryKind::Submodule | EntryKind::Link, .. }) | None => {
                Found { real: at, what: What::Absent }
            }
        })
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
        let mut links = Vec::new();
        walk(self.files, id, &found.real, &mut |path, entry| {
            if entry.kind == EntryKind::Link {
                links.push(path);
            }
            Ok(Next::Enter)
        })?;
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
        let parsed = self.parses.get(self.files, &found.real, id)?;
        self.problems.extend(parsed.1.iter().cloned());
        Ok(parsed.0.first().and_then(|doc| doc.node().cloned()))
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
            self.problem(Code::ContentInvalid, &Place::file(all[1].0.real.as_str()), message);
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
            let mut circle: Vec<&str> =
                self.open.iter().skip_while(|d| *d != dir).map(RepoPath::as_str).collect();
            circle.push(dir.as_str());
            let message = format!("kustomizations include one another: {}", circle.join(" → "));
            self.problem(Code::ContentCycle, place, message);
            return Ok(());
        }
        if !self.done.insert(dir.clone()) {
            return Ok(());
        }
        let own = self.kustomization_of(dir, place)?;
        let (node, file) = match (replace, own) {
            (Some(text), own) => {
                let file =
                    own.map_or_else(|| dir.child(kustomization::FILE_NAMES[0]), |(found, _)| found.real);
                let (node, problems) = crate::object::yaml::document(file.as_str(), text.as_bytes());
                self.problems.extend(problems);
                (node, file)
            }
            (None, Some((found, id))) => (self.document(&found, id)?, found.real),
            (None, None) => {
                self.problem(Code::PathMissing, place, format!("{dir} has no kustomization.yaml"));
                return Ok(());
            }
        };
        // An empty kustomization renders nothing; kustomize itself refuses it.
        let Some(node) = node else { return Ok(()) };
        let (references, problems) = kustomization::references(file.as_str(), &node);
        self.problems.extend(problems);
        self.open.push(dir.clone());
        let result = references.into_iter().try_for_each(|r| self.reference(dir, file.as_str(), r));
        self.open.pop();
        result
    }

    fn reference(
        &mut self,
        dir: &RepoPath,
        file: &str,
        reference: kustomization::Reference,
    ) -> Result<(), ReadError> {
        use kustomization::Target;
        let place = reference.mark.place(file);
        let Some(path) = reference.target.path() else {
            match reference.target {
                Target::Remote { pinned } => self.remote_base(&reference.text, pinned),
                Target::Absolute => {
                    let message = format!("{}: {:?} is absolute", reference.field, reference.text);
                    self.problem(Code::PathEscapes, &place, message);
                }
                Target::Code(what) => {
                    self.unknown.insert(Unknown { place, why: format!("{what} would have to be run") });
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
            self.problem(Code::PathEscapes, &place, message);
            return Ok(());
        };
        let found = self.file(&path, &place)?;
        match (&reference.target, found.what) {
            (Target::Chart(chart), What::Absent) => {
                let pinned = if chart.pinned { Pinned::Exact } else { Pinned::Floating };
                let what = chart.repository.clone().unwrap_or_else(|| path.to_string());
                self.not_rendered.insert(format!("chart {} not fetched", reference.text));
                self.remotes.insert(Remote { what, revision: reference.text, pinned });
            }
            (_, What::Absent) => {
                let message = format!("{}: {path} does not exist", reference.field);
                self.problem(Code::PathMissing, &place, message);
            }
            (Target::Config(_), What::Blob(id)) => self.plugin_config(dir, &found, id)?,
            (_, What::Blob(_)) => {}
            (Target::Chart(_), What::Tree(id)) => self.tree(&found, id, &place)?,
            (Target::FileOrDir(_) | Target::Component(_) | Target::Config(_), What::Tree(_)) => {
                self.kustomize(&path, None, &place)?;
            }
            (_, What::Tree(_)) => {
                let message = format!("{}: {path} is a folder, and a file is wanted", reference.field);
                self.problem(Code::ContentInvalid, &place, message);
            }
        }
        Ok(())
    }

    /// A generator's, transformer's or validator's own file names files too.
    fn plugin_config(&mut self, dir: &RepoPath, found: &Found, id: ObjectId) -> Result<(), ReadError> {
        let parsed = self.parses.get(self.files, &found.real, id)?;
        self.problems.extend(parsed.1.iter().cloned());
        for node in parsed.0.iter().filter_map(|doc| doc.node()) {
            let (references, problems) = kustomization::plugin_references(found.real.as_str(), node);
            self.problems.extend(problems);
            for reference in references {
                self.reference(dir, found.real.as_str(), reference)?;
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
            self.problem(Code::ContentCycle, place, format!("the chart {dir} depends on itself"));
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
        let Some(node) = self.document(&found, id)? else {
            self.problem(Code::ContentInvalid, &Place::file(found.real.as_str()), "Chart.yaml is empty");
            return Ok(());
        };
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
    pub fn absorb(&mut self, other: Closure<'_>) {
        self.inputs.extend(other.inputs);
        self.remotes.extend(other.remotes);
        self.unknown.extend(other.unknown);
        self.not_rendered.extend(other.not_rendered);
        self.problems.extend(other.problems);
    }
}

/// Where a path of the content's file system lies in the repository; `None`
/// where no mount covers it.
pub fn real_path(mounts: &[Mount], path: &RepoPath) -> Option<RepoPath> {
    if mounts.is_empty() {
        return Some(path.clone());
    }
    let best = mounts.iter().filter(|m| path.is_within(&m.at)).max_by_key(|m| m.at.as_str().len())?;
    path.below(&best.at).and_then(|rest| best.from.join(rest).ok())
}

/// A mark for things whose place is only a file.
pub const TOP: Mark = Mark { line: 1, column: 1 };
