//! Feeds a process with a file that is still being downloaded.

use std::io;
use std::path::PathBuf;

use storage::Arrived;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;
use tokio::sync::watch;

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// A file, and how much of it has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) path: PathBuf,
    pub(crate) arrived: watch::Receiver<Arrived>,
}

impl Feed {
    /// Writes the file to a process as it arrives. Returns when it is whole, or when the process reads no further; fails if
    /// the rest will not arrive.
    pub(crate) async fn give(mut self, mut to: ChildStdin) -> io::Result<()> {
        let (mut file, mut given) = (None, 0_u64);
        let mut buffer = vec![0_u8; PIECE];
        loop {
            let more = self.arrived.wait_for(|arrived| arrived.bytes > given || arrived.is_whole()).await;
            let arrived = *more.map_err(|_| io::Error::other("the download has failed"))?;
            if arrived.bytes == given {
                return Ok(());
            }
            let file = match &mut file {
                Some(file) => file,
                none => none.insert(File::open(&self.path).await?),
            };
            let room = usize::try_from(arrived.bytes - given).unwrap_or(PIECE).min(PIECE);
            let read = file.read(buffer.get_mut(..room).unwrap_or_default()).await?;
            let piece = buffer.get(..read).filter(|piece| !piece.is_empty());
            let piece = piece.ok_or(io::ErrorKind::UnexpectedEof)?;
            match to.write_all(piece).await {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            }
            given += read as u64;
        }
    }
}
