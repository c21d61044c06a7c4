//! Runs one job from request to outcome, with retries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::v0_1::types;
use contract::v0_1::workflow::Outcome as WitOutcome;
use fault::{Failure, codes};
use media::context::MediaTools;
use media::encoder::Processor;
use media::error::MediaError;
use media::probe::DeclaredKind;
use media::processor_time::ProcessorTime;
use policy::{Call, CallRecorder, GuestBacktrace, HostContext, Policy, PolicyError, SelectedPolicy};
use publish::journal::Journal;
use publish::{CacheRules, Labels};
use storage::{Destination, ORIGINALS, Records, Scope, Stores, Traffic};
use timeline::{Part, Timeline, wall_clock};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use webhook::{EventKind, JobWebhooks, Message};

use crate::beside;
use crate::cost::Prices;
use crate::event::{Event, Observer, delivery_events, milliseconds};
use crate::host::{JobHost, scheme};
use crate::production::{JobContext, UploadLimits};
use crate::recording::{JobRecorder, JobRecording, RecordingContext};
use crate::report::{JobReport, reporting};
use crate::transcode_report::TranscodeReport;
use crate::work::WorkDirectory;

/// What all jobs of a host share: programs, stores, and rules.
#[derive(Clone, Debug)]
pub struct JobEnvironment {
    pub tools: Arc<MediaTools>,
    /// All stores of this environment, including `originals`.
    pub stores: Stores,
    /// Where work directories are created.
    pub work_root: PathBuf,
    /// Where journals are kept; none for runs that keep no state.
    pub memory: Option<Records>,
    /// `Cache-Control` of published objects.
    pub cache: CacheRules,
    /// Number of attempts for retryable failures; at least 1.
    pub attempts: u32,
    /// Pause before the second attempt. It doubles for each further one.
    pub pause: Duration,
    pub limits: UploadLimits,
    /// With them, reports say what a job costs.
    pub prices: Prices,
    /// Whether to write the job's report next to the publication.
    pub write_report: bool,
    /// Whether to write a page about the job next to the publication.
    pub write_page: bool,
    /// Records every job, if set.
    pub recordings: Option<Arc<dyn JobRecorder>>,
}

/// A job as the platform asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Unique per job. A retry has the same id.
    pub id: String,
    pub media_id: String,
    /// The uploader.
    pub creator_id: String,
    /// The kind of media that the uploader declared.
    pub declared: DeclaredKind,
    pub source: Destination,
    /// The platform's own fields, as [`crate::attributes()`] reads them.
    pub attributes: Vec<(String, String)>,
}

/// The result of a job that succeeded.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The policy's output for the platform.
    pub output: serde_json::Value,
    /// None if the policy started no transcode.
    pub report: Option<TranscodeReport>,
    /// Time spent in the policy itself: instantiation, and its own computation between host calls.
    pub policy_time: Duration,
}

/// Whether `text` is a valid id. Ids become parts of object keys, so only plain characters are allowed.
pub fn is_plain_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

impl Request {
    /// Checks the ids.
    pub fn check(&self) -> Result<(), Failure> {
        for (field, value) in [("id", &self.id), ("media id", &self.media_id), ("creator id", &self.creator_id)] {
            if !is_plain_id(value) {
                let value = fault::text::printable(value, 128);
                let message =
                    format!("the job's {field} is `{value}`: 1 to 128 letters, digits, `_` and `-` are allowed");
                return Err(Failure::new(&codes::job::BAD_REQUEST, message));
            }
        }
        Ok(())
    }

    fn to_contract(&self) -> types::Job {
        types::Job {
            id: self.id.clone(),
            media_id: self.media_id.clone(),
            creator_id: self.creator_id.clone(),
            kind: self.declared.into(),
            source: types::Destination { store: self.source.store.clone(), key: self.source.key.to_string() },
            attributes: self.attributes.clone(),
        }
    }
}

/// A job, its policy, and the receivers of its events.
pub struct Job<'a> {
    pub environment: &'a JobEnvironment,
    /// The policy that decides.
    pub chosen: &'a SelectedPolicy,
    pub request: &'a Request,
    /// Delivers webhooks; none for a job without a webhook.
    pub webhooks: Option<Arc<JobWebhooks>>,
    pub observer: Arc<dyn Observer>,
    /// Cancels the job.
    pub cancel: CancellationToken,
}

