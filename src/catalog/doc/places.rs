//! Where the values of a document start in its file.
//!
//! Holds no values: a place is found by walking the document beside it.

use serde_json::Value as Json;

use crate::object::yaml::{Mark, Node, Value};

/// The marks of a document's values: each before those in it, a mapping's by key.
/// A tenth of the size of the nodes that they came from.
#[derive(Debug, Clone)]
pub struct Places(Box<[Mark]>);

impl Places {
    /// The places of a node's values.
    pub fn of(node: &Node) -> Self {
        let mut marks = Vec::new();
        collect(node, &mut marks);
        Self(marks.into())
    }

    /// The place of a field of `json`, or of the nearest thing around it that is
    /// there. List items are named by their index.
    pub fn find(&self, json: &Json, path: &[&str]) -> Option<Mark> {
        let (mut at, mut value) = (0, json);
        for key in path {
            let next = match (value, key.parse::<usize>()) {
                (Json::Array(items), Ok(index)) => {
                    items.get(index).map(|item| (items.iter().take(index).map(size).sum::<usize>(), item))
                }
                (Json::Object(map), Err(_)) => map.get(*key).map(|found| {
                    // By key, whatever order the map itself keeps.
                    let before = map.iter().filter(|(other, _)| other.as_str() < *key);
                    (before.map(|(_, value)| size(value)).sum(), found)
                }),
                _ => None,
            };
            let Some((before, found)) = next else { break };
            (at, value) = (at + 1 + before, found);
        }
        self.0.get(at).copied()
    }
}

fn collect(node: &Node, marks: &mut Vec<Mark>) {
    marks.push(node.mark);
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| collect(item, marks)),
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by(|one, other| one.key.cmp(&other.key));
            for entry in entries {
                collect(&entry.value, marks);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// How many values a value is, itself included.
fn size(json: &Json) -> usize {
    1 + match json {
        Json::Array(items) => items.iter().map(size).sum(),
        Json::Object(map) => map.values().map(size).sum(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::yaml::documents;

    #[test]
    fn every_value_has_the_place_of_its_node() {
        let text = "b:\n- x: 1\n  a: [p, {k: v}]\n- y\n'1': one\na:\n  z: {}\n  m: ~\n";
        let node = documents("a.yaml", text.as_bytes()).0.remove(0);
        let (places, json) = (Places::of(&node), node.to_json());
        let at = |path: &[&str]| places.find(&json, path).map(|mark| (mark.line, mark.column));
        assert_eq!(at(&[]), Some((1, 1)));
        assert_eq!(at(&["b", "0", "x"]), Some((2, 6)));
        assert_eq!(at(&["b", "0", "a", "1", "k"]), Some((3, 14)));
        assert_eq!(at(&["b", "1"]), Some((4, 3)));
        assert_eq!(at(&["a", "m"]), Some((8, 6)));
        // What is not there has the place of what is around it.
        assert_eq!(at(&["a", "z", "q"]), Some((7, 6)));
        assert_eq!(at(&["b", "7", "q"]), at(&["b"]));
        // A number names an item of a list and no key, as it was before.
        assert_eq!(at(&["1"]), Some((1, 1)));
        let counted = 1 + size(&json);
        assert_eq!(counted, places.0.len() + 1);
    }
}
