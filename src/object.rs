//! Kubernetes objects from YAML exactly as kubectl reads them.
//!
//! Does not know where text comes from, never asks a server, and keeps secret
//! values out of everything it compares (`diff`).

pub mod diff;
pub mod scope;
mod write;
pub mod yaml;

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

pub use write::{canonical, to_yaml, to_yaml_value};
pub use yaml::Mark;

use crate::problem::{Code, Place, Problem};
use yaml::Node;

/// Deepest nesting of lists of objects in lists of objects.
const MAX_LISTS: usize = 8;

/// Which object it is. The version is not part of that: `apps/v1` and `apps/v1beta1`
/// name the same object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectKey {
    /// The API group, empty for the core group.
    pub group: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// The namespace that the object names, empty for none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &'_ str| if text.is_empty() { "_".to_owned() } else { text.to_owned() };
        write!(f, "{}/{}/{}/{}", or_none(&self.group), self.kind, or_none(&self.namespace), self.name)
    }
}

/// One Kubernetes object, as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Which object it is.
    pub key: ObjectKey,
    /// The whole of it; a mapping with `apiVersion`, `kind` and `metadata.name`.
    pub json: Value,
}

/// The objects of a file, lists of objects unpacked, in the order of the file.
pub fn objects(file: &str, text: &[u8]) -> (Vec<Object>, Vec<Problem>) {
    let (nodes, mut problems) = yaml::documents(file, text);
    let mut objects = Vec::with_capacity(nodes.len());
    for node in nodes {
        unpack(file, node, None, 0, &mut objects, &mut problems);
    }
    (objects, problems)
}

/// What a `PodList` says of the items in it that do not say it themselves.
#[derive(Debug, Clone)]
struct ItemType {
    api_version: String,
    kind: String,
}

fn unpack(
    file: &str,
    node: Node,
    item_type: Option<&ItemType>,
    depth: usize,
    objects: &mut Vec<Object>,
    problems: &mut Vec<Problem>,
) {
    let place = node.place(file);
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
    // To kubectl whatever has a list of `items` is a list, and itself no object.
    let listed = node.get("items").is_some_and(|items| items.as_list().is_some() || items.is_null());
    match kind.strip_suffix("List") {
        Some(item_kind) if listed && depth < MAX_LISTS => {
            let api_version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
            let item_type = (!item_kind.is_empty())
                .then(|| ItemType { api_version: api_version.to_owned(), kind: item_kind.to_owned() });
            for item in items(node) {
                unpack(file, item, item_type.as_ref(), depth + 1, objects, problems);
            }
            return;
        }
        _ if listed => {
            let message = "only a list may have `items` at the top";
            problems.push(
                Problem::new(Code::ObjectInvalid, Some(place), message)
                    .help("Make its kind end in `List`: kubectl would apply the items and drop the rest."),
            );
            return;
        }
        Some(_) | None => {}
    }
    let mut json = node.into_json();
    if let (Some(map), Some(item_type)) = (json.as_object_mut(), item_type)
        && !map.contains_key("kind")
        && !map.contains_key("apiVersion")
    {
        map.insert("kind".to_owned(), item_type.kind.clone().into());
        map.insert("apiVersion".to_owned(), item_type.api_version.clone().into());
    }
    match Object::from_json(&place, json) {
        Ok(object) => objects.push(object),
        Err(problem) => problems.push(problem),
    }
}

fn items(list: Node) -> Vec<Node> {
    let yaml::Value::Map(entries) = list.value else { return Vec::new() };
    let found = entries.into_iter().find(|entry| entry.key == "items").map(|entry| entry.value.value);
    let Some(yaml::Value::List(items)) = found else { return Vec::new() };
    items
}

