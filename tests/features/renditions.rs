//! Languages, channels and subtitles as renditions of their own, in HLS and in DASH.

use std::path::{Path, PathBuf};

use testkit::job::Job;
use testkit::outcome::Outcome;
use testkit::playlist::{self, Variant};
use testkit::{colour, fixtures, probe, sound, tool, workspace};

use crate::transcode;

fn showcase(upload: &Path) -> Job {
    transcode(upload).policy(workspace::showcase_policy())
}

/// Fifteen seconds of film whose languages are tones of their own: English 440 Hz, which is stereo, and French 880 Hz, which
/// has six channels and is the default.
fn two_languages() -> PathBuf {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=15"];
    let sound = |hertz| format!("sine=frequency={hertz}:sample_rate=48000:duration=15");
    let (english, french) = (sound(440), sound(880));
    let sounds = ["-f", "lavfi", "-i", &english, "-f", "lavfi", "-i", &french];
    let tracks = "-map 0 -map 1 -map 2 -c:a aac -ac:a:0 2 -ac:a:1 6 -disposition:a:0 0 -disposition:a:1 default \
        -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra -metadata:s:a:1 title=Français";
    let tracks: Vec<&str> = tracks.split_whitespace().collect();
    fixtures::ffmpeg("two-languages.mkv", &[&picture[..], &sounds, fixtures::X264, &tracks].concat())
}

fn of_kind(outcome: &Outcome, kind: &str) -> Vec<Variant> {
    let all = playlist::renditions(&outcome.master());
    all.into_iter().filter(|rendition| rendition.attribute("TYPE") == Some(kind)).collect()
}

/// Whether a tone is what is heard on both sides.
fn has_tone(path: &Path, hertz: f64) -> bool {
    let [of_tone, of_all] = [sound::tone_of_both(path, hertz), sound::strength_of_both(path)];
    of_tone.iter().zip(of_all).all(|(tone, all)| all > 0.0 && *tone > all / 2.0)
}

#[test]
fn every_language_is_a_rendition_of_its_own() {
    let outcome = showcase(&two_languages()).setting("languages", "true").run().done();
    outcome.is_whole();
    let [french, english, surround] = of_kind(&outcome, "AUDIO").try_into().unwrap();
    let told = |rendition: &Variant, name: &str| rendition.attribute(name).unwrap().to_owned();
    assert_eq!([told(&french, "NAME"), told(&english, "NAME")], ["Français", "eng"]);
    assert_eq!([told(&french, "LANGUAGE"), told(&english, "LANGUAGE")], ["fra", "eng"]);
    assert_eq!([told(&french, "DEFAULT"), told(&english, "DEFAULT")], ["YES", "NO"]);
    assert!(has_tone(&french.path, 880.0) && !has_tone(&french.path, 440.0));
    assert!(has_tone(&english.path, 440.0) && !has_tone(&english.path, 880.0));
    for rendition in [&french, &english] {
        let heard = probe::audio(&rendition.path).unwrap();
        assert_eq!((heard.codec.as_str(), heard.channels, heard.rate), ("aac", 2, 48_000));
        let loud = sound::loudness(&rendition.path);
        assert!((loud + 16.0).abs() < 1.0, "each language is brought to the same loudness: {loud}");
        assert!((playlist::media(&rendition.path).duration() - 15.0).abs() < 0.1);
    }
    assert_eq!((told(&surround, "GROUP-ID"), told(&surround, "CHANNELS")), ("eac3-source".into(), "6".into()));
    let heard = probe::audio(&surround.path).unwrap();
    assert_eq!((heard.codec.as_str(), heard.channels), ("eac3", 6));
    let loud = sound::loudness(&surround.path);
    assert!((loud + 16.0).abs() < 1.0, "{loud}");

    // Each rung is listed once for each group, with what the two take together.
    let variants = outcome.variants();
    let groups: Vec<&str> = variants.iter().map(|variant| variant.attribute("AUDIO").unwrap()).collect();
    assert_eq!(groups, ["aac", "eac3-source"]);
    assert!(variants[0].attribute("CODECS").unwrap().ends_with(",mp4a.40.2"));
    assert!(variants[1].attribute("CODECS").unwrap().ends_with(",ec-3"));
    assert!(variants[1].number("BANDWIDTH") > variants[0].number("BANDWIDTH") + 200_000.0);
    assert!(probe::audio(&outcome.rung("source")).is_none(), "a rung has no sound of its own");
    assert!(outcome.report()["notes"].is_null(), "every track is used: {}", outcome.report());
}

#[test]
fn files_that_are_made_of_a_rung_have_the_default_language() {
    let outcome = showcase(&two_languages()).setting("languages", "true").run().done();
    let output = &outcome.last("completed").unwrap()["output"];
    let download = outcome.out.join("media").join(output["downloadKey"].as_str().unwrap());
    assert!(has_tone(&download, 880.0) && !has_tone(&download, 440.0));
    assert_eq!(probe::frames(&download).len(), 375);
}

