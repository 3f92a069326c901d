//! The kustomization file that Argo CD or Flux would write before it builds.
//!
//! Both change the folder's own file; so do we, as text that stands in for it.
//! Flux: fluxcd/pkg `kustomize/kustomize_generator.go`. Argo CD:
//! `util/kustomize/kustomize.go`, which runs `kustomize edit`.

use serde_json::{Map, Value as Json, json};

use super::closure::Closure;
use super::doc::at;
use super::format::Context;
use crate::files::ReadError;
use crate::name::RepoPath;
use crate::problem::Place;

/// A kustomization file's content.
pub type Kustomization = Map<String, Json>;

/// The folder's own kustomization; `None` when it has none, or one that cannot
/// be read (which the closure says).
pub fn own(
    context: &Context<'_>,
    closure: &mut Closure<'_>,
    dir: &RepoPath,
    place: &Place,
) -> Result<Option<Kustomization>, ReadError> {
    let Some((found, id)) = closure.kustomization_of(dir, place)? else { return Ok(None) };
    let parsed = context.parses.get(context.files, &found.real, id)?;
    closure.problems.extend(parsed.1.iter().cloned());
    Ok(parsed.0.first().and_then(|doc| doc.json.as_object().cloned()))
}

/// Argo CD's `source.kustomize`; `None` when it changes nothing.
pub fn argo(mut own: Kustomization, options: &Json) -> Option<String> {
    let before = own.clone();
    for key in ["namePrefix", "nameSuffix", "namespace"] {
        set_text(&mut own, key, at(options, &[key]));
    }
    for (from, to) in [("commonLabels", "commonLabels"), ("commonAnnotations", "commonAnnotations")] {
        if let Some(map) = at(options, &[from]).and_then(Json::as_object) {
            merge_map(&mut own, to, map);
        }
    }
    for image in at(options, &["images"]).and_then(Json::as_array).into_iter().flatten() {
        if let Some(image) = image.as_str() {
            by_name(&mut own, "images", image_override(image));
        }
    }
    for replicas in at(options, &["replicas"]).and_then(Json::as_array).into_iter().flatten() {
        let count = match at(replicas, &["count"]) {
            Some(Json::String(text)) => text.parse::<i64>().map_or(json!(text), |n| json!(n)),
            Some(other) => other.clone(),
            None => Json::Null,
        };
        by_name(&mut own, "replicas", json!({"name": at(replicas, &["name"]), "count": count}));
    }
    append(&mut own, "patches", at(options, &["patches"]));
    append(&mut own, "components", at(options, &["components"]));
    (own != before).then(|| Json::Object(own).to_string())
}

/// What a Flux `Kustomization`'s spec adds; `None` when it changes nothing.
pub fn flux(mut own: Kustomization, spec: &Json) -> Option<String> {
    let before = own.clone();
    set_text(&mut own, "namespace", at(spec, &["targetNamespace"]));
    set_text(&mut own, "namePrefix", at(spec, &["namePrefix"]));
    set_text(&mut own, "nameSuffix", at(spec, &["nameSuffix"]));
    append(&mut own, "patches", at(spec, &["patches"]));
    append(&mut own, "patchesStrategicMerge", strategic(spec).as_ref());
    append(&mut own, "patchesJson6902", json6902(spec).as_ref());
    append(&mut own, "components", at(spec, &["components"]));
    for image in at(spec, &["images"]).and_then(Json::as_array).into_iter().flatten() {
        flux_image(&mut own, image);
    }
    if let Some(Json::Array(metadata)) = at(spec, &["buildMetadata"])
        && !metadata.is_empty()
    {
        own.insert("buildMetadata".to_owned(), json!(metadata));
    }
    // `commonMetadata` touches an object's own metadata only, never a template:
    // the field path says so.
    let transformers: Vec<Json> = [("labels", "LabelTransformer"), ("annotations", "AnnotationsTransformer")]
        .into_iter()
        .filter_map(|(key, kind)| {
            let map = at(spec, &["commonMetadata", key])?;
            Some(json!(
                json!({
                    "apiVersion": "builtin", "kind": kind, "metadata": {"name": format!("common-{key}")},
                    key: map, "fieldSpecs": [{"path": format!("metadata/{key}"), "create": true}],
                })
                .to_string()
            ))
        })
        .collect();
    if !transformers.is_empty() {
        append(&mut own, "transformers", Some(&Json::Array(transformers)));
    }
    (own != before).then(|| Json::Object(own).to_string())
}

/// Flux writes strategic merge patches as text.
fn strategic(spec: &Json) -> Option<Json> {
    let list = at(spec, &["patchesStrategicMerge"])?.as_array()?;
    Some(Json::Array(list.iter().map(|p| json!(p.to_string())).collect()))
}

/// … and JSON 6902 patches too.
fn json6902(spec: &Json) -> Option<Json> {
    let list = at(spec, &["patchesJson6902"])?.as_array()?;
    let patch =
        |p: &Json| json!({"target": at(p, &["target"]), "patch": at(p, &["patch"]).map(Json::to_string)});
    Some(Json::Array(list.iter().map(patch).collect()))
}

