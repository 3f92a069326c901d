//! Health checks that users write: `healthCheckExprs`, as Flux has them.
//!
//! The order of expressions, the check of the generation and what an expression
//! sees are Flux's (`fluxcd/pkg/runtime/cel`, RFC 0009). Stricter than Flux in
//! bounds alone: an expression has a length, a depth and a cost, worked out before it
//! is evaluated, and one that fails or would cost too much is never ready and never
//! a failure.

mod cost;
mod sets;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{Context, Env, Value as CelValue, extensions};
use serde_json::Value;

use super::Settle;
use crate::deploy::fields::{at, items, text};
use crate::object::ObjectKey;

/// The most bytes of one expression.
pub const MOST_BYTES: usize = 4096;
/// The most levels of one: brackets in brackets, calls on calls.
pub const MOST_LEVELS: usize = 32;
/// The most that evaluating one may cost, in steps and bytes looked at.
pub const MOST_COST: u64 = 5_000_000;

/// Functions that expressions may call: CEL's own and those of cel-go's `Strings`,
/// `Sets` and `Encoders`, which Flux adds. Not `format`: its cost has no bound.
const FUNCTIONS: &[&str] = &[
    "bool",
    "bytes",
    "charAt",
    "contains",
    "decode",
    "double",
    "duration",
    "dyn",
    "encode",
    "endsWith",
    "equivalent",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "indexOf",
    "int",
    "intersects",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "none",
    "of",
    "ofNonZeroValue",
    "optFlatMap",
    "optMap",
    "or",
    "orValue",
    "quote",
    "replace",
    "reverse",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "timestamp",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "value",
];

/// One entry of `healthCheckExprs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The group, and a version that does not count.
    pub api_version: String,
    /// The kind; empty for every kind of the group.
    pub kind: String,
    /// When the object is ready.
    pub current: String,
    /// When it is on its way; asked first.
    pub in_progress: Option<String>,
    /// When it has failed; asked second.
    pub failed: Option<String>,
}

/// Why an entry cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("healthCheckExprs[{index}]: {words}")]
pub struct CheckFault {
    /// Which entry, from 0.
    pub index: usize,
    /// What is wrong.
    pub words: String,
}

/// An app's health checks, ready to be evaluated.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    by_kind: BTreeMap<(String, String), Check>,
}

/// The health check of one kind.
#[derive(Clone)]
pub struct Check {
    env: Arc<Env>,
    current: Expression,
    in_progress: Option<Expression>,
    failed: Option<Expression>,
}

#[derive(Debug, Clone)]
struct Expression {
    text: String,
    parsed: cel::parser::Expression,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("current", &self.current.text).finish_non_exhaustive()
    }
}

impl HealthCheck {
    /// The entries of a Flux `Kustomization`'s `spec.healthCheckExprs`.
    pub fn of_kustomization(json: &Value) -> Vec<Self> {
        let of = |entry: &Value, name: &str| text(entry, &[name]).unwrap_or_default().to_owned();
        let optional = |entry: &Value, name: &str| Some(of(entry, name)).filter(|text| !text.is_empty());
        let entries = items(json, &["spec", "healthCheckExprs"]).iter();
        entries
            .map(|entry| Self {
                api_version: of(entry, "apiVersion"),
                kind: of(entry, "kind"),
                current: of(entry, "current"),
                in_progress: optional(entry, "inProgress"),
                failed: optional(entry, "failed"),
            })
            .collect()
    }
}

impl Checks {
    /// Reads every expression. All faults come together; with one there are no checks.
    pub fn read(entries: &[HealthCheck]) -> Result<Self, Vec<CheckFault>> {
        let env = match environment() {
            Ok(env) => Arc::new(env),
            Err(words) => return Err(vec![CheckFault { index: 0, words }]),
        };
        let (mut by_kind, mut faults) = (BTreeMap::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            let mut fault = |words: String| faults.push(CheckFault { index, words });
            let group = entry.api_version.rsplit_once('/').map_or("", |(group, _)| group).to_owned();
            let key = (group, entry.kind.clone());
            if by_kind.contains_key(&key) {
                fault(format!("there is a check for {} {} already", entry.api_version, entry.kind));
            }
            match Check::read(entry, &env) {
                Ok(check) => {
                    by_kind.insert(key, check);
                }
                Err(words) => words.into_iter().for_each(fault),
            }
        }
        if faults.is_empty() { Ok(Self { by_kind }) } else { Err(faults) }
    }

    /// The check for an object, if there is one: that of its kind, else that of its
    /// group.
    pub fn of(&self, key: &ObjectKey) -> Option<&Check> {
        let of = |kind: &str| self.by_kind.get(&(key.group.clone(), kind.to_owned()));
        of(&key.kind).or_else(|| of(""))
    }
}