impl Job<'_> {
    /// Runs the job with retries, and reports its end to the observer and the webhook's receiver.
    ///
    /// A `failed` webhook is sent only for a final failure, after the last attempt. It is not sent for a job that was
    /// cancelled or that another worker has taken over, because neither has failed. The policy writes the message.
    pub async fn run(self) -> (Result<Outcome, Failure>, JobReport) {
        let began = Instant::now();
        let (traffic, processor_time) = (Arc::new(Traffic::default()), ProcessorTime::default());
        let report = Arc::new(Mutex::new(self.initial_report()));
        let observer = reporting(&report, &self.observer);
        let timeline = {
            let observer = Arc::clone(&observer);
            Timeline::start(move |part| observer.on(&Event::Done(*part)))
        };
        let tools = self.environment.tools.counted(&processor_time).within(timeline.clone());
        let recorder = self.recorder();
        let (ended, attempts) = self.attempts(&observer, (&traffic, &tools), recorder.as_ref()).await;
        if let Err(failure) = &ended
            && !self.cancel.is_cancelled()
            && !failure.is(&codes::job::TAKEN_OVER)
            && let Some(webhooks) = &self.webhooks
        {
            let job = self.request.to_contract();
            let sent = send_failed(self.policy(), &job, failure, webhooks, observer, &timeline);
            self.cancel.run_until_cancelled(sent).await;
        }
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report.attempts = attempts;
        report.started = timeline.started().map(wall_clock).unwrap_or_default();
        report.total_ms = milliseconds(began.elapsed());
        (report.bytes_read, report.bytes_written) = (traffic.read(), traffic.written());
        report.transcode = ended.as_ref().ok().and_then(|outcome| outcome.report.clone());
        self.add_costs(&mut report, &processor_time, began.elapsed());
        if self.environment.write_report {
            beside::write_report(&self.environment.stores, &report).await;
        }
        if self.environment.write_page
            && let Ok(outcome) = &ended
        {
            beside::write_page(&self.environment.stores, &report, &outcome.output).await;
        }
        if let Some(recorder) = &recorder {
            self.save_recording(&**recorder, &ended, attempts).await;
        }
        self.observer.on(&match &ended {
            Ok(outcome) => Event::Completed {
                report: outcome.report.clone().map(Box::new),
                output: outcome.output.clone(),
                policy_us: u64::try_from(outcome.policy_time.as_micros()).unwrap_or(u64::MAX),
            },
            Err(failure) => Event::Failed { failure: failure.clone() },
        });
        (ended, report)
    }

    fn policy(&self) -> &Policy {
        &self.chosen.policy
    }

    /// What the job took of the machine, and what that costs.
    fn add_costs(&self, report: &mut JobReport, processor_time: &ProcessorTime, time: Duration) {
        report.cpu_seconds = seconds(processor_time.total());
        let transcode = report.transcode.as_ref();
        let encoding = report.parts.iter().find(|part| part.part == "encode").map_or(0, |part| part.ms);
        let on_gpu = transcode.is_some_and(|transcode| transcode.processor == Processor::Gpu.name());
        report.gpu_seconds = on_gpu.then(|| seconds(Duration::from_millis(encoding)));
        let bytes = transcode.map_or(0, |transcode| transcode.objects.iter().map(|object| object.bytes).sum());
        report.cost = self.environment.prices.cost(time, bytes);
    }

    /// The report before the first attempt.
    fn initial_report(&self) -> JobReport {
        JobReport {
            job: self.request.id.clone(),
            media: self.request.media_id.clone(),
            host: env!("CARGO_PKG_VERSION"),
            ffmpeg: self.environment.tools.build.version.clone(),
            sandbox: self.environment.tools.ffmpeg.confinement().0.name(),
            ..JobReport::for_policy(self.chosen)
        }
    }

    /// Runs attempts until one succeeds, fails for good, or was the last. Also returns the number of attempts.
    async fn attempts(
        &self,
        observer: &Arc<dyn Observer>,
        (traffic, tools): (&Arc<Traffic>, &MediaTools),
        recorder: Option<&Arc<dyn JobRecording>>,
    ) -> (Result<Outcome, Failure>, u32) {
        let mut attempt = 1;
        loop {
            let running = tools.timeline.begin(Part::Attempt);
            let ended = self.attempt(observer, (traffic, tools.within(running.timeline())), recorder).await;
            running.ended(&ended);
            let failure = match ended {
                // A policy may turn the cancellation into a failure of its own; the job still counts as cancelled.
                Err(failure) if self.cancel.is_cancelled() => {
                    let cancelled = Failure::new(&codes::job::CANCELLED, "the job was cancelled");
                    return (Err(Failure { retryable: failure.retryable, ..cancelled }), attempt);
                }
                Err(failure) if failure.retryable && attempt < self.environment.attempts => failure,
                other => return (other, attempt),
            };
            let pause = self.environment.pause.saturating_mul(1 << (attempt - 1).min(8));
            observer.on(&Event::Again { failure, attempt, wait_ms: milliseconds(pause) });
            self.cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        observer: &Arc<dyn Observer>,
        (traffic, tools): (&Arc<Traffic>, MediaTools),
        recorder: Option<&Arc<dyn JobRecording>>,
    ) -> Result<Outcome, Failure> {
        let (environment, request) = (self.environment, self.request);
        request.check()?;
        if let Some(recorder) = recorder {
            recorder.begin_attempt();
        }
        // Dropping it removes the directory.
        let work = WorkDirectory::create(&environment.work_root)?;
        let stores = environment.stores.counted(traffic);
        let labels = Labels { cache: environment.cache.clone(), notes: self.notes() };
        let recovering = tools.timeline.begin(Part::Recover);
        let journal = self.cancel.run_until_cancelled(self.journal(traffic, &stores, &labels)).await;
        let journal = journal.ok_or(MediaError::Cancelled)??;
        recovering.done();
        let (alive, mut ended) = mpsc::channel(1);
        let report = Arc::new(Mutex::new(None));
        let workflow = tools.timeline.begin(Part::Policy);
        let context = JobContext {
            job_id: request.id.clone(),
            stores,
            labels,
            tools: Arc::new(tools.within(workflow.timeline())),
            work: work.path().to_owned(),
            journal,
            observer: Arc::clone(observer),
            cancel: self.cancel.clone(),
            alive,
            limits: environment.limits,
        };
        let readable = context.stores.names().into();
        let calls = JobHost::new(context, request.declared, self.webhooks.clone(), Arc::clone(&report));
        let host_context = HostContext {
            job: request.id.clone(),
            creator: request.creator_id.clone(),
            readable,
            writable: self.environment.stores.writable_names().into(),
            settings: self.policy().settings().into(),
            calls: Box::new(calls),
            recorder: recorder.map(|recorder| Arc::clone(recorder) as Arc<dyn CallRecorder>),
        };
        let ran = Call::with_host(self.policy(), host_context).run(&request.to_contract()).await;
        let ran = ran.map_err(Failure::from).and_then(|(ran, used)| Ok((ran.map_err(Failure::from)?, used)));
        workflow.ended(&ran);
        // A policy that trapped can leave a transcode behind, which cancels itself. The work directory must outlive it.
        ended.recv().await;
        let (outcome, used) = ran?;
        let output = output_of(self.policy(), &outcome)?;
        let report = report.lock().map(|mut kept| kept.take()).unwrap_or_default();
        Ok(Outcome { output, report, policy_time: used.computed })
    }

    /// Opens the job's journal and cleans up after an earlier run that did not finish.
    async fn journal(
        &self,
        traffic: &Arc<Traffic>,
        stores: &Stores,
        labels: &Labels,
    ) -> Result<Option<Arc<Journal>>, Failure> {
        let Some(records) = &self.environment.memory else { return Ok(None) };
        let writable = self.environment.stores.writable_names();
        let scope = Scope { creator: &self.request.creator_id, stores: &writable };
        let journal = Journal::open(records.counted(traffic), scope, &self.request.id).await?;
        journal.recover(stores, labels).await?;
        Ok(Some(Arc::new(journal)))
    }

    fn recorder(&self) -> Option<Arc<dyn JobRecording>> {
        let recordings = self.environment.recordings.as_ref()?;
        let settings = serde_json::from_str(self.policy().settings()).unwrap_or_default();
        Some(recordings.begin(&settings))
    }

    /// Writes the recording. Jobs that were cancelled or taken over are skipped: they say nothing about the policy.
    async fn save_recording(&self, recorder: &dyn JobRecording, ended: &Result<Outcome, Failure>, attempts: u32) {
        let skipped = |failure: &Failure| failure.is(&codes::job::CANCELLED) || failure.is(&codes::job::TAKEN_OVER);
        if ended.as_ref().is_err_and(skipped) {
            return;
        }
        let outcome = ended.as_ref().map(|outcome| outcome.output.clone()).map_err(Failure::clone);
        let context = RecordingContext {
            job: self.request.to_contract(),
            stores: self.environment.stores.writable_names(),
            tools: &self.environment.tools,
            attempts,
        };
        match recorder.save(self.policy(), context, &outcome).await {
            Ok(file) => tracing::info!(job = self.request.id, file = %file.display(), "the job was recorded"),
            Err(failure) => {
                tracing::warn!(job = self.request.id, %failure, "the job could not be recorded");
            }
        }
    }

    /// Metadata that the stores keep with every object.
    fn notes(&self) -> BTreeMap<String, String> {
        let policy = self.policy();
        let notes = [
            ("job", self.request.id.as_str()),
            ("policy", policy.name()),
            ("policy-version", policy.version()),
            ("policy-sha256", policy.digest()),
            ("policy-role", self.chosen.role.name()),
        ];
        // Some stores reject empty metadata values.
        let present = notes.into_iter().filter(|(_, value)| !value.is_empty());
        // The values become HTTP headers, and a policy named after its path can contain any character.
        let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        present.map(|(name, value)| (name.to_owned(), value.chars().map(plain).take(128).collect())).collect()
    }
}

