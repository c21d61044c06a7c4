//! The GPU: used where it is proven, left where it fails. No machine of ours has NVENC while tests run, so a mock takes
//! its place, and the mock's idea of NVENC is held against ffmpeg's own.

use media::encoder::{Encoder, Keyframes, Processor, VideoEncode};
use media::encoding::{Codec, Effort, Encoding, Samples};
use media::info::DynamicRange;
use testkit::job::Job;
use testkit::mock_gpu::{Gpu, MockGpu};
use testkit::needs::unmet;
use testkit::outcome::Outcome;
use testkit::{fixtures, playlist, probe, tool};

use crate::transcode;

fn job_with(gpu: &MockGpu) -> Job {
    let upload = fixtures::clip(640, 360, "25", 7.0);
    transcode(&upload).setting("preview", "false").args(&["--ffmpeg", gpu.program().to_str().unwrap()])
}

#[track_caller]
fn assert_valid(outcome: &Outcome) {
    outcome.is_whole();
    for path in [outcome.rung("360p"), outcome.mezzanine()] {
        probe::decodes(&path);
        assert_eq!(probe::frames(&path).len(), 175, "{}", path.display());
    }
    assert_eq!(playlist::media(&outcome.rung("360p")).segments.len(), 2);
    assert!(probe::keyframes(&outcome.rung("360p")).starts_with(&[0.0, 2.0, 4.0, 6.0]));
}

#[test]
fn a_gpu_that_passes_the_test_encode_is_used() {
    let gpu = MockGpu::that(Gpu::Works);
    let outcome = job_with(&gpu).run().done();
    assert_eq!(outcome.report()["processor"], "gpu");
    assert!(outcome.report().get("fell_back").is_none(), "{}", outcome.report());
    assert_eq!(gpu.ladders(), ["gpu"]);
    assert_valid(&outcome);
}

#[test]
fn a_gpu_that_fails_half_way_is_left_for_the_cpu() {
    let gpu = MockGpu::that(Gpu::FailsAtLadders);
    let outcome = job_with(&gpu).run().done();
    assert_eq!(outcome.report()["processor"], "cpu");
    let reason = outcome.report()["fell_back"].as_str().unwrap();
    assert!(reason.contains("out of memory (10)"), "{reason}");
    assert_eq!(gpu.ladders(), ["gpu", "cpu"]);
    assert_valid(&outcome);
}

/// An exit code of 0 proves nothing.
#[test]
fn a_gpu_that_loses_a_segment_is_left_for_the_cpu() {
    let gpu = MockGpu::that(Gpu::LosesSegments);
    let outcome = job_with(&gpu).run().done();
    assert_eq!(outcome.report()["processor"], "cpu");
    assert!(outcome.report()["fell_back"].is_string());
    assert_valid(&outcome);
}

#[test]
fn a_gpu_is_not_used_where_the_environment_says_so() {
    let gpu = MockGpu::that(Gpu::Works);
    let outcome = job_with(&gpu).args(&["--encoder", "cpu"]).run().done();
    assert_eq!((outcome.report()["processor"].as_str(), gpu.ladders()), (Some("cpu"), vec!["cpu".to_owned()]));
}

#[test]
fn a_gpu_that_is_insisted_on_and_is_not_there_is_an_error_that_says_why() {
    let gpu = MockGpu::that(Gpu::IsMissing);
    let outcome = job_with(&gpu).args(&["--encoder", "gpu"]).run();
    outcome.failed(5, "host.no-gpu");
    assert!(outcome.message().contains("no GPU, or no driver for it"), "{}", outcome.message());
    assert!(gpu.ladders().is_empty());
}

#[test]
fn a_gpu_that_is_insisted_on_and_fails_is_not_replaced() {
    let gpu = MockGpu::that(Gpu::FailsAtLadders);
    job_with(&gpu).args(&["--encoder", "gpu"]).run().failed(5, "host.ffmpeg-failed");
    assert_eq!(gpu.ladders(), ["gpu"]);
}

/// Generic options, which every encoder of ffmpeg has.
const OF_EVERY_ENCODER: [&str; 12] = [
    "-c:v",
    "-b:v",
    "-pix_fmt",
    "-maxrate",
    "-bufsize",
    "-color_primaries",
    "-color_trc",
    "-colorspace",
    "-color_range",
    "-tag:v",
    "-g",
    "-force_key_frames",
];

const EFFORTS: [Effort; 4] = [Effort::Fastest, Effort::Fast, Effort::Medium, Effort::Slow];

#[test]
fn every_option_that_nvenc_is_given_is_one_that_ffmpeg_lists_for_it() {
    for encoder in Encoder::all_on(Processor::Gpu) {
        let (name, of_it) = (encoder.name(), format!("encoder={}", encoder.name()));
        let help = tool::attempt("ffmpeg", &["-hide_banner", "-h", &of_it], std::path::Path::new("/"));
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        if !help.contains(&format!("Encoder {name}")) {
            // ffmpeg has it from version 6 on.
            if encoder.codec == Codec::Av1 {
                continue;
            }
            unmet(&format!("this ffmpeg was built without {name}"));
            continue;
        }
        let words = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
        let listed: Vec<String> = help.lines().map(words).collect();
        let samples =
            if encoder.codec == Codec::H264 { &[Samples::Sdr8][..] } else { &[Samples::Sdr8, Samples::Source10] };
        for (effort, samples) in
            EFFORTS.iter().flat_map(|effort| samples.iter().map(move |samples| (*effort, *samples)))
        {
            let encoding = Encoding { codec: encoder.codec, samples, ..Encoding::h264(23, Some(3000), effort) };
            let keyframes = Some(Keyframes { seconds: 2.0, frame_rate: 25.0, are_counted: false });
            let (processor, range, light) = (Processor::Gpu, DynamicRange::Pq, None);
            let options = VideoEncode { processor, encoding: &encoding, range, light, threads: 2, keyframes }.options();
            let options: Vec<String> =
                options.as_slice().iter().map(|option| option.to_string_lossy().into_owned()).collect();
            for pair in options.chunks(2).filter(|pair| !OF_EVERY_ENCODER.contains(&pair[0].as_str())) {
                let option = pair[0].trim_end_matches(":v");
                assert!(listed.iter().any(|name| name == option), "{option} is no option of {name}");
                let is_number = pair[1].parse::<f64>().is_ok();
                assert!(is_number || listed.contains(&pair[1]), "{name}: {option} does not take {}", pair[1]);
            }
        }
    }
}
