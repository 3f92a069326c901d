//! What a kustomization file names.

use super::*;

fn scan(text: &str) -> (Vec<Reference>, Vec<String>) {
    let (nodes, problems) = yaml::documents("k.yaml", text.as_bytes());
    assert!(problems.is_empty(), "{problems:?}");
    let (found, problems) = references("k.yaml", &nodes[0]);
    (found, problems.iter().map(ToString::to_string).collect())
}

/// `field line target` of each reference.
fn told(found: &[Reference]) -> Vec<String> {
    found.iter().map(|r| format!("{} {} {:?}", r.field, r.mark.line, r.target)).collect()
}

#[test]
fn every_field_that_reads_is_seen() {
    let (found, problems) = scan(
        "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: x
resources: [a.yaml, ../b, 'https://example.com/v1.2.3/x.yaml', github.com/acme/x?ref=main]
bases: [c]
components: [d, /abs]
crds: [crd.yaml]
configurations: [conf.yaml]
generators: [gen.yaml]
patches:
- path: p.yaml
- patch: '[{op: remove, path: /x}]'
patchesStrategicMerge:
- sm.yaml
- '{kind: Deployment, apiVersion: apps/v1, metadata: {name: x}}'
patchesJson6902:
- {path: j.json, target: {kind: X}}
configMapGenerator:
- {name: a, files: [f.txt, key=g.txt], envs: [e.env], env: e2.env}
secretGenerator:
- {name: b, files: [s.txt], type: Opaque}
replacements:
- path: r.yaml
openapi: {path: schema.json}
helmGlobals: {chartHome: home}
helmCharts:
- {name: ch, version: 1.2.3, repo: https://charts.example.com, valuesFile: v.yaml, additionalValuesFiles: [w.yaml]}
- {name: here}
",
    );
    assert_eq!(problems, Vec::<String>::new());
    let expected = [
        r#"resources 4 FileOrDir("a.yaml")"#,
        r#"resources 4 FileOrDir("../b")"#,
        "resources 4 Remote { pinned: true }",
        "resources 4 Remote { pinned: false }",
        r#"bases 5 FileOrDir("c")"#,
        r#"components 6 Component("d")"#,
        "components 6 Absolute",
        r#"crds 7 File("crd.yaml")"#,
        r#"configurations 8 File("conf.yaml")"#,
        r#"generators 9 Config("gen.yaml")"#,
        r#"patches.path 11 File("p.yaml")"#,
        "patches.patch 12 Inline",
        r#"patchesStrategicMerge 14 File("sm.yaml")"#,
        "patchesStrategicMerge 15 Inline",
        r#"patchesJson6902.path 17 File("j.json")"#,
        r#"configMapGenerator.files 19 File("f.txt")"#,
        r#"configMapGenerator.files 19 File("g.txt")"#,
        r#"configMapGenerator.envs 19 File("e.env")"#,
        r#"configMapGenerator.envs 19 File("e2.env")"#,
        r#"secretGenerator.files 21 File("s.txt")"#,
        r#"replacements.path 23 File("r.yaml")"#,
        r#"openapi.path 24 File("schema.json")"#,
        r#"helmCharts 27 Chart(ChartReference { dir: "home/ch-1.2.3/ch", repository: Some("https://charts.example.com"), pinned: true })"#,
        r#"helmCharts.valuesFile 27 File("v.yaml")"#,
        r#"helmCharts.additionalValuesFiles 27 File("w.yaml")"#,
        r#"helmCharts 28 Chart(ChartReference { dir: "home/here", repository: None, pinned: false })"#,
    ];
    assert_eq!(told(&found), expected);
}

#[test]
fn field_names_match_as_in_go() {
    let (found, problems) =
        scan("RESOURCES: [a.yaml]\nre\u{17f}ources: [b.yaml]\nOpenAPI: {path: c, Path: d}\n");
    assert_eq!(problems, Vec::<String>::new());
    let texts: Vec<_> = found.iter().map(|r| r.text.as_str()).collect();
    assert_eq!(texts, ["a.yaml", "b.yaml", "c"]);
}

#[test]
fn generators_are_builtin_or_code() {
    let (found, problems) = scan(
        "generators:
- |
  apiVersion: builtin
  kind: ConfigMapGenerator
  metadata: {name: x}
  files: [in.txt]
transformers:
- |
  apiVersion: someteam.example.com/v1
  kind: Sprinkler
  metadata: {name: x}
- |
  apiVersion: builtin
  kind: LabelTransformer
  metadata:
    name: x
    annotations: {config.kubernetes.io/function: 'exec: {path: ./x.sh}'}
- https://example.com/t.yaml
validators: [dir]
",
    );
    assert_eq!(problems, Vec::<String>::new());
    let expected = [
        "generators 3 Inline",
        r#"generators.files 3 File("in.txt")"#,
        "transformers 9 Inline",
        r#"kind 9 Code("the plugin someteam.example.com/v1/Sprinkler")"#,
        "transformers 13 Inline",
        r#"kind 13 Code("the function builtin/LabelTransformer")"#,
        "transformers 18 Remote { pinned: false }",
        r#"validators 19 Config("dir")"#,
    ];
    assert_eq!(told(&found), expected);
}

#[test]
fn what_builtin_configurations_read() {
    let text = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: http://127.0.0.1/x\n---\n\
                apiVersion: builtin\nkind: ValueAddTransformer\ntargetFilePath: t.yaml\n---\n\
                apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMapGenerator}]\n";
    let (nodes, _) = yaml::documents("t.yaml", text.as_bytes());
    let found: Vec<_> = nodes.iter().flat_map(|n| plugin_references("t.yaml", n).0).collect();
    let expected = [
        "transformers.path 4 Remote { pinned: false }",
        r#"transformers.targetFilePath 8 File("t.yaml")"#,
        r#"kind 12 Code("the plugin v1/ConfigMapGenerator")"#,
    ];
    assert_eq!(told(&found), expected);
}

