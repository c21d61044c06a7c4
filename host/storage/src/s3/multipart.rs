//! Uploads in parts. Nobody sees one until it is completed, and the store keeps, and bills, it until it is aborted: so
//! whoever opens one holds a guard that does.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Bucket;
use super::answer::Failed;
use super::client::{patient, time_for};
use super::upload::Upload;
use crate::{Doing, Key, Prepared, StoreError};

/// The protocol's limit.
const MOST_PARTS: u64 = 10_000;
/// How long a store may take to put the parts together: for large objects that is minutes.
const ASSEMBLY: Duration = Duration::from_secs(300);

impl Upload {
    /// Sends all of it and leaves it open.
    pub(super) async fn prepare(self) -> Result<Box<dyn Prepared>, StoreError> {
        let upload = Arc::new(self);
        if upload.length() == 0 {
            // Stores differ in what they make of a part without bytes, and there is nothing to send ahead.
            return Ok(Box::new(Waiting { upload }));
        }
        let open = open(&upload).await?;
        match open.send(&upload).await {
            Ok(parts) => Ok(Box::new(Whole { upload, open, parts })),
            Err(error) => {
                open.abort().await;
                Err(error)
            }
        }
    }
}

/// Opens an upload. This runs on behind a caller who gives up: only the answer says what there is to abort. Where the
/// answer itself is lost, the upload is one for `sweep`.
async fn open(upload: &Arc<Upload>) -> Result<Open, StoreError> {
    let owned = Arc::clone(upload);
    let opening = tokio::spawn(async move {
        let (bucket, key) = (&owned.bucket, &owned.key);
        let create = bucket.client.create_multipart_upload().bucket(bucket.name()).key(key.as_str());
        let create = create.set_metadata(Some(owned.notes())).set_content_type(owned.content_type());
        let created = create.set_cache_control(owned.cache_control()).send().await.map_err(Failed::from);
        let id = created.map_err(|failed| owned.failed(failed))?.upload_id.unwrap_or_default();
        if id.is_empty() {
            let detail = "the store opened an upload and gave it no id".to_owned();
            return Err(StoreError::Damaged { doing: Doing::Writing, key: key.clone(), detail });
        }
        Ok(Open { bucket: Arc::clone(bucket), key: key.clone(), id: Some(id), runtime: Handle::current() })
    });
    opening.await.map_err(|lost| StoreError::io(Doing::Writing, &upload.key)(std::io::Error::other(lost)))?
}

/// An open upload, which is aborted unless it is completed.
struct Open {
    bucket: Arc<Bucket>,
    key: Key,
    /// None once there is nothing to abort.
    id: Option<String>,
    runtime: Handle,
}

impl Open {
    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// Sends all parts, a few at a time.
    async fn send(&self, upload: &Arc<Upload>) -> Result<Vec<CompletedPart>, StoreError> {
        let size = part_size(upload.length(), self.bucket.settings.part_size);
        let mut next = (1..).zip((0..upload.length()).step_by(usize::try_from(size).unwrap_or(usize::MAX)));
        let mut sent = Vec::new();
        let mut parts = JoinSet::new();
        loop {
            while parts.len() < self.bucket.settings.at_once
                && let Some((number, at)) = next.next()
            {
                let length = size.min(upload.length() - at);
                let part = Part { upload: Arc::clone(upload), id: self.id().to_owned(), number, at, length };
                parts.spawn(part.send());
            }
            match parts.join_next().await {
                None => break,
                Some(Ok(part)) => sent.push(part?),
                Some(Err(lost)) => return Err(StoreError::io(Doing::Writing, &self.key)(std::io::Error::other(lost))),
            }
        }
        sent.sort_by_key(|part| part.part_number);
        Ok(sent)
    }

    /// Shows the object.
    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<(), Failed> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.bucket.client.complete_multipart_upload().bucket(self.bucket.name());
        let complete = complete.key(self.key.as_str()).upload_id(self.id()).multipart_upload(parts);
        let patience = self.bucket.settings.patience;
        let patience = patient(patience, patience.answer.max(ASSEMBLY));
        complete.customize().config_override(patience).send().await?;
        Ok(())
    }

    async fn abort(mut self) {
        if let Some(id) = self.id.take() {
            abort(&self.bucket, &self.key, &id, "it failed or isn't wanted").await;
        }
    }
}

impl Drop for Open {
    /// However it ends. A process that is killed leaves it to `sweep`.
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let (bucket, key) = (Arc::clone(&self.bucket), self.key.clone());
            self.runtime.spawn(async move { abort(&bucket, &key, &id, "nobody waits for it any more").await });
        }
    }
}

