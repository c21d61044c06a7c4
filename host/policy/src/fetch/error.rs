//! Why nothing could be brought.

use fault::{Code, Fault, codes};
use storage::StoreError;

use crate::manifest::ManifestError;

/// Why a manifest or a module could not be brought. Every text says what was asked for, and where.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no such thing.
    #[error("there is no {what}")]
    Missing {
        /// What was asked for.
        what: String,
    },
    /// The system said no.
    #[error("{what} can't be read")]
    Io {
        /// What was asked for.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A store said no.
    #[error("{what} can't be read")]
    Store {
        /// What was asked for.
        what: String,
        /// The store's answer.
        source: StoreError,
    },
    /// The other side didn't answer, or not with it.
    #[error("{what} can't be fetched: {reason}")]
    Unreachable {
        /// What was asked for.
        what: String,
        /// The answer, or what came instead of one.
        reason: String,
    },
    /// More bytes than are taken.
    #[error("{what} has more than {limit} bytes, which are the most that are taken")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// What came is no manifest.
    #[error("{what} can't be used")]
    Manifest {
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// There is no HTTP client.
    #[error(
        "the HTTP client for policies can't be set up; are the system's root certificates (ca-certificates) installed?"
    )]
    Client(#[source] reqwest::Error),
}

impl FetchError {
    /// From the system's answer.
    pub(super) fn io(what: &str, source: std::io::Error) -> Self {
        let what = what.to_owned();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { what },
            _ => Self::Io { what, source },
        }
    }
}

impl Fault for FetchError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Missing { .. } => &codes::policy::MISSING,
            Self::Io { .. } => &codes::policy::UNREADABLE,
            Self::Store { source, .. } => source.code(),
            Self::Unreachable { .. } => &codes::policy::UNREACHABLE,
            Self::TooLarge { .. } => &codes::policy::TOO_LARGE,
            Self::Manifest { source, .. } => source.code(),
            Self::Client(_) => &codes::policy::CLIENT,
        }
    }
}

/// What a person is told of an HTTP client's error: its causes, without the address, which may hold a token.
pub(super) fn describe_http_error(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
