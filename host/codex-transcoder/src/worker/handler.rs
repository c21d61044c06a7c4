//! One job from a queue: read, run under the policy, and handed back as what the queue shows.

use std::sync::Arc;

use fault::{Code, Failure, codes};
use job::account::Account;
use job::event::Observer;
use job::{self, Host, Job, Outcome, Request};
use policy::{ActivePolicies, SelectedPolicy};
use runpod::{self, Ended, Progress};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use webhook::{Courier, Deliverer, Outbox, UrlRules};

use super::input::Input;
use super::watch::JobWatch;
use crate::observe::Metrics;

/// Everything that jobs need, made once.
pub struct Service {
    /// Machine and stores.
    pub host: Host,
    /// Who decides. Each job takes its policy at its beginning and keeps it.
    pub policies: ActivePolicies,
    /// How webhooks are signed and sent.
    pub deliverer: Deliverer,
    /// Where they may go.
    pub rules: UrlRules,
    /// What becomes of those that nobody takes.
    pub outbox: Outbox,
    /// Whether a job must say whom to tell. Without that, the platform never learns that it is done.
    pub webhook_required: bool,
    /// Largest description of a job, in bytes.
    pub max_input: usize,
    /// What is counted.
    pub metrics: Metrics,
}

#[async_trait::async_trait]
impl runpod::Handler for Service {
    async fn handle(&self, job: runpod::Job, progress: Box<dyn Progress>, stop: CancellationToken) -> Ended {
        let chosen = self.policies.select(&job.id);
        let digest = chosen.policy.digest().get(..12).unwrap_or_default();
        let span = tracing::info_span!("job", job = job.id, policy_sha256 = digest);
        let ended = self.run(&chosen, job, progress, stop).instrument(span).await;
        self.metrics.job_under(chosen.role, &ended);
        ended
    }
}

impl Service {
    async fn run(
        &self,
        chosen: &SelectedPolicy,
        job: runpod::Job,
        progress: Box<dyn Progress>,
        stop: CancellationToken,
    ) -> Ended {
        let observer: Arc<dyn Observer> = Arc::new(JobWatch::new(progress, self.metrics.clone()));
        let input = Input::read(&job.id, &job.input);
        let role = chosen.role.name();
        tracing::info!(media = input.media_id, policy = chosen.policy.name(), role, "job taken");
        let courier = match self.courier(&input) {
            Ok(courier) => courier,
            Err(failure) => return refuse(chosen, &job.id, failure, &observer),
        };
        let request = match self.request(&input, &job.input) {
            Ok(request) => request,
            Err(failure) => {
                tell_refusal(chosen, &job.id, &input, &failure, courier, &*observer).await;
                return refuse(chosen, &job.id, failure, &observer);
            }
        };
        let (ended, account) =
            Job { host: &self.host, chosen, request: &request, courier, observer, cancel: stop.clone() }.run().await;
        self.metrics.traffic(account.bytes_read, account.bytes_written);
        match &ended {
            Err(_) if stop.is_cancelled() => {
                tracing::info!(ms = account.total_ms, "job stopped; nothing was published and nobody is told");
                Ended::Stopped
            }
            Err(failure) if failure.is(&codes::job::TAKEN_OVER) => Ended::Stopped,
            _ => finished(ended, &account),
        }
    }

    fn courier(&self, input: &Input) -> Result<Option<Arc<Courier>>, Failure> {
        let Some(url) = &input.webhook else { return Ok(None) };
        let url = self.rules.check(url)?;
        let courier = Courier::new(self.deliverer.clone(), url).with_outbox(self.outbox.clone());
        Ok(Some(Arc::new(courier)))
    }

    fn request(&self, input: &Input, raw: &Value) -> Result<Request, Failure> {
        let bytes = raw.to_string().len();
        if bytes > self.max_input {
            return Err(bad_input(format!("it has {bytes} bytes of JSON; {} are the most", self.max_input)));
        }
        let request = input.request.clone()?;
        if input.webhook.is_none() && self.webhook_required {
            return Err(bad_input("`webhookUrl` is missing: without it nobody learns how the job ends".to_owned()));
        }
        Ok(request)
    }
}

/// A refused job is a failed one, where its media item is known and there is somebody to tell.
async fn tell_refusal(
    chosen: &SelectedPolicy,
    job: &str,
    input: &Input,
    failure: &Failure,
    courier: Option<Arc<Courier>>,
    observer: &dyn Observer,
) {
    if let (Some(media_id), Some(courier)) = (&input.media_id, courier) {
        job::tell_refusal(&chosen.policy, job, media_id, failure, &courier, observer).await;
    }
}

fn refuse(chosen: &SelectedPolicy, job: &str, failure: Failure, observer: &Arc<dyn Observer>) -> Ended {
    observer.on(&job::event::Event::Failed { failure: failure.clone() });
    finished(Err(failure), &Account { job: job.to_owned(), ..Account::under(chosen) })
}

/// Failures of this machine, after which another one may do better. ffmpeg that fails is not among them: it fails the
/// same way everywhere.
const OF_THE_MACHINE: [&Code; 4] =
    [&codes::host::DISK_FULL, &codes::host::WORK_DIRECTORY, &codes::host::FFMPEG_MISSING, &codes::host::NO_GPU];

fn bad_input(problem: String) -> Failure {
    super::input::BadInput { problems: vec![problem] }.into()
}

/// What the queue shows of a job that has come to its end.
fn finished(ended: Result<Outcome, Failure>, account: &Account) -> Ended {
    match ended {
        Ok(outcome) => Ended::Done(json!({ "result": outcome.output, "report": account })),
        Err(failure) => {
            let fresh_worker = OF_THE_MACHINE.iter().any(|code| failure.is(code));
            let error = json!({
                "error_type": failure.code,
                "error_message": failure.message,
                "blame": failure.blame,
                "retryable": failure.retryable,
                "report": account,
            });
            Ended::Failed { error, fresh_worker }
        }
    }
}
