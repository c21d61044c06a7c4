//! Policies in other languages: one in JavaScript does what the built-in one does, and what WASI gives to it leads
//! nowhere.

use std::path::Path;

use serde_json::Value;
use testkit::job::Job;
use testkit::outcome::Outcome;
use testkit::receiver::Receiver;
use testkit::{fixtures, workspace};

use crate::{program_on, transcode, transcode_little};

/// The policy of `tests/wasi` with something to try. It ends before there is a job, so any file will do.
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
fn a_policy_in_javascript_makes_and_tells_what_the_built_in_one_does() {
    let Some(policy) = workspace::javascript_policy() else { return };
    let upload = fixtures::clip(320, 180, "25", 1.0);
    let receivers = [Receiver::start(), Receiver::start()];
    let job = |receiver| transcode(&upload).setting("waveform", "always").telling(receiver);
    let built_in = job(&receivers[0]).run().done();
    let javascript = job(&receivers[1]).policy(policy).run().done();
    javascript.is_whole();
    assert_eq!(receivers[1].only().body, receivers[0].only().body);
    for part in ["rungs", "objects", "loudness_lufs"] {
        assert_eq!(javascript.report()[part], built_in.report()[part], "{part}");
    }
    let steps = |outcome: &Outcome| -> Vec<Value> {
        let steps = outcome.events.iter().filter(|event| event["event"] == "step");
        steps.map(|event| event["step"].clone()).collect()
    };
    assert_eq!(steps(&javascript), steps(&built_in));
}

#[test]
fn a_policy_in_javascript_passes_the_scenarios_of_the_built_in_one() {
    let Some(policy) = workspace::javascript_policy() else { return };
    let scenarios = workspace::root().join("guests/codex/scenarios");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    command.args(["policy", "test", "--policy"]).arg(policy).arg(scenarios);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" 0 failed, 0 can't be run"), "{said}");
}

#[test]
fn a_failure_is_told_by_javascript_as_by_the_built_in_one() {
    let Some(policy) = workspace::javascript_policy() else { return };
    let upload = fixtures::sound("sound.wav", "sine=d=1", &[]);
    let told = [None, Some(policy)].map(|policy: Option<&Path>| {
        let receiver = Receiver::start();
        let job = transcode_little(&upload).declared("video").telling(&receiver);
        let job = policy.into_iter().fold(job, |job, policy| job.policy(policy));
        job.run().failed(3, "upload.no-video");
        receiver.only().body.clone()
    });
    assert_eq!(told[0], told[1]);
}

#[test]
fn wrong_settings_are_answered_by_javascript_in_the_same_words() {
    let Some(policy) = workspace::javascript_policy() else { return };
    let upload = fixtures::bytes("never-opened.mp4", b"no media");
    let wrong = [("mezanine", "true"), ("effort", "slowest"), ("rungs", r#"["4k"]"#), ("preview", r#"["x"]"#)];
    let answer = |policy: Option<&Path>| {
        let job = wrong.into_iter().fold(program_on(&upload), |job, (name, value)| job.setting(name, value));
        let outcome = policy.into_iter().fold(job, |job, policy| job.policy(policy)).run();
        outcome.refused(2, "[policy.settings]");
        // Behind the policy's name, which differs.
        outcome.stderr.split("mezanine").nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(answer(Some(policy)), answer(None));
}

#[test]
fn what_needs_wasi_is_not_taken_without_a_word_of_the_environment() {
    let upload = fixtures::bytes("never-opened.mp4", b"no media");
    // The components by themselves, without the manifests that ask for it.
    let javascript = workspace::javascript_policy().map(|manifest| manifest.with_file_name("codex-js.wasm"));
    for policy in javascript.into_iter().chain([workspace::wasi_policy().to_owned()]) {
        let outcome = program_on(&upload).policy(&policy).run();
        for text in ["policy.import", "wasi:cli/environment", "\"wasi\": true"] {
            outcome.refused(4, text);
        }
    }
}

#[test]
fn there_is_nothing_to_read_and_nowhere_to_go() {
    assert_saw("surroundings", "0 variables, 0 arguments, 0 folders, input closed: true");
    assert_saw("sockets", "access-denied, access-denied, permanent-resolver-failure");
}

#[test]
fn the_hour_is_always_the_same_and_nobody_sleeps() {
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
fn what_is_written_becomes_lines_of_the_log_that_can_not_steer_a_terminal() {
    let outcome = trying("lines").args(&["-v"]).run();
    for line in ["first half, second half", "no end", r"\u{1b}[2Jforged\rline \u{9b}"] {
        outcome.refused(2, line);
    }
    assert!(!outcome.stderr.contains(['\u{1b}', '\r', '\u{9b}']), "{:?}", outcome.stderr);
}

#[test]
fn a_runtime_that_ends_itself_is_told_with_its_own_words() {
    tried("exit").refused(4, "it ended itself with exit code 1");
    let outcome = tried("complain-and-trap");
    outcome.refused(4, "ValueError: the ladder has no rungs");
    outcome.refused(4, "policy.trap");
}

#[test]
fn calls_of_wasi_count_like_any_other_call_of_the_host() {
    tried("clock-for-ever").refused(4, "policy.limit-host-calls");
    tried("handles").refused(4, "policy.limit-handles");
    let flood = trying("flood").args(&["-v"]).run();
    flood.refused(4, "policy.limit-log-lines");
    let lines = flood.stderr.matches("a line like any other").count();
    assert!((1..=1000).contains(&lines), "{lines} lines were logged");
}

#[test]
fn a_number_out_of_all_bounds_takes_no_memory_of_the_host() {
    for what in ["zeroes", "random-without-end"] {
        tried(what).refused(4, "policy.broke-contract");
    }
}
