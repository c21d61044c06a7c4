//! Uploads a file in parts while another program is still writing it.
//!
//! Parts are sent as soon as they are written. The first ones, which hold the beginning of the file, and the last one wait
//! until the file is whole. Then every part is hashed again, and what has changed since it was sent is sent again: what is
//! published is what was checked.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::CompletedPart;
use sha2::{Digest, Sha256};

use super::Bucket;
use super::body::UploadBody;
use super::multipart::{self, MAX_PARTS, OpenUpload, PreparedUpload};
use super::upload::Upload;
use crate::{
    Body, Growing, GrowingFile, Key, ObjectMeta, Operation, Prepared, StoreError, blocking, open_regular, read_part,
};

pub(super) struct GrowingUpload {
    bucket: Arc<Bucket>,
    key: Key,
    meta: ObjectMeta,
    file: GrowingFile,
    /// `None` until the first part is sent.
    open: Option<Open>,
}

struct Open {
    upload: Arc<Upload>,
    id: OpenUpload,
    /// Each with the digest of what was sent, by its number.
    sent: BTreeMap<i32, (CompletedPart, [u8; 32])>,
}

impl std::fmt::Debug for GrowingUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sent = self.open.as_ref().map_or(0, |open| open.sent.len());
        f.debug_struct("GrowingUpload").field("key", &self.key).field("sent", &sent).finish_non_exhaustive()
    }
}

impl GrowingUpload {
    pub fn new(bucket: &Arc<Bucket>, key: &Key, file: GrowingFile, meta: &ObjectMeta) -> Self {
        Self { bucket: Arc::clone(bucket), key: key.clone(), meta: meta.clone(), file, open: None }
    }

    fn part_size(&self) -> u64 {
        part_size(self.bucket.settings.part_size, self.file.likely)
    }

    /// The number of the next part that is wholly written, with its content.
    async fn next(&self) -> io::Result<Option<(i32, Vec<u8>)>> {
        let size = self.part_size();
        let last = self.open.as_ref().and_then(|open| open.sent.keys().last().copied());
        let number = match last {
            Some(last) => last + 1,
            None => i32::try_from(self.file.unsettled.div_ceil(size) + 1).unwrap_or(i32::MAX),
        };
        let at = u64::try_from(number - 1).unwrap_or(0).saturating_mul(size);
        let path = self.file.path.clone();
        blocking(move || {
            let file = match open_regular(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            };
            // One byte more: the last part isn't known to be whole before the file is.
            if file.metadata()?.len() <= at.saturating_add(size) {
                return Ok(None);
            }
            let part = read_part(&file, at, size)?;
            Ok((part.len() as u64 == size).then_some((number, part)))
        })
        .await
    }
}

/// The smallest part that S3 takes, besides the last one.
const SMALLEST_PART: u64 = 5 << 20;

/// Parts that are left when the file is whole are uploaded while the job waits: the first ones and the last one. Of a file
/// that isn't large, they are made smaller than usual.
pub(super) fn part_size(usual: u64, likely: u64) -> u64 {
    (likely / 8).max(SMALLEST_PART).min(usual)
}

#[async_trait::async_trait]
impl Growing for GrowingUpload {
    async fn advance(&mut self) -> Result<u64, StoreError> {
        let next = self.next().await.map_err(StoreError::io(Operation::Write, &self.key))?;
        let Some((number, part)) = next else { return Ok(0) };
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let upload = Upload::of(Arc::clone(&self.bucket), &self.key, UploadBody::unknown(), &self.meta)?;
                let upload = Arc::new(upload);
                let id = multipart::open(&upload).await?;
                none.insert(Open { upload, id, sent: BTreeMap::new() })
            }
        };
        let (length, digest) = (part.len() as u64, Sha256::digest(&part).into());
        let sent = multipart::send_body(&open.upload, open.id.id(), number, ByteStream::from(part), length).await?;
        open.sent.insert(number, (sent, digest));
        Ok(length)
    }

    async fn finish(self: Box<Self>) -> Result<Box<dyn Prepared>, StoreError> {
        let size = self.part_size();
        let Self { bucket, key, meta, file, open } = *self;
        let Some(Open { upload, id, sent }) = open else {
            return Upload::new(bucket, &key, Body::File(file.path), &meta).await?.prepare().await;
        };
        let hashed = UploadBody::hash_parts(file.path, size).await.map_err(StoreError::io(Operation::Write, &key));
        let (body, digests) = match hashed {
            Ok(hashed) => hashed,
            Err(error) => {
                id.abort().await;
                return Err(error);
            }
        };
        if body.length.div_ceil(size) > MAX_PARTS {
            id.abort().await;
            return Upload::of(bucket, &key, body, &meta)?.prepare().await;
        }
        let is_current = |number: i32, digest: &[u8; 32]| {
            let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
            digests.get(index) == Some(digest)
        };
        let kept = sent.into_iter().filter(|(number, (_, digest))| is_current(*number, digest));
        let kept: Vec<CompletedPart> = kept.map(|(_, (part, _))| part).collect();
        let upload = Arc::new(upload.with_body(body));
        match id.send_others(&upload, size, kept).await {
            Ok(parts) => Ok(Box::new(PreparedUpload { upload, sent: Some((id, parts)) })),
            Err(error) => {
                id.abort().await;
                Err(error)
            }
        }
    }
}
