//! Targets of quality: each title gets the bits that it needs to look like its source.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::outcome::Outcome;
use testkit::{fixtures, playlist, tool, workspace};

use crate::transcode;

/// A drawing that moves a little, or the same under noise.
fn title(noise: u32, seconds: u32) -> PathBuf {
    let source = format!("testsrc2=size=320x180:rate=10:duration={seconds},noise=alls={noise}:allf=t");
    fixtures::picture(&format!("title-{noise}-{seconds}.mp4"), &source, fixtures::BT709)
}

fn like_its_source(upload: &Path, thousandths: u32) -> Outcome {
    let job = transcode(upload).policy(workspace::showcase_policy());
    let job = job.setting("ssim", &thousandths.to_string()).setting("storyboard", "false").setting("animation", "none");
    job.run().done()
}

/// What the report says of the only rung.
fn reached(outcome: &Outcome) -> &Value {
    &outcome.report()["rungs"][0]["reached"]
}

/// The SSIM of all frames of a rung and of its source.
fn ssim(rung: &Path, source: &Path) -> f64 {
    // One file, because ffmpeg's reader of playlists hands out some packets twice.
    let folder = workspace::scratch();
    let joined = folder.path().join("joined.ts");
    let segments = playlist::media(rung).segments.into_iter().map(|(_, segment)| std::fs::read(segment).unwrap());
    std::fs::write(&joined, segments.collect::<Vec<_>>().concat()).unwrap();
    let [joined, source] = [&joined, source].map(|path| path.to_str().unwrap());
    let graph = "[0:v]settb=1/1000,setpts=40*N[a];[1:v]settb=1/1000,setpts=40*N[b];[a][b]ssim";
    let said = tool::ffmpeg_says(&["-i", joined, "-i", source, "-filter_complex", graph, "-f", "null", "-"]);
    let (_, score) = said.rsplit_once(" All:").unwrap();
    score.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn each_title_gets_the_quality_that_it_needs() {
    let mut found = Vec::new();
    for noise in [0, 4] {
        let upload = title(noise, 120);
        let outcome = like_its_source(&upload, 980);
        let reached = reached(&outcome);
        let (quality, score) = (reached["quality"].as_u64().unwrap(), reached["score"].as_f64().unwrap());
        assert_eq!(reached["measure"], "ssim");
        let is = ssim(&outcome.rung("source"), &upload);
        assert!((is - score).abs() < 0.02, "{score} was promised and {is} is there, at {quality}");
        let payload = &outcome.last("completed").unwrap()["output"];
        assert_eq!(payload["quality-source"], quality);
        found.push((quality, score, is));
    }
    let [(easy, _, _), (hard, score, is)] = found.try_into().unwrap();
    assert!(easy > hard, "the drawing needs fewer bits: {easy}, and {hard} under noise");
    assert!(score >= 0.98 && is > 0.97, "{score} {is}");
}

#[test]
fn a_score_that_can_not_be_reached_ends_at_the_best_quality() {
    let outcome = like_its_source(&title(40, 60), 999);
    // Six steps better than the ladder's own 23.
    assert_eq!(reached(&outcome)["quality"], 17);
    assert!(reached(&outcome)["score"].as_f64().unwrap() < 0.999);
}

#[test]
fn a_short_source_keeps_the_quality_of_its_rung_and_is_told() {
    let outcome = like_its_source(&title(0, 2), 950);
    assert_eq!(reached(&outcome)["quality"], 23);
    assert!(reached(&outcome)["score"].is_null());
    assert!(reached(&outcome)["not_tried"].as_str().unwrap().contains("20 frames"), "{}", reached(&outcome));
}

#[test]
fn a_target_out_of_bounds_is_refused() {
    let job = transcode(&title(0, 2)).policy(workspace::showcase_policy());
    job.setting("ssim", "1000").run().refused(2, "500 to 999 thousandths");
}
