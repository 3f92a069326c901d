//! JSON as CEL sees it: whole numbers are `int`, others `double`.
//!
//! By hand, because the usual way makes each number that is not negative a
//! `uint`, which CEL does not add to an `int`.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value as CelValue;
use serde_json::Value;

pub(super) fn of(json: &Value) -> CelValue {
    match json {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => CelValue::Int(whole),
            (None, Some(float)) => CelValue::Float(float),
            (None, None) => CelValue::Null,
        },
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(of).collect())),
        Value::Object(map) => {
            let map: HashMap<String, CelValue> =
                map.iter().map(|(name, value)| (name.clone(), of(value))).collect();
            map.into()
        }
    }
}
