//! Checks single values. A checked value is kept as text, whether it came from the file or from a variable.

use std::net::SocketAddr;
use std::path::Path;

use fault::text::printable;
use policy::signature::PublicKey;
use policy::{BuiltIn, PolicyLocation};
use storage::RESERVED;
use storage::s3::{is_bucket_name, is_key_text, parse_endpoint};
use toml::de::DeValue;
use url::Url;

use super::keys::{Kind, SettingSpec};
use crate::keys::{KeyPlace, is_key_uri};
use crate::observe::are_headers;

/// In the place of a policy: stands for the environment's name.
const ENVIRONMENT: &str = "{environment}";

/// How many characters of a wrong value an error shows.
const SHOWN: usize = 64;

/// Checks the value of a variable and returns it in the form that `str::parse` takes; a list has commas. The error says
/// what is expected, in words that follow the setting's name.
pub fn from_text(kind: Kind, text: &str) -> Result<String, String> {
    // A secret isn't trimmed: the other side may have been given the blank at its end, too.
    let text = if kind == Kind::Secret { text } else { text.trim() };
    let valid = match kind {
        Kind::Choice(words) => words.contains(&text),
        Kind::Flag => return flag(text).map(|flag| flag.to_string()).ok_or_else(|| refusal(kind, text, "")),
        Kind::Count { least, most } => text.parse::<u64>().is_ok_and(|count| (least..=most).contains(&count)),
        Kind::Amount => amount(text).is_some(),
        Kind::Share => share(text).is_some(),
        Kind::SecretHeaders => are_headers(text),
        Kind::Secret | Kind::Store => !text.is_empty(),
        Kind::Word => !text.is_empty() && is_key_text(text),
        Kind::Path => !text.is_empty() && !text.contains('\0'),
        Kind::Bucket => is_bucket_name(text),
        Kind::Address => text.parse::<SocketAddr>().is_ok(),
        Kind::Header => is_header(text),
        Kind::KeyPrefix => is_key(text) && text.starts_with(&format!("{RESERVED}/")),
        Kind::Endpoint => return parse_endpoint(text).map_err(|reason| refusal(kind, text, reason)),
        Kind::Collector => return collector(text).ok_or_else(|| refusal(kind, text, "")),
        Kind::Hosts | Kind::PublicKeys => {
            return list(kind, text.split(',').map(str::trim).filter(|item| !item.is_empty()));
        }
        Kind::PolicyPlace => {
            return place(text, "any").map(|_| text.to_owned()).map_err(|problem| refusal(kind, text, &problem));
        }
        Kind::KeyPlace => {
            return KeyPlace::parse(text).map(|_| text.to_owned()).map_err(|problem| refusal(kind, text, problem));
        }
        Kind::KeyUri => is_key_uri(text),
        // Not a single value: see `Raw::set_policy`.
        Kind::Object => false,
    };
    if valid { Ok(text.to_owned()) } else { Err(refusal(kind, text, "")) }
}

/// Checks a value of the file.
pub fn from_toml(kind: Kind, value: &DeValue<'_>) -> Result<String, String> {
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(flag)) => Ok(flag.to_string()),
        (Kind::Count { .. }, DeValue::Integer(number)) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            from_text(kind, &decimal.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        (Kind::Amount | Kind::Share, DeValue::Integer(number)) => from_text(kind, number.as_str()),
        (Kind::Amount | Kind::Share, DeValue::Float(number)) => from_text(kind, number.as_str()),
        (Kind::Hosts | Kind::PublicKeys, DeValue::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            list(kind, texts.ok_or_else(|| format!("must be {}", expected(kind)))?.into_iter())
        }
        (_, DeValue::String(text)) if is_quoted(kind) => from_text(kind, text),
        _ => Err(wrong_type(kind, value)),
    }
}

/// Whether the file has it as a text in quotes.
fn is_quoted(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Flag | Kind::Count { .. } | Kind::Amount | Kind::Share | Kind::Hosts | Kind::PublicKeys | Kind::Object
    )
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
    let quoted = if is_quoted(kind) { ", in quotes" } else { "" };
    format!("must be {}{quoted}, not {found}", expected(kind))
}

/// What a setting takes, in words that follow "must be".
fn expected(kind: Kind) -> String {
    let words = match kind {
        Kind::Choice(words) => return format!("one of {}", words.join(", ")),
        Kind::Count { least, most } => return format!("a whole number from {least} to {most}"),
        Kind::Flag => "true or false",
        Kind::Amount => "an amount from 0 to 1000000",
        Kind::Share => "a number from 0 to 1",
        Kind::SecretHeaders => {
            "pairs of a header's name and its value, such as `authorization=Bearer%20…`, with commas"
        }
        Kind::Collector => "the URL of a collector, such as `https://otel.example.com:4318`, without a password in it",
        Kind::Word => "a word without spaces",
        Kind::Secret => "a secret that is not empty",
        Kind::Path => "a path",
        Kind::Endpoint => "a URL such as `https://ACCOUNT.r2.cloudflarestorage.com`",
        Kind::Bucket => "the name of a bucket: 3 to 63 letters, digits, `.`, `-` and `_`",
        Kind::Address => "an IP address with a port, such as `127.0.0.1:9090`",
        Kind::Hosts => "names of hosts, such as `hooks.example.com` or `*.example.com`",
        Kind::PolicyPlace => "a file, a folder, `STORE:PREFIX` or an https address",
        Kind::KeyPlace => "a folder, or an https address that ends with `/`",
        Kind::KeyUri => "an address such as `https://keys.example.com/`",
        Kind::PublicKeys => "public keys of minisign: the second line of a .pub file",
        Kind::Header => "the value of an HTTP header: 1 to 256 printable ASCII characters",
        Kind::KeyPrefix => {
            "the first part of a key, under `.codex/`, where no policy can write: letters, digits, `.`, `-` and `_`, \
parted by `/`"
        }
        Kind::Store => "the name of a store",
        Kind::Object => "a table of settings",
    };
    words.to_owned()
}

