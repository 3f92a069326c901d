//! What content may do, compared with the tools run by hand where they can be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use luigi::catalog::job::{
    Crds, Dependency, Depth, Input, Mount, Plain, Set, SetValue, Substitute, Tool, UnknownVariable, Values,
};
use luigi::files::{EntryKind, Files, MemoryFiles};
use luigi::name::RepoPath;
use luigi::outside::render::{Limits, Outcome, Renderer, Tools, Work};

use super::{by_hand, helm, job, keys, kustomize, linked, memory, objects, path, refused, render, renderer};
use crate::support::parts;

pub const ALL: Depth = Depth::Recursive;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n\
                      data: {a: {{ .Values.a | quote }}, b: {{ .Values.b | quote }}, c: {{ .Values.c | quote }}}\n";

/// The files on a disk, for the tools by hand and for `render_in`.
fn on_disk(files: &MemoryFiles) -> tempfile::TempDir {
    let around = tempfile::tempdir().unwrap();
    let dir = around.path().join("export");
    std::fs::create_dir(&dir).unwrap();
    let top = files.entry(&RepoPath::root()).unwrap().unwrap();
    luigi::files::walk(files, top.id, &RepoPath::root(), &mut |path, entry| {
        let to = dir.join(path.as_str());
        match entry.kind {
            EntryKind::Directory => std::fs::create_dir_all(to).unwrap(),
            EntryKind::Link => {
                let target = files.blob(entry.id).unwrap();
                std::os::unix::fs::symlink(std::str::from_utf8(&target).unwrap(), to).unwrap();
            }
            _ => std::fs::write(to, files.blob(entry.id).unwrap()).unwrap(),
        }
        Ok(luigi::files::Next::Enter)
    })
    .unwrap();
    around
}

#[test]
fn kustomize_renders_what_it_renders_by_hand() {
    let files = linked(&[
        (
            "apps/web/kustomization.yaml",
            "resources: [../../base, extra.yaml]\nnamespace: web\ncomponents: [../../parts/one]\n\
             configMapGenerator: [{name: c, files: [k=../../shared/f.txt], envs: [e.env]}]\n\
             patches: [{path: p.yaml}]\ntransformers: [t.yaml]\n\
             helmCharts: [{name: web, releaseName: r, valuesFile: v.yaml}]\n",
        ),
        ("apps/web/charts/web/Chart.yaml", CHART),
        ("apps/web/charts/web/values.yaml", "a: 1\nb: 2\nc: 3\n"),
        ("apps/web/charts/web/templates/c.yaml", CONFIG),
        ("apps/web/v.yaml", "a: 9\n"),
        ("apps/web/extra.yaml", "-> ../../shared/extra.yaml"),
        ("apps/web/e.env", "A=1\n"),
        (
            "apps/web/p.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n",
        ),
        (
            "apps/web/t.yaml",
            "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {x: y}\n",
        ),
        ("base/Kustomization", "resources: [d.yaml]\n"),
        (
            "base/d.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1}\n",
        ),
        (
            "parts/one/kustomization.yml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: a-\n",
        ),
        ("shared/f.txt", "text\n"),
        ("shared/extra.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n"),
    ]);
    let got = objects(render(&files, kustomize("apps/web")));
    let around = on_disk(&files);
    let dir = around.path().join("export");
    let command = format!("--helm-command={}", parts::tools().join("helm").display());
    let hand = ["build", "--load-restrictor=LoadRestrictionsNone", "--enable-helm", &command, "apps/web"];
    assert_eq!(got, by_hand(&dir, "kustomize", &hand));
    assert_eq!(got.len(), 4, "{:?}", keys(&got));
    assert_eq!(objects(renderer().render_in(&dir, &job(&files, kustomize("apps/web")))), got);
}

#[test]
fn helm_renders_what_it_renders_by_hand() {
    let files = memory(&[
        ("c/Chart.yaml", CHART),
        ("c/values.yaml", "a: 1\nb: 2\nc: 3\n"),
        ("c/templates/c.yaml", CONFIG),
        (
            "c/templates/hook.yaml",
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: pre-install}}\n",
        ),
        (
            "c/templates/version.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: v}\nstringData: {v: '{{ .Capabilities.KubeVersion }} {{ .Capabilities.APIVersions.Has \"a.example/v1\" }}'}\n",
        ),
        (
            "c/crds/x.yaml",
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n",
        ),
        ("env/a, b.yaml", "a: from file\n"),
        ("env/text.txt", "one,two"),
    ]);
    let mut tool = helm("c");
    tool.values = vec![Values::File(path("env/a, b.yaml")), Values::Text("{\"b\": \"from text\"}".into())];
    tool.sets = vec![Set { name: "c".into(), value: SetValue::File(path("env/text.txt")) }];
    tool.kube_version = Some("1.31".into());
    tool.api_versions = vec!["a.example/v1".into()];
    let got = objects(render(&files, Tool::Helm(tool.clone())));
    let around = on_disk(&files);
    let dir = around.path().join("export");
    let hand = [
        "template",
        "app",
        "c",
        "--namespace=ns",
        "--include-crds",
        "--values=\"env/a, b.yaml\"",
        "--set=b=from text",
        "--set-file=c=env/text.txt",
        "--kube-version=1.31",
        "--api-versions=a.example/v1",
    ];
    assert_eq!(got, by_hand(&dir, "helm", &hand));
    assert_eq!(got.len(), 4, "{:?}", keys(&got));
    tool.crds = Crds::Skip;
    tool.sets = vec![Set { name: "a".into(), value: SetValue::Text("1,2".into()) }];
    let got = objects(render(&files, Tool::Helm(tool)));
    assert_eq!(got.len(), 3, "{:?}", keys(&got));
    assert!(got.iter().any(|object| object.json["data"]["a"] == "1,2"));
}

