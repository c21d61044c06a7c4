use std::time::Duration;

use fault::Fault;

use super::*;
use crate::description::WHOLE_PERMILLE;
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
    let whole =
        |count, end: f64| Packets { count, end, start: Some(0.0), last: Some(end - 0.04), ..Packets::default() };
    of.iter().map(|&(index, count, end)| (index, whole(count, end))).collect()
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
fn a_file_of_many_cover_pictures_tracks_or_chapters_is_too_demanding() {
    let cover = VIDEO.replace(r#""attached_pic":0"#, r#""attached_pic":1"#);
    let covers = |count: usize| check_counts(&header(&vec![cover.as_str(); count]));
    let tracks = |count: usize| check_counts(&header(&vec![AUDIO; count]));
    let chapters = |count: usize| {
        let chapters = vec![r#"{"id":1}"#; count].join(",");
        check_counts(&serde_json::from_str(&format!(r#"{{"streams":[],"chapters":[{chapters}]}}"#)).unwrap())
    };
    assert_eq!((covers(MAX_COVERS), tracks(MAX_TRACKS), chapters(MAX_CHAPTERS)), (Ok(()), Ok(()), Ok(())));
    for (refused, detail) in [
        (covers(MAX_COVERS + 1), "25 cover pictures"),
        (tracks(MAX_TRACKS + 1), "129 tracks"),
        (chapters(MAX_CHAPTERS + 1), "5001 chapters"),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.code().name, "upload.too-demanding");
        assert!(refused.to_string().contains(detail), "{refused}");
    }
}

/// The answer for sound with these packets, each from a second to another, in a file of `size` bytes.
fn timeline(packets: &[(f64, f64)], size: u64) -> Result<MediaInfo, MediaError> {
    let mut sound = Packets::default();
    packets.iter().for_each(|&(from, to)| sound.take(Some(from), to - from));
    let audio = AUDIO.replace(r#""nb_frames":"469","#, "");
    describe(&header(&[&audio]), &BTreeMap::from([(1, sound)]), size, DeclaredKind::Audio)
}

#[test]
fn a_jump_of_hours_is_damage_and_a_pause_is_not() {
    let minutes = |from: usize| (from..from + 30).map(|minute| (minute as f64 * 60.0, minute as f64 * 60.0 + 60.0));
    let jump = |to: usize| timeline(&minutes(0).chain(minutes(to)).collect::<Vec<_>>(), 1 << 20);
    assert!(jump(30 + 59).is_ok());
    let refused = jump(30 + 61).unwrap_err();
    assert_eq!(refused.code().name, "upload.damaged");
    assert!(refused.to_string().contains("jump from 1800.0 s to 5460.0 s"), "{refused}");
}

#[test]
fn a_jump_of_the_picture_alone_is_no_damage() {
    let picture = [(0.0, 0.04), (7200.0, 7200.04)];
    let sound: Vec<_> = (0..7200).map(|second| (f64::from(second), f64::from(second) + 1.0)).collect();
    let taken = |times: &[(f64, f64)]| {
        let mut packets = Packets::default();
        times.iter().for_each(|&(from, to)| packets.take(Some(from), to - from));
        packets
    };
    let (video, audio) = (VIDEO.replace(r#""nb_frames":"250","#, ""), AUDIO.replace(r#""nb_frames":"469","#, ""));
    let packets = BTreeMap::from([(0, taken(&picture)), (1, taken(&sound))]);
    describe(&header(&[&video, &audio]), &packets, 1 << 20, DeclaredKind::Video).unwrap();
}

#[test]
fn a_long_timeline_needs_packets_and_bytes() {
    assert!(timeline(&[(0.0, 1.0), (599.0, 599.5)], 100).is_ok());
    assert_eq!(timeline(&[(0.0, 1.0), (1800.0, 1801.0)], 1 << 20).unwrap_err().code().name, "upload.damaged");
    let ten: Vec<_> = (0..10).map(|n| (f64::from(n) * 180.0, f64::from(n) * 180.0 + 180.0)).collect();
    assert!(timeline(&ten, 1801).is_ok());
    let refused = timeline(&ten, 1799).unwrap_err();
    assert!(refused.to_string().contains("span 1800 s, with 10 packets in 1799 bytes"), "{refused}");
}

#[test]
fn sound_of_a_few_samples_a_second_is_damage() {
    let slow = AUDIO.replace("48000", "999");
    assert_eq!(code(&[&slow], &[(1, 469, 9.5)], DeclaredKind::Audio), "upload.damaged");
    assert!(described(&[&AUDIO.replace("48000", "1000")], &[(1, 469, 9.5)], DeclaredKind::Audio).is_ok());
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
fn dolby_vision_is_refused_where_nothing_else_can_show_its_colours() {
    let described = |profile: u8, id: u8| {
        let record = format!(
            r#""color_transfer":"smpte2084","side_data_list":[{{"rotation":0}},{{"dv_profile":{profile},
"dv_bl_signal_compatibility_id":{id}}}],"width""#
        );
        described(&[&VIDEO.replace(r#""width""#, &record)], &[(0, 250, 10.0)], DeclaredKind::Video)
    };
    for (profile, id) in [(5, 0), (10, 0), (20, 0)] {
        let refused = described(profile, id).unwrap_err();
        assert_eq!(refused.code().name, "upload.dolby-vision", "{profile}.{id}");
        assert!(refused.to_string().contains(&format!("profile {profile},")), "{refused}");
    }
    for (profile, id) in [(7, 6), (8, 1), (8, 4), (8, 0), (10, 1), (20, 4)] {
        assert_eq!(described(profile, id).unwrap().video.unwrap().range, DynamicRange::Pq, "{profile}.{id}");
    }
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
    take_packet(&mut packets, &mut Clock::of("mov"), "stream_index=0|pts_time=1.0|dts_time=0.9|duration_time=0.04");
    take_packet(&mut packets, &mut Clock::of("mov"), "stream_index=0|pts_time=N/A|dts_time=2.0|duration_time=N/A|");
    take_packet(&mut packets, &mut Clock::of("mov"), "stream_index=0|pts_time=N/A|dts_time=N/A|duration_time=N/A");
    take_packet(&mut packets, &mut Clock::of("mov"), "");
    assert_eq!(
        packets[&0],
        Packets {
            count: 3,
            end: 2.0,
            start: Some(1.0),
            last: Some(2.0),
            total: 0.04,
            gap: (1.04, 2.0),
            steps: packets[&0].steps,
            ..Packets::default()
        }
    );
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
    assert!(error.to_string().contains("it announces 6.0 s and has 3.0 s"), "{error}");
}

/// The times of packets of two tracks, as a transport stream has them and as they are meant.
fn shifted(packets: &[(u32, f64)]) -> Vec<f64> {
    let mut clock = Clock::of("mpegts");
    packets.iter().map(|&(track, at)| at + clock.shift(track, at, 1.0)).collect()
}

#[test]
fn a_clock_that_starts_over_goes_on() {
    let joined = [(0, 5.0), (1, 5.0), (0, 6.0), (1, 6.0), (0, 0.0), (1, 0.0), (0, 1.0), (1, 1.0)];
    assert_eq!(shifted(&joined), [5.0, 5.0, 6.0, 6.0, 7.0, 7.0, 8.0, 8.0]);
    // A jump forward of more than ten seconds is one too; a shorter pause is a pause.
    assert_eq!(shifted(&[(0, 0.0), (0, 1.0), (0, 50.0)]), [0.0, 1.0, 2.0]);
    assert_eq!(shifted(&[(0, 0.0), (0, 1.0), (0, 9.0)]), [0.0, 1.0, 9.0]);
    // A track that begins late.
    assert_eq!(shifted(&[(0, 0.0), (0, 1.0), (0, 2.0), (1, 2.5)]), [0.0, 1.0, 2.0, 2.5]);
    assert_eq!(Clock::of("mov").shift(0, 5.0, 1.0), 0.0);
}

#[test]
fn packets_that_an_edit_list_hides_have_no_part_in_the_times() {
    let mut packets = BTreeMap::new();
    for (at, flags) in [(0, "K_"), (1, "__"), (2, "_D"), (3, "_D")] {
        let line = format!("stream_index=0|pts_time={at}|dts_time={at}|duration_time=1|flags={flags}");
        take_packet(&mut packets, &mut Clock::of("mov"), &line);
    }
    assert_eq!((packets[&0].count, packets[&0].hidden, packets[&0].end), (4, 2, 2.0));
}

#[test]
fn an_encrypted_track_is_reported_as_such() {
    let mut packets = packets(&[(0, 250, 10.0)]);
    let line = "stream_index=0|pts_time=9|dts_time=9|duration_time=1|flags=K_|side_data|side_data_type=Encryption info";
    take_packet(&mut packets, &mut Clock::of("mov"), line);
    let refused = describe(&header(&[VIDEO]), &packets, 1000, DeclaredKind::Video).unwrap_err();
    assert_eq!(refused.code().name, "upload.protected");
}

#[test]
fn more_channels_than_have_places_are_refused_with_their_number() {
    let many = AUDIO.replace(r#""channels":2"#, r#""channels":10"#);
    let refused = described(&[&many], &[(1, 469, 9.5)], DeclaredKind::Audio).unwrap_err();
    assert_eq!(refused.code().name, "upload.too-many-channels");
    assert!(refused.to_string().contains("has 10 channels"));
}

/// The right channel's index, of tracks of mono sound with these changes.
fn right(changes: &[(&str, &str)], ends: &[f64]) -> Option<u32> {
    let mono = AUDIO.replace(r#""channels":2"#, r#""channels":1"#);
    let streams: Vec<String> = changes
        .iter()
        .zip(1..)
        .map(|((from, to), index)| mono.replace(r#""index":1"#, &format!(r#""index":{index}"#)).replace(from, to))
        .collect();
    let packets: Vec<_> = ends.iter().zip(1..).map(|(end, index)| (index, 469, *end)).collect();
    let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
    let audio = described(&streams, &packets, DeclaredKind::Audio).unwrap().audio.unwrap();
    assert_eq!((audio.index, audio.channels), (1, if audio.right.is_some() { 2 } else { 1 }));
    audio.right
}

#[test]
fn two_mono_tracks_are_left_and_right_unless_something_tells_them_apart() {
    let same = ("", "");
    assert_eq!(right(&[same, same], &[9.5, 9.5]), Some(2));
    assert_eq!(right(&[same; 4], &[9.5; 4]), Some(2), "the first two of four");
    assert_eq!(right(&[same; 3], &[9.5; 3]), None, "nobody knows which of three belong together");
    assert_eq!(right(&[same, same], &[9.5, 9.7]), None, "another length");
    let tagged = |tags: &'static str| (r#""nb_frames""#, tags);
    let english = tagged(r#""tags":{"language":"eng"},"nb_frames""#);
    let undefined = tagged(r#""tags":{"language":"und"},"nb_frames""#);
    let named = tagged(r#""tags":{"title":"Director's Commentary"},"nb_frames""#);
    assert_eq!(right(&[english, english], &[9.5, 9.5]), Some(2));
    assert_eq!(right(&[undefined, same], &[9.5, 9.5]), Some(2));
    for other in [
        english,
        named,
        ("48000", "44100"),
        (r#""aac""#, r#""mp3""#),
        (r#""default":1"#, r#""default":0,"comment":1"#),
        (r#""channels":1"#, r#""channels":2"#),
    ] {
        assert_eq!(right(&[same, other], &[9.5, 9.5]), None, "{other:?}");
    }
}

#[test]
fn every_track_that_is_not_used_is_named_with_its_codec_its_language_and_the_reason() {
    let track = |index: u32, of: &str, tags: &str| {
        let of = of.replace(r#""nb_frames""#, &format!(r#""tags":{tags},"nb_frames""#));
        let index = format!(r#""index":{index}"#);
        of.replace(r#""index":0"#, &index).replace(r#""index":1"#, &index)
    };
    let other = VIDEO.replace("h264", "mjpeg").replace(r#""default":1"#, r#""default":0"#);
    let unknown = AUDIO.replace(r#""codec_name":"aac""#, r#""codec_name":"unknown","codec_tag_string":"zzzz""#);
    let subtitle = r#"{"index":5,"codec_type":"subtitle","codec_name":"hdmv_pgs_subtitle","tags":{"language":"fra"}}"#;
    let streams = [
        VIDEO.to_owned(),
        AUDIO.to_owned(),
        track(2, &other, "{}"),
        track(3, AUDIO, r#"{"language":"deu"}"#),
        track(4, &unknown, r#"{"language":"a language with a long name"}"#),
        subtitle.to_owned(),
        track(6, AUDIO, "{}"),
        r#"{"index":7,"codec_type":"data"}"#.to_owned(),
    ];
    let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
    let of = [(0, 250, 10.0), (1, 469, 10.0), (2, 250, 10.0), (3, 469, 10.0), (4, 469, 10.0), (5, 3, 10.0)];
    let notes = described(&streams, &of, DeclaredKind::Video).unwrap().notes_beside(&[]);
    assert_eq!(
        notes,
        [
            "video track 2 (mjpeg) isn't used: one video track is published, and it is video track 1",
            "audio track 2 (aac, deu) isn't used: one audio track is published, and it is audio track 1",
            "audio track 3 (zzzz, a language with …) isn't used: its codec is not supported",
            "subtitle track 1 (hdmv_pgs_subtitle, fra) isn't used: it consists of pictures, not of text",
            "audio track 4 (aac) isn't used: there is nothing in it",
        ]
    );
    let notes = described(&streams, &of, DeclaredKind::Audio).unwrap().notes_beside(&[]);
    assert_eq!(notes[0], "video track 1 (h264) isn't used: the file was uploaded as audio");
}

#[test]
fn the_notes_about_tracks_have_a_bound() {
    let subtitle = |index: u32| format!(r#"{{"index":{index},"codec_type":"subtitle","codec_name":"subrip"}}"#);
    let subtitles: Vec<String> = (2..14).map(subtitle).collect();
    let streams: Vec<&str> = [VIDEO, AUDIO].into_iter().chain(subtitles.iter().map(String::as_str)).collect();
    let notes = described(&streams, &[(0, 250, 10.0), (1, 469, 10.0)], DeclaredKind::Video).unwrap().notes_beside(&[]);
    assert_eq!((notes.len(), notes[8].as_str()), (9, "4 more tracks aren't used"));
}

#[test]
fn rgb_is_known_by_its_pixels() {
    let matrix = |format: &str, space: &str| {
        let stream = VIDEO
            .replace("yuv420p", format)
            .replace(r#""nb_frames""#, &format!(r#""color_space":"{space}","nb_frames""#));
        described(&[&stream], &[(0, 250, 10.0)], DeclaredKind::Video).unwrap().video.unwrap().matrix
    };
    for (format, space, expected) in [
        ("rgb24", "unknown", Matrix::Rgb),
        ("gbrp", "unknown", Matrix::Rgb),
        ("bgra", "bt709", Matrix::Rgb),
        ("pal8", "unknown", Matrix::Rgb),
        ("yuv444p", "gbr", Matrix::Rgb),
        ("yuv420p", "unknown", Matrix::Bt709),
    ] {
        assert_eq!(matrix(format, space), expected, "{format} {space}");
    }
}

#[test]
fn the_length_of_sound_without_times_is_that_of_its_samples() {
    let sound = |packets: Packets, format: &str| {
        let mut header = header(&[&AUDIO.replace(r#""nb_frames":"469","#, "")]);
        header.format.format_name = format.to_owned();
        let audio = describe(&header, &BTreeMap::from([(1, packets)]), 1 << 20, DeclaredKind::Audio).unwrap();
        (audio.duration, audio.audio.unwrap().untimed)
    };
    let wild =
        Packets { count: 390, start: Some(0.0), end: 400.0, last: Some(400.0), total: 25.5, ..Packets::default() };
    assert_eq!(sound(wild, "flac"), (Duration::from_millis(25_500), true));
    assert_eq!(sound(wild, "mov"), (Duration::from_secs(400), false));
}

#[test]
fn the_rate_of_a_source_with_pauses_is_that_of_its_motion() {
    let rate = |times: &[f64]| {
        let mut packets = BTreeMap::new();
        for at in times {
            let line = format!("stream_index=0|pts_time={at}|dts_time={at}|duration_time=0.033|flags=__");
            take_packet(&mut packets, &mut Clock::of("mov"), &line);
        }
        let stream = VIDEO.replace("25/1", "0/0").replace(r#""nb_frames":"250","#, "");
        let info = describe(&header(&[&stream]), &packets, 1 << 20, DeclaredKind::Video).unwrap();
        info.video.unwrap().frame_rate.to_string()
    };
    let motion = |from: f64| (0..60).map(move |frame| from + f64::from(frame) / 30.0);
    assert_eq!(rate(&motion(0.0).collect::<Vec<_>>()), "30/1");
    assert_eq!(rate(&motion(0.0).chain(motion(8.0)).chain(motion(20.0)).collect::<Vec<_>>()), "30/1");
    assert_eq!(rate(&(0..30).map(f64::from).collect::<Vec<_>>()), "10/1");
}
