//! Objects that come here: in ranges, each of which goes on where it broke off.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use rustix::fs::FallocateFlags;
use tokio::task::JoinSet;

use super::answer::{Failed, changed};
use super::{Bucket, describe};
use crate::{Doing, Key, ObjectInfo, StoreError};

/// Bytes that are collected before they are written.
const WRITE: usize = 1024 * 1024;

/// Brings an object to a new file.
pub(super) async fn to_file(bucket: &Arc<Bucket>, key: &Key, to: &Path) -> Result<ObjectInfo, StoreError> {
    let Some(found) = bucket.look(key).await.map_err(bucket.failed(Doing::Reading, key))? else {
        // The answer to HEAD has no body that could tell which of the two is missing.
        bucket.check().await?;
        return Err(StoreError::NotFound { key: key.clone() });
    };
    if found.content_length().is_none() {
        let detail = "the store doesn't say how long it is".to_owned();
        return Err(StoreError::Damaged { doing: Doing::Reading, key: key.clone(), detail });
    }
    let info = describe(&found);
    let (path, size) = (to.to_owned(), info.size);
    let file = blocking(key, move || create(&path, size)).await?;
    let file = Arc::new(file);

    let mut starts = (0..info.size).step_by(usize::try_from(bucket.settings.part_size).unwrap_or(usize::MAX));
    let mut ranges = JoinSet::new();
    loop {
        while ranges.len() < bucket.settings.at_once
            && let Some(start) = starts.next()
        {
            let end = info.size.min(start.saturating_add(bucket.settings.part_size));
            let range = Range { tag: info.tag.clone(), key: key.clone(), size, at: start, end };
            ranges.spawn(range.fetch(Arc::clone(bucket), Arc::clone(&file)));
        }
        match ranges.join_next().await {
            None => return Ok(info),
            Some(Ok(fetched)) => fetched?,
            Some(Err(lost)) => return Err(StoreError::io(Doing::Reading, key)(std::io::Error::other(lost))),
        }
    }
}

/// A new file that has its room already, where the disk can say so: better no download than most of one.
fn create(path: &Path, size: u64) -> std::io::Result<File> {
    let file = File::create_new(path)?;
    if size > 0
        && let Err(full @ rustix::io::Errno::NOSPC) = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size)
    {
        return Err(full.into());
    }
    Ok(file)
}

/// Runs file work where it may block. A file that is missing here is no missing object.
async fn blocking<T: Send + 'static>(
    key: &Key,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|lost| Err(std::io::Error::other(lost)));
    done.map_err(|source| match source.kind() {
        std::io::ErrorKind::StorageFull => StoreError::DiskFull { key: key.clone() },
        _ => StoreError::Io { doing: Doing::Reading, key: key.clone(), source },
    })
}

/// The part of an object that is still to come.
struct Range {
    key: Key,
    tag: Option<String>,
    size: u64,
    at: u64,
    end: u64,
}

impl Range {
    async fn fetch(mut self, bucket: Arc<Bucket>, file: Arc<File>) -> Result<(), StoreError> {
        let mut fruitless = 0;
        while self.at < self.end {
            let before = self.at;
            let answer = self.ask(&bucket).await?;
            let Err(failed) = self.take(answer.body, bucket.settings.patience.idle, &file).await? else { continue };
            tracing::debug!(key = %self.key, at = self.at, end = self.end, "a download broke off");
            fruitless = if self.at > before { 0 } else { fruitless + 1 };
            again(&bucket, &self.key, fruitless, failed).await?;
        }
        Ok(())
    }

    /// Asks for what is missing, and makes sure that the answer is it.
    async fn ask(&self, bucket: &Bucket) -> Result<GetObjectOutput, StoreError> {
        let (first, last) = (self.at, self.end - 1);
        let asked = bucket.client.get_object().bucket(bucket.name()).key(self.key.as_str());
        let asked = asked.range(format!("bytes={first}-{last}")).set_if_match(self.tag.clone());
        let answer = asked.send().await.map_err(Failed::from).map_err(bucket.failed(Doing::Reading, &self.key))?;
        if self.tag.is_some() && answer.e_tag != self.tag {
            return Err(changed(&self.key));
        }
        let expected = format!("bytes {first}-{last}/{}", self.size);
        let came = answer.content_range().unwrap_or("the whole object");
        if came != expected {
            let detail = format!("the store was asked for {expected} and sent {came}");
            return Err(StoreError::Damaged { doing: Doing::Reading, key: self.key.clone(), detail });
        }
        Ok(answer)
    }

