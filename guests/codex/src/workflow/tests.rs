use policy_sdk::fake::{Call, ScriptedHost, audio_info, job, media_info, video_info};

use super::*;

fn video() -> MediaInfo {
    media_info(Some(video_info(1280, 720)), Some(audio_info()))
}

fn failure(code: &str) -> Failure {
    Failure { code: code.into(), blame: Blame::Host, message: "It did not work.".into(), retryable: true }
}

fn undelivered(attempts: u32, status: Option<u16>) -> Result<Delivery, Failure> {
    Ok(Delivery { delivered: false, attempts, status })
}

fn warnings(host: &ScriptedHost) -> usize {
    host.logged().iter().filter(|(level, _)| *level == Level::Warn).count()
}

#[test]
fn a_job_opens_its_original_starts_one_plan_waits_and_sends_the_webhook() {
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
            Call::Deliver(..) => Some("deliver"),
            _ => None,
        })
        .collect();
    assert_eq!(calls, ["open", "start", "wait", "deliver"]);
    assert!(outcome.output.contains(r#""readyVariants":["720p","480p","360p"]"#), "{}", outcome.output);
    assert_eq!(warnings(&host), 0);
}

#[test]
fn the_jobs_output_is_what_the_webhook_carried() {
    let host = ScriptedHost::new(video());
    let outcome = run(&host, &job(MediaKind::Video)).unwrap();
    let message = Message { body: outcome.output, signature: SignatureScheme::Body };
    assert_eq!(host.messages(), [(Event::Completed, message)]);
}

#[test]
fn the_operator_sees_every_step_and_percents_that_only_rise() {
    let host = ScriptedHost::new(video()).with_progress(&[0, 25, 100]);
    run(&host, &job(MediaKind::Video)).unwrap();
    let expected = [
        ("downloading", 0),
        ("encoding", 10),
        ("encoding", 10),
        ("encoding", 30),
        ("encoding", 90),
        ("publishing", 90),
        ("finalizing", 95),
        ("finalizing", 100),
    ];
    assert_eq!(host.steps(), expected.map(|(step, percent)| (step.to_string(), percent)));
}

#[test]
fn the_environments_settings_shape_the_plan() {
    let settings =
        r#"{"mezzanine": false, "preview": false, "thumbnail": false, "loudness": false, "processor": "cpu"}"#;
    let host = ScriptedHost::new(video()).with_settings(settings);
    run(&host, &job(MediaKind::Video)).unwrap();
    assert_eq!(host.plans()[0].outputs.len(), 1);
    assert_eq!(host.plans()[0].prefer, Preference::Cpu);
}

#[test]
fn a_failed_transcode_fails_the_job_without_a_message() {
    let host = ScriptedHost::new(video()).wait_gives(Err(failure("encode.failed")));
    assert_eq!(run(&host, &job(MediaKind::Video)), Err(failure("encode.failed")));
    assert_eq!(host.messages(), []);
}

#[test]
fn an_original_that_cannot_be_opened_fails_the_job_with_the_hosts_failure() {
    let host = ScriptedHost::new(video()).open_fails(failure("storage.unavailable"));
    assert_eq!(run(&host, &job(MediaKind::Video)), Err(failure("storage.unavailable")));
    assert_eq!(host.plans(), []);
}

#[test]
fn a_refused_plan_fails_the_job() {
    let host = ScriptedHost::new(video()).start_fails(failure("plan.bad-key"));
    assert_eq!(run(&host, &job(MediaKind::Video)), Err(failure("plan.bad-key")));
    assert!(!host.calls().contains(&Call::Wait));
}

#[test]
fn an_undelivered_webhook_is_a_warning_and_not_a_failure() {
    let unusable = Failure { blame: Blame::Policy, ..failure("webhook.bad-message") };
    for delivery in [undelivered(5, Some(503)), undelivered(5, None), Err(unusable)] {
        let host = ScriptedHost::new(video()).delivery(delivery);
        assert!(run(&host, &job(MediaKind::Video)).is_ok());
        assert_eq!(warnings(&host), 1);
    }
}

#[test]
fn a_job_without_a_receiver_is_not_worth_a_warning() {
    let host = ScriptedHost::new(video()).delivery(undelivered(0, None));
    assert!(run(&host, &job(MediaKind::Video)).is_ok());
    assert_eq!(warnings(&host), 0);
}

#[test]
fn a_refused_source_is_the_uploads_fault_and_final() {
    let table = [
        (media_info(None, None), MediaKind::Audio, "upload.no-media"),
        (media_info(None, None), MediaKind::Video, "upload.no-media"),
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
    assert!(failure.message.contains("rungs must name at least one rung"), "{}", failure.message);
    assert_eq!(host.calls(), [Call::Settings]);
}
