//! What is known of a bucket before it is asked anything.

use std::fmt;
use std::time::Duration;

use fault::{Code, Fault, codes};

/// Smallest part that stores take, except for the last one.
pub const SMALLEST_PART: u64 = 5 * MIB;
const MIB: u64 = 1024 * 1024;

/// Whose dialect of the protocol a store speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Cloudflare R2.
    R2,
    /// Backblaze B2.
    B2,
    /// Anything else.
    Plain,
}

impl Dialect {
    /// By the host that is talked to.
    pub fn of_endpoint(endpoint: &str) -> Self {
        let host = host_of(endpoint);
        if host.ends_with(".r2.cloudflarestorage.com") {
            Self::R2
        } else if host.ends_with(".backblazeb2.com") {
            Self::B2
        } else {
            Self::Plain
        }
    }
}

/// Half of a pair of keys; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// The key itself, for who signs with it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretKey {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for SecretKey {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries of one request, the first one among them.
    pub attempts: u32,
    /// Longest wait before the second try; it doubles with each further one, and a random part of it is waited.
    pub first_wait: Duration,
    /// Longest wait before any try, also where the store asks for more.
    pub longest_wait: Duration,
    /// For a connection.
    pub connect: Duration,
    /// For the answer to a request. One with a body has as much longer as the body takes at `slowest`.
    pub answer: Duration,
    /// For the next bytes of a body that comes.
    pub idle: Duration,
    /// Bytes per second below which a connection isn't worth keeping.
    pub slowest: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // B2 answers 503 in normal operation; with doubling waits from 1 s, six tries last half a minute.
            attempts: 6,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(20),
            slowest: 64 * 1024,
        }
    }
}

/// A bucket, who may use it, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// `https://host`, without the bucket.
    pub endpoint: String,
    /// What requests are signed for; none takes the dialect's.
    pub region: Option<String>,
    /// The bucket's name.
    pub bucket: String,
    /// The public half of the pair of keys.
    pub access_key_id: String,
    /// The other half.
    pub secret_access_key: SecretKey,
    /// Whose store it is.
    pub dialect: Dialect,
    /// Bytes of a part of an upload, and of a range of a download.
    pub part_size: u64,
    /// A body of more bytes is sent in parts.
    pub multipart_above: u64,
    /// Parts or ranges of one transfer that are on their way at the same time.
    pub at_once: usize,
    /// How long to wait for what.
    pub patience: Patience,
}

/// Settings that can't be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3SettingsError {
    /// The address.
    #[error("the endpoint `{endpoint}` of a store is wrong: {reason}")]
    Endpoint {
        /// What was given, escaped.
        endpoint: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The bucket's name.
    #[error("`{bucket}` can't be the name of a bucket: letters, digits, `.`, `-` and `_`, 3 to 63 of them")]
    Bucket {
        /// What was given, escaped.
        bucket: String,
    },
    /// The region that is in no B2 endpoint.
    #[error(
        "the endpoint names no region: a B2 endpoint looks like s3.us-west-004.backblazeb2.com; else set the region"
    )]
    Region,
    /// The keys.
    #[error("the {half} of the store `{bucket}` is empty or has characters that no key has")]
    Credentials {
        /// Which of the two.
        half: &'static str,
        /// Whose.
        bucket: String,
    },
    /// A number.
    #[error("{name} of the store `{bucket}` must be {rule}")]
    Number {
        /// The setting.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
        /// Whose.
        bucket: String,
    },
}

impl Fault for S3SettingsError {
    fn code(&self) -> &'static Code {
        &codes::storage::SETTINGS
    }
}

impl S3Settings {
    /// With all that is rarely set at its default.
    pub fn new(
        endpoint: impl Into<String>,
        bucket: impl Into<String>,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<SecretKey>,
    ) -> Self {
        let endpoint = endpoint.into();
        Self {
            dialect: Dialect::of_endpoint(&endpoint),
            endpoint,
            region: None,
            bucket: bucket.into(),
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            part_size: 16 * MIB,
            multipart_above: 64 * MIB,
            at_once: 4,
            patience: Patience::default(),
        }
    }

