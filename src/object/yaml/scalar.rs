//! What a scalar is: the rules of sigs.k8s.io/yaml, which kubectl reads with.
//!
//! Those are YAML 1.1 with exceptions: `0o17` and `1e3` are numbers, base 60 is
//! text, dates stay text. Does not parse YAML; it gets a scalar's text, tag and style.
//! The golden file fixtures/yaml/torture.json holds what kubectl itself answered.

use super::base64;

/// A resolved scalar. Kept apart from `Value`, because a key is written
/// differently from a value: a float key has the digits of 32 bits.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer over `i64::MAX`.
    Large(u64),
    Float(f64),
    /// The scalar's own text.
    Text,
    /// Text that a tag made from it.
    Decoded(String),
}

/// The scalar of a tag (in its long form, `None` where there is none) and text.
/// `Err` says why kubectl refuses it.
pub(super) fn resolve(tag: Option<&str>, text: &str) -> Result<Scalar, String> {
    let Some(tag) = tag else { return Ok(plain(text)) };
    let Some(short) = tag.strip_prefix("tag:yaml.org,2002:") else { return Ok(Scalar::Text) };
    let found = plain(text);
    let fits = match short {
        "binary" => return binary(text),
        "bool" => matches!(found, Scalar::Bool(_)),
        "null" => found == Scalar::Null,
        "int" => matches!(found, Scalar::Int(_) | Scalar::Large(_)),
        "float" => match found {
            // Through the float and back, as Go does: large integers lose digits.
            #[expect(clippy::cast_precision_loss, reason = "the rule is to lose it")]
            Scalar::Int(value) => return Ok(Scalar::Float(value as f64)),
            Scalar::Float(_) => true,
            Scalar::Null | Scalar::Bool(_) | Scalar::Large(_) | Scalar::Text | Scalar::Decoded(_) => false,
        },
        "timestamp" if !is_dated(text) => false,
        // `!!str`, a date, and tags that kubectl does not know.
        _ => return Ok(Scalar::Text),
    };
    if fits { Ok(found) } else { Err(format!("`!!{short}` does not fit this value")) }
}

fn binary(text: &str) -> Result<Scalar, String> {
    let bytes = base64::decode(text).ok_or("`!!binary` does not hold base64")?;
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        // One replacement for each byte, as Go's JSON writer has it.
        decoded.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    Ok(Scalar::Decoded(decoded))
}

/// A scalar without tag and quotes. The first byte decides for nearly all.
pub(super) fn plain(text: &str) -> Scalar {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else { return Scalar::Null };
    match first {
        b'0'..=b'9' | b'+' | b'-' => number(text),
        b'.' => dotted(text),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        _ => Scalar::Text,
    }
}

fn word(text: &str) -> Scalar {
    if text.len() > 5 {
        return Scalar::Text;
    }
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Text,
    }
}

fn dotted(text: &str) -> Scalar {
    match text {
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" => Scalar::Float(f64::INFINITY),
        _ if text.contains('_') => {
            // Here, unlike after a digit, `_` counts only between two digits.
            let between = |at: usize| {
                let digit = |at: Option<usize>| {
                    at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit)
                };
                digit(at.checked_sub(1)) && digit(at.checked_add(1))
            };
            if text.match_indices('_').all(|(at, _)| between(at)) {
                float(&text.replace('_', ""))
            } else {
                Scalar::Text
            }
        }
        _ => float(text),
    }
}

fn number(text: &str) -> Scalar {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let without;
    let digits = if text.contains('_') {
        without = text.replace('_', "");
        without.as_str()
    } else {
        text
    };
    integer(digits).or_else(|| late_binary(digits)).unwrap_or_else(|| float(digits))
}

/// An integer with sign and a prefix for its base; a leading zero means octal.
fn integer(text: &str) -> Option<Scalar> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (base, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, unsigned.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, unsigned.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, unsigned.get(2..)?),
        [b'0', _, ..] => (8, unsigned.get(1..)?),
        _ => (10, unsigned),
    };
    // Rust would take a second sign here.
    if !digits.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    let size = u64::from_str_radix(digits, base).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(size).map(Scalar::Int);
    }
    match i64::try_from(size) {
        Ok(value) => Some(Scalar::Int(value)),
        // A number without sign only: Go's ParseUint knows none.
        Err(_) if !text.starts_with('+') => Some(Scalar::Large(size)),
        Err(_) => None,
    }
}

/// `0b` with a sign after it, an oddity that kubectl accepts.
fn late_binary(text: &str) -> Option<Scalar> {
    let digits = text.strip_prefix("0b")?;
    i64::from_str_radix(digits, 2).ok().map(Scalar::Int)
}

/// A decimal float; `1e400` is text, because it is no 64-bit number.
fn float(text: &str) -> Scalar {
    if !is_float(text.as_bytes()) {
        return Scalar::Text;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Scalar::Float(value),
        _ => Scalar::Text,
    }
}

/// `[-+]? ( .digits | digits [ . digits* ] ) [ (e|E) [-+]? digits ]`
fn is_float(bytes: &[u8]) -> bool {
    let bytes = strip_sign(bytes);
    let (whole, rest) = digits(bytes);
    let (fraction, rest) = match rest {
        [b'.', after @ ..] => digits(after),
        _ => (0, rest),
    };
    if whole == 0 && (fraction == 0 || bytes.first() != Some(&b'.')) {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', after @ ..] => {
            let (exponent, rest) = digits(strip_sign(after));
            exponent > 0 && rest.is_empty()
        }
        _ => false,
    }
}

fn strip_sign(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'+' | b'-', rest @ ..] => rest,
        _ => bytes,
    }
}

fn digits(bytes: &[u8]) -> (usize, &[u8]) {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, bytes.get(count..).unwrap_or_default())
}

/// Whether it starts as a date does. The rest of a `!!timestamp` is not looked at,
/// since its text is kept as it is.
fn is_dated(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, c, d, b'-', ..] if [a, b, c, d].iter().all(|b| b.is_ascii_digit()))
}

/// A float as JSON has it after kubectl: an integer where its digits are those of one.
/// `None` for infinities and not-a-number, which JSON cannot hold.
pub(super) fn json_number(value: f64) -> Option<serde_json::Number> {
    // 1e21 is where Go's JSON writer turns to exponents.
    if value.fract() == 0.0
        && value.abs() < 1e21
        && let Ok(integer) = value.to_string().parse::<i64>()
    {
        return Some(integer.into());
    }
    serde_json::Number::from_f64(value)
}

/// The text of a key that is a float: the shortest digits of 32 bits, with an
/// exponent below -4 and from 6 on (Go's `%g`).
pub(super) fn float_key(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the rule is 32 bits")]
    let value = value as f32;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
