//! `policy test`: the scenarios of the default policy, and what is printed where one fails.

use std::path::PathBuf;

use testkit::workspace;

use super::{policy, shown};

fn scenarios() -> PathBuf {
    workspace::root().join("guests/codex/scenarios")
}

#[test]
fn the_default_policy_does_what_its_scenarios_say() {
    let folder = workspace::scratch();
    let junit = folder.path().join("junit.xml");
    let output = policy(&["test", shown(&scenarios()), "--junit", shown(&junit)]).ends_with(0);
    output.says(&["ok  portrait-phone", "ok  webhook-undeliverable", " 0 failed, 0 can't be run"]);
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains(r#"name="portrait-phone""#) && xml.contains(r#"failures="0""#), "{xml}");
}

#[test]
fn the_example_in_the_documentation_is_one_that_passes() {
    let text = std::fs::read_to_string(workspace::root().join("docs/scenarios.md")).unwrap();
    let (_, from) = text.split_once("<!-- example: begin -->\n```yaml\n").unwrap();
    let (example, _) = from.split_once("```").unwrap();
    let folder = workspace::scratch();
    std::fs::write(folder.path().join("example.yaml"), example).unwrap();
    policy(&["test", shown(folder.path())]).ends_with(0).says(&["ok  example"]);
}

#[test]
fn a_failure_names_its_place_and_what_was_expected_and_found() {
    let folder = workspace::scratch();
    let wrong = "
media: { video: { width: 1280, height: 720 }, audio: true }
expect:
  ladder: [720p, { name: 480p, audio-kbps: 128 }, 360p]
  keys: { mezzanine: media:x/y }
  plan: { outputs: [{ hls: { container: fmp4 } }, { waveform: {} }] }
  calls: [storage.put, { call: webhook.deliver, with: { event: progress } }]
  never: [job.settings]
  payload: { status: done }
";
    std::fs::write(folder.path().join("wrong.yaml"), wrong).unwrap();
    std::fs::write(folder.path().join("fine.json"), "{}").unwrap();
    let output = policy(&["test", shown(folder.path())]).ends_with(4);
    output.says(&[
        "   ok  fine",
        " FAIL  wrong",
        "ladder[1].audio-kbps: expected 128, got 96",
        r#"keys.mezzanine: expected "media:x/y", got "archive:creator-1/mezzanine/media-1/mezzanine.mp4""#,
        r#"plan.outputs[0].hls.container: expected "fmp4", got "ts""#,
        r#"plan.outputs[1]: expected "waveform", got ["hls","file","clip","still","loudness"]"#,
        "calls[0]: `storage.put` was not called after the beginning; calls made: job.settings",
        "calls[1]: no `webhook.deliver` after the beginning matches; the nearest differs:",
        r#"calls[1].with.event: expected "progress", got "completed""#,
        "never: `job.settings` was called",
        r#"payload.status: expected "done", got "completed""#,
        "2 scenarios, 1 failed",
    ]);
    assert!(output.stderr.contains("[scenario.failed]"), "{}", output.stderr);
    policy(&["test", shown(folder.path()), "--filter", "fine"]).ends_with(0).says(&["1 scenarios, 0 failed"]);
}

#[test]
fn a_golden_file_notices_what_no_expectation_covers() {
    let folder = workspace::scratch();
    let scenario = folder.path().join("s.yaml");
    let golden = folder.path().join("s.golden.json");
    std::fs::write(&scenario, "settings: { effort: fast }").unwrap();
    policy(&["test", shown(&scenario), "--update"]).ends_with(0);
    let kept = std::fs::read_to_string(&golden).unwrap();
    assert!(kept.contains("\"transcode.start\""), "{kept}");
    policy(&["test", shown(folder.path())]).ends_with(0);

    std::fs::write(&scenario, "settings: { effort: slow }").unwrap();
    let output = policy(&["test", shown(&scenario)]).ends_with(4);
    output.says(&[r#"golden.ladder.ok[1080p].video.encoding.effort: expected "fast", got "slow""#]);
    policy(&["test", shown(&scenario), "--update"]).ends_with(0);
    assert_ne!(std::fs::read_to_string(&golden).unwrap(), kept);
    policy(&["test", shown(&scenario)]).ends_with(0);
}

#[test]
fn a_scenario_that_can_not_be_run_lists_what_is_known() {
    let folder = workspace::scratch();
    std::fs::write(folder.path().join("odd.yaml"), "expects: {}").unwrap();
    std::fs::write(folder.path().join("torn.yaml"), "expect: {").unwrap();
    let output = policy(&["test", shown(folder.path())]).ends_with(2);
    output.says(&[
        "ERROR  odd",
        "expects: unknown field; expected one of about, job, media",
        "ERROR  torn",
        "not YAML",
    ]);
    policy(&["test", "/nowhere"]).ends_with(2);
}

/// The real component in the real host: what would end it in a job ends it here.
#[test]
fn a_policy_that_misbehaves_is_ended_as_in_a_job() {
    let folder = workspace::scratch();
    std::fs::write(folder.path().join("loop.yaml"), "settings: { behaviour: handle-leak }").unwrap();
    std::fs::write(folder.path().join("key.yaml"), "settings: { behaviour: foreign-prefix }").unwrap();
    std::fs::write(
        folder.path().join("expected.yaml"),
        "{ settings: { behaviour: payload-not-json }, expect: { fails: webhook.body-not-json } }",
    )
    .unwrap();
    let output = policy(&["test", shown(folder.path()), "--policy", shown(workspace::hostile_policy())]).ends_with(4);
    output.says(&["ok  expected", "[policy.limit-handles]", "[plan.foreign-prefix]", "3 scenarios, 2 failed"]);
}
