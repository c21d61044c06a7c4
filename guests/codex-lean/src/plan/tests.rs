use policy_sdk::fake::{audio_info, job, media_info, video_info};
use policy_sdk::types::{LoudnessTarget, MediaKind, Output, Preference, SegmentContainer};

use super::*;
use crate::ladder;

fn plan(info: &MediaInfo, json: &str) -> Plan {
    let settings = Settings::parse(json).unwrap();
    let kind = if info.video.is_some() { MediaKind::Video } else { MediaKind::Audio };
    build(&job(kind), info, ladder::select(info, &settings).unwrap(), &settings)
}

fn video() -> MediaInfo {
    media_info(Some(video_info(1920, 1080)), Some(audio_info()))
}

fn sound() -> MediaInfo {
    media_info(None, Some(audio_info()))
}

/// The kinds of a plan's outputs, in order; stills with their width and quality.
fn kinds(plan: &Plan) -> Vec<String> {
    let kind = |output: &Output| match output {
        Output::Hls(_) => "hls".into(),
        Output::File(_) | Output::KeptFile(_) => "file".into(),
        Output::Storyboard(_) => "storyboard".into(),
        Output::Download(_) => "download".into(),
        Output::Animation(_) => "animation".into(),
        Output::Iframes(_) => "iframes".into(),
        Output::Audio(_) => "audio".into(),
        Output::Subtitles(_) => "subtitles".into(),
        Output::Dash(_) => "dash".into(),
        Output::Clip(_) => "clip".into(),
        Output::Still(still) => format!("{:?} {} {}", still.format, still.max_width, still.quality),
        Output::Waveform(_) => "waveform".into(),
        Output::Loudness => "loudness".into(),
    };
    plan.outputs.iter().map(|output| kind(output)).collect()
}

const STILLS: [&str; 3] = ["StillFormat::Webp 200 75", "StillFormat::Webp 400 80", "StillFormat::Webp 800 82"];

#[test]
fn a_video_gets_a_ladder_a_preview_three_thumbnails_and_a_measure() {
    assert_eq!(kinds(&plan(&video(), "{}")), ["hls", "clip", STILLS[0], STILLS[1], STILLS[2], "loudness"]);
}

#[test]
fn sound_alone_gets_a_ladder_a_waveform_and_a_measure() {
    assert_eq!(kinds(&plan(&sound(), "{}")), ["hls", "waveform", "loudness"]);
}

#[test]
fn a_silent_video_gets_no_measure_and_no_target_loudness() {
    let plan = plan(&media_info(Some(video_info(640, 360)), None), r#"{"mezzanine": true}"#);
    assert_eq!(kinds(&plan), ["hls", "file", "clip", STILLS[0], STILLS[1], STILLS[2]]);
    assert_eq!(plan.loudness, None);
    let Output::File(file) = &*plan.outputs[1] else { panic!("no mezzanine") };
    assert_eq!(file.audio_kbps, None);
}

#[test]
fn each_flag_turns_its_own_output_on_or_off() {
    let table = [
        (r#"{"mezzanine": true}"#, vec!["hls", "file", "clip", STILLS[0], STILLS[1], STILLS[2], "loudness"]),
        (r#"{"preview": false}"#, vec!["hls", STILLS[0], STILLS[1], STILLS[2], "loudness"]),
        (r#"{"thumbnailVariants": false}"#, vec!["hls", "clip", STILLS[2], "loudness"]),
        (r#"{"loudness": false}"#, vec!["hls", "clip", STILLS[0], STILLS[1], STILLS[2]]),
    ];
    for (json, expected) in table {
        assert_eq!(kinds(&plan(&video(), json)), expected, "{json}");
    }
    for (json, drawn) in [("{}", true), (r#"{"waveformImage": false}"#, false)] {
        let plan = plan(&sound(), json);
        let Output::Waveform(waveform) = &*plan.outputs[1] else { panic!("no waveform") };
        assert_eq!((waveform.data.is_some(), waveform.image.is_some()), (true, drawn), "{json}");
    }
}

#[test]
fn a_rung_is_one_transport_stream_and_the_ladder_begins_with_the_rung_nearest_to_two_megabits() {
    let plan = plan(&video(), "{}");
    let Output::Hls(hls) = &*plan.outputs[0] else { panic!("the ladder is not the first output") };
    assert_eq!((hls.container, hls.layout), (SegmentContainer::Ts, SegmentLayout::SingleFile));
    let rungs: Vec<&str> = hls.rungs.iter().map(|rung| rung.rendition.name.as_str()).collect();
    assert_eq!(rungs, ["480p", "720p"]);
    assert_eq!(hls.segment_ms % hls.keyframe_ms, 0);
}

#[test]
fn the_sound_is_brought_to_the_platforms_loudness_unless_that_is_turned_off() {
    let target = LoudnessTarget { integrated: -1600, true_peak: -150, range: 1100 };
    assert_eq!(plan(&sound(), "{}").loudness, Some(target));
    assert_eq!(plan(&sound(), r#"{"loudness": false}"#).loudness, None);
}

#[test]
fn effort_and_processor_are_those_of_the_settings() {
    let plan = plan(&video(), r#"{"mezzanine": true, "effort": "fastest", "processor": "gpu"}"#);
    assert_eq!(plan.prefer, Preference::Gpu);
    let Output::File(file) = &*plan.outputs[1] else { panic!("no mezzanine") };
    assert_eq!(file.video.as_ref().unwrap().effort, Effort::Fastest);
}
