//! A bucket of an S3-compatible store, including Cloudflare R2 and Backblaze B2 with their deviations.

mod body;
mod client;
mod download;
mod growing;
mod multipart;
mod request_error;
mod settings;
mod upload;

#[cfg(test)]
mod download_tests;
#[cfg(test)]
#[path = "tests/fixture.rs"]
pub(crate) mod fixture;
#[cfg(test)]
mod growing_tests;
#[cfg(test)]
mod personality_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod upload_tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use growing::GrowingUpload;
use request_error::RequestError;
pub use settings::{
    Dialect, S3Settings, S3SettingsError, Timeouts, host_of, is_bucket_name, is_key_text, parse_endpoint,
};
use tokio::task::JoinSet;
use upload::Upload;

use super::{
    Arrival, Body, Growing, GrowingFile, Key, ListedObject, ListedPage, ObjectInfo, ObjectMeta, Operation, Prepared,
    Store, StoreError, UploadsTo,
};

#[derive(Debug)]
pub struct S3Store {
    bucket: Arc<Bucket>,
}

impl S3Store {
    /// Checks the settings. Sends no request.
    pub fn new(settings: S3Settings) -> Result<Self, S3SettingsError> {
        // Every valid bucket name is a valid key.
        let bucket_as_key = Key::parse(&settings.bucket)
            .map_err(|_| S3SettingsError::Bucket { bucket: settings.bucket.escape_default().to_string() })?;
        let client = client::client(&settings)?;
        Ok(Self { bucket: Arc::new(Bucket { client, bucket_as_key, settings }) })
    }
}

/// What every call needs. Shared with transfers, so that they can clean up after their caller was cancelled.
struct Bucket {
    client: Client,
    settings: S3Settings,
    /// Stands for the key in errors that concern no object.
    bucket_as_key: Key,
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

    /// `None` if there is no such object.
    async fn head(&self, key: &Key) -> Result<Option<HeadObjectOutput>, RequestError> {
        if_found(self.client.head_object().bucket(self.name()).key(key.as_str()).send().await)
    }

    fn store_error<E: Into<RequestError>>(&self, operation: Operation, key: &Key) -> impl Fn(E) -> StoreError {
        move |error| error.into().into_store_error(operation, key, self.name())
    }

    /// Runs the transfers of one object, `at_once` of them concurrently. The first failure stops the others. The results come
    /// in the order in which the transfers end.
    async fn all<T: Send + 'static>(
        &self,
        mut transfers: impl Iterator<Item = impl Future<Output = Result<T, StoreError>> + Send + 'static>,
        operation: Operation,
        key: &Key,
    ) -> Result<Vec<T>, StoreError> {
        let (mut running, mut done) = (JoinSet::new(), Vec::new());
        loop {
            while running.len() < self.settings.at_once
                && let Some(transfer) = transfers.next()
            {
                running.spawn(transfer);
            }
            match running.join_next().await {
                None => return Ok(done),
                Some(Ok(result)) => done.push(result?),
                Some(Err(panicked)) => return Err(StoreError::io(operation, key)(io::Error::other(panicked))),
            }
        }
    }

    /// Stands for a prefix in an error.
    fn prefix_as_key(&self, prefix: &str) -> Key {
        Key::parse(prefix.trim_end_matches('/')).unwrap_or_else(|_| self.bucket_as_key.clone())
    }

    async fn check(&self) -> Result<(), StoreError> {
        let found = if_found(self.client.head_bucket().bucket(self.name()).send().await);
        let found = found.map_err(self.store_error(Operation::Head, &self.bucket_as_key))?;
        found.map(drop).ok_or_else(|| StoreError::NoBucket { bucket: self.name().to_owned() })
    }
}

/// `None` if there is no such object, or no such bucket.
fn if_found<T, E: Into<RequestError>>(sent: Result<T, E>) -> Result<Option<T>, RequestError> {
    match sent.map_err(Into::into) {
        Err(error) if error.is_not_found() => Ok(None),
        sent => sent.map(Some),
    }
}

fn describe(found: &HeadObjectOutput) -> ObjectInfo {
    let size = found.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
    ObjectInfo { size, tag: found.e_tag().map(str::to_owned) }
}

#[async_trait::async_trait]
impl Store for S3Store {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        let found = self.bucket.head(key).await.map_err(self.bucket.store_error(Operation::Head, key))?;
        Ok(found.as_ref().map(describe))
    }

    async fn fetch_reporting(&self, key: &Key, to: &Path, arrival: &Arrival) -> Result<ObjectInfo, StoreError> {
        download::to_file(&self.bucket, key, to, arrival).await
    }

    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        download::to_memory(&self.bucket, key, limit).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError> {
        let bucket = &*self.bucket;
        let mut found = Vec::new();
        let list = bucket.client.list_objects_v2().bucket(bucket.name()).prefix(prefix);
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(bucket.store_error(Operation::List, &bucket.prefix_as_key(prefix)))?;
            // Names that are no valid key were not written by us and can't be requested.
            found.extend(page.contents().iter().filter_map(|object| Key::parse(object.key()?).ok()));
            if page.is_truncated != Some(true) {
                break;
            }
        }
        found.sort();
        Ok(found)
    }

    async fn list_page(&self, prefix: &str, after: Option<&str>) -> Result<ListedPage, StoreError> {
        let bucket = &*self.bucket;
        let list = bucket.client.list_objects_v2().bucket(bucket.name()).prefix(prefix);
        let page = list.set_start_after(after.map(str::to_owned)).send().await;
        let page = page.map_err(bucket.store_error(Operation::List, &bucket.prefix_as_key(prefix)))?;
        let last = page.contents().last().and_then(|object| object.key()).map(str::to_owned);
        let objects = page.contents().iter().filter_map(|object| {
            let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            // Without a time, it counts as new.
            let modified = object.last_modified().map_or(u64::MAX, |time| u64::try_from(time.secs()).unwrap_or(0));
            Some(ListedObject { key: Key::parse(object.key()?).ok()?, size, modified })
        });
        let mut objects: Vec<ListedObject> = objects.collect();
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(ListedPage { objects, next: last.filter(|_| page.is_truncated == Some(true)) })
    }

    async fn notes(&self, key: &Key) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        let found = self.bucket.head(key).await.map_err(self.bucket.store_error(Operation::Head, key))?;
        Ok(found.map(|found| found.metadata.unwrap_or_default().into_iter().collect()))
    }

    async fn prepare(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        Upload::new(Arc::clone(&self.bucket), key, body, meta).await?.prepare().await
    }

    fn begin(&self, key: &Key, file: GrowingFile, meta: &ObjectMeta) -> Option<Box<dyn Growing>> {
        Some(Box::new(GrowingUpload::new(&self.bucket, key, file, meta)))
    }

    async fn put(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<u64, StoreError> {
        let upload = Upload::new(Arc::clone(&self.bucket), key, body, meta).await?;
        let length = upload.body.length;
        if length <= self.bucket.settings.multipart_above {
            upload.send_whole().await?;
        } else {
            upload.prepare().await?.commit().await?;
        }
        Ok(length)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let bucket = &*self.bucket;
        let deleted = bucket.client.delete_object().bucket(bucket.name()).key(key.as_str()).send().await;
        if_found(deleted).map(drop).map_err(bucket.store_error(Operation::Delete, key))
    }

    async fn sweep(&self, uploads: UploadsTo<'_>) -> Result<usize, StoreError> {
        multipart::sweep(&self.bucket, uploads).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.bucket.check().await
    }
}
