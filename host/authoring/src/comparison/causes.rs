//! Which differences explain others.
//!
//! A policy decides in an order: the ladder, then keys, the plan, the message. A rung that is new in the ladder is new in the
//! plan and in the message too, and reading it three times doesn't help.

use serde::Serialize;
use serde_json::Value;

use crate::rehearsal::compare::Difference;

/// A difference that no earlier one explains.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    pub part: &'static str,
    #[serde(flatten)]
    pub difference: Difference,
    /// What follows from it.
    pub follows: Vec<Consequence>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Consequence {
    pub part: &'static str,
    #[serde(flatten)]
    pub difference: Difference,
}

/// Puts each difference below the first one that explains it. The parts are in the order in which they are decided.
pub(super) fn causes(parts: &[(&'static str, Vec<Difference>)]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    let all = parts.iter().flat_map(|(part, differences)| differences.iter().map(move |one| (*part, one)));
    for (part, difference) in all {
        let explains = |cause: &&mut Cause| {
            follows_from(&cause.difference, difference)
                || cause.follows.iter().any(|known| follows_from(&known.difference, difference))
        };
        let difference = difference.clone();
        match causes.iter_mut().find(explains) {
            Some(cause) => cause.follows.push(Consequence { part, difference }),
            None => causes.push(Cause { part, difference, follows: Vec::new() }),
        }
    }
    causes
}

fn follows_from(cause: &Difference, other: &Difference) -> bool {
    let is_item = cause.expected.is_null() || cause.got.is_null();
    match item(&cause.path) {
        Some(name) if is_item => is_about(name, other),
        _ => is_same_change(cause, other),
    }
}

/// The same field gets the same value, or the same text stands elsewhere: a key, in its object's place.
fn is_same_change(cause: &Difference, other: &Difference) -> bool {
    let is_text = |value: &Value| value.is_string() || value.is_array();
    let same = |one: &Value, other: &Value| one == other || text(one).is_some_and(|key| text(other) == Some(key));
    let same_values = same(&cause.expected, &other.expected) && same(&cause.got, &other.got);
    same_values && (leaf(&cause.path) == leaf(&other.path) || is_text(&cause.got) || is_text(&cause.expected))
}

/// Whether a path or a value names an item of a list.
fn is_about(name: &str, other: &Difference) -> bool {
    let in_path = || other.path.split(['[', ']', '(', ')']).any(|step| step == name);
    let in_value =
        |value: &Value| text(value).is_some_and(|text| text == name || text.split('/').any(|step| step == name));
    in_path() || in_value(&other.expected) || in_value(&other.got)
}

/// The name of the item that a path ends with.
fn item(path: &str) -> Option<&str> {
    path.strip_suffix(']')?.rsplit_once('[').map(|(_, name)| name)
}

fn leaf(path: &str) -> &str {
    path.rsplit(['.', ']']).next().unwrap_or(path)
}

/// A text; a key without its store.
fn text(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    Some(text.split_once(':').filter(|(store, _)| !store.contains('/')).map_or(text, |(_, key)| key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rehearsal::compare::differences;

    fn ladder(rungs: &[(&str, u32)]) -> Value {
        let rungs = rungs.iter().map(|(name, kbps)| json!({ "name": name, "max-kbps": kbps }));
        json!({ "ok": rungs.collect::<Vec<_>>() })
    }

    fn plan(rungs: &[(&str, u32)], segment_ms: u32) -> Value {
        let rungs = rungs.iter().map(|(name, kbps)| {
            json!({ "rendition": { "name": name, "max-kbps": kbps }, "playlist": format!("u/hls/{name}/index.m3u8") })
        });
        json!({ "outputs": [{ "hls": { "rungs": rungs.collect::<Vec<_>>(), "segment-ms": segment_ms } }] })
    }

    fn of(was: [Value; 2], now: [Value; 2]) -> Vec<(String, usize)> {
        let parts = ["ladder", "plan"].into_iter().zip(was.iter().zip(&now));
        let parts: Vec<_> = parts.map(|(part, (was, now))| (part, differences("", was, now))).collect();
        let shown = |cause: Cause| (format!("{} {}", cause.part, cause.difference.path), cause.follows.len());
        causes(&parts).into_iter().map(shown).collect()
    }

    #[test]
    fn a_change_of_the_ladder_explains_that_of_the_plan_and_nothing_else() {
        let (was, now) = ([("720p", 3000), ("480p", 1500)], [("720p", 3000), ("480p", 1400)]);
        let found = of([ladder(&was), plan(&was, 6000)], [ladder(&now), plan(&now, 4000)]);
        let expected = [("ladder ok[480p].max-kbps", 1), ("plan outputs[hls].hls.segment-ms", 0)];
        assert_eq!(found, expected.map(|(path, follows)| (path.to_owned(), follows)));
        // Another change to the same field is one of its own.
        let other = [("720p", 3000), ("480p", 1300)];
        let found = of([ladder(&was), plan(&was, 6000)], [ladder(&now), plan(&other, 6000)]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_rung_more_explains_all_that_names_it() {
        let (was, now) = ([("720p", 3000)], [("1080p", 5000), ("720p", 3000)]);
        let found = of([ladder(&was), plan(&was, 6000)], [ladder(&now), plan(&now, 6000)]);
        assert_eq!(found, [("ladder ok[1080p]".to_owned(), 1)]);
    }

    #[test]
    fn another_key_explains_where_it_stands() {
        let change = |path: &str, was: &str, now: &str| Difference {
            path: path.to_owned(),
            expected: was.into(),
            got: now.into(),
        };
        let keys = ("keys", vec![change("thumbnail", "media:u/a.jpg", "media:u/b.jpg")]);
        let payload = (
            "payload",
            vec![change("body.thumbnailKey", "u/a.jpg", "u/b.jpg"), change("body.title", "u/a.jpg", "u/c.jpg")],
        );
        let found = causes(&[keys, payload]);
        assert_eq!(found.iter().map(|cause| cause.follows.len()).collect::<Vec<_>>(), [1, 0]);
    }
}
