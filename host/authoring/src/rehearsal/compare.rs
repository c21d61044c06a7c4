//! Compares two JSON values and reports the path of each difference.

use std::collections::BTreeMap;

use fault::text::printable;
use serde_json::Value;

/// Longest value that is printed in a difference, in characters.
const MAX_VALUE: usize = 160;

/// The same for the name of an item.
const MAX_NAME: usize = 60;

/// Fields that name an item of a list, and that which has another one with a name.
const NAMES: [&str; 5] = ["name", "id", "key", "language", "path"];
const NAMED: &str = "rendition";

/// A path at which two values differ. A missing value is null.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Difference {
    /// For example `rungs[720p].video.short-side`; of an item that has no name, `outputs[0]`.
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

/// Every difference between two values. Items of lists are matched by their names, where they have some: a rung more
/// leaves the others as they were. Another order of the same items is a difference of the list.
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
        (Value::Array(was), Value::Array(now))
            if extent == Extent::Whole
                && let (Some(was), Some(now)) = (named(was), named(now)) =>
        {
            walk_named(path, &was, &now, found);
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

fn walk_named(path: &str, was: &[(String, &Value)], now: &[(String, &Value)], found: &mut Vec<Difference>) {
    let of = |items: &[(String, &Value)], wanted: &str| -> Option<Value> {
        items.iter().find(|(name, _)| name == wanted).map(|(_, item)| (*item).clone())
    };
    let common = |items: &[(String, &Value)], others: &[(String, &Value)]| -> Vec<String> {
        let both = items.iter().filter(|(name, _)| others.iter().any(|(other, _)| other == name));
        both.map(|(name, _)| name.clone()).collect()
    };
    let (before, after) = (common(was, now), common(now, was));
    if before != after {
        found.push(Difference { path: format!("{path}[order]"), expected: before.into(), got: after.into() });
    }
    for (name, item) in was {
        let other = of(now, name).unwrap_or_default();
        walk(&format!("{path}[{name}]"), item, &other, Extent::Whole, found);
    }
    for (name, item) in now.iter().filter(|(name, _)| of(was, name).is_none()) {
        walk(&format!("{path}[{name}]"), &Value::Null, item, Extent::Whole, found);
    }
}

/// The items of a list with their names; `None` if one has none. What occurs more than once is numbered.
fn named(items: &[Value]) -> Option<Vec<(String, &Value)>> {
    let mut seen = BTreeMap::<String, u32>::new();
    let mut named = Vec::with_capacity(items.len());
    for item in items {
        let name = printable(name(item)?, MAX_NAME);
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        named.push((if *times == 1 { name } else { format!("{name} {times}") }, item));
    }
    Some(named)
}

/// A text, a field that names the item, or the case of a variant.
fn name(item: &Value) -> Option<&str> {
    fn by_field(item: &Value) -> Option<&str> {
        NAMES.iter().find_map(|name| item.get(name)?.as_str())
    }
    match item {
        Value::String(text) => Some(text),
        Value::Object(fields) => by_field(item)
            .or_else(|| by_field(fields.get(NAMED)?))
            .or_else(|| fields.keys().next().filter(|_| fields.len() == 1).map(String::as_str)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
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

    #[test]
    fn items_of_lists_are_matched_by_their_names() {
        let rung = |name: &str, kbps: u32| json!({ "name": name, "kbps": kbps });
        let was = json!([rung("720p", 3000), rung("480p", 1500)]);
        let found = differences("rungs", &was, &json!([rung("1080p", 5000), rung("720p", 3000), rung("480p", 1400)]));
        assert_eq!(paths(&found), ["rungs[480p].kbps", "rungs[1080p]"]);
        assert_eq!((&found[1].expected, &found[1].got), (&Value::Null, &rung("1080p", 5000)));
        let found = differences("rungs", &was, &json!([rung("480p", 1500), rung("720p", 3000)]));
        assert_eq!(paths(&found), ["rungs[order]"]);
        assert_eq!(found[0].got, json!(["480p", "720p"]));
        // The cases of a variant, of which one occurs twice; texts; and items that have no names.
        let still = |at: u32| json!({ "still": { "at": at } });
        let was = json!([{ "hls": { "segment-ms": 6000 } }, still(1), still(2), "loudness"]);
        let now = json!([{ "hls": { "segment-ms": 4000 } }, still(1), still(3)]);
        let found = differences("", &was, &now);
        assert_eq!(paths(&found), ["[hls].hls.segment-ms", "[still 2].still.at", "[loudness]"]);
        assert_eq!(paths(&differences("", &json!([1, 2]), &json!([1, 3]))), ["[1]"]);
        let playlist = |name: &str| json!({ "rendition": { "name": name }, "playlist": "a" });
        let found = differences("", &json!([playlist("a")]), &json!([playlist("b"), playlist("a")]));
        assert_eq!(paths(&found), ["[b]"]);
    }
}
