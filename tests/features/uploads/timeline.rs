//! Times: gaps, joins, changes on the way, edit lists, and pictures that hardly move.

use std::path::{Path, PathBuf};

use testkit::outcome::Outcome;
use testkit::{fixtures, playlist, probe, sound, tool};

use crate::sound::{assert_in_sync, flash_and_beep};
use crate::transcode;

fn done(upload: &Path) -> Outcome {
    transcode(upload).run().done()
}

#[track_caller]
fn assert_lasts(rung: &Path, seconds: f64) {
    let is = playlist::media(rung).duration();
    assert!((is - seconds).abs() < 0.1, "{} lasts {is} s and not {seconds} s", rung.display());
}

/// When the packets of a segment's `video` or `audio` begin, in seconds, in the file's order.
fn packet_times(segment: &Path, kind: &str) -> Vec<f64> {
    let packets = tool::ffprobe(segment, &["-f", "mpegts", "-show_entries", "packet=codec_type,pts_time"]);
    let packets = packets["packets"].as_array().unwrap().iter();
    let of_kind = packets.filter(|packet| packet["codec_type"] == kind);
    of_kind.map(|packet| packet["pts_time"].as_str().unwrap().parse().unwrap()).collect()
}

/// Each segment holds the picture and the sound of its own time, to a frame of either.
#[track_caller]
fn assert_segments_hold_their_time(rung: &Path) {
    let mut begins = None;
    for (seconds, file) in playlist::media(rung).segments {
        for kind in ["video", "audio"] {
            let times = packet_times(&file, kind);
            let first = times.iter().copied().fold(f64::INFINITY, f64::min);
            let last = times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let from = *begins.get_or_insert(first);
            assert!((first - from).abs() < 0.15, "{kind} of {} begins at {first}, not {from}", file.display());
            assert!((last - from - seconds).abs() < 0.15, "{kind} of {} ends at {last}", file.display());
        }
        begins = begins.map(|from| from + seconds);
    }
}

/// The bytes of two files, one after the other.
fn joined(name: &str, one: &Path, other: &Path) -> PathBuf {
    let other = std::fs::read(other).unwrap();
    fixtures::changed(name, one, |bytes| bytes.extend_from_slice(&other))
}

/// ffmpeg looks for five seconds for a description of a track.
#[test]
fn sound_that_begins_late_in_a_transport_stream_is_there_and_in_sync() {
    let picture = "color=black:size=320x180:rate=25:duration=16,\
geq=lum='if(between(T,12.999,13.5),235,16)':cb=128:cr=128";
    let sound = "aevalsrc='0.5*sin(2*PI*1000*t)*between(t,1,1.5)':sample_rate=48000:duration=4";
    let picture = ["-f", "lavfi", "-i", picture, "-itsoffset", "12", "-f", "lavfi", "-i", sound];
    let upload = fixtures::ffmpeg("late.ts", &[&picture[..], fixtures::X264, &["-c:a", "aac"]].concat());
    let outcome = assert_in_sync(&upload);
    assert_lasts(&outcome.rung("source"), 16.0);
    assert_segments_hold_their_time(&outcome.rung("source"));
}

/// However late: one that begins after 40 s had the picture wait in memory until then.
#[test]
fn the_waveform_of_sound_that_begins_late_has_its_gap() {
    for (name, late) in [("late.mkv", 10), ("late.mp4", 40)] {
        let picture = format!("testsrc2=size=320x180:rate=25:duration={}", late + 4);
        let sound = "sine=frequency=440:sample_rate=48000:duration=4,volume=12dB";
        let picture = ["-f", "lavfi", "-i", &picture, "-itsoffset", &late.to_string(), "-f", "lavfi", "-i", sound];
        let upload = fixtures::ffmpeg(name, &[&picture[..], fixtures::X264, &["-c:a", "aac"]].concat());
        let outcome = transcode(&upload).setting("waveform", "always").run().done();
        assert_lasts(&outcome.rung("source"), (late + 4) as f64);
        assert_segments_hold_their_time(&outcome.rung("source"));
        let waveform = std::fs::read_to_string(outcome.waveform()).unwrap();
        let waveform: serde_json::Value = serde_json::from_str(&waveform).unwrap();
        let ends: Vec<i64> = waveform["data"].as_array().unwrap().iter().map(|end| end.as_i64().unwrap()).collect();
        // Lowest and highest of each tenth of a second.
        let (gap, sound) = ends.split_at(late * 10 * 2);
        assert!((40..=42).contains(&(sound.len() / 2)), "{name}: {} tenths of sound", sound.len() / 2);
        // AAC begins a frame earlier, with what it can't help.
        assert!(gap[..gap.len() - 2].iter().all(|end| *end == 0), "{name}: {gap:?}");
        assert!(sound[2..70].iter().all(|end| end.abs() > 20), "{name}: {sound:?}");
    }
}

