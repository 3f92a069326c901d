//! `docs/luigi.schema.json` against the reader of `luigi.yaml`.
//!
//! Both take and refuse the same forms. What is not a form (a circle of `after`,
//! a malformed pattern, text that is no YAML) is the reader's alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jsonschema::Validator;
use luigi::catalog::infer;
use luigi::config::{self, Config, keys};
use luigi::files::{EntryKind, MemoryFiles};
use luigi::name::RepoPath;
use luigi::object::yaml;
use luigi::problem::{Code, Problem, Severity};
use serde_json::{Value as Json, json};

/// Every key, so that changing one place of it at a time meets every rule.
const FULL: &str = r#"
apiVersion: luigi.dev/v1
kind: Root
urls: [https://github.com/acme/platform]
environments:
  staging:
    apps:
      - clusters/staging/**/*.yaml
      - kustomize: clusters/staging
      - helm: {path: environments, valueFiles: [values.yaml, values-stg.yaml]}
    engine: {ledger: {}}
    identity:
      issuers: [github]
      groups: {release-managers: [{actorId: "123"}, {workflow: acme/platform/.github/workflows/x.yml@refs/heads/main}]}
  production:
    apps: [./clusters/production/*.yaml]
    after: [staging]
    engine: ledger
    identity:
      issuers:
        - github: https://ghes.acme.example/_services/token
        - {gitlab: https://gitlab.com, maxLifeMinutes: 60}
        - {oidc: https://acme.okta.example, groupsClaim: groups}
      agents: [{actorId: "77", name: acme-bot, issuer: https://gitlab.com}]
      workflows: [{actorId: "78", name: acme-release, issuer: https://gitlab.com}]
      groups:
        sre:
          - {claim: sre-oncall, issuer: https://acme.okta.example}
          - {subject: 00u1, issuer: https://acme.okta.example}
          - {repositoryId: "7001", issuer: https://gitlab.com}
ledger: {branch: luigi/ledger}
branch: main
deploy:
  branches: [main, release/1.x]
  onFailure: leave
  onCrash: rollback
  dependents: apply
  pruneThreshold: {count: 0, percent: 100}
render: {network: [], kubeVersion: "1.36", apiVersions: [monitoring.coreos.com/v1]}
"#;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn schema() -> (Json, Validator) {
    let schema: Json = serde_json::from_str(&read("docs/luigi.schema.json")).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::options().build(&schema).unwrap();
    (schema, validator)
}

fn refused(problems: &[Problem]) -> bool {
    const FORMS: [Code; 4] = [Code::ConfigKey, Code::ConfigValue, Code::ConfigUnsupported, Code::PathEscapes];
    problems.iter().any(|p| FORMS.contains(&p.code))
}

/// The document, unless the text is not exactly one.
fn document(text: &str) -> Option<Json> {
    let (nodes, problems) = yaml::documents("luigi.yaml", text.as_bytes());
    match nodes.as_slice() {
        [one] if problems.is_empty() => Some(one.to_json()),
        _ => None,
    }
}

#[test]
fn the_reader_and_the_schema_know_the_same_keys() {
    let (schema, _) = schema();
    for (pointer, known) in keys::ALL {
        let mapping = schema.pointer(pointer).unwrap();
        assert_eq!(mapping["additionalProperties"], json!(false), "{pointer}");
        let written: BTreeSet<&str> =
            mapping["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(written, known.iter().copied().collect(), "{pointer}");
    }
    // And no mapping beside those has keys of its own.
    let with_keys =
        schema["$defs"].as_object().unwrap().iter().filter(|(_, d)| d.get("properties").is_some());
    assert_eq!(with_keys.count() + 1, keys::ALL.len());
}

#[test]
fn good_files_are_good_for_both() {
    let (_, validator) = schema();
    let small = "apiVersion: luigi.dev/v1\nkind: Root\nenvironments: {a: {apps: [x.yaml]}}\n";
    let null = format!("{small}ledger:\ndeploy: {{pruneThreshold: }}\nrender: ~\n");
    for text in [FULL, small, &null] {
        let (_, problems) = config::read("luigi.yaml", text.as_bytes());
        assert_eq!(problems, []);
        let found: Vec<String> = validator
            .iter_errors(&document(text).unwrap())
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert!(found.is_empty(), "{text}\n{found:?}");
    }
}

#[test]
fn what_init_writes_is_good_for_both() {
    let (_, validator) = schema();
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n\
               spec: {source: {repoURL: https://github.com/acme/x, path: apps/a}}\n";
    let chart = "apiVersion: v2\nname: parents\nversion: 0.1.0\n";
    let files = [
        ("clusters/staging/a.yaml", app),
        ("clusters/staging/b.yaml", app),
        ("clusters/production/a.yaml", app),
        ("apps/a/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"),
        ("parents/Chart.yaml", chart),
        ("parents/values.yaml", "a: b\n"),
        ("parents/values-dev.yaml", "a: c\n"),
        ("parents/templates/a.yaml", app),
    ];
    let file = |(path, text): (&str, &str)| {
        (RepoPath::parse(path).unwrap(), (EntryKind::File, text.as_bytes().to_vec()))
    };
    let files = MemoryFiles::of(files.into_iter().map(file).collect());
    let (inferred, problems) = infer::infer(&files).unwrap();
    assert_eq!(problems, []);
    let text = inferred.to_yaml();
    let (read, problems) = config::read("luigi.yaml", text.as_bytes());
    assert_eq!((problems, read.environments.len()), (vec![], 3), "{text}");
    assert!(validator.is_valid(&document(&text).unwrap()), "{text}");
}

#[test]
fn bad_files_are_bad_for_both() {
    let (_, validator) = schema();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad/config");
    let mut seen = 0;
    for entry in std::fs::read_dir(&dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let Some(document) = document(&text) else { continue };
        let (_, problems) = config::read("luigi.yaml", text.as_bytes());
        assert_eq!(!refused(&problems), validator.is_valid(&document), "{}: {problems:?}", path.display());
        seen += 1;
    }
    assert!(!dir.exists() || seen > 10, "only {seen} files were compared");
}

#[test]
fn both_judge_every_small_change_alike() {
    let (_, validator) = schema();
    let full = document(FULL).unwrap();
    let mut seen = BTreeMap::new();
    for (pointer, changed) in changes(&full) {
        let text = changed.to_string();
        let (_, problems) = config::read("luigi.yaml", text.as_bytes());
        let good = validator.is_valid(&changed);
        assert_eq!(!refused(&problems), good, "at {pointer}: {text}\n{problems:?}");
        let odd: Vec<_> =
            problems.iter().filter(|p| p.severity == Severity::Error && !refused(&[(*p).clone()])).collect();
        let unsaid = |code| matches!(code, Code::ConfigAfter | Code::ConfigIdentity);
        assert!(odd.iter().all(|p| unsaid(p.code)), "at {pointer}: {odd:?}");
        *seen.entry(good).or_insert(0) += 1;
    }
    assert!(seen[&true] > 50 && seen[&false] > 300, "{seen:?}");
}

/// The document with one value replaced, one key removed or one key too many,
/// for each place and each replacement.
fn changes(full: &Json) -> Vec<(String, Json)> {
    let others = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(101),
        json!(""),
        json!("x"),
        json!("staging"),
        json!("../x"),
        json!("a..b"),
        json!("/x"),
        json!("./"),
        json!("x/"),
        json!("x.lock"),
        json!("A b"),
        json!("a\\b"),
        json!([]),
        json!([""]),
        json!(["x"]),
        json!([7]),
        json!([[]]),
        json!({}),
        json!({"zzz": 1}),
        json!({"ledger": null}),
        json!({"kubernetes": {}}),
        json!({"path": "x"}),
        json!({"kustomize": "x"}),
        json!({"helm": {"path": "."}}),
        json!({"A": {"apps": ["x"]}}),
    ];
    let mut out = Vec::new();
    for pointer in pointers(full) {
        for other in &others {
            let mut changed = full.clone();
            *changed.pointer_mut(&pointer).unwrap() = other.clone();
            out.push((format!("{pointer} := {other}"), changed));
        }
        let Some((parent, key)) = pointer.rsplit_once('/') else { continue };
        let mut removed = full.clone();
        match removed.pointer_mut(parent).unwrap() {
            Json::Object(map) => drop(map.remove(&key.replace("~1", "/"))),
            Json::Array(list) => drop(list.remove(key.parse().unwrap())),
            _ => {}
        }
        out.push((format!("no {pointer}"), removed));
        let mut added = full.clone();
        if let Json::Object(map) = added.pointer_mut(&pointer).unwrap() {
            map.insert("zzz".to_owned(), json!("x"));
            out.push((format!("{pointer} with zzz"), added));
        }
    }
    out
}

fn pointers(json: &Json) -> Vec<String> {
    let below = |key: &str, value: &Json| -> Vec<String> {
        pointers(value).into_iter().map(|p| format!("/{key}{p}")).collect()
    };
    let mut out = vec![String::new()];
    match json {
        Json::Object(map) => out.extend(map.iter().flat_map(|(k, v)| below(k, v))),
        Json::Array(list) => out.extend(list.iter().enumerate().flat_map(|(i, v)| below(&i.to_string(), v))),
        _ => {}
    }
    out
}

#[test]
fn the_defaults_are_those_of_the_code() {
    let (schema, _) = schema();
    let Config { urls, environments: _, ledger_branch, branch, deploy, render } = Config::default();
    let defaults = [
        ("/properties/urls", json!(urls)),
        ("/$defs/environment/properties/after", json!([])),
        ("/$defs/environment/properties/engine", json!("ledger")),
        ("/$defs/issuer/properties/maxLifeMinutes", json!(config::identity::LIFE)),
        ("/$defs/ledger/properties/branch", json!(ledger_branch)),
        ("/$defs/deploy/properties/branches", json!(deploy.branches)),
        ("/$defs/deploy/properties/onFailure", json!(deploy.on_failure)),
        ("/$defs/deploy/properties/onCrash", json!(deploy.on_crash)),
        ("/$defs/deploy/properties/dependents", json!(deploy.dependents)),
        ("/$defs/pruneThreshold/properties/count", json!(deploy.prune_threshold.count)),
        ("/$defs/pruneThreshold/properties/percent", json!(deploy.prune_threshold.percent)),
        ("/$defs/render/properties/apiVersions", json!(render.api_versions)),
    ];
    for (pointer, value) in defaults {
        assert_eq!(schema.pointer(pointer).unwrap()["default"], value, "{pointer}");
    }
    assert_eq!((branch, render.kube_version), (None, None));
}
