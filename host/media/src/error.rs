//! What can go wrong between an upload and its outputs.

use std::time::Duration;

use fault::{Code, Fault, codes};

use crate::process::{ProcessError, last_lines};

/// An upload that can't be used. The text is written for a support person to send on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    #[error("the file is empty (0 bytes): upload it again")]
    Empty,
    /// No allowed demuxer knows it.
    #[error(
        "the file is not audio or video in a format that is supported ({detail}): upload it as MP4, MOV, MKV, WebM, MP3, M4A, WAV or FLAC"
    )]
    NotMedia { detail: String },
    /// The index or the end is missing.
    #[error("the file is cut off ({detail}): the upload or the export did not finish; upload it again from the source")]
    Truncated { detail: String },
    /// A codec that we don't decode.
    #[error("the {kind} track uses a codec that is not supported ({codec}): export it as H.264 with AAC")]
    UnsupportedCodec {
        /// `video` or `audio`.
        kind: &'static str,
        /// Its name, or its tag where it has no name.
        codec: String,
    },
    #[error(
        "the file is copy-protected (encrypted): only its own player can decode it; upload a version without protection"
    )]
    Protected,
    /// Colours that only its own decoders can show.
    #[error(
        "the picture is Dolby Vision profile {profile}, which only Dolby Vision players can show in its colours: export it as \
HDR10, as Dolby Vision profile 8, or in standard dynamic range"
    )]
    DolbyVision { profile: u8 },
    #[error("the sound has {channels} channels, and at most 8 are supported: export it as stereo, 5.1 or 7.1")]
    TooManyChannels { channels: u32 },
    /// Subtitles that can't be made into text.
    #[error("the subtitles `{name}` can't be read: {detail}")]
    Subtitles { name: String, detail: String },
    /// Larger than a camera makes.
    #[error(
        "the picture is {width}x{height}, which is more than the 8192x4320 pixels that are supported: export it smaller"
    )]
    TooLarge { width: u64, height: u64 },
    /// More bytes than this environment accepts.
    #[error("the file has {size} bytes; at most {limit} are accepted: export it smaller, or in parts")]
    TooManyBytes { size: u64, limit: u64 },
    /// Longer than this environment accepts.
    #[error("the file lasts {} h; at most {} h are accepted: cut it into parts", hours(*length), hours(*limit))]
    TooLong { length: Duration, limit: Duration },
    /// More of the machine than an upload of its size and length may take.
    #[error(
        "the file takes too much of the machine ({detail}): it is damaged or was made so; export it again from the source"
    )]
    TooDemanding { detail: String },
    /// Smaller than an encoder accepts.
    #[error("the picture is {width}x{height}, which is too small to encode: at least 16x16 is needed")]
    TooSmall { width: u32, height: u32 },
    #[error("the file has no duration: it holds a single moment or none; upload the whole recording")]
    ZeroDuration,
    /// Declared as audio, without sound.
    #[error(
        "the file was uploaded as audio but holds no audio track that can be used: upload it as video, or with its sound"
    )]
    NoAudio,
    /// Declared as video, without a picture.
    #[error(
        "the file was uploaded as video but holds no video track that can be used: upload it as audio, or with its picture"
    )]
    NoVideo,
    /// Packets are there, but they don't decode.
    #[error("the file is damaged: {detail}; export it again from the source")]
    Damaged { detail: String },
}

/// To a tenth, rounded up: 24 h and a second are not 24 h.
fn hours(length: Duration) -> f64 {
    (length.as_secs_f64() / 360.0).ceil() / 10.0
}

impl Fault for UploadError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Empty => &codes::upload::EMPTY,
            Self::NotMedia { .. } => &codes::upload::NOT_MEDIA,
            Self::Truncated { .. } => &codes::upload::TRUNCATED,
            Self::UnsupportedCodec { .. } => &codes::upload::UNSUPPORTED_CODEC,
            Self::Protected => &codes::upload::PROTECTED,
            Self::DolbyVision { .. } => &codes::upload::DOLBY_VISION,
            Self::Subtitles { .. } => &codes::upload::SUBTITLES,
            Self::TooManyChannels { .. } => &codes::upload::TOO_MANY_CHANNELS,
            Self::TooLarge { .. } => &codes::upload::TOO_LARGE,
            Self::TooManyBytes { .. } => &codes::upload::TOO_MANY_BYTES,
            Self::TooLong { .. } => &codes::upload::TOO_LONG,
            Self::TooDemanding { .. } => &codes::upload::TOO_DEMANDING,
            Self::TooSmall { .. } => &codes::upload::TOO_SMALL,
            Self::ZeroDuration => &codes::upload::ZERO_DURATION,
            Self::NoAudio => &codes::upload::NO_AUDIO,
            Self::NoVideo => &codes::upload::NO_VIDEO,
            Self::Damaged { .. } => &codes::upload::DAMAGED,
        }
    }
}

