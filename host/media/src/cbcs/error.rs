//! What can be wrong with an input.

/// Why an init segment or a media segment could not be protected.
///
/// Nothing of a failed call may be published: there is no output, and the input that was passed by value is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A box, a NAL unit or a parameter set breaks the rules of its format.
    #[error("not valid: {0}")]
    Malformed(&'static str),
    /// Valid, but this code can't tell which bytes have to stay clear.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// A track or a fragment has encryption boxes already.
    #[error("is encrypted already")]
    AlreadyProtected,
    /// A fragment is of a track that the init segment doesn't have.
    #[error("track {0} is not in the init segment")]
    UnknownTrack(u32),
    /// A sample's bytes are not all within the media data behind its fragment, or two samples share bytes.
    #[error("sample {sample} of track {track} is not within the media data, or overlaps another one")]
    OutsideMedia { track: u32, sample: usize },
    /// The content of one sample. Samples are counted from 0 within their fragment.
    #[error("sample {sample} of track {track}")]
    Sample { track: u32, sample: usize, source: Box<Error> },
}
