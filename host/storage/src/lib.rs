//! Object storage behind one trait, [`Store`]: S3-compatible buckets, a local directory, and a single local file.
//!
//! A policy names stores; the environment decides what each name stands for. A body is a file or a byte buffer of known
//! length, so that a remote store can send it in parts and resend a part after a failure. Calls are independent and may
//! run concurrently.

mod arrival;
mod counted;
mod error;
#[cfg(any(test, feature = "failing-store"))]
#[path = "tests/failing.rs"]
mod failing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "tests/fuzzing.rs"]
pub mod fuzzing;
mod given_files;
mod key;
mod local;
mod proof;
mod records;
mod regular_file;
pub mod s3;
mod scope;
mod stores;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

pub use arrival::{Arrival, Arrived};
use counted::Counted;
pub use counted::Traffic;
pub use error::{Operation, StoreError};
#[cfg(any(test, feature = "failing-store"))]
pub use failing::{FailingStore, FailurePlan};
pub use given_files::GivenFiles;
pub use key::{BadKey, Key, RESERVED};
pub use local::{LocalDirectory, UNFINISHED, folder_of};
pub use proof::prove_writable;
pub use records::{Record, Records};
pub use regular_file::{open_regular, read_at_most, read_part};
pub use scope::{Destination, OutOfScope, Scope};
pub use stores::{ORIGINALS, Stores};

/// The content of an object to write.
#[derive(Clone, Debug)]
pub enum Body {
    Bytes(Vec<u8>),
    /// Must not change while it is being sent. Opened by [`open_regular`], since other programs make such files.
    File(PathBuf),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectMeta {
    pub content_type: String,
    /// `None` sends no `Cache-Control`, which leaves it to the store.
    pub cache_control: Option<String>,
    /// User metadata (`x-amz-meta-*`). Names are plain lower case. A directory keeps none.
    pub notes: BTreeMap<String, String>,
}

impl ObjectMeta {
    pub fn of_type(content_type: &str) -> Self {
        Self { content_type: content_type.to_owned(), ..Self::default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Bytes.
    pub size: u64,
    /// Identifies this version of the content, like an ETag. It changes whenever the object is written.
    pub tag: Option<String>,
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    pub key: Key,
    /// Bytes.
    pub size: u64,
    /// When it was written, in seconds since 1970.
    pub modified: u64,
}

/// A part of a listing that may be too long for the memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedPage {
    /// Sorted.
    pub objects: Vec<ListedObject>,
    /// Where the next part begins: after this name. `None` after the last part.
    pub next: Option<String>,
}

/// Which uploads [`Store::sweep`] removes.
#[derive(Clone, Copy, Debug)]
pub struct UploadsTo<'a> {
    pub key: &'a Key,
    /// Whether to every object whose key begins with this one.
    pub is_prefix: bool,
}

impl UploadsTo<'_> {
    fn include(&self, key: &str) -> bool {
        if self.is_prefix { key.starts_with(self.key.as_str()) } else { key == self.key.as_str() }
    }
}

#[async_trait::async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// `None` if there is no such object.
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError>;

    /// Downloads an object to a file that must not exist yet. On success the file holds one version of the object, never
    /// a mixture of two. After an error a partial file may remain.
    ///
    /// A store that takes its time says meanwhile how much has arrived; a local one says nothing.
    async fn fetch_reporting(&self, key: &Key, to: &Path, arrival: &Arrival) -> Result<ObjectInfo, StoreError>;

    /// The same, for a file that is read only when it is whole.
    async fn fetch(&self, key: &Key, to: &Path) -> Result<ObjectInfo, StoreError> {
        self.fetch_reporting(key, to, &Arrival::default()).await
    }

    /// Reads a small object into memory. `None` if there is no such object; an error if it is larger than `limit` bytes.
    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError>;

    /// The keys that begin with `prefix`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError>;

    /// A part of the same listing: what comes `after` a name, up to as many as fit one request.
    async fn list_page(&self, prefix: &str, after: Option<&str>) -> Result<ListedPage, StoreError>;

    /// The notes that an object was written with. `None` if there is no such object, or if the store keeps no notes.
    async fn notes(&self, key: &Key) -> Result<Option<BTreeMap<String, String>>, StoreError>;

    /// Uploads an object without making it visible: readers see the previous version until [`Prepared::commit`]. A
    /// directory writes to a temporary name; S3 leaves a multipart upload open.
    async fn prepare(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError>;

    /// Begins to upload a file that another program is still writing. `None` if the store has nothing to gain by it.
    fn begin(&self, _key: &Key, _file: GrowingFile, _meta: &ObjectMeta) -> Option<Box<dyn Growing>> {
        None
    }

    /// Writes an object atomically, replacing the previous version. Returns its length.
    async fn put(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<u64, StoreError> {
        let prepared = self.prepare(key, body, meta).await?;
        let length = prepared.length();
        prepared.commit().await?;
        Ok(length)
    }

    /// Deleting an object that does not exist succeeds.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// Removes what a killed process left behind: uploads that it began and neither committed nor discarded. Returns how
    /// many there were.
    async fn sweep(&self, uploads: UploadsTo<'_>) -> Result<usize, StoreError>;

    /// Checks that the store is reachable and accepts the credentials. A local one always is.
    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A file that grows only at its end, but for its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowingFile {
    pub path: PathBuf,
    /// So many bytes at its beginning may still change.
    pub unsettled: u64,
    /// How large it will be, more or less.
    pub likely: u64,
}

/// An upload of a file that is still being written. It is removed when this is dropped.
#[async_trait::async_trait]
pub trait Growing: Send + Sync + std::fmt::Debug {
    /// Uploads some of what has been written since the last call. Returns how many bytes, or 0 if there is too little yet.
    async fn advance(&mut self) -> Result<u64, StoreError>;

    /// Uploads the rest of the whole file, and again whatever has changed since it was uploaded.
    async fn finish(self: Box<Self>) -> Result<Box<dyn Prepared>, StoreError>;
}

/// An object that is completely uploaded but not visible yet.
#[async_trait::async_trait]
pub trait Prepared: Send + Sync {
    /// Bytes.
    fn length(&self) -> u64;

    /// Makes the object visible, replacing the previous version. On failure the upload is removed.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Removes the upload. A failure to remove it is only logged: leftovers are invisible, and [`Store::sweep`] finds
    /// them later.
    async fn discard(self: Box<Self>);
}

/// Runs file I/O on the blocking pool.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}

/// A name from outside, escaped and shortened for an error message.
fn escaped(text: &str, limit: usize) -> String {
    text.chars().take(limit).flat_map(char::escape_default).collect()
}
