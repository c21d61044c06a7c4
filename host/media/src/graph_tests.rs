use std::time::Duration;

use super::*;
use crate::outputs::Output;
use crate::tests::testkit::{archive, info, key, ladder, plan, plan_of, still};

fn command(info: &MediaInfo, plan: &Plan, loudness_filter: Option<&str>) -> String {
    let tier = Tier::Cpu;
    let proof = &Proof::assumed(&[Processor::Cpu]);
    let levels = &Levels { usual: loudness_filter.map(str::to_owned), ..Levels::default() };
    Graph { info, plan, ready: &BTreeSet::new(), tier, proof, levels, cores: 2, may_reserve: true }
        .arguments()
        .unwrap()
        .to_string()
}

#[test]
fn each_track_is_decoded_once_for_everything() {
    let mut plan = plan();
    plan.outputs.push(still(1280));
    let command = command(&info(), &plan, Some("volume=3dB"));
    assert_eq!((command.matches("[0:0]").count(), command.matches("[1:1]").count()), (1, 1), "{command}");
    assert_eq!(command.matches("-i file:input").count(), 2, "{command}");
    let before = "[0:0]scale=1920:1080,split=2[compared_in][shown_in];[compared_in]metadata=";
    assert!(command.contains(before), "what is compared is taken before all filters: {command}");
    let behind = "[shown_in]fps=fps=30000/1001[shown];[shown]split=2[archive1_in][still2_in]";
    assert!(command.contains(behind), "{command}");
    // Or else version 7 of ffmpeg takes frames that say nothing for BT.601, and converts them.
    let colour = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709";
    let scaled = format!(
        "[archive1_in]scale=1920:1080,setsar=1,format=yuv420p,{colour},split=2[archive1][rung0_in];\
[rung0_in]scale=1280:720,setsar=1,split=2[rung0][rung1_in];[rung1_in]scale=640:360,setsar=1[rung1]"
    );
    assert!(command.contains(&scaled), "smaller pictures are made of larger ones: {command}");
}

#[test]
fn sound_alone_needs_one_demuxer_and_silence_is_put_only_before_sound_that_begins_late() {
    let mut info = MediaInfo { video: None, ..info() };
    let mut archive = archive();
    archive.video = None;
    let plan = plan_of([Output::Archive(archive)]);
    let prompt = command(&info, &plan, None);
    assert!(prompt.contains("[0:1]aresample=async=1,") && !prompt.contains("first_pts"), "{prompt}");
    assert_eq!(prompt.matches("-i file:input").count(), 1, "{prompt}");
    info.audio.as_mut().unwrap().start = Duration::from_secs(12);
    assert!(command(&info, &plan, None).contains("aresample=async=1:first_pts=0,"));
}

#[test]
fn the_sound_is_levelled_once_for_all_rungs_and_not_for_the_archive() {
    let command = command(&info(), &plan(), Some("volume=3dB"));
    assert_eq!(command.matches("volume=3dB").count(), 1, "{command}");
    assert!(command.contains("[1:1]asplit=2[as_is][to_level];[as_is]aresample=async=1,"), "{command}");
    assert!(command.contains("[formed_in]volume=3dB[formed];[formed]asplit=3[sound0][sound1]"), "{command}");
}

#[test]
fn left_and_right_of_two_tracks_are_joined_once_for_everything() {
    let mut info = info();
    info.audio.as_mut().unwrap().right = Some(2);
    let joined = command(&info, &plan(), Some("volume=3dB"));
    assert_eq!((joined.matches("[1:1]").count(), joined.matches("[1:2]").count()), (1, 1), "{joined}");
    assert!(joined.contains("[both];[both]asplit=2[as_is][to_level];"), "{joined}");
    let silent = command(&info, &plan_of([still(640)]), None);
    assert!(!silent.contains("join"), "a graph of sound that nobody takes would fail: {silent}");
}

#[test]
fn nothing_that_a_policy_named_is_in_the_command() {
    let mut ladder = ladder();
    ladder.rungs[0].name = "a-name-of-the-policy".into();
    ladder.rungs[0].playlist = key("u/a-name-of-the-policy/index.m3u8");
    let plan = plan_of([Output::Ladder(ladder), Output::Archive(archive())]);
    let command = command(&info(), &plan, None);
    assert!(!command.contains("a-name-of-the-policy") && !command.contains("mezzanine"), "{command}");
}

