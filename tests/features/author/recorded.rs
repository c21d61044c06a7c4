//! A job that is recorded, and what another policy would make of it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::receiver::{Receiver, SECRET};
use testkit::{fixtures, workspace};

use super::{policy, shown};
use crate::transcode_little;

/// One real job, recorded.
fn record(folder: &Path) -> PathBuf {
    let receiver = Receiver::start();
    let upload = fixtures::clip(320, 180, "25", 1.0);
    let job = transcode_little(&upload).with_webhook(&receiver).args(&["--record", shown(folder), "--job-id", "job-7"]);
    assert_eq!(job.run().done().code, Some(0));
    let file = folder.join("job-7.recording.json");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(SECRET) && !text.contains("127.0.0.1"), "{text}");
    file
}

fn part<'a>(output: &'a Value, name: &str, path: &str) -> &'a Value {
    let changes = output["changes"][name].as_array().unwrap_or_else(|| panic!("{name} is unchanged: {output:#}"));
    changes.iter().find(|change| change["path"] == path).unwrap_or_else(|| panic!("{path}: {changes:#?}"))
}

#[test]
fn a_recorded_job_shows_what_another_policy_would_change() {
    let folder = workspace::scratch();
    let file = record(folder.path());
    let recording: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&recording["recording"], &recording["job"]["id"]), (&json!(1), &json!("job-7")));
    assert_eq!(recording["policy"]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(recording["settings"]["effort"], "fastest");
    assert_eq!(recording["media-info"]["video"]["height"], 180);
    assert_eq!(recording["decisions"]["payload"]["body"]["readyVariants"], json!(["source"]));
    let calls: Vec<&str> =
        recording["calls"].as_array().unwrap().iter().map(|call| call["call"].as_str().unwrap()).collect();
    for call in ["job.settings", "media.open", "source.info", "transcode.start", "transcode.wait", "webhook.deliver"] {
        assert!(calls.contains(&call), "{call}: {calls:?}");
    }

    // The policy that it ran under: all is as it was, also what was measured.
    let replay = |arguments: &[&str]| policy(&[&["replay", shown(&file)], arguments].concat());
    let same = replay(&["--policy", "built-in", "--json", "--exit-code"]).ends_with(0).json();
    assert_eq!(same["changed"], json!([]), "{same:#}");

    // Another environment.
    let slow = ["--policy", "built-in", "--settings", "effort=slow", "--settings", "thumbnail=true"];
    let output = replay(&[&slow[..], &["--json", "--exit-code"]].concat()).ends_with(1).json();
    assert_eq!(part(&output, "ladder", "ok[source].video.encoding.effort")["now"], "slow");
    let thumbnail = part(&output, "payload", "body.thumbnailKey");
    assert_eq!(
        (&thumbnail["was"], &thumbnail["now"]),
        (&Value::Null, &json!("creator-1/thumbnails/media-1/auto-generated.jpg"))
    );
    assert!(output["fails"].is_null() && output["changes"]["keys"].is_null(), "{output:#}");
    // Each change once, with what follows from it, and what it costs.
    let causes: Vec<(&Value, &Value)> =
        output["causes"].as_array().unwrap().iter().map(|cause| (&cause["part"], &cause["path"])).collect();
    assert_eq!(causes[0], (&json!("ladder"), &json!("ok[source].video.encoding.effort")), "{causes:?}");
    let follows = &output["causes"][0]["follows"];
    assert_eq!(follows[0]["path"], "outputs[hls].hls.rungs[source].rendition.video.encoding.effort", "{follows:#}");
    let cpu = |which: &str| output["costs"][which]["cpu_seconds"].as_f64().unwrap();
    assert!(cpu("old") > 0.0 && cpu("new") > 1.5 * cpu("old"), "{:#}", output["costs"]);
    let priced = [&slow[..], &["--price-worker-hour", "3600"]].concat();
    replay(&priced).ends_with(0).says(&[
        "ladder    1 changed",
        "keys      unchanged",
        r#"ladder ok[source].video.encoding.effort: "fastest" -> "slow""#,
        r#"  so plan outputs[hls].hls.rungs[source].rendition.video.encoding.effort: "fastest" -> "slow""#,
        "CPU time",
        "worker",
    ]);

    // Another policy, which fails.
    let hostile = shown(workspace::hostile_policy());
    let output = replay(&["--policy", hostile, "--settings", "behaviour=panic", "--json"]).ends_with(0).json();
    assert_eq!(output["fails"]["code"], "policy.trap", "{output:#}");

    // The same over all jobs that were recorded.
    let jobs = ["diff", "built-in", hostile, "--recordings", shown(folder.path())];
    let output = policy(&[&jobs[..], &["--json", "--exit-code"]].concat()).ends_with(1).json();
    // It decides the same, and reports other steps on the way.
    let changed = ["ladder", "keys", "plan", "payload", "outcome", "calls"].map(|part| output["changed"][part].clone());
    assert_eq!((&output["jobs"], changed), (&json!(1), [0, 0, 0, 0, 0, 1].map(|count| json!(count))), "{output:#}");
    let foreign = [&jobs[..], &["--settings", "behaviour=foreign-prefix"]].concat();
    let output = policy(&[&foreign[..], &["--json", "--exit-code"]].concat()).ends_with(1).json();
    assert_eq!((&output["changed"]["plan"], &output["changed"]["ladder"]), (&json!(1), &json!(0)), "{output:#}");
    assert_eq!((&output["causes"][0]["part"], &output["causes"][0]["jobs"]), (&json!("plan"), &json!(["job-7"])));
    // A plan that the host refuses has no cost.
    assert_eq!(output["costs"]["jobs"], 0);
    assert_eq!(
        (&output["fails"][0]["job"], &output["fails"][0]["code"]),
        (&json!("job-7"), &json!("plan.foreign-prefix"))
    );
    policy(&foreign).ends_with(0).says(&["1 would now fail", "job-7  plan.foreign-prefix"]);

    // What can't be compared is reported and does not hide the rest.
    std::fs::write(folder.path().join("odd.recording.json"), r#"{ "recording": 9 }"#).unwrap();
    let output = policy(&[&jobs[..], &["--json"]].concat()).ends_with(2).json();
    assert_eq!(output["jobs"], 1);
    assert!(output["passed-over"][0]["reason"].as_str().unwrap().contains("version is 9"), "{output:#}");
}

#[test]
fn a_job_in_several_languages_replays_as_it_was() {
    let sound = |hertz: u32| format!("sine=frequency={hertz}:duration=3");
    let (one, other) = (sound(440), sound(880));
    let inputs = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=3", "-f", "lavfi", "-i", &one];
    let further = ["-f", "lavfi", "-i", &other, "-map", "0", "-map", "1", "-map", "2", "-c:a", "aac"];
    let upload = fixtures::ffmpeg("replayed.mkv", &[&inputs[..], &further, fixtures::X264].concat());
    let folder = workspace::scratch();
    let job = crate::transcode(&upload).policy(workspace::showcase_policy()).setting("languages", "true");
    assert_eq!(job.args(&["--record", shown(folder.path()), "--job-id", "job-8"]).run().done().code, Some(0));
    let file = folder.path().join("job-8.recording.json");
    let showcase = shown(workspace::showcase_policy());
    let replayed = policy(&["replay", shown(&file), "--policy", showcase, "--exit-code"]);
    replayed.ends_with(0).says(&["plan      unchanged"]);
}
