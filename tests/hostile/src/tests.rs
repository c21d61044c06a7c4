use policy_sdk::fake::{ScriptedHost, audio_info, job, media_info, video_info};

use super::*;

fn info() -> MediaInfo {
    media_info(Some(video_info(1280, 720)), Some(audio_info()))
}

fn run(behaviour: &str) -> (ScriptedHost, Result<Outcome, Failure>) {
    let host = ScriptedHost::new(info()).with_settings(&format!(r#"{{"behaviour": "{behaviour}"}}"#));
    let outcome = Hostile::run(&host, &job(MediaKind::Video));
    (host, outcome)
}

fn ladder_of(host: &ScriptedHost) -> HlsOutput {
    let Output::Hls(hls) = &*host.plans()[0].outputs[0] else { panic!("no ladder") };
    hls.clone()
}

#[test]
fn without_a_behaviour_it_works_like_the_default_policy() {
    let host = ScriptedHost::new(info());
    let outcome = Hostile::run(&host, &job(MediaKind::Video)).unwrap();
    assert_eq!(outcome, Codex::run(&ScriptedHost::new(info()), &job(MediaKind::Video)).unwrap());
}

#[test]
fn all_other_settings_go_to_the_default_policy() {
    let json = r#"{"behaviour": "panic", "rungs": ["360p"], "mezzanine": false}"#;
    assert_eq!(behaviour::rest(json), r#"{"rungs":["360p"],"mezzanine":false}"#);
    assert_eq!(Hostile::validate(json), Ok(()));
    let problems = Hostile::validate(r#"{"behaviour": "panic", "mezzanine": 1}"#).unwrap_err();
    assert_eq!(problems[0].field, "mezzanine");
}

#[test]
fn an_unknown_behaviour_is_reported_with_the_known_ones() {
    let problems = Hostile::validate(r#"{"behaviour": "nice"}"#).unwrap_err();
    assert_eq!(problems[0].field, "behaviour");
    assert!(Behaviour::ALL.iter().all(|(name, _)| problems[0].message.contains(name)));
}

#[test]
fn a_faulty_plan_has_the_fault_that_was_selected() {
    assert_eq!(ladder_of(&run("key-traversal").0).master, "../../etc/x");
    assert!(ladder_of(&run("foreign-prefix").0).master.starts_with("somebody-else/"));
    assert!(ladder_of(&run("ten-thousand-rungs").0).rungs.len() > 10_000);
    assert_eq!(ladder_of(&run("giant-rung").0).rungs[0].rendition.video.as_ref().unwrap().short_side, 20_000);
    assert_eq!(ladder_of(&run("negative-rung").0).rungs[0].rendition.video.as_ref().unwrap().short_side, u32::MAX);
    assert_eq!(ladder_of(&run("zero-segment").0).segment_ms, 0);
    assert!(ladder_of(&run("key-long").0).master.len() > 2048);
    assert_eq!(ladder_of(&run("none").0), ladder_of(&run("payload-huge").0));
}

#[test]
fn two_outputs_can_share_a_key() {
    let (host, _) = run("same-key-twice");
    let files = host.plans()[0].outputs.iter().filter(|output| matches!(***output, Output::File(_))).count();
    assert_eq!(files, 2);
}

#[test]
fn a_message_can_be_invalid_json_or_too_large() {
    let body = |behaviour| run(behaviour).0.messages()[0].1.body.clone();
    assert!(serde_json::from_str::<serde_json::Value>(&body("payload-not-json")).is_err());
    let huge = body("payload-huge");
    assert!(huge.len() > 1 << 20 && serde_json::from_str::<serde_json::Value>(&huge).is_ok());
}

#[test]
#[should_panic(expected = "the ladder has no rungs")]
fn a_panic_has_a_text() {
    let _ = run("panic");
}

#[test]
fn a_handle_leak_ends_when_the_host_refuses_another_handle() {
    let refusal = Failure { code: "x.y".into(), blame: Blame::Policy, message: String::new(), retryable: false };
    let host = ScriptedHost::new(info()).with_settings(r#"{"behaviour": "handle-leak"}"#).open_fails(refusal.clone());
    assert_eq!(Hostile::run(&host, &job(MediaKind::Video)), Err(refusal));
}
