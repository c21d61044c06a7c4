use policy_sdk::fake::{audio_info, job, media_info, video_info};
use policy_sdk::types::{LoudnessTarget, MediaKind, Output, Preference};

use super::*;
use crate::ladder;

fn plan(info: &MediaInfo, json: &str) -> Plan {
    let settings = Settings::parse(json).unwrap();
    let kind = if info.video.is_some() { MediaKind::Video } else { MediaKind::Audio };
    build(&job(kind), info, ladder::select(info, &settings).unwrap(), &settings)
}

fn video_of(width: u32, height: u32) -> MediaInfo {
    media_info(Some(video_info(width, height)), Some(audio_info()))
}

fn sound() -> MediaInfo {
    media_info(None, Some(audio_info()))
}

/// The kinds of a plan's outputs, in order.
fn kinds(plan: &Plan) -> Vec<&'static str> {
    let kind = |output: &Output| match output {
        Output::Hls(_) => "hls",
        Output::File(_) | Output::KeptFile(_) => "file",
        Output::Clip(_) => "clip",
        Output::Still(_) => "still",
        Output::Storyboard(_) => "storyboard",
        Output::Download(_) => "download",
        Output::Animation(_) => "animation",
        Output::Iframes(_) => "iframes",
        Output::Audio(_) => "audio",
        Output::Subtitles(_) => "subtitles",
        Output::Dash(_) => "dash",
        Output::Waveform(_) => "waveform",
        Output::Loudness => "loudness",
    };
    plan.outputs.iter().map(|output| kind(output)).collect()
}

fn hls_rungs(plan: &Plan) -> Vec<&str> {
    let Output::Hls(hls) = &*plan.outputs[0] else { panic!("the ladder is not the first output") };
    hls.rungs.iter().map(|rung| rung.rendition.name.as_str()).collect()
}

#[test]
fn a_video_gets_a_ladder_an_archive_file_a_preview_a_thumbnail_and_a_measure() {
    assert_eq!(kinds(&plan(&video_of(1920, 1080), "{}")), ["hls", "file", "clip", "still", "loudness"]);
}

#[test]
fn sound_alone_gets_a_ladder_a_waveform_and_a_measure() {
    assert_eq!(kinds(&plan(&sound(), "{}")), ["hls", "waveform", "loudness"]);
}

#[test]
fn a_silent_video_gets_no_measure_and_no_waveform() {
    let plan = plan(&media_info(Some(video_info(640, 360)), None), r#"{"waveform": "always"}"#);
    assert_eq!(kinds(&plan), ["hls", "file", "clip", "still"]);
    assert_eq!(plan.loudness, None);
    let Output::File(file) = &*plan.outputs[1] else { panic!("no mezzanine") };
    assert_eq!(file.audio_kbps, None);
}

#[test]
fn each_output_can_be_turned_off() {
    let table = [
        (r#"{"mezzanine": false}"#, vec!["hls", "clip", "still", "loudness"]),
        (r#"{"preview": false}"#, vec!["hls", "file", "still", "loudness"]),
        (r#"{"thumbnail": false}"#, vec!["hls", "file", "clip", "loudness"]),
        (r#"{"loudness": false}"#, vec!["hls", "file", "clip", "still"]),
    ];
    for (json, expected) in table {
        assert_eq!(kinds(&plan(&video_of(1280, 720), json)), expected, "{json}");
    }
    assert_eq!(kinds(&plan(&sound(), r#"{"waveform": "never"}"#)), ["hls", "loudness"]);
}

#[test]
fn a_video_gets_a_waveform_if_the_setting_says_always() {
    assert!(kinds(&plan(&video_of(1280, 720), r#"{"waveform": "always"}"#)).contains(&"waveform"));
}

#[test]
fn the_waveforms_image_can_be_left_out() {
    for (json, drawn) in [("{}", true), (r#"{"waveformImage": false}"#, false)] {
        let plan = plan(&sound(), json);
        let Output::Waveform(waveform) = &*plan.outputs[1] else { panic!("no waveform") };
        assert_eq!((waveform.data.is_some(), waveform.image.is_some()), (true, drawn), "{json}");
    }
}

#[test]
fn the_master_playlist_begins_with_the_rung_nearest_to_two_megabits() {
    assert_eq!(hls_rungs(&plan(&video_of(1920, 1080), "{}")), ["480p", "1080p", "720p", "360p"]);
    assert_eq!(hls_rungs(&plan(&video_of(1280, 720), r#"{"rungs": ["720p", "360p"]}"#)), ["720p", "360p"]);
    assert_eq!(hls_rungs(&plan(&video_of(640, 360), "{}")), ["360p"]);
    assert_eq!(hls_rungs(&plan(&sound(), "{}")), ["128k", "64k"]);
}

#[test]
fn the_effort_setting_holds_for_the_mezzanine_too() {
    for (json, effort) in [("{}", Effort::Slow), (r#"{"effort": "fastest"}"#, Effort::Fastest)] {
        let plan = plan(&video_of(1920, 1080), json);
        let Output::File(file) = &*plan.outputs[1] else { panic!("no mezzanine") };
        assert_eq!(file.video.as_ref().unwrap().effort, effort, "{json}");
    }
}

#[test]
fn the_sound_is_brought_to_the_platforms_loudness_unless_that_is_turned_off() {
    let target = LoudnessTarget { integrated: -1600, true_peak: -150, range: 1100 };
    assert_eq!(plan(&sound(), "{}").loudness, Some(target));
    assert_eq!(plan(&sound(), r#"{"loudness": false}"#).loudness, None);
}

#[test]
fn the_processor_is_the_one_of_the_settings() {
    assert_eq!(plan(&sound(), "{}").prefer, Preference::Auto);
    assert_eq!(plan(&sound(), r#"{"processor": "gpu"}"#).prefer, Preference::Gpu);
}
