//! The metrics. [`Metrics::new`] lists their names, units and meanings.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fault::codes;
use fault::text::printable;
use job::event::Event;
use job::report::WebhookReport;
use job::transcode_report::TranscodeReport;
use policy::{ActiveSet, Change, PolicyRefusal, Role};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};
use runpod::JobResult;
use timeline::Part;
use webhook::{Backlog, Delivery, EventKind};

/// Limit for the values of a label that a policy chooses; further ones count as [`OTHER`]. A policy that puts the time
/// into the name of a step must not overload a monitoring system.
const MAX_STEPS: usize = 32;

/// The same for labels whose values come from this program or its settings: far more than there are.
const MAX_NAMES: usize = 128;

/// In characters.
const MAX_VALUE_LENGTH: usize = 64;

/// The value of a label beyond its limit.
const OTHER: &str = "other";

/// From a still image to a film on a slow machine.
const JOB_SECONDS: [f64; 14] =
    [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0];

/// From a probe to the encoding of a film.
const STEP_SECONDS: [f64; 14] =
    [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 7200.0];

/// From a small CPU to a large GPU.
const SPEED: [f64; 10] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

type Label = (&'static str, Cow<'static, str>);
type Counters<const N: usize> = Family<[Label; N], Counter>;
type Gauges<const N: usize> = Family<[Label; N], Gauge>;
type Histograms<const N: usize> = Family<[Label; N], Histogram>;

/// Defines [`Metrics`]. A row has a field, its type, and what registers it.
macro_rules! metrics {
    ($($field:ident: $type:ty = $register:expr;)+) => {
        /// The metrics of this worker.
        pub struct Metrics {
            registry: Registry,
            $($field: $type,)+
            /// The values so far of labels whose values are limited, by label.
            seen: Mutex<BTreeMap<&'static str, BTreeSet<String>>>,
        }

        /// What the rows say, to compare it with the documents.
        #[cfg(test)]
        pub const ROWS: &[&str] = &[$(stringify!($register)),+];

        impl Metrics {
            pub fn new() -> Arc<Self> {
                let mut registry = Registry::with_prefix("codex");
                Arc::new(Self { $($field: $register(&mut registry),)+ registry, seen: Mutex::default() })
            }
        }
    };
}

// Name and meaning. The unit and, for what only grows, `_total` are appended to the name.
metrics! {
    jobs: Counters<2> = add("jobs", "Jobs by outcome (completed, failed, stopped) and, for failed ones, code");
    jobs_running: Gauge = add("jobs_running", "Running jobs");
    jobs_reused: Counter = add("jobs_reused", "Jobs already published by an earlier attempt");
    job_retries: Counters<1> = add("job_retries", "Failed attempts that were retried, by code");
    job_seconds: Histogram = seconds("job", "Time of a job from its start to its end", Histogram::new(JOB_SECONDS));
    part_seconds: Histograms<1> = seconds("part", "Time of a part of the host's work", family(|| Histogram::new(STEP_SECONDS)));
    step_seconds: Histograms<1> =
        seconds("step", "Time of a step of the policy, by the policy's name for it", family(|| Histogram::new(STEP_SECONDS)));
    downloaded: Counter = bytes("downloaded", "Bytes that jobs have read from stores");
    uploaded: Counter = bytes("uploaded", "Bytes that jobs have written to stores");
    published: Counters<1> = bytes("published", "Bytes published by completed jobs, by store");
    webhooks: Counters<2> = add("webhooks", "Webhooks by kind and whether they were delivered, kept or lost");
    webhook_attempts: Counters<1> = add("webhook_attempts", "Requests sent for webhooks, by kind");
    outbox: Gauge = add("outbox_messages", "Messages in the outbox when this worker last looked");
    outbox_given_up: Gauge = add("outbox_given_up", "Messages in the outbox that only `outbox deliver` sends");
    outbox_oldest: Gauge = add("outbox_oldest_seconds", "How long the oldest message has been in the outbox");
    encodes: Counters<2> =
        add("encodes", "Encodes by processor (gpu, cpu) and whether they fell back from the GPU");
    speed: Histograms<1> =
        in_unit("encode_speed", Unit::Ratios, "Media seconds per second of encoding", family(|| Histogram::new(SPEED)));
    telemetry_spans: Counters<1> = add("telemetry_spans", "Spans of traces by outcome (sent, dropped)");
    policy: Gauges<4> = add("policy_info", "Active policies by role (current, canary), name, version, sha256");
    policy_swaps: Counter = add("policy_swaps", "Changes of the active policies while the worker ran");
    policy_refusals: Counters<1> = add("policy_refusals", "Policies that were refused, by code");
    policy_refused: Gauge = add("policy_refused", "Policies of the environment that this worker refuses");
    policy_jobs: Counters<2> =
        add("policy_jobs", "Jobs by the role of their policy and outcome (completed, failed, stopped)");
    canary_decisions: Counters<1> =
        add("canary_decisions", "Decisions of this worker about a canary: stopped here, dropped, promoted");
    host: Gauges<3> =
        add("host_info", "Versions of this program and of ffmpeg, and how well ffmpeg is confined");
}