/// What can't be aborted is only clutter, so there is no error to tell.
async fn abort(bucket: &Bucket, key: &Key, id: &str, why: &str) -> bool {
    let abort = bucket.client.abort_multipart_upload().bucket(bucket.name()).key(key.as_str()).upload_id(id);
    match abort.send().await.map_err(Failed::from) {
        Ok(_) => {
            tracing::debug!(%key, why, "an upload was aborted");
            true
        }
        Err(failed) if failed.is_missing() => false,
        Err(failed) => {
            let error = failed.told(Doing::Removing, key, bucket.name());
            tracing::warn!(%key, why, %error, "an upload that is not wanted stays in the store until it is swept");
            false
        }
    }
}

/// All parts but the last must be of one size (R2 insists), and there are only so many of them.
fn part_size(length: u64, wanted: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    wanted.max(length.div_ceil(MOST_PARTS).next_multiple_of(MIB))
}

struct Part {
    upload: Arc<Upload>,
    id: String,
    number: i32,
    at: u64,
    length: u64,
}

impl Part {
    async fn send(self) -> Result<CompletedPart, StoreError> {
        let (bucket, key) = (&self.upload.bucket, &self.upload.key);
        let piece = self.upload.source.piece(self.at, self.length).await;
        let part = bucket.client.upload_part().bucket(bucket.name()).key(key.as_str());
        let part = part.upload_id(&self.id).part_number(self.number);
        let part = part.content_length(i64::try_from(self.length).unwrap_or(i64::MAX));
        let part = part.body(piece.map_err(StoreError::io(Doing::Writing, key))?);
        let patience = time_for(bucket.settings.patience, self.length);
        let sent = part.customize().config_override(patience).send().await.map_err(Failed::from);
        let sent = sent.map_err(|failed| self.upload.failed(failed))?;
        Ok(CompletedPart::builder().part_number(self.number).set_e_tag(sent.e_tag).build())
    }
}

/// An upload with all its parts.
struct Whole {
    upload: Arc<Upload>,
    open: Open,
    parts: Vec<CompletedPart>,
}

#[async_trait::async_trait]
impl Prepared for Whole {
    fn length(&self) -> u64 {
        self.upload.length()
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { upload, mut open, parts } = *self;
        let completed = open.complete(parts).await;
        match upload.settle(completed).await {
            Ok(()) => {
                // There is nothing to abort any more.
                open.id = None;
                Ok(())
            }
            Err(error) => {
                open.abort().await;
                Err(error)
            }
        }
    }

    async fn discard(self: Box<Self>) {
        self.open.abort().await;
    }
}

/// An object without bytes: it is written when it is committed.
struct Waiting {
    upload: Arc<Upload>,
}

#[async_trait::async_trait]
impl Prepared for Waiting {
    fn length(&self) -> u64 {
        0
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.upload.in_one().await
    }

    async fn discard(self: Box<Self>) {}
}

/// Aborts all uploads to a key, and says how many there were.
pub(super) async fn sweep(bucket: &Bucket, key: &Key) -> Result<usize, StoreError> {
    let (mut swept, mut after) = (0, (None, None));
    loop {
        let list = bucket.client.list_multipart_uploads().bucket(bucket.name()).prefix(key.as_str());
        let list = list.set_key_marker(after.0).set_upload_id_marker(after.1);
        let page = match list.send().await.map_err(Failed::from) {
            Ok(page) => page,
            Err(failed) if failed.is_unknown_to_the_store() => return Ok(swept),
            Err(failed) => return Err(bucket.failed(Doing::Removing, key)(failed)),
        };
        for upload in page.uploads().iter().filter(|upload| upload.key() == Some(key.as_str())) {
            if let Some(id) = upload.upload_id()
                && abort(bucket, key, id, "its process is gone").await
            {
                swept += 1;
            }
        }
        if page.is_truncated != Some(true) || page.next_key_marker.is_none() {
            return Ok(swept);
        }
        after = (page.next_key_marker, page.next_upload_id_marker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_where_there_would_be_too_many() {
        const MIB: u64 = 1 << 20;
        assert_eq!(part_size(1, 16 * MIB), 16 * MIB);
        assert_eq!(part_size(16 * MIB * MOST_PARTS, 16 * MIB), 16 * MIB);
        assert_eq!(part_size(16 * MIB * MOST_PARTS + 1, 16 * MIB), 17 * MIB);
        let huge = 1 << 42;
        assert!(huge / part_size(huge, 16 * MIB) <= MOST_PARTS);
    }
}
