//! A body to upload: its length, its digest, and any range of it, as often as retries need it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use aws_sdk_s3::primitives::{ByteStream, Length};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::{Body, blocking, open_regular};

/// Bytes hashed at a time.
const BLOCK: usize = 1024 * 1024;
/// Read buffer of a request body. The SDK's default of 4 KiB costs too many system calls.
const BUFFER: usize = 128 * 1024;

pub(super) struct UploadBody {
    source: Source,
    /// Bytes.
    pub length: u64,
    /// Of the whole body, in hex.
    pub sha256: String,
}

enum Source {
    Bytes(Vec<u8>),
    /// Held open, so that what is sent is what was hashed, whatever becomes of its name.
    File(File, PathBuf),
}

impl UploadBody {
    /// Of a file that isn't whole yet.
    pub(super) fn unknown() -> Self {
        Self { source: Source::Bytes(Vec::new()), length: 0, sha256: String::new() }
    }

    /// Reads the body once to hash it.
    pub(super) async fn hash(body: Body) -> io::Result<Self> {
        match body {
            Body::Bytes(bytes) => {
                let (length, sha256) = (bytes.len() as u64, hex::encode(Sha256::digest(&bytes)));
                Ok(Self { source: Source::Bytes(bytes), length, sha256 })
            }
            Body::File(path) => {
                let (file, length, digests) = hash_file(path.clone(), u64::MAX).await?;
                let sha256 = digests.first().map(hex::encode).unwrap_or_default();
                Ok(Self { source: Source::File(file, path), length, sha256 })
            }
        }
    }

    /// A file by the digests of its parts of this size instead of its own.
    pub(super) async fn hash_parts(path: PathBuf, size: u64) -> io::Result<(Self, Vec<[u8; 32]>)> {
        let (file, length, digests) = hash_file(path.clone(), size).await?;
        Ok((Self { source: Source::File(file, path), length, sha256: String::new() }, digests))
    }

    /// A range of it, as a request body that can be resent.
    pub(super) async fn range(&self, at: u64, length: u64) -> io::Result<ByteStream> {
        match &self.source {
            Source::Bytes(bytes) => {
                let skipped = usize::try_from(at).unwrap_or(usize::MAX);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Ok(ByteStream::from(bytes.iter().skip(skipped).take(length).copied().collect::<Vec<u8>>()))
            }
            // The SDK refuses to read a body from an empty file.
            Source::File(..) if length == 0 => Ok(ByteStream::from_static(b"")),
            Source::File(file, path) => {
                // The SDK opens the file for every attempt, each with a position of its own.
                let open = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
                let path = if cfg!(target_os = "linux") { &open } else { path };
                let range = ByteStream::read_from().path(path).offset(at).length(Length::Exact(length));
                range.buffer_size(BUFFER).build().await.map_err(io::Error::other)
            }
        }
    }
}

/// A file with its length and the digests of its parts of a size; of an empty file, one of nothing. Stops after the current
/// block if the caller is cancelled.
async fn hash_file(path: PathBuf, size: u64) -> io::Result<(File, u64, Vec<[u8; 32]>)> {
    // Closed as soon as this future is dropped.
    let (caller, _alive) = oneshot::channel::<()>();
    blocking(move || {
        let (mut file, mut digest) = (open_regular(&path)?, Sha256::new());
        let (mut block, mut length, mut digests) = (vec![0; BLOCK], 0, Vec::new());
        while !caller.is_closed() {
            // No further than the end of the part.
            let room = usize::try_from(size - length % size).unwrap_or(usize::MAX).min(BLOCK);
            let read = file.read(block.get_mut(..room).unwrap_or_default())?;
            if read == 0 {
                break;
            }
            digest.update(block.get(..read).unwrap_or_default());
            length += read as u64;
            if length.is_multiple_of(size) {
                digests.push(digest.finalize_reset().into());
            }
        }
        if length == 0 || !length.is_multiple_of(size) {
            digests.push(digest.finalize().into());
        }
        Ok((file, length, digests))
    })
    .await
}
