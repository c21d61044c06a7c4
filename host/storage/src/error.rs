//! Why a store operation failed.

use std::fmt;
use std::io;

use fault::{Code, Fault, codes};

use super::{BadKey, Key};

/// What a store was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Head,
    /// `fetch` or `read`.
    Read,
    /// `prepare`, `commit` or `put`.
    Write,
    /// `delete` or `sweep`.
    Delete,
    List,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head => "looking up",
            Self::Read => "reading",
            Self::Write => "writing",
            Self::Delete => "deleting",
            Self::List => "listing",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    BadKey(#[from] BadKey),
    #[error("there is no object `{key}` in the store")]
    NotFound { key: Key },
    /// `store` is escaped.
    #[error("there is no store `{store}` here; there are {known}")]
    UnknownStore { store: String, known: String },
    /// The local disk is full, not the store.
    #[error("the disk of this worker is full while reading `{key}`; it needs about three times the size of an upload")]
    DiskFull { key: Key },
    #[error("the store is full while {operation} `{key}`")]
    Full { operation: Operation, key: Key },
    #[error("{operation} `{key}` failed")]
    Io { operation: Operation, key: Key, source: io::Error },
    /// `reason` is the store's own error code.
    #[error("{operation} `{key}` was refused ({reason}): check the store's credentials and their permissions")]
    Denied { operation: Operation, key: Key, reason: String },
    #[error("there is no bucket `{bucket}`: check the store's settings")]
    NoBucket { bucket: String },
    /// Every retry failed, or the store asked for a longer wait than we allow.
    #[error("{operation} `{key}` failed after all retries: {reason}")]
    Unavailable { operation: Operation, key: Key, reason: String },
    #[error("{operation} `{key}` was refused: {reason}")]
    Rejected { operation: Operation, key: Key, reason: String },
    /// The content read or stored is not the content that was written.
    #[error("{operation} `{key}`: {detail}")]
    Damaged { operation: Operation, key: Key, detail: String },
    #[error("{operation} `{key}` is not possible in this store")]
    Unsupported { operation: Operation, key: Key },
    /// Only tests inject failures.
    #[error("{operation} `{key}` failed because a fault was injected")]
    Injected { operation: Operation, key: Key },
}

impl StoreError {
    pub fn damaged(operation: Operation, key: &Key, detail: impl Into<String>) -> Self {
        Self::Damaged { operation, key: key.clone(), detail: detail.into() }
    }

    /// Converts an I/O error of the local system.
    pub fn io(operation: Operation, key: &Key) -> impl Fn(io::Error) -> Self {
        let key = key.clone();
        move |source| match source.kind() {
            io::ErrorKind::NotFound if operation == Operation::Read => Self::NotFound { key: key.clone() },
            io::ErrorKind::StorageFull if operation == Operation::Read => Self::DiskFull { key: key.clone() },
            io::ErrorKind::StorageFull => Self::Full { operation, key: key.clone() },
            _ => Self::Io { operation, key: key.clone(), source },
        }
    }
}

impl Fault for StoreError {
    fn code(&self) -> &'static Code {
        match self {
            Self::BadKey(_) => &codes::plan::BAD_KEY,
            Self::NotFound { .. } => &codes::storage::NOT_FOUND,
            Self::UnknownStore { .. } => &codes::storage::UNKNOWN_STORE,
            Self::DiskFull { .. } => &codes::host::DISK_FULL,
            Self::Full { .. } => &codes::storage::FULL,
            Self::Denied { .. } => &codes::storage::DENIED,
            Self::NoBucket { .. } => &codes::storage::NO_BUCKET,
            Self::Unavailable { .. } => &codes::storage::UNAVAILABLE,
            Self::Rejected { .. } => &codes::storage::REJECTED,
            Self::Damaged { .. } => &codes::storage::DAMAGED,
            Self::Io { .. } => &codes::storage::IO,
            Self::Unsupported { .. } => &codes::storage::UNSUPPORTED,
            Self::Injected { .. } => &codes::storage::INJECTED,
        }
    }
}
