//! Key services: a folder, or a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fault::secret::SecretText;
use media::keys::{ContentKey, KeyError, KeyService, parse_key};
use reqwest::{Client, StatusCode, Url};
use storage::read_at_most;

/// Most bytes that are read of a key: 32 digits and a line end, and some more to tell what is none.
const MAX_BYTES: u64 = 64;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where keys are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// A folder with a file for each key, called like it.
    Folder(PathBuf),
    /// The address that the keys' names are added to. It ends with a slash.
    Server(Url),
}

impl KeyPlace {
    /// A path, or an address.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.contains("://") {
            return Ok(Self::Folder(Path::new(text).to_owned()));
        }
        let url = Url::parse(text).map_err(|_| "is not an address")?;
        match url.scheme() {
            _ if !url.path().ends_with('/') || url.query().is_some() => {
                Err("is an address that the names of keys can't be added to: it must end with `/`")
            }
            "https" => Ok(Self::Server(url)),
            // Keys in plain text stay on this machine.
            "http" if url.host_str().is_some_and(webhook::is_this_machine) => Ok(Self::Server(url)),
            _ => Err("is neither a path nor an https address"),
        }
    }
}

/// The keys of an environment.
#[derive(Clone, Debug)]
pub struct Keys {
    place: KeyPlace,
    /// What the names are added to for players.
    uri: String,
    token: Option<SecretText>,
    client: Client,
}

impl Keys {
    /// Sends no request yet.
    pub fn new(place: KeyPlace, uri: String, token: Option<SecretText>) -> Result<Arc<Self>, KeyError> {
        // Process-wide. `Err` means a provider is already installed, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("codex-transcoder/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| KeyError::Unavailable { reason: fault::chain(&error) })?;
        Ok(Arc::new(Self { place, uri, token, client }))
    }

    async fn fetch(&self, server: &Url, name: &str) -> Result<Vec<u8>, KeyError> {
        let unavailable = |reason: String| KeyError::Unavailable { reason };
        let url = server.join(name).map_err(|error| unavailable(error.to_string()))?;
        let mut request = self.client.get(url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let failed = |error: reqwest::Error| KeyError::Unavailable { reason: fault::chain(&error.without_url()) };
        let mut response = request.send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(KeyError::NotFound { name: name.to_owned() }),
            status => return Err(unavailable(format!("it responded {status}"))),
        }
        let mut content = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            content.extend_from_slice(&chunk);
            if content.len() as u64 > MAX_BYTES {
                break;
            }
        }
        Ok(content)
    }
}

#[async_trait]
impl KeyService for Keys {
    async fn key(&self, name: &str) -> Result<ContentKey, KeyError> {
        let content = match &self.place {
            KeyPlace::Server(server) => self.fetch(server, name).await?,
            KeyPlace::Folder(folder) => {
                let file = folder.join(name);
                let read = tokio::task::spawn_blocking(move || read_at_most(&file, MAX_BYTES)).await;
                let read = read.map_err(|lost| KeyError::Unavailable { reason: lost.to_string() })?;
                read.map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => KeyError::NotFound { name: name.to_owned() },
                    _ => KeyError::Unavailable { reason: error.to_string() },
                })?
            }
        };
        parse_key(name, &content)
    }

    fn uri(&self, name: &str) -> String {
        format!("{}{name}", self.uri)
    }
}

/// Whether this can stand in quotes in a playlist, and a name be added to it.
pub fn is_key_uri(uri: &str) -> bool {
    (1..=1024).contains(&uri.len()) && uri.chars().all(|c| c.is_ascii_graphic() && c != '"')
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode as Status};
    use axum::routing::get;
    use fault::Fault as _;

    use super::*;

    /// A server that gives one key to who has the token, and other things under other names.
    async fn server() -> Url {
        let key = |headers: HeaderMap| async move {
            let token = headers.get("authorization").and_then(|value| value.to_str().ok());
            if token == Some("Bearer t0ken") { (Status::OK, "0123456789abcdef") } else { (Status::FORBIDDEN, "") }
        };
        let router = Router::new()
            .route("/keys/good", get(key))
            .route("/keys/page", get(|| async { "<html>".repeat(1000) }))
            .route("/keys/moved", get(|| async { (Status::FOUND, [("location", "/keys/good")], "") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/keys/").parse().unwrap()
    }

    #[tokio::test]
    async fn a_server_gives_keys_to_who_has_the_token() {
        let place = KeyPlace::Server(server().await);
        let keys = |token: Option<&str>| {
            Keys::new(place.clone(), "https://keys.example.com/".into(), token.map(SecretText::new)).unwrap()
        };
        let good = keys(Some("t0ken"));
        assert_eq!(good.key("good").await.unwrap(), ContentKey(*b"0123456789abcdef"));
        assert_eq!(good.uri("good"), "https://keys.example.com/good");
        let code = |result: Result<ContentKey, KeyError>| result.unwrap_err().code().name;
        assert_eq!(code(good.key("none").await), "keys.not-found");
        assert_eq!(code(good.key("page").await), "keys.no-key");
        assert_eq!(code(good.key("moved").await), "keys.unavailable", "the token stays with the server");
        assert_eq!(code(keys(None).key("good").await), "keys.unavailable");
    }

    #[test]
    fn keys_come_from_a_folder_or_over_an_encrypted_line() {
        assert_eq!(KeyPlace::parse("/keys"), Ok(KeyPlace::Folder("/keys".into())));
        for good in ["https://keys.example.com/v1/", "http://127.0.0.1:9000/"] {
            assert!(matches!(KeyPlace::parse(good), Ok(KeyPlace::Server(_))), "{good}");
        }
        for bad in ["http://keys.example.com/", "ftp://x/", "https://keys.example.com/v1", "https://k.example/?a=/"] {
            assert!(KeyPlace::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_address_for_players_stays_in_its_quotes() {
        assert!(is_key_uri("https://keys.example.com/"));
        assert!(!is_key_uri("https://a/\"\n#EXT-X") && !is_key_uri("") && !is_key_uri("a b"));
    }
}
