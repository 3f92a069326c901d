//! The `luigi.yaml` that a repository would have: its roots, found by looking.
//!
//! A root is a definition that no other app's content holds. From there the
//! catalog follows; nothing is searched with `**`, because archives and tests
//! hold old copies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::app::{Format, Parent};
use super::doc::{Doc, Parses};
use super::format::{Context, Stage};
use super::job::Input;
use super::kinds::{FluxSources, Kind, kind, may_define_apps};
use super::scope::{PathHere, Scope, most_named};
use super::values::ValueSources;
use super::{argo, flux, luigi_app};
use crate::config::kubernetes::Credentials;
use crate::config::{Apps, AppsKind, Config, Engine, EnvironmentConfig};
use crate::files::{EntryKind, Files, Next, ReadError, bounded, find, walk};
use crate::name::{AppId, Environment, RepoPath, RepoUrl};
use crate::problem::{Code, Place, Problem};

/// Folders that hold no live definitions. Said in docs/luigi-yaml.md.
const SKIPPED: [&str; 10] = [
    "archive",
    "archived",
    "docs",
    "example",
    "examples",
    "fixtures",
    "node_modules",
    "test",
    "testdata",
    "tests",
];

/// Infers the configuration at one commit.
pub fn infer(files: &dyn Files) -> Result<(Config, Vec<Problem>), ReadError> {
    let mut survey = Survey {
        files,
        parses: Parses::default(),
        docs: Vec::new(),
        charts: Vec::new(),
        problems: Vec::new(),
    };
    survey.look()?;
    let mut environments: BTreeMap<Environment, BTreeSet<AppsKind>> = BTreeMap::new();
    let roots = survey.roots()?;
    let mut by_environment: BTreeMap<Environment, BTreeSet<String>> = BTreeMap::new();
    for file in roots {
        by_environment.entry(environment_of(&file)).or_default().insert(file.to_string());
    }
    for (environment, files) in by_environment {
        let globs = generalise(files).into_iter().map(AppsKind::Files);
        environments.entry(environment).or_default().extend(globs);
    }
    for chart in &survey.charts {
        for (environment, value_files) in survey.chart_environments(chart)? {
            let parent = AppsKind::Helm { path: chart.clone(), value_files };
            environments.entry(environment).or_default().insert(parent);
        }
    }
    let place = Place::file(crate::config::FILE);
    let mut problems = std::mem::take(&mut survey.problems);
    if environments.is_empty() {
        let message = "no Argo CD, Flux or Luigi app is defined in this repository";
        let problem = Problem::new(Code::ConfigNoMatch, Some(place.clone()), message);
        problems.push(problem.help("Write luigi.yaml by hand, and name where the apps are defined."));
    }
    let mut config = Config::default();
    for (name, apps) in environments {
        let apps = apps.into_iter().map(|what| Apps { place: place.clone(), what }).collect();
        let environment = EnvironmentConfig {
            apps,
            after: Vec::new(),
            engine: Engine::Ledger,
            identity: None,
            credentials: Credentials::default(),
            place: place.clone(),
        };
        config.environments.insert(name, environment);
    }
    Ok((config, problems))
}

/// All that may matter, found in one walk.
struct Survey<'a> {
    files: &'a dyn Files,
    parses: Parses,
    docs: Vec<Arc<Doc>>,
    /// Charts whose templates define apps.
    charts: Vec<RepoPath>,
    /// Files that seem to define apps and cannot be read.
    problems: Vec<Problem>,
}

