//! Multipart uploads. One is invisible until it is completed, but the store keeps and bills its parts until it is aborted.
//! [`OpenUpload`] is a guard that aborts it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::runtime::Handle;

use super::Bucket;
use super::client::{response_timeout, timeout_for_body};
use super::request_error::RequestError;
use super::upload::Upload;
use crate::{Key, Operation, Prepared, StoreError, UploadsTo};

/// The protocol's limit.
pub(super) const MAX_PARTS: u64 = 10_000;
/// How long completing an upload may take. For large objects it takes minutes.
const COMPLETION_TIMEOUT: Duration = Duration::from_secs(300);

impl Upload {
    /// Sends all parts and leaves the upload open.
    pub(super) async fn prepare(self) -> Result<Box<dyn Prepared>, StoreError> {
        let upload = Arc::new(self);
        if upload.body.length == 0 {
            // Stores disagree about empty parts.
            return Ok(Box::new(PreparedUpload { upload, sent: None }));
        }
        let open = open(&upload).await?;
        match open.send(&upload).await {
            Ok(parts) => Ok(Box::new(PreparedUpload { upload, sent: Some((open, parts)) })),
            Err(error) => {
                open.abort().await;
                Err(error)
            }
        }
    }
}

/// Opens an upload. The request continues even if the caller is cancelled, because only the response has the id to abort.
/// If the response is lost, the upload stays for `sweep`.
pub(super) async fn open(upload: &Arc<Upload>) -> Result<OpenUpload, StoreError> {
    let owned = Arc::clone(upload);
    let opening = tokio::spawn(async move {
        let (bucket, key) = (&owned.bucket, &owned.key);
        let create = bucket.client.create_multipart_upload().bucket(bucket.name()).key(key.as_str());
        let create = create.set_metadata(Some(owned.notes())).set_content_type(owned.content_type());
        let created = create.set_cache_control(owned.meta.cache_control.clone()).send().await;
        let id = created.map_err(|error| owned.store_error(error))?.upload_id.unwrap_or_default();
        if id.is_empty() {
            return Err(StoreError::damaged(Operation::Write, key, "the store opened an upload without an id"));
        }
        Ok(OpenUpload { bucket: Arc::clone(bucket), key: key.clone(), id: Some(id), runtime: Handle::current() })
    });
    opening.await.map_err(|panicked| StoreError::io(Operation::Write, &upload.key)(std::io::Error::other(panicked)))?
}

/// Aborts the upload on drop unless it was completed.
pub(super) struct OpenUpload {
    bucket: Arc<Bucket>,
    key: Key,
    /// `None` once there is nothing left to abort.
    id: Option<String>,
    runtime: Handle,
}

impl OpenUpload {
    pub(super) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// Sends all parts, `at_once` concurrently.
    async fn send(&self, upload: &Arc<Upload>) -> Result<Vec<CompletedPart>, StoreError> {
        let size = part_size(upload.body.length, self.bucket.settings.part_size);
        self.send_others(upload, size, Vec::new()).await
    }

    /// Sends all parts of this size that aren't among those that were sent.
    pub(super) async fn send_others(
        &self,
        upload: &Arc<Upload>,
        size: u64,
        mut sent: Vec<CompletedPart>,
    ) -> Result<Vec<CompletedPart>, StoreError> {
        let numbers: BTreeSet<Option<i32>> = sent.iter().map(|part| part.part_number).collect();
        let starts = (0..upload.body.length).step_by(usize::try_from(size).unwrap_or(usize::MAX));
        let others = (1..).zip(starts).filter(|(number, _)| !numbers.contains(&Some(*number)));
        let parts = others.map(|(number, at)| {
            let length = size.min(upload.body.length - at);
            send_part(Arc::clone(upload), self.id().to_owned(), number, at, length)
        });
        sent.extend(self.bucket.all(parts, Operation::Write, &self.key).await?);
        sent.sort_by_key(|part| part.part_number);
        Ok(sent)
    }

    /// Makes the object visible.
    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<(), RequestError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.bucket.client.complete_multipart_upload().bucket(self.bucket.name());
        let complete = complete.key(self.key.as_str()).upload_id(self.id()).multipart_upload(parts);
        let timeouts = self.bucket.settings.timeouts;
        let timeout = response_timeout(timeouts, timeouts.response.max(COMPLETION_TIMEOUT));
        complete.customize().config_override(timeout).send().await?;
        Ok(())
    }

    pub(super) async fn abort(mut self) {
        if let Some(id) = self.id.take() {
            abort(&self.bucket, &self.key, &id, "it failed or was discarded").await;
        }
    }
}