/// A new kustomization over these resources.
pub fn generated(resources: &[String]) -> Kustomization {
    let mut map = Map::new();
    map.insert("apiVersion".to_owned(), json!("kustomize.config.k8s.io/v1beta1"));
    map.insert("kind".to_owned(), json!("Kustomization"));
    map.insert("resources".to_owned(), json!(resources));
    map
}

fn set_text(own: &mut Kustomization, key: &str, value: Option<&Json>) {
    if let Some(Json::String(text)) = value
        && !text.is_empty()
    {
        own.insert(key.to_owned(), json!(text));
    }
}

fn merge_map(own: &mut Kustomization, key: &str, more: &Map<String, Json>) {
    let entry = own.entry(key).or_insert_with(|| json!({}));
    if let Some(map) = entry.as_object_mut() {
        map.extend(more.clone());
    }
}

fn append(own: &mut Kustomization, key: &str, more: Option<&Json>) {
    let Some(Json::Array(more)) = more else { return };
    if more.is_empty() {
        return;
    }
    let entry = own.entry(key).or_insert_with(|| json!([]));
    if entry.is_null() {
        *entry = json!([]);
    }
    if let Some(list) = entry.as_array_mut() {
        list.extend(more.iter().cloned());
    }
}

/// Flux puts what an image says over what the file says of the same name; tag and
/// digest are one thing.
fn flux_image(own: &mut Kustomization, image: &Json) {
    let old = own.get("images").and_then(Json::as_array);
    let old = old.and_then(|list| list.iter().find(|old| at(old, &["name"]) == at(image, &["name"])));
    let mut new = old.and_then(Json::as_object).cloned().unwrap_or_default();
    let said = |key: &str| at(image, &[key]).and_then(Json::as_str).unwrap_or("");
    if !said("newTag").is_empty() || !said("digest").is_empty() {
        new.remove("newTag");
        new.remove("digest");
    }
    new.insert("name".to_owned(), json!(at(image, &["name"])));
    for key in ["newName", "newTag", "digest"].into_iter().filter(|key| !said(key).is_empty()) {
        new.insert(key.to_owned(), json!(said(key)));
    }
    by_name(own, "images", Json::Object(new));
}

/// Replaces the list's entry of the same `name`, or appends.
fn by_name(own: &mut Kustomization, key: &str, new: Json) {
    let entry = own.entry(key).or_insert_with(|| json!([]));
    if entry.is_null() {
        *entry = json!([]);
    }
    if let Some(list) = entry.as_array_mut() {
        list.retain(|old| at(old, &["name"]) != at(&new, &["name"]));
        list.push(new);
    }
}

/// `[name=]new[:tag][@digest]` as `kustomize edit set image` reads it.
fn image_override(text: &str) -> Json {
    let (name, new) = text.split_once('=').map_or((None, text), |(name, new)| (Some(name), new));
    let (new, digest) = new.split_once('@').map_or((new, None), |(new, digest)| (new, Some(digest)));
    // A colon before the last slash belongs to the registry's port.
    let tag_at = new.rfind(':').filter(|i| !new[*i..].contains('/'));
    let (image, tag) = tag_at.map_or((new, None), |i| (&new[..i], Some(&new[i + 1..])));
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name.unwrap_or(image)));
    if name.is_some() {
        out.insert("newName".to_owned(), json!(image));
    }
    if let Some(tag) = tag {
        out.insert("newTag".to_owned(), json!(tag));
    }
    if let Some(digest) = digest {
        out.insert("digest".to_owned(), json!(digest));
    }
    Json::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(value: &Json) -> Kustomization {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn options_that_say_nothing_change_nothing() {
        assert_eq!(argo(own(&json!({"resources": ["a"]})), &json!({"namePrefix": ""})), None);
        assert_eq!(flux(own(&json!({})), &json!({"path": "./x", "patches": []})), None);
    }

    #[test]
    fn images_replace_by_name_and_split_as_kustomize_splits() {
        assert_eq!(image_override("nginx:1.2"), json!({"name": "nginx", "newTag": "1.2"}));
        assert_eq!(
            image_override("a=r.example:5000/b:2@sha256:x"),
            json!({"name": "a", "newName": "r.example:5000/b", "newTag": "2", "digest": "sha256:x"})
        );
        let base = own(&json!({"images": [{"name": "nginx", "newTag": "1"}]}));
        let text = argo(base, &json!({"images": ["nginx:2"]})).unwrap();
        assert_eq!(text, r#"{"images":[{"name":"nginx","newTag":"2"}]}"#);
    }

    #[test]
    fn flux_puts_images_over_those_of_the_file() {
        let images = |base: Json, image: Json| {
            let text = flux(own(&json!({"images": [base]})), &json!({"images": [image]})).unwrap();
            serde_json::from_str::<Json>(&text).unwrap()["images"].clone()
        };
        let base = json!({"name": "a", "newName": "b", "digest": "sha256:x"});
        assert_eq!(
            images(base.clone(), json!({"name": "a", "newTag": "2"})),
            json!([{"name": "a", "newName": "b", "newTag": "2"}])
        );
        assert_eq!(
            images(base.clone(), json!({"name": "a", "newName": "c"})),
            json!([{"name": "a", "newName": "c", "digest": "sha256:x"}])
        );
        assert_eq!(
            images(base.clone(), json!({"name": "z", "newTag": "1"})),
            json!([base, {"name": "z", "newTag": "1"}])
        );
    }
}
