//! Reads `luigi.yaml`, with the place of everything that is wrong in it.

mod identity;

use std::collections::BTreeSet;

use super::keys;
use super::kubernetes::Credentials;
use super::{
    API_VERSION, Apps, AppsKind, Config, Dependents, Engine, EnvironmentConfig, OnCrash, OnFailure,
    PruneThreshold,
};
use crate::name::{Environment, RepoPath};
use crate::object::yaml::{Entry, Node, Value, documents};
use crate::problem::{Code, Place, Problem};

/// Reads the file's bytes. `file` is its name in messages. With any error among
/// the problems the configuration must not be used to deploy.
pub fn read(file: &str, bytes: &[u8]) -> (Config, Vec<Problem>) {
    let (documents, problems) = documents(file, bytes);
    let mut reader = Reader { file, problems, config: Config::default() };
    match documents.as_slice() {
        [root] => reader.root(root),
        [] if reader.problems.is_empty() => {
            reader.add(Code::ConfigValue, Place::new(file, 1, 1), "the file is empty");
        }
        [] => {}
        [root, second, ..] => {
            reader.root(root);
            reader.add(Code::ConfigValue, second.place(file), "the file holds more than one document");
        }
    }
    (reader.config, reader.problems)
}

pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    problems: Vec<Problem>,
    config: Config,
}

