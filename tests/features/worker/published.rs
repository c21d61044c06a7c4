//! What a job from the queue leaves behind, and what it leaves alone when it comes again.

use serde_json::{Value, json};
use testkit::job::{CREATOR, MEDIA};
use testkit::platform::{Platform, Worker};
use testkit::receiver::SECRET;
use testkit::s3::SECRET_ACCESS_KEY;
use testkit::{fixtures, probe};

use super::program;

#[test]
fn a_job_is_published_and_reported_to_the_webhook_and_the_queue() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(640, 360, "25", 8.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.result("job-1");
    let gone = worker.stop();

    // Everything is there, under its own creator, as viewers need it.
    let readable = platform.readable();
    let playlist = format!("{CREATOR}/hls/{MEDIA}/360p/index.m3u8");
    assert!(readable.contains(&playlist), "{readable:?}");
    let segment = readable.iter().find(|key| key.ends_with(".ts")).unwrap();
    assert_eq!(platform.media.content_type(segment).as_deref(), Some("video/mp2t"));
    let cache = platform.media.cache_control(segment).unwrap();
    assert!(cache.contains("immutable"), "{cache}");
    assert_eq!(platform.media.content_type(&playlist).as_deref(), Some("application/vnd.apple.mpegurl"));
    assert!(!platform.media.cache_control(&playlist).unwrap().contains("immutable"));
    assert_eq!(platform.media.metadata(&playlist)["job"], "job-1");
    let mezzanine = format!("{CREATOR}/mezzanine/{MEDIA}/mezzanine.mp4");
    assert!(platform.archive.object(&mezzanine).is_some_and(|bytes| bytes.len() > 10_000));
    let ours = [
        format!("{CREATOR}/"),
        format!(".codex/jobs/{CREATOR}/"),
        ".codex/ended/".to_owned(),
        ".codex/workers/staging/".to_owned(),
    ];
    let keys = platform.media.keys().into_iter().chain(platform.archive.keys());
    assert!(keys.into_iter().all(|key| ours.iter().any(|prefix| key.starts_with(prefix.as_str()))));
    assert_eq!((platform.media.uploads_in_progress(), platform.archive.uploads_in_progress()), (0, 0));

    // The receiver and the queue get the same.
    let message = platform.receiver.only().verified();
    assert_eq!((message["status"].as_str(), message["mediaId"].as_str()), (Some("completed"), Some(MEDIA)));
    assert_eq!(message["mezzanineKey"].as_str(), Some(mezzanine.as_str()));
    let report = &result["output"]["report"];
    assert_eq!(report["webhook"]["delivered"], true);
    assert_eq!(report["policy_digest"].as_str().map(str::len), Some(64));
    assert_eq!(report["transcode"]["processor"], "cpu");
    assert!(report["cpu_seconds"].as_f64() > Some(0.1) && report.get("cost").is_none(), "{report}");
    assert!(report["ffmpeg"].as_str().is_some_and(|version| !version.is_empty()));
    assert!(report["bytes_read"].as_u64() > Some(1000) && report["bytes_written"].as_u64() > Some(10_000));
    let parts: Vec<&str> =
        report["parts"].as_array().unwrap().iter().filter_map(|part| part["part"].as_str()).collect();
    assert_eq!(parts, ["download", "probe", "listen", "encode", "check", "finish", "upload", "show"]);
    assert_timeline_is_true(report);
    assert!(!platform.queue.progress_of("job-1").is_empty());

    // The log says so line by line, and has no secret.
    assert!(gone.status.success());
    for secret in [SECRET, SECRET_ACCESS_KEY, testkit::runpod::KEY] {
        assert!(!gone.log.contains(secret), "a secret is in the log");
    }
    let lines = gone.lines();
    let of_job: Vec<&Value> = lines.iter().filter(|line| line["requestId"] == "job-1").collect();
    assert!(of_job.iter().any(|line| line["message"] == "job completed"), "{lines:#?}");
    let encode = of_job.iter().find(|line| line["part"] == "encode" && line["ms"].is_u64());
    let encode = encode.unwrap_or_else(|| panic!("{lines:#?}"));
    assert_eq!(encode["started"], part(report, "encode")["started"]);
    assert!(
        encode["started"].as_str() < encode["ended"].as_str() && encode["ended"].as_str() <= encode["time"].as_str()
    );
    assert!(std::fs::read_dir(platform.work()).unwrap().next().is_none(), "the work directory is not empty");
}

