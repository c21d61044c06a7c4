//! Settings of a bucket, and the rules for their texts, by which the program checks them as it reads them.

use std::time::Duration;

use fault::secret::SecretText;
use fault::{Code, Fault, codes};
use url::Url;

const MIB: u64 = 1024 * 1024;

/// Whose variant of the S3 protocol a store speaks.
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
    fn of_host(host: &str) -> Self {
        if host.ends_with(".r2.cloudflarestorage.com") {
            Self::R2
        } else if host.ends_with(".backblazeb2.com") {
            Self::B2
        } else {
            Self::Plain
        }
    }

    /// The region to sign for when none is set. B2 has it in the host name: `s3.us-west-004.backblazeb2.com`. `None`
    /// means that it must be set.
    fn default_region(self, host: &str) -> Option<&str> {
        match self {
            Self::R2 => Some("auto"),
            Self::Plain => Some("us-east-1"),
            Self::B2 => {
                let region = host.strip_prefix("s3.")?.strip_suffix(".backblazeb2.com")?;
                Some(region).filter(|region| !region.is_empty() && !region.contains('.'))
            }
        }
    }
}

/// The host of an endpoint; empty if the endpoint is no URL.
pub fn host_of(endpoint: &str) -> String {
    let url = Url::parse(endpoint).ok();
    url.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned()
}

/// Returns the URL of an S3 service without a slash at its end. The reason of an error doesn't show the text, which may
/// have a password in it. Callers decide whether it may be http.
pub fn parse_endpoint(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "this is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("this one is not https");
    }
    let in_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if !url.host_str().is_some_and(|host| host.chars().all(in_host)) {
        return Err("the host of this one has a character that no host has");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("this one has a user name or a password in it, which have settings of their own");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("this one has something behind a `?` or a `#`");
    }
    if url.path() != "/" {
        return Err("this one has a path; the bucket's name has a setting of its own");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Letters, digits, `.`, `-` and `_`, 3 to 63 of them, without `..`.
pub fn is_bucket_name(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && !text.contains("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// Whether every character can be part of an access key. A line break from copying the key can't, for instance; the
/// store would only report a wrong signature.
pub fn is_key_text(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic())
}

/// Timeouts and retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Attempts per request, including the first.
    pub attempts: u32,
    /// Upper bound of the wait before the second attempt. It doubles with each further attempt; the actual wait is a
    /// random part of it.
    pub initial_backoff: Duration,
    /// Upper bound of every wait, even if the store asks for a longer one.
    pub max_backoff: Duration,
    pub connect: Duration,
    /// For the response to a request. A request with a body gets as much more as the body takes at
    /// `min_bytes_per_second`.
    pub response: Duration,
    /// For the next bytes of a response body.
    pub idle: Duration,
    /// The slowest upload that is allowed to continue.
    pub min_bytes_per_second: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            // B2 answers 503 in normal operation. With doubling waits from 1 s, six attempts last half a minute.
            attempts: 6,
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(60),
            connect: Duration::from_secs(5),
            response: Duration::from_secs(30),
            idle: Duration::from_secs(20),
            min_bytes_per_second: 64 * 1024,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// `https://host`, without the bucket.
    pub endpoint: String,
    /// The region that requests are signed for; `None` takes the dialect's default.
    pub region: Option<String>,
    pub bucket: String,
    pub access_key_id: String,
    pub secret_access_key: SecretText,
    pub dialect: Dialect,
    /// Bytes per part of an upload, and per range of a download.
    pub part_size: u64,
    /// Larger bodies are sent as a multipart upload. In bytes.
    pub multipart_above: u64,
    /// Concurrent parts or ranges per transfer.
    pub at_once: usize,
    pub timeouts: Timeouts,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3SettingsError {
    /// `bucket` is escaped.
    #[error("`{bucket}` can't be the name of a bucket: letters, digits, `.`, `-` and `_`, 3 to 63 of them")]
    Bucket { bucket: String },
    #[error(
        "the endpoint names no region: a B2 endpoint looks like s3.us-west-004.backblazeb2.com; else set the region"
    )]
    Region,
}

impl Fault for S3SettingsError {
    fn code(&self) -> &'static Code {
        &codes::storage::SETTINGS
    }
}

impl S3Settings {
    /// Everything else gets its default.
    pub fn new(
        endpoint: impl Into<String>,
        bucket: impl Into<String>,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
    ) -> Self {
        let endpoint = endpoint.into();
        Self {
            dialect: Dialect::of_host(&host_of(&endpoint)),
            endpoint,
            region: None,
            bucket: bucket.into(),
            access_key_id: access_key_id.into(),
            secret_access_key: SecretText::new(secret_access_key),
            part_size: 16 * MIB,
            multipart_above: 64 * MIB,
            at_once: 4,
            timeouts: Timeouts::default(),
        }
    }

    /// The region to sign for: the one that is set, or the default of the dialect.
    pub fn signing_region(&self) -> Result<String, S3SettingsError> {
        let host = host_of(&self.endpoint);
        let region = self.region.as_deref().or_else(|| self.dialect.default_region(&host));
        region.map(str::to_owned).ok_or(S3SettingsError::Region)
    }
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
        }
        for endpoint in ["https://s3..backblazeb2.com", "https://s3.a.b.backblazeb2.com"] {
            assert_eq!(settings(endpoint).signing_region(), Err(S3SettingsError::Region), "{endpoint}");
        }
        let odd = settings("https://b2.example.backblazeb2.com");
        assert_eq!(odd.signing_region(), Err(S3SettingsError::Region));
        assert_eq!(S3Settings { region: Some("x-1".into()), ..odd }.signing_region().as_deref(), Ok("x-1"));
    }

    #[test]
    fn texts_that_can_not_be_right_are_refused() {
        for endpoint in [
            "",
            "s3.example.com",
            "https://",
            "ftp://host",
            "https://host/bucket",
            "https://host?x",
            "http://a b",
            "http://a_b",
        ] {
            assert!(parse_endpoint(endpoint).is_err(), "{endpoint}");
        }
        assert_eq!(parse_endpoint("https://host/").as_deref(), Ok("https://host"));
        for bucket in ["", "ab", "a/b", "a..b", "bucket name", &"b".repeat(64)] {
            assert!(!is_bucket_name(bucket), "{bucket}");
        }
        assert!(!is_key_text("line\n"));
    }

    #[test]
    fn a_key_is_not_printed() {
        let settings = settings("https://host");
        assert!(!format!("{settings:?}").contains("a-secret"));
    }
}
