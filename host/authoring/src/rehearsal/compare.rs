//! Compares two JSON values and reports the path of each difference.

use fault::text::printable;
use serde_json::Value;

/// Longest value that is printed in a difference, in characters.
const MAX_VALUE: usize = 160;

/// A path at which two values differ. A missing value is null.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Difference {
    /// For example `rungs[0].video.short-side`.
    pub path: String,
    /// The expected or earlier value.
    #[serde(rename = "was")]
    pub expected: Value,
    /// The actual or current value.
    #[serde(rename = "now")]
    pub got: Value,
}

impl Difference {
    /// `path: expected …, got …`, on one line.
    pub fn expected_and_got(&self) -> String {
        format!("{}: expected {}, got {}", self.path, short(&self.expected), short(&self.got))
    }

    /// `path: old -> new`, on one line.
    pub fn was_and_now(&self) -> String {
        let path = if self.path.is_empty() { "(all)" } else { &self.path };
        format!("{path}: {} -> {}", short(&self.expected), short(&self.got))
    }
}

/// A value on one line.
pub fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        other => printable(&other.to_string(), MAX_VALUE),
    }
}

/// Which fields are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Only fields that `expected` names.
    Named,
    /// All fields of both values.
    Whole,
}

/// Whether `got` has every value that `expected` names.
pub fn covers(expected: &Value, got: &Value) -> bool {
    expected.is_null() || missing("", expected, got).is_empty()
}

/// The values that `expected` names and `got` does not have. Fields that `expected` does not name are ignored. Lists
/// are compared item by item. Null means that the value must be absent.
pub fn missing(path: &str, expected: &Value, got: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(path, expected, got, Extent::Named, &mut found);
    found
}

/// Every difference between two values.
pub fn differences(path: &str, was: &Value, now: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(path, was, now, Extent::Whole, &mut found);
    found
}

fn walk(path: &str, expected: &Value, got: &Value, extent: Extent, found: &mut Vec<Difference>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (name, value) in expected {
                walk(&field(path, name), value, got.get(name).unwrap_or(&Value::Null), extent, found);
            }
            if extent == Extent::Whole {
                for (name, value) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                    walk(&field(path, name), &Value::Null, value, extent, found);
                }
            }
        }
        (Value::Array(expected), Value::Array(got)) => {
            for at in 0..expected.len().max(got.len()) {
                let of = |items: &[Value]| items.get(at).cloned().unwrap_or_default();
                walk(&format!("{path}[{at}]"), &of(expected), &of(got), extent, found);
            }
        }
        (expected, got) if expected == got || same_number(expected, got) => {}
        (expected, got) => {
            found.push(Difference { path: path.to_owned(), expected: expected.clone(), got: got.clone() });
        }
    }
}

fn field(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// In scenarios, `2` and `2.0` are the same number.
fn same_number(one: &Value, other: &Value) -> bool {
    one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(differences: &[Difference]) -> Vec<&str> {
        differences.iter().map(|difference| difference.path.as_str()).collect()
    }

    #[test]
    fn named_fields_must_match_and_others_are_ignored() {
        let got = json!({ "a": { "b": 1, "c": [1, { "d": 2, "e": 3 }] }, "f": "x" });
        assert!(missing("", &json!({ "a": { "c": [1, { "d": 2.0 }] }, "g": null }), &got).is_empty());
        let found = missing("plan", &json!({ "a": { "b": 2, "c": [1] }, "f": null }), &got);
        assert_eq!(paths(&found), ["plan.a.b", "plan.a.c[1]", "plan.f"]);
        assert_eq!((&found[0].expected, &found[0].got), (&json!(2), &json!(1)));
    }

    #[test]
    fn differences_are_found_in_both_directions() {
        let found = differences("", &json!({ "a": 1, "b": 2 }), &json!({ "b": 3, "c": [4] }));
        assert_eq!(paths(&found), ["a", "b", "c"]);
        assert!(differences("", &json!({ "a": [1, 2] }), &json!({ "a": [1, 2] })).is_empty());
    }
}
