//! Checks and parses single values.

use std::net::SocketAddr;

use fault::secret::SecretText;
use fault::text::printable;
use policy::PolicyLocation;
use policy::signature::PublicKey;
use reqwest::Url;
use storage::RESERVED;
use storage::s3::is_bucket_name;
use toml::de::DeValue;

use super::keys::{Kind, NAME_RULE};

/// A checked value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    Text(String),
    Count(u64),
    Flag(bool),
    List(Vec<String>),
    Secret(SecretText),
}

/// In the place of a policy: stands for the environment's name.
const ENVIRONMENT: &str = "{environment}";

/// How many characters of a wrong value an error shows.
const SHOWN: usize = 64;

/// Parses the value of a variable. The error says what is expected, in words that follow the setting's name.
pub fn from_text(kind: Kind, text: &str) -> Result<SettingValue, String> {
    // A secret isn't trimmed: the other side may have been given the blank at its end, too.
    let trimmed = text.trim();
    let bad = |reason: &str| Err(refusal(kind, trimmed, reason));
    let text_if = |valid: bool| if valid { Ok(SettingValue::Text(trimmed.to_owned())) } else { bad("") };
    match kind {
        Kind::Choice(words) => text_if(words.contains(&trimmed)),
        Kind::Flag => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(SettingValue::Flag(true)),
            "false" | "0" | "no" | "off" => Ok(SettingValue::Flag(false)),
            _ => bad(""),
        },
        Kind::Count { least, most } => match trimmed.parse() {
            Ok(count) if (least..=most).contains(&count) => Ok(SettingValue::Count(count)),
            _ => bad(""),
        },
        Kind::Secret if text.is_empty() => bad(""),
        Kind::Secret => Ok(SettingValue::Secret(SecretText::new(text))),
        Kind::Word => text_if(is_word(trimmed)),
        Kind::Path => text_if(!trimmed.is_empty() && !trimmed.contains('\0')),
        Kind::Bucket => text_if(is_bucket_name(trimmed)),
        Kind::Address => text_if(trimmed.parse::<SocketAddr>().is_ok()),
        Kind::Header => text_if(is_header(trimmed)),
        Kind::KeyPrefix => text_if(is_key(trimmed) && trimmed.starts_with(&format!("{RESERVED}/"))),
        Kind::Store => text_if(!trimmed.is_empty()),
        Kind::Endpoint => endpoint(trimmed).map_or_else(bad, |endpoint| Ok(SettingValue::Text(endpoint))),
        Kind::Hosts | Kind::PublicKeys => list(kind, trimmed.split(',').map(str::trim).filter(|item| !item.is_empty())),
        Kind::PolicyPlace => match place(trimmed, "any") {
            Ok(_) => Ok(SettingValue::Text(trimmed.to_owned())),
            Err(problem) => bad(&problem),
        },
        // Not a single value: see `Raw::set_policy`.
        Kind::Object => bad(""),
    }
}

/// Checks a value of the file.
pub fn from_toml(kind: Kind, value: &DeValue<'_>) -> Result<SettingValue, String> {
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(flag)) => Ok(SettingValue::Flag(*flag)),
        (Kind::Count { .. }, DeValue::Integer(number)) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            from_text(kind, &decimal.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        (Kind::Hosts | Kind::PublicKeys, DeValue::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            list(kind, texts.ok_or_else(|| format!("must be {}", expected(kind)))?.into_iter())
        }
        (Kind::Flag | Kind::Count { .. } | Kind::Hosts | Kind::PublicKeys, _) => Err(wrong_type(kind, value)),
        (_, DeValue::String(text)) => from_text(kind, text),
        _ => Err(wrong_type(kind, value)),
    }
}

pub fn wrong_type(kind: Kind, value: &DeValue<'_>) -> String {
    let found = match value {
        DeValue::String(_) => "a text in quotes",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let quoted = match kind {
        Kind::Flag | Kind::Count { .. } | Kind::Hosts | Kind::PublicKeys | Kind::Object => "",
        _ => ", in quotes",
    };
    format!("must be {}{quoted}, not {found}", expected(kind))
}

/// What a setting takes, as error messages say it.
pub fn expected(kind: Kind) -> String {
    match kind {
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Count { least, most } => format!("a whole number from {least} to {most}"),
        Kind::KeyPrefix => format!(
            "the first part of a key, under `{RESERVED}/`, where no policy can write: letters, digits, `.`, `-` and `_`, \
parted by `/`"
        ),
        kind => words(kind).0.to_owned(),
    }
}

/// What a setting takes, as the reference says it.
pub fn described(kind: Kind) -> String {
    match kind {
        Kind::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Count { least, most } => format!("{least} to {most}"),
        kind => words(kind).1.to_owned(),
    }
}

/// For error messages, and for the reference.
fn words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Choice(_) | Kind::Count { .. } => ("", ""),
        Kind::Flag => ("true or false", "`true`, `false`"),
        Kind::Word => ("a word without spaces", "text"),
        Kind::Secret => ("a secret that is not empty", "secret text"),
        Kind::Path => ("a path", "path"),
        Kind::Endpoint => ("a URL such as `https://ACCOUNT.r2.cloudflarestorage.com`", "URL"),
        Kind::Bucket => ("the name of a bucket: 3 to 63 letters, digits, `.`, `-` and `_`", "bucket"),
        Kind::Address => ("an IP address with a port, such as `127.0.0.1:9090`", "IP address and port"),
        Kind::Hosts => (
            "names of hosts, such as `hooks.example.com` or `*.example.com`",
            "list of hosts; with commas in a variable",
        ),
        Kind::PolicyPlace => ("a file, a folder, `STORE:PREFIX` or an https address", "path, store and prefix, or URL"),
        Kind::PublicKeys => {
            ("public keys of minisign: the second line of a .pub file", "list of keys; with commas in a variable")
        }
        Kind::Header => ("the value of an HTTP header: 1 to 256 printable ASCII characters", "header"),
        Kind::KeyPrefix => ("", "key"),
        Kind::Store => ("the name of a store", "store"),
        Kind::Object => ("a table of settings", "table"),
    }
}

