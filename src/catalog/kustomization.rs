//! What a kustomization makes kustomize read, field by field, as kustomize
//! v5.8 reads it.
//!
//! Does not follow anything and does not check that a path exists: the closure
//! walker follows what is local, the renderer's fence refuses the rest.
//!
//! Sources of the rules: `api/types/kustomization.go` (fields; names match
//! without regard to case, as Go's JSON reader does), `api/internal/loader`
//! (what is remote), `api/internal/target/kusttarget.go` (what is read how).

mod charts;
mod plugin;
mod remote;

pub use plugin::plugin_references;
pub use remote::{is_git_url, is_remote_file};

use crate::object::yaml::{self, Mark, Node};
use crate::problem::{Code, Place, Problem};

/// The names a kustomization file may have. More than one in a folder is an
/// error of the folder (`konfig.RecognizedKustomizationFileNames`).
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// One thing that a kustomization makes kustomize read or run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The field, as kustomize documents it (`resources`, `patches.path`, …).
    pub field: &'static str,
    /// What stands there, word for word. For inline text only its field counts.
    pub text: String,
    /// Where it stands.
    pub mark: Mark,
    /// What it means.
    pub target: Target,
}

/// What a reference means. Paths are as written, relative to the folder of the
/// kustomization (also those in a generator's or transformer's own file).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file of objects; where there is none, a folder with a kustomization.
    FileOrDir(String),
    /// A file that is read as it is.
    File(String),
    /// A folder whose kustomization is a component.
    Component(String),
    /// A file whose documents configure generators, transformers or validators:
    /// read each with [`plugin_references`]. Where there is no such file, a
    /// folder whose kustomization renders such documents.
    Config(String),
    /// A chart for `helm`.
    Chart(ChartReference),
    /// Read over the network, or from a git repository that kustomize clones.
    Remote {
        /// Whether the text names a version or a commit.
        pinned: bool,
    },
    /// An absolute path: never part of a repository.
    Absolute,
    /// Code that kustomize or helm would start, or a template that only running
    /// it resolves; the text is a name for people.
    Code(String),
    /// Text that stands in the kustomization itself: nothing is read.
    Inline,
}

/// A chart that a kustomization inflates. Its values files are references of
/// their own, but for `values.yaml` in the chart itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartReference {
    /// The chart's folder: kustomize takes it when it is there.
    pub dir: String,
    /// Where the chart is pulled from when the folder is not there.
    pub repository: Option<String>,
    /// Whether its version is exact.
    pub pinned: bool,
}

impl Target {
    /// The path this target reads, when it is local.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::FileOrDir(p) | Self::File(p) | Self::Component(p) | Self::Config(p) => Some(p),
            Self::Chart(chart) => Some(&chart.dir),
            Self::Remote { .. } | Self::Absolute | Self::Code(_) | Self::Inline => None,
        }
    }
}

/// Everything the kustomization `node` of `file` makes kustomize read, in the
/// order of the file.
pub fn references(file: &str, node: &Node) -> (Vec<Reference>, Vec<Problem>) {
    let mut scan = Scan { file: file.to_owned(), found: Vec::new(), problems: Vec::new() };
    scan.kustomization(node);
    (scan.found, scan.problems)
}

/// Fields that make kustomize read nothing.
const OTHER_FIELDS: [&str; 17] = [
    "apiVersion",
    "kind",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "images",
    "imageTags",
    "replicas",
    "vars",
    "sortOptions",
    "generatorOptions",
    "buildMetadata",
    "helmGlobals",
];

const ARGS_FIELDS: [&str; 9] =
    ["namespace", "name", "behavior", "literals", "files", "envs", "env", "options", "type"];

