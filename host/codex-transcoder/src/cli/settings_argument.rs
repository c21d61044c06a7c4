//! Repeatable arguments such as `--settings FILE|key=value`; the last one wins.

use std::path::Path;

use serde_json::{Map, Value};

use super::exit::{Ended, OrUsage as _};

/// Merges all of them. Errors mention `flag`.
pub fn merge(flag: &str, arguments: &[String]) -> Result<Map<String, Value>, Ended> {
    let mut settings = Map::new();
    for argument in arguments {
        match argument.split_once('=') {
            Some((key, value)) => {
                settings.insert(key.to_owned(), value_of(value));
            }
            None => settings.extend(read(flag, Path::new(argument))?),
        }
    }
    Ok(settings)
}

/// JSON if it parses as such, else a text: `mezzanine=false`, `effort=fastest`, `rungs=["720p"]`.
fn value_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn read(flag: &str, path: &Path) -> Result<Map<String, Value>, Ended> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Ended::usage(format!("{flag} {shown}: {error} (a setting itself is written key=value)")))?;
    let parsed = if path.extension().is_some_and(|ending| ending == "toml") {
        toml::from_str(&text).map_err(|error| error.to_string())
    } else {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    parsed.or_usage(format_args!("{flag} {shown} is not a table of settings"))
}

/// Reads a file of JSON that an argument names.
pub fn read_json(path: &Path) -> Result<Value, Ended> {
    let what = format!("{} can't be used", path.display());
    let text = std::fs::read_to_string(path).or_usage(&what)?;
    serde_json::from_str(&text).map_err(|error| format!("it is not JSON ({error})")).or_usage(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        Value::Object(merge("--settings", &arguments).unwrap()).to_string()
    }

    #[test]
    fn values_are_json_where_they_can_be_and_the_last_one_wins() {
        assert_eq!(merged(&[]), "{}");
        assert_eq!(
            merged(&["effort=fastest", "mezzanine=true", "mezzanine=false"]),
            r#"{"effort":"fastest","mezzanine":false}"#
        );
        assert_eq!(merged(&[r#"rungs=["720p"]"#]), r#"{"rungs":["720p"]}"#);
    }

    #[test]
    fn files_are_json_or_toml_by_their_ending() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name).display().to_string()
        };
        let json = write("a.json", r#"{"mezzanine": false}"#);
        let toml = write("b.toml", "effort = \"slow\"\n");
        assert_eq!(merged(&[&json, &toml]), r#"{"effort":"slow","mezzanine":false}"#);
        let bad = write("c.json", "[1]");
        assert!(merge("--settings", &[bad]).is_err());
        assert!(merge("--settings", &["not-there.json".to_owned()]).is_err());
    }
}
