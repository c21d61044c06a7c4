//! What a job tells whoever records it. How it is written down is the recorder's business.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use contract::v0_1::types::Job;
use fault::Failure;
use media::encode::Toolbox;
use policy::{CallRecorder, Policy};
use serde_json::Value;

/// Makes a recording of every job.
pub trait JobRecorder: Send + Sync + std::fmt::Debug {
    /// The recording of one job that begins now. `settings` are the policy's.
    fn begin(&self, settings: &Value) -> Arc<dyn JobRecording>;
}

/// The recording of one job.
#[async_trait]
pub trait JobRecording: CallRecorder {
    /// An attempt begins: what the last one did is forgotten.
    fn begin_attempt(&self);

    /// Writes the recording; returns where it is.
    async fn save(
        &self,
        policy: &Policy,
        context: RecordingContext<'_>,
        outcome: &Result<Value, Failure>,
    ) -> Result<PathBuf, Failure>;
}

/// What a job ran with.
#[derive(Clone, Debug)]
pub struct RecordingContext<'a> {
    /// The job as the policy saw it.
    pub job: Job,
    /// The stores that the policy could write to.
    pub stores: Vec<String>,
    /// The media programs that it could use.
    pub tools: &'a Toolbox,
    /// How often it was tried.
    pub attempts: u32,
}
