//! Errors of fetching manifests and modules.

use fault::{Code, Fault, codes};
use storage::StoreError;

use crate::manifest::ManifestError;

/// Why a manifest or a module could not be fetched. Every message says what was requested, and from where.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("there is no {what}")]
    Missing { what: String },
    /// The file system failed.
    #[error("{what} can't be read")]
    Io { what: String, source: std::io::Error },
    /// The store failed.
    #[error("{what} can't be read")]
    Store { what: String, source: StoreError },
    /// The server didn't respond, or responded with an error.
    #[error("{what} can't be fetched: {reason}")]
    Unreachable {
        what: String,
        /// The response, or the error.
        reason: String,
    },
    /// It exceeds the size limit.
    #[error("{what} is larger than {limit} bytes, the most that is accepted")]
    TooLarge { what: String, limit: usize },
    /// It is not a valid manifest.
    #[error("{what} can't be used")]
    Manifest { what: String, source: ManifestError },
    /// The HTTP client can't be created.
    #[error(
        "the HTTP client for policies can't be set up; are the system's root certificates (ca-certificates) installed?"
    )]
    Client(#[source] reqwest::Error),
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