/// What expressions can call. Fails only if two of its parts were of one name.
fn environment() -> Result<Env, String> {
    let mut env = Env::stdlib();
    env.add_extension(extensions::strings)
        .and_then(|()| env.add_extension(extensions::encoders))
        .and_then(|()| env.add_extension(sets::extension))
        .map_err(|error| error.to_string())?;
    Ok(env)
}

impl Check {
    fn read(entry: &HealthCheck, env: &Arc<Env>) -> Result<Self, Vec<String>> {
        if entry.current.is_empty() {
            return Err(vec!["it has no `current`".to_owned()]);
        }
        let mut faults = Vec::new();
        let mut read = |name: &str, text: &str| {
            let read = Expression::read(text);
            read.map_err(|words| faults.push(format!("{name}: {words}"))).ok()
        };
        let current = read("current", &entry.current);
        let in_progress = entry.in_progress.as_ref().map(|text| read("inProgress", text));
        let failed = entry.failed.as_ref().map(|text| read("failed", text));
        match current {
            Some(current) if faults.is_empty() => {
                let (in_progress, failed) = (in_progress.flatten(), failed.flatten());
                Ok(Self { env: Arc::clone(env), current, in_progress, failed })
            }
            _ => Err(faults),
        }
    }

    /// What the expressions say of an object. Like Flux's, in this order: its
    /// generation, where that is a number; `inProgress`; `failed`; `current`;
    /// and where none is true it waits.
    pub fn evaluate(&self, live: &Value) -> Settle {
        let number = |path: &[&str]| at(live, path).and_then(Value::as_i64);
        let (generation, observed) =
            (number(&["metadata", "generation"]), number(&["status", "observedGeneration"]));
        if observed.is_some() && generation.is_some() && observed != generation {
            return Settle::waiting("its controller has not seen this generation");
        }
        let mut context = Context::with_env(Arc::clone(&self.env));
        for (name, field) in live.as_object().into_iter().flatten() {
            context.add_variable_from_value(name.as_str(), value::of(field));
        }
        let expressions = [
            (self.in_progress.as_ref(), "inProgress"),
            (self.failed.as_ref(), "failed"),
            (Some(&self.current), "current"),
        ];
        for (expression, name) in expressions {
            let Some(expression) = expression else { continue };
            match expression.is_true(live, &context) {
                Ok(false) => {}
                Ok(true) if name == "current" => return Settle::Ready(None),
                Ok(true) if name == "failed" => {
                    return Settle::failed(format!(
                        "its health check says that it has failed: {}",
                        expression.text
                    ));
                }
                Ok(true) => return Settle::waiting("its health check says that it is in progress"),
                Err(words) => {
                    return Settle::Waiting(format!("its health check `{name}` has no answer: {words}"));
                }
            }
        }
        Settle::waiting("its health check does not say that it is current")
    }
}

impl Expression {
    fn read(text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("it has {} bytes and may have {MOST_BYTES}", text.len()));
        }
        let levels = u16::try_from(MOST_LEVELS).unwrap_or(u16::MAX);
        let parser = cel::parser::PrattParser::new().enable_optional_syntax(true).max_recursion_depth(levels);
        let parsed = parser.parse(text).map_err(|errors| one_line(&errors.to_string()))?;
        let levels = cost::levels(&parsed);
        if levels > MOST_LEVELS {
            return Err(format!("it is {levels} levels deep and may be {MOST_LEVELS}"));
        }
        let references = parsed.references();
        let mut unknown: Vec<&str> = references.functions();
        unknown.retain(|name| is_word(name) && !FUNCTIONS.contains(name));
        unknown.sort_unstable();
        match unknown.first() {
            Some(name) => Err(format!("there is no function `{name}` here")),
            None => Ok(Self { text: text.to_owned(), parsed }),
        }
    }

    fn is_true(&self, live: &Value, context: &Context<'_, '_>) -> Result<bool, String> {
        let cost = cost::of(&self.parsed, live);
        if cost > MOST_COST {
            return Err(format!("it could take {cost} steps on this object and may take {MOST_COST}"));
        }
        match CelValue::resolve(&self.parsed, context) {
            Ok(CelValue::Bool(answer)) => Ok(answer),
            Ok(_) => Err("it is neither true nor false".to_owned()),
            Err(error) => Err(one_line(&error.to_string())),
        }
    }
}

/// Whether a function is called by its name, not written as an operator.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Words of the evaluator on one line, and not too many: they quote the object.
fn one_line(words: &str) -> String {
    const MOST: usize = 300;
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
