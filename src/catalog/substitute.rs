//! Flux `postBuild`: variables in rendered objects.
//!
//! Does not look values up: a job brings those that the repository knows.
//!
//! Flux substitutes in the YAML text of each object, as its own writer makes it,
//! and reads the text again. So a text that stands there without quotes may
//! become a number, a truth value or nothing: `${N}` with `3` is the number 3,
//! whether the source had quotes or not. This works on values instead and reads
//! again exactly those texts that would stand without quotes.
//!
//! Source: `github.com/fluxcd/pkg/kustomize` (`kustomize_varsub.go`), go-yaml's
//! emitter (`yaml_emitter_analyze_scalar`).

mod expand;
mod glob;

pub use expand::ExpandError;

use serde_json::{Map, Value};

use super::job::{Substitute, UnknownVariable};
use crate::object::yaml;
use expand::Known;

/// The label and annotation that switch substitution off for an object, with
/// the value `disabled`.
pub const SWITCH: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// Why an object cannot be substituted. Lowercase fragments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubstituteError {
    /// An expression that is none.
    #[error("{at}: {source}")]
    Expand {
        /// The path of the field in the object.
        at: String,
        /// What is wrong.
        source: ExpandError,
    },
    /// With its values in place, the text is no YAML any more. The value is not
    /// shown: it may be meant to stay secret.
    #[error("{at}: with its variables in place, this is not YAML any more; quote it")]
    NotYaml {
        /// The path of the field in the object.
        at: String,
    },
    /// A variable's name, which Flux refuses.
    #[error("{0:?} is no variable's name: letters, digits and '_', not a digit first")]
    Name(String),
}

/// The object with its variables in place. An object that is switched off, and
/// any object where there are no variables at all, stays as it is.
pub fn substitute(object: &Value, job: &Substitute) -> Result<Value, SubstituteError> {
    if let Some(name) = job.variables.keys().find(|name| !is_name(name)) {
        return Err(SubstituteError::Name(name.clone()));
    }
    let nothing = job.variables.is_empty() && job.unknown == UnknownVariable::Empty;
    if nothing || is_disabled(object) {
        return Ok(object.clone());
    }
    // Flux drops line breaks from every value.
    let variables: std::collections::BTreeMap<&str, String> =
        job.variables.iter().map(|(name, value)| (name.as_str(), value.replace('\n', ""))).collect();
    let value = |name: &str| match (variables.get(name), job.unknown) {
        (Some(value), _) => Known::Value(value),
        (None, UnknownVariable::Empty) => Known::Value(""),
        (None, UnknownVariable::Keep) => Known::Keep,
    };
    walk(object, &value, &mut Vec::new())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_disabled(object: &Value) -> bool {
    ["labels", "annotations"].iter().any(|field| object["metadata"][field][SWITCH] == "disabled")
}

type Lookup<'v> = dyn Fn(&str) -> Known<'v> + 'v;

fn walk(node: &Value, value: &Lookup<'_>, at: &mut Vec<String>) -> Result<Value, SubstituteError> {
    match node {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(node.clone()),
        Value::String(text) => scalar(text, value, at),
        Value::Array(items) => {
            let mut out = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                at.push(index.to_string());
                out.push(walk(item, value, at)?);
                at.pop();
            }
            Ok(Value::Array(out))
        }
        Value::Object(entries) => {
            let mut out = Map::with_capacity(entries.len());
            for (key, item) in entries {
                at.push(key.clone());
                let item = walk(item, value, at)?;
                out.insert(text(key, value, at)?, item);
                at.pop();
            }
            Ok(Value::Object(out))
        }
    }
}

fn text(text: &str, value: &Lookup<'_>, at: &[String]) -> Result<String, SubstituteError> {
    if !text.contains('$') {
        return Ok(text.to_owned());
    }
    expand::expand(text, value).map_err(|source| SubstituteError::Expand { at: at.join("."), source })
}

