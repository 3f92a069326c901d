//! What happens to objects after a tool rendered them: Flux's substitution, and
//! the namespace of those that name none.
//!
//! Does not look for objects that are rendered twice: several sources of one app
//! may override one another, which only the caller sees.

use crate::catalog::job::{Job, Tool};
use crate::catalog::substitute::substitute;
use crate::object::{Object, scope};
use crate::problem::{Code, Place, Problem};

/// The objects as they are deployed.
pub(super) fn apply(job: &Job, place: &Place, objects: Vec<Object>) -> Result<Vec<Object>, Vec<Problem>> {
    let namespace = match &job.tool {
        Tool::Plain(_) => job.namespace.as_deref(),
        Tool::Kustomize(_) | Tool::Helm(_) => None,
    };
    let mut out = Vec::with_capacity(objects.len());
    let mut problems = Vec::new();
    for object in objects {
        match one(job, place, namespace, object) {
            Ok(object) => out.push(object),
            Err(wrong) => problems.extend(wrong),
        }
    }
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

fn one(job: &Job, place: &Place, namespace: Option<&str>, object: Object) -> Result<Object, Vec<Problem>> {
    let mut object = match &job.substitute {
        None => object,
        Some(variables) => {
            let json = substitute(&object.json, variables).map_err(|error| {
                let message = format!("substitution in {}: {error}", object.key);
                vec![Problem::new(Code::RenderFailed, Some(place.clone()), message)]
            })?;
            Object::from_json(place, json).map_err(|problem| vec![problem])?
        }
    };
    if let Some(namespace) = namespace
        && object.key.namespace.is_empty()
        && scope::of(&object.key.group, &object.key.kind) == Some(scope::Scope::Namespaced)
    {
        object.json["metadata"]["namespace"] = namespace.into();
        object = Object::from_json(place, object.json).map_err(|problem| vec![problem])?;
    }
    Ok(object)
}