#[test]
fn helm_never_gets_an_option_by_name() {
    let (found, _) = scan(
        "helmGlobals: {chartHome: /charts, configHome: ../../x}\nhelmCharts:\n\
         - {name: a, releaseName: --post-renderer=x, nameTemplate: '{{ getHostByName \"x\" }}'}\n",
    );
    let expected = [
        "helmGlobals.configHome 1 Absolute",
        "helmCharts 3 Absolute",
        r#"helmCharts.releaseName 3 Code("helm --post-renderer=x")"#,
        r#"helmCharts.nameTemplate 3 Code("a name template")"#,
    ];
    assert_eq!(told(&found), expected);
}

#[test]
fn the_deprecated_inflator_counts() {
    let (found, problems) = scan(
        "helmChartInflationGenerator:\n- {chartName: a, chartHome: h, values: v.yaml, chartRepoUrl: 'https://x.example', chartVersion: ~1.0}\n",
    );
    assert_eq!(problems, Vec::<String>::new());
    let expected = [
        r#"helmChartInflationGenerator 2 Chart(ChartReference { dir: "h/a-~1.0/a", repository: Some("https://x.example"), pinned: false })"#,
        r#"helmChartInflationGenerator.values 2 File("v.yaml")"#,
    ];
    assert_eq!(told(&found), expected);
}

#[test]
fn wrong_forms_are_named_with_their_place() {
    let (found, problems) = scan(
        "kind: Deployment\nresource: [a]\nresources: a.yaml\ncrds: [1, {a: b}]\npatches: [x, {file: y}]\n\
         configMapGenerator: [{files: [a=b=c, =x]}]\nopenapi: [x]\nbases:\n",
    );
    assert_eq!(found, []);
    let expected = [
        "k.yaml:1:7: L0407: the kind of a kustomization is Kustomization or Component",
        "k.yaml:2:1: L0407: a kustomization has no field \"resource\"",
        "k.yaml:3:12: L0407: resources is a list",
        "k.yaml:4:8: L0407: crds holds texts",
        "k.yaml:4:11: L0407: crds holds texts",
        "k.yaml:5:11: L0407: an entry of this list is a mapping",
        "k.yaml:5:15: L0407: an entry of patches has no field \"file\"",
        "k.yaml:6:31: L0407: \"a=b=c\" is not `path` or `key=path`",
        "k.yaml:6:38: L0407: \"=x\" is not `path` or `key=path`",
        "k.yaml:7:10: L0407: openapi is a mapping",
    ];
    assert_eq!(problems, expected);
}
