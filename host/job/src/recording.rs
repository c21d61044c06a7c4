//! The interface to a recorder of jobs. The package `authoring` implements it and owns the file format.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use contract::v0_1::types::Job;
use fault::Failure;
use media::context::MediaTools;
use policy::{CallRecorder, Policy};
use serde_json::Value;

pub trait JobRecorder: Send + Sync + std::fmt::Debug {
    /// Starts the recording of a job. `settings` are the policy's.
    fn begin(&self, settings: &Value) -> Arc<dyn JobRecording>;
}

#[async_trait]
pub trait JobRecording: CallRecorder {
    /// Discards what the previous attempt recorded.
    fn begin_attempt(&self);

    /// Writes the recording and returns its path.
    async fn save(
        &self,
        policy: &Policy,
        context: RecordingContext<'_>,
        outcome: &Result<Value, Failure>,
    ) -> Result<PathBuf, Failure>;
}

#[derive(Clone, Debug)]
pub struct RecordingContext<'a> {
    pub job: Job,
    /// The stores that the policy may write to.
    pub stores: Vec<String>,
    pub tools: &'a MediaTools,
    pub attempts: u32,
}
