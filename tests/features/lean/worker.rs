//! The lean policy in a worker that is set up by the variables of existing deployments.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::fixtures;
use testkit::job::{CREATOR, MEDIA};
use testkit::platform::{Platform, Worker};

/// A worker under the lean policy with the platform's flags, and a folder for its assets.
fn worker(platform: &Platform) -> Worker {
    let mut command = platform.command(Path::new(env!("CARGO_BIN_EXE_codex-transcoder")), &["worker"]);
    // Built in, it needs no signature in production either.
    command
        .env("CODEX_POLICY", "codex-lean")
        .env("CODEX_POLICY_REQUIRE_SIGNATURE", "true")
        .env("CODEX_STORES_ASSETS_PATH", assets(platform));
    for (flag, value) in [
        ("ENABLE_MEZZANINE", "on"),
        ("ENABLE_VIDEO_PREVIEW", "yes"),
        ("ENABLE_THUMBNAIL_VARIANTS", "false"),
        ("ENABLE_LOUDNESS_ANALYSIS", "0"),
        ("ENABLE_WAVEFORM_IMAGE", "no"),
    ] {
        command.env(flag, value);
    }
    Worker::start(command)
}

fn assets(platform: &Platform) -> PathBuf {
    platform.work().with_file_name("assets")
}

/// The queue delivers at least once. A rung of one file is known again by its name and its length, like any other.
#[test]
fn the_platforms_flags_reach_the_policy_and_a_job_that_comes_again_is_not_encoded_again() {
    let platform = Platform::default();
    std::fs::create_dir(assets(&platform)).unwrap();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 1.0), "video");
    platform.queue.queue("job-1", input.clone());
    let first = worker(&platform);
    let result = platform.result("job-1");
    first.stop();

    let output = &result["output"]["result"]["output"];
    assert_eq!(
        (&output["thumbnailVariants"], &output["readyVariants"]),
        (&Value::Null, &json!(["source"])),
        "{output}"
    );
    assert!(output.get("loudnessIntegrated").is_none(), "{output}");
    assert!(assets(&platform).join(output["thumbnailKey"].as_str().unwrap()).is_file(), "{output}");
    assert!(platform.archive.object(output["mezzanineKey"].as_str().unwrap()).is_some(), "{output}");
    let preview = platform.media.object(output["hlsPreviewKey"].as_str().unwrap()).unwrap();
    assert!(String::from_utf8(preview).unwrap().contains("#EXT-X-BYTERANGE:"), "{output}");
    let streams = format!("{CREATOR}/hls/{MEDIA}/source/stream-");
    let readable = platform.readable();
    assert!(readable.iter().any(|key| key.starts_with(&streams) && key.ends_with(".ts")), "{readable:?}");
    let published = platform.published();

    let again = platform.with_another_queue();
    again.queue.queue("job-1", input);
    let second = worker(&again);
    let repeated = again.result("job-1");
    second.stop();
    assert_eq!(repeated["output"]["report"]["reused"], true);
    assert_eq!(repeated["output"]["result"], result["output"]["result"]);
    assert_eq!(again.published(), published);
    let ends = again.receiver.received().into_iter().filter(|message| message.body.contains(r#""completed""#));
    let ids: Vec<String> = ends.map(|message| message.header("webhook-id").to_owned()).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}
