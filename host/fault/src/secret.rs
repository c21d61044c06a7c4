//! A text that is used and never shown.

use std::fmt;

/// A secret as it was set. Neither `Debug` nor `Display` shows it; [`Self::expose`] is the one way to it, so that every
/// use can be found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a secret in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for whoever signs with it.
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