/// The message about a wrong value. It shows neither secrets nor URLs, which may contain one.
fn refusal(kind: Kind, text: &str, reason: &str) -> String {
    let mut sentence = format!("must be {}", expected(kind));
    if !reason.is_empty() {
        sentence.push_str(&format!("; {reason}"));
    } else if !matches!(kind, Kind::Secret | Kind::Endpoint | Kind::PolicyPlace) {
        sentence.push_str(&format!(", not `{}`", printable(text, SHOWN)));
    }
    sentence
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

/// Excludes line breaks, which would start another header.
fn is_header(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

fn is_key(text: &str) -> bool {
    let segment = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    text.len() <= 128 && text.split('/').all(segment)
}

/// The URL without a slash at its end. The store's settings decide whether it may be http.
fn endpoint(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "this is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("this one is not https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("this one has a user name or a password in it, which have settings of their own");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("this one has something behind a `?` or a `#`");
    }
    if url.path() != "/" {
        return Err("this one has a path; the bucket's name has a setting of its own");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn list<'a>(kind: Kind, texts: impl Iterator<Item = &'a str>) -> Result<SettingValue, String> {
    let list = texts.map(|text| if kind == Kind::Hosts { host(text) } else { public_key(text) });
    let list = list.collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() && kind == Kind::Hosts {
        return Err("names no host, so that no webhook could be sent; leave it out to allow every public host".into());
    }
    Ok(SettingValue::List(list))
}

fn host(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let valid = name.len() <= 253 && name.split('.').all(label);
    if valid { Ok(text.to_ascii_lowercase()) } else { Err(refusal(Kind::Hosts, text, "")) }
}

fn public_key(text: &str) -> Result<String, String> {
    let parsed = PublicKey::parse(text).map(|_| text.to_owned());
    parsed.map_err(|error| format!("must be {}: {error}", expected(Kind::PublicKeys)))
}

/// Parses the place of a policy, with the environment's name filled in.
pub fn place(text: &str, environment: &str) -> Result<PolicyLocation, String> {
    PolicyLocation::parse(&text.replace(ENVIRONMENT, environment)).map_err(|problem| format!("this one {problem}"))
}

/// Describes [`NAME`](super::keys::NAME) in a list of known names.
pub fn about_names() -> String {
    format!("a name of your own ({NAME_RULE})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::keys::DefaultValue;
    use crate::settings::table::SETTINGS;

    #[test]
    fn every_default_is_valid() {
        for key in SETTINGS.iter().filter(|key| key.kind != Kind::Object) {
            if let DefaultValue::Value(text) = key.default {
                assert!(from_text(key.kind, text).is_ok(), "{}", key.path);
            }
        }
    }

    #[test]
    fn flags_may_be_written_in_eight_ways() {
        for (text, expected) in [("true", true), ("1", true), ("Yes", true), ("ON ", true)] {
            assert_eq!(from_text(Kind::Flag, text), Ok(SettingValue::Flag(expected)), "{text}");
        }
        for text in ["false", "0", "No", "off"] {
            assert_eq!(from_text(Kind::Flag, text), Ok(SettingValue::Flag(false)), "{text}");
        }
        assert_eq!(from_text(Kind::Flag, "maybe"), Err("must be true or false, not `maybe`".into()));
    }

    #[test]
    fn an_endpoint_is_a_bare_address_and_never_shown() {
        let at = |text| from_text(Kind::Endpoint, text);
        assert_eq!(at("https://s3.example.com/"), Ok(SettingValue::Text("https://s3.example.com".into())));
        for (text, reason) in [
            ("s3.example.com", "not a URL"),
            ("ftp://s3.example.com", "not https"),
            ("https://key:geheim@s3.example.com", "a password in it"),
            ("https://s3.example.com/geheim", "has a path"),
            ("https://s3.example.com?geheim", "behind a `?`"),
        ] {
            let message = at(text).unwrap_err();
            assert!(message.contains(reason) && !message.contains("geheim"), "{message}");
        }
    }

    #[test]
    fn hosts_are_names_and_not_urls() {
        let hosts = |text| from_text(Kind::Hosts, text);
        let list = vec!["hooks.example.com".to_owned(), "*.example.org".to_owned()];
        assert_eq!(hosts("Hooks.example.com, *.example.org,"), Ok(SettingValue::List(list)));
        for text in ["https://hooks.example.com", "hooks.example.com:443", "hooks..example", "*", "a b"] {
            assert!(hosts(text).unwrap_err().ends_with(&format!("not `{text}`")), "{text}");
        }
        assert!(hosts(",").unwrap_err().contains("names no host"));
    }

    #[test]
    fn a_header_cannot_start_another_one() {
        assert!(from_text(Kind::Header, "no-store\r\nSet-Cookie: a=b").is_err());
        assert!(from_text(Kind::Header, "").is_err());
    }

    #[test]
    fn a_key_prefix_stays_below_its_store() {
        assert!(from_text(Kind::KeyPrefix, ".codex/outbox").is_ok());
        for text in ["", "/", "a//b", "../a", "a/..", "a b"] {
            assert!(from_text(Kind::KeyPrefix, text).is_err(), "{text}");
        }
    }
}
