//! Publishing what a job made: everything that is named before whatever names it.
//!
//! Everything is brought to its store before any name changes. Segments have names that no publication used before, so
//! they may be seen at once, the first of them while later ones are encoded. Then the objects that stand alone are shown,
//! then the media playlists, and the master last. At every moment a viewer who can read a playlist can read all that it
//! names: of this publication or of the one before.

mod early;
mod labels;
mod stage;

pub use early::{Early, Family, Uploaded};
pub use labels::{CacheRules, Labels};
pub use stage::{Staged, stage};

use crate::failure::{Blame, Fault};
use crate::media::graph::STREAM;
use crate::media::plan::Destination;
use crate::storage::{Body, StoreError};

/// When a piece is written, the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Named only by a playlist, under a name of its own.
    Segment,
    /// Stands alone: a file, a picture, a sidecar.
    Object,
    /// Names segments.
    MediaPlaylist,
    /// Names media playlists.
    Master,
}

/// Something to write.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where it goes.
    pub to: Destination,
    /// What it is.
    pub body: Body,
    /// When it is written.
    pub stage: Stage,
}

/// Why a publication did not come about.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A store failed.
    #[error("publishing to the store `{store}` failed")]
    Store {
        /// Its name.
        store: String,
        /// What it said.
        source: StoreError,
    },
    /// The job was called off.
    #[error("the job was called off before it was published")]
    Cancelled,
    /// Showing it took too long, so that another worker may have begun to clean up.
    #[error("the stores took too long to show what they have; nothing that plays was replaced")]
    TooLate,
    /// A fault of ours.
    #[error("a write was lost: {0}")]
    Lost(#[from] tokio::task::JoinError),
}

impl Fault for PublishError {
    fn code(&self) -> &'static str {
        match self {
            Self::Store { source, .. } => source.code(),
            Self::Cancelled => "job.cancelled",
            Self::TooLate => "storage.too-slow",
            Self::Lost(_) => "host.bug",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Store { source, .. } => source.blame(),
            Self::TooLate => Blame::Storage,
            Self::Cancelled | Self::Lost(_) => Blame::Host,
        }
    }

    fn retryable(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.retryable(),
            Self::Cancelled | Self::TooLate => true,
            Self::Lost(_) => false,
        }
    }
}

/// Hex digits of a publication's name: 48 random bits.
const NAME_LENGTH: usize = 12;

/// A name for one publication, never used before: it is in the names of its segments.
pub fn fresh_name() -> String {
    let mut name = uuid::Uuid::new_v4().simple().to_string();
    name.truncate(NAME_LENGTH);
    name
}

/// Whether a text can be what [`fresh_name`] made.
pub fn is_publication_name(name: &str) -> bool {
    name.len() == NAME_LENGTH && name.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

/// What a segment is called: the rung's stem, the publication's name, and what ffmpeg called it; of a file with all
/// segments in it only the ending.
pub fn segment_name(stem: &str, publication: &str, file: &str) -> String {
    let prefix = segment_prefix(stem, publication);
    match file.split_once('.') {
        Some((STREAM, ending)) => format!("{prefix}.{ending}"),
        _ => format!("{prefix}-{file}"),
    }
}

/// What the names of all segments of a rung in a publication begin with. A playlist with this in it is of that
/// publication.
pub fn segment_prefix(stem: &str, publication: &str) -> String {
    format!("{stem}-{publication}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_named_by_rung_publication_and_number_and_one_file_for_all_by_its_ending() {
        assert_eq!(segment_name("720p", "abc", "00017.ts"), "720p-abc-00017.ts");
        assert_eq!(segment_name("720p", "abc", "init.mp4"), "720p-abc-init.mp4");
        assert_eq!(segment_name("stream", "abc", "stream.ts"), "stream-abc.ts");
        for file in ["00017.ts", "stream.m4s"] {
            assert!(segment_name("720p", "abc", file).starts_with(&segment_prefix("720p", "abc")), "{file}");
        }
    }
}
