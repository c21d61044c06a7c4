//! Places for objects. One trait; what stands behind a store's name is the environment's business.
//!
//! The trait is shaped by the largest user: a worker that uploads segments while later ones are encoded. So bodies are
//! files or bytes of known length (a remote store can send them in parts and again after a fault), every call stands
//! alone, and calls may run at the same time.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

mod counted;
mod faulty;
mod key;
mod local;
mod records;
pub mod s3;
mod scope;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use counted::{Counted, Traffic};
use fault::{Code, Fault, codes};
pub use faulty::{Faults, Faulty};
pub use key::{BadKey, Key, RESERVED};
pub use local::{LocalDirectory, SingleFile, UNFINISHED, folder_of};
pub use records::{Record, Records};
pub use scope::{Destination, OutOfScope, Scope};

/// The store that originals come from. A policy reads it and never writes to it.
pub const ORIGINALS: &str = "originals";

/// What is written.
#[derive(Clone, Debug)]
pub enum Body {
    /// A small object.
    Bytes(Vec<u8>),
    /// A whole file, which doesn't change while it is sent.
    File(PathBuf),
}

/// How an object is served, and what is written beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The media type.
    pub content_type: String,
    /// The HTTP header of that name; none leaves it to the store.
    pub cache_control: Option<String>,
    /// Notes of ours that the store keeps with the object, by plain lower-case names. A directory keeps none.
    pub notes: BTreeMap<String, String>,
}

impl ObjectMeta {
    /// Of a media type, and nothing else.
    pub fn of_type(content_type: &str) -> Self {
        Self { content_type: content_type.to_owned(), ..Self::default() }
    }
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Bytes.
    pub size: u64,
    /// What the store calls this content: another one means that the object was written again.
    pub tag: Option<String>,
}

/// A place for objects.
#[async_trait::async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Whether an object is there.
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError>;

    /// Brings an object to a file that does not exist yet, and says what it was. Either all of one version of the
    /// object is in the file, or there is an error; then the file may be there in part.
    async fn fetch(&self, key: &Key, to: &std::path::Path) -> Result<ObjectInfo, StoreError>;

    /// A small object of ours; none where it is not there. One of more than `limit` bytes is an error.
    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError>;

    /// The objects whose names begin with this text, in order.
    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError>;

    /// Brings an object to the store without showing it: what was there stays until it is committed. A directory
    /// writes beside the final name; a remote store leaves its multipart upload open.
    async fn prepare(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError>;

    /// Writes an object, whole or not at all, in place of what was there; gives back its length.
    async fn put(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<u64, StoreError> {
        let prepared = self.prepare(key, body, meta).await?;
        let length = prepared.length();
        prepared.commit().await?;
        Ok(length)
    }

    /// Removes an object. One that is not there is no error.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// Removes what a process that was killed had prepared for this object and neither shown nor discarded; gives back
    /// how much that was.
    async fn sweep(&self, key: &Key) -> Result<usize, StoreError>;

    /// Whether the store is there and lets us in.
    async fn check(&self) -> Result<(), StoreError>;
}

/// An object that is in its store, whole, and not shown yet.
#[async_trait::async_trait]
pub trait Prepared: Send + Sync {
    /// Bytes.
    fn length(&self) -> u64;

    /// Shows it, in place of what was there; removes it where that fails.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Removes it again. What can't be removed is only clutter, so there is no error to tell.
    async fn discard(self: Box<Self>);
}

/// What was being done when a store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// `head`.
    Looking,
    /// `fetch`.
    Reading,
    /// `put`.
    Writing,
    /// `delete`, `sweep`.
    Removing,
    /// `list`.
    Listing,
}

impl std::fmt::Display for Doing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Looking => "looking for",
            Self::Reading => "reading",
            Self::Writing => "writing",
            Self::Removing => "removing",
            Self::Listing => "listing",
        })
    }
}

