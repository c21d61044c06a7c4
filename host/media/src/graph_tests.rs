use storage::Key;

use super::*;
use crate::info::{Audio, Ratio};
use crate::plan::{Destination, Effort, Encoding, Moment, Preference};

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn info() -> MediaInfo {
    let length = Duration::from_secs(60);
    MediaInfo {
        container: "mov".into(),
        duration: length,
        size: 1,
        video: Some(Video {
            index: 0,
            codec: "h264".into(),
            width: 1920,
            height: 1080,
            frame_rate: Ratio { numerator: 30_000, denominator: 1001 },
            bit_depth: 8,
            range: DynamicRange::Sdr,
            matrix: Matrix::Bt709,
            full_range: false,
            interlaced: false,
            length,
        }),
        audio: Some(Audio { index: 1, codec: "aac".into(), channels: 2, sample_rate: 44_100, length }),
        notes: Vec::new(),
    }
}

fn plan() -> Plan {
    let encoding = Encoding { quality: 23, max_kbps: Some(3000), effort: Effort::Fast };
    let rung = |name: &str, short_side| Rung {
        name: name.into(),
        video: Some((short_side, encoding)),
        audio_kbps: Some(128),
        playlist: key(&format!("u/{name}/index.m3u8")),
    };
    let ladder = Ladder {
        store: "media".into(),
        master: key("u/master.m3u8"),
        rungs: vec![rung("720p", 720), rung("360p", 360)],
        segment_ms: 6000,
        keyframe_ms: 2000,
        container: Container::Ts,
        single_file: false,
    };
    let archive = Archive {
        to: Destination { store: "archive".into(), key: key("u/mezzanine.mp4") },
        video: Some(Encoding { quality: 18, max_kbps: None, effort: Effort::Slow }),
        audio_kbps: Some(256),
    };
    Plan { outputs: vec![Output::Ladder(ladder), Output::Archive(archive)], loudness: None, prefer: Preference::Auto }
}

fn window() -> CandidateWindow {
    CandidateWindow { at: Moment::Permille(100), from_ms: 6000, until_ms: 18_000, size: (1280, 720) }
}

fn command(info: &MediaInfo, plan: &Plan, loudness_filter: Option<&str>, stills: &[CandidateWindow]) -> String {
    let processor = Processor::Cpu;
    Graph { info, plan, processor, loudness_filter, stills, threads: 2 }.arguments().to_string()
}

#[test]
fn everything_comes_from_one_decode() {
    let command = command(&info(), &plan(), Some("volume=3dB"), &[window()]);
    assert_eq!(command.matches("-i file:input").count(), 1, "{command}");
    assert!(
        command.contains("[0:0]fps=fps=30000/1001:start_time=0,split=4[rung0_in][rung1_in][archive1_in][still0_in]")
    );
    assert!(command.contains("[rung1_in]scale=640:360,setsar=1,format=yuv420p[rung1]"), "{command}");
    assert!(command.contains("[archive1_in]scale=1920:1080,"), "{command}");
}

#[test]
fn the_sound_is_levelled_once_for_all_rungs_and_not_for_the_archive() {
    let command = command(&info(), &plan(), Some("volume=3dB"), &[]);
    assert_eq!(command.matches("volume=3dB").count(), 1, "{command}");
    assert!(command.contains("[0:1]asplit=2[as_is][to_level];[as_is]anull,aresample=async=1"), "{command}");
    assert!(command.contains("volume=3dB,asplit=2[sound0_in][sound1_in]"), "{command}");
}

#[test]
fn nothing_that_a_policy_named_is_in_the_command() {
    let mut plan = plan();
    if let Some(Output::Ladder(ladder)) = plan.outputs.first_mut() {
        ladder.rungs[0].name = "a-name-of-the-policy".into();
        ladder.rungs[0].playlist = key("u/a-name-of-the-policy/index.m3u8");
    }
    let command = command(&info(), &plan, None, &[]);
    assert!(!command.contains("a-name-of-the-policy") && !command.contains("mezzanine"), "{command}");
}

#[test]
fn a_source_is_guarded_before_it_is_opened() {
    let command = command(&info(), &plan(), None, &[]);
    let (before, _) = command.split_once("-i file:input").unwrap();
    for guard in [
        "-nostdin",
        "-protocol_whitelist file ",
        "-format_whitelist ",
        "-codec_whitelist ",
        "-max_pixels ",
        "-max_alloc ",
    ] {
        assert!(before.contains(guard), "{guard} is not before the input: {before}");
    }
    for format in ["concat", "hls", "dash", "image2", "sdp"] {
        assert!(!before.contains(&format!(",{format},")), "{format} is allowed");
    }
}

#[test]
fn keyframes_are_forced_at_the_same_instants_and_no_others_come_before() {
    let command = command(&info(), &plan(), None, &[]);
    assert_eq!(command.matches("-force_key_frames 'expr:gte(t,n_forced*2)' ").count(), 2, "{command}");
    assert_eq!(command.matches("-g 120 ").count(), 2, "{command}");
}

#[test]
fn fields_high_dynamic_range_and_late_endings_are_dealt_with_before_the_split() {
    let mut info = info();
    let video = info.video.as_mut().unwrap();
    video.interlaced = true;
    video.range = DynamicRange::Pq;
    video.length = Duration::from_secs(50);
    let command = command(&info, &plan(), None, &[]);
    let (trunk, _) = command.split_once(",split=").unwrap();
    assert!(trunk.contains("[0:0]bwdif=mode=send_frame,fps="), "{trunk}");
    assert!(trunk.contains("tpad=stop_mode=clone:stop_duration=10.000"), "{trunk}");
    assert!(trunk.contains("tin=smpte2084") && trunk.contains("tonemap=tonemap=mobius"), "{trunk}");
    assert!(!command.contains("in_color_matrix"), "tone mapping has brought it to BT.709");
}

#[test]
fn standard_definition_colours_are_brought_to_bt709() {
    let mut info = info();
    info.video.as_mut().unwrap().matrix = Matrix::Bt601;
    let command = command(&info, &plan(), None, &[]);
    assert!(command.contains("scale=640:360:in_color_matrix=bt601:out_color_matrix=bt709:out_range=tv"), "{command}");
}

#[test]
fn a_source_without_sound_makes_a_ladder_without_sound() {
    let mut info = info();
    info.audio = None;
    let command = command(&info, &plan(), None, &[]);
    assert!(!command.contains("-c:a") && !command.contains("[0:1]"), "{command}");
}

#[test]
fn the_gpu_gets_its_own_options_and_decodes_if_it_can() {
    let (info, plan) = (info(), plan());
    let graph =
        Graph { info: &info, plan: &plan, processor: Processor::Gpu, loudness_filter: None, stills: &[], threads: 2 };
    let command = graph.arguments().to_string();
    assert!(command.contains("-hwaccel cuda ") && !command.contains("libx264"), "{command}");
    assert_eq!(command.matches("-c:v h264_nvenc").count(), 3);
}
