//! `luigi prove`: over a small fleet with every kind of trap, over real fleets,
//! and that it sees what a catalog forgets.

use std::path::Path;
use std::sync::Arc;

use luigi::name::{AppKey, CommitId};
use luigi::outside::git::Repo;
use luigi::outside::render::{Limits, Renderer, Tools};
use luigi::report::proof::{Fact, Instead, Missed, Proof};
use luigi::run::error::RunError;
use luigi::run::prove::pair::{Seen, compare};
use luigi::run::prove::{oracle, prove};
use luigi::run::reading::Reader;
use luigi::run::world::{Options, World};

use crate::support::repo::Scratch;
use crate::support::{corpus, parts};

const ROOT: &str = "apiVersion: luigi.dev/v1\nkind: Root\nurls: [https://github.com/acme/fleet]\n\
    environments:\n  prod:\n    apps: [clusters/prod/*.yaml]\n";

const SOURCE: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
    metadata: {name: fleet, namespace: flux-system}\n\
    spec: {url: https://github.com/acme/fleet, ref: {branch: main}}\n";

/// A Flux Kustomization; it takes values from these.
fn kustomization(name: &str, interval: &str, from: &[&str]) -> String {
    let from: Vec<String> = from.iter().map(|kind| format!("{{kind: {kind}, name: cluster}}")).collect();
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
         metadata: {{name: {name}, namespace: flux-system}}\n\
         spec:\n  interval: {interval}\n  path: ./{name}\n  prune: true\n  \
         sourceRef: {{kind: GitRepository, name: fleet}}\n  postBuild: {{substituteFrom: [{}]}}\n",
        from.join(", ")
    )
}

fn value(kind: &str, field: &str, colour: &str) -> String {
    format!(
        "apiVersion: v1\nkind: {kind}\nmetadata: {{name: cluster, namespace: flux-system}}\n\
         {field}: {{COLOUR: {colour}}}\n"
    )
}

/// The first commit: `settings` takes values from a ConfigMap of its own
/// content, `web` from that and from a Secret beside it, `broken` does not build.
fn fleet() -> Scratch {
    let repo = Scratch::new();
    let deployment = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: web}\n\
                      data: {colour: '${COLOUR}'}\n";
    let web =
        "resources: [web.yaml]\nconfigMapGenerator: [{name: conf, namespace: web, files: [conf.txt]}]\n";
    repo.commit(
        &[
            ("luigi.yaml", ROOT),
            ("clusters/prod/source.yaml", SOURCE),
            ("clusters/prod/settings.yaml", &kustomization("settings", "1h", &["ConfigMap"])),
            ("clusters/prod/web.yaml", &kustomization("web", "1h", &["ConfigMap", "Secret"])),
            ("clusters/prod/broken.yaml", &kustomization("broken", "1h", &[])),
            ("settings/kustomization.yaml", "resources: [map.yaml, secret.yaml]\n"),
            ("settings/map.yaml", &value("ConfigMap", "data", "red")),
            ("settings/secret.yaml", &value("Secret", "stringData", "'ENC[AES256_GCM,data:1]'")),
            ("web/kustomization.yaml", web),
            ("web/web.yaml", deployment),
            ("web/conf.txt", "one"),
            ("broken/kustomization.yaml", "resources: [nowhere.yaml]\n"),
        ],
        "first",
    );
    repo
}

fn world(dir: &Path, environments: &[&str]) -> (World, CommitId) {
    let repo = Repo::open(dir).unwrap();
    let head = repo.head().unwrap();
    let environments = environments.iter().map(|e| (*e).to_owned()).collect();
    let options = Options { environments, ..Options::default() };
    let mut world = World::load(&options, repo, head).unwrap();
    world.renderer = Renderer::new(Tools::at(parts::tools()), None, Limits::default());
    (world, head)
}

fn proof(dir: &Path, last: Option<usize>, environments: &[&str]) -> Proof {
    let (world, head) = world(dir, environments);
    prove(&world, head, last, &|_| {}).unwrap()
}

fn assert_proved(proof: &Proof) {
    assert!(proof.is_proved(), "{}", proof.to_json().unwrap());
}

