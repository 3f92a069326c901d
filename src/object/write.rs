//! Objects as bytes: canonical JSON for digests, YAML for the ledger.
//!
//! Keeps no comments or order of the source. The YAML reads back to the same value
//! under YAML 1.1 and 1.2: what the two could read differently is quoted.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{Object, yaml};

/// The objects by key as one JSON list in the canonical form of RFC 8785.
///
/// Integers that a 64-bit float cannot hold are written as `{"luigi:integer": "…"}`:
/// the canonical form would give two of them the same digits.
pub fn canonical(objects: &[Object]) -> Vec<u8> {
    let items = sorted(objects).into_iter().map(|object| exact(&object.json)).collect();
    // Fails for values that are not JSON only, and this one is.
    serde_json_canonicalizer::to_vec(&Value::Array(items)).unwrap_or_default()
}

fn sorted(objects: &[Object]) -> Vec<&Object> {
    let mut sorted: Vec<&Object> = objects.iter().collect();
    sorted.sort_by(|a, b| (&a.key, a.api_version()).cmp(&(&b.key, b.api_version())));
    sorted
}

fn exact(json: &Value) -> Value {
    const SAFE: u64 = 1 << 53;
    match json {
        Value::Number(number) if number.as_i64().is_some_and(|value| value.unsigned_abs() > SAFE) => {
            Value::Object(Map::from_iter([("luigi:integer".to_owned(), number.to_string().into())]))
        }
        Value::Array(items) => Value::Array(items.iter().map(exact).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), exact(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json.clone(),
    }
}

/// The objects by key as YAML documents, separated by `---`.
pub fn to_yaml(objects: &[Object]) -> String {
    let mut text = String::new();
    for (at, object) in sorted(objects).into_iter().enumerate() {
        if at > 0 {
            text.push_str("---\n");
        }
        write_document(&mut text, &object.json);
    }
    text
}

/// One value as a YAML document.
pub fn to_yaml_value(value: &Value) -> String {
    let mut text = String::new();
    write_document(&mut text, value);
    text
}

fn write_document(text: &mut String, value: &Value) {
    match value {
        Value::Object(map) if !map.is_empty() => write_map(text, map, 0, Start::Line),
        other => {
            write_inline(text, other);
            text.push('\n');
        }
    }
}

/// Where the first entry of a block starts.
#[derive(Clone, Copy)]
enum Start {
    /// On a line of its own.
    Line,
    /// After the `- ` of the list that holds it.
    Item,
}

fn write_map(text: &mut String, map: &Map<String, Value>, indent: usize, start: Start) {
    for (at, (key, value)) in map.iter().enumerate() {
        if at > 0 || matches!(start, Start::Line) {
            push_indent(text, indent);
        }
        write_key(text, key, indent);
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                text.push('\n');
                write_map(text, inner, indent + 2, Start::Line);
            }
            Value::Array(items) if !items.is_empty() => {
                text.push('\n');
                write_list(text, items, indent, Start::Line);
            }
            scalar => {
                text.push(' ');
                write_scalar(text, scalar, indent + 2);
            }
        }
    }
}

/// A key with its colon; a long one needs a `?`, since others may have 1024 characters.
fn write_key(text: &mut String, key: &str, indent: usize) {
    const LONG: usize = 128;
    if key.len() > LONG {
        text.push_str("? ");
    }
    if is_plain(key) {
        text.push_str(key);
    } else {
        write_quoted(text, key);
    }
    if key.len() > LONG {
        text.push('\n');
        push_indent(text, indent);
    }
    text.push(':');
}

fn write_list(text: &mut String, items: &[Value], indent: usize, start: Start) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 || matches!(start, Start::Line) {
            push_indent(text, indent);
        }
        text.push_str("- ");
        match item {
            Value::Object(inner) if !inner.is_empty() => write_map(text, inner, indent + 2, Start::Item),
            Value::Array(inner) if !inner.is_empty() => write_list(text, inner, indent + 2, Start::Item),
            scalar => write_scalar(text, scalar, indent + 2),
        }
    }
}

/// A value on the line where it starts, with the line's end.
fn write_scalar(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(value) if is_literal(value) => {
            text.push_str(if value.ends_with('\n') { "|\n" } else { "|-\n" });
            for line in value.lines() {
                if !line.is_empty() {
                    push_indent(text, indent);
                    text.push_str(line);
                }
                text.push('\n');
            }
        }
        other => {
            write_inline(text, other);
            text.push('\n');
        }
    }
}

fn write_inline(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(text, number),
        Value::String(value) if is_plain(value) => text.push_str(value),
        Value::String(value) => write_quoted(text, value),
        // Only empty ones come here.
        Value::Array(_) => text.push_str("[]"),
        Value::Object(_) => text.push_str("{}"),
    }
}

/// Floats get a point and a signed exponent: YAML 1.1 has none without.
fn write_number(text: &mut String, number: &serde_json::Number) {
    let digits = match (number.as_i64(), number.as_f64()) {
        (None, Some(float)) if number.is_u64() => format!("{float:e}"),
        _ => number.to_string(),
    };
    let Some((mantissa, exponent)) = digits.split_once('e') else {
        text.push_str(&digits);
        return;
    };
    text.push_str(mantissa);
    if !mantissa.contains('.') {
        text.push_str(".0");
    }
    text.push('e');
    if !exponent.starts_with(['-', '+']) {
        text.push('+');
    }
    text.push_str(exponent);
}

/// Whether text may stand without quotes: a narrow set that every reader agrees on.
fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let inside = |c: char| c.is_ascii_alphanumeric() || " _-./:@=,+()".contains(c);
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    starts
        && text.chars().all(inside)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !words.iter().any(|word| text.eq_ignore_ascii_case(word))
        && yaml::is_text(text)
}

/// Whether a literal block gives the text back exactly.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !body.ends_with('\n')
        && !text.starts_with(['\n', ' ', '\t'])
        && text.chars().all(|c| c == '\n' || c == '\t' || !is_escaped(c))
        && body.split('\n').all(|line| line.is_empty() || !line.trim_matches([' ', '\t']).is_empty())
        && !body.split('\n').any(|line| line.starts_with('\t'))
}

/// What double quotes write as an escape: what YAML 1.1 does not print, and the line
/// breaks that only one of the versions knows.
fn is_escaped(c: char) -> bool {
    match c {
        '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
        _ => c.is_control(),
    }
}

fn write_quoted(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            _ if is_escaped(c) => {
                // Writing to text cannot fail.
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}

fn push_indent(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}