#[test]
fn file_dependencies_are_put_in_place_to_any_depth() {
    let chart = |name: &str, needs: &str| {
        let dependency =
            format!("dependencies: [{{name: {needs}, version: 1.x.x, repository: file://../{needs}}}]\n");
        format!(
            "apiVersion: v2\nname: {name}\nversion: 1.0.0\n{}",
            if needs.is_empty() { "" } else { &dependency }
        )
    };
    let config = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    let files = memory(&[
        ("charts/a/Chart.yaml", &chart("a", "b")),
        ("charts/a/Chart.lock", "dependencies: [{name: b, repository: file://../b, version: 1.0.0}]\n"),
        ("charts/a/templates/a.yaml", &config("a")),
        ("charts/b/Chart.yaml", &chart("b", "c")),
        ("charts/b/templates/b.yaml", &config("b")),
        ("charts/c/Chart.yaml", &chart("c", "")),
        ("charts/c/templates/c.yaml", &config("c")),
    ]);
    let dependency = |chart: &str, from: &str| Dependency { chart: path(chart), from: path(from) };
    let mut tool = helm("charts/a");
    tool.dependencies = vec![dependency("charts/a", "charts/b"), dependency("charts/b", "charts/c")];
    let job_of = |tool: &luigi::catalog::job::Helm| job(&files, Tool::Helm(tool.clone()));
    let got = objects(renderer().render(&files, &job_of(&tool), "a"));
    let mut names = keys(&got);
    names.sort();
    assert_eq!(names, ["_/ConfigMap/_/a", "_/ConfigMap/_/b", "_/ConfigMap/_/c"]);

    let around = on_disk(&files);
    let dir = around.path().join("export");
    assert_eq!(objects(renderer().render_in(&dir, &job_of(&tool))), got);
    assert!(!dir.join("charts/a/charts").exists(), "the export is not changed");
    assert_eq!(std::fs::read_dir(around.path()).unwrap().count(), 1, "nothing is left");

    tool.dependencies.push(dependency("charts/c", "charts/a"));
    let told = refused(&renderer().render(&files, &job_of(&tool), "a"));
    assert_eq!(told, ["charts/a/Chart.yaml: L0411: charts depend on one another in a circle"]);
    tool.dependencies.clear();
    let told = refused(&renderer().render(&files, &job_of(&tool), "a"));
    assert!(
        told[0].starts_with("charts/a/Chart.yaml: L0502: helm: ") && told[0].contains("missing"),
        "{told:?}"
    );
}

#[test]
fn only_inputs_are_there_and_mounts_are_honoured() {
    let object = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    let files = memory(&[
        ("k/kustomization.yaml", "resources: [a.yaml, ../lib/b.yaml]\n"),
        ("k/a.yaml", &object("a")),
        ("elsewhere/lib/b.yaml", &object("b")),
    ]);
    let blob = |name: &str| Input::Blob(files.entry(&path(name)).unwrap().unwrap().id);
    let mut job = job(&files, kustomize("k"));
    job.inputs = BTreeMap::from([
        (path("k/kustomization.yaml"), blob("k/kustomization.yaml")),
        (path("k/a.yaml"), blob("k/a.yaml")),
        (path("k/kustomization.yml"), Input::Absent),
    ]);
    let told = refused(&renderer().render(&files, &job, "app"));
    assert!(told[0].starts_with("k/kustomization.yaml: L0502: kustomize: "), "{told:?}");
    assert!(told[0].contains("lib/b.yaml") && !told[0].contains("/content"), "{told:?}");

    job.inputs
        .insert(path("elsewhere/lib"), Input::Tree(files.entry(&path("elsewhere/lib")).unwrap().unwrap().id));
    job.mounts = vec![Mount { at: path("lib"), from: path("elsewhere/lib") }];
    let got = objects(renderer().render(&files, &job, "app"));
    assert_eq!(keys(&got), ["_/ConfigMap/_/a", "_/ConfigMap/_/b"]);
    let around = on_disk(&files);
    assert_eq!(objects(renderer().render_in(&around.path().join("export"), &job)), got);
}