/// To a hundredth.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}

/// Parses the output of a policy, which must be JSON.
pub fn output_of(policy: &Policy, outcome: &WitOutcome) -> Result<serde_json::Value, PolicyError> {
    serde_json::from_str(&outcome.output).map_err(|error| PolicyError::BrokeContract {
        policy: policy.name().to_owned(),
        function: "workflow.run",
        reason: format!("its output is not JSON ({error})"),
        backtrace: GuestBacktrace::default(),
    })
}

/// Sends a `failed` webhook for a job that was refused before it started. The policy gets what is known of the job.
pub async fn send_refusal(
    policy: &Policy,
    id: &str,
    media_id: &str,
    failure: &Failure,
    webhooks: &JobWebhooks,
    observer: Arc<dyn Observer>,
) {
    let job = types::Job {
        id: id.to_owned(),
        media_id: media_id.to_owned(),
        creator_id: String::new(),
        kind: types::MediaKind::Video,
        source: types::Destination { store: ORIGINALS.to_owned(), key: String::new() },
        attributes: Vec::new(),
    };
    send_failed(policy, &job, failure, webhooks, observer, &Timeline::default()).await;
}

/// Sends a `failed` webhook. If the policy can't write the message, nothing is sent and an error is logged.
async fn send_failed(
    policy: &Policy,
    job: &types::Job,
    failure: &Failure,
    webhooks: &JobWebhooks,
    observer: Arc<dyn Observer>,
    timeline: &Timeline,
) {
    let writing = timeline.begin(Part::PayloadFailed);
    let failure = &failure.clone().into();
    let message = match writing.around(Call::pure(policy).failed_message(job, failure)).await {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(job = job.id, %error, "no webhook was sent: the policy can't write a failed job's message");
            return;
        }
    };
    match Message::new(&job.id, EventKind::Failed, message.body, scheme(message.signature)) {
        Ok(message) => {
            let sending = timeline.begin(Part::Webhook);
            let delivery = webhooks.send_outcome(&job.id, &message, &delivery_events(observer)).await;
            sending.ended_well(delivery.delivered);
        }
        Err(error) => tracing::error!(job = job.id, %error, "the webhook for a failed job can't be sent"),
    }
}