/// How an entry of a list of texts is read.
type Reader = fn(&mut Scan, &'static str, &Node, &str);

/// A scan of one file: what was found so far.
struct Scan {
    file: String,
    found: Vec<Reference>,
    problems: Vec<Problem>,
}

/// The field names of Go structs match whatever their case, and two letters
/// outside ASCII fold into it too (`encoding/json`, `foldName`).
fn folded(key: &str) -> String {
    key.chars()
        .map(|c| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

fn same_field(key: &str, field: &str) -> bool {
    folded(key) == field.to_ascii_lowercase()
}

impl Scan {
    fn kustomization(&mut self, node: &Node) {
        let Some(entries) = node.as_map() else {
            self.wrong(node, "a kustomization is a mapping with at least one field");
            return;
        };
        self.kind(node);
        let home = charts::home(self, node);
        for entry in entries {
            let (key, value) = (folded(&entry.key), &entry.value);
            match key.as_str() {
                "resources" => self.texts("resources", value, Scan::file_or_dir),
                "bases" => self.texts("bases", value, Scan::file_or_dir),
                "components" => self.texts("components", value, Scan::component),
                "crds" => self.texts("crds", value, Scan::file),
                "configurations" => self.texts("configurations", value, Scan::file),
                "generators" => self.texts("generators", value, plugin::config),
                "transformers" => self.texts("transformers", value, plugin::config),
                "validators" => self.texts("validators", value, plugin::config),
                "patches" => self.patches(["patches.path", "patches.patch"], value),
                "patchesjson6902" => self.patches(["patchesJson6902.path", "patchesJson6902.patch"], value),
                "patchesstrategicmerge" => {
                    self.texts("patchesStrategicMerge", value, Scan::patch_or_file);
                }
                "configmapgenerator" => self.each(value, |scan, item| {
                    scan.known("configMapGenerator", item, &ARGS_FIELDS[..8]);
                    scan.pairs(["configMapGenerator.files", "configMapGenerator.envs"], item);
                }),
                "secretgenerator" => self.each(value, |scan, item| {
                    scan.known("secretGenerator", item, &ARGS_FIELDS);
                    scan.pairs(["secretGenerator.files", "secretGenerator.envs"], item);
                }),
                "replacements" => self.each(value, |scan, item| {
                    scan.known("replacements", item, &["path", "source", "targets"]);
                    scan.text_at("replacements.path", item, "path", Scan::file);
                }),
                "openapi" => self.openapi(value),
                "helmcharts" => self.each(value, |scan, item| charts::chart(scan, item, &home)),
                "helmchartinflationgenerator" => {
                    self.each(value, |scan, item| charts::old_chart(scan, item, &home));
                }
                _ if OTHER_FIELDS.iter().any(|field| same_field(&key, field)) => {}
                _ => self.problem(entry.mark, format!("a kustomization has no field {:?}", entry.key)),
            }
        }
    }

    fn kind(&mut self, node: &Node) {
        let Some(kind) = field(node, "kind") else { return };
        if !matches!(kind.as_str(), Some("" | "Kustomization" | "Component")) {
            self.wrong(kind, "the kind of a kustomization is Kustomization or Component");
        }
    }

    fn patches(&mut self, [path, inline]: [&'static str; 2], value: &Node) {
        self.each(value, |scan, item| {
            scan.known("patches", item, &["path", "patch", "target", "options"]);
            scan.text_at(path, item, "path", Scan::file);
            scan.text_at(inline, item, "patch", |scan, name, node, text| {
                scan.add(name, node, text, Target::Inline);
            });
        });
    }

    /// `files` (`key=path` or `path`), `envs` and `env` of a generator.
    fn pairs(&mut self, [files, envs]: [&'static str; 2], item: &Node) {
        for value in fields(item, "files") {
            self.texts(files, value, |scan, name, node, text| match text.split_once('=') {
                None => scan.file(name, node, text),
                Some((key, path)) if !key.is_empty() && !path.is_empty() && !path.contains('=') => {
                    scan.file(name, node, path);
                }
                Some(_) => scan.wrong(node, &format!("{text:?} is not `path` or `key=path`")),
            });
        }
        for value in fields(item, "envs") {
            self.texts(envs, value, Scan::file);
        }
        self.text_at(envs, item, "env", Scan::file);
    }

    /// `openapi` is a plain map, so its keys match exactly.
    fn openapi(&mut self, value: &Node) {
        if value.is_null() {
            return;
        }
        match value.as_map() {
            None => self.wrong(value, "openapi is a mapping"),
            Some(entries) => {
                for entry in entries.iter().filter(|e| e.key == "path") {
                    self.text("openapi.path", &entry.value, Scan::file);
                }
            }
        }
    }

    // === how one text is read ===

    fn file_or_dir(&mut self, name: &'static str, node: &Node, text: &str) {
        let target = match remote::classify(text) {
            remote::Class::Local => Target::FileOrDir(text.to_owned()),
            remote::Class::Absolute => Target::Absolute,
            remote::Class::Remote { pinned } => Target::Remote { pinned },
        };
        self.add(name, node, text, target);
    }

    fn component(&mut self, name: &'static str, node: &Node, text: &str) {
        let target = match remote::classify(text) {
            remote::Class::Local => Target::Component(text.to_owned()),
            remote::Class::Absolute => Target::Absolute,
            remote::Class::Remote { pinned } => Target::Remote { pinned },
        };
        self.add(name, node, text, target);
    }

    fn file(&mut self, name: &'static str, node: &Node, text: &str) {
        let target = match remote::classify_file(text) {
            remote::Class::Local => Target::File(text.to_owned()),
            remote::Class::Absolute => Target::Absolute,
            remote::Class::Remote { pinned } => Target::Remote { pinned },
        };
        self.add(name, node, text, target);
    }

    /// Kustomize takes the text for a patch first, and for a path when that
    /// fails. What could be fetched counts as remote whatever else it is.
    fn patch_or_file(&mut self, name: &'static str, node: &Node, text: &str) {
        if !is_remote_file(text) && is_mapping(text) {
            self.add(name, node, text, Target::Inline);
        } else {
            self.file(name, node, text);
        }
    }

    fn add(&mut self, field: &'static str, node: &Node, text: &str, target: Target) {
        self.found.push(Reference { field, text: text.to_owned(), mark: node.mark, target });
    }

    // === the shape of the file ===

    fn each(&mut self, value: &Node, mut read: impl FnMut(&mut Self, &Node)) {
        if value.is_null() {
            return;
        }
        match value.as_list() {
            None => self.wrong(value, "this field is a list"),
            Some(items) => {
                for item in items {
                    match item.as_map() {
                        Some(_) => read(self, item),
                        None if item.is_null() => {}
                        None => self.wrong(item, "an entry of this list is a mapping"),
                    }
                }
            }
        }
    }

    fn texts(&mut self, name: &'static str, value: &Node, read: Reader) {
        if value.is_null() {
            return;
        }
        match value.as_list() {
            None => self.wrong(value, &format!("{name} is a list")),
            Some(items) => items.iter().for_each(|item| self.text(name, item, read)),
        }
    }

    fn text(&mut self, name: &'static str, node: &Node, read: Reader) {
        match node.as_str() {
            Some("") => {}
            Some(text) => read(self, name, node, text),
            None if node.is_null() => {}
            None => self.wrong(node, &format!("{name} holds texts")),
        }
    }

    fn text_at(&mut self, name: &'static str, item: &Node, key: &str, read: Reader) {
        for value in fields(item, key) {
            self.text(name, value, read);
        }
    }

    /// Names the keys of `item` that kustomize does not know.
    fn known(&mut self, what: &str, item: &Node, keys: &[&str]) {
        for entry in item.as_map().unwrap_or_default() {
            if !keys.iter().any(|key| same_field(&entry.key, key)) {
                self.problem(entry.mark, format!("an entry of {what} has no field {:?}", entry.key));
            }
        }
    }

    fn wrong(&mut self, node: &Node, message: &str) {
        self.problem(node.mark, message.to_owned());
    }

    fn problem(&mut self, mark: Mark, message: String) {
        let place = Place::new(self.file.as_str(), mark.line, mark.column);
        self.problems.push(Problem::new(Code::ContentInvalid, Some(place), message));
    }
}

/// Every value whose key is that field; more than one where only their case
/// differs.
fn fields<'n>(node: &'n Node, name: &'n str) -> impl Iterator<Item = &'n Node> {
    node.as_map().unwrap_or_default().iter().filter(move |e| same_field(&e.key, name)).map(|e| &e.value)
}

/// The value that Go keeps: of several keys, the last.
fn field<'n>(node: &'n Node, name: &'n str) -> Option<&'n Node> {
    fields(node, name).last()
}

/// Whether the text is YAML that holds a mapping.
fn is_mapping(text: &str) -> bool {
    let (documents, problems) = yaml::documents("", text.as_bytes());
    problems.is_empty() && documents.iter().any(|d| d.as_map().is_some())
}

#[cfg(test)]
mod tests;
