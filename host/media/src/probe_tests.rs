use fault::Fault;

use super::*;
use crate::info::{DynamicRange, Matrix};

const VIDEO: &str = r#"{"index":0,"codec_type":"video","codec_name":"h264","width":1920,"height":1080,"pix_fmt":"yuv420p",
"r_frame_rate":"25/1","avg_frame_rate":"25/1","nb_frames":"250","disposition":{"default":1,"attached_pic":0}}"#;
const AUDIO: &str = r#"{"index":1,"codec_type":"audio","codec_name":"aac","sample_rate":"48000","channels":2,
"nb_frames":"469","disposition":{"default":1,"attached_pic":0}}"#;

fn header(streams: &[&str]) -> Header {
    let streams = streams.join(",");
    serde_json::from_str(&format!(
        r#"{{"streams":[{streams}],"format":{{"format_name":"mov","duration":"10.0","start_time":"0.0"}}}}"#
    ))
    .unwrap()
}

fn packets(of: &[(u32, u64, f64)]) -> BTreeMap<u32, Packets> {
    of.iter()
        .map(|&(index, count, end)| (index, Packets { count, end, start: Some(0.0), last: Some(end - 0.04) }))
        .collect()
}

fn described(streams: &[&str], of: &[(u32, u64, f64)], declared: DeclaredKind) -> Result<MediaInfo, MediaError> {
    describe(&header(streams), &packets(of), 1000, declared)
}

fn code(streams: &[&str], of: &[(u32, u64, f64)], declared: DeclaredKind) -> &'static str {
    described(streams, of, declared).unwrap_err().code().name
}

#[test]
fn the_length_comes_from_the_packets_and_not_from_the_header() {
    let info = described(&[VIDEO, AUDIO], &[(0, 250, 10.0), (1, 469, 9.5)], DeclaredKind::Video).unwrap();
    assert_eq!(info.duration, Duration::from_secs(10));
    let longer = described(&[VIDEO, AUDIO], &[(0, 250, 10.0), (1, 700, 14.5)], DeclaredKind::Video).unwrap();
    assert_eq!(longer.duration, Duration::from_millis(14_500));
    assert_eq!(longer.held_picture(), Some(Duration::from_millis(4_500)));
    assert_eq!(longer.ladder_length(), Duration::from_millis(14_500));
}

