//! Downloads in concurrent ranges. A range that breaks off resumes where it stopped.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use rustix::fs::FallocateFlags;

use super::request_error::{RequestError, changed_while_reading};
use super::{Bucket, describe, if_found};
use crate::{Arrival, Key, ObjectInfo, Operation, StoreError, blocking};

/// Bytes buffered before a write.
const BUFFER: usize = 1024 * 1024;

/// Downloads an object to a new file.
pub(super) async fn to_file(
    bucket: &Arc<Bucket>,
    key: &Key,
    to: &Path,
    arrival: &Arrival,
) -> Result<ObjectInfo, StoreError> {
    let Some(found) = bucket.head(key).await.map_err(bucket.store_error(Operation::Read, key))? else {
        // A response to HEAD has no body, so it doesn't say whether the object or the bucket is missing.
        bucket.check().await?;
        return Err(StoreError::NotFound { key: key.clone() });
    };
    if found.content_length().is_none() {
        return Err(StoreError::damaged(Operation::Read, key, "the store doesn't say how long it is"));
    }
    let info = describe(&found);
    let (path, size) = (to.to_owned(), info.size);
    let file = Arc::new(blocking(move || create(&path, size)).await.map_err(file_error(key))?);
    arrival.begins(size);

    let part_size = bucket.settings.part_size;
    let ranges = (0..size).step_by(usize::try_from(part_size).unwrap_or(usize::MAX)).map(|at| {
        let end = size.min(at.saturating_add(part_size));
        let (bucket, file, arrival) = (Arc::clone(bucket), Arc::clone(&file), arrival.clone());
        Range { bucket, file, tag: info.tag.clone(), key: key.clone(), size, at, end, arrival }.fetch()
    });
    bucket.all(ranges, Operation::Read, key).await?;
    Ok(info)
}

/// Creates a file and reserves its space where the file system can, so that a full disk fails the download early.
fn create(path: &Path, size: u64) -> io::Result<File> {
    let file = File::create_new(path)?;
    if size > 0
        && let Err(full @ rustix::io::Errno::NOSPC) = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size)
    {
        return Err(full.into());
    }
    Ok(file)
}

/// What a failure of the local file means. Unlike in [`StoreError::io`], a missing file is no missing object.
fn file_error(key: &Key) -> impl Fn(io::Error) -> StoreError {
    |source| match source.kind() {
        io::ErrorKind::StorageFull => StoreError::DiskFull { key: key.clone() },
        _ => StoreError::Io { operation: Operation::Read, key: key.clone(), source },
    }
}

/// The rest of a range.
struct Range {
    bucket: Arc<Bucket>,
    file: Arc<File>,
    key: Key,
    tag: Option<String>,
    size: u64,
    /// The next byte to download.
    at: u64,
    end: u64,
    arrival: Arrival,
}

impl Range {
    async fn fetch(mut self) -> Result<(), StoreError> {
        let mut fruitless = 0;
        while self.at < self.end {
            let before = self.at;
            let response = self.request().await?;
            let Err(error) = self.receive(response.body).await? else { continue };
            tracing::debug!(key = %self.key, at = self.at, end = self.end, "a download was interrupted");
            fruitless = if self.at > before { 0 } else { fruitless + 1 };
            back_off(&self.bucket, &self.key, fruitless, error).await?;
        }
        Ok(())
    }

    /// Requests the rest, and checks that the response is that range of the same version.
    async fn request(&self) -> Result<GetObjectOutput, StoreError> {
        let (bucket, first, last) = (&self.bucket, self.at, self.end - 1);
        let request = bucket.client.get_object().bucket(bucket.name()).key(self.key.as_str());
        let request = request.range(format!("bytes={first}-{last}")).set_if_match(self.tag.clone());
        let response = request.send().await.map_err(bucket.store_error(Operation::Read, &self.key))?;
        if self.tag.is_some() && response.e_tag != self.tag {
            return Err(changed_while_reading(&self.key));
        }
        let expected = format!("bytes {first}-{last}/{}", self.size);
        let range = response.content_range().unwrap_or("the whole object");
        if range != expected {
            let detail = format!("the store was asked for {expected} and sent {range}");
            return Err(StoreError::damaged(Operation::Read, &self.key, detail));
        }
        Ok(response)
    }

