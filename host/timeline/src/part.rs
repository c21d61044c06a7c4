//! The parts of a job that are timed.

/// A part of a job. Its name is public: reports, logs, metrics and traces have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// One try of the job.
    Attempt,
    /// What an earlier worker left of the job is read and removed.
    Recover,
    /// The policy's workflow, with everything that it calls.
    Policy,
    /// A call of the policy: the original is downloaded and probed.
    MediaOpen,
    /// A call of the policy: the end of the transcode and the publication are waited for.
    TranscodeWait,
    /// Calls of the policy that read, write or remove an object.
    StorageHead,
    StoragePut,
    StorageDelete,
    /// A call of the policy: a message is sent.
    WebhookDeliver,
    /// The policy writes the message of a failed job.
    PayloadFailed,
    Download,
    /// The packets are listed while the original arrives.
    ReadEarly,
    /// The sound is analysed while the original arrives.
    ListenEarly,
    Probe,
    /// Everything from the plan to checked files.
    Transcode,
    /// The pass over the sound.
    Listen,
    /// Encodes of other jobs are waited for, where the card's driver limits them.
    GpuWait,
    /// Qualities are tried.
    Search,
    Encode,
    /// What was encoded is checked.
    Check,
    /// Stills, the preview and playlists are made.
    Finish,
    /// Segments are sent, from the first one's begin to the last one's end, while others are encoded.
    UploadSegments,
    /// A large file is sent while it is encoded.
    UploadFile,
    /// What is left is sent.
    Upload,
    /// The publication is made visible.
    Show,
    /// An earlier publication is verified.
    Verify,
    /// The final message is sent.
    Webhook,
}

impl Part {
    pub const ALL: [Self; 27] = [
        Self::Attempt,
        Self::Recover,
        Self::Policy,
        Self::MediaOpen,
        Self::TranscodeWait,
        Self::StorageHead,
        Self::StoragePut,
        Self::StorageDelete,
        Self::WebhookDeliver,
        Self::PayloadFailed,
        Self::Download,
        Self::ReadEarly,
        Self::ListenEarly,
        Self::Probe,
        Self::Transcode,
        Self::Listen,
        Self::GpuWait,
        Self::Search,
        Self::Encode,
        Self::Check,
        Self::Finish,
        Self::UploadSegments,
        Self::UploadFile,
        Self::Upload,
        Self::Show,
        Self::Verify,
        Self::Webhook,
    ];

    /// The part of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Recover => "recover",
            Self::Policy => "policy",
            Self::MediaOpen => "media.open",
            Self::TranscodeWait => "transcode.wait",
            Self::StorageHead => "storage.head",
            Self::StoragePut => "storage.put",
            Self::StorageDelete => "storage.delete",
            Self::WebhookDeliver => "webhook.deliver",
            Self::PayloadFailed => "payload.failed",
            Self::Download => "download",
            Self::ReadEarly => "read-early",
            Self::ListenEarly => "listen-early",
            Self::Probe => "probe",
            Self::Transcode => "transcode",
            Self::Listen => "listen",
            Self::GpuWait => "gpu-wait",
            Self::Search => "search",
            Self::Encode => "encode",
            Self::Check => "check",
            Self::Finish => "finish",
            Self::UploadSegments => "upload-segments",
            Self::UploadFile => "upload-file",
            Self::Upload => "upload",
            Self::Show => "show",
            Self::Verify => "verify",
            Self::Webhook => "webhook",
        }
    }

    /// Whether it is one of those that follow each other, so that their times can be added up.
    pub const fn is_in_sequence(self) -> bool {
        match self {
            Self::Download
            | Self::Probe
            | Self::Listen
            | Self::Search
            | Self::Encode
            | Self::Check
            | Self::Finish
            | Self::Upload
            | Self::Show
            | Self::Verify => true,
            Self::Attempt
            | Self::Recover
            | Self::Policy
            | Self::MediaOpen
            | Self::TranscodeWait
            | Self::StorageHead
            | Self::StoragePut
            | Self::StorageDelete
            | Self::WebhookDeliver
            | Self::PayloadFailed
            | Self::ReadEarly
            | Self::ListenEarly
            | Self::Transcode
            | Self::GpuWait
            | Self::UploadSegments
            | Self::UploadFile
            | Self::Webhook => false,
        }
    }
}
