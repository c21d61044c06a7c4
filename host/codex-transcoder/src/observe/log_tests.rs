//! Tests of whole log lines.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::{error, info, info_span, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::Redactor;
use super::line::MAX_LINE;
use super::log::JsonLog;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Buffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The lines that `log_events` logs.
fn written(secrets: &[&str], log_events: impl FnOnce()) -> Vec<String> {
    let (buffer, redactor) = (Buffer::default(), Redactor::default());
    for secret in secrets {
        assert!(redactor.register(secret));
    }
    let log = tracing_subscriber::registry().with(JsonLog { writer: buffer.clone(), redactor });
    tracing::subscriber::with_default(log, log_events);
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The single line that `log_events` logs.
fn line(log_events: impl FnOnce()) -> Value {
    let lines = written(&[], log_events);
    assert_eq!(lines.len(), 1, "{lines:?}");
    serde_json::from_str(&lines[0]).unwrap()
}

#[test]
fn a_line_has_what_runpod_reads_and_typed_fields() {
    let line = line(|| {
        let _job = info_span!("job", job = "job-1", policy_sha256 = "abc").entered();
        let _step = info_span!("step", step = "encode").entered();
        warn!(ms = 12_u64, ratio = 0.5, left = -3, done = true, path = %"a b", list = ?[1], "took {} s", 7);
    });
    assert_eq!(
        (&line["requestId"], &line["level"], &line["message"]),
        (&json!("job-1"), &json!("WARN"), &json!("took 7 s"))
    );
    for (field, expected) in [
        ("ms", json!(12)),
        ("ratio", json!(0.5)),
        ("left", json!(-3)),
        ("done", json!(true)),
        ("path", json!("a b")),
        ("list", json!("[1]")),
        ("step", json!("encode")),
        ("policy_sha256", json!("abc")),
    ] {
        assert_eq!(line[field], expected, "{field}");
    }
    assert!(line["target"].as_str().unwrap().ends_with("log_tests"));
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{time}");
    assert_eq!(line.get("job"), None);
}

#[test]
fn an_event_outside_of_a_job_may_name_one() {
    assert_eq!(line(|| info!(job = "job-2", "x"))["requestId"], "job-2");
    assert_eq!(line(|| info!(job = "", "x"))["requestId"], Value::Null);
    assert_eq!(line(|| info!("x"))["requestId"], Value::Null);
}

#[test]
fn the_job_of_the_span_takes_precedence() {
    let line = line(|| {
        let _job = info_span!("job", job = "job-1").entered();
        info!(job = "job-2", "another is spoken of");
    });
    assert_eq!((&line["requestId"], &line["job"]), (&json!("job-1"), &json!("job-2")));
}

#[test]
fn later_fields_of_a_span_are_logged_and_those_of_the_event_take_precedence() {
    let line = line(|| {
        let span = info_span!("job", media = tracing::field::Empty, step = "outer");
        let _job = span.enter();
        span.record("media", "m-1");
        info!(step = "inner", "x");
    });
    assert_eq!((&line["media"], &line["step"]), (&json!("m-1"), &json!("inner")));
}

#[test]
fn a_field_cannot_replace_the_lines_own() {
    let line = line(|| info!(level = "none", time = "never", requestId = "me", "x"));
    assert_eq!((&line["level"], &line["requestId"]), (&json!("INFO"), &Value::Null));
    assert_eq!((&line["level_"], &line["time_"], &line["requestId_"]), (&json!("none"), &json!("never"), &json!("me")));
}

#[test]
fn control_characters_are_escaped() {
    let text = "a\u{1b}[2J\nb\r\u{7f}\u{9b}31m\u{202e}\u{2028}\0";
    let lines = written(&[], || error!(name = text, "{text}"));
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].chars().any(|c| c.is_control() || matches!(c, '\u{202e}' | '\u{2028}')), "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((line["message"].as_str(), line["name"].as_str()), (Some(text), Some(text)));
}

#[test]
fn a_long_text_of_any_characters_is_cut_and_marked() {
    for text in ["x", "ö", "\u{1}", "\"", "🎬"] {
        let long = text.repeat(100_000);
        let lines = written(&[], || {
            info!(a = long, b = long, c = long, d = long, e = long, f = long, small = 1, "{long}");
        });
        assert_eq!(lines.len(), 1);
        assert!(lines[0].len() < MAX_LINE && lines[0].len() > MAX_LINE / 2, "{}", lines[0].len());
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert!(line["message"].as_str().unwrap().ends_with("… (cut)"));
        assert!(line["a"].as_str().unwrap().ends_with("… (cut)"));
        assert_eq!((&line["truncated"], &line["small"]), (&json!(true), &json!(1)));
    }
}

#[test]
fn secrets_are_replaced_in_messages_fields_spans_and_numbers() {
    let secrets = ["hunter2-\"quoted\"", "12345678"];
    let lines = written(&secrets, || {
        let _job = info_span!("job", job = "job-1", key = "hunter2-\"quoted\"").entered();
        let json = r#"{"key":"hunter2-\"quoted\""}"#;
        info!(plain = "see hunter2-\"quoted\"!", json, number = 12_345_678_u64, list = ?["hunter2-\"quoted\""], "{json}");
    });
    assert!(!lines[0].contains("hunter2") && !lines[0].contains("12345678"), "{}", lines[0]);
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&line["key"], &line["plain"], &line["number"]), (&json!("***"), &json!("see ***!"), &json!("***")));
    assert_eq!(line["message"], r#"{"key":"***"}"#);
}

#[test]
fn no_half_of_a_secret_is_left_at_a_cut() {
    for before in 8_150..8_200 {
        let lines = written(&["hunter2-hunter2"], || info!("{}hunter2-hunter2", "x".repeat(before)));
        assert!(!lines[0].contains("hunter"), "{before}");
    }
}

#[test]
fn numbers_that_json_lacks_are_texts() {
    let line = line(|| info!(speed = f64::NAN, big = u128::MAX, small = 5_u128, "x"));
    assert_eq!((&line["speed"], &line["small"]), (&json!("NaN"), &json!(5)));
    assert_eq!(line["big"], u128::MAX.to_string());
}

#[test]
fn an_error_is_logged_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("the outer")]
    struct Outer(#[source] std::io::Error);
    let error = Outer(std::io::Error::other("the inner"));
    let line = line(|| error!(error = &error as &dyn std::error::Error, "x"));
    assert_eq!(line["error"], "the outer: the inner");
}
