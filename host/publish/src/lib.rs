//! Publishes the files of a job, so that viewers never see a playlist that names a missing object.
//!
//! First everything is uploaded without changing anything that viewers can see. Segments are visible at once, some even
//! while later ones are being encoded, because their names are new and nothing names them yet. Then the rest is committed
//! in order: standalone objects, media playlists, master playlists. At every moment a viewer who can read a playlist can
//! read everything that it names, whether of this publication or of the previous one.

pub mod collect;
mod concurrent;
mod growing_uploader;
pub mod journal;
mod labels;
mod segment_uploader;
mod sending;
mod stage;

use fault::{Code, Fault, codes};
pub use growing_uploader::{FileUpload, GrowingUploader, GrowingUploads};
pub use labels::{CacheRules, Labels};
pub use segment_uploader::{RungUpload, SegmentUploader, UploadedSegments};
pub use sending::Sending;
pub use stage::{Staged, stage};
use storage::{Body, Destination, StoreError};

/// What a piece is. Pieces are committed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PieceKind {
    /// Has a name of its own, which only a media playlist names.
    Segment,
    /// Stands alone: a file, a picture, a sidecar.
    Object,
    MediaPlaylist,
    Master,
}

/// One object of a publication.
#[derive(Clone, Debug)]
pub struct Piece {
    pub to: Destination,
    pub body: Body,
    pub kind: PieceKind,
}

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("publishing to the store `{store}` failed")]
    Store { store: String, source: StoreError },
    #[error("the job was cancelled before it was published")]
    Cancelled,
    /// The commit lease expired, so another worker may have begun to clean up.
    #[error("the stores took too long to commit the publication; no playlist was replaced")]
    TooLate,
    /// A bug of ours.
    #[error("an upload task panicked: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Fault for PublishError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Store { source, .. } => source.code(),
            Self::Cancelled => &codes::job::CANCELLED,
            Self::TooLate => &codes::storage::TOO_SLOW,
            Self::Panicked(_) => &codes::host::BUG,
        }
    }
}

/// Hex digits of a publication's name: 48 random bits.
const NAME_LENGTH: usize = 12;

/// A new name for a publication. The names of its segments contain it.
pub fn fresh_name() -> String {
    let mut name = uuid::Uuid::new_v4().simple().to_string();
    name.truncate(NAME_LENGTH);
    name
}

/// Whether [`fresh_name`] could have made this name.
pub fn is_publication_name(name: &str) -> bool {
    name.len() == NAME_LENGTH && name.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}
