//! The Flux fleets: definitions followed by hand, from the first to the last,
//! with `kustomize` doing what Flux would have it do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use luigi::name::AppKey;
use luigi::object::Object;
use luigi::problem::Code;
use serde_json::{Value, json};

use super::{Read, assert_same, hand, texts};
use crate::support::{corpus, repo::git};

const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// One environment, followed by hand.
#[derive(Default)]
struct Followed {
    /// `kind/namespace/name` of every definition.
    ids: BTreeSet<String>,
    /// What each Kustomization renders to; `None` where its source is elsewhere.
    rendered: BTreeMap<String, Option<Result<Vec<String>, String>>>,
    /// The ConfigMaps met so far, by name.
    maps: BTreeMap<String, Value>,
}

fn id(object: &Object) -> String {
    format!("{}/{}/{}", object.key.kind, object.key.namespace, object.key.name)
}

fn is_kustomization(object: &Object) -> bool {
    object.key.group == "kustomize.toolkit.fluxcd.io" && object.kind() == "Kustomization"
}

/// Where `spec.path` lies in the clone; `None` where it lies elsewhere.
type Locate<'a> = dyn Fn(&Value) -> Option<PathBuf> + 'a;

impl Followed {
    /// Follows these definitions and all that they render. Again, when there are
    /// ConfigMaps that were not there before what takes values from them.
    fn follow(top: &Path, roots: &[Object], locate: &Locate<'_>) -> Self {
        let mut this = Self::default();
        loop {
            let known = this.maps.clone();
            this.once(top, roots.to_vec(), locate);
            if this.maps == known {
                return this;
            }
        }
    }

    fn once(&mut self, top: &Path, mut open: Vec<Object>, locate: &Locate<'_>) {
        self.rendered.clear();
        while let Some(object) = open.pop() {
            if object.key.kind == "ConfigMap" {
                self.maps.insert(object.key.name.clone(), object.json["data"].clone());
            }
            if object.key.group == "helm.toolkit.fluxcd.io" || is_kustomization(&object) {
                self.ids.insert(id(&object));
            }
            if is_kustomization(&object) && !self.rendered.contains_key(&id(&object)) {
                let objects = locate(&object.json).map(|path| self.render(top, &path, &object));
                open.extend(objects.iter().flatten().flatten().cloned());
                self.rendered.insert(id(&object), objects.map(|result| result.map(texts)));
            }
        }
    }

    /// As Flux does it: the overlay that the spec asks for, `kustomize build`,
    /// then variables in the text that comes out.
    fn render(&self, top: &Path, path: &Path, object: &Object) -> Result<Vec<Object>, String> {
        if !NAMES.iter().any(|name| path.join(name).exists()) {
            hand::run(path, "kustomize", &["create", "--autodetect", "--recursive"])?;
        }
        let spec = &object.json["spec"];
        let depth = top.join("by-hand").join(&object.key.name);
        std::fs::create_dir_all(&depth).unwrap();
        let relative = path.strip_prefix(top).unwrap().to_str().unwrap();
        let mut overlay = json!({"resources": [format!("../../{relative}")]});
        let mut set = |key: &str, value: &Value| {
            if !value.is_null() {
                overlay[key] = value.clone();
            }
        };
        set("namespace", &spec["targetNamespace"]);
        set("patches", &spec["patches"]);
        let labels = &spec["commonMetadata"]["labels"];
        if !labels.is_null() {
            set("labels", &json!([{"pairs": labels}]));
        }
        std::fs::write(depth.join("kustomization.yaml"), overlay.to_string()).unwrap();
        let build = ["build", "--load-restrictor=LoadRestrictionsNone", "."];
        let text = hand::run(&depth, "kustomize", &build)?;
        match self.variables(spec) {
            None => hand::objects(&text),
            Some(variables) => substituted(&text, &variables),
        }
    }

    /// The values of variables. A Secret's are not to be had.
    fn variables(&self, spec: &Value) -> Option<BTreeMap<String, String>> {
        let post = spec.get("postBuild")?;
        let mut out = BTreeMap::new();
        let from = post["substituteFrom"].as_array().into_iter().flatten();
        let maps = from.filter_map(|one| self.maps.get(hand::text(one, "/name")));
        for (key, value) in maps.chain([&post["substitute"]]).filter_map(Value::as_object).flatten() {
            out.insert(key.clone(), value.as_str().unwrap().to_owned());
        }
        Some(out)
    }
}

/// Variables in the text of each document, but where that is switched off.
fn substituted(text: &str, variables: &BTreeMap<String, String>) -> Result<Vec<Object>, String> {
    let mut out = Vec::new();
    for document in text.split("\n---\n") {
        let off = document.contains("kustomize.toolkit.fluxcd.io/substitute: disabled");
        let document = if off { document.to_owned() } else { expand(document, variables)? };
        out.extend(hand::objects(&document)?);
    }
    Ok(out)
}

