//! A HelmRelease that nobody carries, with a chart of its own repository: it is
//! rendered as Flux would have it, or named as not rendered.

use luigi::outside::git::Repo;
use luigi::outside::render::{Limits, Renderer, Tools};
use luigi::run::reading::Reader;
use luigi::run::rendering::{self, AppRender};
use luigi::run::world::{Options, World};

use crate::support::parts;
use crate::support::repo::Scratch;

const ROOT: &str = "apiVersion: luigi.dev/v1\nkind: Root\nurls: [https://github.com/acme/fleet]\n\
    environments:\n  prod:\n    apps: [releases/*.yaml]\n";
const SOURCE: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
    metadata: {name: fleet, namespace: apps}\nspec: {url: https://github.com/acme/fleet}\n";
const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n\
    data: {colour: '{{ .Values.colour }}', namespace: '{{ .Release.Namespace }}'}\n";

/// What a release with these fields renders to.
fn render(fields: &str) -> AppRender {
    let release = format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: apps}}\n\
         spec:\n  chart: {{spec: {{chart: charts/web, sourceRef: {{kind: GitRepository, name: fleet}}}}}}\n{fields}"
    );
    let repo = Scratch::new();
    repo.commit(
        &[
            ("luigi.yaml", ROOT),
            ("releases/source.yaml", SOURCE),
            ("releases/web.yaml", &release),
            ("charts/web/Chart.yaml", CHART),
            ("charts/web/values.yaml", "colour: red\n"),
            ("charts/web/templates/map.yaml", TEMPLATE),
        ],
        "one",
    );
    let repo = Repo::open(&repo.path()).unwrap();
    let head = repo.head().unwrap();
    let mut world = World::load(&Options::default(), repo, head).unwrap();
    world.renderer = Renderer::new(Tools::at(parts::tools()), None, Limits::default());
    let files = world.repo.files(head).unwrap();
    let catalog = Reader::new(&world).catalog(&files).unwrap();
    let apps: Vec<_> = catalog.apps.values().collect();
    let mut renders = rendering::apps(&world, &files, &apps, &|_| {});
    renders.pop_first().unwrap().1
}

#[track_caller]
fn renders_to(fields: &str, name: &str, colour: &str, namespace: &str) {
    let AppRender::Objects(objects, _) = render(fields) else { panic!("{fields} is not rendered") };
    let object = &objects[0].json;
    assert_eq!(
        (&object["metadata"]["name"], &object["data"]["colour"], &object["data"]["namespace"]),
        (&name.into(), &colour.into(), &namespace.into())
    );
}

#[test]
fn a_release_has_the_name_and_the_values_that_flux_gives_it() {
    renders_to("", "web", "red", "apps");
    renders_to("  values: {colour: blue}\n", "web", "blue", "apps");
    renders_to("  targetNamespace: shop\n", "shop-web", "red", "shop");
    renders_to("  targetNamespace: shop\n  releaseName: own\n", "own", "red", "shop");
}

/// With less than all of its values it would be another release.
#[test]
fn a_release_that_cannot_be_had_whole_is_named() {
    for (fields, word) in [
        ("  valuesFrom: [{kind: ConfigMap, name: colours}]\n", "ConfigMap colours"),
        ("  valuesFrom: [{kind: Secret, name: keys, valuesKey: a}]\n", "Secret keys"),
        ("  postRenderers: [{kustomize: {patches: []}}]\n", "postRenderers"),
    ] {
        let AppRender::NotRendered(why) = render(fields) else { panic!("{fields} is rendered") };
        assert!(why.iter().any(|why| why.contains(word)), "{why:?}");
    }
}