impl Drop for OpenUpload {
    /// Covers callers that were cancelled. After a killed process, `sweep` does this.
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let (bucket, key) = (Arc::clone(&self.bucket), self.key.clone());
            self.runtime.spawn(async move { abort(&bucket, &key, &id, "its caller was cancelled").await });
        }
    }
}

/// Returns whether it was aborted. A failure is only logged: the upload is invisible, and `sweep` finds it later.
async fn abort(bucket: &Bucket, key: &Key, id: &str, why: &str) -> bool {
    let abort = bucket.client.abort_multipart_upload().bucket(bucket.name()).key(key.as_str()).upload_id(id);
    match abort.send().await.map_err(RequestError::from) {
        Ok(_) => {
            tracing::debug!(%key, why, "an upload was aborted");
            true
        }
        Err(error) if error.is_not_found() => false,
        Err(error) => {
            let error = bucket.store_error(Operation::Delete, key)(error);
            tracing::warn!(%key, why, %error, "an unfinished upload could not be aborted and stays in the store");
            false
        }
    }
}

/// R2 wants all parts but the last to be of one size, and every store limits their number.
fn part_size(length: u64, wanted: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    wanted.max(length.div_ceil(MAX_PARTS).next_multiple_of(MIB))
}

/// Sends the `length` bytes from `at` on.
async fn send_part(
    upload: Arc<Upload>,
    id: String,
    number: i32,
    at: u64,
    length: u64,
) -> Result<CompletedPart, StoreError> {
    let body = upload.body.range(at, length).await.map_err(StoreError::io(Operation::Write, &upload.key))?;
    send_body(&upload, &id, number, body, length).await
}

/// Sends a part.
pub(super) async fn send_body(
    upload: &Upload,
    id: &str,
    number: i32,
    body: ByteStream,
    length: u64,
) -> Result<CompletedPart, StoreError> {
    let (bucket, key) = (&upload.bucket, &upload.key);
    let part = bucket.client.upload_part().bucket(bucket.name()).key(key.as_str()).upload_id(id).part_number(number);
    let part = part.content_length(i64::try_from(length).unwrap_or(i64::MAX)).body(body);
    let timeout = timeout_for_body(bucket.settings.timeouts, length);
    let sent = part.customize().config_override(timeout).send().await;
    let sent = sent.map_err(|error| upload.store_error(error))?;
    Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
}

/// An upload that only has to be completed.
pub(super) struct PreparedUpload {
    pub upload: Arc<Upload>,
    /// The open upload and its parts. `None` for an empty object, which is written when it is committed.
    pub sent: Option<(OpenUpload, Vec<CompletedPart>)>,
}

#[async_trait::async_trait]
impl Prepared for PreparedUpload {
    fn length(&self) -> u64 {
        self.upload.body.length
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Some((mut open, parts)) = self.sent else { return self.upload.send_whole().await };
        let verified = self.upload.verify(open.complete(parts).await).await;
        if verified.is_ok() {
            open.id = None;
        } else {
            open.abort().await;
        }
        verified
    }

    async fn discard(self: Box<Self>) {
        if let Some((open, _)) = self.sent {
            open.abort().await;
        }
    }
}

/// Aborts unfinished uploads. Returns how many there were.
pub(super) async fn sweep(bucket: &Bucket, uploads: UploadsTo<'_>) -> Result<usize, StoreError> {
    let (mut swept, mut after) = (0, (None, None));
    loop {
        let list = bucket.client.list_multipart_uploads().bucket(bucket.name()).prefix(uploads.key.as_str());
        let list = list.set_key_marker(after.0).set_upload_id_marker(after.1);
        let page = match list.send().await.map_err(RequestError::from) {
            Ok(page) => page,
            Err(error) if error.is_unsupported() => return Ok(swept),
            Err(error) => return Err(bucket.store_error(Operation::Delete, uploads.key)(error)),
        };
        for upload in page.uploads().iter().filter(|upload| upload.key().is_some_and(|key| uploads.include(key))) {
            if let (Some(id), Some(Ok(key))) = (upload.upload_id(), upload.key().map(Key::parse))
                && abort(bucket, &key, id, "its process was killed").await
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
        assert_eq!(part_size(16 * MIB * MAX_PARTS, 16 * MIB), 16 * MIB);
        assert_eq!(part_size(16 * MIB * MAX_PARTS + 1, 16 * MIB), 17 * MIB);
        let huge = 1 << 42;
        assert!(huge / part_size(huge, 16 * MIB) <= MAX_PARTS);
    }
}