/// `${NAME}` and `${NAME:-default}` with a value; `$$` is a dollar. What has no
/// value here may have one in the cluster's Secret, and stays.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let end = end_of(after).ok_or("no end")?;
            let name = after[..end].split([':', '=', '-']).next().unwrap_or("");
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(format!("{name:?} is no name"));
            }
            match variables.get(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&rest[..end + 3]),
            }
            rest = &after[end + 1..];
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    Ok(out + rest)
}

/// Where the brace is that ends an expression; there may be others in it.
fn end_of(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        None
    })
}

/// The objects of files of the clone.
fn of_files(dir: &Path, names: &[&str]) -> Vec<Object> {
    let read = |name: &&str| hand::objects(&std::fs::read_to_string(dir.join(name)).unwrap()).unwrap();
    names.iter().flat_map(read).collect()
}

/// What Luigi has of an environment against what was followed by hand. Gives the
/// Kustomizations that are not rendered, and how many are the same.
#[track_caller]
fn agree(read: &Read, environment: &str, followed: &Followed) -> (BTreeMap<String, String>, usize) {
    let here = |key: &AppKey| key.environment.as_str() == environment;
    let keys = read.catalog.apps.keys().filter(|key| here(key));
    let ids: BTreeSet<String> = keys.map(|key| key.app.to_string()).collect();
    assert_eq!(ids, followed.ids, "{environment}");
    let renders = read.renders(|key| here(key) && key.app.kind() == "Kustomization");
    let (mut named, mut same) = (BTreeMap::new(), 0);
    for (key, render) in renders {
        let id = key.app.to_string();
        match (render, &followed.rendered[&id]) {
            (Ok(ours), Some(Ok(theirs))) => {
                assert_same(&key, &ours, theirs);
                same += 1;
            }
            (Err(why), None | Some(Err(_))) => _ = named.insert(id, why),
            (ours, theirs) => panic!("{key}: {ours:?}, and by hand {theirs:?}"),
        }
    }
    (named, same)
}

#[test]
fn flux2_kustomize_helm_example_is_what_kustomize_renders_by_hand() {
    let around = tempfile::tempdir().unwrap();
    let dir = corpus::clone("flux2-kustomize-helm-example", around.path());
    let read = Read::head(&dir);
    for environment in ["production", "staging"] {
        let roots = of_files(&dir.join("clusters").join(environment), &["apps.yaml", "infrastructure.yaml"]);
        // Its artifacts are copies of two folders.
        let locate = |definition: &Value| {
            let source = hand::text(definition, "/spec/sourceRef/name");
            Some(dir.join(source).join(hand::text(definition, "/spec/path").trim_start_matches("./")))
        };
        let followed = Followed::follow(&dir, &roots, &locate);
        let (named, same) = agree(&read, environment, &followed);
        assert_eq!((named, same), (BTreeMap::new(), 3), "{environment}");
        assert_eq!(followed.ids.len(), 6);
    }
    let codes: BTreeSet<Code> = read.catalog.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, BTreeSet::from([Code::SourceAssumed]), "nothing is wrong");
}

/// The files that define a HelmRelease, `.archive` apart.
fn releases(dir: &Path) -> BTreeSet<PathBuf> {
    let text = git(dir, &["grep", "-l", "-e", "^kind: HelmRelease$", "--", "kubernetes"]);
    text.lines().map(PathBuf::from).collect()
}

#[test]
fn home_ops_is_what_kustomize_renders_by_hand() {
    let around = tempfile::tempdir().unwrap();
    let dir = corpus::clone("home-ops", around.path());
    let read = Read::head(&dir);
    let releases = releases(&dir);
    let roots = of_files(&dir.join("kubernetes/main/flux/config"), &["cluster.yaml"]);
    let locate = |definition: &Value| {
        let here = hand::text(definition, "/spec/sourceRef/kind") == "GitRepository";
        here.then(|| dir.join(hand::text(definition, "/spec/path").trim_start_matches("./")))
    };
    let followed = Followed::follow(&dir, &roots, &locate);
    let (named, same) = agree(&read, "main", &followed);
    assert!(same > 80, "{same} {named:#?}");
    // One has its source elsewhere; the others lack files that a bundle of
    // manifests does not hold. Each that may hide an app is named.
    let elsewhere = "Kustomization/flux-system/flux".to_owned();
    let lost: BTreeSet<String> = named.keys().filter(|id| **id != elsewhere).cloned().collect();
    let told = read.with_problem(Code::ParentNotRendered);
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), lost);
    // What is hidden so, counted in the files: each HelmRelease is seen, or lies
    // where such a Kustomization points.
    let below_lost = |file: &&PathBuf| {
        let at = |id: &String| {
            let (_, name) = id.rsplit_once('/').unwrap();
            let definition = &read.catalog.apps.iter().find(|(key, _)| key.app.name() == name).unwrap().1;
            hand::text(&definition.definition, "/spec/path").trim_start_matches("./").to_owned()
        };
        lost.iter().any(|id| file.starts_with(at(id)))
    };
    let hidden = releases.iter().filter(below_lost).count();
    let seen = followed.ids.iter().filter(|id| id.starts_with("HelmRelease/")).count();
    assert_eq!(seen + hidden, releases.len());
}
