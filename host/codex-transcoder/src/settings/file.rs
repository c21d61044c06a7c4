//! Reads the settings file and keeps the line of every value.

use std::path::Path;

use fault::codes;
use fault::text::printable;
use serde_json::{Map, Number, Value as Json};
use toml::de::{DeTable, DeValue};

use super::keys::{self, Kind, NAME, NAME_RULE, PathMatch, SettingSpec};
use super::problem::Origin;
use super::raw::Raw;
use super::value;

pub fn read(path: &Path, text: &str, raw: &mut Raw) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = TomlReader { path, text, raw };
    for error in &errors {
        let origin = reader.origin_at(error.span().map_or(0, |span| span.start));
        let message = format!("this is not TOML: {}", error.message());
        reader.raw.problem_at(&codes::settings::SYNTAX, "", Some(origin), message);
    }
    // Problems in the rest of a broken file would be misleading.
    if errors.is_empty() {
        reader.table(&[], root.get_ref());
    }
}

struct TomlReader<'a> {
    path: &'a Path,
    text: &'a str,
    raw: &'a mut Raw,
}

impl TomlReader<'_> {
    fn origin_at(&self, offset: usize) -> Origin {
        let before = self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count();
        Origin::File { path: self.path.to_owned(), line: before + 1 }
    }

    fn table(&mut self, above: &[&str], table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let parts: Vec<&str> = above.iter().copied().chain([name.get_ref().as_ref()]).collect();
            let origin = self.origin_at(name.span().start);
            match (keys::find(&parts), value.get_ref()) {
                (PathMatch::Key(key, _), value) if key.kind == Kind::Object => self.policy(key, value, &origin),
                (PathMatch::Key(key, name), value) => {
                    let checked = value::from_toml(key.kind, value).map(|text| value::beside(self.path, key, text));
                    self.raw.set(key, &name, checked, origin);
                }
                (PathMatch::Table, DeValue::Table(inner)) => self.table(&parts, inner),
                (PathMatch::Table, _) => {
                    let message = "is a table: its settings stand below it, each on a line of its own";
                    self.raw.problem_at(&codes::settings::BAD_VALUE, &parts.join("."), Some(origin), message);
                }
                (PathMatch::Unknown(known), _) => self.unknown(&parts, &known, origin),
            }
        }
    }

    fn unknown(&mut self, parts: &[&str], known: &[&'static str], origin: Origin) {
        let typed = parts.last().copied().unwrap_or_default();
        let nearest = keys::nearest(typed, known.iter().copied().filter(|name| *name != NAME));
        let list = known.join(", ").replace(NAME, &format!("a name of your own ({NAME_RULE})"));
        let hint = nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default();
        let message = format!("is not a setting; known here are {list}{hint}");
        self.raw.problem_at(&codes::settings::UNKNOWN, &printable(&parts.join("."), 100), Some(origin), message);
    }

    fn policy(&mut self, key: &SettingSpec, value: &DeValue<'_>, origin: &Origin) {
        let DeValue::Table(table) = value else {
            let message = value::wrong_type(key.kind, value);
            return self.raw.problem_at(&codes::settings::BAD_VALUE, key.path, Some(origin.clone()), message);
        };
        for (name, value) in table.iter() {
            let origin = self.origin_at(name.span().start);
            match json(value.get_ref()) {
                Some(value) => self.raw.set_policy(name.get_ref(), value, origin, false),
                None => {
                    let path = printable(&format!("{}.{}", key.path, name.get_ref()), 100);
                    let message = "has a number that JSON can't hold, and the policy gets its settings as JSON";
                    self.raw.problem_at(&codes::settings::BAD_VALUE, &path, Some(origin), message);
                }
            }
        }
    }
}

/// Converts to JSON; a date becomes a text. `None` for infinity and for numbers beyond 64 bits.
fn json(value: &DeValue<'_>) -> Option<Json> {
    Some(match value {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Integer(number) => Json::Number(i64::from_str_radix(number.as_str(), number.radix()).ok()?.into()),
        DeValue::Float(number) => Json::Number(Number::from_f64(number.as_str().parse().ok()?)?),
        DeValue::Boolean(flag) => Json::Bool(*flag),
        DeValue::Datetime(date) => Json::String(date.to_string()),
        DeValue::Array(items) => Json::Array(items.iter().map(|item| json(item.get_ref())).collect::<Option<_>>()?),
        DeValue::Table(table) => {
            let members = table.iter().map(|(name, value)| Some((name.get_ref().to_string(), json(value.get_ref())?)));
            Json::Object(members.collect::<Option<Map<_, _>>>()?)
        }
    })
}
