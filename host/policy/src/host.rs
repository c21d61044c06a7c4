//! What the host does for a guest, behind one trait: the real thing in a job, a script in a rehearsal.

use std::sync::Arc;

use async_trait::async_trait;
use contract::v0_1::gpu::Device;
use contract::v0_1::media::{Plan as AskedPlan, ProgressReport, Report};
use contract::v0_1::storage::ObjectInfo;
use contract::v0_1::types::{Failure, MediaInfo as ContractMediaInfo, Message, VideoEncoder};
use contract::v0_1::webhook::{Delivery, Event};
use media::info::MediaInfo;
use media::plan::Plan;
use serde_json::Value;
use storage::{Destination, OutOfScope, Scope};

/// The host's side of the contract. Whatever arrives here is checked: keys are well-formed and in scope, plans are within
/// their bounds, calls are in order. Metering and recording happen before and after, in one place for all calls.
#[async_trait]
pub trait HostCalls: Send {
    /// The graphics processors.
    fn devices(&self) -> Vec<Device>;

    /// The encoders that were proven by a test encode, the fastest first.
    fn encoders(&self) -> Vec<VideoEncoder>;

    /// Downloads and probes an original. Called once per job, again only after a failure.
    async fn open(&mut self, from: Destination) -> Result<MediaInfo, Failure>;

    /// Starts to carry out a plan for the opened original. Called once per job. `asked` is the plan as the guest wrote it.
    async fn start(&mut self, plan: Plan, asked: &AskedPlan) -> Result<(), Failure>;

    /// Waits until the transcode is noticeably further; `None` once it has ended.
    async fn progress(&mut self) -> Option<ProgressReport>;

    /// Waits until everything is made and published; `None` if it was waited for before.
    async fn wait(&mut self) -> Option<Result<Report, Failure>>;

    /// Stops the transcode, if there is one.
    fn cancel(&mut self);

    /// The guest dropped its handle: a transcode that nobody waits for is stopped.
    fn drop_transcode(&mut self);

    /// Whether an object exists, and its size.
    async fn head(&mut self, object: Destination) -> Result<Option<ObjectInfo>, Failure>;

    /// Writes a small object.
    async fn put(&mut self, object: Destination, content_type: String, content: Vec<u8>) -> Result<(), Failure>;

    /// Removes an object that this job wrote.
    async fn delete(&mut self, object: Destination) -> Result<(), Failure>;

    /// Sends a message to the platform.
    async fn deliver(&mut self, event: Event, message: Message) -> Result<Delivery, Failure>;

    /// Reports how far the job is, in percent.
    fn step(&mut self, step: String, percent: u32);

    /// Whether the job was cancelled.
    fn cancelled(&self) -> bool;
}

/// Hears of every call of the host, in order. Values are in the contract's JSON form, without handles.
pub trait CallRecorder: Send + Sync {
    /// A call was answered.
    fn call(&self, call: &'static str, arguments: Value, answer: Value);

    /// A source was opened.
    fn media(&self, info: ContractMediaInfo);
}

/// What one run of a workflow may use.
pub struct HostContext {
    /// The job's id, for logs.
    pub job: String,
    /// The first segment of every key that it may name.
    pub creator: String,
    /// The stores that it may read.
    pub readable: Arc<[String]>,
    /// The stores that it may write to.
    pub writable: Arc<[String]>,
    /// The policy's settings: a JSON object.
    pub settings: Arc<str>,
    /// Does what is asked.
    pub calls: Box<dyn HostCalls>,
    /// Hears of every call; `None` if nothing is recorded.
    pub recorder: Option<Arc<dyn CallRecorder>>,
}

impl HostContext {
    pub(crate) fn may_write(&self) -> Scope<'_> {
        Scope { creator: &self.creator, stores: &self.writable }
    }

    pub(crate) fn may_read(&self, from: &Destination) -> Result<(), OutOfScope> {
        Scope { creator: &self.creator, stores: &self.readable }.check(from)
    }
}