#[test]
fn a_file_of_many_cover_pictures_is_too_demanding() {
    let cover = VIDEO.replace(r#""attached_pic":0"#, r#""attached_pic":1"#);
    let with = |covers: usize| check_covers(&header(&[vec![AUDIO], vec![cover.as_str(); covers]].concat()));
    assert_eq!(with(MAX_COVERS), Ok(()));
    let refused = with(MAX_COVERS + 1).unwrap_err();
    assert_eq!(refused.code().name, "upload.too-demanding");
    assert!(refused.to_string().contains("25 cover pictures"), "{refused}");
}

#[test]
fn rotation_and_pixel_shape_decide_the_size_as_shown() {
    let turned = VIDEO.replace(r#""width":1920"#, r#""side_data_list":[{},{"rotation":-90}],"width":1920"#);
    let video = described(&[&turned], &[(0, 250, 10.0)], DeclaredKind::Video).unwrap().video.unwrap();
    assert_eq!((video.width, video.height), (1080, 1920));
    let wide = VIDEO
        .replace("1920", "720")
        .replace("1080", "576")
        .replace(r#""width""#, r#""sample_aspect_ratio":"64:45","width""#);
    let video = described(&[&wide], &[(0, 250, 10.0)], DeclaredKind::Video).unwrap().video.unwrap();
    assert_eq!((video.width, video.height), (1024, 576));
    assert_eq!(video.matrix, Matrix::Bt601, "small pictures that say nothing are BT.601");
}

#[test]
fn high_dynamic_range_full_range_and_interlacing_are_detected() {
    let hdr = VIDEO.replace("yuv420p", "yuv420p10le").replace(
        r#""width""#,
        r#""color_transfer":"smpte2084","color_space":"bt2020nc","field_order":"tt","color_range":"pc","width""#,
    );
    let video = described(&[&hdr], &[(0, 250, 10.0)], DeclaredKind::Video).unwrap().video.unwrap();
    assert_eq!((video.range, video.bit_depth, video.matrix), (DynamicRange::Pq, 10, Matrix::Bt2020));
    assert!(video.interlaced && video.full_range);
}

#[test]
fn a_cover_picture_is_no_video() {
    let cover = VIDEO.replace(r#""attached_pic":0"#, r#""attached_pic":1"#);
    assert_eq!(code(&[&cover, AUDIO], &[(0, 1, 10.0), (1, 469, 10.0)], DeclaredKind::Video), "upload.no-video");
    let info = described(&[&cover, AUDIO], &[(0, 1, 10.0), (1, 469, 10.0)], DeclaredKind::Audio).unwrap();
    assert!(info.video.is_none() && info.audio.is_some());
}

#[test]
fn the_default_track_is_taken_and_of_several_the_one_with_the_most_pixels() {
    let other = VIDEO.replace(r#""index":0"#, r#""index":2"#);
    let not_default = VIDEO.replace(r#""default":1"#, r#""default":0"#);
    let chosen = |first: &str, counts: (u64, u64)| {
        let of = [(0, counts.0, 10.0), (2, counts.1, 10.0)];
        described(&[first, &other], &of, DeclaredKind::Video).unwrap().video.unwrap().index
    };
    assert_eq!(chosen(&not_default, (250, 250)), 2);
    assert_eq!(chosen(VIDEO, (250, 250)), 0, "of equals the first");
    assert_eq!(chosen(VIDEO, (3, 250)), 2, "a track of a few stills is not the film");
}

#[test]
fn timestamps_that_no_clock_could_show_are_the_uploads_fault() {
    for end in [2e9, 1e20, f64::MAX, f64::INFINITY] {
        assert_eq!(code(&[VIDEO], &[(0, 250, end)], DeclaredKind::Video), "upload.damaged", "{end}");
    }
}

#[test]
fn the_declared_kind_of_track_must_exist() {
    assert_eq!(code(&[AUDIO], &[(1, 469, 10.0)], DeclaredKind::Video), "upload.no-video");
    assert_eq!(code(&[VIDEO], &[(0, 250, 10.0)], DeclaredKind::Audio), "upload.no-audio");
    let unknown = VIDEO.replace("h264", "unknown");
    assert_eq!(code(&[&unknown], &[(0, 250, 10.0)], DeclaredKind::Video), "upload.unsupported-codec");
    let overwritten = VIDEO.replace(r#""pix_fmt":"yuv420p","#, "");
    assert_eq!(code(&[&overwritten], &[(0, 250, 10.0)], DeclaredKind::Video), "upload.damaged");
}

#[test]
fn a_file_without_the_packets_of_its_index_is_truncated() {
    assert_eq!(code(&[VIDEO, AUDIO], &[(0, 17, 0.6), (1, 46, 1.0)], DeclaredKind::Video), "upload.truncated");
    // Edit lists drop a few packets, and headers round.
    assert!(described(&[VIDEO, AUDIO], &[(0, 246, 9.8), (1, 469, 10.0)], DeclaredKind::Video).is_ok());
}

#[test]
fn a_file_that_announces_more_packets_than_can_be_counted_is_truncated() {
    for announced in [u64::MAX, u64::MAX / WHOLE_PERMILLE + 1] {
        let endless = VIDEO.replace("250", &announced.to_string());
        assert_eq!(code(&[&endless], &[(0, 17, 0.6)], DeclaredKind::Video), "upload.truncated", "{announced}");
    }
}

#[test]
fn a_file_whose_packets_have_one_timestamp_has_no_duration() {
    let mut at_one_moment = packets(&[(0, 5, 0.04)]);
    at_one_moment.get_mut(&0).unwrap().last = Some(0.0);
    let error =
        describe(&header(&[&VIDEO.replace("250", "5")]), &at_one_moment, 1000, DeclaredKind::Video).unwrap_err();
    assert_eq!(error.code(), "upload.zero-duration");
}

#[test]
fn pictures_beyond_8k_and_under_sixteen_pixels_are_refused() {
    let sized = |width: &str, height: &str| VIDEO.replace("1920", width).replace("1080", height);
    assert_eq!(code(&[&sized("16384", "8640")], &[(0, 250, 10.0)], DeclaredKind::Video), "upload.too-large");
    assert_eq!(code(&[&sized("10", "12")], &[(0, 250, 10.0)], DeclaredKind::Video), "upload.too-small");
    assert!(described(&[&sized("7680", "4320")], &[(0, 250, 10.0)], DeclaredKind::Video).is_ok());
}

#[test]
fn packet_lines_may_lack_fields() {
    let mut packets = BTreeMap::new();
    take_packet(&mut packets, "stream_index=0|pts_time=1.0|dts_time=0.9|duration_time=0.04");
    take_packet(&mut packets, "stream_index=0|pts_time=N/A|dts_time=2.0|duration_time=N/A|");
    take_packet(&mut packets, "stream_index=0|pts_time=N/A|dts_time=N/A|duration_time=N/A");
    take_packet(&mut packets, "");
    assert_eq!(packets[&0], Packets { count: 3, end: 2.0, start: Some(1.0), last: Some(2.0) });
}

#[test]
fn refusals_of_ffprobe_become_upload_errors() {
    let code = |stderr: &str| refused(stderr).code();
    assert_eq!(code("[mov @ 0x1] moov atom not found\nfile:input: Invalid data"), "upload.truncated");
    assert_eq!(code("[vvc @ 0x1] Codec (vvc) not on whitelist 'h264,hevc'"), "upload.unsupported-codec");
    assert_eq!(code("[hls @ 0x1] Format not on whitelist 'mov'\nfile:input: Invalid argument"), "upload.not-media");
    assert_eq!(code("[h264 @ 0x1] Picture size 9000x4400 exceeds specified max pixel count 1"), "upload.too-large");
    assert_eq!(code(""), "upload.not-media");
    let hostile = refused("file:input: \u{1b}[31mred").to_string();
    assert!(!hostile.contains('\u{1b}'), "{hostile:?}");
}

/// Probes a file with the real ffprobe.
async fn probed(bytes: &[u8]) -> Result<MediaInfo, MediaError> {
    let work = tempfile::tempdir().unwrap();
    std::fs::write(work.path().join(INPUT_NAME), bytes).unwrap();
    let ffprobe = Tool::new("ffprobe".into(), Duration::from_secs(60));
    probe(&ffprobe, work.path(), DeclaredKind::Video, &CancellationToken::new()).await
}

#[tokio::test]
async fn an_empty_upload_is_refused() {
    assert_eq!(probed(b"").await.unwrap_err().code().name, "upload.empty");
}

#[tokio::test]
async fn a_matroska_file_that_ends_too_early_is_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("ffmpeg")
        .current_dir(folder.path())
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=6"])
        .args(["-c:v", "libx264", "-g", "25", "whole.mkv"])
        .status()
        .unwrap();
    assert!(made.success());
    let whole = std::fs::read(folder.path().join("whole.mkv")).unwrap();
    assert_eq!(probed(&whole).await.unwrap().duration.as_secs(), 6);
    let error = probed(&whole[..whole.len() / 2]).await.unwrap_err();
    assert_eq!(error.code().name, "upload.truncated");
    assert!(error.to_string().contains("of the length that it announces are missing"), "{error}");
}