#[test]
fn odd_titles_and_languages_of_an_upload_do_not_fail_its_job() {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10:duration=2", "-f", "lavfi"];
    let tracks = "-i sine=duration=2 -map 0 -map 1 -map 1 -c:a aac -metadata:s:a:0 title=5.1 -metadata:s:a:1 title=5.1 \
        -metadata:s:a:0 language=en_US -metadata:s:a:1 language=a,b";
    let tracks: Vec<&str> = tracks.split_whitespace().collect();
    let upload = fixtures::ffmpeg("odd-names.mkv", &[&picture[..], &tracks, fixtures::X264].concat());
    let outcome = showcase(&upload).setting("languages", "true").run().done();
    let told: Vec<_> = of_kind(&outcome, "AUDIO")
        .into_iter()
        .map(|rendition| ["NAME", "LANGUAGE"].map(|name| rendition.attribute(name).unwrap().to_owned()))
        .collect();
    assert_eq!(told, [["5.1", "und"], ["5.1 2", "und"]]);
}

/// A flash and a beep at once, whichever track begins late.
#[test]
fn a_rendition_of_sound_stays_with_the_picture() {
    for (name, picture_late, sound_late) in
        [("apart.mp4", 0.0, 0.0), ("apart-sound.mp4", 0.0, 1.0), ("apart-picture.mp4", 1.0, 0.0)]
    {
        let upload = crate::sound::flash_and_beep(name, picture_late, sound_late);
        let outcome = showcase(&upload).setting("languages", "true").run().done();
        let flash = colour::brightness_over_time(&outcome.rung("source"));
        let flash = flash.into_iter().find(|(_, brightness)| *brightness > 128.0).unwrap().0;
        let beep = sound::first_beep(&of_kind(&outcome, "AUDIO")[0].path).unwrap();
        assert!((flash - beep).abs() < 0.045, "{name}: flash at {flash}, beep at {beep}");
    }
}

/// Slower efforts encode B-frames, of which the first is decoded before zero.
#[test]
fn a_rendition_of_sound_stays_with_pictures_that_are_decoded_in_another_order() {
    let upload = crate::sound::flash_and_beep("apart.mp4", 0.0, 0.0);
    let outcome = showcase(&upload).setting("languages", "true").setting("effort", "fast").run().done();
    let flash = colour::brightness_over_time(&outcome.rung("source"));
    let flash = flash.into_iter().find(|(_, brightness)| *brightness > 128.0).unwrap().0;
    let beep = sound::first_beep(&of_kind(&outcome, "AUDIO")[0].path).unwrap();
    assert!((flash - beep).abs() < 0.03, "flash at {flash}, beep at {beep}");
}

