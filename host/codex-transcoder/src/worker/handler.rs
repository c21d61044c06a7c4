//! Runs one job from a queue and returns what the queue shows.

use std::sync::Arc;

use fault::{Code, Failure, codes};
use job::event::{Event, Observer};
use job::report::JobReport;
use job::{self, EndedJob, EndedJobs, Job, JobEnvironment, Outcome, Request};
use policy::{ActivePolicies, SelectedPolicy};
use runpod::{self, JobResult, Progress};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use webhook::{Deliverer, JobWebhooks, Outbox};

use super::fleet::{FleetMember, outcome};
use super::input::{Input, bad_input};
use super::observer::QueueObserver;
use crate::observe::{JobTrace, Metrics, Telemetry};

/// What all jobs share.
pub struct Service {
    pub environment: JobEnvironment,
    /// A job keeps the policy that it starts with.
    pub policies: ActivePolicies,
    pub deliverer: Deliverer,
    /// For undelivered webhooks.
    pub outbox: Outbox,
    /// What is kept of jobs after their end.
    pub ended: EndedJobs,
    /// Whether `webhookUrl` is required. Without one, the platform isn't notified.
    pub webhook_required: bool,
    /// Largest description of a job, in bytes.
    pub max_input: usize,
    pub metrics: Arc<Metrics>,
    /// `None`: no traces are sent.
    pub telemetry: Option<Telemetry>,
    /// What this worker notes for the others, and what they noted.
    pub fleet: Arc<FleetMember>,
}

#[async_trait::async_trait]
impl runpod::Handler for Service {
    async fn handle(&self, job: runpod::Job, progress: Progress, stop: CancellationToken) -> JobResult {
        let chosen = self.policies.select(&job.id);
        let digest = chosen.policy.digest().get(..12).unwrap_or_default();
        let span = tracing::info_span!("job", job = job.id, policy_sha256 = digest);
        let (id, trace) = (job.id.clone(), JobTrace::begin(self.telemetry.as_ref(), &job.input));
        let ended = self.run(&chosen, job, &trace, progress, stop).instrument(span).await;
        self.metrics.job_under(chosen.role, &ended);
        trace.end(&id, &chosen, &ended);
        ended
    }
}

impl Service {
    async fn run(
        &self,
        chosen: &SelectedPolicy,
        job: runpod::Job,
        trace: &JobTrace,
        progress: Progress,
        stop: CancellationToken,
    ) -> JobResult {
        let observer = QueueObserver::new(progress, self.metrics.job_started(), trace.clone());
        let observer: Arc<dyn Observer> = Arc::new(observer);
        let input = Input::read(&job.id, &job.input);
        let (subject, kept) = (input.subject(), input.kept(&job.input));
        let role = chosen.role.name();
        tracing::info!(media = input.media_id, policy = chosen.policy.name(), role, "job taken");
        let (request, webhooks) = match self.checked(chosen, &job, input, trace, &observer).await {
            Ok(checked) => checked,
            Err(failure) => {
                observer.on(&Event::Failed { failure: failure.clone() });
                let account = JobReport { job: job.id, ..JobReport::for_policy(chosen) };
                self.ended.note(&EndedJob::new(&account, subject, Some(&failure), kept)).await;
                return finished(Err(failure), &account);
            }
        };
        let (ended, account) =
            Job { environment: &self.environment, chosen, request: &request, webhooks, observer, cancel: stop.clone() }
                .run()
                .await;
        self.metrics.traffic(account.bytes_read, account.bytes_written);
        match &ended {
            Err(_) if stop.is_cancelled() => {
                tracing::info!(ms = account.total_ms, "job stopped; nothing was published and no webhook is sent");
                JobResult::Stopped
            }
            Err(failure) if failure.is(&codes::job::TAKEN_OVER) => JobResult::Stopped,
            _ => {
                self.fleet.count(chosen, outcome(&ended, &account));
                self.ended.note(&EndedJob::new(&account, subject, ended.as_ref().err(), kept)).await;
                finished(ended, &account)
            }
        }
    }

    /// What the job asks for, and where its webhooks go. A refused job is reported as failed, if its media item and its
    /// webhook are known.
    async fn checked(
        &self,
        chosen: &SelectedPolicy,
        job: &runpod::Job,
        input: Input,
        trace: &JobTrace,
        observer: &Arc<dyn Observer>,
    ) -> Result<(Request, Option<Arc<JobWebhooks>>), Failure> {
        let webhooks = self.webhooks(&input, trace)?;
        let request = self.request(&input, &job.input);
        if let (Err(failure), Some(media_id), Some(webhooks)) = (&request, &input.media_id, &webhooks) {
            job::send_refusal(&chosen.policy, &job.id, media_id, failure, webhooks, Arc::clone(observer)).await;
        }
        Ok((request?, webhooks))
    }

    fn webhooks(&self, input: &Input, trace: &JobTrace) -> Result<Option<Arc<JobWebhooks>>, Failure> {
        let Some(url) = &input.webhook else { return Ok(None) };
        let url = self.deliverer.rules.check(url)?;
        let webhooks = JobWebhooks::new(self.deliverer.clone(), url, Some(self.outbox.clone()));
        let webhooks = webhooks.traced(trace.traceparent());
        Ok(Some(Arc::new(webhooks)))
    }

    fn request(&self, input: &Input, raw: &Value) -> Result<Request, Failure> {
        let bytes = raw.to_string().len();
        if bytes > self.max_input {
            let problem = format!("it has {bytes} bytes of JSON; {} are the most", self.max_input);
            return Err(bad_input(&[problem]));
        }
        let request = input.request.clone()?;
        if input.webhook.is_none() && self.webhook_required {
            return Err(bad_input(&["`webhookUrl` is missing: this environment requires it".to_owned()]));
        }
        Ok(request)
    }
}

/// Failures of this machine, after which RunPod should start another worker. A failing ffmpeg is not among them: it
/// would fail the same way elsewhere.
const NEEDS_FRESH_WORKER: [&Code; 4] =
    [&codes::host::DISK_FULL, &codes::host::WORK_DIRECTORY, &codes::host::FFMPEG_MISSING, &codes::host::NO_GPU];

/// What the queue shows of a job that has ended.
fn finished(ended: Result<Outcome, Failure>, account: &JobReport) -> JobResult {
    match ended {
        Ok(outcome) => JobResult::Done(json!({ "result": outcome.output, "report": account })),
        Err(failure) => {
            let fresh_worker = NEEDS_FRESH_WORKER.iter().any(|code| failure.is(code));
            let error = json!({
                "error_type": failure.code,
                "error_message": failure.message,
                "blame": failure.blame,
                "retryable": failure.retryable,
                "report": account,
            });
            JobResult::Failed { error, fresh_worker }
        }
    }
}