/// What is said of a part of a job.
fn part<'a>(report: &'a Value, name: &str) -> &'a Value {
    let found = report["timeline"].as_array().unwrap().iter().find(|part| part["part"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

fn times(part: &Value) -> (u64, u64) {
    (part["start_ms"].as_u64().unwrap(), part["end_ms"].as_u64().unwrap())
}

/// Whether the first begins before the second ends, and the other way round.
fn overlap(report: &Value, one: &str, other: &str) -> bool {
    let (one, other) = (times(part(report, one)), times(part(report, other)));
    one.0 < other.1 && other.0 < one.1
}

/// Parts lie within the parts that they began in, and those that follow each other do.
fn assert_timeline_is_true(report: &Value) {
    let parts = report["timeline"].as_array().unwrap();
    assert!(parts.is_sorted_by_key(|part| times(part).0), "{parts:#?}");
    for within in parts {
        let (start, end) = times(within);
        assert!(start <= end && end <= report["total_ms"].as_u64().unwrap(), "{within}");
        assert!(within["started"].as_str() >= report["started"].as_str() && within.get("failed").is_none(), "{within}");
        if let Some(outer) = within["within"].as_str() {
            let outer = times(part(report, outer));
            assert!(outer.0 <= start && end <= outer.1, "{within} isn't within {outer:?}");
        } else {
            assert!(["attempt"].contains(&within["part"].as_str().unwrap()), "{within}");
        }
    }
    for (inner, outer) in [
        ("download", "media.open"),
        ("probe", "media.open"),
        ("encode", "transcode"),
        ("check", "transcode"),
        ("webhook", "webhook.deliver"),
        ("media.open", "policy"),
        ("policy", "attempt"),
    ] {
        assert_eq!(part(report, inner)["within"], outer);
    }
    let order = ["recover", "download", "probe", "listen", "encode", "check", "finish", "upload", "show", "webhook"];
    for pair in order.windows(2) {
        assert!(times(part(report, pair[0])).1 <= times(part(report, pair[1])).0, "{pair:?}: {report:#}");
    }
    assert!(overlap(report, "transcode.wait", "show"), "the policy waits while it is published: {report:#}");
}

#[test]
fn segments_are_sent_while_later_ones_are_encoded() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(640, 360, "25", 40.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.result("job-1");
    worker.stop();
    let report = &result["output"]["report"];
    assert!(overlap(report, "upload-segments", "encode"), "{report:#}");
    assert!(times(part(report, "upload-segments")).1 <= times(part(report, "upload")).0, "{report:#}");
    let mut requests = platform.media.requests();
    requests.retain(|asked| !asked.matches(".codex/"));
    let position = |words: &str| requests.iter().position(|asked| asked.matches(words));
    // With everything in its place, the first thing that is not a segment begins to be uploaded.
    let first_segment = position("PUT .ts").expect("no segment was sent");
    let first_of_the_rest = position("POST uploads").expect("no playlist was sent");
    assert!(first_segment < first_of_the_rest);
    let ahead = requests[..first_of_the_rest].iter().filter(|asked| asked.matches("PUT .ts")).count();
    assert!(ahead >= 3, "{ahead} segments of seven went ahead");
}

#[test]
fn the_sound_of_an_original_is_measured_while_it_is_downloaded() {
    let platform = Platform::default();
    let wave = fixtures::sound("noise.wav", "anoisesrc=r=48000:amplitude=0.1:duration=12", &["-ac", "2"]);
    let input = platform.upload(&wave, "audio");
    platform.queue.queue("job-1", input);
    let mut command = platform.command(program(), &["worker"]);
    command.env("RUNPOD_LOG_LEVEL", "DEBUG");
    let worker = Worker::start(command);
    let result = platform.result("job-1");
    let gone = worker.stop();
    let said = "the sound was analysed while the original arrived";
    assert!(gone.lines().iter().any(|line| line["message"] == said), "{}", gone.log);
    let report = &result["output"]["report"];
    assert!(overlap(report, "listen-early", "download") || overlap(report, "listen-early", "probe"), "{report:#}");
    let loudness = result["output"]["report"]["transcode"]["loudness_lufs"].as_f64().unwrap();
    let measured = testkit::sound::loudness(&wave);
    assert!((loudness - measured).abs() < 0.2, "{loudness} instead of {measured}");
}

/// The name means something in a URL, and comes from a person.
#[test]
fn an_original_of_any_name_is_read_as_it_is() {
    let platform = Platform::default();
    let mut input = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    let original = platform.media.object(input["inputKey"].as_str().unwrap()).unwrap();
    platform.media.remove_object(input["inputKey"].as_str().unwrap());
    let key = format!("{CREATOR}/originals/{MEDIA}/Take #3, 100%25 ?a=b&c+d.mp4");
    platform.media.put_object(&key, original);
    input["inputKey"] = json!(key);
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.result("job-1");
    assert_eq!(result["output"]["result"]["status"], "completed", "{result:#}");
    worker.stop();
}

/// The queue delivers at least once; the second time nothing is left to do but to report it again.
#[test]
fn a_job_that_comes_again_is_verified_and_reported_again_and_not_encoded_again() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 3.0), "video");
    platform.queue.queue("job-1", input.clone());
    let worker = platform.worker(program());
    let first = platform.result("job-1");
    let published = platform.published();
    let read = platform.media.requests_for("GET originals").len();
    worker.stop();

    // Another worker, as after a restart; and the queue has forgotten that there was a result.
    let again = platform.with_another_queue();
    again.queue.queue("job-1", input);
    let worker = again.worker(program());
    let second = again.result("job-1");
    worker.stop();

    assert_eq!(second["output"]["report"]["reused"], true);
    assert_eq!(second["output"]["result"], first["output"]["result"]);
    assert_eq!(again.published(), published);
    assert_eq!(again.media.requests_for("GET originals").len(), read, "the original was brought again");
    let received = again.receiver.received();
    let [one, two] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!((one.header("webhook-id"), &one.body), (two.header("webhook-id"), &two.body));
    two.verified();
}

