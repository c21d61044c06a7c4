//! Tests of the metrics as they are scraped.

use std::time::{Duration, SystemTime};

use fault::{Blame, Failure, codes};
use job::event::Event;
use job::report::WebhookReport;
use job::transcode_report::{ObjectReport, TranscodeReport};
use timeline::{Part, TimedPart};

use super::metrics::ROWS;
use crate::observe::Metrics;

fn failure(code: &str) -> Failure {
    Failure { code: code.to_owned(), blame: Blame::Upload, message: "why".to_owned(), retryable: false }
}

fn completed() -> Event {
    let object = |store: &str, bytes| ObjectReport { store: store.to_owned(), key: "k".to_owned(), bytes };
    let report = TranscodeReport {
        duration_ms: 60_000,
        processor: "cpu",
        tier: Some("cpu"),
        kept_off: None,
        fell_back: Some("no device".to_owned()),
        rungs: Vec::new(),
        objects: vec![object("media", 100), object("archive", 7), object("media", 20)],
        loudness_lufs: None,
        notes: Vec::new(),
    };
    Event::Completed { report: Some(Box::new(report)), output: serde_json::Value::Null, policy_us: 10 }
}

fn expect(metrics: &Metrics, lines: &[&str]) {
    let text = metrics.render();
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line}\n{text}");
    }
}

fn timed(part: Part, ms: u64) -> Event {
    let [start, end] = [0, ms].map(Duration::from_millis);
    Event::Done(TimedPart { part, id: 1, within: None, started: SystemTime::now(), start, end, failed: false })
}

#[test]
fn events_are_counted() {
    let metrics = Metrics::new();
    let webhook = |delivered, kept: Option<&str>| {
        let kept = kept.map(str::to_owned);
        Event::Webhook(WebhookReport {
            kind: "completed",
            delivered,
            attempts: 2,
            status: Some(500),
            kept,
            body: String::new(),
        })
    };
    for event in [
        completed(),
        Event::Failed { failure: failure("media.damaged") },
        Event::Again { failure: failure("storage.unreachable"), attempt: 1, wait_ms: 10 },
        timed(Part::Probe, 250),
        Event::Reused { publication: "p".to_owned() },
        webhook(true, None),
        webhook(false, Some("outbox/x")),
        webhook(false, None),
    ] {
        metrics.job_started().on(&event);
    }
    expect(
        &metrics,
        &[
            r#"codex_jobs_total{outcome="completed",code=""} 1"#,
            r#"codex_jobs_total{outcome="failed",code="media.damaged"} 1"#,
            r#"codex_job_retries_total{code="storage.unreachable"} 1"#,
            r#"codex_part_seconds_sum{part="probe"} 0.25"#,
            "codex_jobs_reused_total 1",
            r#"codex_webhooks_total{kind="completed",outcome="delivered"} 1"#,
            r#"codex_webhooks_total{kind="completed",outcome="kept"} 1"#,
            r#"codex_webhooks_total{kind="completed",outcome="lost"} 1"#,
            r#"codex_webhook_attempts_total{kind="completed"} 6"#,
            r#"codex_published_bytes_total{store="media"} 120"#,
            r#"codex_published_bytes_total{store="archive"} 7"#,
            r#"codex_encodes_total{processor="cpu",fell_back="true"} 1"#,
        ],
    );
}

#[test]
fn a_job_is_running_until_its_end_and_its_steps_are_timed() {
    let metrics = Metrics::new();
    let job = metrics.job_started();
    expect(&metrics, &["codex_jobs_running 1", "codex_job_seconds_count 0"]);
    let step = |step: &str, percent| Event::Step { step: step.to_owned(), percent };
    for event in [step("encode", 10), step("encode", 50), timed(Part::Encode, 30_000), step("finalize", 99)] {
        job.on(&event);
    }
    job.on(&completed());
    drop(job);
    expect(
        &metrics,
        &[
            "codex_jobs_running 0",
            "codex_job_seconds_count 1",
            r#"codex_step_seconds_count{step="encode"} 1"#,
            r#"codex_step_seconds_count{step="finalize"} 1"#,
            r#"codex_encode_speed_ratios_sum{processor="cpu"} 2.0"#,
        ],
    );
}

#[test]
fn a_policy_that_invents_step_names_is_counted_as_other() {
    let metrics = Metrics::new();
    let job = metrics.job_started();
    for number in 0..100 {
        job.on(&Event::Step { step: format!("step {number} \"\n"), percent: 1 });
    }
    drop(job);
    expect(&metrics, &[r#"codex_step_seconds_count{step="other"} 68"#]);
    let text = metrics.render();
    assert_eq!(text.lines().filter(|line| line.starts_with("codex_step_seconds_count")).count(), 33);
}

#[test]
fn what_has_no_event_is_counted_by_name() {
    let metrics = Metrics::new();
    metrics.traffic(10, 3);
    metrics.traffic(1, 0);
    metrics.host("0.1.0", "7.1", "full");
    metrics.job_started().on(&Event::Failed { failure: Failure::new(&codes::job::CANCELLED, "why") });
    expect(
        &metrics,
        &[
            "codex_downloaded_bytes_total 11",
            "codex_uploaded_bytes_total 3",
            r#"codex_host_info{version="0.1.0",ffmpeg="7.1",sandbox="full"} 1"#,
            r#"codex_jobs_total{outcome="stopped",code=""} 1"#,
        ],
    );
}

#[test]
fn every_metric_has_a_meaning_and_a_type() {
    let text = Metrics::new().render();
    let names = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(names("# HELP codex_"), names("# TYPE codex_"));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn every_metric_is_documented() {
    let operations = include_str!("../../../../docs/operations.md");
    let names: Vec<&str> = ROWS.iter().filter_map(|row| row.split('"').nth(1)).collect();
    assert!(names.len() > 15 && names.contains(&"encode_speed"), "{names:?}");
    // As they are served: with their unit, and what only grows with `_total`.
    let documented = |name: &&&str| {
        let served =
            ["", "_total", "_seconds", "_ratios", "_bytes_total"].map(|end| format!("| `codex_{name}{end}` |"));
        served.iter().any(|row| operations.contains(row))
    };
    let missing: Vec<_> = names.iter().filter(|name| !documented(name)).collect();
    assert!(missing.is_empty(), "docs/operations.md does not have {missing:?}");
}
