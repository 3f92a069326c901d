//! `Chart.yaml`: a chart's name, version and what it depends on.
//!
//! Does not look for the dependencies, and does not read templates or values.
//!
//! Source: Helm 4's `pkg/chart/v2` (`Metadata`, `Dependency`) and
//! `pkg/downloader/manager.go` (`file://`).

use crate::object::yaml::{Mark, Node};
use crate::problem::{Code, Place, Problem};

/// What a `Chart.yaml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The chart's name; empty when the file has none (a problem says so).
    pub name: String,
    /// Its version, as written.
    pub version: String,
    /// `v1` (Helm 2, dependencies in `requirements.yaml`) or later.
    pub api: ApiVersion,
    /// `application` or `library`.
    pub kind: Kind,
    /// What it depends on, in the order of the file.
    pub dependencies: Vec<Dependency>,
}

/// `apiVersion` of a `Chart.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// `v1`: dependencies stand in a `requirements.yaml`; see [`requirements`].
    V1,
    /// `v2`, or newer.
    V2,
}

/// `type` of a `Chart.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It can be rendered.
    Application,
    /// It only helps others; `helm template` refuses it.
    Library,
}

/// One entry of `dependencies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The name of the chart depended on.
    pub name: String,
    /// The version or range, as written; may be empty.
    pub version: String,
    /// Whether the version is exact.
    pub pinned: bool,
    /// Where it comes from.
    pub source: DependencySource,
    /// Under which name its values stand, when not its own.
    pub alias: Option<String>,
    /// The values that switch it on. Helm wants its files either way.
    pub condition: Option<String>,
    /// Where the entry stands.
    pub mark: Mark,
}

/// Where a dependency comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencySource {
    /// A folder: the text after `file://`, relative to the chart's folder.
    Local(String),
    /// A chart repository or registry. `@name` and `alias:name` name one of the
    /// user's own configuration, which nobody here has.
    Remote {
        /// The repository, as written.
        url: String,
    },
    /// No repository: it lies in the chart's own `charts/`.
    Vendored,
}

/// Reads the `Chart.yaml` in `file`. What cannot be read is left out and named.
pub fn read(file: &str, node: &Node) -> (Chart, Vec<Problem>) {
    let mut problems = Vec::new();
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or("").to_owned();
    let (name, version) = (text("name"), text("version"));
    if node.as_map().is_none() {
        problems.push(wrong(file, node.mark, "a Chart.yaml is a mapping"));
    } else {
        for (key, value) in [("name", &name), ("version", &version)] {
            if value.is_empty() {
                let mark = node.get(key).map_or(node.mark, |n| n.mark);
                problems.push(wrong(file, mark, &format!("a Chart.yaml needs a {key}, a text")));
            }
        }
        if name.contains('/') || matches!(name.as_str(), "." | "..") {
            problems.push(wrong(file, node.mark, &format!("{name:?} is no chart's name")));
        }
    }
    let dependencies = match node.get("dependencies") {
        Some(list) => dependencies(file, list, &mut problems),
        None => Vec::new(),
    };
    let api = if text("apiVersion") == "v1" { ApiVersion::V1 } else { ApiVersion::V2 };
    let kind = if text("type") == "library" { Kind::Library } else { Kind::Application };
    (Chart { name, version, api, kind, dependencies }, problems)
}

/// Reads the `requirements.yaml` beside a `Chart.yaml` of `apiVersion: v1`.
pub fn requirements(file: &str, node: &Node) -> (Vec<Dependency>, Vec<Problem>) {
    let mut problems = Vec::new();
    let found = match node.get("dependencies") {
        Some(list) => dependencies(file, list, &mut problems),
        None => Vec::new(),
    };
    (found, problems)
}

fn dependencies(file: &str, list: &Node, problems: &mut Vec<Problem>) -> Vec<Dependency> {
    if list.is_null() {
        return Vec::new();
    }
    let Some(items) = list.as_list() else {
        problems.push(wrong(file, list.mark, "dependencies is a list"));
        return Vec::new();
    };
    items.iter().filter_map(|item| dependency(file, item, problems)).collect()
}

