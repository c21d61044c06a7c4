//! What can go wrong between an upload and its outputs.

use fault::{Code, Fault, codes};

use super::hls::HlsError;
use super::process::{ProcessError, last_lines};

/// An upload that can't be used. The text is written for a support person to send on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// No bytes.
    #[error("the file is empty (0 bytes): upload it again")]
    Empty,
    /// Nothing that a demuxer on our list knows.
    #[error(
        "the file is not audio or video in a format that is supported ({detail}): upload it as MP4, MOV, MKV, WebM, MP3, M4A, WAV or FLAC"
    )]
    NotMedia {
        /// What ffprobe said.
        detail: String,
    },
    /// The index or the end is missing.
    #[error("the file is cut off ({detail}): the upload or the export did not finish; upload it again from the source")]
    Truncated {
        /// What is missing.
        detail: String,
    },
    /// A codec that we don't decode.
    #[error("the {kind} track uses a codec that is not supported ({codec}): export it as H.264 with AAC")]
    UnsupportedCodec {
        /// `video` or `audio`.
        kind: &'static str,
        /// Its name, or its tag where it has no name.
        codec: String,
    },
    /// Larger than a camera makes.
    #[error(
        "the picture is {width}x{height}, which is more than the 8192x4320 pixels that are supported: export it smaller"
    )]
    TooLarge {
        /// Pixels.
        width: u64,
        /// Pixels.
        height: u64,
    },
    /// More bytes than this environment takes.
    #[error("the file has {size} bytes; {limit} are the most that are taken: export it smaller, or in parts")]
    TooManyBytes {
        /// Bytes.
        size: u64,
        /// The setting.
        limit: u64,
    },
    /// Smaller than an encoder takes.
    #[error("the picture is {width}x{height}, which is too small to encode: at least 16x16 is needed")]
    TooSmall {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// No length.
    #[error("the file has no duration: it holds a single moment or none; upload the whole recording")]
    ZeroDuration,
    /// DeclaredKind audio without sound.
    #[error(
        "the file was uploaded as audio but holds no audio track that can be used: upload it as video, or with its sound"
    )]
    NoAudio,
    /// DeclaredKind video without pictures.
    #[error(
        "the file was uploaded as video but holds no video track that can be used: upload it as audio, or with its picture"
    )]
    NoVideo,
    /// Packets are there, but they don't decode.
    #[error("the file is damaged: {detail}; export it again from the source")]
    Damaged {
        /// What did not decode.
        detail: String,
    },
}

impl Fault for UploadError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Empty => &codes::upload::EMPTY,
            Self::NotMedia { .. } => &codes::upload::NOT_MEDIA,
            Self::Truncated { .. } => &codes::upload::TRUNCATED,
            Self::UnsupportedCodec { .. } => &codes::upload::UNSUPPORTED_CODEC,
            Self::TooLarge { .. } => &codes::upload::TOO_LARGE,
            Self::TooManyBytes { .. } => &codes::upload::TOO_MANY_BYTES,
            Self::TooSmall { .. } => &codes::upload::TOO_SMALL,
            Self::ZeroDuration => &codes::upload::ZERO_DURATION,
            Self::NoAudio => &codes::upload::NO_AUDIO,
            Self::NoVideo => &codes::upload::NO_VIDEO,
            Self::Damaged { .. } => &codes::upload::DAMAGED,
        }
    }
}

/// Anything that ends a transcode.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The upload's fault.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The policy asked for something that makes no sense.
    #[error(transparent)]
    Plan(#[from] super::plan::PlanError),
    /// The job was called off.
    #[error("the job was called off")]
    Cancelled,
    /// The work directory is full.
    #[error("the disk of the work directory is full: give it at least three times the size of the upload")]
    DiskFull,
    /// ffmpeg failed for a reason that is not the upload's.
    #[error("ffmpeg failed while it was {doing}")]
    Process {
        /// The step.
        doing: &'static str,
        /// What happened.
        source: ProcessError,
    },
    /// No GPU where one was insisted on.
    #[error("a GPU encoder was asked for and none is proven here: {reason}")]
    NoGpu {
        /// What the test encode said.
        reason: String,
    },
    /// ffmpeg made something that is not whole.
    #[error("what ffmpeg made is not whole")]
    Output(#[from] HlsError),
    /// The same, of a file.
    #[error("what ffmpeg made is not whole: {detail}")]
    BadFile {
        /// What was wrong with which output.
        detail: String,
    },
    /// The work directory could not be used.
    #[error("the work directory could not be used while {doing}")]
    WorkDirectory {
        /// The step.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// ffprobe answered something that can't be read.
    #[error("ffprobe answered in a way that can't be read: {detail}")]
    Probe {
        /// What was wrong.
        detail: String,
    },
    /// The waveform could not be made.
    #[error(transparent)]
    Waveform(#[from] super::waveform::WaveformError),
    /// A fault of ours.
    #[error("the transcode ended without a result: {detail}")]
    Lost {
        /// What is known.
        detail: String,
    },
}

impl MediaError {
    /// A failed process, told apart by what it said.
    pub fn process(doing: &'static str, source: ProcessError) -> Self {
        match source {
            ProcessError::Cancelled => Self::Cancelled,
            ref error if says_disk_full(error.stderr()) => Self::DiskFull,
            source => Self::Process { doing, source },
        }
    }

    /// A failed use of the work directory.
    pub fn work(doing: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull => Self::DiskFull,
            _ => Self::WorkDirectory { doing, source },
        }
    }

    /// What ffmpeg said at the end, shortened for a message.
    pub fn last_words(&self) -> String {
        match self {
            Self::Process { source, .. } => last_lines(source.stderr(), 2),
            other => other.to_string(),
        }
    }
}

/// ffmpeg has no status of its own for a full disk.
fn says_disk_full(stderr: &str) -> bool {
    stderr.contains("No space left on device")
}

impl Fault for MediaError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Upload(error) => error.code(),
            Self::Plan(error) => error.code(),
            Self::Output(error) => error.code(),
            Self::Cancelled => &codes::job::CANCELLED,
            Self::DiskFull => &codes::host::DISK_FULL,
            Self::Process { source: ProcessError::Stalled { .. }, .. } => &codes::host::FFMPEG_STALLED,
            Self::Process { source: ProcessError::Start { .. }, .. } => &codes::host::FFMPEG_MISSING,
            Self::Process { .. } => &codes::host::FFMPEG_FAILED,
            Self::NoGpu { .. } => &codes::host::NO_GPU,
            Self::BadFile { .. } => &codes::output::NOT_WHOLE,
            Self::WorkDirectory { .. } => &codes::host::WORK_DIRECTORY,
            Self::Probe { .. } => &codes::host::PROBE,
            Self::Waveform(error) => error.code(),
            Self::Lost { .. } => &codes::host::BUG,
        }
    }
}
