//! One job, from request to outcome.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fault::{Code, Failure, Fault, codes};
use media::context::MediaTools;
use media::error::MediaError;
use media::plan::PlanError;
use media::probe::DeclaredKind;
use publish::journal::Journal;
use publish::{CacheRules, Labels};
use storage::{Body, Destination, Key, ObjectMeta, Records, Scope, Stores, Traffic};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use webhook::{Courier, EventKind};

use crate::account::{Account, Ledger};
use crate::capability::{Powers, scheme};
use crate::event::{DeliveryEvents, Event, Observer};
use crate::policy::bindings::codex::transcode::types;
use crate::policy::bindings::exports::codex::transcode::workflow::Outcome as WitOutcome;
use crate::policy::{Call, Chosen, Policy, PolicyError};
use crate::production::Means;
use crate::recording::{Circumstances, Recorder, Recording, Recordings};
use crate::report::Report;
use crate::work::WorkDirectory;

/// The store that originals come from. A policy reads it and never writes to it.
pub const ORIGINALS: &str = "originals";

/// What a host has for its jobs.
#[derive(Clone, Debug)]
pub struct Host {
    /// The media programs.
    pub tools: Arc<MediaTools>,
    /// The stores of this environment, the originals' among them.
    pub stores: Stores,
    /// The folder that work directories are made in.
    pub work_root: PathBuf,
    /// Where jobs are remembered; none where every run stands alone.
    pub memory: Option<Records>,
    /// How long what is published may be kept by caches.
    pub cache: CacheRules,
    /// How often a job is tried whose failure may pass; at least 1.
    pub attempts: u32,
    /// Before the second attempt; it doubles from there.
    pub pause: Duration,
    /// The largest original in bytes.
    pub max_original: u64,
    /// Whether the job's report is written beside the publication.
    pub report_beside: bool,
    /// Where what a job saw and did is written down; none where it is not.
    pub recordings: Option<Recordings>,
}

impl Host {
    /// For runs that stand alone: tried once, remembered nowhere.
    pub fn plain(tools: Arc<MediaTools>, stores: Stores, work_root: PathBuf) -> Self {
        Self {
            tools,
            stores,
            work_root,
            memory: None,
            cache: CacheRules::default(),
            attempts: 1,
            pause: Duration::ZERO,
            max_original: u64::MAX,
            report_beside: false,
            recordings: None,
        }
    }
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
    pub declared: DeclaredKind,
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
    fn code(&self) -> &'static Code {
        &codes::job::BAD_REQUEST
    }
}

/// Whether a text can be an id. Ids become parts of keys, so they are plain.
pub fn is_plain_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

impl Request {
    /// Whether the ids are plain.
    pub fn check(&self) -> Result<(), BadRequest> {
        for (field, value) in [("id", &self.id), ("media id", &self.media_id), ("creator id", &self.creator_id)] {
            if !is_plain_id(value) {
                return Err(BadRequest { field, value: fault::text::printable(value, 128) });
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
                DeclaredKind::Video => types::MediaKind::Video,
                DeclaredKind::Audio => types::MediaKind::Audio,
            },
            source: types::Destination { store: self.source.store.clone(), key: self.source.key.to_string() },
            attributes: Vec::new(),
        }
    }
}

/// A job under a policy, with everybody who is told of it.
pub struct Job<'a> {
    /// What it may use.
    pub host: &'a Host,
    /// Who decides.
    pub chosen: &'a Chosen,
    /// What is asked for.
    pub request: &'a Request,
    /// Who tells the platform; none where it has nowhere to be told.
    pub courier: Option<Arc<Courier>>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// Calls it off.
    pub cancel: CancellationToken,
}