/// What nothing in the program tells from other failures: a code, and a text that names the file or the value.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct CodedError {
    code: &'static Code,
    text: String,
}

impl CodedError {
    pub(crate) fn new(code: &'static Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Anything that ends a transcode.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The policy's plan can't be carried out.
    #[error(transparent)]
    Plan(#[from] crate::plan::PlanError),
    #[error("the job was cancelled")]
    Cancelled,
    #[error("the disk of the work directory is full: give it at least three times the size of the upload")]
    DiskFull,
    /// ffmpeg failed, and the upload is not to blame.
    #[error("ffmpeg failed while {doing}")]
    Process { doing: &'static str, source: ProcessError },
    /// A GPU is required, and none works here.
    #[error("a GPU encoder is required, and none works here: {reason}")]
    NoGpu { reason: String },
    #[error(transparent)]
    Keys(#[from] crate::keys::KeyError),
    /// A rendition that is not whole.
    #[error("ffmpeg produced an incomplete output")]
    Output(#[from] CodedError),
    /// A file that is not whole.
    #[error("ffmpeg produced an incomplete output: {detail}")]
    BadFile { detail: String },
    /// A rendition that is whole and isn't the source's.
    #[error("{what} is not what the source shows and sounds like: {detail}")]
    Differs { what: String, detail: String },
    #[error("the work directory could not be used while {doing}")]
    WorkDirectory { doing: &'static str, source: std::io::Error },
    #[error(transparent)]
    Other(CodedError),
    /// A bug of the host.
    #[error("the transcode ended without a result: {detail}")]
    Lost { detail: String },
}

impl MediaError {
    /// A failed process, classified by its stderr.
    pub fn process(doing: &'static str, source: ProcessError) -> Self {
        match source {
            ProcessError::Cancelled => Self::Cancelled,
            // ffmpeg has no exit status for a full disk.
            ref error if error.stderr().contains("No space left on device") => Self::DiskFull,
            ProcessError::OverBudget { limit, .. } => {
                UploadError::TooDemanding { detail: format!("{doing} took more than {limit}") }.into()
            }
            source => Self::Process { doing, source },
        }
    }

    /// A failed access to the work directory.
    pub fn work(doing: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull => Self::DiskFull,
            _ => Self::WorkDirectory { doing, source },
        }
    }

    /// The last lines of ffmpeg's stderr, for a message.
    pub fn last_words(&self) -> String {
        match self {
            Self::Process { source, .. } => last_lines(source.stderr(), 2),
            other => other.to_string(),
        }
    }
}

impl Fault for CodedError {
    fn code(&self) -> &'static Code {
        self.code
    }
}

impl Fault for MediaError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Upload(error) => error.code(),
            Self::Plan(error) => error.code(),
            Self::Output(error) | Self::Other(error) => error.code,
            Self::Cancelled => &codes::job::CANCELLED,
            Self::DiskFull => &codes::host::DISK_FULL,
            Self::Process { source: ProcessError::Stalled { .. }, .. } => &codes::host::FFMPEG_STALLED,
            Self::Process { source: ProcessError::TooSlow { .. }, .. } => &codes::host::TOO_SLOW,
            Self::Process { source: ProcessError::Start { .. }, .. } => &codes::host::FFMPEG_MISSING,
            Self::Process { .. } => &codes::host::FFMPEG_FAILED,
            Self::NoGpu { .. } => &codes::host::NO_GPU,
            Self::Keys(error) => error.code(),
            Self::Differs { .. } => &codes::output::DIFFERS,
            Self::BadFile { .. } => &codes::output::NOT_WHOLE,
            Self::WorkDirectory { .. } => &codes::host::WORK_DIRECTORY,
            Self::Lost { .. } => &codes::host::BUG,
        }
    }
}