#[test]
fn dash_names_the_same_segments() {
    let outcome = showcase(&two_languages()).setting("languages", "true").run().done();
    let manifest = outcome.hls().join("manifest.mpd");
    let streams = tool::ffprobe(&manifest, &["-show_streams"]);
    let streams = streams["streams"].as_array().unwrap();
    let kinds: Vec<&str> = streams.iter().map(|stream| stream["codec_name"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["h264", "aac", "aac", "eac3"]);
    assert_eq!(probe::digests(&manifest), probe::digests(&outcome.rung("source")));
    assert_eq!(probe::digests(&manifest).len(), 375);
    assert!(has_tone(&manifest, 880.0));
}

/// A film with two tracks of subtitles, the second one forced.
fn with_subtitles(container: &str, codec: &str) -> PathBuf {
    let full = "1\n00:00:01,000 --> 00:00:03,000\nGrüße <i>aus</i>\n\n2\n00:00:05,500 --> 00:00:08,000\nTwo\nlines\n";
    let forced = "1\n00:00:07,000 --> 00:00:07,500\nSIGN\n";
    let files = [("full.srt", full), ("forced.srt", forced)];
    let [full, forced] = files.map(|(name, text)| fixtures::bytes(name, text.as_bytes()));
    let picture = "testsrc2=size=320x180:rate=25:duration=14";
    let inputs = ["-f", "lavfi", "-i", picture, "-i", full.to_str().unwrap(), "-i", forced.to_str().unwrap()];
    let tracks =
        "-map 0 -map 1 -map 2 -metadata:s:s:0 language=ger -disposition:s:1 forced -metadata:s:s:1 language=ger";
    let tracks: Vec<&str> = tracks.split_whitespace().chain(["-c:s", codec]).collect();
    let arguments = [&inputs[..], fixtures::X264, &tracks].concat();
    fixtures::ffmpeg(&format!("subtitles-{codec}.{container}"), &arguments)
}

/// The texts of each segment, with their times, and the clock of the first.
fn texts(list: &Path) -> (Vec<Vec<String>>, String) {
    let segments = playlist::media(list).segments;
    let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    let clock = text(&segments[0].1).lines().nth(1).unwrap().to_owned();
    let cues = |path: &PathBuf| -> Vec<String> {
        text(path).trim_end().split("\n\n").skip(1).map(|cue| cue.replace('\n', " | ")).collect()
    };
    (segments.iter().map(|(_, path)| cues(path)).collect(), clock)
}

const FIRST: &str = "00:00:01.000 --> 00:00:03.000 | Grüße <i>aus</i>";
const SECOND: &str = "00:00:05.500 --> 00:00:08.000 | Two | lines";

#[test]
fn subtitles_are_shown_at_their_times() {
    for (container, codec) in [("mkv", "subrip"), ("mp4", "mov_text"), ("mkv", "ass")] {
        let outcome = showcase(&with_subtitles(container, codec)).run().done();
        outcome.is_whole();
        let [full, forced] = of_kind(&outcome, "SUBTITLES").try_into().unwrap();
        assert_eq!((full.attribute("LANGUAGE"), full.attribute("FORCED")), (Some("ger"), Some("NO")));
        assert_eq!(forced.attribute("FORCED"), Some("YES"), "{codec}");
        assert!(outcome.variants().iter().all(|variant| variant.attribute("SUBTITLES") == Some("subtitles")));
        let (cues, clock) = texts(&full.path);
        assert_eq!(cues.len(), 3);
        assert_eq!(cues[0], [FIRST, SECOND], "{codec}");
        assert_eq!(cues[1], [SECOND], "a text that crosses a segment's end is in both");
        assert_eq!(cues[2], [""; 0]);
        // The texts' zero is where the picture begins, on the clock of the transport stream.
        let segment = &playlist::media(&outcome.rung("source")).segments[0].1;
        let packets = tool::ffprobe(segment, &["-select_streams", "v:0", "-show_entries", "packet=pts"]);
        let pts = packets["packets"].as_array().unwrap().iter().map(|packet| packet["pts"].as_u64().unwrap()).min();
        assert_eq!(clock, format!("X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{}", pts.unwrap()));
    }
}

#[test]
fn subtitles_of_a_part_are_on_its_clock() {
    let upload = with_subtitles("mkv", "subrip");
    let outcome = showcase(&upload).args(&["--attribute", "from=2000", "--attribute", "until=7000"]).run().done();
    let (cues, _) = texts(&of_kind(&outcome, "SUBTITLES")[0].path);
    let first = "00:00:00.000 --> 00:00:01.000 | Grüße <i>aus</i>";
    assert_eq!(cues, [[first, "00:00:03.500 --> 00:00:05.000 | Two | lines"]]);
}

#[test]
fn subtitles_are_in_the_dash_manifest_too() {
    let upload = with_subtitles("mkv", "subrip");
    let outcome = showcase(&upload).setting("languages", "true").run().done();
    let manifest = std::fs::read_to_string(outcome.hls().join("manifest.mpd")).unwrap();
    let file = manifest.split("<BaseURL>").nth(1).and_then(|rest| rest.split("</BaseURL>").next()).unwrap();
    let text = std::fs::read_to_string(outcome.hls().join(file)).unwrap();
    assert!(text.starts_with("WEBVTT\n\n00:00:01.000"), "{text}");
    assert_eq!(text.matches("-->").count(), 2, "{text}");
    let (_, clock) = texts(&of_kind(&outcome, "SUBTITLES")[0].path);
    assert_eq!(clock, "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0");
}

fn captioned(file: &Path) -> Job {
    let upload = fixtures::silent_clip(320, 180, "25", 5.0);
    let name = format!("captions={}", file.file_name().unwrap().to_str().unwrap());
    showcase(&upload).args(&["--beside", file.to_str().unwrap(), "--attribute", &name])
}

#[test]
fn a_file_beside_the_upload_becomes_subtitles_in_whatever_encoding() {
    let text = "1\r\n00:00:01,000 --> 00:00:03,000\r\nGrüße, 5 €\r\n";
    let western: Vec<u8> = text.chars().map(|c| if c == '€' { 0x80 } else { u8::try_from(c).unwrap() }).collect();
    let wide: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let styled = "[Script Info]\n[V4+ Styles]\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, \
        Effect, Text\nDialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\\an8\\c&HFF&}Grüße, 5 €\n";
    let vtt = "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:03.000\nGrüße, 5 €\n";
    for (name, bytes) in [
        ("utf8.srt", text.as_bytes()),
        ("western.srt", &western),
        ("wide.srt", &wide),
        ("styled.ass", styled.as_bytes()),
        ("web.vtt", vtt.as_bytes()),
    ] {
        let outcome = captioned(&fixtures::bytes(name, bytes)).run().done();
        let (cues, _) = texts(&of_kind(&outcome, "SUBTITLES")[0].path);
        assert_eq!(cues, [["00:00:01.000 --> 00:00:03.000 | Grüße, 5 €"]], "{name}");
    }
}

#[test]
fn a_file_that_is_no_subtitles_is_the_uploads_fault() {
    let playlist = b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n";
    for (name, bytes) in [("film.srt", &[0_u8, 1, 2, 3][..]), ("empty.srt", b""), ("list.vtt", playlist)] {
        let outcome = captioned(&fixtures::bytes(name, bytes)).run();
        outcome.failed(3, "upload.subtitles");
        outcome.published_nothing();
    }
    let large = fixtures::bytes("large.srt", &vec![b'x'; (8 << 20) + 1]);
    captioned(&large).run().failed(3, "upload.too-many-bytes");
}
