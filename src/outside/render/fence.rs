//! The fence: reads every kustomization and chart that a build would reach, and
//! refuses by name and place what would leave the folder or start code, before
//! any tool starts.
//!
//! Runs nothing and changes nothing. What is missing is left for the tool to
//! name. What cannot be read cannot be judged, so it is refused too.

use std::collections::BTreeSet;

use super::archive;
use super::folder::{Content, Found, names};
use crate::catalog::kustomization::{self, FILE_NAMES, Reference, Target};
use crate::name::RepoPath;
use crate::object::yaml::{self, Node};
use crate::problem::{Code, Place, Problem};

/// What the fence found out.
#[derive(Debug, Default)]
pub(super) struct Fenced {
    /// Why nothing may be rendered; empty: the tool may start.
    pub(super) problems: Vec<Problem>,
    /// The build inflates charts, so kustomize needs helm.
    pub(super) charts: usize,
}

/// Checks the kustomization in `dir` and all it reaches.
pub(super) fn kustomization(content: &Content<'_>, dir: &RepoPath) -> Fenced {
    let mut fence = Fence {
        content,
        seen: BTreeSet::new(),
        todo: vec![(dir.clone(), Use::Build)],
        out: Fenced::default(),
    };
    while let Some((dir, use_as)) = fence.todo.pop() {
        if fence.seen.insert((dir.clone(), use_as.clone())) {
            fence.folder(&dir, &use_as);
        }
    }
    fence.out
}

/// Checks a chart's folder and what its links lead to: every link stays inside,
/// and so does every archive among its dependencies.
pub(super) fn chart(content: &Content<'_>, dir: &RepoPath) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    let mut todo = vec![dir.clone()];
    while let Some(dir) = todo.pop() {
        if !seen.insert(dir.clone()) {
            continue;
        }
        content.each(&dir, &mut |path, facts| {
            let found = content.find(&path.parent(), path.file_name());
            match &found {
                Found::Escapes => problems.push(content.link_escapes(path)),
                Found::Folder(folder) if facts.is_symlink() => todo.push(folder.clone()),
                Found::File(file) if is_archive(path) => {
                    problems.extend(archive::check(&content.disk(file), &content.shown(path)));
                }
                Found::File(_) | Found::Folder(_) | Found::Missing => {}
            }
        });
    }
    problems
}

/// Helm unpacks archives in a `charts` folder.
fn is_archive(path: &RepoPath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    path.parent().file_name() == "charts" && [".tgz", ".tar.gz", ".tar"].iter().any(|end| name.ends_with(end))
}

/// What a kustomization's folder is used for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// Its objects are deployed.
    Build,
    /// Its objects configure generators or transformers of that folder's
    /// kustomization.
    Configure(RepoPath),
}

struct Fence<'a> {
    content: &'a Content<'a>,
    seen: BTreeSet<(RepoPath, Use)>,
    todo: Vec<(RepoPath, Use)>,
    out: Fenced,
}

/// Fields that leave a configuration as its file has it.
const PLAIN_FIELDS: [&str; 5] = ["apiversion", "kind", "metadata", "resources", "bases"];

