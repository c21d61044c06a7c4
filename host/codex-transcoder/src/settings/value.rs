//! One value, by the rules of what its setting takes.

use std::net::SocketAddr;

use fault::secret::SecretText;
use fault::text::printable;
use policy::PolicyLocation;
use policy::signature::PublicKey;
use reqwest::Url;
use storage::RESERVED;
use toml::de::DeValue;

use super::keys::{Kind, NAME_RULE};

/// A value that is what its setting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text of any kind.
    Text(String),
    /// A number.
    Count(u64),
    /// Yes or no.
    Flag(bool),
    /// Texts.
    List(Vec<String>),
    /// A text that is not shown.
    Secret(SecretText),
}

/// Stands in the place of a policy for the environment's name.
const ENVIRONMENT: &str = "{environment}";

/// How much of a wrong value an error repeats.
const SHOWN: usize = 64;

/// Reads a value as a variable has it. The error says what is expected, in words that follow the setting's name.
pub fn from_text(kind: Kind, text: &str) -> Result<Value, String> {
    // A secret is taken as it is: the other side may have been given the blank at its end, too.
    let trimmed = text.trim();
    let bad = |reason: &str| Err(refusal(kind, trimmed, reason));
    let taken = |fine: bool| if fine { Ok(Value::Text(trimmed.to_owned())) } else { bad("") };
    match kind {
        Kind::Choice(words) => taken(words.contains(&trimmed)),
        Kind::Flag => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Value::Flag(true)),
            "false" | "0" | "no" | "off" => Ok(Value::Flag(false)),
            _ => bad(""),
        },
        Kind::Count { least, most } => match trimmed.parse() {
            Ok(count) if (least..=most).contains(&count) => Ok(Value::Count(count)),
            _ => bad(""),
        },
        Kind::Secret if text.is_empty() => bad(""),
        Kind::Secret => Ok(Value::Secret(SecretText::new(text))),
        Kind::Word => taken(is_word(trimmed)),
        Kind::Path => taken(!trimmed.is_empty() && !trimmed.contains('\0')),
        Kind::Bucket => taken(is_bucket(trimmed)),
        Kind::Address => taken(trimmed.parse::<SocketAddr>().is_ok()),
        Kind::Header => taken(is_header(trimmed)),
        Kind::KeyPrefix => taken(is_key(trimmed) && trimmed.starts_with(&format!("{RESERVED}/"))),
        Kind::Store => taken(!trimmed.is_empty()),
        Kind::Endpoint => endpoint(trimmed).map_or_else(bad, |endpoint| Ok(Value::Text(endpoint))),
        Kind::Hosts => hosts(trimmed.split(',').map(str::trim).filter(|host| !host.is_empty())),
        Kind::PublicKeys => public_keys(trimmed.split(',').map(str::trim).filter(|key| !key.is_empty())),
        Kind::PolicyPlace => match place(trimmed, "any") {
            Ok(_) => Ok(Value::Text(trimmed.to_owned())),
            Err(problem) => bad(&problem),
        },
        // Read where it is found: its parts come from several places.
        Kind::Object => bad(""),
    }
}

/// Reads a value as the file has it.
pub fn from_toml(kind: Kind, value: &DeValue<'_>) -> Result<Value, String> {
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
        (Kind::Count { .. }, DeValue::Integer(number)) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            from_text(kind, &decimal.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        (Kind::Hosts | Kind::PublicKeys, DeValue::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            match (texts, kind) {
                (None, _) => Err(format!("must be {}", expected(kind))),
                (Some(texts), Kind::Hosts) => hosts(texts.into_iter()),
                (Some(texts), _) => public_keys(texts.into_iter()),
            }
        }
        (Kind::Flag | Kind::Count { .. } | Kind::Hosts | Kind::PublicKeys, _) => Err(wrong_type(kind, value)),
        (_, DeValue::String(text)) => from_text(kind, text),
        _ => Err(wrong_type(kind, value)),
    }
}

/// What is wrong with a value of another type.
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

/// What a setting takes, in words.
pub fn expected(kind: Kind) -> String {
    match kind {
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Flag => "true or false".to_owned(),
        Kind::Count { least, most } => format!("a whole number from {least} to {most}"),
        Kind::Word => "a word without spaces".to_owned(),
        Kind::Secret => "a secret that is not empty".to_owned(),
        Kind::Path => "a path".to_owned(),
        Kind::Endpoint => "a URL such as `https://ACCOUNT.r2.cloudflarestorage.com`".to_owned(),
        Kind::Bucket => "the name of a bucket: 3 to 63 letters, digits, `.`, `-` and `_`".to_owned(),
        Kind::Address => "an IP address with a port, such as `127.0.0.1:9090`".to_owned(),
        Kind::Hosts => "names of hosts, such as `hooks.example.com` or `*.example.com`".to_owned(),
        Kind::PolicyPlace => "a file, a folder, `STORE:PREFIX` or an https address".to_owned(),
        Kind::PublicKeys => "public keys of minisign: the second line of a .pub file".to_owned(),
        Kind::Header => "the value of an HTTP header: 1 to 256 printable ASCII characters".to_owned(),
        Kind::KeyPrefix => format!(
            "the first part of a key, under `{RESERVED}/`, where no policy can write: letters, digits, `.`, `-` and `_`, \
parted by `/`"
        ),
        Kind::Store => "the name of a store".to_owned(),
        Kind::Object => "a table of settings".to_owned(),
    }
}