/// Why a store did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("there is no object `{key}` in the store")]
    NotFound {
        /// The object.
        key: Key,
    },
    /// There is no such store.
    #[error("there is no store `{store}` here; there are {known}")]
    UnknownStore {
        /// The name, escaped.
        store: String,
        /// The names there are.
        known: String,
    },
    /// The disk of this machine has no room for an object that is read.
    #[error("the disk of this worker is full while reading `{key}`; it needs about three times the size of an upload")]
    DiskFull {
        /// The object.
        key: Key,
    },
    /// The store is full.
    #[error("the store is full while {doing} `{key}`")]
    Full {
        /// What was being done.
        doing: Doing,
        /// The object.
        key: Key,
    },
    /// The system said no.
    #[error("{doing} `{key}` failed")]
    Io {
        /// What was being done.
        doing: Doing,
        /// The object.
        key: Key,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The store does not let us.
    #[error("{doing} `{key}` was refused ({reason}): check the credentials of the store and what they may do")]
    Denied {
        /// What was being done.
        doing: Doing,
        /// The object.
        key: Key,
        /// The store's own code.
        reason: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket `{bucket}`: check the store's settings")]
    NoBucket {
        /// Its name.
        bucket: String,
    },
    /// The store did not answer, or asked us to wait, and that for longer than we try.
    #[error("{doing} `{key}` failed after all tries: {reason}")]
    Unavailable {
        /// What was being done.
        doing: Doing,
        /// The object.
        key: Key,
        /// The last answer, or what came instead of one.
        reason: String,
    },
    /// The store refused the request itself.
    #[error("{doing} `{key}` was refused: {reason}")]
    Rejected {
        /// What was being done.
        doing: Doing,
        /// The object.
        key: Key,
        /// The store's answer.
        reason: String,
    },
    /// What came, or what arrived, is not what was sent.
    #[error("{doing} `{key}`: {detail}")]
    Damaged {
        /// What was being done.
        doing: Doing,
        /// The object.
        key: Key,
        /// What is wrong with it.
        detail: String,
    },
    /// The store can't do this.
    #[error("{doing} `{key}` is not possible in this store")]
    Unsupported {
        /// What was asked for.
        doing: Doing,
        /// The object.
        key: Key,
    },
    /// A fault that a test asked for.
    #[error("{doing} `{key}` failed because a fault was injected")]
    Injected {
        /// What was being done.
        doing: Doing,
        /// The object.
        key: Key,
    },
}

impl StoreError {
    /// From the system's answer.
    pub fn io(doing: Doing, key: &Key) -> impl Fn(std::io::Error) -> Self {
        let key = key.clone();
        move |source| match source.kind() {
            std::io::ErrorKind::NotFound if doing == Doing::Reading => Self::NotFound { key: key.clone() },
            std::io::ErrorKind::StorageFull if doing == Doing::Reading => Self::DiskFull { key: key.clone() },
            std::io::ErrorKind::StorageFull => Self::Full { doing, key: key.clone() },
            _ => Self::Io { doing, key: key.clone(), source },
        }
    }
}

impl Fault for StoreError {
    fn code(&self) -> &'static Code {
        match self {
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

/// The stores of an environment by name.
#[derive(Clone, Debug, Default)]
pub struct Stores(BTreeMap<String, Arc<dyn Store>>);

impl Stores {
    /// Adds one.
    #[must_use]
    pub fn with(self, name: &str, store: impl Store + 'static) -> Self {
        self.with_shared(name, Arc::new(store))
    }

    /// Adds one that may have other names as well.
    #[must_use]
    pub fn with_shared(mut self, name: &str, store: Arc<dyn Store>) -> Self {
        self.0.insert(name.to_owned(), store);
        self
    }

    /// Finds one.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Store>, StoreError> {
        self.0.get(name).cloned().ok_or_else(|| StoreError::UnknownStore {
            store: name.chars().take(64).flat_map(char::escape_default).collect(),
            known: self.names().join(", "),
        })
    }

    /// The same stores, with what goes through them counted.
    #[must_use]
    pub fn counted(&self, traffic: &Arc<Traffic>) -> Self {
        let counted = |inner: &Arc<dyn Store>| -> Arc<dyn Store> {
            Arc::new(Counted::new(Arc::clone(inner), Arc::clone(traffic)))
        };
        Self(self.0.iter().map(|(name, store)| (name.clone(), counted(store))).collect())
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}