#[test]
fn a_job_whose_publication_was_damaged_is_encoded_again() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 3.0), "video");
    platform.queue.queue("job-1", input.clone());
    let worker = platform.worker(program());
    platform.result("job-1");
    worker.stop();
    let lost = platform.readable().into_iter().find(|key| key.ends_with(".ts")).unwrap();
    platform.media.remove_object(&lost);

    let again = platform.with_another_queue();
    again.queue.queue("job-1", input);
    let worker = again.worker(program());
    let second = again.result("job-1");
    worker.stop();
    assert_eq!(second["output"]["report"]["reused"], false);
    assert!(again.readable().iter().any(|key| key.ends_with(".ts")));
}

#[test]
fn the_report_and_the_page_are_written_beside_the_publication_where_settings_ask_for_it() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 3.0), "video");
    platform.queue.queue("job-1", input);
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_JOB_REPORT", "true").env("CODEX_JOB_PAGE", "true");
    let worker = testkit::platform::Worker::start(command);
    let result = platform.result("job-1");
    worker.stop();
    let written = platform.media.object(&format!("{CREATOR}/hls/{MEDIA}/job-report.json")).expect("no report");
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["transcode"], result["output"]["report"]["transcode"]);
    let page = platform.media.object(&format!("{CREATOR}/hls/{MEDIA}/result.html")).expect("no page");
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains(&format!("<h1>{MEDIA}</h1>")) && page.contains("\"url\":\"master.m3u8\""));
}

/// 13 s of 1080p60, so that a mezzanine of more than 32 MiB is likely, with a strip of noise, so that there is one to send.
#[test]
fn a_large_mezzanine_is_sent_while_it_is_encoded() {
    let picture = "color=c=teal:size=1920x1080:rate=60:duration=13,format=yuv420p,split[a][b];[b]crop=1920:64:0:0,\
noise=alls=60:allf=t[c];[a][c]overlay=0:500";
    let upload = fixtures::ffmpeg(
        "strip-of-noise.mp4",
        &[
            &["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=duration=13"][..],
            fixtures::X264,
            &["-c:a", "aac"],
        ]
        .concat(),
    );
    let platform = Platform::default();
    let input = platform.upload(&upload, "video");
    platform.queue.queue("job-1", input);
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_POLICY_SETTINGS", r#"{"effort":"fastest","rungs":["360p"],"preview":false}"#);
    command.env("CODEX_STORES_ARCHIVE_PART_MIB", "5");
    // A second costs 1, and a GiB 1024.
    command.env("CODEX_PRICE_WORKER_HOUR", "3600").env("CODEX_PRICE_GIB_MONTH", "1024");
    let worker = Worker::start(command);
    let result = platform.result("job-1");
    worker.stop();

    let mezzanine = format!("{CREATOR}/mezzanine/{MEDIA}/mezzanine.mp4");
    let object = platform.archive.object(&mezzanine).unwrap_or_else(|| panic!("{result}"));
    // Its digest is among the notes of a file that was whole when its upload began.
    assert!(!platform.archive.metadata(&mezzanine).contains_key("sha256"), "it was only sent at the end");
    assert_eq!(platform.archive.metadata(&mezzanine)["job"], "job-1");
    let parts = platform.archive.requests_for("PUT mezzanine.mp4 partNumber=").len();
    assert_eq!(parts, object.len().div_ceil(5 << 20), "every part is sent once");
    assert!(parts > 3, "{parts}");
    assert_eq!(platform.archive.uploads_in_progress(), 0);

    let file = fixtures::bytes("strip-of-noise-mezzanine.mp4", &object);
    let boxes = probe::boxes(&file);
    assert!(boxes.starts_with(&["ftyp".to_owned(), "moov".to_owned()]), "its index is not in front: {boxes:?}");
    probe::decodes(&file);
    assert_eq!(probe::frames(&file).len(), 780);
    let report = &result["output"]["report"];
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{report}"));
    let seconds = number(&report["total_ms"]) / 1000.0;
    assert!((number(&report["cost"]["worker"]) - seconds).abs() < 1.0, "{report}");
    assert!((number(&report["cost"]["storage_month"]) * 1048576.0 / object.len() as f64) > 0.99, "{report}");
    assert!(number(&report["cpu_seconds"]) > seconds / 4.0 && report.get("gpu_seconds").is_none(), "{report}");
    let written = report["bytes_written"].as_u64().unwrap();
    assert!((1.0..1.2).contains(&(written as f64 / object.len() as f64)), "{written} bytes for {}", object.len());
}