#[test]
fn every_change_of_a_small_fleet_is_called() {
    let repo = fleet();
    let steps: [(&str, &str, usize); 8] = [
        // Its ciphertext differs: `settings` renders it, `web` takes values from it.
        ("settings/secret.yaml", &value("Secret", "stringData", "'ENC[AES256_GCM,data:2]'"), 2),
        ("settings/map.yaml", &value("ConfigMap", "data", "blue"), 2),
        // Read by nobody.
        ("web/README.md", "hello", 0),
        // What cannot be rendered counts as a whole.
        ("broken/README.md", "hello", 1),
        ("web/conf.txt", "two", 1),
        // A field without effect, and one with.
        ("clusters/prod/web.yaml", &kustomization("web", "2h", &["ConfigMap", "Secret"]), 0),
        ("clusters/prod/web.yaml", &kustomization("web", "2h", &["ConfigMap"]), 1),
        ("other/README.md", "hello", 0),
    ];
    for (path, text, _) in &steps {
        repo.commit(&[(path, text)], path);
    }
    repo.git(&["rm", "-q", "clusters/prod/broken.yaml"]);
    repo.commit(&[], "gone");
    let proof = proof(&repo.path(), None, &[]);
    assert_proved(&proof);
    let counts: Vec<(usize, usize)> = proof.pairs.iter().map(|p| (p.called, p.differ)).collect();
    let expected: Vec<(usize, usize)> = steps.iter().map(|(_, _, n)| (*n, *n)).chain([(1, 1)]).collect();
    assert_eq!(counts, expected);
    assert_eq!(proof.totals().excess_before, 1, "web/README.md, dropped by rendering");
    let [broken] = proof.not_rendered.as_slice() else { panic!("{:?}", proof.not_rendered) };
    assert_eq!((broken.app.app.name(), broken.by), ("broken", Instead::Files));
    let newest = proof_of_last(&repo, 1);
    assert_eq!(newest.pairs, proof.pairs[proof.pairs.len() - 1..]);
}

/// A source of another kind, and an app that is taken from it.
fn source(tag: &str, more: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\n\
         metadata: {{name: elsewhere, namespace: flux-system}}\n\
         spec: {{url: 'oci://ghcr.io/acme/apps', ref: {{tag: {tag}}}{more}}}\n"
    )
}

/// Of an app that is not here, its source is all that there is to see.
#[test]
fn a_change_of_a_source_elsewhere_is_called() {
    let repo = fleet();
    let from = kustomization("remote", "1h", &[])
        .replace("{kind: GitRepository, name: fleet}", "{kind: OCIRepository, name: elsewhere}");
    let path = "clusters/prod/elsewhere.yaml";
    repo.commit(&[("clusters/prod/remote.yaml", &from), (path, &source("v1", ""))], "one more");
    let steps: [(&str, &str, usize); 5] = [
        ("v2", "", 1),
        ("v2", ", ignore: '*.md'", 1),
        ("v2", ", ignore: '*.md', layerSelector: {operation: copy}", 1),
        ("v2", ", ignore: '*.md', layerSelector: {operation: copy}, interval: 3h", 0),
        ("v2", ", ignore: '*.md', layerSelector: {operation: copy}, secretRef: {name: key}", 0),
    ];
    for (tag, more, _) in &steps {
        repo.commit(&[(path, &source(tag, more))], "a source");
    }
    let proof = proof_of_last(&repo, steps.len());
    assert_proved(&proof);
    let counts: Vec<(usize, usize)> = proof.pairs.iter().map(|p| (p.called, p.differ)).collect();
    let expected: Vec<(usize, usize)> = steps.iter().map(|(_, _, n)| (*n, *n)).collect();
    assert_eq!(counts, expected);
}

fn proof_of_last(repo: &Scratch, last: usize) -> Proof {
    proof(&repo.path(), Some(last), &[])
}

#[test]
fn one_commit_proves_nothing() {
    let repo = fleet();
    let (world, head) = world(&repo.path(), &[]);
    assert!(matches!(prove(&world, head, None, &|_| {}), Err(RunError::Usage(_))));
}

/// A commit as it is read, and the key of an app there.
fn seen(world: &World, commit: CommitId) -> Seen {
    let files = world.repo.files(commit).unwrap();
    let catalog = Reader::new(world).catalog(&files).unwrap();
    let oracle = Arc::new(oracle::look(world, commit, &catalog, &|_| {}).unwrap());
    Seen { commit, files, catalog, oracle }
}

fn key(seen: &Seen, name: &str) -> AppKey {
    seen.catalog.apps.keys().find(|key| key.app.name() == name).unwrap().clone()
}

