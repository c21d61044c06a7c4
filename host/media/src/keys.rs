//! The service that has the keys of encrypted ladders.

use std::fmt::Debug;

use async_trait::async_trait;
use fault::{Code, Fault, codes};

/// Longest name of a key.
pub const MAX_NAME: usize = 64;

/// A key of AES-128. Its `Debug` form doesn't show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContentKey(pub [u8; 16]);

impl Debug for ContentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentKey")
    }
}

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the policy asks for encryption, and this environment has no key service: set `keys.place` and `keys.uri`")]
    NoService,
    #[error("the key service has no key `{name}`")]
    NotFound { name: String },
    /// What it gave is no key.
    #[error("what the key service has for `{name}` is not a key: {reason}")]
    NoKey { name: String, reason: &'static str },
    #[error("the key service can't be reached: {reason}")]
    Unavailable { reason: String },
}

impl Fault for KeyError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NoService => &codes::keys::NO_SERVICE,
            Self::NotFound { .. } => &codes::keys::NOT_FOUND,
            Self::NoKey { .. } => &codes::keys::NO_KEY,
            Self::Unavailable { .. } => &codes::keys::UNAVAILABLE,
        }
    }
}

/// Where keys come from. Policies name them and never see them.
#[async_trait]
pub trait KeyService: Debug + Send + Sync {
    /// The key of this name, which has been checked by [`is_key_name`].
    async fn key(&self, name: &str) -> Result<ContentKey, KeyError>;

    /// Where players get it.
    fn uri(&self, name: &str) -> String;
}

/// Whether a key may have this name. It becomes part of paths and of playlists.
pub fn is_key_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(plain)
}

/// Reads a key as services keep it: 16 bytes, or 32 hexadecimal digits.
pub fn parse_key(name: &str, content: &[u8]) -> Result<ContentKey, KeyError> {
    if let Ok(key) = content.try_into() {
        return Ok(ContentKey(key));
    }
    let mut key = [0; 16];
    match hex::decode_to_slice(content.trim_ascii(), &mut key) {
        Ok(()) => Ok(ContentKey(key)),
        Err(_) => Err(KeyError::NoKey { name: name.to_owned(), reason: "neither 16 bytes nor 32 hexadecimal digits" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bytes_or_digits_and_nothing_else() {
        let expected = ContentKey(*b"0123456789abcdef");
        assert_eq!(parse_key("k", b"0123456789abcdef").unwrap(), expected);
        assert_eq!(parse_key("k", b"30313233343536373839616263646566\n").unwrap(), expected);
        for bad in [&b""[..], b"0123456789abcde", b"0123456789abcdefg", b"3031323334353637383961626364656", b"<html>"] {
            assert_eq!(parse_key("k", bad).unwrap_err().code(), "keys.no-key", "{bad:?}");
        }
        assert_eq!(format!("{expected:?}"), "ContentKey");
    }

    #[test]
    fn names_cannot_leave_their_folder() {
        assert!(is_key_name("tenant-1_a"));
        for bad in ["", ".", "..", "a/b", "a.b", "a b", "ü", &"k".repeat(65)] {
            assert!(!is_key_name(bad), "{bad}");
        }
    }
}
