//! What the buckets hold, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use hyper::body::Bytes;
use s3s::crypto::{Checksum, Md5};
use s3s::dto::Metadata;

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub bytes: Bytes,
    /// Without quotation marks.
    pub tag: String,
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub metadata: Metadata,
    pub modified: SystemTime,
}

impl Object {
    /// With a tag as a single request makes it.
    pub(super) fn new(bytes: Bytes) -> Self {
        Self {
            tag: hex::encode(Md5::checksum(&bytes)),
            bytes,
            content_type: None,
            cache_control: None,
            metadata: Metadata::default(),
            modified: SystemTime::now(),
        }
    }
}

/// An upload in parts.
#[derive(Debug)]
pub(super) struct Upload {
    pub key: String,
    /// The object to be, without its bytes.
    pub object: Object,
    /// By their numbers.
    pub parts: BTreeMap<i32, Object>,
}

#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    written: BTreeMap<String, Instant>,
}

/// All buckets.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    buckets: Mutex<BTreeMap<String, Bucket>>,
    ids: std::sync::atomic::AtomicUsize,
}

impl Shelf {
    pub(super) fn create_bucket(&self, bucket: &str) {
        self.buckets.lock().unwrap().entry(bucket.to_owned()).or_default();
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        self.buckets.lock().unwrap().contains_key(bucket)
    }

    fn with<T>(&self, bucket: &str, work: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        self.buckets.lock().unwrap().get_mut(bucket).map(work)
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<Object> {
        self.with(bucket, |bucket| bucket.objects.get(key).cloned())?
    }

    /// Writes an object by the protocol, which counts as a write of its key.
    pub(super) fn put(&self, bucket: &str, key: &str, object: Object) {
        self.place(bucket, key, object);
        self.with(bucket, |bucket| bucket.written.insert(key.to_owned(), Instant::now()));
    }

    /// Writes an object past the protocol.
    pub(super) fn place(&self, bucket: &str, key: &str, object: Object) {
        self.with(bucket, |bucket| bucket.objects.insert(key.to_owned(), object));
    }

    /// When this key was written last.
    pub(super) fn written(&self, bucket: &str, key: &str) -> Option<Instant> {
        self.with(bucket, |bucket| bucket.written.get(key).copied())?
    }

    /// Makes every object older.
    pub(super) fn age(&self, bucket: &str, by: Duration) {
        self.with(bucket, |bucket| bucket.objects.values_mut().for_each(|object| object.modified -= by));
    }

    pub(super) fn remove(&self, bucket: &str, key: &str) {
        self.with(bucket, |bucket| bucket.objects.remove(key));
    }

    pub(super) fn keys(&self, bucket: &str) -> Vec<String> {
        self.with(bucket, |bucket| bucket.objects.keys().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn uploads(&self, bucket: &str) -> usize {
        self.with(bucket, |bucket| bucket.uploads.len()).unwrap_or(0)
    }

    /// Opens an upload and gives back its id.
    pub(super) fn open(&self, bucket: &str, key: &str, object: Object) -> String {
        let id = format!("upload-{}", self.ids.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        let upload = Upload { key: key.to_owned(), object, parts: BTreeMap::new() };
        self.with(bucket, |bucket| bucket.uploads.insert(id.clone(), upload));
        id
    }

    /// Works on an open upload.
    pub(super) fn upload<T>(&self, bucket: &str, id: &str, work: impl FnOnce(&mut Upload) -> T) -> Option<T> {
        self.with(bucket, |bucket| bucket.uploads.get_mut(id).map(work))?
    }

    /// Whether there was one to close.
    pub(super) fn close(&self, bucket: &str, id: &str) -> bool {
        self.with(bucket, |bucket| bucket.uploads.remove(id).is_some()).unwrap_or(false)
    }

    /// Keys and ids of the open uploads whose keys begin so, by key.
    pub(super) fn open_uploads(&self, bucket: &str, prefix: &str) -> Vec<(String, String)> {
        let found = self.with(bucket, |bucket| {
            let uploads = bucket.uploads.iter().map(|(id, upload)| (upload.key.clone(), id.clone()));
            let mut uploads: Vec<_> = uploads.filter(|(key, _)| key.starts_with(prefix)).collect();
            uploads.sort();
            uploads
        });
        found.unwrap_or_default()
    }
}
