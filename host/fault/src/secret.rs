//! A text that is never shown.

use std::fmt;

/// Neither `Debug` nor `Display` shows it. [`Self::expose`] is the only access, so every use can be found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretText(String);

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

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
    fn a_secret_is_not_shown_unless_it_is_asked_for() {
        let secret = SecretText::new("geheim");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** SecretText(***) Some(SecretText(***))");
        assert_eq!(secret.expose(), "geheim");
    }
}
