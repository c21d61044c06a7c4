//! Policies in other languages: one in JavaScript loads and runs a job, and WASI gives a policy access to nothing.

use serde_json::json;
use testkit::job::Job;
use testkit::outcome::Outcome;
use testkit::receiver::Receiver;
use testkit::{fixtures, workspace};

use crate::{program_on, transcode};

/// The policy of `tests/wasi` with one attempt. It ends before there is a job, so the upload can be any file.
fn trying(what: &str) -> Job {
    let job = program_on(&fixtures::bytes("never-opened.mp4", b"no media"));
    job.policy(workspace::wasi_policy_manifest()).setting("try", what)
}

fn tried(what: &str) -> Outcome {
    trying(what).run()
}

#[track_caller]
fn assert_saw(what: &str, seen: &str) {
    tried(what).refused(2, &format!("{what}: {seen}"));
}

#[test]
fn a_policy_in_javascript_runs_a_job_and_sends_its_webhook() {
    let Some(policy) = workspace::javascript_policy() else { return };
    let receiver = Receiver::start();
    let upload = fixtures::clip(320, 180, "25", 1.0);
    let outcome = transcode(&upload).policy(policy).with_webhook(&receiver).run().done();
    outcome.is_whole();
    let rungs: Vec<String> = outcome.variants().iter().map(|variant| variant.name()).collect();
    assert_eq!(rungs, ["source"]);
    let expected = json!({
        "status": "completed",
        "mediaId": "media-1",
        "keys": [
            "creator-1/hls/media-1/master.m3u8",
            "creator-1/hls/media-1/source/index.m3u8",
            "creator-1/thumbnails/media-1/default.jpg",
        ],
        "durationSeconds": 1,
        "rungs": ["source"],
    });
    assert_eq!(receiver.only().verified_with_time(), expected);
    let events = outcome.events.iter().filter(|event| event["event"] == "step");
    let mut steps: Vec<&str> = events.filter_map(|event| event["step"].as_str()).collect();
    steps.dedup();
    assert_eq!(steps, ["downloading", "encoding", "finalizing"]);
}

#[test]
fn a_policy_in_javascript_passes_its_scenarios() {
    let Some(policy) = workspace::javascript_policy() else { return };
    let scenarios = workspace::root().join("guests/codex-js/scenarios");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    command.args(["policy", "test", "--policy"]).arg(policy).arg(scenarios);
    let output = command.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout} {}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains(" 0 failed, 0 can't be run"), "{stdout}");
}

#[test]
fn a_failure_of_the_host_passes_through_javascript_to_its_webhook() {
    let Some(policy) = workspace::javascript_policy() else { return };
    let receiver = Receiver::start();
    let upload = fixtures::sound("sound.wav", "sine=d=1", &[]);
    let outcome = transcode(&upload).declared("video").policy(policy).with_webhook(&receiver).run();
    outcome.failed(3, "upload.no-video");
    let body = receiver.only().verified_with_time();
    assert_eq!((&body["status"], &body["code"]), (&json!("failed"), &json!("upload.no-video")));
    assert_eq!(body["error"], outcome.message());
}

#[test]
fn javascript_reports_every_wrong_setting() {
    let Some(policy) = workspace::javascript_policy() else { return };
    let upload = fixtures::bytes("never-opened.mp4", b"no media");
    let outcome = program_on(&upload).policy(policy).setting("efort", "fast").setting("effort", "slowest").run();
    for text in ["[policy.settings]", "efort: is not a setting of this policy", "effort: must be one of fastest"] {
        outcome.refused(2, text);
    }
}

#[test]
fn a_policy_that_imports_wasi_is_refused_without_a_manifest_that_allows_it() {
    let upload = fixtures::bytes("never-opened.mp4", b"no media");
    // The components themselves, without their manifests.
    let javascript = workspace::javascript_policy().map(|manifest| manifest.with_file_name("codex-js.wasm"));
    for policy in javascript.into_iter().chain([workspace::wasi_policy().to_owned()]) {
        let outcome = program_on(&upload).policy(&policy).run();
        for text in ["policy.import", "wasi:cli/environment", "\"wasi\": true"] {
            outcome.refused(4, text);
        }
    }
}

#[test]
fn wasi_gives_no_variables_no_folders_no_input_and_no_network() {
    assert_saw("surroundings", "0 variables, 0 arguments, 0 folders, input closed: true");
    assert_saw("sockets", "access-denied, access-denied, permanent-resolver-failure");
}

#[test]
fn clocks_stand_still_and_sleeping_returns_at_once() {
    assert_saw("clocks", "0.0 and 0 then 0.0 and 0");
    assert_saw("sleep", "awake");
}

#[test]
fn random_numbers_are_the_same_in_every_call() {
    let first = tried("random");
    first.refused(2, "random: [");
    assert_eq!(first.stderr, tried("random").stderr);
    let numbers = first.stderr.split_once("random: ").unwrap().1.split_once(" then ").unwrap();
    assert!(!numbers.1.starts_with(numbers.0), "{numbers:?} are not random");
}

#[test]
fn what_is_written_becomes_log_lines_without_terminal_escape_sequences() {
    let outcome = trying("lines").args(&["-v"]).run();
    for line in ["first half, second half", "no end", r"\u{1b}[2Jforged\rline \u{9b}"] {
        outcome.refused(2, line);
    }
    assert!(!outcome.stderr.contains(['\u{1b}', '\r', '\u{9b}']), "{:?}", outcome.stderr);
}

#[test]
fn the_error_of_a_runtime_that_aborts_has_its_last_output() {
    tried("exit").refused(4, "it exited with code 1");
    let outcome = tried("complain-and-trap");
    outcome.refused(4, "ValueError: the ladder has no rungs");
    outcome.refused(4, "policy.trap");
}

#[test]
fn wasi_calls_count_towards_the_limits() {
    tried("clock-for-ever").refused(4, "policy.limit-host-calls");
    tried("handles").refused(4, "policy.limit-handles");
    let flood = trying("flood").args(&["-v"]).run();
    flood.refused(4, "policy.limit-log-lines");
    let lines = flood.stderr.matches("a line like any other").count();
    assert!((1..=1000).contains(&lines), "{lines} lines were logged");
}

#[test]
fn a_huge_length_takes_no_memory_of_the_host() {
    for what in ["zeroes", "random-without-end"] {
        tried(what).refused(4, "policy.broke-contract");
    }
}
