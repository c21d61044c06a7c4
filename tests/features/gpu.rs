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
    assert_eq!((&outcome.report()["processor"], &outcome.report()["tier"]), (&"gpu".into(), &"gpu".into()));
    for reason in ["fell_back", "kept_off"] {
        assert!(outcome.report().get(reason).is_none(), "{}", outcome.report());
    }
    assert_eq!(gpu.ladders(), ["gpu"]);
    assert_valid(&outcome);
}

/// Turned pictures, and others that a card can't decode or scale: known before the run, which is the only one.
#[test]
fn a_source_that_can_not_stay_on_the_card_is_only_encoded_by_it() {
    let gpu = MockGpu::that(Gpu::Works);
    let upload = fixtures::turned("turned-for-gpu.mp4", &fixtures::clip(640, 360, "25", 7.0));
    let outcome = transcode(&upload)
        .setting("preview", "false")
        .args(&["--ffmpeg", gpu.program().to_str().unwrap()])
        .run()
        .done();
    assert_eq!((&outcome.report()["processor"], &outcome.report()["tier"]), (&"gpu".into(), &"gpu-encode".into()));
    assert_eq!(outcome.report()["kept_off"], "it is shown turned or mirrored");
    assert_eq!(gpu.ladders(), ["gpu-encode"]);
    outcome.is_whole();
}

#[test]
fn pictures_that_can_not_stay_on_the_card_after_all_are_encoded_by_it_all_the_same() {
    let gpu = MockGpu::that(Gpu::FailsOnCard);
    let outcome = job_with(&gpu).run().done();
    assert_eq!((&outcome.report()["processor"], &outcome.report()["tier"]), (&"gpu".into(), &"gpu-encode".into()));
    let reason = outcome.report()["fell_back"].as_str().unwrap();
    assert!(reason.starts_with("gpu: ") && reason.contains("No decoder surfaces left"), "{reason}");
    assert_eq!(gpu.ladders(), ["gpu", "gpu-encode"]);
    assert_valid(&outcome);
}

/// A card for consumers: the driver refuses further encodes, whichever job they belong to.
#[test]
fn a_limit_of_encodes_at_once_is_found_and_kept() {
    let gpu = MockGpu::that(Gpu::HasSessions(1));
    let outcome = job_with(&gpu).run().done();
    assert_eq!((&outcome.report()["tier"], outcome.report().get("fell_back")), (&"gpu-encode".into(), None));
    assert_eq!(outcome.report()["kept_off"], "it has 2 encodes, and the driver allows 1 at once");
    assert_eq!(gpu.ladders(), ["gpu-encode"], "one encode is the GPU's and one the CPU's");
    assert_valid(&outcome);
}

#[test]
fn a_gpu_that_fails_half_way_is_left_for_the_cpu() {
    let gpu = MockGpu::that(Gpu::FailsAtLadders);
    let outcome = job_with(&gpu).run().done();
    assert_eq!(outcome.report()["processor"], "cpu");
    let reason = outcome.report()["fell_back"].as_str().unwrap();
    assert!(reason.contains("out of memory (10)"), "{reason}");
    assert_eq!(gpu.ladders(), ["gpu", "gpu-encode", "cpu"]);
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
    assert_eq!(gpu.ladders(), ["gpu", "gpu-encode"]);
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
            let threads = 2;
            let encode =
                VideoEncode { processor, encoding: &encoding, range, light, threads, keyframes, is_on_card: false };
            let options = encode.options();
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

#[test]
fn every_option_of_the_cards_filters_is_one_that_ffmpeg_lists_for_it() {
    let upload = fixtures::picture(
        "fields-for-gpu.mp4",
        "testsrc2=size=640x360:rate=50:duration=1,interlace",
        &["-flags", "+ildct+ilme", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv"],
    );
    let explain = ["policy", "explain", "--encoders", "gpu", "--json", "--media", upload.to_str().unwrap()];
    let explained = tool::attempt(env!("CARGO_BIN_EXE_codex-transcoder"), &explain, std::path::Path::new("/"));
    let explained: serde_json::Value = serde_json::from_slice(&explained.stdout).unwrap();
    let commands = explained["ffmpeg"].as_array().unwrap().iter().flat_map(|one| one["arguments"].as_array().unwrap());
    let graphs: Vec<&str> =
        commands.filter_map(|argument| argument.as_str()).filter(|text| text.contains("_cuda=")).collect();
    let filters: Vec<&str> = graphs.iter().flat_map(|graph| graph.split([',', ';', ']'])).collect();
    let of = |name: &str| filters.iter().filter_map(|filter| filter.strip_prefix(name)).collect::<Vec<_>>();
    assert!(!of("scale_cuda=").is_empty() && !of("yadif_cuda=").is_empty(), "{graphs:?}");
    for name in ["scale_cuda", "yadif_cuda"] {
        let help =
            tool::attempt("ffmpeg", &["-hide_banner", "-h", &format!("filter={name}")], std::path::Path::new("/"));
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        if !help.contains(&format!("Filter {name}")) {
            unmet(&format!("this ffmpeg was built without {name}"));
            continue;
        }
        let words: Vec<&str> = help.lines().filter_map(|line| line.split_whitespace().next()).collect();
        for options in of(&format!("{name}=")) {
            // Width and height have no names.
            let options = options.split('[').next().unwrap().split(':').filter(|option| option.parse::<u32>().is_err());
            for option in options {
                let (key, value) = option.split_once('=').unwrap_or_else(|| panic!("{name}: {option}"));
                assert!(words.contains(&key), "{name} has no option {key}");
                // A form of samples is none of its words.
                assert!(key == "format" || words.contains(&value), "{name}: {key} does not take {value}");
            }
        }
    }
}
