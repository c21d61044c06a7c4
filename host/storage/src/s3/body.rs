//! A body to upload: its length, its digest, and any range of it, as often as retries need it.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::{ByteStream, Length};
use sha2::{Digest, Sha256};

use crate::{Body, open_regular};

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
    /// Reads the body once to hash it. Stops after the current block if the caller is cancelled.
    pub(super) async fn hash(body: Body) -> std::io::Result<Self> {
        let path = match body {
            Body::Bytes(bytes) => {
                let (length, sha256) = (bytes.len() as u64, hex::encode(Sha256::digest(&bytes)));
                return Ok(Self { source: Source::Bytes(bytes), length, sha256 });
            }
            Body::File(path) => path,
        };
        let opened = path.clone();
        let mut file = blocking(move || HashedFile::open(&opened)).await?;
        loop {
            let (next, is_last) = blocking(move || file.hash_block()).await?;
            file = next;
            if is_last {
                let HashedFile { file, digest, length, .. } = file;
                return Ok(Self { source: Source::File(file, path), length, sha256: hex::encode(digest.finalize()) });
            }
        }
    }

    /// A range of it, as a request body that can be resent.
    pub(super) async fn range(&self, at: u64, length: u64) -> std::io::Result<ByteStream> {
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
                range.buffer_size(BUFFER).build().await.map_err(std::io::Error::other)
            }
        }
    }
}

/// A file that is being hashed.
struct HashedFile {
    file: File,
    digest: Sha256,
    length: u64,
    block: Vec<u8>,
}

impl HashedFile {
    fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: open_regular(path)?, digest: Sha256::new(), length: 0, block: vec![0; BLOCK] })
    }

    /// Hashes one block. Also says whether the end was reached.
    fn hash_block(mut self) -> std::io::Result<(Self, bool)> {
        let read = self.file.read(&mut self.block)?;
        self.digest.update(self.block.get(..read).unwrap_or_default());
        self.length = self.length.saturating_add(read as u64);
        Ok((self, read == 0))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|lost| Err(std::io::Error::other(lost)))
}
