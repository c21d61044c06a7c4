//! Fields of a platform's request that the host doesn't know. They are the platform's and the policy's own.

use fault::text::{has_url, is_secret_name};
use serde_json::Value;

use crate::is_plain_id;

/// Most bytes of all names and values together.
const MAX_BYTES: usize = 16 * 1024;

/// Most characters of a name.
const MAX_NAME: usize = 64;

/// The attributes of a job: names, and values as JSON texts, in the order of the names.
///
/// What a policy must not learn is left out, with a warning in the log: a field whose name says that it is a secret, and
/// one with a URL in it. So is one whose name isn't plain. Fields that are too large together are an error, which says
/// so.
pub fn attributes<'a>(
    fields: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> Result<Vec<(String, String)>, String> {
    let mut attributes = Vec::new();
    for (name, value) in fields {
        let text = value.to_string();
        match reason_to_leave_out(name, value, &text) {
            None => attributes.push((name.clone(), text)),
            Some(reason) => {
                let name = fault::text::printable(name, MAX_NAME);
                tracing::warn!(field = name, reason, "a field of the job's input is not shown to the policy");
            }
        }
    }
    let bytes: usize = attributes.iter().map(|(name, text)| name.len() + text.len()).sum();
    if bytes > MAX_BYTES {
        return Err(format!(
            "the fields that the host doesn't know have {bytes} bytes, at most {MAX_BYTES} are allowed"
        ));
    }
    attributes.sort();
    Ok(attributes)
}

fn reason_to_leave_out(name: &str, value: &Value, text: &str) -> Option<&'static str> {
    if !is_plain_id(name) || name.len() > MAX_NAME {
        return Some("its name is not 1 to 64 letters, digits, `_` and `-`");
    }
    if is_secret_name(name) || has_secret(value) {
        return Some("it is named like a secret, or holds something that is");
    }
    has_url(text).then_some("it holds a URL")
}

fn has_secret(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| is_secret_name(name) || has_secret(value)),
        Value::Array(items) => items.iter().any(has_secret),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(fields: &Value) -> Result<Vec<(String, String)>, String> {
        attributes(fields.as_object().unwrap())
    }

    #[test]
    fn fields_become_json_texts_in_the_order_of_their_names() {
        let attributes =
            of(&json!({ "tenant": "token ring", "poster": { "at-ms": 1500 }, "free": true, "n": null })).unwrap();
        let expected =
            [("free", "true"), ("n", "null"), ("poster", r#"{"at-ms":1500}"#), ("tenant", r#""token ring""#)];
        assert_eq!(attributes, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn secrets_urls_and_odd_names_are_not_shown() {
        let hidden = json!({
            "apiKey": "k", "callback": "https://user:p@h.example/x", "a b": 1, "": 1, "nested": { "password": "p" },
            "ftp": ["ftp://h.example"],
        });
        assert_eq!(of(&hidden), Ok(Vec::new()));
    }

    #[test]
    fn too_much_is_an_error_that_says_how_much() {
        assert_eq!(of(&json!({ "a": "x".repeat(MAX_BYTES - 3) })).unwrap().len(), 1);
        let error = of(&json!({ "a": "x".repeat(MAX_BYTES - 2) })).unwrap_err();
        assert!(error.contains("16385 bytes") && error.contains("16384"), "{error}");
    }
}
