//! A bucket of an S3-compatible store: Cloudflare R2, Backblaze B2, or one that takes neither's liberties.

mod answer;
mod body;
mod client;
mod download;
mod multipart;
mod settings;
mod upload;

#[cfg(test)]
mod download_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod personality_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod upload_tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use answer::Failed;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
pub use settings::{Dialect, Patience, S3Settings, S3SettingsError, SMALLEST_PART, SecretKey};
use upload::Upload;

use super::{Body, Doing, Key, ObjectInfo, ObjectMeta, Prepared, Store, StoreError};

/// A bucket.
#[derive(Debug)]
pub struct S3Store {
    bucket: Arc<Bucket>,
}

impl S3Store {
    /// With these settings; nobody is contacted.
    pub fn new(settings: S3Settings) -> Result<Self, S3SettingsError> {
        settings.check()?;
        // The rules for buckets are stricter than those for keys.
        let named = Key::parse(&settings.bucket)
            .map_err(|_| S3SettingsError::Bucket { bucket: settings.bucket.escape_default().to_string() })?;
        let client = client::client(&settings)?;
        Ok(Self { bucket: Arc::new(Bucket { client, named, settings }) })
    }
}

/// What every call needs. Transfers hold it on their own, so that they can clean up behind a caller who is gone.
struct Bucket {
    client: Client,
    settings: S3Settings,
    /// The bucket's name, for errors that are about no object.
    named: Key,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl Bucket {
    fn name(&self) -> &str {
        &self.settings.bucket
    }

    /// All that the store knows of an object.
    async fn look(&self, key: &Key) -> Result<Option<HeadObjectOutput>, Failed> {
        match self.client.head_object().bucket(self.name()).key(key.as_str()).send().await.map_err(Failed::from) {
            Ok(found) => Ok(Some(found)),
            Err(failed) if failed.is_missing() => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// The error for `doing` something to an object.
    fn failed(&self, doing: Doing, key: &Key) -> impl Fn(Failed) -> StoreError {
        move |failed| failed.told(doing, key, self.name())
    }

    /// What stands for a prefix in an error.
    fn prefixed(&self, prefix: &str) -> Key {
        Key::parse(prefix.trim_end_matches('/')).unwrap_or_else(|_| self.named.clone())
    }

    async fn check(&self) -> Result<(), StoreError> {
        match self.client.head_bucket().bucket(self.name()).send().await.map_err(Failed::from) {
            Ok(_) => Ok(()),
            Err(failed) if failed.is_missing() => Err(StoreError::NoBucket { bucket: self.name().to_owned() }),
            Err(failed) => Err(failed.told(Doing::Looking, &self.named, self.name())),
        }
    }
}

fn describe(found: &HeadObjectOutput) -> ObjectInfo {
    let size = found.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
    ObjectInfo { size, tag: found.e_tag().map(str::to_owned) }
}

#[async_trait::async_trait]
impl Store for S3Store {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        let found = self.bucket.look(key).await.map_err(self.bucket.failed(Doing::Looking, key))?;
        Ok(found.as_ref().map(describe))
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<ObjectInfo, StoreError> {
        download::to_file(&self.bucket, key, to).await
    }

    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        download::to_memory(&self.bucket, key, limit).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError> {
        let bucket = &*self.bucket;
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = bucket.client.list_objects_v2().bucket(bucket.name()).prefix(prefix);
            let page = page.set_continuation_token(after).send().await.map_err(Failed::from);
            let page = page.map_err(|failed| failed.told(Doing::Listing, &bucket.prefixed(prefix), bucket.name()))?;
            // What no key of ours can name was not written by us and can't be asked for.
            found.extend(page.contents().iter().filter_map(|object| Key::parse(object.key()?).ok()));
            after = page.next_continuation_token;
            if after.is_none() || page.is_truncated != Some(true) {
                found.sort();
                return Ok(found);
            }
        }
    }

    async fn prepare(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        Upload::new(Arc::clone(&self.bucket), key, body, meta).await?.prepare().await
    }

    async fn put(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<u64, StoreError> {
        let upload = Upload::new(Arc::clone(&self.bucket), key, body, meta).await?;
        let length = upload.length();
        if length <= self.bucket.settings.multipart_above {
            upload.in_one().await?;
        } else {
            upload.prepare().await?.commit().await?;
        }
        Ok(length)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let bucket = &*self.bucket;
        let deleted = bucket.client.delete_object().bucket(bucket.name()).key(key.as_str()).send().await;
        match deleted.map_err(Failed::from) {
            Err(failed) if !failed.is_missing() => Err(bucket.failed(Doing::Removing, key)(failed)),
            _ => Ok(()),
        }
    }

    async fn sweep(&self, key: &Key) -> Result<usize, StoreError> {
        multipart::sweep(&self.bucket, key).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.bucket.check().await
    }
}
