//! Reads environment variables.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::keys::{self, Kind, NAME, PREFIX, SettingSpec};
use super::problem::{Origin, ProblemKind};
use super::raw::Raw;
use super::table::{ELSEWHERE, SETTINGS};
use super::value::{self, SettingValue};

/// Reads the variables, which override the file. An empty variable counts as not set, since platforms pass on every field
/// of a form. For an `ENABLE_` variable it has always meant "no".
pub fn read(variables: &BTreeMap<String, String>, raw: &mut Raw) {
    for key in SETTINGS {
        if key.kind == Kind::Object {
            policy(key, variables, raw);
            continue;
        }
        // Older ones first: the later value wins.
        for (variable, name) in key.old {
            set(key, name, variable, variables, raw);
        }
        if key.path.contains(NAME) {
            for (variable, name) in named(key, variables) {
                set(key, &name, variable, variables, raw);
            }
        } else {
            set(key, "", &keys::variable_of(key.path), variables, raw);
        }
    }
    for name in variables.keys().filter(|name| name.starts_with(PREFIX)) {
        if !is_known(name, variables) {
            unknown(name, raw);
        }
    }
}

/// The variables of this process. Those that aren't UTF-8 are left out: no setting takes one.
pub fn of_this_process() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn set(key: &SettingSpec, name: &str, variable: &str, variables: &BTreeMap<String, String>, raw: &mut Raw) {
    if let Some(text) = variables.get(variable).filter(|text| !text.is_empty()) {
        let read = value::from_text(key.kind, text);
        raw.set(key, name, read, Origin::Variable(variable.to_owned()));
    }
}

/// The variables that are set for a path with [`NAME`] in it, each with its name.
fn named<'a>(key: &SettingSpec, variables: &'a BTreeMap<String, String>) -> Vec<(&'a String, String)> {
    let pattern = keys::variable_of(key.path);
    let Some((before, after)) = pattern.split_once(NAME) else {
        return Vec::new();
    };
    variables
        .keys()
        .filter_map(|variable| {
            let name = variable.strip_prefix(before)?.strip_suffix(after)?.to_ascii_lowercase();
            // A name that breaks the rule is reported as an unknown variable.
            let path = key.path.replace(NAME, &name);
            keys::key(&path).filter(|(found, _)| found.path == key.path).map(|_| (variable, name))
        })
        .collect()
}

fn policy(key: &SettingSpec, variables: &BTreeMap<String, String>, raw: &mut Raw) {
    for (variable, name) in key.old {
        let Some(text) = variables.get(*variable) else { continue };
        let origin = Origin::Variable((*variable).to_owned());
        match value::from_text(Kind::Flag, if text.is_empty() { "off" } else { text }) {
            Ok(SettingValue::Flag(on)) => raw.set_policy(name, Json::Bool(on), origin, true),
            Ok(_) => {}
            Err(message) => raw.problem(ProblemKind::BadValue, key.path, Some(origin), message),
        }
    }
    let variable = keys::variable_of(key.path);
    let Some(text) = variables.get(&variable).filter(|text| !text.trim().is_empty()) else { return };
    let origin = Origin::Variable(variable);
    match serde_json::from_str(text) {
        Ok(Json::Object(members)) => {
            for (name, value) in members {
                raw.set_policy(&name, value, origin.clone(), false);
            }
        }
        Ok(_) => {
            let message = "must be a JSON object such as `{\"mezzanine\": false}`".to_owned();
            raw.problem(ProblemKind::BadValue, key.path, Some(origin), message);
        }
        // The parser's message has the position and not the text.
        Err(error) => {
            let message =
                format!("must be a JSON object such as `{{\"mezzanine\": false}}`; this is not JSON: {error}");
            raw.problem(ProblemKind::Syntax, key.path, Some(origin), message);
        }
    }
}

fn is_known(variable: &str, variables: &BTreeMap<String, String>) -> bool {
    ELSEWHERE.contains(&variable)
        || SETTINGS.iter().any(|key| {
            key.old.iter().any(|(old, _)| *old == variable)
                || (!key.path.contains(NAME) && keys::variable_of(key.path) == variable)
                || named(key, variables).iter().any(|(known, _)| *known == variable)
        })
}

fn unknown(variable: &str, raw: &mut Raw) {
    let all: Vec<String> = SETTINGS.iter().map(|key| keys::variable_of(key.path)).collect();
    // Lists the whole group of the variable, or else the groups.
    let group = |name: &str| name.splitn(3, '_').take(2).collect::<Vec<_>>().join("_");
    let siblings: Vec<&str> = all.iter().map(String::as_str).filter(|name| group(name) == group(variable)).collect();
    let list = if siblings.is_empty() {
        let mut groups: Vec<String> = Vec::new();
        for name in &all {
            let group = if group(name) == *name { name.clone() } else { format!("{}_…", group(name)) };
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups.join(", ")
    } else {
        siblings.join(", ")
    };
    let mut message = format!("there is no setting for this variable; known are {list}");
    let usual = SETTINGS.iter().flat_map(|key| ["media", "archive", "assets"].map(|name| key.variables(name)));
    let usual: Vec<String> = usual.flatten().collect();
    if let Some(nearest) = keys::nearest(variable, usual.iter().map(String::as_str)) {
        message.push_str(&format!("; did you mean {nearest}?"));
    }
    raw.problem(ProblemKind::Unknown, "", Some(Origin::Variable(variable.to_owned())), message);
}