impl Job<'_> {
    /// Runs it, again where that can help, and tells the observer and the receiver how it ended.
    ///
    /// A failure is told to the receiver with the policy's own words and only when it is final: after the last attempt,
    /// and never when the job was called off or is another worker's by now, because then nobody has failed.
    pub async fn run(self) -> (Result<Outcome, Failure>, Account) {
        let began = Instant::now();
        let traffic = Arc::new(Traffic::default());
        let ledger = Arc::new(Ledger::new(self.opening(), Arc::clone(&self.observer)));
        let recorder = self.recorder();
        let (ended, attempts) = self.attempts(&ledger, &traffic, recorder.as_ref()).await;
        if let Err(failure) = &ended
            && !self.cancel.is_cancelled()
            && !failure.is(&codes::job::TAKEN_OVER)
            && let Some(courier) = &self.courier
        {
            let job = self.request.as_policy_sees_it();
            tokio::select! {
                () = send_failed(self.policy(), &job, failure, courier, &*ledger) => {}
                () = self.cancel.cancelled() => {}
            }
        }
        let mut account = ledger.account();
        account.attempts = attempts;
        account.total_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        (account.bytes_read, account.bytes_written) = (traffic.read(), traffic.written());
        account.transcode = ended.as_ref().ok().and_then(|outcome| outcome.report.clone());
        if self.host.report_beside {
            self.keep(&account).await;
        }
        if let Some(recorder) = &recorder {
            self.keep_recording(recorder, &ended, attempts).await;
        }
        self.observer.on(&match &ended {
            Ok(outcome) => Event::Completed {
                report: outcome.report.clone().map(Box::new),
                output: outcome.output.clone(),
                policy_us: u64::try_from(outcome.policy_time.as_micros()).unwrap_or(u64::MAX),
            },
            Err(failure) => Event::Failed { failure: failure.clone() },
        });
        (ended, account)
    }

    fn policy(&self) -> &Policy {
        &self.chosen.policy
    }

    /// What is known of the job before it begins.
    fn opening(&self) -> Account {
        Account {
            job: self.request.id.clone(),
            media: self.request.media_id.clone(),
            host: env!("CARGO_PKG_VERSION"),
            ffmpeg: self.host.tools.version.clone(),
            ..Account::under(self.chosen)
        }
    }

    /// Tries until it is done, until trying again can't help, or often enough. Gives back how often it was.
    async fn attempts(
        &self,
        ledger: &Arc<Ledger>,
        traffic: &Arc<Traffic>,
        recorder: Option<&Arc<Recorder>>,
    ) -> (Result<Outcome, Failure>, u32) {
        let mut attempt = 1;
        loop {
            let ended = self.attempt(ledger, traffic, recorder).await;
            let failure = match ended {
                // Whatever a policy makes of it: a job that was called off is called off.
                Err(failure) if self.cancel.is_cancelled() => {
                    let cancelled = Failure::new(&codes::job::CANCELLED, "the job was called off");
                    return (Err(Failure { retryable: failure.retryable, ..cancelled }), attempt);
                }
                Err(failure) if failure.retryable && attempt < self.host.attempts => failure,
                other => return (other, attempt),
            };
            let pause = self.host.pause.saturating_mul(1 << (attempt - 1).min(8));
            let wait_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            ledger.on(&Event::Again { failure, attempt, wait_ms });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.cancel.cancelled() => {}
            }
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        ledger: &Arc<Ledger>,
        traffic: &Arc<Traffic>,
        recorder: Option<&Arc<Recorder>>,
    ) -> Result<Outcome, Failure> {
        let (host, request) = (self.host, self.request);
        request.check()?;
        if let Some(recorder) = recorder {
            recorder.begin();
        }
        let observer: Arc<dyn Observer> = Arc::<Ledger>::clone(ledger);
        // Removed when the attempt ends, however it ends.
        let work = WorkDirectory::make(&host.work_root)?;
        let stores = host.stores.counted(traffic);
        let labels = Labels { cache: host.cache.clone(), notes: self.notes() };
        let journal = tokio::select! {
            journal = self.journal(traffic, &stores, &labels) => journal?,
            () = self.cancel.cancelled() => return Err(MediaError::Cancelled.into()),
        };
        let (alive, mut ended) = mpsc::channel(1);
        let report = Arc::new(Mutex::new(None));
        let powers = Powers {
            means: Means {
                job_id: request.id.clone(),
                stores,
                labels,
                tools: Arc::clone(&host.tools),
                work: work.path().to_owned(),
                journal,
                observer,
                cancel: self.cancel.clone(),
                alive,
                max_original: host.max_original,
            },
            creator: request.creator_id.clone(),
            declared: request.declared,
            writable: self.writable().into(),
            settings: self.policy().settings().into(),
            courier: self.courier.clone(),
            report: Arc::clone(&report),
            recorder: recorder.cloned(),
            rehearsal: None,
        };
        let ran = Call::with_powers(self.policy(), powers).run(&request.as_policy_sees_it()).await;
        // A policy that trapped can leave a transcode behind, which ends itself; the work directory must outlive it.
        ended.recv().await;
        let (ran, used) = ran?;
        let outcome = ran.map_err(Failure::from)?;
        let output = output_of(self.policy(), &outcome)?;
        let report = report.lock().map(|mut kept| kept.take()).unwrap_or_default();
        Ok(Outcome { output, report, policy_time: used.computed })
    }

    /// What the job left behind the last time it was here, cleaned up.
    async fn journal(
        &self,
        traffic: &Arc<Traffic>,
        stores: &Stores,
        labels: &Labels,
    ) -> Result<Option<Arc<Journal>>, Failure> {
        let Some(records) = &self.host.memory else { return Ok(None) };
        let writable = self.writable();
        let scope = Scope { creator: &self.request.creator_id, stores: &writable };
        let journal = Journal::open(records.counted(traffic), scope, &self.request.id).await?;
        journal.recover(stores, labels).await?;
        Ok(Some(Arc::new(journal)))
    }

    /// The stores that the policy may write to.
    fn writable(&self) -> Vec<String> {
        self.host.stores.names().into_iter().filter(|name| name != ORIGINALS).collect()
    }

    /// Who listens to the job.
    fn recorder(&self) -> Option<Arc<Recorder>> {
        let recordings = self.host.recordings.as_ref()?;
        let settings = serde_json::from_str(self.policy().settings()).unwrap_or_default();
        Some(Arc::new(recordings.recorder(&settings)))
    }

    /// Writes down what was heard. A job that was called off or taken over has shown nothing of its policy.
    async fn keep_recording(&self, recorder: &Recorder, ended: &Result<Outcome, Failure>, attempts: u32) {
        let passed_over = |failure: &Failure| failure.is(&codes::job::CANCELLED) || failure.is(&codes::job::TAKEN_OVER);
        let Some(recordings) = self.host.recordings.as_ref().filter(|_| !ended.as_ref().is_err_and(passed_over)) else {
            return;
        };
        let outcome = ended.as_ref().map(|outcome| outcome.output.clone()).map_err(Failure::clone);
        let circumstances = Circumstances {
            job: self.request.as_policy_sees_it(),
            stores: self.writable(),
            tools: &self.host.tools,
            attempts,
        };
        let recording = Recording::of(self.policy(), circumstances, recorder, &outcome).await;
        match recordings.keep(recording).await {
            Ok(file) => tracing::info!(job = self.request.id, file = %file.display(), "the job was recorded"),
            Err(error) => {
                let failure = Failure::from(error);
                tracing::warn!(job = self.request.id, %failure, "the job could not be recorded");
            }
        }
    }

    /// Kept by the stores with every object.
    fn notes(&self) -> BTreeMap<String, String> {
        let policy = self.policy();
        let notes = [
            ("job", self.request.id.as_str()),
            ("policy", policy.name()),
            ("policy-version", policy.version()),
            ("policy-sha256", policy.digest()),
            ("policy-role", self.chosen.role.name()),
        ];
        // Not every store keeps a note without a text.
        let told = notes.into_iter().filter(|(_, value)| !value.is_empty());
        // They become headers; a policy by its path can be called anything.
        let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        told.map(|(name, value)| (name.to_owned(), value.chars().map(plain).take(128).collect())).collect()
    }

    /// Writes the report beside the publication. One that can't be written is no failure of the job.
    async fn keep(&self, account: &Account) {
        let objects = account.transcode.as_ref().map(|report| report.objects.as_slice()).unwrap_or_default();
        let beside = objects.iter().find(|object| object.key.ends_with(".m3u8")).or(objects.first());
        let Some(beside) = beside else { return };
        let written = async {
            let key =
                Key::parse(&beside.key).and_then(|key| key.sibling("job-report.json")).map_err(PlanError::from)?;
            let text = serde_json::to_vec_pretty(account).unwrap_or_default();
            let meta = ObjectMeta::of_type("application/json");
            self.host.stores.get(&beside.store)?.put(&key, Body::Bytes(text), &meta).await?;
            Ok::<(), Failure>(())
        };
        if let Err(failure) = written.await {
            tracing::warn!(job = self.request.id, %failure, "the job's report could not be written");
        }
    }
}

