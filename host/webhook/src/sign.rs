//! Signs webhooks and verifies signatures. Pure functions of secret, time and bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;

use super::Secret;

/// The header with the platform's signature.
pub(super) const SIGNATURE: &str = "x-runpod-signature";
/// The header with the timestamp that the platform's signature covers.
pub(super) const TIMESTAMP: &str = "x-runpod-timestamp";

/// How old a timestamp may be, in seconds.
const MAX_AGE: u64 = 300;
/// How far a timestamp may lie in the future, in seconds.
const MAX_AHEAD: u64 = 60;

/// What the platform's signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// The body.
    Body,
    /// `timestamp.body`, so that a copied message soon becomes worthless.
    TimestampedBody,
}

/// The headers of one attempt at time `timestamp` (Unix seconds): the platform's own, and those of the Standard
/// Webhooks specification for other receivers. `id` is the same in all attempts.
pub fn headers(secret: &Secret, scheme: Scheme, id: &str, timestamp: u64, body: &str) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        (SIGNATURE, signature(secret, scheme, timestamp, body)),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", standard_signature(secret, id, timestamp, body)),
    ];
    if scheme == Scheme::TimestampedBody {
        headers.push((TIMESTAMP, timestamp.to_string()));
    }
    headers
}

/// The platform's signature: HMAC-SHA256 in lower-case hex. `timestamp` (Unix seconds) is used only if the scheme
/// covers it.
pub fn signature(secret: &Secret, scheme: Scheme, timestamp: u64, body: &str) -> String {
    let mac = match scheme {
        Scheme::Body => secret.mac(&[body]),
        Scheme::TimestampedBody => secret.mac(&[&timestamp.to_string(), ".", body]),
    };
    hex::encode(mac.finalize().into_bytes())
}

/// The signature of the Standard Webhooks specification: `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.
pub fn standard_signature(secret: &Secret, id: &str, timestamp: u64, body: &str) -> String {
    let mac = secret.standard_mac(&[id, ".", &timestamp.to_string(), ".", body]);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// The headers of a received message that [`verify`] checks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignatureHeaders<'a> {
    /// `X-Runpod-Signature`.
    pub signature: Option<&'a str>,
    /// `X-Runpod-Timestamp`.
    pub timestamp: Option<&'a str>,
}

/// Why a message is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("no signature")]
    Unsigned,
    #[error("the timestamp is not a number of seconds")]
    BadTimestamp,
    #[error("the timestamp is more than {MAX_AGE} s old")]
    TooOld,
    #[error("the timestamp is more than {MAX_AHEAD} s ahead")]
    TooEarly,
    /// The signature was made with another secret or of another body.
    #[error("the signature does not match")]
    Mismatch,
}