/// A recorder that was asleep: the time of each tag after a second and a half is 15 hours later.
#[test]
fn a_clock_that_jumps_by_hours_is_damage() {
    let film = flash_and_beep("film.mp4", 0.0, 0.0);
    let film = fixtures::ffmpeg("film.flv", &["-i", film.to_str().unwrap(), "-c", "copy"]);
    let upload = fixtures::changed("jumps.flv", &film, |bytes| {
        // The header, then tags: kind, size, time in milliseconds (its highest byte last), stream, content, size again.
        let mut at = 9 + 4;
        while let Some(tag) = bytes.get_mut(at..at + 11) {
            let size = u32::from_be_bytes([0, tag[1], tag[2], tag[3]]) as usize;
            let time = u32::from_be_bytes([tag[7], tag[4], tag[5], tag[6]]);
            let [highest, time @ ..] = (time + if time >= 1500 { 15 * 3_600_000 } else { 0 }).to_be_bytes();
            tag[4..7].copy_from_slice(&time);
            tag[7] = highest;
            at += 11 + size + 4;
        }
    });
    let outcome = transcode(&upload).run();
    outcome.failed(3, "upload.damaged");
    assert!(outcome.message().contains("5400"), "{}", outcome.message());
}

#[test]
fn a_track_that_is_not_used_and_begins_earlier_moves_nothing() {
    let film = flash_and_beep("film.mp4", 0.0, 0.0);
    let film = ["-itsoffset", "3", "-i", film.to_str().unwrap()];
    let other = ["-f", "lavfi", "-i", "sine=duration=8", "-map", "0:v", "-map", "0:a", "-map", "1:a"];
    let upload = fixtures::ffmpeg("earlier.ts", &[&film[..], &other, &["-c:v", "copy", "-c:a", "aac"]].concat());
    assert_in_sync(&upload);
}

#[test]
fn a_picture_that_pauses_shares_its_segments_with_the_sound_of_its_time() {
    let picture = "testsrc2=size=320x180:rate=25:duration=26,select='lt(t,3)+gt(t,20)'";
    let sound = "sine=frequency=440:sample_rate=48000:duration=26";
    let both = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-fps_mode", "vfr"];
    let upload = fixtures::ffmpeg("pauses.mkv", &[&both[..], fixtures::X264, &["-c:a", "aac"]].concat());
    let outcome = done(&upload);
    assert_lasts(&outcome.rung("source"), 26.0);
    assert_segments_hold_their_time(&outcome.rung("source"));
    // The rate of the motion, not the mean over the pause.
    assert_eq!(probe::frames(&outcome.rung("source")).len(), 26 * 25);
}

#[test]
fn a_clock_that_starts_over_goes_on_in_picture_and_sound() {
    let part = |name: &str| {
        let film = flash_and_beep("part.mp4", 0.0, 0.0);
        fixtures::ffmpeg(name, &["-i", film.to_str().unwrap(), "-c", "copy"])
    };
    let outcome = assert_in_sync(&joined("joined.ts", &part("one.ts"), &part("two.ts")));
    let rung = outcome.rung("source");
    assert_lasts(&rung, 10.0);
    assert_eq!(probe::frames(&rung).len(), 250);
    let samples = sound::samples(&rung);
    // The second beep, five seconds after the first; two channels.
    let second = samples.iter().skip(2 * 48_000 * 6).position(|sample| sample.unsigned_abs() > 3000).unwrap();
    let at = 6.0 + second as f64 / 2.0 / 48_000.0;
    assert!((at - 7.0).abs() < 0.1, "the second beep is at {at}");
}