impl Fence<'_> {
    fn folder(&mut self, dir: &RepoPath, use_as: &Use) {
        for name in FILE_NAMES {
            let Found::File(path) = self.content.find(dir, name) else {
                if self.content.find(dir, name) == Found::Escapes {
                    self.out.problems.push(self.content.link_escapes(&dir.child(name)));
                }
                continue;
            };
            let file = self.content.shown(&dir.child(name));
            for node in self.documents(&path, &file) {
                if let Use::Configure(_) = use_as {
                    self.plain_only(&file, &node);
                }
                let (references, problems) = kustomization::references(&file, &node);
                self.out.problems.extend(problems);
                for reference in references {
                    self.reference(dir, &file, &reference, use_as);
                }
            }
        }
    }

    /// A kustomization that changes the configurations it renders could make
    /// them name anything: only running it tells.
    fn plain_only(&mut self, file: &str, node: &Node) {
        for entry in node.as_map().unwrap_or_default() {
            if !PLAIN_FIELDS.contains(&entry.key.to_ascii_lowercase().as_str()) {
                let what = format!("{:?} changes what configures a generator or transformer", entry.key);
                self.refuse(entry.mark.place(file), &what);
            }
        }
    }

    fn reference(&mut self, dir: &RepoPath, file: &str, reference: &Reference, use_as: &Use) {
        let place = reference.mark.place(file);
        let (field, text) = (reference.field, reference.text.as_str());
        match &reference.target {
            Target::Inline => {}
            Target::Remote { .. } => {
                self.refuse(place, &format!("{field} names {text}, which would have to be fetched"));
            }
            Target::Absolute => {
                self.refuse(place, &format!("{field} names {text}, which is outside of the repository"));
            }
            Target::Code(what) => self.refuse(place, &format!("{field}: {what} would have to be run")),
            Target::File(path) => {
                self.find(dir, path, &place);
            }
            Target::FileOrDir(path) | Target::Component(path) => match (self.find(dir, path, &place), use_as)
            {
                (Some(Found::Folder(folder)), _) => self.todo.push((folder, use_as.clone())),
                (Some(Found::File(found)), Use::Configure(owner)) => self.configuration(owner, &found),
                _ => {}
            },
            Target::Config(path) => match self.find(dir, path, &place) {
                Some(Found::Folder(folder)) => self.todo.push((folder, Use::Configure(dir.clone()))),
                Some(Found::File(found)) => self.configuration(dir, &found),
                _ => {}
            },
            Target::Chart(chart) => {
                self.out.charts += 1;
                match (self.find(dir, &chart.dir, &place), &chart.repository) {
                    (Some(Found::Folder(folder)), _) => {
                        self.out.problems.extend(self::chart(self.content, &folder));
                    }
                    (Some(_), Some(repository)) => {
                        let what =
                            format!("{field}: the chart {text} would have to be fetched from {repository}");
                        self.refuse(place, &what);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Reads the file of a generator's or transformer's configuration, whose
    /// paths count from the folder that uses it.
    fn configuration(&mut self, owner: &RepoPath, path: &RepoPath) {
        let file = self.content.shown(path);
        for node in self.documents(path, &file) {
            let (references, problems) = kustomization::plugin_references(&file, &node);
            self.out.problems.extend(problems);
            for reference in references {
                self.reference(owner, &file, &reference, &Use::Build);
            }
        }
    }

    fn find(&mut self, dir: &RepoPath, path: &str, place: &Place) -> Option<Found> {
        let found = self.content.find(dir, path);
        if found == Found::Escapes {
            let message = format!("{path} leaves the repository");
            self.out.problems.push(Problem::new(Code::PathEscapes, Some(place.clone()), message));
            return None;
        }
        Some(found)
    }

    fn documents(&mut self, path: &RepoPath, file: &str) -> Vec<Node> {
        match std::fs::read(self.content.disk(path)) {
            Ok(bytes) => {
                let (nodes, problems) = yaml::documents(file, &bytes);
                self.out.problems.extend(problems);
                nodes
            }
            Err(error) => {
                let message = format!("cannot be read: {error}");
                self.out.problems.push(Problem::new(Code::RenderFailed, Some(Place::file(file)), message));
                Vec::new()
            }
        }
    }

    fn refuse(&mut self, place: Place, what: &str) {
        self.out.problems.push(Problem::new(Code::RenderRefused, Some(place), what));
    }
}

/// The kustomization files in a folder, by name.
pub(super) fn kustomization_names(content: &Content<'_>, dir: &RepoPath) -> Vec<String> {
    names(&content.disk(dir)).into_iter().filter(|name| FILE_NAMES.contains(&name.as_str())).collect()
}
