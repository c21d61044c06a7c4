//! Manifests and modules on an HTTP server.

use std::time::Duration;

use fault::secret::SecretText;
use reqwest::header::{AUTHORIZATION, DATE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, RequestBuilder, StatusCode, Url};

use super::{FetchError, Fetched, MAX_MODULE, PolicySource, Tag, read, too_large};
use crate::location::without_query;
use crate::manifest::{self, Manifest};

/// Timeout for connecting.
const CONNECT_TIME: Duration = Duration::from_secs(4);

/// Timeout of a request for a manifest, which is a page of text.
const MANIFEST_TIME: Duration = Duration::from_secs(10);

/// Timeout of a request for a module. Enough for 8 MiB, the default limit, at 3 Mbit/s.
const MODULE_TIME: Duration = Duration::from_secs(30);

/// Prefix of a tag made from a modification time. An `ETag` can't start like this, because it is quoted.
const BY_TIME: &str = "modified ";

/// A manifest at a URL, with its module beside it. Redirects are not followed: policies come only from the server that
/// the operator chose.
pub struct ManifestUrl {
    url: Url,
    client: Client,
    /// The header `Authorization`.
    authorization: Option<SecretText>,
}

/// What a server asks for. It is sent to that server only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// An address of the server.
    pub server: Url,
    /// The header `Authorization`: `Bearer …` or `Basic …`.
    pub authorization: SecretText,
}

impl Credentials {
    /// The header, for an address of the same scheme, host and port.
    fn of(&self, url: &Url) -> Option<SecretText> {
        (self.server.origin() == url.origin()).then(|| self.authorization.clone())
    }
}

impl ManifestUrl {
    /// Creates the source, with a client that ignores proxy variables and follows no redirect. Sends no request yet.
    pub fn new(url: Url, credentials: Option<&Credentials>) -> Result<Self, FetchError> {
        let authorization = credentials.and_then(|credentials| credentials.of(&url));
        // Process-wide. `Err` means a provider is already installed, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The operator chose the URL, so private addresses are allowed.
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIME)
            .user_agent(concat!("codex-transcoder/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { url, client: client.map_err(FetchError::Client)?, authorization })
    }

    fn get(&self, url: Url) -> RequestBuilder {
        let request = self.client.get(url);
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization.expose()),
            None => request,
        }
    }

    /// The URL of a file beside the manifest or below it, whatever its name looks like. The query is kept: it may
    /// contain the token that gives access to both.
    fn beside(&self, module: &str) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop().extend(module.split('/'));
        }
        url
    }
}

#[async_trait::async_trait]
impl PolicySource for ManifestUrl {
    async fn poll(&self, known: Option<&Tag>) -> Result<Option<Fetched>, FetchError> {
        let what = format!("manifest {}", without_query(&self.url));
        let request = self.get(self.url.clone()).timeout(MANIFEST_TIME);
        let request = match known {
            None => request,
            Some(Tag(tag)) => match tag.strip_prefix(BY_TIME) {
                Some(time) => request.header(IF_MODIFIED_SINCE, time),
                None => request.header(IF_NONE_MATCH, tag),
            },
        };
        let response = request.send().await.map_err(|error| http_error(&what, error))?;
        if known.is_some() && response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let tag = tag(response.headers());
        let bytes = body(response, &what, manifest::MAX_BYTES).await?;
        Ok(Some((read(&what, &bytes)?, tag)))
    }

    async fn fetch_module(&self, manifest: &Manifest) -> Result<Vec<u8>, FetchError> {
        let url = self.beside(&manifest.module);
        let what = format!("module {}", without_query(&url));
        let response = self.get(url).timeout(MODULE_TIME).send().await;
        body(response.map_err(|error| http_error(&what, error))?, &what, MAX_MODULE).await
    }
}

/// The tag of a response: its `ETag`, else its modification time. Times have whole seconds, so a time equal to the
/// response's own is not used: the file may be written again within that second.
fn tag(headers: &HeaderMap) -> Option<Tag> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_past = |time: &&str| text(DATE).is_some_and(|now| now != *time);
    let by_time = || text(LAST_MODIFIED).filter(is_past).map(|time| format!("{BY_TIME}{time}"));
    text(ETAG).map(str::to_owned).or_else(by_time).map(Tag)
}

/// The body of a 200 response of at most `limit` bytes.
async fn body(mut response: reqwest::Response, what: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(FetchError::Missing { what: what.to_owned() }),
        status if status.is_redirection() => {
            let reason = format!("the server responded {status}; use the address that it redirects to");
            return Err(unreachable(what, reason));
        }
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            let reason = format!("the server responded {status}; `policy.authorization` has what it asks for");
            return Err(unreachable(what, reason));
        }
        status => return Err(unreachable(what, format!("the server responded {status}"))),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| http_error(what, error))? {
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(what, limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreachable(what: &str, reason: String) -> FetchError {
    FetchError::Unreachable { what: what.to_owned(), reason }
}

/// An HTTP client's error and its causes, without the URL, which may contain a token.
fn http_error(what: &str, error: reqwest::Error) -> FetchError {
    unreachable(what, fault::chain(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_module_is_beside_its_manifest_whatever_its_name_looks_like() {
        let url = "https://policies.example.com/staging/policy.json?token=abc";
        let source = ManifestUrl::new(url.parse().unwrap(), None).unwrap();
        for (module, expected) in [
            ("codex.wasm", "https://policies.example.com/staging/codex.wasm?token=abc"),
            ("v2/codex.wasm", "https://policies.example.com/staging/v2/codex.wasm?token=abc"),
            (
                "http:elsewhere.example/x.wasm",
                "https://policies.example.com/staging/http:elsewhere.example/x.wasm?token=abc",
            ),
        ] {
            assert_eq!(source.beside(module).as_str(), expected);
        }
        assert!(!without_query(&source.url).contains("abc"));
    }

    #[test]
    fn credentials_go_to_their_server_alone() {
        let (server, authorization) = ("https://policies.example.com/a/".parse().unwrap(), SecretText::new("Bearer t"));
        let credentials = Credentials { server, authorization };
        let sent = |url: &str| {
            let source = ManifestUrl::new(url.parse().unwrap(), Some(&credentials)).unwrap();
            source.get(source.url.clone()).build().unwrap().headers().contains_key(AUTHORIZATION)
        };
        assert!(sent("https://policies.example.com/b/policy.json"));
        for url in ["http://policies.example.com/", "https://policies.example.com:8443/", "https://example.com/"] {
            assert!(!sent(url), "{url}");
        }
    }

    #[test]
    fn a_modification_time_is_a_tag_only_after_its_second_is_over() {
        let headers = |pairs: &[(reqwest::header::HeaderName, &'static str)]| {
            tag(&pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect())
        };
        let (then, now) = ("Tue, 24 Nov 2026 10:00:00 GMT", "Tue, 24 Nov 2026 10:00:01 GMT");
        assert_eq!(headers(&[(LAST_MODIFIED, then), (DATE, then)]), None);
        assert_eq!(headers(&[(LAST_MODIFIED, then)]), None);
        assert_eq!(headers(&[(LAST_MODIFIED, then), (DATE, now)]), Some(Tag(format!("{BY_TIME}{then}"))));
        assert_eq!(headers(&[(ETAG, "\"a\""), (LAST_MODIFIED, then), (DATE, now)]), Some(Tag("\"a\"".to_owned())));
    }
}
