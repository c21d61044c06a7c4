//! A server.

use std::time::Duration;

use reqwest::header::{DATE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, StatusCode, Url};

use super::error::describe_http_error;
use super::{FetchError, MAX_MODULE, PolicySource, PollResult, Tag, read, too_large};
use crate::manifest::{self, Manifest};

/// Longest request for a manifest. It has a page of text.
const MANIFEST_TIME: Duration = Duration::from_secs(10);

/// Longest request for a module: the largest over a link of 3 Mbit/s.
const MODULE_TIME: Duration = Duration::from_secs(30);

/// How a tag by time is told from one by content, which always has quotes.
const BY_TIME: &str = "modified ";

/// A manifest at an address, with its module beside it. Redirects are not followed: what is checked is where the
/// operator said.
pub struct ManifestUrl {
    url: Url,
    client: Client,
}

impl ManifestUrl {
    /// At an address. Nothing is requested yet.
    pub fn new(url: Url) -> Result<Self, FetchError> {
        // The operator chose the address, and it may well be in the platform's own network.
        Ok(Self { url, client: client().map_err(FetchError::Client)? })
    }

    /// A file beside the manifest, or below it, and never anywhere else, whatever its name looks like. A query stays: it may
    /// hold the token by which both are let out.
    fn beside(&self, module: &str) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop().extend(module.split('/'));
        }
        url
    }

    fn told(&self, url: &Url) -> String {
        let mut shown = url.clone();
        shown.set_query(None);
        shown.to_string()
    }
}

#[async_trait::async_trait]
impl PolicySource for ManifestUrl {
    async fn poll(&self, known: Option<&Tag>) -> Result<PollResult, FetchError> {
        let what = format!("manifest {}", without_query(&self.url));
        let request = self.client.get(self.url.clone()).timeout(MANIFEST_TIME);
        let request = match known {
            None => request,
            Some(Tag(tag)) => match tag.strip_prefix(BY_TIME) {
                Some(time) => request.header(IF_MODIFIED_SINCE, time),
                None => request.header(IF_NONE_MATCH, tag),
            },
        };
        let answer = request.send().await.map_err(|error| unreachable(&what, describe_http_error(error)))?;
        if known.is_some() && answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(PollResult::Unchanged);
        }
        let tag = tag(answer.headers());
        let bytes = body(answer, &what, manifest::MAX_BYTES).await?;
        Ok(PollResult::Changed { deployment: read(&what, &bytes)?, tag })
    }

    async fn fetch_module(&self, manifest: &Manifest) -> Result<Vec<u8>, FetchError> {
        let url = self.beside(&manifest.module);
        let what = format!("module {}", without_query(&url));
        let answer = self.client.get(url).timeout(MODULE_TIME).send().await;
        body(answer.map_err(|error| unreachable(&what, describe_http_error(error)))?, &what, MAX_MODULE).await
    }
}

/// Longest wait for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(4);

/// A client that takes nothing from the environment and follows no redirect.
fn client() -> reqwest::Result<Client> {
    // Process-wide. `Err` means a provider is already installed, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIME)
        .user_agent(concat!("codex-transcoder/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What the server calls the content: by content where it can, else by time. A time has whole seconds, so that one in
/// which it was fetched says nothing: it may be written again before the second is over.
fn tag(headers: &HeaderMap) -> Option<Tag> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let over = |time: &&str| text(DATE).is_some_and(|now| now != *time);
    let by_time = || text(LAST_MODIFIED).filter(over).map(|time| format!("{BY_TIME}{time}"));
    text(ETAG).map(str::to_owned).or_else(by_time).map(Tag)
}

/// The body of a good answer, if it isn't too large.
async fn body(mut answer: reqwest::Response, what: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(FetchError::Missing { what: what.to_owned() }),
        status if status.is_redirection() => {
            let reason = format!("the server answers {status}; name the address that it leads to");
            return Err(unreachable(what, reason));
        }
        status => return Err(unreachable(what, format!("the server answers {status}"))),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(what, describe_http_error(error)))? {
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

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_module_is_beside_its_manifest_whatever_its_name_looks_like() {
        let place = "https://policies.example.com/staging/policy.json?token=abc";
        let place = ManifestUrl::new(place.parse().unwrap()).unwrap();
        for (module, expected) in [
            ("codex.wasm", "https://policies.example.com/staging/codex.wasm?token=abc"),
            ("v2/codex.wasm", "https://policies.example.com/staging/v2/codex.wasm?token=abc"),
            (
                "http:elsewhere.example/x.wasm",
                "https://policies.example.com/staging/http:elsewhere.example/x.wasm?token=abc",
            ),
        ] {
            assert_eq!(place.beside(module).as_str(), expected);
        }
        assert!(!without_query(&place.url).contains("abc"));
    }

    #[test]
    fn a_time_is_a_tag_only_when_its_second_is_over() {
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