fn scalar(before: &str, value: &Lookup<'_>, at: &[String]) -> Result<Value, SubstituteError> {
    let after = text(before, value, at)?;
    if after == before || !stands_plain(before) {
        return Ok(Value::String(after));
    }
    let (documents, problems) = yaml::documents("", format!("x: {after}\n").as_bytes());
    match (documents.first().and_then(|document| document.get("x")), problems.is_empty()) {
        (Some(node), true) if documents.len() == 1 => Ok(node.to_json()),
        _ => Err(SubstituteError::NotYaml { at: at.join(".") }),
    }
}

/// Whether Flux's YAML writer puts this text, which holds a `$`, without quotes.
fn stands_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let second_is_blank = text.chars().nth(1).is_none_or(|c| c == ' ' || c == '\t');
    let starts_wrong = matches!(
        first,
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
    ) || (matches!(first, '?' | ':' | '-') && second_is_blank)
        || text.starts_with("---")
        || text.starts_with("...");
    let holds_wrong = text.contains(": ")
        || text.contains(":\t")
        || text.ends_with(':')
        || text.contains(" #")
        || text.starts_with(' ')
        || text.ends_with(' ')
        || text.chars().any(char::is_control)
        || text.contains('\u{feff}');
    !starts_wrong && !holds_wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(variables: &[(&str, &str)], unknown: UnknownVariable) -> Substitute {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Substitute { variables, unknown }
    }

    #[test]
    fn texts_without_quotes_are_read_again() {
        let job = job(&[("N", "3"), ("B", "true"), ("T", "a\nb"), ("Q", "x: y")], UnknownVariable::Empty);
        let object = json!({
            "kind": "${T}",
            "spec": {
                "number": "${N}",
                "text": "n${N}",
                "bool": "${B}",
                "none": "${NONE}",
                "octal": "0${N}",
                "quoted": "\"${N}\"",
                "lines": "a ${N}\nb ${B}\n",
                "list": ["${N}", 1, null],
                "${T}": "key",
                "comment": "${N} x",
            },
        });
        let expected = json!({
            "kind": "ab",
            "spec": {
                "number": 3,
                "text": "n3",
                "bool": true,
                "none": null,
                "octal": 3,
                "quoted": "\"3\"",
                "lines": "a 3\nb true\n",
                "list": [3, 1, null],
                "ab": "key",
                "comment": "3 x",
            },
        });
        assert_eq!(substitute(&object, &job).unwrap(), expected);
        assert!(substitute(&json!({"a": "${Q}"}), &job).is_err());
    }

    #[test]
    fn what_is_switched_off_or_without_variables_stays() {
        let some = job(&[("A", "1")], UnknownVariable::Empty);
        for field in ["labels", "annotations"] {
            let object = json!({"metadata": {field: {SWITCH: "disabled"}}, "x": "${A}"});
            assert_eq!(substitute(&object, &some).unwrap(), object);
        }
        let object = json!({"x": "${A:=1}"});
        assert_eq!(substitute(&object, &job(&[], UnknownVariable::Empty)).unwrap(), object);
    }

    #[test]
    fn unknown_variables_may_stay() {
        let job = job(&[("A", "1")], UnknownVariable::Keep);
        let object = json!({"x": "${A}-${SECRET}", "y": "${SECRET:=5}"});
        assert_eq!(substitute(&object, &job).unwrap(), json!({"x": "1-${SECRET}", "y": "${SECRET:=5}"}));
    }

    #[test]
    fn faults_name_their_field() {
        let some = job(&[("A", "[")], UnknownVariable::Empty);
        let told = |object| substitute(&object, &some).unwrap_err().to_string();
        assert_eq!(
            told(json!({"data": {"run.sh": "echo ${LIST[@]}"}})),
            "data.run.sh: \"${LIST[@]}\" is not a substitution that Flux knows; write `$$` for a `$` that is meant as such"
        );
        assert_eq!(
            told(json!({"a": ["${A}"]})),
            "a.0: with its variables in place, this is not YAML any more; quote it"
        );
        let named = job(&[("1A", "")], UnknownVariable::Empty);
        assert!(matches!(substitute(&json!({}), &named), Err(SubstituteError::Name(_))));
    }
}