#[test]
fn sound_whose_channels_or_rate_change_keeps_its_length_and_its_level() {
    let tone = |name: &str, rate: &str, channels: &str| {
        let source = "sine=frequency=440:duration=4,volume=-6dB";
        fixtures::ffmpeg(name, &["-f", "lavfi", "-i", source, "-ar", rate, "-ac", channels, "-write_xing", "0"])
    };
    let stereo = tone("stereo.mp3", "44100", "2");
    for (name, other) in [("mono", tone("mono.mp3", "44100", "1")), ("rate", tone("rate.mp3", "32000", "2"))] {
        let outcome = transcode(&joined(&format!("{name}.mp3"), &stereo, &other)).run().done();
        let rung = outcome.rung("128k");
        assert_lasts(&rung, 8.1);
        // No silence is put in where it changes.
        let samples = sound::samples(&rung);
        let quiet = samples.chunks(9600).skip(2).take(74).filter(|part| part.iter().all(|sample| sample.abs() < 500));
        assert_eq!(quiet.count(), 0, "{name}");
    }
}

/// Broadcasts change from 5.1 to stereo for the advertisements, and what is cut together overlaps.
#[test]
fn sound_that_overlaps_where_its_channels_change_only_goes_forward() {
    let part = |name: &str, channels: &str, offset: &str| {
        let picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=4"];
        let sound = ["-f", "lavfi", "-i", "sine=duration=4:sample_rate=48000", "-c:a", "ac3", "-ac", channels];
        let offset = ["-output_ts_offset", offset];
        fixtures::ffmpeg(name, &[&picture[..], &sound[..4], fixtures::X264, &sound[4..], &offset].concat())
    };
    let surround = part("surround.ts", "6", "0");
    let outcome = done(&joined("overlaps.ts", &surround, &part("stereo.ts", "2", "3.94")));
    let rung = outcome.rung("source");
    assert_lasts(&rung, 7.94);
    let segments = playlist::media(&rung).segments;
    let times: Vec<f64> = segments.iter().flat_map(|(_, file)| packet_times(file, "audio")).collect();
    // A packet of AAC lasts 21.3 ms.
    let wrong = times.windows(2).find(|pair| !(0.010..0.033).contains(&(pair[1] - pair[0])));
    assert_eq!(wrong, None);
}

#[test]
fn a_film_whose_picture_changes_its_size_keeps_its_length() {
    let part = |name: &str, size: &str| {
        let picture = format!("testsrc2=size={size}:rate=25:duration=3");
        fixtures::ffmpeg(name, &[&["-f", "lavfi", "-i", &picture][..], fixtures::X264].concat())
    };
    let upload = joined("changes.ts", &part("large.ts", "640x360"), &part("small.ts", "320x180"));
    let outcome = done(&upload);
    assert_lasts(&outcome.rung("360p"), 6.0);
    assert_eq!(probe::frames(&outcome.rung("360p")).len(), 150);
}

/// Phones trim without an encode: an edit list says what is shown.
#[test]
fn what_an_edit_list_cuts_off_is_not_published() {
    let picture = "testsrc2=size=320x180:rate=25:duration=6";
    let both = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=duration=6", "-g", "250"];
    let whole = fixtures::ffmpeg("whole.mp4", &[&both[..], fixtures::X264, &["-c:a", "aac"]].concat());
    let trim = ["-ss", "2.4", "-i", whole.to_str().unwrap(), "-t", "2", "-c", "copy"];
    let outcome = done(&fixtures::ffmpeg("trimmed.mp4", &trim));
    let lasts = playlist::media(&outcome.rung("source")).duration();
    // To the keyframe before, which is shown too by players without edit lists.
    assert!((1.9..2.3).contains(&lasts), "{lasts}");
}

#[test]
fn stills_with_sound_and_slides_get_keyframes_and_segments_as_asked() {
    for (rate, name) in [("1/20", "still.mp4"), ("1/5", "slides.mp4")] {
        let picture = format!("testsrc2=size=320x180:rate={rate}:duration=20");
        let both = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", "sine=duration=20"];
        let upload = fixtures::ffmpeg(name, &[&both[..], fixtures::X264, &["-c:a", "aac"]].concat());
        let outcome = done(&upload);
        let rung = outcome.rung("source");
        assert_lasts(&rung, 20.0);
        assert_eq!(playlist::media(&rung).segments.len(), 4, "{name}");
        assert_segments_hold_their_time(&rung);
    }
}

#[test]
fn what_is_very_short_is_published_and_decodes() {
    let silence = fixtures::ffmpeg("silence.wav", &["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", "1"]);
    let sound = transcode(&silence).run().done();
    assert_lasts(&sound.rung("128k"), 1.0);
    let black = ["-f", "lavfi", "-i", "color=black:size=176x144:rate=25:duration=0.12"];
    let film = done(&fixtures::ffmpeg("black.mp4", &[&black[..], fixtures::X264].concat()));
    assert_lasts(&film.rung("source"), 0.12);
}