    /// Whether they can be right; nobody is asked.
    pub(super) fn check(&self) -> Result<(), S3SettingsError> {
        let wrong = |reason| S3SettingsError::Endpoint { endpoint: shown(&self.endpoint), reason };
        let authority = self.endpoint.strip_prefix("https://").or_else(|| self.endpoint.strip_prefix("http://"));
        let authority = authority.ok_or_else(|| wrong("it doesn't begin with https://"))?;
        // A name and a password here would end up in error messages.
        if authority.contains('@') {
            return Err(S3SettingsError::Endpoint {
                endpoint: "..@..".into(),
                reason: "credentials have settings of their own",
            });
        }
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if authority.is_empty() || !authority.chars().all(fits) {
            return Err(wrong("after https:// there must be a host, a port perhaps, and nothing else"));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.chars().all(fits) || self.bucket.contains("..") {
            return Err(S3SettingsError::Bucket { bucket: shown(&self.bucket) });
        }
        let bucket = || self.bucket.clone();
        for (half, text) in
            [("access key id", self.access_key_id.as_str()), ("secret access key", self.secret_access_key.expose())]
        {
            if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
                return Err(S3SettingsError::Credentials { half, bucket: bucket() });
            }
        }
        for (name, rule, holds) in [
            ("the part size", "at least 5 MiB and less than 5 GiB", (SMALLEST_PART..5 << 30).contains(&self.part_size)),
            ("the limit of a single upload", "at most 5 GiB", self.multipart_above <= 5 << 30),
            ("the number of parts at once", "1 to 64", (1..=64).contains(&self.at_once)),
            ("the number of attempts", "1 to 20", (1..=20).contains(&self.patience.attempts)),
            ("the slowest speed", "above zero", self.patience.slowest > 0),
        ] {
            if !holds {
                return Err(S3SettingsError::Number { name, rule, bucket: bucket() });
            }
        }
        self.signing_region().map(|_| ())
    }

    /// What requests are signed for.
    pub(super) fn signing_region(&self) -> Result<String, S3SettingsError> {
        match (&self.region, self.dialect) {
            (Some(region), _) => Ok(region.clone()),
            (None, Dialect::R2) => Ok("auto".to_owned()),
            (None, Dialect::Plain) => Ok("us-east-1".to_owned()),
            (None, Dialect::B2) => {
                let labels: Vec<&str> = host_of(&self.endpoint).split('.').collect();
                match labels.as_slice() {
                    ["s3", region, "backblazeb2", "com"] => Ok((*region).to_owned()),
                    _ => Err(S3SettingsError::Region),
                }
            }
        }
    }
}

fn host_of(endpoint: &str) -> &str {
    let authority = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    authority.split(['/', ':']).next().unwrap_or(authority)
}

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &str) -> S3Settings {
        S3Settings::new(endpoint, "media", "id", "a secret".replace(' ', "-").as_str())
    }

    #[test]
    fn the_region_follows_from_the_endpoint() {
        for (endpoint, dialect, region) in [
            ("https://s3.us-west-004.backblazeb2.com", Dialect::B2, "us-west-004"),
            ("https://s3.eu-central-003.backblazeb2.com/", Dialect::B2, "eu-central-003"),
            ("https://0123abcd.r2.cloudflarestorage.com", Dialect::R2, "auto"),
            ("https://0123abcd.eu.r2.cloudflarestorage.com", Dialect::R2, "auto"),
            ("http://127.0.0.1:9000", Dialect::Plain, "us-east-1"),
        ] {
            let settings = settings(endpoint);
            assert_eq!(settings.dialect, dialect, "{endpoint}");
            assert_eq!(settings.signing_region().as_deref(), Ok(region), "{endpoint}");
            assert_eq!(settings.check(), Ok(()), "{endpoint}");
        }
        let odd = settings("https://b2.example.backblazeb2.com");
        assert_eq!(odd.check(), Err(S3SettingsError::Region));
        assert_eq!(S3Settings { region: Some("x-1".into()), ..odd }.check(), Ok(()));
    }

    #[test]
    fn what_can_not_be_right_is_refused_before_anybody_is_asked() {
        for endpoint in
            ["", "s3.example.com", "https://", "ftp://host", "https://host/bucket", "https://host?x", "http://a b"]
        {
            assert!(matches!(settings(endpoint).check(), Err(S3SettingsError::Endpoint { .. })), "{endpoint}");
        }
        let good = settings("https://host");
        for bucket in ["", "ab", "a/b", "a..b", "bucket name", &"b".repeat(64)] {
            let bad = S3Settings { bucket: bucket.into(), ..good.clone() };
            assert!(matches!(bad.check(), Err(S3SettingsError::Bucket { .. })), "{bucket}");
        }
        let bad = S3Settings { part_size: 1024, ..good.clone() };
        assert!(bad.check().unwrap_err().to_string().contains("at least 5 MiB"));
        let bad = S3Settings { secret_access_key: "line\n".into(), ..good };
        let text = bad.check().unwrap_err().to_string();
        assert!(text.contains("secret access key") && !text.contains("line"), "{text}");
    }

    #[test]
    fn neither_a_key_nor_credentials_in_an_address_are_shown() {
        let settings = settings("https://host");
        assert!(!format!("{settings:?}").contains("a-secret"));
        let bad = S3Settings { endpoint: "https://user:hunter2@host".into(), ..settings };
        assert!(!bad.check().unwrap_err().to_string().contains("hunter2"));
    }
}
