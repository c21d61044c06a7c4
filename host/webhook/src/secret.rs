//! The secret that signs webhooks.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fault::{Failure, codes};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// In the Standard Webhooks specification, the prefix of a secret whose rest is the key in base64.
const STANDARD_PREFIX: &str = "whsec_";

/// A webhook secret, ready to sign. It can't be read back, printed or serialised: only the keyed hash is kept.
#[derive(Clone)]
pub struct Secret {
    keyed: Hmac<Sha256>,
    /// Keyed by the Standard Webhooks specification: the key of a `whsec_` secret is decoded from base64.
    standard: Hmac<Sha256>,
}

impl Secret {
    /// The shortest secret outside of local work: 192 bits, as the Standard Webhooks specification demands.
    pub const MIN_BYTES: usize = 24;

    /// Takes a secret of at least [`Self::MIN_BYTES`] bytes.
    pub fn new(text: &str) -> Result<Self, Failure> {
        if text.len() < Self::MIN_BYTES { Err(too_short(text)) } else { Self::allowing_short(text) }
    }

    /// Takes a secret of at least one byte, for local work.
    pub fn allowing_short(text: &str) -> Result<Self, Failure> {
        if text.is_empty() {
            return Err(too_short(text));
        }
        let decoded = text.strip_prefix(STANDARD_PREFIX).and_then(|key| STANDARD.decode(key).ok());
        let unusable = |_| Failure::new(&codes::webhook::SECRET_UNUSABLE, "the webhook secret can't be used as a key");
        let keyed = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).map_err(unusable);
        Ok(Self { keyed: keyed(text.as_bytes())?, standard: keyed(decoded.as_deref().unwrap_or(text.as_bytes()))? })
    }

    /// HMAC-SHA256 over the concatenated parts, keyed with the bytes of the secret as they are.
    pub(super) fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        parts.iter().fold(self.keyed.clone(), |mac, part| mac.chain_update(part))
    }

    /// HMAC-SHA256 over the concatenated parts, keyed by the Standard Webhooks specification.
    pub(super) fn standard_mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        parts.iter().fold(self.standard.clone(), |mac, part| mac.chain_update(part))
    }
}

/// Only the length is printed, never the secret.
fn too_short(text: &str) -> Failure {
    let (bytes, least) = (text.len(), Secret::MIN_BYTES);
    let message = format!("the webhook secret has {bytes} bytes; it needs at least {least} of them");
    Failure::new(&codes::webhook::SECRET_TOO_SHORT, message)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new("correct horse battery staple").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(Secret(***))");
    }

    #[test]
    fn a_short_secret_is_refused_and_not_printed() {
        let error = Secret::new("hunter2-hunter2-hunter2").unwrap_err();
        assert_eq!(error.code, "webhook.secret-too-short");
        assert!(error.to_string().contains("23 bytes"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(Secret::new("hunter2-hunter2-hunter2!").is_ok());
    }

    #[test]
    fn local_work_may_use_a_short_secret_but_not_an_empty_one() {
        assert!(Secret::allowing_short("x").is_ok());
        assert!(Secret::allowing_short("").is_err());
    }
}