impl Metrics {
    /// In the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Only writing to `out` could fail, and that is memory.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    /// The job counts as running until the returned value is dropped.
    pub fn job_started(self: &Arc<Self>) -> JobMetrics {
        self.jobs_running.inc();
        JobMetrics { metrics: Arc::clone(self), since: Instant::now(), timing: Mutex::default() }
    }

    /// Bytes that a job has read from stores and written to them.
    pub fn traffic(&self, read: u64, written: u64) {
        self.downloaded.inc_by(read);
        self.uploaded.inc_by(written);
    }

    /// Replaces the active policies.
    pub fn policies(&self, standing: &ActiveSet) {
        self.policy.clear();
        let canary = standing.canary.as_ref().map(|canary| (Role::Canary, &canary.policy));
        for (role, policy) in std::iter::once((Role::Current, &standing.current)).chain(canary) {
            let labels = [
                label("role", role.name()),
                ("name", short(policy.name()).into()),
                ("version", short(policy.version()).into()),
                ("sha256", short(policy.digest()).into()),
            ];
            self.policy.get_or_create(&labels).set(1);
        }
        self.policy_refused.set(i64::try_from(standing.refused.len()).unwrap_or(i64::MAX));
    }

    pub fn policy_change(&self, change: &Change) {
        self.policies(&change.active);
        if change.swapped {
            self.policy_swaps.inc();
        }
        for refusal in &change.refused {
            self.policy_refusal(refusal);
        }
    }

    pub fn policy_refusal(&self, refusal: &PolicyRefusal) {
        self.policy_refusals.get_or_create(&[self.limited("code", &refusal.code)]).inc();
    }

    /// Spans were sent to the collector, or dropped.
    pub fn spans(&self, outcome: &'static str, spans: usize) {
        self.telemetry_spans.get_or_create(&[label("outcome", outcome)]).inc_by(spans as u64);
    }

    /// This worker decided something about a canary.
    pub fn canary_decided(&self, decision: &'static str) {
        self.canary_decisions.get_or_create(&[label("decision", decision)]).inc();
    }

    /// A job under a policy of this role has ended.
    pub fn job_under(&self, role: Role, ended: &JobResult) {
        let outcome = match ended {
            JobResult::Done(_) => "completed",
            JobResult::Failed { .. } => "failed",
            JobResult::Stopped => "stopped",
        };
        self.policy_jobs.get_or_create(&[label("role", role.name()), label("outcome", outcome)]).inc();
    }

    /// A message of the outbox was sent again.
    pub fn redelivered(&self, kind: EventKind, delivery: &Delivery) {
        let kind = || label("kind", kind.as_str());
        self.webhook_attempts.get_or_create(&[kind()]).inc();
        if delivery.delivered {
            self.webhooks.get_or_create(&[kind(), label("outcome", "delivered")]).inc();
        }
    }

    pub fn backlog(&self, backlog: Backlog) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.outbox.set(number(backlog.messages as u64));
        self.outbox_given_up.set(number(backlog.given_up as u64));
        self.outbox_oldest.set(number(backlog.oldest));
    }

    /// Versions of this program and of ffmpeg, and how well ffmpeg is confined.
    pub fn host(&self, version: &str, ffmpeg: &str, sandbox: &'static str) {
        self.host.clear();
        let labels =
            [("version", short(version).into()), ("ffmpeg", short(ffmpeg).into()), ("sandbox", sandbox.into())];
        self.host.get_or_create(&labels).set(1);
    }

    fn ended(&self, outcome: &'static str, code: Label) {
        self.jobs.get_or_create(&[label("outcome", outcome), code]).inc();
    }

    fn published(&self, report: &TranscodeReport, encoding_ms: u64) {
        for object in &report.objects {
            self.published.get_or_create(&[self.limited("store", &object.store)]).inc_by(object.bytes);
        }
        let fell_back = if report.fell_back.is_some() { "true" } else { "false" };
        self.encodes.get_or_create(&[label("processor", report.processor), label("fell_back", fell_back)]).inc();
        if encoding_ms > 0 {
            let speed = report.duration_ms as f64 / encoding_ms as f64;
            self.speed.get_or_create(&[label("processor", report.processor)]).observe(speed);
        }
    }

    fn step_took(&self, step: &str, time: Duration) {
        self.step_seconds.get_or_create(&[self.limited("step", step)]).observe(time.as_secs_f64());
    }

    /// A label with a limited number of values; further ones count as [`OTHER`].
    fn limited(&self, name: &'static str, value: &str) -> Label {
        let limit = if name == "step" { MAX_STEPS } else { MAX_NAMES };
        let value = short(value);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(name).or_default();
        if seen.contains(&value) || (seen.len() < limit && seen.insert(value.clone())) {
            (name, value.into())
        } else {
            label(name, OTHER)
        }
    }
}