impl Object {
    /// The object of a JSON value. Numbers become as kubectl has them: an integer of
    /// 64 bits with sign where the value is one, otherwise a float.
    #[expect(clippy::result_large_err, reason = "a problem is a value that reports are made of")]
    pub fn from_json(place: &Place, mut json: Value) -> Result<Self, Problem> {
        let key = key_of(&json).map_err(|fault| {
            let problem = Problem::new(Code::ObjectInvalid, Some(place.clone()), fault.message);
            match fault.help {
                Some(help) => problem.help(help),
                None => problem,
            }
        })?;
        normalise(&mut json);
        Ok(Self { key, json })
    }

    /// The `apiVersion`, such as `apps/v1`.
    pub fn api_version(&self) -> &str {
        self.json.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
    }

    /// The kind.
    pub fn kind(&self) -> &str {
        &self.key.kind
    }

    /// An annotation's text.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.json.get("metadata")?.get("annotations")?.get(name)?.as_str()
    }

    /// Whether SOPS has written to it: it has a top-level `sops` mapping. That alone
    /// does not make its values safe; see `is_plain_secret`.
    pub fn is_sops(&self) -> bool {
        self.json.get("sops").is_some_and(Value::is_object)
    }

    /// Whether it is a core Secret with a value that anyone could read. Only values
    /// that SOPS encrypted, and empty ones, are not; a `sops` key beside readable
    /// values hides nothing.
    pub fn is_plain_secret(&self) -> bool {
        self.key.group.is_empty()
            && self.key.kind == "Secret"
            && ["data", "stringData"]
                .iter()
                .filter_map(|field| self.json.get(*field))
                .any(|values| !is_unreadable(values))
    }
}

fn is_unreadable(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => {
            text.is_empty() || (text.starts_with("ENC[AES256_GCM,") && text.ends_with(']'))
        }
        Value::Object(map) => map.values().all(is_unreadable),
        Value::Array(items) => items.iter().all(is_unreadable),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

struct Fault {
    message: String,
    help: Option<&'static str>,
}

fn key_of(json: &Value) -> Result<ObjectKey, Fault> {
    let Value::Object(map) = json else {
        return Err(Fault { message: "the document is not a mapping".to_owned(), help: None });
    };
    let api_version = required(map, "apiVersion", "apiVersion")?;
    let kind = required(map, "kind", "kind")?;
    let group = match api_version.split_once('/') {
        None => "",
        Some((group, version)) if !group.is_empty() && !version.is_empty() && !version.contains('/') => group,
        Some(_) => {
            let message = format!("`{api_version}` is not an apiVersion");
            return Err(Fault {
                message,
                help: Some("Write it as `group/version`, or `v1` for the core group."),
            });
        }
    };
    let Some(Value::Object(metadata)) = map.get("metadata") else {
        return Err(Fault { message: format!("this {kind} has no `metadata` mapping"), help: None });
    };
    if !metadata.contains_key("name") && metadata.contains_key("generateName") {
        return Err(Fault {
            message: format!("this {kind} has `metadata.generateName` instead of a name"),
            help: Some("Give it a name: what the cluster names anew each time cannot be compared or pruned."),
        });
    }
    let name = required(metadata, "name", "metadata.name")?;
    let namespace = match metadata.get("namespace") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err(not_text("metadata.namespace")),
    };
    Ok(ObjectKey {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

fn required<'j>(map: &'j Map<String, Value>, key: &str, path: &str) -> Result<&'j str, Fault> {
    match map.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_) | Value::Null) | None => {
            Err(Fault { message: format!("the object has no `{path}`"), help: None })
        }
        Some(_) => Err(not_text(path)),
    }
}

fn not_text(path: &str) -> Fault {
    Fault {
        message: format!("`{path}` is not text"),
        help: Some("Put it in quotes: YAML reads it as a number or as true or false."),
    }
}

fn normalise(json: &mut Value) {
    match json {
        Value::Number(number) if !number.is_i64() => {
            if let Some(normal) = number.as_f64().and_then(yaml::json_number) {
                *number = normal;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(map) => map.values_mut().for_each(normalise),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
