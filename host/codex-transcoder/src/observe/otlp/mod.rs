//! Traces and metrics by OpenTelemetry's protocol, OTLP over HTTP in JSON.
//!
//! Written by hand: the official exporter depends on a second HTTP client and a framework for gRPC, for two kinds of requests.

mod export;
mod metrics;
mod span;
mod trace_context;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fault::text::printable;
use job::event::Event;
use policy::SelectedPolicy;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use runpod::JobResult;
use serde_json::{Value, json};
use timeline::{Part, TimedPart};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::export::{Collector, Exporter, QUEUE};
use self::span::{Span, SpanKind};
pub use self::trace_context::TraceContext;
use super::Metrics;
use crate::settings::TelemetrySettings;

/// What is left is sent for so long when the program ends.
const FLUSH: Duration = Duration::from_secs(3);

/// The field of a job's input with the trace that it belongs to.
const TRACEPARENT: &str = "traceparent";

/// Sends traces and metrics until it is stopped.
#[derive(Clone)]
pub struct Telemetry {
    spans: mpsc::Sender<Span>,
    metrics: Arc<Metrics>,
    sample: f64,
    stop: CancellationToken,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Telemetry {
    /// `environment` is the deployment's.
    pub fn start(
        settings: &TelemetrySettings,
        environment: &str,
        client: reqwest::Client,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let instance = std::env::var("RUNPOD_POD_ID").unwrap_or_else(|_| uuid::Uuid::new_v4().to_string());
        let attributes = [
            ("service.name", settings.service.as_str()),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("service.instance.id", &instance),
            ("deployment.environment.name", environment),
        ];
        let resource = json!({ "attributes": span::attributes(attributes.into_iter()) });
        let (endpoint, headers) = (settings.endpoint.clone(), headers(settings.headers.expose()));
        let (spans, queued) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let exporter = Exporter {
            collector: Collector { client, endpoint, headers, resource },
            metrics: Arc::clone(metrics),
            spans: queued,
            stop: stop.clone(),
            started: SystemTime::now(),
        };
        let task = tokio::spawn(exporter.run());
        let (metrics, task) = (Arc::clone(metrics), Arc::new(Mutex::new(Some(task))));
        Self { spans, metrics, sample: settings.sample, stop, task }
    }

    /// Sends what is left, for [`FLUSH`] at most.
    pub async fn stop(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(task) = task else { return };
        let abort = task.abort_handle();
        if tokio::time::timeout(FLUSH, task).await.is_err() {
            abort.abort();
            tracing::warn!("the last traces and metrics were not taken in time");
        }
    }

    fn send(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.metrics.spans("dropped", 1);
        }
    }
}

/// The checked text of `otlp.headers` as headers.
fn headers(text: &str) -> HeaderMap {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let header = |(name, value): (&str, &str)| {
        let mut value = HeaderValue::from_str(&percent_decoded(value.trim())).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
    };
    pairs.filter_map(header).collect()
}

/// Whether a text is `name=value` pairs with commas, as `OTEL_EXPORTER_OTLP_HEADERS` has them.
pub fn are_headers(text: &str) -> bool {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty()).count();
    pairs > 0 && headers(text).len() == pairs
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The trace of one job: a span of the job, and one of each part.
#[derive(Clone)]
pub struct JobTrace {
    telemetry: Option<Telemetry>,
    /// The position of the job's span. Without telemetry, the one that the job came with.
    at: Option<TraceContext>,
    parent: Option<u64>,
    started: SystemTime,
}

impl JobTrace {
    /// Goes on with the trace in the job's input, if it has one.
    pub fn begin(telemetry: Option<&Telemetry>, input: &Value) -> Self {
        let given = input.get(TRACEPARENT).and_then(Value::as_str).and_then(TraceContext::parse);
        let started = SystemTime::now();
        let Some(telemetry) = telemetry else {
            return Self { telemetry: None, at: given, parent: None, started };
        };
        let at =
            given.map_or_else(|| TraceContext::fresh(telemetry.sample), |given| given.at(trace_context::fresh_span()));
        Self {
            telemetry: at.sampled.then(|| telemetry.clone()),
            at: Some(at),
            parent: given.map(|given| given.span),
            started,
        }
    }

    /// The header of the job's webhooks.
    pub fn traceparent(&self) -> Option<String> {
        self.at.map(|at| at.to_string())
    }

