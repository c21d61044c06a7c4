//! What is sent: its length, its digest, and any piece of it as often as it takes.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use aws_sdk_s3::primitives::{ByteStream, Length};
use sha2::{Digest, Sha256};

use crate::Body;

/// Bytes that are read at once.
const READ: usize = 1024 * 1024;
/// Bytes of a file that a request body takes at once; the SDK's own 4 KiB cost a system call each.
const BUFFER: usize = 128 * 1024;

/// A body that was looked through once.
pub(super) struct Source {
    body: Body,
    /// Bytes.
    pub length: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub sha256: String,
}

impl Source {
    /// Looks through it. Stops within a block when nobody waits for it any more.
    pub(super) async fn read(body: Body) -> std::io::Result<Self> {
        let path = match &body {
            Body::Bytes(bytes) => {
                let (length, sha256) = (bytes.len() as u64, hex::encode(Sha256::digest(bytes)));
                return Ok(Self { body, length, sha256 });
            }
            Body::File(path) => path.clone(),
        };
        let mut pass = blocking(move || Pass::open(path)).await?;
        loop {
            let (next, over) = blocking(move || pass.step()).await?;
            pass = next;
            if over {
                return Ok(Self { body, length: pass.length, sha256: hex::encode(pass.digest.finalize()) });
            }
        }
    }

    /// A piece, as the body of a request that may be sent again.
    pub(super) async fn piece(&self, at: u64, length: u64) -> std::io::Result<ByteStream> {
        match &self.body {
            Body::Bytes(bytes) => {
                let skipped = usize::try_from(at).unwrap_or(usize::MAX);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Ok(ByteStream::from(bytes.iter().skip(skipped).take(length).copied().collect::<Vec<u8>>()))
            }
            // The SDK asks for a body to be read from a file that isn't empty.
            Body::File(_) if length == 0 => Ok(ByteStream::from_static(b"")),
            Body::File(path) => {
                let piece = ByteStream::read_from().path(path).offset(at).length(Length::Exact(length));
                piece.buffer_size(BUFFER).build().await.map_err(std::io::Error::other)
            }
        }
    }
}

/// A file on its way through the digest.
struct Pass {
    file: File,
    digest: Sha256,
    length: u64,
    block: Vec<u8>,
}

impl Pass {
    fn open(path: PathBuf) -> std::io::Result<Self> {
        Ok(Self { file: File::open(path)?, digest: Sha256::new(), length: 0, block: vec![0; READ] })
    }

    /// One block; and whether that was the last one.
    fn step(mut self) -> std::io::Result<(Self, bool)> {
        let read = self.file.read(&mut self.block)?;
        self.digest.update(self.block.get(..read).unwrap_or_default());
        self.length = self.length.saturating_add(read as u64);
        Ok((self, read == 0))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|lost| Err(std::io::Error::other(lost)))
}
