//! A job, what surrounds it, and how that answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::asked;
use contract::v0_1::gpu::Device;
use contract::v0_1::media::Report;
use contract::v0_1::types::{Failure as WitFailure, Job};
use contract::v0_1::workflow::Outcome;
use contract::v0_2;
use contract::v0_2::encoding::VideoEncoder;
use media::encoder::Processor;
use media::info::MediaInfo;
use media::loudness::Measure;
use media::proof::Proof;
use policy::{Call, CallRecorder, HostContext, Policy, PolicyError, Used};
use serde_json::Value;
use storage::{Destination, ORIGINALS};

use crate::host::RehearsalHost;

/// Assumed loudness of a source if none is given: the broadcast target of EBU R 128, with headroom.
pub const NOMINAL_LOUDNESS: Measure = Measure { integrated: -23.0, true_peak: -3.0, range: 6.0, threshold: -33.0 };

/// A job to rehearse, and its surroundings.
#[derive(Clone, Debug)]
pub struct Scene {
    pub job: Job,
    /// The probed source; none if it can't be opened.
    pub source: Option<MediaInfo>,
    pub loudness: Measure,
    /// The encoders that work.
    pub proof: Proof,
    /// The GPUs.
    pub devices: Vec<Device>,
    pub stores: Vec<String>,
    /// Objects that exist in the stores beforehand, with their sizes.
    pub objects: BTreeMap<Destination, u64>,
    /// The report of the recorded job, if there is one.
    pub known: Option<Report>,
}

/// The GPU of a machine that has one, if nothing is said of it.
pub fn assumed_gpu() -> Device {
    Device { name: "a GPU".to_owned(), memory_mib: 16 * 1024 }
}

/// Answers host calls in place of the rehearsal.
pub trait Script: Send + Sync {
    /// The answer to a call, in the contract's JSON form; none if the rehearsal answers it.
    fn answer(&self, call: &str, arguments: Value) -> Option<Value>;

    /// Whether the answers to `transcode.wait` are meant for this plan.
    fn is_for(&self, plan: &asked::Plan) -> bool;
}

/// Leaves every answer to the rehearsal.
#[derive(Clone, Copy, Debug)]
pub struct NoScript;

impl Script for NoScript {
    fn answer(&self, _: &str, _: Value) -> Option<Value> {
        None
    }

    fn is_for(&self, _: &asked::Plan) -> bool {
        false
    }
}

impl Scene {
    /// A job on a source, encoded on the CPU.
    pub fn of(job: Job, source: Option<MediaInfo>) -> Self {
        Self {
            job,
            source,
            loudness: NOMINAL_LOUDNESS,
            proof: Proof::assumed(&[Processor::Cpu]),
            devices: Vec::new(),
            stores: ["media", "archive", "assets"].map(str::to_owned).into(),
            objects: BTreeMap::new(),
            known: None,
        }
    }

    /// The encoders of the contract.
    pub fn encoders(&self) -> Vec<VideoEncoder> {
        self.proof.encoders().into_iter().map(v0_2::convert::encoder).collect()
    }

    /// Runs the workflow. Fails if the host stops it.
    pub async fn run(
        &self,
        policy: &Policy,
        script: Box<dyn Script>,
        recorder: Option<Arc<dyn CallRecorder>>,
    ) -> Result<(Result<Outcome, WitFailure>, Used), PolicyError> {
        let job = &self.job;
        let context = HostContext {
            job: job.id.clone(),
            creator: job.creator_id.clone(),
            readable: self.stores.iter().cloned().chain([ORIGINALS.to_owned()]).collect(),
            writable: self.stores.clone().into(),
            settings: policy.settings().into(),
            calls: Box::new(RehearsalHost::new(self.clone(), script)),
            recorder,
        };
        Call::with_host(policy, context).run(job).await
    }
}