    /// Writes the body to the file. The inner error is an interruption, after which the range can be resumed.
    async fn receive(&mut self, mut body: ByteStream) -> Result<Result<(), RequestError>, StoreError> {
        let idle = self.bucket.settings.timeouts.idle;
        let mut buffer = Vec::new();
        let ended = loop {
            match next(&mut body, idle).await {
                Ok(Some(bytes)) => buffer.extend_from_slice(&bytes),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if buffer.len() >= BUFFER {
                buffer = self.write(buffer).await?;
            }
        };
        self.write(buffer).await?;
        // Without a Content-Length nothing below us notices a body that ends early.
        if self.at < self.end { Ok(ended.and(Err(RequestError::stalled()))) } else { Ok(ended) }
    }

    /// Writes the buffer at its offset and returns it empty.
    async fn write(&mut self, mut bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let (at, after) = (self.at, self.at.saturating_add(bytes.len() as u64));
        if after > self.end {
            return Err(StoreError::damaged(Operation::Read, &self.key, "the store sent more than it was asked for"));
        }
        let file = Arc::clone(&self.file);
        let written = blocking(move || {
            file.write_all_at(&bytes, at)?;
            bytes.clear();
            Ok(bytes)
        });
        let empty = written.await.map_err(file_error(&self.key))?;
        self.at = after;
        self.arrival.came(at, after);
        Ok(empty)
    }
}

async fn next(body: &mut ByteStream, idle: Duration) -> Result<Option<Bytes>, RequestError> {
    match tokio::time::timeout(idle, body.try_next()).await {
        Err(_) => Err(RequestError::stalled()),
        Ok(read) => read.map_err(|error| RequestError::disconnected(&error)),
    }
}

/// Waits before an interrupted response is requested again, or gives up after `attempts` fruitless ones. A response that
/// delivered anything doesn't count, so a large object gets through a bad connection in many small steps.
async fn back_off(bucket: &Bucket, key: &Key, fruitless: u32, error: RequestError) -> Result<(), StoreError> {
    let timeouts = bucket.settings.timeouts;
    if fruitless >= timeouts.attempts {
        return Err(bucket.store_error(Operation::Read, key)(error));
    }
    if fruitless > 0 {
        let wait = timeouts.initial_backoff.saturating_mul(1 << (fruitless - 1).min(16));
        tokio::time::sleep(wait.min(timeouts.max_backoff)).await;
    }
    Ok(())
}

/// Reads a small object. `None` if there is no such object.
pub(super) async fn to_memory(bucket: &Bucket, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let mut interrupted = 0;
    loop {
        let request = bucket.client.get_object().bucket(bucket.name()).key(key.as_str());
        let found = if_found(request.send().await).map_err(bucket.store_error(Operation::Read, key))?;
        let Some(response) = found else { return Ok(None) };
        match collect(response, bucket.settings.timeouts.idle, limit).await {
            Ok(Some(bytes)) => return Ok(Some(bytes)),
            Ok(None) => {
                let reason = format!("it has more than {limit} bytes");
                return Err(StoreError::Rejected { operation: Operation::Read, key: key.clone(), reason });
            }
            Err(error) => {
                interrupted += 1;
                back_off(bucket, key, interrupted, error).await?;
            }
        }
    }
}

/// `None` if the body is longer than `limit`.
async fn collect(response: GetObjectOutput, idle: Duration, limit: usize) -> Result<Option<Vec<u8>>, RequestError> {
    let length = response.content_length();
    let mut body = response.body;
    let mut all = Vec::new();
    while let Some(bytes) = next(&mut body, idle).await? {
        all.extend_from_slice(&bytes);
        if all.len() > limit {
            return Ok(None);
        }
    }
    match length {
        Some(length) if length != i64::try_from(all.len()).unwrap_or(i64::MAX) => Err(RequestError::stalled()),
        _ => Ok(Some(all)),
    }
}