/// Checks the platform's signature as a receiver does at time `now` (Unix seconds). If the message has a timestamp, the
/// signature must cover it, and it must be recent. The comparison takes constant time.
pub fn verify(secret: &Secret, headers: SignatureHeaders<'_>, body: &str, now: u64) -> Result<(), VerifyError> {
    let signature = headers.signature.ok_or(VerifyError::Unsigned)?;
    let mac = match headers.timestamp {
        None => secret.mac(&[body]),
        Some(timestamp) => {
            let seconds: u64 = timestamp.parse().map_err(|_| VerifyError::BadTimestamp)?;
            if now.saturating_sub(seconds) > MAX_AGE {
                return Err(VerifyError::TooOld);
            }
            if seconds.saturating_sub(now) > MAX_AHEAD {
                return Err(VerifyError::TooEarly);
            }
            // The text as received: `007` and `7` are the same second but different signed text.
            secret.mac(&[timestamp, ".", body])
        }
    };
    let signature = hex::decode(signature).map_err(|_| VerifyError::Mismatch)?;
    mac.verify_slice(&signature).map_err(|_| VerifyError::Mismatch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The expected values were computed with Python's hmac, hashlib and base64.
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const BODY: &str = "{\"status\":\"completed\",\"note\":\"caf\u{e9}\"}";
    const NOW: u64 = 1_700_000_000;
    const OF_BODY: &str = "e46197ef2f39f3e44baa6b95d35d42f0adba51adbf1d5d8fe89b391eac580d85";
    const OF_TIME_AND_BODY: &str = "a49c57f3753d9d5f6c3c51a8a93f8c7610194e0b60beefbeccf17c4ad81081cc";

    fn secret() -> Secret {
        Secret::new(KEY).unwrap()
    }

    fn check(signature: &str, timestamp: Option<&str>, now: u64) -> Result<(), VerifyError> {
        verify(&secret(), SignatureHeaders { signature: Some(signature), timestamp }, BODY, now)
    }

    #[test]
    fn the_body_scheme_signs_the_exact_bytes() {
        assert_eq!(signature(&secret(), Scheme::Body, NOW, BODY), OF_BODY);
        assert_eq!(signature(&secret(), Scheme::Body, 0, BODY), OF_BODY);
    }

    #[test]
    fn the_timestamped_scheme_signs_time_and_body() {
        assert_eq!(signature(&secret(), Scheme::TimestampedBody, NOW, BODY), OF_TIME_AND_BODY);
    }

    #[test]
    fn the_standard_signature_covers_id_time_and_body() {
        assert_eq!(
            standard_signature(&secret(), "5f0c6f0e-0000-5000-8000-000000000001", NOW, BODY),
            "v1,0pWKLRU3rnJY/DPmrRII7e7TZdfSZnIP0+Ng7gmFCCA="
        );
    }

    #[test]
    fn a_whsec_secret_gives_the_published_example_of_the_specification() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            standard_signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn only_the_timestamped_scheme_sends_the_platforms_timestamp() {
        let names = |scheme| -> Vec<&str> {
            headers(&secret(), scheme, "id", NOW, BODY).into_iter().map(|(name, _)| name).collect()
        };
        let common = [SIGNATURE, "webhook-id", "webhook-timestamp", "webhook-signature"];
        assert_eq!(names(Scheme::Body), common);
        assert_eq!(names(Scheme::TimestampedBody), [&common[..], &[TIMESTAMP]].concat());
    }

    #[test]
    fn right_signatures_are_accepted() {
        assert_eq!(check(OF_BODY, None, 0), Ok(()));
        assert_eq!(check(&OF_BODY.to_uppercase(), None, 0), Ok(()));
        assert_eq!(check(OF_TIME_AND_BODY, Some("1700000000"), NOW), Ok(()));
    }

    #[test]
    fn wrong_signatures_are_refused() {
        for wrong in ["", "zz", &OF_BODY[..62], &format!("{OF_BODY}00"), OF_TIME_AND_BODY] {
            assert_eq!(check(wrong, None, NOW), Err(VerifyError::Mismatch), "{wrong}");
        }
        assert_eq!(verify(&secret(), SignatureHeaders::default(), BODY, NOW), Err(VerifyError::Unsigned));
        let other = Secret::new("another secret of 24 bytes").unwrap();
        let headers = SignatureHeaders { signature: Some(OF_BODY), timestamp: None };
        assert_eq!(verify(&other, headers, BODY, NOW), Err(VerifyError::Mismatch));
        assert_eq!(verify(&secret(), headers, &BODY.replace(':', ": "), NOW), Err(VerifyError::Mismatch));
    }

    #[test]
    fn a_timestamp_can_be_neither_taken_away_nor_changed() {
        assert_eq!(check(OF_TIME_AND_BODY, None, NOW), Err(VerifyError::Mismatch));
        assert_eq!(check(OF_TIME_AND_BODY, Some("1700000001"), NOW), Err(VerifyError::Mismatch));
        assert_eq!(check(OF_TIME_AND_BODY, Some("01700000000"), NOW), Err(VerifyError::Mismatch));
        assert_eq!(check(OF_TIME_AND_BODY, Some("soon"), NOW), Err(VerifyError::BadTimestamp));
    }

    #[test]
    fn a_timestamp_holds_for_300_s_back_and_60_s_ahead() {
        let at = |now| check(OF_TIME_AND_BODY, Some("1700000000"), now);
        assert_eq!((at(NOW + 300), at(NOW + 301)), (Ok(()), Err(VerifyError::TooOld)));
        assert_eq!((at(NOW - 60), at(NOW - 61)), (Ok(()), Err(VerifyError::TooEarly)));
    }

    proptest! {
        #[test]
        fn a_signature_is_verified_and_any_changed_byte_is_refused(
            body in ".{0,60}",
            time in 0_u64..4_000_000_000,
            timestamped: bool,
            place: prop::sample::Index,
            bit in 0_u32..8,
        ) {
            let scheme = if timestamped { Scheme::TimestampedBody } else { Scheme::Body };
            let hex = signature(&secret(), scheme, time, &body);
            let text = time.to_string();
            let timestamp = timestamped.then_some(text.as_str());
            let verified = |signature: &str, timestamp, body: &str| {
                verify(&secret(), SignatureHeaders { signature: Some(signature), timestamp }, body, time)
            };
            prop_assert_eq!(verified(&hex, timestamp, &body), Ok(()));

            let flipped = |text: &str| {
                let mut bytes = text.as_bytes().to_vec();
                let index = place.index(bytes.len());
                bytes[index] ^= 1 << bit;
                String::from_utf8(bytes).ok()
            };
            if let Some(changed) = flipped(&hex) {
                // Upper-case digits mean the same.
                prop_assume!(!changed.eq_ignore_ascii_case(&hex));
                prop_assert_eq!(verified(&changed, timestamp, &body), Err(VerifyError::Mismatch));
            }
            if let Some(changed) = (!body.is_empty()).then(|| flipped(&body)).flatten() {
                prop_assert_eq!(verified(&hex, timestamp, &changed), Err(VerifyError::Mismatch));
            }
            if let Some(changed) = timestamp.and_then(flipped) {
                prop_assert!(verified(&hex, Some(&changed), &body).is_err());
            }
        }

        #[test]
        fn arbitrary_headers_are_never_trusted(signature in "\\PC{0,80}", timestamp in prop::option::of("\\PC{0,20}")) {
            let headers = SignatureHeaders { signature: Some(&signature), timestamp: timestamp.as_deref() };
            prop_assert!(verify(&secret(), headers, BODY, NOW).is_err());
        }
    }
}