#[test]
fn a_forgotten_file_is_a_miss() {
    let repo = fleet();
    let first = CommitId::parse(&repo.git(&["rev-parse", "HEAD"])).unwrap();
    repo.commit(&[("web/conf.txt", "two")], "second");
    let (world, head) = world(&repo.path(), &[]);
    let (mut base, mut head) = (seen(&world, first), seen(&world, head));
    let web = key(&head, "web");
    for end in [&mut base, &mut head] {
        let content = &mut end.catalog.apps.get_mut(&web).unwrap().content;
        let content = Arc::make_mut(content);
        content.around.clear();
        content.inputs.retain(|path, _| path.as_str() != "web/conf.txt");
    }
    let pair = compare(&world, base, &head).unwrap().into_pair();
    let [miss] = pair.misses.as_slice() else { panic!("{:?}", pair.misses) };
    assert_eq!((&miss.app, &miss.what), (&web, &Missed::NotCalled { facts: vec![Fact::Objects] }));
}

#[test]
fn a_render_from_too_few_files_is_a_miss() {
    let repo = fleet();
    let first = CommitId::parse(&repo.git(&["rev-parse", "HEAD"])).unwrap();
    repo.commit(&[("web/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")], "second");
    let (world, head) = world(&repo.path(), &[]);
    let (base, mut head) = (seen(&world, first), seen(&world, head));
    let web = key(&head, "web");
    let content = &mut head.catalog.apps.get_mut(&web).unwrap().content;
    for job in &mut Arc::make_mut(content).jobs {
        job.inputs.retain(|path, _| path.as_str() != "web/conf.txt");
    }
    let pair = compare(&world, base, &head).unwrap().into_pair();
    let [miss] = pair.misses.as_slice() else { panic!("{:?}", pair.misses) };
    assert!(matches!(&miss.what, Missed::Render { why } if why.contains("conf.txt")), "{miss:?}");
}

#[test]
fn an_app_that_the_catalog_lacks_is_a_miss() {
    let repo = fleet();
    let (world, head) = world(&repo.path(), &[]);
    let mut seen = seen(&world, head);
    assert_eq!(seen.oracle.faults, []);
    let web = key(&seen, "web");
    let app = seen.catalog.apps.remove(&web).unwrap();
    let look = |seen: &Seen| oracle::look(&world, head, &seen.catalog, &|_| {}).unwrap().faults;
    let by = "clusters/prod/web.yaml".to_owned();
    assert_eq!(look(&seen)[0].what, Missed::Hidden { by });
    let mut other = app.clone();
    other.definition = Arc::new(serde_json::json!({"kind": "Kustomization"}));
    seen.catalog.apps.insert(web.clone(), other);
    assert_eq!(look(&seen)[0].what, Missed::Definition);
    let mut phantom = web.clone();
    phantom.app = luigi::name::AppId::parse("Kustomization/flux-system/phantom").unwrap();
    let mut nowhere = app.clone();
    nowhere.key = phantom.clone();
    seen.catalog.apps = [(web, app), (phantom, nowhere)].into();
    assert!(look(&seen).iter().any(|miss| miss.what == Missed::Phantom));
}

/// The whole history: 38 pairs.
#[test]
fn the_whole_history_of_flux2_kustomize_helm_example() {
    let around = tempfile::tempdir().unwrap();
    let proof = proof(&corpus::clone("flux2-kustomize-helm-example", around.path()), None, &[]);
    assert_proved(&proof);
    assert_eq!(proof.pairs.len(), 38);
    let totals = proof.totals();
    assert!(totals.differ > 100 && totals.excess <= 1, "{totals:?}");
}

/// A sample of 1 of 149 pairs; docs/corpus.md has the figures of all.
#[test]
fn the_newest_commit_of_home_ops() {
    let around = tempfile::tempdir().unwrap();
    let proof = proof(&corpus::clone("home-ops", around.path()), Some(1), &[]);
    assert_proved(&proof);
    let totals = proof.totals();
    assert!(totals.compared.rendered > 80 && totals.excess == 0, "{totals:?}");
}

/// A sample of 2 of 148 pairs and 1 of 24 environments; docs/corpus.md has more.
#[test]
fn the_newest_commits_of_phalanx() {
    let around = tempfile::tempdir().unwrap();
    let proof = proof(&corpus::clone("phalanx", around.path()), Some(2), &["idfdev"]);
    assert_proved(&proof);
    let totals = proof.totals();
    assert!(totals.compared.rendered > 30 && totals.excess == 0, "{totals:?}");
}