#[test]
fn a_source_is_guarded_before_it_is_opened() {
    let command = command(&info(), &plan(), None);
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
    let command = command(&info(), &plan(), None);
    assert_eq!(command.matches("-force_key_frames 'expr:gte(t,n_forced*2)' ").count(), 2, "{command}");
    assert_eq!(command.matches("-g 120 ").count(), 2, "{command}");
}

#[test]
fn interlacing_high_dynamic_range_and_long_sound_are_handled_before_the_split() {
    let mut info = info();
    let video = info.video.as_mut().unwrap();
    video.interlaced = true;
    video.range = DynamicRange::Pq;
    video.length = Duration::from_secs(50);
    let command = command(&info, &plan(), None);
    let (trunk, _) = command.split_once("[shown];").unwrap();
    assert!(trunk.contains("[shown_in]bwdif=mode=send_frame,fps="), "{trunk}");
    assert!(trunk.contains("tpad=stop_mode=clone:stop_duration=10.000"), "{trunk}");
    assert!(trunk.contains("tin=smpte2084") && trunk.contains("tonemap=tonemap=mobius"), "{trunk}");
    assert!(!command.contains("colormatrix"), "tone mapping has converted it to BT.709");
}

#[test]
fn standard_definition_colours_are_converted_to_bt709() {
    let mut info = info();
    info.video.as_mut().unwrap().matrix = Matrix::Bt601;
    let command = command(&info, &plan(), None);
    assert!(
        command.contains("scale=1920:1080:out_range=tv,setsar=1,format=yuv420p,colormatrix=bt601:bt709,"),
        "{command}"
    );
}

#[test]
fn a_source_without_sound_makes_a_ladder_without_sound() {
    let mut info = info();
    info.audio = None;
    let command = command(&info, &plan(), None);
    assert!(!command.contains("-c:a") && !command.contains("[0:1]"), "{command}");
}

#[test]
fn on_the_card_only_stills_and_comparisons_leave_it() {
    let mut plan = plan();
    plan.outputs.push(still(1280));
    let command = gpu_command(&info(), &plan, Tier::Gpu, &Proof::assumed(&[Processor::Gpu]));
    let input = "-hwaccel cuda -hwaccel_output_format cuda -extra_hw_frames 24 -threads 2 ";
    assert!(command.contains(input) && !command.contains("libx264"), "{command}");
    assert_eq!(command.matches("-hwaccel cuda").count(), 1, "the sound's demuxer decodes no picture: {command}");
    assert_eq!(command.matches("-c:v h264_nvenc").count(), 3);
    assert!(command.contains("[rung1_in]scale_cuda=640:360:format=nv12,setsar=1[rung1]"), "{command}");
    assert!(!command.contains("-pix_fmt yuv420p"), "frames would have to leave the card for it: {command}");
    // What is compared, three times, and the still.
    assert_eq!(command.matches("hwdownload,format=nv12").count(), 4, "{command}");
    let on_the_way = command.split("[shown_in]").nth(2).unwrap().split("[still2_in]select").next().unwrap();
    assert!(!on_the_way.contains("hwdownload"), "{command}");
}

#[test]
fn an_interlaced_source_becomes_frames_on_the_card() {
    let mut info = info();
    info.video.as_mut().unwrap().interlaced = true;
    let command = gpu_command(&info, &plan(), Tier::Gpu, &Proof::assumed(&[Processor::Gpu]));
    assert!(command.contains("[shown_in]yadif_cuda=mode=send_frame,fps="), "{command}");
}

#[test]
fn what_the_gpu_only_encodes_is_decoded_and_scaled_on_the_cpu() {
    let command = gpu_command(&info(), &plan(), Tier::GpuEncode, &Proof::assumed(&[Processor::Gpu]));
    assert!(!command.contains("-hwaccel") && !command.contains("cuda"), "{command}");
    assert_eq!(command.matches("-c:v h264_nvenc").count(), 3);
}

#[test]
fn encodes_beyond_the_drivers_limit_are_the_cpus() {
    let proof = Proof::assumed(&[Processor::Gpu, Processor::Cpu]).with_sessions(Some(2));
    let command = gpu_command(&info(), &plan(), Tier::GpuEncode, &proof);
    let counts = ["-c:v h264_nvenc", "-c:v libx264"].map(|encoder| command.matches(encoder).count());
    assert_eq!(counts, [2, 1], "{command}");
}

fn gpu_command(info: &MediaInfo, plan: &Plan, tier: Tier, proof: &Proof) -> String {
    let (ready, levels) = (&BTreeSet::new(), &Levels::default());
    Graph { info, plan, ready, tier, proof, levels, cores: 2, may_reserve: true }.arguments().unwrap().to_string()
}
