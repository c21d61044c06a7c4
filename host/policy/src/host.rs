//! The host functions, behind one trait: a job implements them for real, a rehearsal with a script.

use std::sync::Arc;

use async_trait::async_trait;
use contract::asked;
use contract::v0_1::gpu::Device;
use contract::v0_1::media::{ProgressReport, Report};
use contract::v0_1::storage::ObjectInfo;
use contract::v0_1::types::{Failure, MediaInfo as ContractMediaInfo, Message};
use contract::v0_1::webhook::{Delivery, Event};
use contract::v0_2::encoding::VideoEncoder;
use contract::v0_2::quality::{Measure, Reached};
use contract::v0_2::tracks::TrackList;
use media::info::MediaInfo;
use media::plan::Plan;
use serde_json::Value;
use storage::{Destination, OutOfScope, Scope};

/// The host functions of the contract. Arguments are already checked: keys are well-formed and in scope, plans are
/// within their bounds, calls are in order. Calls are also metered before and recorded after, in one place for all of
/// them.
#[async_trait]
pub trait HostCalls: Send {
    /// The graphics processors.
    fn devices(&self) -> Vec<Device>;

    /// The encoders that passed a test encode, fastest first.
    fn encoders(&self) -> Vec<VideoEncoder>;

    /// The measures of likeness that ffmpeg has.
    fn measures(&self) -> Vec<Measure>;

    /// Downloads and probes an original. Called once per job, and again only after a failure.
    async fn open(&mut self, from: Destination) -> Result<MediaInfo, Failure>;

    /// Starts to transcode the opened original. Called once per job. `asked` is the plan as the guest wrote it.
    async fn start(&mut self, plan: Plan, asked: &asked::Plan) -> Result<(), Failure>;

    /// Waits for the next progress report; `None` once the transcode has ended.
    async fn progress(&mut self) -> Option<ProgressReport>;

    /// Waits until all outputs are published; `None` if this was called before.
    async fn wait(&mut self) -> Option<Result<Report, Failure>>;

    /// What the transcode found for the plan's targets of quality; empty before `wait` has returned.
    fn reached(&self) -> Vec<Reached>;

    /// Stops the transcode, if there is one.
    fn cancel(&mut self);

    /// Called when the guest drops its handle. Stops the transcode if the guest has not waited for it.
    fn drop_transcode(&mut self);

    /// Whether an object exists, and its size.
    async fn head(&mut self, object: Destination) -> Result<Option<ObjectInfo>, Failure>;

    /// Writes a small object.
    async fn put(&mut self, object: Destination, content_type: String, content: Vec<u8>) -> Result<(), Failure>;

    /// Deletes an object that this job wrote.
    async fn delete(&mut self, object: Destination) -> Result<(), Failure>;

    /// Sends a message to the platform.
    async fn deliver(&mut self, event: Event, message: Message) -> Result<Delivery, Failure>;

    /// Reports the job's current step and percentage.
    fn step(&mut self, step: String, percent: u32);

    /// Whether the job was cancelled.
    fn cancelled(&self) -> bool;
}

/// Records every host call, in order. Values are in the contract's JSON form, without handles.
pub trait CallRecorder: Send + Sync {
    /// Records a call with its result.
    fn call(&self, call: &'static str, arguments: Value, answer: Value);

    /// Records the opened source and its tracks.
    fn media(&self, info: ContractMediaInfo, tracks: TrackList);
}

/// The job that a workflow runs for, and its host functions.
pub struct HostContext {
    /// The job's id, for logs.
    pub job: String,
    /// The first segment of every key that the policy may use.
    pub creator: String,
    /// The stores that the policy may read.
    pub readable: Arc<[String]>,
    /// The stores that the policy may write to.
    pub writable: Arc<[String]>,
    /// The policy's settings: a JSON object.
    pub settings: Arc<str>,
    /// The host functions.
    pub calls: Box<dyn HostCalls>,
    /// Records every call; `None` if nothing is recorded.
    pub recorder: Option<Arc<dyn CallRecorder>>,
}

impl HostContext {
    pub(crate) fn may_write(&self) -> Scope<'_> {
        Scope { creator: &self.creator, stores: &self.writable }
    }

    pub(crate) fn may_read(&self, from: &Destination) -> Result<(), OutOfScope> {
        Scope { creator: &self.creator, stores: &self.readable }.check_read(from)
    }
}
