//! What media work leaves behind for a publication.

use storage::{Body, Destination};

/// What a file is in a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Named only by a media playlist, under a name that no publication used before.
    Segment,
    /// Stands alone: a file, a picture, a sidecar.
    Object,
    /// Names segments.
    MediaPlaylist,
    /// Names media playlists.
    Master,
}

/// A finished file, with the object that it becomes.
#[derive(Clone, Debug)]
pub struct OutputFile {
    /// The object.
    pub to: Destination,
    /// Its content.
    pub body: Body,
    /// What it is.
    pub role: Role,
    /// The object of the plan whose size includes this file: a playlist for its segments, else the object itself.
    pub counted_with: Destination,
}