impl Reader<'_> {
    pub(super) fn add(&mut self, code: Code, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::new(code, Some(place), message));
    }

    fn wrong(&mut self, node: &Node, what: &str, want: &str) {
        let message = format!("{what} must be {want}, and is {}", node.kind_name());
        self.add(Code::ConfigValue, node.place(self.file), message);
    }

    pub(super) fn unknown(&mut self, entry: &Entry, inside: &str, known: &[&str]) {
        let place = Place::new(self.file, entry.mark.line, entry.mark.column);
        let near = known.iter().find(|k| k.eq_ignore_ascii_case(&entry.key) || distance(k, &entry.key) <= 2);
        let mut problem =
            Problem::new(Code::ConfigKey, Some(place), format!("{inside} has no key {:?}", entry.key));
        problem.help = match near {
            Some(near) => format!("Did you mean `{near}`?"),
            None if known.is_empty() => "It has no keys; remove this one.".to_owned(),
            None => format!("Its keys are: {}.", known.join(", ")),
        };
        self.problems.push(problem);
    }

    pub(super) fn unsupported(&mut self, entry: &Entry, what: &str) {
        let place = Place::new(self.file, entry.mark.line, entry.mark.column);
        self.add(Code::ConfigUnsupported, place, format!("`{what}` is not supported by this version"));
    }

    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        node.as_map().unwrap_or_else(|| {
            if !node.is_null() {
                self.wrong(node, what, "a mapping");
            }
            &[]
        })
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = node.as_str().map(str::to_owned);
        match text {
            Some(text) if !text.is_empty() => Some(text),
            Some(_) => {
                self.add(Code::ConfigValue, node.place(self.file), format!("{what} is empty"));
                None
            }
            None => {
                self.wrong(node, what, "text");
                None
            }
        }
    }

    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        match node.as_list() {
            Some(items) => items.iter().filter_map(|i| self.text(i, what)).collect(),
            None => {
                self.wrong(node, what, "a list of texts");
                Vec::new()
            }
        }
    }

    pub(super) fn one_of<T: Copy>(&mut self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(n, _)| *n).collect();
        let found = node.as_str().and_then(|t| choices.iter().find(|(n, _)| *n == t));
        if found.is_none() {
            let message = format!("{what} must be one of {}", names.join(", "));
            self.add(Code::ConfigValue, node.place(self.file), message);
        }
        found.map(|(_, value)| *value)
    }

    fn root(&mut self, root: &Node) {
        for entry in self.map(root, "luigi.yaml") {
            match entry.key.as_str() {
                "apiVersion" => {
                    self.one_of(&entry.value, "apiVersion", &[(API_VERSION, ())]);
                }
                "kind" => {
                    self.one_of(&entry.value, "kind", &[("Root", ())]);
                }
                "urls" => self.config.urls = self.texts(&entry.value, "urls"),
                "environments" => self.environments(&entry.value),
                "ledger" => self.ledger(&entry.value),
                "branch" => self.config.branch = self.text(&entry.value, "branch"),
                "deploy" => self.deploy(&entry.value),
                "render" => self.render(&entry.value),
                "policy" | "signing" => self.unsupported(entry, &entry.key),
                _ => self.unknown(entry, "luigi.yaml", keys::ROOT),
            }
        }
        for key in ["apiVersion", "kind", "environments"] {
            if root.as_map().is_some() && root.get(key).is_none() {
                self.add(Code::ConfigValue, root.place(self.file), format!("`{key}` is missing"));
            }
        }
        self.check_after();
    }

    fn environments(&mut self, node: &Node) {
        for entry in self.map(node, "environments") {
            match Environment::parse(&entry.key) {
                Ok(name) => {
                    let environment = self.environment(entry);
                    self.config.environments.insert(name, environment);
                }
                Err(error) => {
                    let place = Place::new(self.file, entry.mark.line, entry.mark.column);
                    self.add(Code::ConfigValue, place, format!("{:?}: {error}", entry.key));
                }
            }
        }
        if node.is_null() || node.as_map().is_some_and(<[Entry]>::is_empty) {
            self.add(Code::ConfigValue, node.place(self.file), "`environments` names none");
        }
    }

    fn environment(&mut self, entry: &Entry) -> EnvironmentConfig {
        let place = Place::new(self.file, entry.mark.line, entry.mark.column);
        let mut out = EnvironmentConfig {
            apps: Vec::new(),
            after: Vec::new(),
            engine: Engine::Ledger,
            credentials: Credentials::default(),
            identity: None,
            place: place.clone(),
        };
        let what = format!("environment {}", entry.key);
        for field in self.map(&entry.value, &what) {
            match field.key.as_str() {
                "apps" => out.apps = self.apps(&field.value),
                "after" => {
                    for item in field.value.as_list().unwrap_or_default() {
                        match item.as_str().map(Environment::parse) {
                            Some(Ok(name)) => out.after.push(name),
                            Some(Err(_)) | None => self.wrong(item, "after", "an environment's name"),
                        }
                    }
                    if field.value.as_list().is_none() {
                        self.wrong(&field.value, "after", "a list of environments");
                    }
                }
                "engine" => out.engine = self.engine(&field.value),
                "credentials" => out.credentials = self.credentials(&field.value),
                "identity" => out.identity = Some(self.identity(field)),
                "secrets" | "windows" => self.unsupported(field, &field.key),
                _ => self.unknown(field, &what, keys::ENVIRONMENT),
            }
        }
        let apps = entry.value.get("apps");
        let none = apps.is_none_or(|a| a.as_list().is_some_and(<[Node]>::is_empty));
        if none && (entry.value.is_null() || entry.value.as_map().is_some()) {
            self.add(Code::ConfigValue, place, format!("{what} has no `apps`"));
        }
        out
    }

    fn engine(&mut self, node: &Node) -> Engine {
        let mut out = Engine::Ledger;
        if node.as_str() == Some("ledger") {
            return out;
        }
        let entries = self.map(node, "engine");
        if entries.len() != 1 && node.as_map().is_some() {
            self.add(Code::ConfigValue, node.place(self.file), "`engine` names exactly one engine");
        }
        for entry in entries {
            match entry.key.as_str() {
                "ledger" => {
                    for option in self.map(&entry.value, "engine.ledger") {
                        self.unknown(option, "engine.ledger", keys::ENGINE_LEDGER);
                    }
                }
                "kubernetes" => out = self.kubernetes(&entry.value),
                "argocd" | "flux" => {
                    self.unsupported(entry, &format!("engine: {}", entry.key));
                }
                _ => self.unknown(entry, "engine", keys::ENGINE),
            }
        }
        out
    }

    fn apps(&mut self, node: &Node) -> Vec<Apps> {
        let Some(items) = node.as_list() else {
            self.wrong(node, "apps", "a list");
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in items {
            let place = item.place(self.file);
            let what = match &item.value {
                Value::Text(glob) => self.glob(item, glob),
                Value::Map(entries) if entries.len() == 1 => self.parent(&entries[0]),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
                    self.wrong(
                        item,
                        "an entry of apps",
                        "a path, {kustomize: path} or {helm: {path, valueFiles}}",
                    );
                    None
                }
            };
            out.extend(what.map(|what| Apps { place, what }));
        }
        out
    }

    fn glob(&mut self, node: &Node, glob: &str) -> Option<AppsKind> {
        let clean = glob.trim_start_matches("./");
        let bad = if clean.is_empty() {
            Some("it is empty".to_owned())
        } else if clean.starts_with('/') || clean.split(['/', '{', ',', '}']).any(|p| p == "..") {
            Some("it leaves the repository".to_owned())
        } else if clean.contains(['\\', '\0']) {
            Some("a path has neither backslash nor NUL".to_owned())
        } else if !clean.contains(['*', '?', '[', '{']) && clean.ends_with('/') {
            Some(format!("it is a folder; write `{clean}*.yaml`"))
        } else {
            globset::Glob::new(clean).err().map(|e| e.kind().to_string())
        };
        match bad {
            Some(why) => {
                self.add(Code::ConfigValue, node.place(self.file), format!("{glob:?} is no pattern: {why}"));
                None
            }
            None => Some(AppsKind::Files(clean.to_owned())),
        }
    }

    pub(super) fn path(&mut self, node: &Node, what: &str) -> Option<RepoPath> {
        let text = self.text(node, what)?;
        match RepoPath::parse(&text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.add(Code::PathEscapes, node.place(self.file), format!("{what}: {error}"));
                None
            }
        }
    }

    fn parent(&mut self, entry: &Entry) -> Option<AppsKind> {
        match entry.key.as_str() {
            "kustomize" => self.path(&entry.value, "kustomize").map(AppsKind::Kustomize),
            "helm" => {
                let mut path = None;
                let mut value_files = Vec::new();
                for field in self.map(&entry.value, "helm") {
                    match field.key.as_str() {
                        "path" => path = self.path(&field.value, "helm.path"),
                        "valueFiles" => value_files = self.texts(&field.value, "helm.valueFiles"),
                        _ => self.unknown(field, "helm", keys::HELM),
                    }
                }
                if path.is_none() && entry.value.get("path").is_none() {
                    self.add(Code::ConfigValue, entry.value.place(self.file), "`helm.path` is missing");
                }
                path.map(|path| AppsKind::Helm { path, value_files })
            }
            _ => {
                self.unknown(entry, "an entry of apps", keys::PARENT);
                None
            }
        }
    }

    fn ledger(&mut self, node: &Node) {
        for entry in self.map(node, "ledger") {
            match entry.key.as_str() {
                "branch" => {
                    if let Some(branch) = self.text(&entry.value, "ledger.branch") {
                        if is_branch_name(&branch) {
                            self.config.ledger_branch = branch;
                        } else {
                            let message = format!("{branch:?} is no branch name");
                            self.add(Code::ConfigValue, entry.value.place(self.file), message);
                        }
                    }
                }
                _ => self.unknown(entry, "ledger", keys::LEDGER),
            }
        }
    }

    fn deploy(&mut self, node: &Node) {
        for entry in self.map(node, "deploy") {
            let value = &entry.value;
            match entry.key.as_str() {
                "branches" => self.config.deploy.branches = self.texts(value, "deploy.branches"),
                "tags" => self.unsupported(entry, "deploy.tags"),
                "onFailure" => {
                    let choices = [("rollback", OnFailure::Rollback), ("leave", OnFailure::Leave)];
                    if let Some(choice) = self.one_of(value, "deploy.onFailure", &choices) {
                        self.config.deploy.on_failure = choice;
                    }
                }
                "onCrash" => {
                    let choices = [("resume", OnCrash::Resume), ("rollback", OnCrash::Rollback)];
                    if let Some(choice) = self.one_of(value, "deploy.onCrash", &choices) {
                        self.config.deploy.on_crash = choice;
                    }
                }
                "dependents" => {
                    let choices = [("verify", Dependents::Verify), ("apply", Dependents::Apply)];
                    if let Some(choice) = self.one_of(value, "deploy.dependents", &choices) {
                        self.config.deploy.dependents = choice;
                    }
                }
                "pruneThreshold" => self.threshold(value),
                _ => self.unknown(entry, "deploy", keys::DEPLOY),
            }
        }
    }

    fn threshold(&mut self, node: &Node) {
        let PruneThreshold { mut count, mut percent } = self.config.deploy.prune_threshold;
        for entry in self.map(node, "deploy.pruneThreshold") {
            let number = entry.value.as_i64().and_then(|n| u64::try_from(n).ok());
            match (entry.key.as_str(), number) {
                ("count", Some(n)) => count = n,
                ("percent", Some(n)) if n <= 100 => percent = n,
                ("count", None) => self.wrong(&entry.value, "count", "a whole number, 0 or more"),
                ("percent", _) => self.wrong(&entry.value, "percent", "a whole number from 0 to 100"),
                _ => self.unknown(entry, "deploy.pruneThreshold", keys::PRUNE_THRESHOLD),
            }
        }
        self.config.deploy.prune_threshold = PruneThreshold { count, percent };
    }

    fn render(&mut self, node: &Node) {
        for entry in self.map(node, "render") {
            match entry.key.as_str() {
                "network" if entry.value.as_list().is_some_and(<[Node]>::is_empty) => {}
                "network" => self.unsupported(entry, "render.network"),
                "kubeVersion" => {
                    self.config.render.kube_version = self.text(&entry.value, "render.kubeVersion");
                }
                "apiVersions" => {
                    self.config.render.api_versions = self.texts(&entry.value, "render.apiVersions");
                }
                _ => self.unknown(entry, "render", keys::RENDER),
            }
        }
    }

    /// `after` names environments that exist, without a circle.
    fn check_after(&mut self) {
        let names: BTreeSet<Environment> = self.config.environments.keys().cloned().collect();
        let mut found = Vec::new();
        for (name, environment) in &self.config.environments {
            for after in environment.after.iter().filter(|a| !names.contains(*a)) {
                let message = format!("environment {name} comes after {after}, which does not exist");
                found.push(Problem::new(Code::ConfigAfter, Some(environment.place.clone()), message));
            }
        }
        if found.is_empty() {
            let ordered = self.config.environments_in_order();
            let stuck: Vec<&Environment> = names.iter().filter(|n| !ordered.contains(n)).collect();
            // Each of those stuck comes after one that is stuck too, so going on
            // from the first must meet one again.
            let mut way: Vec<&Environment> = stuck.first().copied().into_iter().collect();
            while let Some(next) = way.last().and_then(|at| {
                let after = &self.config.environments.get(*at)?.after;
                after.iter().find(|name| stuck.contains(name))
            }) {
                if let Some(at) = way.iter().position(|known| *known == next) {
                    let circle: Vec<&str> = way[at..].iter().chain([&next]).map(|n| n.as_str()).collect();
                    let message =
                        format!("environments come after one another in a circle: {}", circle.join(" → "));
                    let place = self.config.environments[next].place.clone();
                    found.push(Problem::new(Code::ConfigAfter, Some(place), message));
                    break;
                }
                way.push(next);
            }
        }
        self.problems.extend(found);
    }
}

/// Whether git would take it as a branch's name (git-check-ref-format).
fn is_branch_name(name: &str) -> bool {
    let part = |p: &str| !p.is_empty() && !p.starts_with('.') && !p.ends_with('.') && !p.ends_with(".lock");
    name.split('/').all(part)
        && !name.starts_with('-')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && !name.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c))
}

/// Edit distance, for "did you mean".
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = if ca == *cb { diagonal } else { diagonal + 1 };
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
