//! Where an environment's policy is, as the setting `policy.place` states it.

use std::fmt;
use std::path::{Path, PathBuf};

use fault::text::printable;
use reqwest::Url;
use storage::Key;

use super::built_in::BuiltIn;
use super::manifest;

/// The location of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyLocation {
    BuiltIn(BuiltIn),
    /// A component in a local file, without a manifest.
    Component(PathBuf),
    /// A manifest in a local file.
    File(PathBuf),
    /// A manifest in one of the environment's stores.
    Object {
        store: String,
        key: Key,
    },
    /// A manifest on an HTTP server.
    Url(Url),
}

/// A text that is not a location. The message continues a sentence that begins with the setting's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidLocation(String);

impl PolicyLocation {
    /// Parses a text, without any I/O. A text that ends with `.wasm` is a component, one that ends with `.json` a
    /// manifest, and any other the folder, prefix or URL of a `policy.json`.
    pub fn parse(text: &str) -> Result<Self, InvalidLocation> {
        if text.is_empty() || text.contains('\0') {
            return Err(InvalidLocation("is empty or contains a NUL character".to_owned()));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return match scheme {
                "https" | "http" => url(text).map(Self::Url),
                _ => Err(InvalidLocation(format!(
                    "has the scheme `{}`, which is not supported; use https",
                    printable(scheme, 16)
                ))),
            };
        }
        match text.split_once(':') {
            Some((store, key)) if is_store(store) => object(store, key),
            _ => Ok(path(text)),
        }
    }

    /// The name of a built-in policy, or a local path, whatever it looks like. A folder stands for its `policy.json`, a file that ends with `.json` is a
    /// manifest, and any other file is a component.
    pub fn local(path: &Path) -> Self {
        if let Some(policy) = path.to_str().and_then(BuiltIn::named) {
            Self::BuiltIn(policy)
        } else if path.is_dir() {
            Self::File(path.join(manifest::FILE))
        } else if path.extension().is_some_and(|extension| extension == "json") {
            Self::File(path.to_owned())
        } else {
            Self::Component(path.to_owned())
        }
    }

    /// The host, if the location uses plain HTTP, which is allowed only in development.
    pub fn plain_http(&self) -> Option<&str> {
        match self {
            Self::Url(url) if url.scheme() == "http" => url.host_str(),
            _ => None,
        }
    }
}

impl fmt::Display for PolicyLocation {
    /// Omits the query of a URL, which may contain a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(_) => f.write_str("this program"),
            Self::Component(path) | Self::File(path) => write!(f, "{}", path.display()),
            Self::Object { store, key } => write!(f, "{store}:{key}"),
            Self::Url(url) => f.write_str(&without_query(url)),
        }
    }
}

/// A URL for messages: the query may contain a token.
pub(crate) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

/// Whether the text is a store's name by the rule of the settings. A path with a colon in it stays a path.
fn is_store(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn path(text: &str) -> PolicyLocation {
    let path = PathBuf::from(text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("wasm") => PolicyLocation::Component(path),
        Some("json") => PolicyLocation::File(path),
        _ => PolicyLocation::File(path.join(manifest::FILE)),
    }
}

fn object(store: &str, key: &str) -> Result<PolicyLocation, InvalidLocation> {
    let prefix = key.trim_end_matches('/');
    let key = match prefix {
        "" => manifest::FILE.to_owned(),
        key if key.ends_with(".json") => key.to_owned(),
        module if module.ends_with(".wasm") => return Err(module_without_manifest()),
        prefix => format!("{prefix}/{}", manifest::FILE),
    };
    let key = Key::parse(&key)
        .map_err(|error| InvalidLocation(format!("is not a valid key in the store `{store}`: {error}")))?;
    Ok(PolicyLocation::Object { store: store.to_owned(), key })
}

fn url(text: &str) -> Result<Url, InvalidLocation> {
    let url = Url::parse(text).map_err(|error| InvalidLocation(format!("is not a URL: {error}")))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(InvalidLocation("is a URL without a host".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidLocation("contains a user name or a password, which would end up in logs".to_owned()));
    }
    if url.fragment().is_some() {
        return Err(InvalidLocation("has a fragment (`#`), which is never sent to the server".to_owned()));
    }
    if url.path().ends_with(".wasm") {
        return Err(module_without_manifest());
    }
    if url.path().ends_with('/') {
        return url.join(manifest::FILE).map_err(|error| InvalidLocation(format!("is not a URL: {error}")));
    }
    Ok(url)
}

fn module_without_manifest() -> InvalidLocation {
    InvalidLocation("is a module; use the manifest beside it, which has the module's digest".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_location_is_parsed() {
        for (text, expected) in [
            ("lean.wasm", PolicyLocation::Component("lean.wasm".into())),
            ("/policies/lean.json", PolicyLocation::File("/policies/lean.json".into())),
            ("/policies/staging", PolicyLocation::File("/policies/staging/policy.json".into())),
            ("./a:b", PolicyLocation::File("./a:b/policy.json".into())),
            ("media:.codex/policies", object("media", ".codex/policies/policy.json").unwrap()),
            ("media:.codex/lean.json", object("media", ".codex/lean.json").unwrap()),
            ("media:", object("media", "policy.json").unwrap()),
        ] {
            assert_eq!(PolicyLocation::parse(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("https://policies.example.com/staging/", "https://policies.example.com/staging/policy.json"),
            ("https://policies.example.com/lean.json", "https://policies.example.com/lean.json"),
            ("https://policies.example.com/a?token=x", "https://policies.example.com/a"),
        ] {
            assert_eq!(PolicyLocation::parse(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn an_invalid_location_says_why() {
        for (text, words) in [
            ("", "empty"),
            ("ftp://x/policy.json", "https"),
            ("https://me:secret@x.example/", "password"),
            ("https://x.example/#a", "#"),
            ("https://x.example/lean.wasm", "manifest"),
            ("media:lean.wasm", "manifest"),
            ("media:../lean", "segment"),
        ] {
            let problem = PolicyLocation::parse(text).unwrap_err().to_string();
            assert!(problem.contains(words) && !problem.contains("secret@"), "{text}: {problem}");
        }
    }
}
