//! What is taken out before anything is written down.

use fault::redact::{MARK, Redactor};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What stands in place of every address. It is one itself, so that a policy which wants an address in its settings still
/// gets one, and it leads nowhere: the ending is reserved for that (RFC 2606).
pub const LEFT_OUT_URL: &str = "https://left-out.invalid";

/// Longest text that is kept as it is, in bytes. A message to the platform has some hundred.
const MAX_TEXT: usize = 64 * 1024;

/// Parts of the names of settings whose values nobody may see.
const SECRETIVE: [&str; 6] = ["secret", "token", "password", "passphrase", "credential", "apikey"];

/// Takes secrets and addresses out of what is written down. Cleaning twice changes nothing.
#[derive(Clone, Debug)]
pub struct Cleaner {
    /// None for one that leaves everything as it is.
    redactor: Option<Redactor>,
}

impl Default for Cleaner {
    /// Knows no secret but those that settings have by their names.
    fn default() -> Self {
        Self::new(Redactor::default())
    }
}

impl Cleaner {
    /// Knows the secrets of this process.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor: Some(redactor) }
    }

    /// Leaves everything as it is: for jobs that are made up.
    pub fn nothing() -> Self {
        Self { redactor: None }
    }

    /// Takes note of the settings of a policy that are secret by their names, so that they are found wherever they are
    /// repeated.
    pub fn learn(&self, settings: &Value) {
        let Some(redactor) = &self.redactor else { return };
        match settings {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if is_secretive(name) => {
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

    /// The same value without them.
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
        // Also one that is too short to be looked for elsewhere.
        Value::String(text) if is_secretive(&name) && !text.is_empty() => (name, MARK.into()),
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

fn is_secretive(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRETIVE.iter().any(|part| plain.contains(part))
}

/// How an address goes on after its scheme, as it is and as some JSON writers have it.
const MARKS: [&str; 2] = ["://", r":\/\/"];

/// The text with [`LEFT_OUT_URL`] for every address in it.
fn without_urls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, mark)) = MARKS.iter().filter_map(|mark| Some((rest.find(mark)?, *mark))).min() {
        let (before, after) = rest.split_at(at);
        let scheme = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        let address = after.strip_prefix(mark).unwrap_or(after);
        let end = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '`');
        // A backslash begins an escape, unless it only guards a slash.
        let mut length = address.len();
        let mut characters = address.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let guards = character == '\\' && characters.peek().is_some_and(|(_, next)| *next == '/');
            if end(character) || character == '\\' && !guards {
                length = at;
                break;
            }
        }
        clean.push_str(scheme);
        clean.push_str(if scheme.len() == before.len() { mark } else { LEFT_OUT_URL });
        let (address, behind) = address.split_at(length);
        if scheme.len() == before.len() {
            // Nothing before it that could be a scheme.
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
    fn addresses_are_left_out_wherever_they_stand() {
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
    fn secrets_are_left_out_by_value_and_by_name() {
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
    fn a_long_text_is_told_by_its_digest() {
        let cleaned = Cleaner::default().clean(json!("x".repeat(MAX_TEXT + 1)));
        let told = cleaned.as_str().unwrap();
        assert!(told.starts_with("(left out: 65537 bytes, sha256 ") && told.len() < 120, "{told}");
        assert_eq!(Cleaner::default().clean(cleaned.clone()), cleaned);
    }
}
