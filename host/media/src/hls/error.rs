//! What can be wrong with a rendition although ffmpeg reported success.

use std::time::Duration;

use fault::{Code, Fault, codes};

use super::{CodecsError, PlaylistError};

/// Why a rendition must not be published, with the file that is to blame.
#[derive(Debug, thiserror::Error)]
pub enum HlsError {
    /// ffmpeg ended without one.
    #[error("there is no playlist {file}")]
    MissingPlaylist { file: String },
    /// Damaged, or with an unsupported tag.
    #[error("the playlist {file} can't be used")]
    Playlist { file: String, source: PlaylistError },
    #[error("the playlist {file} names no segments")]
    NoSegments { file: String },
    /// ffmpeg did not finish it.
    #[error("the playlist {file} has no end")]
    NotEnded { file: String },
    #[error("{file} is named by its playlist and does not exist")]
    MissingSegment { file: String },
    /// ffmpeg's muxer leaves such segments on a full disk, and exits with 0.
    #[error("{file} is empty")]
    EmptySegment { file: String },
    /// Cut off or overwritten.
    #[error("{file} is damaged: {problem}")]
    DamagedSegment { file: String, problem: &'static str },
    /// Keyframes are not where they were forced.
    #[error("{file} plays {is:?}, longer than segments of {wanted:?} may")]
    LongSegment { file: String, is: Duration, wanted: Duration },
    /// Something is missing, most likely at the end.
    #[error("{file} plays {is:?} of {wanted:?}")]
    Short { file: String, is: Duration, wanted: Duration },
    #[error("{file} plays {is:?} instead of {wanted:?}")]
    Long { file: String, is: Duration, wanted: Duration },
    /// It doesn't hold the picture or the sound of its own time.
    #[error(
        "the {track} of {file} plays from {from:.3} to {to:.3} s, and not from {wanted_from:.3} to {wanted_to:.3} s"
    )]
    Misplaced { file: String, track: &'static str, from: f64, to: f64, wanted_from: f64, wanted_to: f64 },
    /// Frames are missing or doubled.
    #[error("{file} has {is} frames instead of {wanted}")]
    Frames { file: String, is: u64, wanted: u64 },
    /// A player that switches to this rendition here would show nothing or garbage.
    #[error("{file} does not start with a keyframe")]
    NoKeyframe { file: String },
    /// The headers of a stream are not where they should be.
    #[error("the codecs of {file} can't be found")]
    Codecs { file: String, source: CodecsError },
    /// A track is missing or unexpected.
    #[error("{file} should have {wanted} and has {is}")]
    Tracks { file: String, wanted: &'static str, is: &'static str },
    /// A file can't be opened or read.
    #[error("{file} can't be read")]
    Unreadable { file: String, source: std::io::Error },
}

impl Fault for HlsError {
    fn code(&self) -> &'static Code {
        match self {
            Self::MissingPlaylist { .. } => &codes::output::MISSING_PLAYLIST,
            Self::Playlist { .. } | Self::NoSegments { .. } => &codes::output::PLAYLIST,
            Self::NotEnded { .. } => &codes::output::NOT_ENDED,
            Self::MissingSegment { .. } => &codes::output::MISSING_SEGMENT,
            Self::EmptySegment { .. } => &codes::output::EMPTY_SEGMENT,
            Self::DamagedSegment { .. } => &codes::output::DAMAGED_SEGMENT,
            Self::LongSegment { .. } => &codes::output::LONG_SEGMENT,
            Self::Short { .. } => &codes::output::SHORT,
            Self::Long { .. } => &codes::output::LONG,
            Self::Misplaced { .. } | Self::Frames { .. } => &codes::output::SEGMENT_TIMES,
            Self::NoKeyframe { .. } => &codes::output::NO_KEYFRAME,
            Self::Codecs { .. } | Self::Tracks { .. } => &codes::output::CODECS,
            Self::Unreadable { .. } => &codes::output::UNREADABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use fault::{Blame, Failure};

    use super::*;

    #[test]
    fn a_failure_names_the_file_the_line_and_the_reason() {
        let source = PlaylistError::Line { line: 7, problem: "said twice" };
        let failure = Failure::from(HlsError::Playlist { file: "720p.m3u8".into(), source });
        assert_eq!(failure.message, "the playlist 720p.m3u8 can't be used: line 7: said twice");
        assert_eq!((failure.code.as_str(), failure.blame, failure.retryable), ("output.playlist", Blame::Host, true));
    }
}