/// The sentence about a wrong value. A secret is not repeated, and neither is an endpoint, which may hold one.
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

fn is_bucket(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && !text.contains("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// Nothing that could end the header and begin another one.
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

/// The URL without a slash at its end. Whether it may be http is for the environment to say.
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

fn hosts<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Value, String> {
    let mut taken = Vec::new();
    for text in texts {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(refusal(Kind::Hosts, text, ""));
        }
        taken.push(text.to_ascii_lowercase());
    }
    if taken.is_empty() {
        return Err("names no host, so that no webhook could be sent; leave it out to allow every public host".into());
    }
    Ok(Value::List(taken))
}

fn public_keys<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Value, String> {
    let mut taken = Vec::new();
    for text in texts {
        if let Err(error) = PublicKey::parse(text) {
            return Err(format!("must be {}: {error}", expected(Kind::PublicKeys)));
        }
        taken.push(text.to_owned());
    }
    Ok(Value::List(taken))
}

/// Where a policy is, with the environment's name in its place.
pub fn place(text: &str, environment: &str) -> Result<PolicyLocation, String> {
    PolicyLocation::parse(&text.replace(ENVIRONMENT, environment)).map_err(|problem| format!("this one {problem}"))
}

/// What the reference says of the values of a setting.
pub fn described(kind: Kind) -> String {
    match kind {
        Kind::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Count { least, most } => format!("{least} to {most}"),
        Kind::Flag => "`true`, `false`".to_owned(),
        Kind::Word => "text".to_owned(),
        Kind::Secret => "secret text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Endpoint => "URL".to_owned(),
        Kind::Bucket => "bucket".to_owned(),
        Kind::Address => "IP address and port".to_owned(),
        Kind::Hosts => "list of hosts; with commas in a variable".to_owned(),
        Kind::PolicyPlace => "path, store and prefix, or URL".to_owned(),
        Kind::PublicKeys => "list of keys; with commas in a variable".to_owned(),
        Kind::Header => "header".to_owned(),
        Kind::KeyPrefix => "key".to_owned(),
        Kind::Store => "store".to_owned(),
        Kind::Object => "table".to_owned(),
    }
}

/// What the list of known names says about the one that stands for all.
pub fn about_names() -> String {
    format!("a name of your own ({NAME_RULE})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::keys::Fallback;
    use crate::settings::table::KEYS;

    #[test]
    fn every_default_is_a_value_that_its_setting_takes() {
        for key in KEYS.iter().filter(|key| key.kind != Kind::Object) {
            if let Fallback::Value(text) = key.default {
                assert!(from_text(key.kind, text).is_ok(), "{}", key.path);
            }
        }
    }

    #[test]
    fn flags_are_written_in_eight_ways() {
        for (text, expected) in [("true", true), ("1", true), ("Yes", true), ("ON ", true)] {
            assert_eq!(from_text(Kind::Flag, text), Ok(Value::Flag(expected)), "{text}");
        }
        for text in ["false", "0", "No", "off"] {
            assert_eq!(from_text(Kind::Flag, text), Ok(Value::Flag(false)), "{text}");
        }
        assert_eq!(from_text(Kind::Flag, "maybe"), Err("must be true or false, not `maybe`".into()));
    }

    #[test]
    fn an_endpoint_is_a_bare_address_and_never_repeated() {
        let at = |text| from_text(Kind::Endpoint, text);
        assert_eq!(at("https://s3.example.com/"), Ok(Value::Text("https://s3.example.com".into())));
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
    fn hosts_are_names_and_not_addresses_of_pages() {
        let hosts = |text| from_text(Kind::Hosts, text);
        let list = vec!["hooks.example.com".to_owned(), "*.example.org".to_owned()];
        assert_eq!(hosts("Hooks.example.com, *.example.org,"), Ok(Value::List(list)));
        for text in ["https://hooks.example.com", "hooks.example.com:443", "hooks..example", "*", "a b"] {
            assert!(hosts(text).unwrap_err().ends_with(&format!("not `{text}`")), "{text}");
        }
        assert!(hosts(",").unwrap_err().contains("names no host"));
    }

    #[test]
    fn a_header_can_not_begin_another_one() {
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
