//! The files of a finished transcode.

use storage::{Body, Destination};

/// The role of a file in a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Named only by a media playlist. Its own name was never used before.
    Segment,
    /// Independent of other files: an MP4, a picture, a sidecar.
    Object,
    /// Names segments: a media playlist, or the index of a storyboard.
    MediaPlaylist,
    /// Names media playlists.
    Master,
}

/// A finished file and its destination.
#[derive(Clone, Debug)]
pub struct OutputFile {
    pub to: Destination,
    pub body: Body,
    pub role: Role,
    /// The object of the plan whose size includes this file: a playlist for its segments, else the object itself.
    pub counted_with: Destination,
}