/// Measures one job from its creation to its drop.
pub struct JobMetrics {
    metrics: Arc<Metrics>,
    since: Instant,
    timing: Mutex<JobTiming>,
}

#[derive(Default)]
struct JobTiming {
    step: Option<(String, Instant)>,
    encoding_ms: u64,
}

impl JobMetrics {
    /// Counts an event, and measures the steps and the speed of encoding.
    pub fn on(&self, event: &Event) {
        let metrics = &self.metrics;
        let mut timing = self.timing.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Step { step, .. } if timing.step.as_ref().is_none_or(|(name, _)| name != step) => {
                if let Some((before, since)) = timing.step.replace((step.clone(), Instant::now())) {
                    metrics.step_took(&before, since.elapsed());
                }
            }
            Event::Done(done) if done.failed => {}
            Event::Done(done) => {
                if done.part == Part::Encode {
                    timing.encoding_ms += done.ms();
                }
                let seconds = done.took().as_secs_f64();
                metrics.part_seconds.get_or_create(&[label("part", done.part.name())]).observe(seconds);
            }
            Event::Reused { .. } => {
                metrics.jobs_reused.inc();
            }
            Event::Webhook(WebhookReport { kind, delivered, attempts, kept, .. }) => {
                let outcome = match (delivered, kept) {
                    (true, _) => "delivered",
                    (false, Some(_)) => "kept",
                    (false, None) => "lost",
                };
                metrics.webhooks.get_or_create(&[label("kind", kind), label("outcome", outcome)]).inc();
                metrics.webhook_attempts.get_or_create(&[label("kind", kind)]).inc_by(u64::from(*attempts));
            }
            Event::Again { failure, .. } => {
                metrics.job_retries.get_or_create(&[metrics.limited("code", &failure.code)]).inc();
            }
            Event::Completed { report, .. } => {
                metrics.ended("completed", label("code", ""));
                if let Some(report) = report {
                    metrics.published(report, timing.encoding_ms);
                }
            }
            Event::Failed { failure } if failure.is(&codes::job::CANCELLED) => {
                metrics.ended("stopped", label("code", ""));
            }
            Event::Failed { failure } => metrics.ended("failed", metrics.limited("code", &failure.code)),
            Event::Probed { .. } | Event::Step { .. } | Event::Encoding { .. } => {}
        }
    }
}

impl Drop for JobMetrics {
    fn drop(&mut self) {
        let metrics = &self.metrics;
        if let Some((step, since)) = self.timing.get_mut().unwrap_or_else(PoisonError::into_inner).step.take() {
            metrics.step_took(&step, since.elapsed());
        }
        metrics.job_seconds.observe(self.since.elapsed().as_secs_f64());
        metrics.jobs_running.dec();
    }
}

fn short(value: &str) -> String {
    printable(value, MAX_VALUE_LENGTH)
}

fn label(name: &'static str, value: &'static str) -> Label {
    (name, Cow::Borrowed(value))
}

fn add<M: Metric + Clone + Default>(name: &str, meaning: &str) -> impl FnOnce(&mut Registry) -> M {
    move |registry| {
        let metric = M::default();
        registry.register(name, meaning, metric.clone());
        metric
    }
}

fn bytes<M: Metric + Clone + Default>(name: &str, meaning: &str) -> impl FnOnce(&mut Registry) -> M {
    in_unit(name, Unit::Bytes, meaning, M::default())
}

fn seconds<M: Metric + Clone>(name: &str, meaning: &str, metric: M) -> impl FnOnce(&mut Registry) -> M {
    in_unit(name, Unit::Seconds, meaning, metric)
}

fn in_unit<M: Metric + Clone>(name: &str, unit: Unit, meaning: &str, metric: M) -> impl FnOnce(&mut Registry) -> M {
    move |registry| {
        registry.register_with_unit(name, meaning, unit, metric.clone());
        metric
    }
}

fn family<const N: usize>(make: fn() -> Histogram) -> Histograms<N> {
    Family::new_with_constructor(make)
}
