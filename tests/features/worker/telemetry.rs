//! Traces and metrics, as a collector of OpenTelemetry gets them from a running worker.

use std::collections::BTreeMap;

use testkit::collector::{Collector, Span};
use testkit::fixtures;
use testkit::platform::{Platform, Worker};

use super::program;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const KEY: &str = "the key of a collector";

#[test]
fn a_job_is_a_trace_of_its_parts_that_goes_on_at_the_receiver_and_its_metrics_are_sent_too() {
    let platform = Platform::default();
    // The first request is refused, and tried again.
    let collector = Collector::answering(&[503]);
    let mut input = platform.upload(&fixtures::silent_clip(320, 180, "25", 1.0), "video");
    input["traceparent"] = format!("00-{TRACE}-{CALLER}-01").into();
    platform.queue.queue("job-1", input);
    let mut broken = platform.upload(&fixtures::silent_clip(320, 180, "25", 1.0), "video");
    broken["inputKey"] = broken["inputKey"].as_str().unwrap().replace("upload", "nothing").into();
    platform.queue.queue("job-2", broken);
    let mut command = platform.command(program(), &["worker"]);
    command.envs([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url().as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", &format!("x-key={}", KEY.replace(' ', "%20"))),
        ("OTEL_SERVICE_NAME", "films"),
    ]);
    let worker = Worker::start(command);
    platform.result("job-1");
    platform.result("job-2");
    let gone = worker.stop();
    assert!(gone.status.success() && !gone.log.contains(KEY), "{}", gone.log);

    let spans = collector.spans();
    let (of_job, of_other): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(|span| span.trace == TRACE);
    let by_id: BTreeMap<&str, &Span> = of_job.iter().map(|span| (span.id.as_str(), span)).collect();
    assert_eq!(by_id.len(), of_job.len(), "ids are unique");
    let one =
        |name: &str| *by_id.values().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}: {of_job:#?}"));
    let job = one("job");
    assert_eq!((job.parent.as_str(), job.failed), (CALLER, false));
    assert_eq!(
        (job.attributes["codex.job"].as_str(), job.attributes["codex.outcome"].as_str()),
        ("job-1", "completed")
    );
    for span in of_job.iter().filter(|span| span.name != "job") {
        let parent = by_id[span.parent.as_str()];
        assert!(
            parent.start <= span.start && span.start <= span.end && span.end <= parent.end,
            "{span:?} in {parent:?}"
        );
        assert!(!span.failed, "{span:?}");
    }
    for (inner, outer) in
        [("attempt", "job"), ("policy", "attempt"), ("encode", "transcode"), ("download", "media.open")]
    {
        assert_eq!(one(inner).parent, one(outer).id, "{inner}");
    }

    // The receiver goes on with the trace, from the job on.
    let received = platform.receiver.received();
    let completed = received.iter().find(|message| message.body.contains("\"completed\"")).unwrap();
    assert_eq!(completed.header("traceparent"), format!("00-{TRACE}-{}-01", job.id));

    // A job without a trace has one of its own, and says why it failed.
    let job = of_other.iter().find(|span| span.name == "job").unwrap();
    assert!(of_other.iter().all(|span| span.trace == job.trace) && job.parent.is_empty() && job.failed, "{job:?}");
    assert_eq!(job.attributes["error.type"], "storage.not-found");
    assert!(of_other.iter().any(|span| span.name == "media.open" && span.failed), "{of_other:#?}");

    // What Prometheus would get is sent at the end.
    let completed = |(labels, _): &&(BTreeMap<String, String>, f64)| labels["outcome"] == "completed";
    assert_eq!(collector.metric("codex_jobs_total").iter().find(completed).map(|(_, jobs)| *jobs), Some(1.0));
    assert_eq!(collector.metric("codex_job_seconds")[0].1, 2.0);
    assert_eq!(collector.metric("codex_jobs_running")[0].1, 0.0);
    let heads = collector.heads();
    assert!(heads.len() >= 3 && heads.iter().all(|head| head.contains(&format!("x-key: {KEY}"))), "{heads:?}");
    for resource in collector.resources() {
        assert_eq!(
            (resource["service.name"].as_str(), resource["deployment.environment.name"].as_str()),
            ("films", "staging")
        );
    }
}
