//! Removes secrets and URLs from recordings.

use fault::redact::{MARK, Redactor};
use fault::text::{URL_MARKS, is_secret_name};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Replaces every URL. It is a URL itself, so that settings which must have one stay valid, and it resolves nowhere:
/// the `.invalid` domain is reserved (RFC 2606).
pub const LEFT_OUT_URL: &str = "https://left-out.invalid";

/// Longest string that is recorded as it is, in bytes. A message to the platform has a few hundred.
const MAX_TEXT: usize = 64 * 1024;

/// Removes secrets and URLs from values. Cleaning a value twice is the same as cleaning it once.
#[derive(Clone, Debug)]
pub struct Cleaner {
    /// None for a cleaner that changes nothing.
    redactor: Option<Redactor>,
}

impl Default for Cleaner {
    /// Knows only the secrets that it recognises by the names of settings.
    fn default() -> Self {
        Self::new(Redactor::default())
    }
}

impl Cleaner {
    /// Also knows the redactor's secrets.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor: Some(redactor) }
    }

    /// Changes nothing: for jobs that are made up, as in scenarios.
    pub fn nothing() -> Self {
        Self { redactor: None }
    }

    /// Registers the values of settings with secret names, so that they are removed wherever they appear.
    pub fn learn(&self, settings: &Value) {
        let Some(redactor) = &self.redactor else { return };
        match settings {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if is_secret_name(name) => {
                            redactor.register(text);
                        }
                        other => self.learn(other),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            _ => {}
        }
    }

    pub fn clean(&self, value: Value) -> Value {
        match &self.redactor {
            Some(redactor) => clean(redactor, value),
            None => value,
        }
    }
}

fn clean(redactor: &Redactor, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean_text(redactor, &text)),
        Value::Array(items) => items.into_iter().map(|item| clean(redactor, item)).collect(),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|field| clean_field(redactor, field)).collect()),
        other => other,
    }
}

fn clean_field(redactor: &Redactor, (name, value): (String, Value)) -> (String, Value) {
    match value {
        // This includes values that are too short to be searched for elsewhere.
        Value::String(text) if is_secret_name(&name) && !text.is_empty() => (name, MARK.into()),
        other => (clean_text(redactor, &name), clean(redactor, other)),
    }
}

fn clean_text(redactor: &Redactor, text: &str) -> String {
    let text = without_urls(&redactor.clean(text));
    if text.len() <= MAX_TEXT {
        return text;
    }
    format!("(left out: {} bytes, sha256 {})", text.len(), hex::encode(Sha256::digest(&text)))
}

/// Replaces every URL in a text with [`LEFT_OUT_URL`].
fn without_urls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, mark)) = URL_MARKS.iter().filter_map(|mark| Some((rest.find(mark)?, *mark))).min() {
        let (before, after) = rest.split_at(at);
        let scheme = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        let address = after.strip_prefix(mark).unwrap_or(after);
        let end = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '`');
        // A backslash ends the URL, because it begins a JSON escape; an escaped slash does not.
        let mut length = address.len();
        let mut characters = address.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let escapes_slash = character == '\\' && characters.peek().is_some_and(|(_, next)| *next == '/');
            if end(character) || character == '\\' && !escapes_slash {
                length = at;
                break;
            }
        }
        clean.push_str(scheme);
        clean.push_str(if scheme.len() == before.len() { mark } else { LEFT_OUT_URL });
        let (address, behind) = address.split_at(length);
        if scheme.len() == before.len() {
            // There is no scheme, so this is not a URL.
            clean.push_str(address);
        }
        rest = behind;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn urls_are_replaced_anywhere_in_a_text() {
        for (text, expected) in [
            ("see https://u:p@h.example/a?b=c#d for more", "see https://left-out.invalid for more"),
            (
                r#"{"u":"http://h/a","v":"s3://b/k"}"#,
                r#"{"u":"https://left-out.invalid","v":"https://left-out.invalid"}"#,
            ),
            (r#"{"u":"https:\/\/h\/a\n"}"#, r#"{"u":"https://left-out.invalid\n"}"#),
            ("nothing: here // there", "nothing: here // there"),
            ("://x", "://x"),
        ] {
            let cleaned = without_urls(text);
            assert_eq!(cleaned, expected);
            assert_eq!(without_urls(&cleaned), expected);
        }
    }

    #[test]
    fn secrets_are_removed_by_value_and_by_name() {
        let redactor = Redactor::default();
        redactor.register("of-the-process");
        let cleaner = Cleaner::new(redactor);
        let settings = json!({ "cdn": { "api-key": "abcdefgh", "pushToken": "x" }, "effort": "fast" });
        cleaner.learn(&settings);
        assert_eq!(
            cleaner.clean(settings),
            json!({ "cdn": { "api-key": "***", "pushToken": "***" }, "effort": "fast" })
        );
        assert_eq!(cleaner.clean(json!(["of-the-process", "say abcdefgh"])), json!(["***", "say ***"]));
    }

    #[test]
    fn a_long_text_is_replaced_by_its_digest() {
        let cleaned = Cleaner::default().clean(json!("x".repeat(MAX_TEXT + 1)));
        let text = cleaned.as_str().unwrap();
        assert!(text.starts_with("(left out: 65537 bytes, sha256 ") && text.len() < 120, "{text}");
        assert_eq!(Cleaner::default().clean(cleaned.clone()), cleaned);
    }
}
