//! A body to upload: its length, its digest, and any range of it, as often as retries need it.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use aws_sdk_s3::primitives::{ByteStream, Length};
use sha2::{Digest, Sha256};

use crate::Body;

/// Bytes hashed at a time.
const BLOCK: usize = 1024 * 1024;
/// Read buffer of a request body. The SDK's default of 4 KiB costs too many system calls.
const BUFFER: usize = 128 * 1024;

pub(super) struct UploadBody {
    body: Body,
    /// Bytes.
    pub length: u64,
    /// Of the whole body, in hex.
    pub sha256: String,
}

impl UploadBody {
    /// Reads the body once to hash it. Stops after the current block if the caller is cancelled.
    pub(super) async fn hash(body: Body) -> std::io::Result<Self> {
        let path = match &body {
            Body::Bytes(bytes) => {
                let (length, sha256) = (bytes.len() as u64, hex::encode(Sha256::digest(bytes)));
                return Ok(Self { body, length, sha256 });
            }
            Body::File(path) => path.clone(),
        };
        let mut file = blocking(move || HashedFile::open(path)).await?;
        loop {
            let (next, is_last) = blocking(move || file.hash_block()).await?;
            file = next;
            if is_last {
                return Ok(Self { body, length: file.length, sha256: hex::encode(file.digest.finalize()) });
            }
        }
    }

    /// A range of it, as a request body that can be resent.
    pub(super) async fn range(&self, at: u64, length: u64) -> std::io::Result<ByteStream> {
        match &self.body {
            Body::Bytes(bytes) => {
                let skipped = usize::try_from(at).unwrap_or(usize::MAX);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Ok(ByteStream::from(bytes.iter().skip(skipped).take(length).copied().collect::<Vec<u8>>()))
            }
            // The SDK refuses to read a body from an empty file.
            Body::File(_) if length == 0 => Ok(ByteStream::from_static(b"")),
            Body::File(path) => {
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
    fn open(path: PathBuf) -> std::io::Result<Self> {
        Ok(Self { file: File::open(path)?, digest: Sha256::new(), length: 0, block: vec![0; BLOCK] })
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
