use policy_sdk::fake::{Call, ScriptedHost, audio_info, job, media_info, video_info};
use serde_json::Value;

use super::*;

fn video() -> MediaInfo {
    media_info(Some(video_info(1280, 720)), Some(audio_info()))
}

fn failure(code: &str) -> Failure {
    Failure { code: code.into(), blame: Blame::Host, message: "It did not work.".into(), retryable: true }
}

/// The event, step and percent of every message.
fn messages(host: &ScriptedHost) -> Vec<(Event, String, u64)> {
    let read = |(event, message): (Event, Message)| {
        let body: Value = serde_json::from_str(&message.body).unwrap();
        (event, body["step"].as_str().unwrap_or_default().to_string(), body["progress"].as_u64().unwrap_or_default())
    };
    host.messages().into_iter().map(read).collect()
}

fn progress(steps: &[(&str, u64)]) -> Vec<(Event, String, u64)> {
    steps.iter().map(|(step, percent)| (Event::Progress, (*step).to_string(), *percent)).collect()
}

#[test]
fn a_job_opens_its_original_starts_one_plan_waits_and_sends_the_webhook_last() {
    let host = ScriptedHost::new(video());
    let outcome = run(&host, &job(MediaKind::Video)).unwrap();
    let calls: Vec<&str> = host
        .calls()
        .iter()
        .filter_map(|call| match call {
            Call::Open { store, key } => {
                assert_eq!((store.as_str(), key.as_str()), ("originals", "creator-1/originals/media-1/upload.mov"));
                Some("open")
            }
            Call::Start(_) => Some("start"),
            Call::Wait => Some("wait"),
            Call::Deliver(Event::Completed, message) => {
                assert_eq!(message.body, outcome.output);
                Some("deliver")
            }
            _ => None,
        })
        .collect();
    assert_eq!(calls, ["open", "start", "wait", "deliver"]);
    assert!(outcome.output.contains(r#""readyVariants":["720p","480p"]"#), "{}", outcome.output);
    assert_eq!(host.messages().last().map(|(event, _)| *event), Some(Event::Completed));
}

#[test]
fn the_platform_gets_each_step_once_in_the_order_of_the_contract() {
    let host = ScriptedHost::new(video()).with_progress(&[0, 25, 60, 100]).with_settings(r#"{"mezzanine": true}"#);
    run(&host, &job(MediaKind::Video)).unwrap();
    let expected = progress(&[
        ("downloading", 0),
        ("probing", 5),
        ("mezzanine", 6),
        ("loudness", 15),
        ("encoding_variants", 17),
        ("preview", 72),
        ("thumbnails", 77),
        ("uploading_outputs", 80),
        ("finalizing", 95),
    ]);
    let messages = messages(&host);
    assert_eq!(messages[..9], expected);
    assert_eq!((messages.len(), messages[9].0), (10, Event::Completed));
}

#[test]
fn a_short_job_reports_the_steps_that_it_skipped_over() {
    for percents in [&[][..], &[0], &[0, 40]] {
        let host = ScriptedHost::new(media_info(None, Some(audio_info()))).with_progress(percents);
        run(&host, &job(MediaKind::Audio)).unwrap();
        let expected = progress(&[
            ("downloading", 0),
            ("probing", 5),
            ("loudness", 15),
            ("encoding_variants", 17),
            ("waveform", 80),
            ("uploading_outputs", 80),
            ("finalizing", 95),
        ]);
        assert_eq!(messages(&host)[..7], expected, "{percents:?}");
    }
}

#[test]
fn the_operator_sees_percents_that_only_rise() {
    let host = ScriptedHost::new(video()).with_progress(&[0, 25, 99, 100]);
    run(&host, &job(MediaKind::Video)).unwrap();
    let expected = [
        ("downloading", 0),
        ("probing", 5),
        ("loudness", 15),
        ("encoding_variants", 17),
        ("encoding_variants", 30),
        ("encoding_variants", 71),
        ("preview", 72),
        ("thumbnails", 77),
        ("uploading_outputs", 80),
        ("finalizing", 95),
        ("finalizing", 100),
    ];
    assert_eq!(host.steps(), expected.map(|(step, percent)| (step.to_string(), percent)));
}

#[test]
fn the_environments_settings_shape_the_plan() {
    let host = ScriptedHost::new(video()).with_settings(r#"{"preview": false, "processor": "cpu"}"#);
    run(&host, &job(MediaKind::Video)).unwrap();
    assert_eq!(host.plans()[0].outputs.len(), 5);
    assert_eq!(host.plans()[0].prefer, Preference::Cpu);
}

#[test]
fn a_failed_transcode_fails_the_job_without_a_completed_message() {
    let host = ScriptedHost::new(video()).wait_gives(Err(failure("encode.failed")));
    assert_eq!(run(&host, &job(MediaKind::Video)), Err(failure("encode.failed")));
    assert!(host.messages().iter().all(|(event, _)| *event == Event::Progress));
}

#[test]
fn an_original_that_cannot_be_opened_fails_the_job_with_the_hosts_failure() {
    let host = ScriptedHost::new(video()).open_fails(failure("storage.unavailable"));
    assert_eq!(run(&host, &job(MediaKind::Video)), Err(failure("storage.unavailable")));
    assert_eq!(messages(&host), progress(&[("downloading", 0)]));
}

#[test]
fn a_refused_plan_fails_the_job() {
    let host = ScriptedHost::new(video()).start_fails(failure("plan.bad-key"));
    assert_eq!(run(&host, &job(MediaKind::Video)), Err(failure("plan.bad-key")));
    assert!(!host.calls().contains(&Call::Wait));
}

#[test]
fn undelivered_messages_do_not_fail_the_job() {
    let unusable = Failure { blame: Blame::Policy, ..failure("webhook.bad-message") };
    for delivery in [Ok(Delivery { delivered: false, attempts: 5, status: None }), Err(unusable)] {
        let host = ScriptedHost::new(video()).delivery(delivery);
        assert!(run(&host, &job(MediaKind::Video)).is_ok());
    }
}

#[test]
fn a_refused_source_is_the_uploads_fault_and_final() {
    let table = [
        (media_info(None, None), MediaKind::Audio, "upload.no-media"),
        (media_info(None, Some(audio_info())), MediaKind::Video, "upload.no-video"),
    ];
    for (info, kind, code) in table {
        let host = ScriptedHost::new(info);
        let failure = run(&host, &job(kind)).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.blame, failure.retryable), (code, Blame::Upload, false));
        assert_eq!(host.plans(), []);
    }
}

#[test]
fn settings_that_were_never_validated_fail_the_job_before_the_download() {
    let host = ScriptedHost::new(video()).with_settings(r#"{"rungs": []}"#);
    let failure = run(&host, &job(MediaKind::Video)).unwrap_err();
    assert_eq!((failure.code.as_str(), failure.blame), ("policy.bad-settings", Blame::Policy));
    assert_eq!(host.calls(), [Call::Settings]);
}
