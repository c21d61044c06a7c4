//! `policy explain`.

use serde_json::json;
use testkit::{fixtures, workspace};

use super::{policy, shown};

#[test]
fn a_described_source_is_explained_down_to_the_commands() {
    let folder = workspace::scratch();
    let probe = folder.path().join("probe.json");
    let source = json!({ "duration-ms": 60000, "video": { "width": 1280, "height": 720 }, "audio": true });
    std::fs::write(&probe, source.to_string()).unwrap();
    let media = ["explain", "--media", shown(&probe), "--settings", "waveform=always"];

    let output = policy(&[&media[..], &["--json"]].concat()).ends_with(0).json();
    assert_eq!(output["ladder"]["ok"][0]["name"], "720p");
    assert_eq!(output["keys"]["rung-playlist(480p)"], "media:creator-1/hls/media-1/480p/index.m3u8");
    assert_eq!(output["plan"]["outputs"][0]["hls"]["segment-ms"], 6000);
    assert_eq!(output["payload"]["body"]["status"], "completed");
    assert_eq!((&output["outcome"]["ok"]["mediaId"], &output["processor"]), (&json!("media-1"), &json!("cpu")));
    let what: Vec<&str> =
        output["ffmpeg"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    let expected = [
        "listen to the sound",
        "encode everything in one pass",
        "make a preview's part seekable",
        "cut a preview",
        "code a still",
    ];
    assert_eq!(what, expected);
    let pass = output["ffmpeg"][1]["arguments"].to_string();
    assert!(pass.contains("libx264") && pass.contains("scale=1280:720"), "{pass}");

    let table = policy(&[&media[..], &["--encoders", "gpu"]].concat()).ends_with(0);
    table.says(&["720p    1280x720", "ladder", "3 rungs, segments of 6 s", "h264_nvenc", "(guards) -i file:input"]);
}

#[test]
fn a_real_file_is_probed_and_its_probe_explains_the_same() {
    let folder = workspace::scratch();
    let probe = folder.path().join("probe.json");
    let upload = fixtures::silent_clip(320, 180, "25", 1.0);
    let output = policy(&["explain", "--media", shown(&upload), "--save-probe", shown(&probe), "--json"]).ends_with(0);
    let again = policy(&["explain", "--media", shown(&probe), "--json"]).ends_with(0);
    let (output, again) = (output.json(), again.json());
    assert_eq!(output["ladder"]["ok"][0]["name"], "source");
    for part in ["media-info", "ladder", "keys", "plan", "payload", "outcome"] {
        assert_eq!(output[part], again[part], "{part}");
    }
}

#[test]
fn a_refused_source_has_its_code_and_a_wrong_file_the_place_of_its_error() {
    let folder = workspace::scratch();
    let (probe, job) = (folder.path().join("probe.json"), folder.path().join("job.json"));
    std::fs::write(&probe, r#"{ "audio": true }"#).unwrap();
    std::fs::write(&job, r#"{ "kind": "video" }"#).unwrap();
    let output = policy(&["explain", "--media", shown(&probe), "--job", shown(&job)]).ends_with(3);
    assert!(output.stderr.contains("[upload.no-video]"), "{}", output.stderr);

    std::fs::write(&probe, r#"{ "video": { "width": 320, "hight": 180 } }"#).unwrap();
    let output = policy(&["explain", "--media", shown(&probe)]).ends_with(2);
    assert!(output.stderr.contains("media.video.hight: unknown field; expected one of codec, width, height"));
}
