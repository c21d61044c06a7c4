//! Publishing what a job made: everything that is named before whatever names it.
//!
//! Everything is brought to its store before any name changes. Segments have names that no publication used before, so
//! they may be seen at once, the first of them while later ones are encoded. Then the objects that stand alone are shown,
//! then the media playlists, and the master last. At every moment a viewer who can read a playlist can read all that it
//! names: of this publication or of the one before.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

mod early;
pub mod journal;
mod labels;
mod stage;

pub use early::{Early, Family, Uploaded};
use fault::{Code, Fault, codes};
pub use labels::{CacheRules, Labels};
pub use stage::{Staged, stage};
use storage::{Body, Destination, StoreError};

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
    fn code(&self) -> &'static Code {
        match self {
            Self::Store { source, .. } => source.code(),
            Self::Cancelled => &codes::job::CANCELLED,
            Self::TooLate => &codes::storage::TOO_SLOW,
            Self::Lost(_) => &codes::host::BUG,
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
