//! Policies: what one can reach, how one that misbehaves is ended, and what is no policy at all.

use std::path::{Path, PathBuf};

use testkit::outcome::Outcome;
use testkit::receiver::Receiver;
use testkit::{fixtures, workspace};

use crate::webhook::assert_failure_was_sent;
use crate::{program_on, transcode_little};

fn upload() -> PathBuf {
    fixtures::silent_clip(320, 180, "25", 1.0)
}

fn misbehaving(behaviour: &str, receiver: &Receiver) -> Outcome {
    let job = transcode_little(&upload()).policy(workspace::hostile_policy()).setting("behaviour", behaviour);
    job.with_webhook(receiver).run()
}

/// Ended with this code, reported to the platform, and nothing published.
#[track_caller]
fn assert_ended(behaviour: &str, code: &str) -> Outcome {
    let receiver = Receiver::start();
    let outcome = misbehaving(behaviour, &receiver);
    outcome.failed(4, code);
    assert_failure_was_sent(&receiver, code);
    outcome
}

#[test]
fn the_default_policy_can_reach_nothing_but_the_contract() {
    let imports = policy_builder::imports(policy::DEFAULT).unwrap();
    assert!(!imports.is_empty() && imports.iter().all(|import| import.starts_with("codex:transcode/")), "{imports:?}");
}

#[test]
fn the_default_policy_is_small_enough_to_be_swapped_between_two_jobs() {
    assert!(policy::DEFAULT.len() < 110 * 1024, "{} bytes", policy::DEFAULT.len());
}

#[test]
fn a_policy_from_a_file_does_what_the_built_in_one_does() {
    let built_in = transcode_little(&upload()).run().done();
    let file = workspace::scratch();
    let path = file.path().join("policy.wasm");
    std::fs::write(&path, policy::DEFAULT).unwrap();
    let read = transcode_little(&upload()).policy(&path).run().done();
    assert_eq!(built_in.report(), read.report());
}

#[test]
fn a_policy_that_computes_for_ever_is_ended() {
    assert_ended("endless-loop", "policy.limit-compute");
}

#[test]
fn a_policy_that_calls_the_host_for_ever_is_ended() {
    assert_ended("endless-host-calls", "policy.limit-host-calls");
}

#[test]
fn a_policy_that_takes_all_memory_is_ended() {
    assert_ended("memory-growth", "policy.limit-memory");
}

#[test]
fn a_policy_that_holds_on_to_every_handle_is_ended() {
    assert_ended("handle-leak", "policy.limit-handles");
}

#[test]
fn a_policy_that_panics_is_named_with_its_own_words() {
    let outcome = assert_ended("panic", "policy.trap");
    let message = outcome.message();
    assert!(message.contains("hostile-policy") && message.contains("the ladder has no rungs"), "{message}");
    assert!(outcome.stderr.contains("the ladder has no rungs"), "{}", outcome.stderr);
}

#[test]
fn a_panic_of_a_megabyte_is_cut_to_what_a_person_reads() {
    let outcome = assert_ended("panic-long", "policy.trap");
    assert!(outcome.message().len() < 10_000 && outcome.message().contains("no rungs"), "{}", outcome.message().len());
    assert!(outcome.stderr.len() < 100_000, "{} bytes of log", outcome.stderr.len());
}

#[test]
fn a_policy_that_runs_out_of_its_stack_or_traps_is_ended() {
    // Rust keeps large frames in the guest's memory, and that part of it ends before the engine's own stack does.
    assert_ended("deep-recursion", "policy.trap");
    assert_ended("trap", "policy.trap");
}

#[test]
fn a_policy_that_can_not_even_say_that_it_failed_fails_all_the_same() {
    let receiver = Receiver::start();
    misbehaving("panic-in-failed", &receiver).failed(4, "policy.trap");
    assert!(receiver.received().is_empty());
}

#[test]
fn what_a_policy_logs_can_not_command_a_terminal_or_forge_a_line() {
    let receiver = Receiver::start();
    let outcome = misbehaving("log-flood", &receiver);
    outcome.failed(4, "policy.limit-log-bytes");
    assert_failure_was_sent(&receiver, "policy.limit-log-bytes");
    assert!(outcome.stderr.contains("forged line"), "the text itself is logged");
    for command in ["\u{1b}[2J", "\u{1b}]0;", "\u{9b}", "\u{7}", "\r"] {
        assert!(!outcome.stderr.contains(command), "{command:?} is in the log");
    }
    assert!(!outcome.stderr.lines().any(|line| line.starts_with("ERROR forged")));
}

#[test]
fn a_plan_that_writes_outside_of_its_creators_folder_is_refused() {
    for behaviour in ["key-traversal", "key-control", "key-long"] {
        let outcome = assert_ended(behaviour, "plan.bad-key");
        assert!(!outcome.stderr.contains("\u{1b}[2J") && outcome.message().len() < 3000, "{}", outcome.message());
    }
    let outcome = assert_ended("foreign-prefix", "plan.foreign-prefix");
    assert!(outcome.message().contains("somebody-else"), "{}", outcome.message());
    let outcome = assert_ended("reserved-key", "plan.reserved-key");
    assert!(outcome.message().contains(".Codex"), "{}", outcome.message());
}