impl Survey<'_> {
    fn look(&mut self) -> Result<(), ReadError> {
        let Some(top) = self.files.entry(&RepoPath::root())? else { return Ok(()) };
        let files = self.files;
        let mut found = Vec::new();
        let mut charts = Vec::new();
        walk(files, top.id, &RepoPath::root(), &mut |path, entry| {
            let name = path.file_name();
            match entry.kind {
                EntryKind::Directory => {
                    let hidden = name.starts_with('.') || SKIPPED.contains(&name);
                    if hidden || !files.facts(entry.id)?.mentions_apps {
                        return Ok(Next::Skip);
                    }
                    if find(&files.list(entry.id)?, "Chart.yaml").is_some() {
                        charts.push((path, entry.id));
                        return Ok(Next::Skip);
                    }
                }
                EntryKind::File | EntryKind::Executable => {
                    if [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) {
                        found.push((path, entry.id));
                    }
                }
                EntryKind::Link | EntryKind::Submodule => {}
            }
            Ok(Next::Enter)
        })?;
        for (path, id) in charts {
            let list = files.list(id)?;
            let Some(templates) = find(&list, "templates").filter(|t| t.kind == EntryKind::Directory) else {
                continue;
            };
            let mut defines = false;
            walk(files, templates.id, &path, &mut |_, entry| {
                if matches!(entry.kind, EntryKind::File | EntryKind::Executable) && !defines {
                    defines = super::roots::defines(files, entry.id)?;
                }
                Ok(Next::Enter)
            })?;
            if defines {
                self.charts.push(path);
            }
        }
        self.parses.warm(files, &found)?;
        for (path, id) in found {
            let Some(text) = bounded(files, id)? else {
                self.problems.extend(self.parses.get(files, &path, id)?.1.iter().cloned());
                continue;
            };
            if may_define_apps(&text) || holds_source(&text) {
                let parsed = self.parses.get(files, &path, id)?;
                self.docs.extend(parsed.0.iter().filter(|d| kind(d) != Kind::Other).cloned());
                // What cannot be read is no root, so nobody would tell of it. Text
                // for a template engine that is not Helm is nobody's manifest.
                if !holds_template(&text) {
                    self.problems.extend(parsed.1.iter().cloned());
                }
            }
        }
        Ok(())
    }

    /// The files of definitions that no other app's content holds.
    fn roots(&mut self) -> Result<BTreeSet<RepoPath>, ReadError> {
        let mut sources = FluxSources::default();
        let maps = ValueSources::default();
        for doc in self.docs.iter().filter(|d| kind(d) == Kind::Source) {
            sources.insert(Arc::clone(doc));
        }
        let config = Config::default();
        let scope = self.scope(&sources)?;
        let environment = Environment::unnamed();
        let context = Context {
            files: self.files,
            parses: &self.parses,
            config: &config,
            environment: &environment,
            scope: &scope,
            sources: &sources,
            values: &maps,
            stage: Stage::Settled,
        };
        let has = |wanted: Format| self.docs.iter().any(|d| kind(d) == Kind::App(wanted));
        // A HelmRelease is carried by a Kustomization, where there are any.
        let carried = has(Format::FluxKustomization);
        let mut graph: DiGraph<Arc<Doc>, ()> = DiGraph::new();
        let mut by_file: BTreeMap<RepoPath, Vec<NodeIndex>> = BTreeMap::new();
        for doc in &self.docs {
            if !matches!(kind(doc), Kind::App(format) if !(carried && format == Format::FluxHelmRelease)) {
                continue;
            }
            if let Ok(file) = RepoPath::parse(&doc.place.file) {
                by_file.entry(file).or_default().push(graph.add_node(Arc::clone(doc)));
            }
        }
        for node in graph.node_indices().collect::<Vec<_>>() {
            let doc = Arc::clone(&graph[node]);
            for held in self.held(&context, &doc, &by_file)? {
                graph.update_edge(node, held, ());
            }
        }
        let mut roots = BTreeSet::new();
        for component in tarjan_scc(&graph) {
            let members: BTreeSet<NodeIndex> = component.iter().copied().collect();
            let from_outside = component
                .iter()
                .any(|n| graph.neighbors_directed(*n, petgraph::Incoming).any(|m| !members.contains(&m)));
            if !from_outside {
                roots.extend(component.iter().filter_map(|n| RepoPath::parse(&graph[*n].place.file).ok()));
            }
        }
        Ok(roots)
    }

    /// The definitions that an app's content holds.
    fn held(
        &self,
        context: &Context<'_>,
        doc: &Arc<Doc>,
        by_file: &BTreeMap<RepoPath, Vec<NodeIndex>>,
    ) -> Result<Vec<NodeIndex>, ReadError> {
        let Ok(id) = AppId::new(doc.kind(), doc.namespace(), doc.name()) else { return Ok(Vec::new()) };
        let content = match kind(doc) {
            Kind::App(Format::ArgoApplication) => {
                if !self.mentions(argo::named(doc).iter().map(|(_, path)| path.as_str()))? {
                    return Ok(Vec::new());
                }
                let header = argo::header(context, doc, id, Parent::Root);
                argo::read(context, &header.app, doc)?
            }
            Kind::App(Format::Luigi) => {
                let path = doc.text(&["spec", "source", "path"]).unwrap_or("");
                if !self.mentions([path])? {
                    return Ok(Vec::new());
                }
                let header = luigi_app::header(context, doc, id, Parent::Root);
                luigi_app::read(context, &header.app, doc)?
            }
            Kind::App(Format::FluxKustomization) => {
                let header = flux::header(context, doc, id, Parent::Root);
                match flux::read(context, &header.app, doc)? {
                    flux::Read::Content { content, .. } => Some(*content),
                    flux::Read::Waits { .. } => None,
                }
            }
            Kind::App(Format::FluxHelmRelease)
            | Kind::ApplicationSet
            | Kind::AppProject
            | Kind::Source
            | Kind::Values
            | Kind::Other => None,
        };
        let mut out = Vec::new();
        for (path, input) in content.iter().flat_map(|c| &c.inputs) {
            match input {
                Input::Absent => {}
                Input::Blob(_) => out.extend(by_file.get(path).into_iter().flatten()),
                Input::Tree(_) => {
                    let below = by_file
                        .range(path.clone()..)
                        .take_while(|(file, _)| file.as_str().starts_with(path.as_str()));
                    out.extend(below.filter(|(file, _)| file.is_within(path)).flat_map(|(_, nodes)| nodes));
                }
            }
        }
        Ok(out)
    }

    /// Whether a folder among these may hold definitions.
    fn mentions<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Result<bool, ReadError> {
        for path in paths {
            let Ok(path) = RepoPath::parse(path) else { continue };
            if let Some(entry) = self.files.entry(&path)?
                && (entry.kind != EntryKind::Directory || self.files.facts(entry.id)?.mentions_apps)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every branch counts as this one: only which repository is meant matters.
    fn scope(&self, sources: &FluxSources) -> Result<Scope, ReadError> {
        let mut seen: Vec<(RepoUrl, PathHere)> = Vec::new();
        let mut branches = vec!["main".to_owned(), "master".to_owned()];
        for doc in &self.docs {
            let named: Vec<(String, String)> = match kind(doc) {
                Kind::App(Format::ArgoApplication) => argo::named(doc),
                Kind::App(Format::Luigi) => luigi_app::named(doc).into_iter().collect(),
                Kind::App(Format::FluxKustomization) => {
                    let name = doc.text(&["spec", "sourceRef", "name"]).unwrap_or("");
                    let source = sources.get("GitRepository", doc.namespace(), name);
                    let path = doc.text(&["spec", "path"]).unwrap_or("").to_owned();
                    source.and_then(|s| flux::named(s)).map(|url| (url, path)).into_iter().collect()
                }
                Kind::Source => {
                    branches.extend(doc.text(&["spec", "ref", "branch"]).map(str::to_owned));
                    Vec::new()
                }
                Kind::App(Format::FluxHelmRelease)
                | Kind::ApplicationSet
                | Kind::AppProject
                | Kind::Values
                | Kind::Other => Vec::new(),
            };
            branches.extend(doc.text(&["spec", "source", "targetRevision"]).map(str::to_owned));
            for (url, path) in named {
                let exists = match RepoPath::parse(&path) {
                    Ok(path) => self.files.entry(&path)?.is_some(),
                    Err(_) => false,
                };
                let here = if exists { PathHere::Exists } else { PathHere::Missing };
                seen.push((RepoUrl::of(&url), here));
            }
        }
        let scope = Scope::new(Vec::<String>::new(), branches);
        Ok(most_named(&seen).into_iter().fold(scope, Scope::with_url))
    }

    /// A chart's environments: one for each `values-NAME.yaml`, or one.
    fn chart_environments(&self, chart: &RepoPath) -> Result<Vec<(Environment, Vec<String>)>, ReadError> {
        let Some(entry) = self.files.entry(chart)? else { return Ok(Vec::new()) };
        let list = self.files.list(entry.id)?;
        let mut out = Vec::new();
        for (file, _) in list.iter() {
            let name = file.strip_prefix("values-").or_else(|| file.strip_prefix("values."));
            let name = name.and_then(|n| n.strip_suffix(".yaml").or_else(|| n.strip_suffix(".yml")));
            if let Some(Ok(environment)) = name.map(Environment::parse) {
                let mut files: Vec<String> = Vec::new();
                files.extend(find(&list, "values.yaml").map(|_| "values.yaml".to_owned()));
                files.push(file.clone());
                out.push((environment, files));
            }
        }
        if out.is_empty() {
            out.push((environment_of(&chart.child("Chart.yaml")), Vec::new()));
        }
        Ok(out)
    }
}

fn holds_template(text: &[u8]) -> bool {
    text.windows(2).any(|w| w == b"{{" || w == b"{%")
}

fn holds_source(text: &[u8]) -> bool {
    text.windows(25).any(|w| w.starts_with(b"source.toolkit.fluxcd.io/") || w == b"source.extensions.fluxcd.")
}

/// Folders whose children are environments.
const HOLDERS: [&str; 8] =
    ["clusters", "cluster", "environments", "environment", "envs", "env", "stages", "overlays"];
/// Words that name environments.
const NAMES: [&str; 15] = [
    "dev",
    "development",
    "test",
    "testing",
    "qa",
    "int",
    "integration",
    "uat",
    "stage",
    "staging",
    "preprod",
    "prod",
    "production",
    "demo",
    "sandbox",
];
/// Folders that stand inside an environment's own.
const INSIDE: [&str; 5] = ["flux", "flux-system", "argocd", "argo-cd", "gitops"];

/// The environment that a root's path names; `default` when it names none.
fn environment_of(file: &RepoPath) -> Environment {
    let parts: Vec<&str> = file.as_str().split('/').collect();
    let folders = &parts[..parts.len() - 1];
    let held = folders.windows(2).find(|w| HOLDERS.contains(&w[0])).map(|w| w[1]);
    let named = || folders.iter().copied().find(|f| f.split(['-', '_']).any(|word| NAMES.contains(&word)));
    let before = || {
        let general = |f: &str| matches!(f, "kubernetes" | "k8s" | "apps" | "infrastructure" | "manifests");
        folders.windows(2).find(|w| INSIDE.contains(&w[1]) && !general(w[0])).map(|w| w[0])
    };
    let name = held.or_else(named).or_else(before).unwrap_or("default");
    let clean = name.to_ascii_lowercase().replace('_', "-");
    Environment::parse(&clean).unwrap_or_else(|_| Environment::unnamed())
}

/// Files that stand in rows become patterns, so that a new one in the row is
/// seen: two or more in a folder, three or more folders with the same inside.
fn generalise(files: BTreeSet<String>) -> BTreeSet<String> {
    let mut by_folder: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for file in files {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", &file));
        let end = name.rsplit('.').next().unwrap_or("yaml").to_owned();
        by_folder.entry((folder.to_owned(), end)).or_default().push(file);
    }
    let mut patterns: BTreeSet<String> = BTreeSet::new();
    for ((folder, end), files) in by_folder {
        match files.as_slice() {
            [_, _, ..] if !folder.is_empty() => {
                patterns.insert(format!("{folder}/*.{end}"));
            }
            _ => patterns.extend(files),
        }
    }
    for _ in 0..3 {
        let mut rows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for pattern in &patterns {
            let Some((folder, name)) = pattern.rsplit_once('/') else { continue };
            // The innermost folder that is not a star yet.
            let parts: Vec<&str> = folder.split('/').collect();
            let Some(at) = parts.iter().rposition(|p| *p != "*").filter(|at| *at > 0) else { continue };
            let tail: Vec<&str> = parts[at + 1..].iter().copied().chain([name]).collect();
            rows.entry((parts[..at].join("/"), tail.join("/"))).or_default().push(pattern.clone());
        }
        for ((folder, tail), members) in rows {
            if members.len() >= 3 {
                for member in &members {
                    patterns.remove(member);
                }
                patterns.insert(format!("{folder}/*/{tail}"));
            }
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_environments() {
        for (path, name) in [
            ("clusters/staging/flux-system/gotk-sync.yaml", "staging"),
            ("kubernetes/main/flux/config/cluster.yaml", "main"),
            ("argocd/prod-eu/apps/x.yaml", "prod-eu"),
            ("apps/x.yaml", "default"),
            ("x.yaml", "default"),
        ] {
            assert_eq!(environment_of(&RepoPath::parse(path).unwrap()).as_str(), name, "{path}");
        }
    }

    #[test]
    fn rows_become_patterns() {
        let set = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(generalise(set(&["a/x.yaml"])), set(&["a/x.yaml"]));
        assert_eq!(generalise(set(&["a/x.yaml", "a/y.yaml"])), set(&["a/*.yaml"]));
        let rows = set(&["a/1/app.yaml", "a/2/app.yaml", "a/3/app.yaml", "b/z.yaml"]);
        assert_eq!(generalise(rows), set(&["a/*/app.yaml", "b/z.yaml"]));
    }
}