fn dependency(file: &str, item: &Node, problems: &mut Vec<Problem>) -> Option<Dependency> {
    let text = |key: &str| item.get(key).and_then(Node::as_str).filter(|t| !t.is_empty());
    let Some(name) = text("name") else {
        problems.push(wrong(file, item.mark, "a dependency needs a name"));
        return None;
    };
    let version = text("version").unwrap_or("");
    let source = match text("repository") {
        None => DependencySource::Vendored,
        Some(url) => match url.strip_prefix("file://") {
            Some(path) => DependencySource::Local(path.to_owned()),
            None => DependencySource::Remote { url: url.to_owned() },
        },
    };
    Some(Dependency {
        name: name.to_owned(),
        version: version.to_owned(),
        pinned: is_exact(version),
        source,
        alias: text("alias").map(str::to_owned),
        condition: text("condition").map(str::to_owned),
        mark: item.mark,
    })
}

/// Whether a chart version means exactly one version: three numbers, with or
/// without `v` or `=` before and a pre-release or build after. `1.2` is a range
/// (Masterminds/semver, which Helm uses, reads it as `1.2.x`).
pub fn is_exact(version: &str) -> bool {
    let version = version.trim();
    let version = version.strip_prefix('=').map_or(version, str::trim_start);
    let version = version.strip_prefix('v').unwrap_or(version);
    let (core, rest) = match version.find(['-', '+']) {
        Some(at) => (&version[..at], &version[at..]),
        None => (version, ""),
    };
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'))
}

fn wrong(file: &str, mark: Mark, message: &str) -> Problem {
    Problem::new(Code::ContentInvalid, Some(Place::new(file, mark.line, mark.column)), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::yaml::documents;

    fn parse(text: &str) -> (Chart, Vec<Problem>) {
        let (nodes, problems) = documents("Chart.yaml", text.as_bytes());
        assert!(problems.is_empty(), "{problems:?}");
        read("Chart.yaml", &nodes[0])
    }

    #[test]
    fn dependencies_have_a_source_and_a_pin() {
        let (chart, problems) = parse(
            "apiVersion: v2\nname: app\nversion: 1.0.0\ntype: library\ndependencies:\n\
             - {name: lib, version: 1.2.3, repository: file://../lib, alias: x}\n\
             - {name: redis, version: ^18, repository: https://charts.example.com, condition: redis.enabled}\n\
             - {name: mine, version: v1.0.0-rc.1}\n",
        );
        assert_eq!(problems, []);
        assert_eq!((chart.name.as_str(), chart.kind, chart.api), ("app", Kind::Library, ApiVersion::V2));
        let got: Vec<_> = chart.dependencies.iter().map(|d| (&d.source, d.pinned)).collect();
        assert_eq!(
            got,
            [
                (&DependencySource::Local("../lib".into()), true),
                (&DependencySource::Remote { url: "https://charts.example.com".into() }, false),
                (&DependencySource::Vendored, true),
            ]
        );
        assert_eq!(chart.dependencies[0].alias.as_deref(), Some("x"));
        assert_eq!(chart.dependencies[1].condition.as_deref(), Some("redis.enabled"));
        assert_eq!(chart.dependencies[1].mark.line, 7);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let (chart, problems) = parse("name: [a]\ndependencies:\n- {version: 1.0.0}\n- {name: ok}\n");
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "Chart.yaml:1:7: L0407: a Chart.yaml needs a name, a text",
                "Chart.yaml:1:1: L0407: a Chart.yaml needs a version, a text",
                "Chart.yaml:3:3: L0407: a dependency needs a name",
            ]
        );
        assert_eq!(chart.dependencies.len(), 1);
    }

    #[test]
    fn only_three_numbers_are_exact() {
        for exact in ["1.2.3", "v1.2.3", "=1.2.3", "= 1.2.3", "1.2.3-rc.1+build"] {
            assert!(is_exact(exact), "{exact}");
        }
        for range in
            ["", "1", "1.2", "^1.2.3", "~1.2.3", "1.2.x", ">=1.2.3", "1.2.3 - 2.0.0", "1.2.3 || 2", "*"]
        {
            assert!(!is_exact(range), "{range}");
        }
    }
}
