//! JSON whose objects have no member twice.
//!
//! Two members of one name are two meanings: the server that comes after may
//! take the other one (RFC 7515, section 4; RFC 7519, section 4).

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not such JSON.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::identity) enum Fault {
    /// A member is there twice.
    Twice(String),
    /// It is something else than an object.
    NoObject,
    /// It is no JSON, or not UTF-8.
    Syntax(String),
}

/// Reads one object, and nothing after it.
pub(in crate::identity) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    let twice = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Strict(&twice).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match (read, twice.into_inner()) {
        (_, Some(name)) => Err(Fault::Twice(name)),
        (Ok(Value::Object(map)), None) => Ok(map),
        (Ok(_), None) => Err(Fault::NoObject),
        // The reader's words quote no content but a single character.
        (Err(error), None) => Err(Fault::Syntax(error.to_string())),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if map.insert(name.clone(), value).is_some() {
                self.0.borrow_mut().get_or_insert(name);
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_twice_is_found_at_any_depth_and_in_any_spelling() {
        assert!(object(br#"{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}"#).is_ok());
        for (text, name) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
            (r#"{"x":{"exp":1,"b":[],"exp":2}}"#, "exp"),
            (r#"{"x":[{"k":1,"k":2}]}"#, "k"),
        ] {
            assert_eq!(object(text.as_bytes()), Err(Fault::Twice(name.to_owned())), "{text}");
        }
    }

    #[test]
    fn one_object_and_nothing_else() {
        for text in ["[]", "1", "null", "\"a\"", "true"] {
            assert_eq!(object(text.as_bytes()), Err(Fault::NoObject), "{text}");
        }
        let deep = "[".repeat(1000);
        let bad: [&[u8]; 9] = [
            b"",
            b"{}{}",
            b"{} x",
            b"{'a':1}",
            b"{\"a\":1,}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            br#"{"a":"\ud800"}"#,
            deep.as_bytes(),
        ];
        for text in bad {
            assert!(matches!(object(text), Err(Fault::Syntax(_))), "{}", String::from_utf8_lossy(text));
        }
    }
}