    /// Writes what comes. What breaks is told apart from what can't go on.
    async fn take(
        &mut self,
        mut body: ByteStream,
        idle: Duration,
        file: &Arc<File>,
    ) -> Result<Result<(), Failed>, StoreError> {
        let mut kept = Vec::new();
        let ended = loop {
            let came = next(&mut body, idle).await;
            if let Ok(Some(bytes)) = &came {
                kept.extend_from_slice(bytes.as_ref());
            }
            let over = !matches!(came, Ok(Some(_)));
            if kept.len() >= WRITE || over && !kept.is_empty() {
                kept = self.write(kept, file).await?;
            }
            match came {
                Ok(Some(_)) => {}
                // A length that was announced is checked below the SDK already.
                Ok(None) if self.at < self.end => break Err(Failed::silent()),
                Ok(None) => break Ok(()),
                Err(failed) => break Err(failed),
            }
        };
        Ok(ended)
    }

    /// Writes bytes to their place and gives back the empty buffer.
    async fn write(&mut self, mut bytes: Vec<u8>, file: &Arc<File>) -> Result<Vec<u8>, StoreError> {
        let (at, after) = (self.at, self.at.saturating_add(bytes.len() as u64));
        if after > self.end {
            let detail = "the store sent more than it was asked for".to_owned();
            return Err(StoreError::Damaged { doing: Doing::Reading, key: self.key.clone(), detail });
        }
        let file = Arc::clone(file);
        let bytes = blocking(&self.key, move || {
            file.write_all_at(&bytes, at)?;
            bytes.clear();
            Ok(bytes)
        })
        .await?;
        self.at = after;
        Ok(bytes)
    }
}

/// The next bytes of a body.
async fn next(body: &mut ByteStream, idle: Duration) -> Result<Option<impl AsRef<[u8]> + use<>>, Failed> {
    match tokio::time::timeout(idle, body.next()).await {
        Err(_) => Err(Failed::silent()),
        Ok(None) => Ok(None),
        Ok(Some(Err(error))) => Err(Failed::broken(&error)),
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
    }
}

/// Waits before an answer that broke off is asked for again, or gives up. An answer that brought something costs no
/// try: on a bad line a large object arrives in many pieces.
async fn again(bucket: &Bucket, key: &Key, fruitless: u32, failed: Failed) -> Result<(), StoreError> {
    let patience = bucket.settings.patience;
    if fruitless >= patience.attempts {
        return Err(bucket.failed(Doing::Reading, key)(failed));
    }
    if fruitless > 0 {
        let wait = patience.first_wait.saturating_mul(1 << (fruitless - 1).min(16));
        tokio::time::sleep(wait.min(patience.longest_wait)).await;
    }
    Ok(())
}

/// Brings a small object to memory.
pub(super) async fn to_memory(bucket: &Bucket, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let mut fruitless = 0;
    loop {
        let asked = bucket.client.get_object().bucket(bucket.name()).key(key.as_str());
        let answer = match asked.send().await.map_err(Failed::from) {
            Ok(answer) => answer,
            Err(failed) if failed.is_missing() => return Ok(None),
            Err(failed) => return Err(bucket.failed(Doing::Reading, key)(failed)),
        };
        match collect(answer, bucket.settings.patience.idle, limit).await {
            Ok(Some(bytes)) => return Ok(Some(bytes)),
            Ok(None) => {
                let reason = format!("it has more than {limit} bytes");
                return Err(StoreError::Rejected { doing: Doing::Reading, key: key.clone(), reason });
            }
            Err(failed) => {
                fruitless += 1;
                again(bucket, key, fruitless, failed).await?;
            }
        }
    }
}

/// All of a body, unless that is too much.
async fn collect(answer: GetObjectOutput, idle: Duration, limit: usize) -> Result<Option<Vec<u8>>, Failed> {
    let length = answer.content_length();
    let mut body = answer.body;
    let mut all = Vec::new();
    while let Some(bytes) = next(&mut body, idle).await? {
        all.extend_from_slice(bytes.as_ref());
        if all.len() > limit {
            return Ok(None);
        }
    }
    match length {
        Some(length) if length != i64::try_from(all.len()).unwrap_or(i64::MAX) => Err(Failed::silent()),
        _ => Ok(Some(all)),
    }
}