/// What a finished policy hands back, which must be JSON.
pub(crate) fn output_of(policy: &Policy, outcome: &WitOutcome) -> Result<serde_json::Value, PolicyError> {
    serde_json::from_str(&outcome.output).map_err(|error| PolicyError::BrokeContract {
        policy: policy.name().to_owned(),
        function: "workflow.run",
        reason: format!("its output is not JSON ({error})"),
    })
}

/// Sends `failed` for a job that never began. The policy is told what there is to tell of it.
pub async fn tell_refusal(
    policy: &Policy,
    id: &str,
    media_id: &str,
    failure: &Failure,
    courier: &Courier,
    observer: &dyn Observer,
) {
    let job = types::Job {
        id: id.to_owned(),
        media_id: media_id.to_owned(),
        creator_id: String::new(),
        kind: types::MediaKind::Video,
        source: types::Destination { store: ORIGINALS.to_owned(), key: String::new() },
        attributes: Vec::new(),
    };
    send_failed(policy, &job, failure, courier, observer).await;
}

/// Sends `failed`. A policy that can't even say that it failed has nothing sent for it, and the log says so.
async fn send_failed(policy: &Policy, job: &types::Job, failure: &Failure, courier: &Courier, observer: &dyn Observer) {
    let message = Call::pure(policy).failed_message(job, &failure.clone().into()).await;
    match message {
        Ok(message) => {
            let scheme = scheme(message.signature);
            if let Err(error) =
                courier.send(&job.id, EventKind::Failed, message.body, scheme, &DeliveryEvents(observer)).await
            {
                tracing::error!(job = job.id, %error, "the policy's message for a failed job can't be sent");
            }
        }
        Err(error) => {
            tracing::error!(job = job.id, %error, "no webhook was sent: the policy can't say that the job failed");
        }
    }
}
