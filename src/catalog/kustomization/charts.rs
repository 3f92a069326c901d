//! The charts that a kustomization inflates: `helmCharts`, its predecessor, and
//! the builtin generator of the same name.
//!
//! Does not read the charts; `catalog::chart` does.
//!
//! Source: `api/types/helmchartargs.go`, `HelmChartInflationGenerator.go`.

use super::{ChartReference, Scan, Target, field, fields};
use crate::catalog::chart::is_exact;
use crate::object::yaml::Node;

/// The folder of charts, where nothing else is said (`HelmDefaultHome`).
const DEFAULT_HOME: &str = "charts";

const CHART_FIELDS: [&str; 17] = [
    "name",
    "version",
    "repo",
    "releaseName",
    "namespace",
    "additionalValuesFiles",
    "valuesFile",
    "valuesInline",
    "valuesMerge",
    "includeCRDs",
    "skipHooks",
    "apiVersions",
    "kubeVersion",
    "nameTemplate",
    "skipTests",
    "debug",
    "devel",
];

const OLD_CHART_FIELDS: [&str; 13] = [
    "chartName",
    "chartVersion",
    "chartRepoUrl",
    "chartHome",
    "chartRepoName",
    "helmBin",
    "helmHome",
    "values",
    "valuesLocal",
    "valuesMerge",
    "releaseName",
    "releaseNamespace",
    "extraArgs",
];

/// The folder under which the kustomization `node` looks for charts: that of
/// `helmGlobals`, else the last one of the deprecated generators.
pub(super) fn home(scan: &mut Scan, node: &Node) -> String {
    if let Some(globals) = field(node, "helmGlobals").filter(|globals| !globals.is_null()) {
        scan.known("helmGlobals", globals, &["chartHome", "configHome"]);
        config_home(scan, globals, "configHome");
        return text(globals, "chartHome").unwrap_or(DEFAULT_HOME).to_owned();
    }
    let old = field(node, "helmChartInflationGenerator").and_then(Node::as_list).unwrap_or_default();
    let named = old.iter().rev().find_map(|item| text(item, "chartHome"));
    named.unwrap_or(DEFAULT_HOME).to_owned()
}

/// Helm would look for its configuration there; a relative folder is in reach of
/// the tool anyway, any other is nobody's business.
fn config_home(scan: &mut Scan, node: &Node, key: &str) {
    for value in fields(node, key) {
        let Some(dir) = value.as_str() else { continue };
        if dir.starts_with('/') || dir.split('/').any(|part| part == "..") {
            scan.add("helmGlobals.configHome", value, dir, Target::Absolute);
        }
    }
}

/// One entry of `helmCharts`.
pub(super) fn chart(scan: &mut Scan, item: &Node, home: &str) {
    scan.known("helmCharts", item, &CHART_FIELDS);
    let names = ["name", "version", "repo"];
    inflate(scan, "helmCharts", item, names, home);
    scan.text_at("helmCharts.valuesFile", item, "valuesFile", Scan::file);
    for value in fields(item, "additionalValuesFiles") {
        scan.texts("helmCharts.additionalValuesFiles", value, Scan::file);
    }
}

/// One entry of the deprecated `helmChartInflationGenerator`.
pub(super) fn old_chart(scan: &mut Scan, item: &Node, home: &str) {
    scan.known("helmChartInflationGenerator", item, &OLD_CHART_FIELDS);
    config_home(scan, item, "helmHome");
    let names = ["chartName", "chartVersion", "chartRepoUrl"];
    inflate(scan, "helmChartInflationGenerator", item, names, home);
    scan.text_at("helmChartInflationGenerator.values", item, "values", Scan::file);
}

/// A document of `kind: HelmChartInflationGenerator` among the generators: a
/// chart and its globals in one mapping.
pub(super) fn generator(scan: &mut Scan, item: &Node) {
    config_home(scan, item, "configHome");
    let home = text(item, "chartHome").unwrap_or(DEFAULT_HOME);
    let names = ["name", "version", "repo"];
    inflate(scan, "generators.HelmChartInflationGenerator", item, names, home);
    scan.text_at("generators.valuesFile", item, "valuesFile", Scan::file);
    for value in fields(item, "additionalValuesFiles") {
        scan.texts("generators.additionalValuesFiles", value, Scan::file);
    }
}

fn inflate(scan: &mut Scan, name: &'static str, item: &Node, names: [&str; 3], home: &str) {
    let [name_key, version_key, repository_key] = names;
    let Some(chart) = text(item, name_key) else {
        scan.wrong(item, "a chart needs a name");
        return;
    };
    let node = field(item, name_key).unwrap_or(item);
    let version = text(item, version_key);
    let repository = text(item, repository_key);
    let dir = match (version, repository) {
        (Some(version), Some(_)) => format!("{home}/{chart}-{version}/{chart}"),
        _ => format!("{home}/{chart}"),
    };
    let target = if home.starts_with('/') {
        Target::Absolute
    } else {
        Target::Chart(ChartReference {
            dir,
            repository: repository.map(str::to_owned),
            pinned: version.is_some_and(is_exact),
        })
    };
    scan.add(name, node, chart, target);
    arguments(scan, item);
}

/// Two fields reach helm's command line in ways that do more than they say: a
/// release name is an argument of its own, so `--post-renderer=x` would be an
/// option; a name template may look up hosts.
fn arguments(scan: &mut Scan, item: &Node) {
    for value in fields(item, "releaseName") {
        if let Some(text) = value.as_str().filter(|text| text.starts_with('-')) {
            scan.add("helmCharts.releaseName", value, text, Target::Code(format!("helm {text}")));
        }
    }
    for value in fields(item, "nameTemplate") {
        if let Some(text) = value.as_str().filter(|text| text.contains("{{")) {
            scan.add("helmCharts.nameTemplate", value, text, Target::Code("a name template".to_owned()));
        }
    }
}

fn text<'n>(node: &'n Node, name: &'n str) -> Option<&'n str> {
    field(node, name).and_then(Node::as_str).filter(|text| !text.is_empty())
}