/// The message about a wrong value. It shows neither secrets nor URLs, which may contain one.
fn refusal(kind: Kind, text: &str, reason: &str) -> String {
    let mut sentence = format!("must be {}", expected(kind));
    if !reason.is_empty() {
        sentence.push_str(&format!("; {reason}"));
    } else if !matches!(
        kind,
        Kind::Secret | Kind::SecretHeaders | Kind::Endpoint | Kind::Collector | Kind::PolicyPlace | Kind::KeyPlace
    ) {
        sentence.push_str(&format!(", not `{}`", printable(text, SHOWN)));
    }
    sentence
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The most that anything costs.
const MOST_AMOUNT: f64 = 1e6;

fn amount(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|amount| plain && (0.0..=MOST_AMOUNT).contains(amount))
}

fn share(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|share| plain && (0.0..=1.0).contains(share))
}

/// Without the `/` at its end: `/v1/traces` is appended.
fn collector(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let valid = plain && matches!(url.scheme(), "http" | "https") && url.has_host();
    valid.then(|| text.trim_end_matches('/').to_owned())
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

/// Checks the items of a list and joins them with commas, which no item has.
fn list<'a>(kind: Kind, items: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let item = |text| if kind == Kind::Hosts { host(text) } else { public_key(text) };
    let items = items.map(item).collect::<Result<Vec<_>, _>>()?;
    if items.is_empty() && kind == Kind::Hosts {
        return Err("names no host, so that no webhook could be sent; leave it out to allow every public host".into());
    }
    Ok(items.join(","))
}

fn host(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let valid = name.len() <= 253 && name.split('.').all(label);
    if valid { Ok(text.to_ascii_lowercase()) } else { Err(refusal(Kind::Hosts, text, "")) }
}

/// The line with the key alone: the comment above it in a `.pub` file may have commas.
fn public_key(text: &str) -> Result<String, String> {
    let key = PublicKey::parse(text).map(|key| key.to_string());
    key.map_err(|error| format!("must be {}: {error}", expected(Kind::PublicKeys)))
}

/// A value of the file in which a relative path follows the file's folder. The name of a program, which is looked for on the
/// `PATH`, and that of a built-in policy stay.
pub fn beside(file: &Path, key: &SettingSpec, text: String) -> String {
    let is_path = match key.kind {
        Kind::Path => match key.path {
            "job.ffmpeg" | "job.ffprobe" => text.contains('/'),
            "policy.path" => BuiltIn::named(&text).is_none(),
            _ => true,
        },
        Kind::PolicyPlace => {
            matches!(PolicyLocation::parse(&text), Ok(PolicyLocation::Component(_) | PolicyLocation::File(_)))
        }
        Kind::KeyPlace => matches!(KeyPlace::parse(&text), Ok(KeyPlace::Folder(_))),
        _ => false,
    };
    match file.parent().filter(|_| is_path).map(|folder| folder.join(&text)).as_deref().and_then(Path::to_str) {
        Some(path) => path.to_owned(),
        None => text,
    }
}

/// Parses the place of a policy, with the environment's name filled in.
pub fn place(text: &str, environment: &str) -> Result<PolicyLocation, String> {
    PolicyLocation::parse(&text.replace(ENVIRONMENT, environment)).map_err(|problem| format!("this one {problem}"))
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
                assert_eq!(from_text(key.kind, text).as_deref(), Ok(text), "{}", key.path);
            }
        }
    }

    #[test]
    fn flags_may_be_written_in_eight_ways() {
        for (text, expected) in [("true", true), ("1", true), ("Yes", true), ("ON ", true)] {
            assert_eq!(from_text(Kind::Flag, text), Ok(expected.to_string()), "{text}");
        }
        for text in ["false", "0", "No", "off"] {
            assert_eq!(from_text(Kind::Flag, text), Ok("false".into()), "{text}");
        }
        assert_eq!(from_text(Kind::Flag, "maybe"), Err("must be true or false, not `maybe`".into()));
    }

    #[test]
    fn an_amount_is_a_plain_number() {
        for text in ["0", "0.00019", "2.5", "1000000"] {
            assert_eq!(from_text(Kind::Amount, text).as_deref(), Ok(text));
        }
        for text in ["", "-1", "1e3", "inf", "NaN", "1,5", "1000001", "0.3 USD"] {
            assert!(from_text(Kind::Amount, text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_endpoint_is_a_bare_address_and_never_shown() {
        let at = |text| from_text(Kind::Endpoint, text);
        assert_eq!(at("https://s3.example.com/"), Ok("https://s3.example.com".into()));
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
        assert_eq!(hosts("Hooks.example.com, *.example.org,"), Ok("hooks.example.com,*.example.org".into()));
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
