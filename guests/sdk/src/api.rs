use crate::types::*;

/// What a workflow can ask of the host: the contract's imports as one argument, so that a test can pass a fake.
pub trait HostApi {
    /// An original in the job's work directory.
    type Source: OpenSource;
    /// A started plan.
    type Transcode: RunningTranscode;

    /// The graphics processors that the host can see.
    fn devices(&self) -> Vec<Device>;

    /// The encoders that passed a test encode, the fastest first.
    fn encoders(&self) -> Vec<VideoEncoder>;

    /// The measures of likeness that targets of quality may use here.
    fn measures(&self) -> Vec<Measure>;

    /// Downloads an original to the work directory and probes it.
    fn open(&self, store: &str, key: &str) -> Result<Self::Source, Failure>;

    /// Checks a plan and starts it. A job has one transcode.
    fn start(&self, source: &Self::Source, plan: &Plan) -> Result<Self::Transcode, Failure>;

    /// Signs and sends a message. `Err` means that the message itself is unusable.
    fn deliver(&self, event: Event, message: &Message) -> Result<Delivery, Failure>;

    /// Reports progress to the operator: the step's name, and the percent of the whole job.
    fn progress(&self, step: &str, percent: u32);

    /// Whether the job was cancelled.
    fn cancelled(&self) -> bool;

    /// This environment's settings for this policy, as a JSON object.
    fn settings(&self) -> String;

    /// Writes a line to the host's log.
    fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]);

    /// Looks up an object. `None` means that it does not exist.
    fn head(&self, store: &str, key: &str) -> Result<Option<ObjectInfo>, Failure>;

    /// Writes an object of at most 1 MiB.
    fn put(&self, store: &str, key: &str, content_type: &str, content: &[u8]) -> Result<(), Failure>;

    /// Deletes an object that this job wrote with `put`.
    fn delete(&self, store: &str, key: &str) -> Result<(), Failure>;
}

/// The handle of an opened original.
pub trait OpenSource {
    /// What the host found in the file.
    fn info(&self) -> MediaInfo;

    /// Its tracks of sound and of subtitles.
    fn tracks(&self) -> TrackList;
}

/// The handle of a started plan.
pub trait RunningTranscode {
    /// Waits for the next progress report. `None` means that it is time to call [`RunningTranscode::wait`].
    fn progress(&self) -> Option<ProgressReport>;

    /// Waits for the end and returns what was made and published.
    fn wait(&self) -> Result<Report, Failure>;

    /// What was found for the plan's targets of quality. Empty before `wait` has returned.
    fn reached(&self) -> Vec<Reached>;

    /// Cancels the transcode. `wait` then fails with `job.cancelled`.
    fn cancel(&self);
}