    pub fn on(&self, event: &Event) {
        if let (Some((telemetry, at)), Event::Done(part)) = (self.telemetry.as_ref().zip(self.at), event) {
            telemetry.send(part_span(at, part));
        }
    }

    /// The job has ended.
    pub fn end(&self, job: &str, policy: &SelectedPolicy, ended: &JobResult) {
        let Some((telemetry, at)) = self.telemetry.as_ref().zip(self.at) else { return };
        let (outcome, failure) = match ended {
            JobResult::Done(_) => ("completed", None),
            JobResult::Failed { error, .. } => ("failed", Some(error)),
            JobResult::Stopped => ("stopped", None),
        };
        let text = |field| failure.and_then(|failure| failure.get(field)).and_then(Value::as_str).map(short);
        let attributes = [
            ("codex.job", Some(short(job))),
            ("codex.outcome", Some(outcome.to_owned())),
            ("codex.policy.name", Some(short(policy.policy.name()))),
            ("codex.policy.version", Some(short(policy.policy.version()))),
            ("codex.policy.sha256", Some(short(policy.policy.digest()))),
            ("codex.policy.role", Some(policy.role.name().to_owned())),
            ("error.type", text("error_type")),
        ];
        telemetry.send(Span {
            at,
            parent: self.parent,
            name: "job",
            kind: SpanKind::Consumer,
            start: self.started,
            end: SystemTime::now(),
            attributes: attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            failure: failure.map(|_| text("error_message").unwrap_or_default()),
        });
    }
}

fn short(text: &str) -> String {
    printable(text, 256)
}

/// The number of a part is unique within its job, so that its span's id is within the trace.
fn part_span(job: TraceContext, part: &TimedPart) -> Span {
    let id = |number: u32| job.span ^ u64::from(number);
    Span {
        at: job.at(id(part.id)),
        parent: Some(part.within.map_or(job.span, |(_, number)| id(number))),
        name: part.part.name(),
        kind: if part.part == Part::Webhook { SpanKind::Client } else { SpanKind::Internal },
        start: part.started,
        end: part.started + part.took(),
        attributes: Vec::new(),
        failure: part.failed.then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use fault::secret::SecretText;
    use webhook::{AllowedAddresses, http_client};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_that_never_answers_holds_nobody_and_costs_no_memory() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let (headers, service) = (SecretText::new(String::new()), "test".to_owned());
        let settings = TelemetrySettings { endpoint, headers, service, sample: 1.0 };
        let metrics = Metrics::new();
        let telemetry = Telemetry::start(&settings, "dev", http_client(AllowedAddresses::All).unwrap(), &metrics);
        let began = Instant::now();
        let trace = JobTrace::begin(Some(&telemetry), &json!({}));
        let now = SystemTime::now();
        for id in 1..=10_000 {
            let (start, end) = (Duration::ZERO, Duration::from_secs(1));
            let part = TimedPart { part: Part::Probe, id, within: None, started: now, start, end, failed: false };
            trace.on(&Event::Done(part));
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        telemetry.stop().await;
        assert!(began.elapsed() < FLUSH + Duration::from_secs(1), "{:?}", began.elapsed());
        let dropped = metrics.render();
        let dropped =
            dropped.lines().find_map(|line| line.strip_prefix(r#"codex_telemetry_spans_total{outcome="dropped"} "#));
        assert!(dropped.is_some_and(|dropped| dropped.parse::<usize>().unwrap() >= 7_000), "{dropped:?}");
    }

    #[test]
    fn without_telemetry_the_jobs_trace_is_passed_on() {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let traceparent = |input| JobTrace::begin(None, &input).traceparent();
        assert_eq!(traceparent(json!({ "traceparent": header })).as_deref(), Some(header));
        assert_eq!(traceparent(json!({ "traceparent": "00-x\r\nx: y" })), None);
        assert_eq!(traceparent(json!("a text")), None);
    }

    #[test]
    fn headers_are_read_as_the_standard_variable_has_them() {
        let read = headers("Authorization=Basic%20dTpw, x-tenant=a=b");
        assert_eq!((read["authorization"].as_bytes(), read["x-tenant"].as_bytes()), (&b"Basic dTpw"[..], &b"a=b"[..]));
        for (text, good) in
            [("a=b", true), ("a=b,c=d,", true), ("", false), ("a", false), ("a b=c", false), ("a=%0a", false)]
        {
            assert_eq!(are_headers(text), good, "{text}");
        }
    }
}
