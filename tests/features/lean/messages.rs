//! What the receiver gets under contract 2, field by field.

use serde_json::{Value, json};
use testkit::job::{CREATOR, MEDIA};
use testkit::receiver::Receiver;
use testkit::{fixtures, sound};

use super::{CompletedJob, film, film_upload, lean, small, tone};

/// The output of a job that is done, out of its envelope.
#[track_caller]
fn output(job: &CompletedJob) -> Value {
    let mut body = job.end().verified_with_time();
    let output = body["output"].take();
    assert_eq!(body, json!({ "jobId": MEDIA, "status": "completed", "output": null }));
    assert_eq!(job.outcome.last("completed").unwrap()["output"]["output"], output, "the queue gets the same");
    output
}

/// Takes the measure out of an output, and asserts that it is one.
#[track_caller]
fn measure(output: &mut Value) -> f64 {
    let mut take = |name: &str| output.as_object_mut().unwrap().remove(name).and_then(|value| value.as_i64()).unwrap();
    let (integrated, peak, range) = (take("loudnessIntegrated"), take("loudnessPeak"), take("loudnessRange"));
    assert!((-10_000..=1_000).contains(&integrated), "{integrated}");
    assert!((-10_000..=2_000).contains(&peak) && (0..=50_000).contains(&range), "{peak} and {range}");
    integrated as f64 / 100.0
}

#[test]
fn the_message_of_a_completed_film_has_every_field_of_the_contract() {
    let mut output = output(film());
    let integrated = measure(&mut output);
    assert!((integrated - sound::loudness(&film_upload())).abs() < 0.5, "{integrated}");
    let thumbnail = |name: &str| format!("{CREATOR}/media-thumbnails/{MEDIA}/{name}.webp");
    let expected = json!({
        "mediaId": MEDIA,
        "type": "video",
        "hlsMasterKey": format!("{CREATOR}/hls/{MEDIA}/master.m3u8"),
        "hlsPreviewKey": format!("{CREATOR}/hls/{MEDIA}/720p/preview.m3u8"),
        "thumbnailKey": thumbnail("lg"),
        "thumbnailVariants": { "sm": thumbnail("sm"), "md": thumbnail("md"), "lg": thumbnail("lg") },
        "waveformKey": null,
        "waveformImageKey": null,
        "mezzanineKey": null,
        "durationSeconds": 14,
        "width": 1280,
        "height": 720,
        "readyVariants": ["720p", "480p"],
    });
    assert_eq!(output, expected);
    assert!(film().outcome.out.join("media").join(expected["hlsPreviewKey"].as_str().unwrap()).is_file());
}

#[test]
fn the_message_of_completed_sound_has_one_variant() {
    let mut output = output(tone());
    measure(&mut output);
    let expected = json!({
        "mediaId": MEDIA,
        "type": "audio",
        "hlsMasterKey": format!("{CREATOR}/hls/{MEDIA}/master.m3u8"),
        "hlsPreviewKey": null,
        "thumbnailKey": null,
        "thumbnailVariants": null,
        "waveformKey": format!("{CREATOR}/waveforms/{MEDIA}/waveform.json"),
        "waveformImageKey": format!("{CREATOR}/waveforms/{MEDIA}/waveform.png"),
        "mezzanineKey": null,
        "durationSeconds": 15,
        "width": null,
        "height": null,
        "readyVariants": ["audio"],
    });
    assert_eq!(output, expected);
}

#[test]
fn what_flags_turn_off_is_null_and_a_loudness_that_was_not_measured_is_missing() {
    let expected = json!({
        "mediaId": MEDIA,
        "type": "video",
        "hlsMasterKey": format!("{CREATOR}/hls/{MEDIA}/master.m3u8"),
        "hlsPreviewKey": null,
        "thumbnailKey": format!("{CREATOR}/media-thumbnails/{MEDIA}/lg.webp"),
        "thumbnailVariants": null,
        "waveformKey": null,
        "waveformImageKey": null,
        "mezzanineKey": format!("{CREATOR}/mezzanine/{MEDIA}/mezzanine.mp4"),
        "durationSeconds": 1,
        "width": 320,
        "height": 180,
        "readyVariants": ["source"],
    });
    assert_eq!(output(small()), expected);
}

/// Asserts that these steps were sent, one message for each in this order, and nothing but the end after them.
#[track_caller]
fn assert_steps(job: &CompletedJob, steps: &[(&str, u64)]) {
    let (end, before) = job.messages.split_last().unwrap();
    assert_eq!(end.verified_with_time()["status"], "completed");
    let sent: Vec<Value> = before.iter().map(|message| message.verified_with_time()).collect();
    let expected = steps.iter().map(|(step, percent)| {
        json!({ "jobId": MEDIA, "status": "progress", "progress": percent, "step": step, "mediaId": MEDIA })
    });
    assert_eq!(sent, expected.collect::<Vec<_>>());
}

#[test]
fn progress_is_sent_step_by_step_before_the_end_and_never_after_it() {
    let film_steps = [
        ("downloading", 0),
        ("probing", 5),
        ("loudness", 15),
        ("encoding_variants", 17),
        ("preview", 72),
        ("thumbnails", 77),
        ("uploading_outputs", 80),
        ("finalizing", 95),
    ];
    assert_steps(film(), &film_steps);
    let tone_steps = [
        ("downloading", 0),
        ("probing", 5),
        ("loudness", 15),
        ("encoding_variants", 17),
        ("waveform", 80),
        ("uploading_outputs", 80),
        ("finalizing", 95),
    ];
    assert_steps(tone(), &tone_steps);
    let small_steps = [
        ("downloading", 0),
        ("probing", 5),
        ("mezzanine", 6),
        ("encoding_variants", 17),
        ("thumbnails", 77),
        ("uploading_outputs", 80),
        ("finalizing", 95),
    ];
    assert_steps(small(), &small_steps);
}

#[test]
fn the_message_of_a_failed_job_has_the_reason_and_comes_last() {
    let receiver = Receiver::start();
    let outcome = lean(&fixtures::bytes("empty.mp4", b"")).with_webhook(&receiver).run();
    outcome.failed(3, "upload.empty");
    let received = receiver.received();
    let (end, before) = received.split_last().unwrap();
    let mut body = end.verified_with_time();
    let error = body["error"].take();
    let error = error.as_str().unwrap();
    assert!(error.ends_with(" [upload.empty]") && error.len() <= 2000, "{error}");
    assert_eq!(body, json!({ "jobId": MEDIA, "status": "failed", "error": null, "mediaId": MEDIA }));
    let statuses: Vec<Value> = before.iter().map(|message| message.verified_with_time()["status"].take()).collect();
    assert_eq!(statuses, ["progress"]);
}
