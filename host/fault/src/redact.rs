//! Removes known secrets from the log: a safety net in addition to the types that don't show them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Replaces a secret.
pub const MARK: &str = "***";

/// What a query has percent-encoded.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The secrets of this process. Clones share them.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<String>>>);

impl Redactor {
    /// Shorter secrets are not looked for: they would match innocent text.
    pub const MIN_BYTES: usize = 6;

    /// Replaces this text from now on, also in its JSON, URL and `Debug` forms. Returns whether it is long enough.
    pub fn register(&self, secret: &str) -> bool {
        // A secret from a file often ends with a line break that isn't there where it leaks.
        let secret = secret.trim();
        if secret.len() < Self::MIN_BYTES {
            return false;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let in_url = utf8_percent_encode(secret, IN_QUERY).to_string();
        for form in [secret.to_owned(), in_json(secret), secret.escape_debug().to_string(), in_url] {
            if !known.contains(&form) {
                known.push(form);
            }
        }
        // If one secret contains another, the longer one must be replaced first, or its rest would stay.
        known.sort_by_key(|form| std::cmp::Reverse(form.len()));
        true
    }

    pub fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = Cow::Borrowed(text);
        for form in known.iter() {
            if clean.contains(form.as_str()) {
                clean = Cow::Owned(clean.replace(form.as_str(), MARK));
            }
        }
        clean
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.0.read().unwrap_or_else(PoisonError::into_inner).len())
    }
}

/// Without the quotes.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        for secret in secrets {
            assert!(redactor.register(secret));
        }
        redactor
    }

    #[test]
    fn every_form_of_a_secret_is_replaced() {
        let redactor = with(&["pa\"ss/wörd\n"]);
        for (text, expected) in [
            ("a pa\"ss/wörd b pa\"ss/wörd", "a *** b ***"),
            (r#"{"key":"pa\"ss/wörd"}"#, r#"{"key":"***"}"#),
            ("?key=pa%22ss%2Fw%C3%B6rd&x", "?key=***&x"),
            ("nothing here", "nothing here"),
        ] {
            assert_eq!(redactor.clean(text), expected);
        }
    }

    #[test]
    fn a_secret_that_is_a_part_of_another_leaves_no_rest() {
        assert_eq!(with(&["abcdef", "abcdef-longer"]).clean("x abcdef-longer abcdef"), "x *** ***");
    }

    #[test]
    fn a_short_secret_is_not_looked_for() {
        let redactor = Redactor::default();
        assert!(!redactor.register("abcde") && !redactor.register("  \n"));
        assert_eq!(redactor.clean("abcde"), "abcde");
    }

    #[test]
    fn what_is_known_is_not_printed() {
        assert_eq!(format!("{:?}", with(&["abcdef"])), "Redactor(1 forms)");
    }
}
