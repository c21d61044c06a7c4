use crate::types::{
    Delivery, Device, Event, Failure, Level, MediaInfo, Message, ObjectInfo, Plan, ProgressReport, Report, VideoEncoder,
};

/// What a workflow can do: the contract's imports as one argument, so that a test can pass a host of its own.
pub trait Powers {
    /// An original in the job's work directory.
    type Source: OpenSource;
    /// A plan at work.
    type Transcode: RunningTranscode;

    /// The graphics processors that the host can see.
    fn devices(&self) -> Vec<Device>;

    /// The encoders that passed a test encode, the fastest first.
    fn encoders(&self) -> Vec<VideoEncoder>;

    /// Brings an original to the work directory and reads it through.
    fn open(&self, store: &str, key: &str) -> Result<Self::Source, Failure>;

    /// Starts a plan. Only one runs at a time.
    fn start(&self, source: &Self::Source, plan: &Plan) -> Result<Self::Transcode, Failure>;

    /// Signs and sends a message. `Err` says that the message itself is unusable.
    fn deliver(&self, event: Event, message: &Message) -> Result<Delivery, Failure>;

    /// Tells the operator how far the job is: a step's name and the percent of the whole job.
    fn progress(&self, step: &str, percent: u32);

    /// Whether the job has been called off.
    fn cancelled(&self) -> bool;

    /// This environment's settings for this policy.
    fn settings(&self) -> String;

    /// Writes to the host's log.
    fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]);

    /// Whether an object is there, and what is known of it.
    fn head(&self, store: &str, key: &str) -> Result<Option<ObjectInfo>, Failure>;

    /// Writes a small object.
    fn put(&self, store: &str, key: &str, content_type: &str, content: &[u8]) -> Result<(), Failure>;

    /// Removes an object that this job wrote with `put`.
    fn delete(&self, store: &str, key: &str) -> Result<(), Failure>;
}

/// The handle of an opened original.
pub trait OpenSource {
    /// What is in it.
    fn info(&self) -> MediaInfo;
}

/// The handle of a started plan.
pub trait RunningTranscode {
    /// Waits until there is progress to tell; `None` once [`RunningTranscode::wait`] is due.
    fn progress(&self) -> Option<ProgressReport>;

    /// Waits for the end, and tells what was made and published.
    fn wait(&self) -> Result<Report, Failure>;

    /// Ends it early.
    fn cancel(&self);
}
