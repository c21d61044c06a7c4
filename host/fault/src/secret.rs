//! Secrets that can't end up in a message or a log by accident.

use std::fmt;

/// A secret. `Debug` and `Display` print `***`; only [`Self::expose`] returns it, so every use is easy to find.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(***)")
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_printed_only_when_it_is_exposed() {
        let secret = SecretText::new("geheim");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** SecretText(***) Some(SecretText(***))");
        assert_eq!(secret.expose(), "geheim");
    }
}
