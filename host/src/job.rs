//! One job, from request to outcome.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::capability::{Powers, scheme};
use crate::event::{Event, Observer};
use crate::failure::{Blame, Failure, Fault};
use crate::media::encode::Toolbox;
use crate::media::plan::Destination;
use crate::media::probe::Declared;
use crate::policy::bindings::codex::transcode::types;
use crate::policy::{Call, Policy, PolicyError};
use crate::report::Report;
use crate::storage::Stores;
use crate::webhook::{Courier, EventKind};

/// The store that originals come from. A policy reads it and never writes to it.
pub const ORIGINALS: &str = "originals";

/// What a host has for its jobs.
#[derive(Clone, Debug)]
pub struct Host {
    /// The media programs.
    pub tools: Arc<Toolbox>,
    /// The stores of this environment, the originals' among them.
    pub stores: Stores,
    /// The folder that work directories are made in.
    pub work_root: PathBuf,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Unique per job; a retry keeps it.
    pub id: String,
    /// The media item.
    pub media_id: String,
    /// Who uploaded it.
    pub creator_id: String,
    /// What the uploader declared.
    pub declared: Declared,
    /// The original.
    pub source: Destination,
}

/// What a finished job gives back.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The policy's word for the platform that queued the job.
    pub output: serde_json::Value,
    /// What was made; none for a policy that made nothing.
    pub report: Option<Report>,
    /// What the policy itself took: instantiating it, and its own computing between calls of the host.
    pub policy_time: Duration,
}

/// A request that can't be a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the job's {field} is `{value}`: 1 to 128 letters, digits, `_` and `-` are allowed")]
pub struct BadRequest {
    field: &'static str,
    value: String,
}

impl Fault for BadRequest {
    fn code(&self) -> &'static str {
        "job.bad-request"
    }

    fn blame(&self) -> Blame {
        Blame::Upload
    }
}

/// The work directory could not be made.
#[derive(Debug, thiserror::Error)]
#[error("no work directory can be made in {}", root.display())]
struct NoWorkDirectory {
    root: PathBuf,
    source: std::io::Error,
}

impl Fault for NoWorkDirectory {
    fn code(&self) -> &'static str {
        "host.work-directory"
    }

    fn blame(&self) -> Blame {
        Blame::Host
    }

    fn retryable(&self) -> bool {
        true
    }
}

impl Request {
    /// Ids become parts of keys, so they are plain.
    pub fn check(&self) -> Result<(), BadRequest> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        for (field, value) in [("id", &self.id), ("media id", &self.media_id), ("creator id", &self.creator_id)] {
            if value.is_empty() || value.len() > 128 || !value.chars().all(plain) {
                return Err(BadRequest { field, value: crate::text::printable(value, 128) });
            }
        }
        Ok(())
    }

    fn as_policy_sees_it(&self) -> types::Job {
        types::Job {
            id: self.id.clone(),
            media_id: self.media_id.clone(),
            creator_id: self.creator_id.clone(),
            kind: match self.declared {
                Declared::Video => types::MediaKind::Video,
                Declared::Audio => types::MediaKind::Audio,
            },
            source: types::Destination { store: self.source.store.clone(), key: self.source.key.to_string() },
            attributes: Vec::new(),
        }
    }
}

/// Runs a job under a policy and tells the observer and the receiver how it ended.
///
/// A failure is told to the receiver with the policy's own words, unless the job was called off: then nobody has
/// failed, and whoever called it off knows.
pub async fn run(
    host: &Host,
    policy: &Policy,
    request: &Request,
    courier: Option<Arc<Courier>>,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Outcome, Failure> {
    let ended = attempt(host, policy, request, courier.clone(), Arc::clone(&observer), cancel.clone()).await;
    let ended = match ended {
        // Whatever a policy makes of it: a job that was called off is called off.
        Err(failure) if cancel.is_cancelled() => Err(Failure {
            code: "job.cancelled".to_owned(),
            blame: Blame::Host,
            message: "the job was called off".to_owned(),
            retryable: failure.retryable,
        }),
        other => other,
    };
    match &ended {
        Ok(outcome) => {
            let report = outcome.report.clone().map(Box::new);
            let policy_us = u64::try_from(outcome.policy_time.as_micros()).unwrap_or(u64::MAX);
            observer.on(&Event::Completed { report, output: outcome.output.clone(), policy_us });
        }
        Err(failure) => {
            if !cancel.is_cancelled()
                && let Some(courier) = courier
            {
                tokio::select! {
                    () = tell_failure(policy, request, failure, &courier) => {}
                    () = cancel.cancelled() => {}
                }
            }
            observer.on(&Event::Failed { failure: failure.clone() });
        }
    }
    ended
}

async fn attempt(
    host: &Host,
    policy: &Policy,
    request: &Request,
    courier: Option<Arc<Courier>>,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Outcome, Failure> {
    request.check()?;
    // Removed when the job ends, however it ends.
    let work = tempfile::Builder::new()
        .prefix("codex-job-")
        .tempdir_in(&host.work_root)
        .map_err(|source| NoWorkDirectory { root: host.work_root.clone(), source })?;
    let report = Arc::new(Mutex::new(None));
    let (alive, mut ended) = mpsc::channel(1);
    let powers = Powers {
        job_id: request.id.clone(),
        creator: request.creator_id.clone(),
        declared: request.declared,
        stores: host.stores.clone(),
        writable: host.stores.names().into_iter().filter(|name| name != ORIGINALS).collect(),
        tools: Arc::clone(&host.tools),
        work: work.path().to_owned(),
        settings: policy.settings().into(),
        courier,
        observer,
        cancel,
        report: Arc::clone(&report),
        alive,
    };
    let ran = Call::with_powers(policy, powers).run(&request.as_policy_sees_it()).await;
    // A policy that trapped can leave a transcode behind, which ends itself; the work directory must outlive it.
    ended.recv().await;
    let (ran, policy_time) = ran?;
    let outcome = ran.map_err(Failure::from)?;
    let output = serde_json::from_str(&outcome.output).map_err(|error| PolicyError::BrokeContract {
        policy: policy.name().to_owned(),
        function: "workflow.run",
        reason: format!("its output is not JSON ({error})"),
    })?;
    let report = report.lock().map(|mut kept| kept.take()).unwrap_or_default();
    Ok(Outcome { output, report, policy_time })
}

/// Sends `failed`. A policy that can't even say that it failed has nothing sent for it, and the log says so.
async fn tell_failure(policy: &Policy, request: &Request, failure: &Failure, courier: &Courier) {
    let message = Call::pure(policy).failed_message(&request.as_policy_sees_it(), &failure.clone().into()).await;
    match message {
        Ok(message) => {
            let scheme = scheme(message.signature);
            if let Err(error) = courier.send(&request.id, EventKind::Failed, message.body, scheme).await {
                tracing::error!(job = request.id, %error, "the policy's message for a failed job can't be sent");
            }
        }
        Err(error) => {
            tracing::error!(job = request.id, %error, "no webhook was sent: the policy can't say that the job failed");
        }
    }
}