#[test]
fn a_plan_with_numbers_out_of_all_bounds_is_refused() {
    for behaviour in
        ["ten-thousand-rungs", "giant-rung", "zero-rung", "negative-rung", "zero-segment", "negative-segment"]
    {
        assert_ended(behaviour, "plan.out-of-range");
    }
}

#[test]
fn a_plan_that_writes_one_object_twice_is_refused() {
    for behaviour in ["same-key-twice", "same-key-in-another-case"] {
        let receiver = Receiver::start();
        let job = program_on(&upload()).policy(workspace::hostile_policy());
        let job = job.setting("behaviour", behaviour).setting("preview", "false").with_webhook(&receiver);
        job.run().failed(4, "plan.same-destination");
        assert_failure_was_sent(&receiver, "plan.same-destination");
    }
}

/// By then all is published, and what is published is never taken back.
#[test]
fn a_message_that_no_receiver_could_read_is_not_sent_and_the_outputs_stay() {
    for (behaviour, code) in
        [("payload-not-json", "webhook.body-not-json"), ("payload-huge", "policy.limit-call-bytes")]
    {
        let receiver = Receiver::start();
        let outcome = misbehaving(behaviour, &receiver);
        assert_eq!((outcome.code, outcome.failure().unwrap()["code"].as_str()), (Some(4), Some(code)));
        assert_failure_was_sent(&receiver, code);
        outcome.is_whole();
    }
}

#[test]
fn a_policy_that_never_ends_to_look_at_its_settings_is_not_taken() {
    let job = transcode_little(&upload()).policy(workspace::hostile_policy()).setting("behaviour", "loop-in-validate");
    job.run().refused(4, "policy.limit-compute");
}

#[test]
fn after_a_policy_that_failed_the_next_job_works_in_the_same_folders() {
    let folder = workspace::scratch();
    let (out, work) = (folder.path().join("out"), folder.path().join("work"));
    std::fs::create_dir(&work).unwrap();
    let job = || transcode_little(&upload()).out(&out).work(&work);
    job()
        .policy(workspace::hostile_policy())
        .setting("behaviour", "memory-growth")
        .run()
        .failed(4, "policy.limit-memory");
    job().run().done().is_whole();
}

#[test]
fn an_unknown_setting_is_answered_with_the_known_ones() {
    let outcome = transcode_little(&upload()).setting("mezanine", "true").run();
    outcome.refused(2, "mezanine");
    for known in ["mezzanine", "preview", "thumbnail", "waveform", "loudness", "effort", "rungs", "processor"] {
        assert!(outcome.stderr.contains(known), "{}", outcome.stderr);
    }
}

#[test]
fn a_setting_of_the_wrong_kind_is_answered_with_the_right_ones() {
    program_on(&upload()).setting("effort", "slowest").run().refused(2, "fastest, fast, medium, slow");
}

#[track_caller]
fn assert_no_policy(name: &str, bytes: &[u8], expected: &[&str]) {
    let outcome = transcode_little(&upload()).policy(&fixtures::bytes(name, bytes)).run();
    for text in expected.iter().chain(&[name]) {
        outcome.refused(4, text);
    }
}

#[test]
fn what_is_no_component_is_recognised() {
    assert_no_policy("core.wasm", b"\0asm\x01\0\0\0", &["policy.not-a-component", "core module"]);
    assert_no_policy("text.wasm", b"(component)", &["policy.not-a-component"]);
    assert_no_policy("cache.wasm", b"\x7fELF\x02\x01\x01\0", &["policy.not-a-component", "machine code"]);
    assert_no_policy("empty.wasm", b"", &["policy.not-a-component", "empty"]);
    transcode_little(&upload()).policy(Path::new("/nowhere/policy.wasm")).run().refused(4, "/nowhere/policy.wasm");
}

#[test]
fn a_component_that_asks_for_more_than_the_contract_offers_is_not_taken() {
    // A component of an empty instance type and an import of that type.
    let name = b"wasi:cli/environment@0.2.0";
    let import = [&[1, 0, name.len() as u8], name.as_slice(), &[5, 0]].concat();
    let types = [7, 3, 1, 0x42, 0];
    let component = [b"\0asm\x0d\0\x01\0".as_slice(), &types, &[10, import.len() as u8], &import].concat();
    assert_no_policy("greedy.wasm", &component, &["policy.import", "wasi:cli/environment@0.2.0"]);
}

#[test]
fn a_component_without_the_contracts_functions_is_not_taken() {
    assert_no_policy("hollow.wasm", b"\0asm\x0d\0\x01\0", &["policy.contract"]);
}