#[test]
fn a_generated_kustomization_stands_in() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {n: '${N}', s: '${SECRET}'}\n";
    let files = memory(&[("k/a.yaml", object), ("k/kustomization.yml", "resources: [gone.yaml]\n")]);
    let mut job = job(&files, kustomize("k"));
    let text = "resources: [a.yaml]\nnamespace: ns\n";
    job.tool = Tool::Kustomize(luigi::catalog::job::Kustomize { dir: path("k"), replace: Some(text.into()) });
    job.substitute = Some(Substitute {
        variables: BTreeMap::from([("N".into(), "3".into())]),
        unknown: UnknownVariable::Keep,
    });
    let got = objects(renderer().render(&files, &job, "app"));
    assert_eq!(keys(&got), ["_/ConfigMap/ns/a"]);
    assert_eq!(got[0].json["data"], serde_json::json!({"n": 3, "s": "${SECRET}"}));
    let around = on_disk(&files);
    let dir = around.path().join("export");
    assert_eq!(objects(renderer().render_in(&dir, &job)), got);
    assert_eq!(std::fs::read_to_string(dir.join("k/kustomization.yml")).unwrap(), "resources: [gone.yaml]\n");
}

#[test]
fn plain_files_follow_argo_cd() {
    let object =
        |kind: &str, name: &str| format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n");
    let files = memory(&[
        ("p/a.yaml", &object("ConfigMap", "a")),
        ("p/sub/b.yml", &object("Namespace", "b")),
        (
            "p/sub/c.json",
            "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"c\"}}]}",
        ),
        ("p/values.yaml", "replicas: 1\n"),
        ("p/readme.md", "no"),
    ]);
    let plain = |depth, include: &str, exclude: &str| {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let tool = Plain { path: path("p"), depth, include: text(include), exclude: text(exclude) };
        let mut job = job(&files, Tool::Plain(tool));
        job.namespace = Some("ns".into());
        keys(&objects(renderer().render(&files, &job, "app")))
    };
    assert_eq!(plain(Depth::Folder, "", ""), ["_/ConfigMap/ns/a"]);
    assert_eq!(plain(ALL, "", ""), ["_/ConfigMap/ns/a", "_/Namespace/_/b", "_/Secret/ns/c"]);
    assert_eq!(plain(ALL, "{*.yaml,*.json}", "sub/*"), ["_/ConfigMap/ns/a"]);
    let gone = Plain { path: path("q"), depth: ALL, include: None, exclude: None };
    assert_eq!(refused(&render(&files, Tool::Plain(gone))), ["q: L0403: there is nothing here"]);
}

#[test]
fn a_tools_words_name_the_file() {
    let files = memory(&[
        ("x/c/Chart.yaml", CHART),
        ("x/c/templates/bad.yaml", "a: 1\nb: {{ fail \"no\" }}\n"),
        ("k/kustomization.yaml", "resources: [bad.yaml]\n"),
        ("k/bad.yaml", "a: b: c\n"),
    ]);
    let told = refused(&render(&files, Tool::Helm(helm("x/c"))));
    assert!(told[0].starts_with("x/c/templates/bad.yaml:2:") && told[0].ends_with("): no"), "{told:?}");
    let told = refused(&render(&files, kustomize("k")));
    assert!(told[0].starts_with("k/bad.yaml: L0502: kustomize: "), "{told:?}");
}

#[test]
fn the_cache_returns_what_was_rendered_and_survives_damage() {
    let files = memory(&[
        ("c/Chart.yaml", CHART),
        ("c/values.yaml", "{a: 1, b: 2, c: 3}"),
        ("c/templates/c.yaml", CONFIG),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let job = job(&files, Tool::Helm(helm("c")));
    let cached = || Renderer::new(Tools::at(parts::tools()), Some(dir.path().to_owned()), Limits::default());
    let first = objects(cached().render(&files, &job, "app"));
    // Without any files, only the cache can answer.
    let nothing = memory(&[]);
    assert_eq!(objects(cached().render(&nothing, &job, "app")), first);
    let entry = walk(dir.path());
    let mut bytes = std::fs::read(&entry).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    std::fs::write(&entry, bytes).unwrap();
    assert!(matches!(cached().render(&nothing, &job, "app"), Outcome::Failed(_)));
    assert_eq!(objects(cached().render(&files, &job, "app")), first);
    assert_eq!(objects(cached().render(&nothing, &job, "app")), first);
}

/// The one file below a folder.
fn walk(dir: &std::path::Path) -> std::path::PathBuf {
    let sub = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(sub).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn many_are_rendered_at_a_time_and_equal_ones_once() {
    let files = memory(&[
        ("a/kustomization.yaml", "resources: [x.yaml]\n"),
        ("a/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),
        ("b/kustomization.yaml", "resources: [gone.yaml]\n"),
    ]);
    let (a, b) = (job(&files, kustomize("a")), job(&files, kustomize("b")));
    let work: Vec<Work<'_>> =
        [&a, &b, &a, &a].into_iter().map(|job| Work { files: &files, job, app: "app" }).collect();
    let told = AtomicUsize::new(0);
    let done = renderer().render_all(&work, &|_, _| {
        told.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(told.into_inner(), 4);
    assert_eq!(done.len(), 4);
    assert_eq!(done[0], done[2]);
    assert_eq!(keys(&objects(done[3].clone())), ["_/ConfigMap/_/a"]);
    assert!(refused(&done[1])[0].starts_with("b/kustomization.yaml: L0502: "));
}
