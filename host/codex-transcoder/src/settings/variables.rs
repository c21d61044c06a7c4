//! Reads environment variables.

use std::collections::BTreeMap;

use fault::codes;
use serde_json::Value as Json;

use super::keys::{self, Kind, NAME, PREFIX, SettingSpec};
use super::problem::Origin;
use super::raw::Raw;
use super::stores::OUTPUT_STORES;
use super::table::{ELSEWHERE, SETTINGS};
use super::value;

/// Reads the variables, which override the file. An empty variable counts as not set, since platforms pass on every field
/// of a form.
pub fn read(variables: &BTreeMap<String, String>, raw: &mut Raw) {
    let mut own = Vec::new();
    for (variable, text) in variables {
        match find(variable) {
            Some(target) if target.older => target.set(variable, text, raw),
            Some(target) => own.push((target, variable, text)),
            None if variable.starts_with(PREFIX) && !ELSEWHERE.contains(&variable.as_str()) => unknown(variable, raw),
            None => {}
        }
    }
    // Last, since they override the older ones.
    for (target, variable, text) in own {
        target.set(variable, text, raw);
    }
}

/// The variables of this process. Those that aren't UTF-8 are left out: no setting takes one.
pub fn of_this_process() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// What a variable sets.
struct Target {
    setting: &'static SettingSpec,
    /// The store in the setting's path; of an `ENABLE_` variable, the policy's setting.
    name: String,
    older: bool,
}

fn find(variable: &str) -> Option<Target> {
    SETTINGS.iter().find_map(|setting| {
        if let Some((_, name)) = setting.older.iter().find(|(older, _)| *older == variable) {
            return Some(Target { setting, name: (*name).to_owned(), older: true });
        }
        let own = keys::variable_of(setting.path);
        let name = match own.split_once(NAME) {
            Some((before, after)) => variable.strip_prefix(before)?.strip_suffix(after)?.to_ascii_lowercase(),
            None => (own == variable).then(String::new)?,
        };
        // A store's name that breaks the rule makes the variable unknown.
        keys::key(&setting.path.replace(NAME, &name))?;
        Some(Target { setting, name, older: false })
    })
}

impl Target {
    fn set(&self, variable: &str, text: &str, raw: &mut Raw) {
        let origin = Origin::Variable(variable.to_owned());
        match self.setting.kind {
            Kind::Object if text.trim().is_empty() => {}
            Kind::Object if self.older => self.set_flag(text, origin, raw),
            Kind::Object => self.set_object(text, &origin, raw),
            _ if text.is_empty() => {}
            kind => raw.set(self.setting, &self.name, value::from_text(kind, text), origin),
        }
    }

    fn set_flag(&self, text: &str, origin: Origin, raw: &mut Raw) {
        match value::from_text(Kind::Flag, text) {
            Ok(flag) => raw.set_policy(&self.name, Json::Bool(flag == "true"), origin, true),
            Err(message) => raw.problem_at(&codes::settings::BAD_VALUE, self.setting.path, Some(origin), message),
        }
    }

    fn set_object(&self, text: &str, origin: &Origin, raw: &mut Raw) {
        let expected = "must be a JSON object such as `{\"mezzanine\": false}`";
        let (code, message) = match serde_json::from_str(text) {
            Ok(Json::Object(members)) => {
                for (name, value) in members {
                    raw.set_policy(&name, value, origin.clone(), false);
                }
                return;
            }
            Ok(_) => (&codes::settings::BAD_VALUE, expected.to_owned()),
            // The parser's message has the position and not the text.
            Err(error) => (&codes::settings::SYNTAX, format!("{expected}; this is not JSON: {error}")),
        };
        raw.problem_at(code, self.setting.path, Some(origin.clone()), message);
    }
}

fn unknown(variable: &str, raw: &mut Raw) {
    let group = |name: &str| name.splitn(3, '_').take(2).collect::<Vec<_>>().join("_");
    let all: Vec<String> = SETTINGS.iter().map(|key| keys::variable_of(key.path)).collect();
    // The whole group of the variable, or else the groups.
    let mut known: Vec<String> = all.iter().filter(|name| group(name) == group(variable)).cloned().collect();
    if known.is_empty() {
        known.extend(all.into_iter().map(|name| if group(&name) == name { name } else { group(&name) + "_…" }));
        known.dedup();
    }
    let usual = SETTINGS.iter().flat_map(|key| OUTPUT_STORES.map(|name| key.variables(name)));
    let usual: Vec<String> = usual.flatten().collect();
    let nearest = keys::nearest(variable, usual.iter().map(String::as_str));
    let hint = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
    let message = format!("there is no setting for this variable; known are {}{hint}", known.join(", "));
    raw.problem_at(&codes::settings::UNKNOWN, "", Some(Origin::Variable(variable.to_owned())), message);
}
