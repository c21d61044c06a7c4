//! What a film becomes: two rungs of one file each, a preview, and three thumbnails.

use std::fs;
use std::path::Path;

use testkit::colour::Picture;
use testkit::outcome::Outcome;
use testkit::{playlist, probe, sound, workspace};

use super::{film, small, tone};

/// Asserts that each segment can be played by itself, from its first frame on, and has so many frames.
#[track_caller]
fn assert_segments(path: &Path, frames: &[usize]) {
    let media = playlist::media(path);
    assert_eq!(media.segments.len(), frames.len(), "{media:?}");
    let scratch = workspace::scratch();
    for (number, expected) in frames.iter().enumerate() {
        let segment = scratch.path().join(format!("{number}.ts"));
        fs::write(&segment, media.bytes(number)).unwrap();
        let shown = probe::frames(&segment);
        assert_eq!((shown.len(), shown[0].key), (*expected, true), "segment {number} of {}", path.display());
    }
}

#[test]
fn a_film_gets_two_rungs_of_exactly_these_sizes() {
    let outcome = &film().outcome;
    let rungs: Vec<_> = outcome.variants().iter().map(|variant| (variant.name(), probe::size(&variant.path))).collect();
    assert_eq!(rungs, [("480p".to_owned(), (854, 480)), ("720p".to_owned(), (1280, 720))]);
    outcome.is_whole();
    for variant in outcome.variants() {
        probe::decodes(&variant.path);
        let (_, average) = playlist::media(&variant.path).rates();
        let ratio = variant.number("AVERAGE-BANDWIDTH") / average;
        assert!((0.95..1.05).contains(&ratio), "{}: {ratio} of what is measured", variant.name());
    }
}

#[test]
fn a_rung_is_one_file_whose_byte_ranges_are_segments_that_begin_with_keyframes() {
    for name in ["480p", "720p"] {
        let rung = film().outcome.rung(name);
        let file = playlist::media(&rung).only_file().file_name().unwrap().to_string_lossy().into_owned();
        assert!(file.starts_with("stream-") && file.ends_with(".ts"), "{file}");
        assert_segments(&rung, &[150, 150, 50]);
        let text = fs::read_to_string(&rung).unwrap();
        assert!(text.contains("#EXT-X-VERSION:4\n"), "{text}");
    }
    let keyframes = probe::keyframes(&film().outcome.rung("480p"));
    assert_eq!(keyframes, probe::keyframes(&film().outcome.rung("720p")));
}

#[test]
fn a_source_below_both_rungs_gets_one_at_its_own_size() {
    let outcome = &small().outcome;
    let variants = outcome.variants();
    assert_eq!(variants.len(), 1);
    assert_eq!((variants[0].name().as_str(), probe::size(&variants[0].path)), ("source", (320, 180)));
    playlist::media(&variants[0].path).only_file();
    assert_eq!(probe::frames(&variants[0].path).len(), 25);
}

/// The proxy rewrites lines that are names and passes on those that begin with `#`.
#[test]
fn the_platforms_proxy_can_serve_every_playlist() {
    for job in [film(), small(), tone()] {
        let playlists: Vec<_> = workspace::files(&job.outcome.hls())
            .into_iter()
            .filter(|file| file.extension().is_some_and(|ending| ending == "m3u8"))
            .collect();
        assert!(playlists.len() >= 2, "{playlists:?}");
        for file in playlists {
            let text = fs::read_to_string(job.outcome.hls().join(&file)).unwrap();
            let names = |line: &&str| line.contains(".ts") || line.contains(".m3u8") || line.contains("URI");
            let tags: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).filter(names).collect();
            assert!(tags.is_empty(), "{}: {tags:?}", file.display());
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let named = file.with_file_name(line);
                let folder = named.parent().unwrap().to_str().unwrap();
                let served = ["1080p", "720p", "480p", "360p", "source", "128k", "64k"];
                assert!(served.contains(&folder), "{} names {line}", file.display());
            }
        }
    }
}

/// A tenth of fourteen seconds is nearest to the keyframe at two.
#[test]
fn the_preview_is_a_part_of_the_720p_rung_in_one_file_of_its_own() {
    let preview = film().preview();
    assert_eq!(probe::size(&preview), (1280, 720));
    let (shown, rung) = (probe::digests(&preview), probe::digests(&film().outcome.rung("720p")));
    assert!((299..=300).contains(&shown.len()), "{} frames", shown.len());
    assert!(shown == rung[50..][..shown.len()], "these are not the frames of the rung");
    let media = playlist::media(&preview);
    assert!((media.duration() - 12.0).abs() < 0.1 && media.ended, "{media:?}");
    let file = media.only_file();
    assert_ne!(file, playlist::media(&film().outcome.rung("720p")).only_file());
    let frames: Vec<usize> = [150, shown.len() - 150].to_vec();
    assert_segments(&preview, &frames);
    probe::decodes(&preview);
}

#[test]
fn thumbnails_are_webp_in_three_widths_that_show_something() {
    for (name, size) in [("sm", (200, 112)), ("md", (400, 224)), ("lg", (800, 450))] {
        let path = film().thumbnail(name);
        assert_eq!(probe::video(&path).unwrap().says("codec_name"), "webp", "{name}");
        assert_eq!(probe::size(&path), size, "{name}");
        let (mean, spread) = Picture::of(&path).brightness();
        assert!((40.0..215.0).contains(&mean) && spread > 30.0, "{name}: {mean} and {spread}");
    }
}

#[test]
fn a_thumbnail_is_never_wider_than_the_film_and_stands_alone_where_a_flag_says_so() {
    assert_eq!(probe::size(&small().thumbnail("lg")), (320, 180));
    assert!(!small().thumbnail("md").exists() && !small().thumbnail("sm").exists());
}

#[test]
fn what_a_flag_turns_off_is_not_made_and_the_mezzanine_only_where_it_is_turned_on() {
    let exists = |outcome: &Outcome| outcome.mezzanine().exists();
    assert_eq!((exists(&film().outcome), exists(&small().outcome)), (false, true));
    assert_eq!((film().preview().exists(), small().preview().exists()), (true, false));
}

#[test]
fn the_sound_of_every_rung_is_at_the_platforms_loudness_unless_a_flag_turns_that_off() {
    for variant in film().outcome.variants() {
        let loudness = sound::loudness(&variant.path);
        assert!((loudness + 16.0).abs() < 1.0, "{} is at {loudness}", variant.name());
    }
    let left = sound::loudness(&small().outcome.rung("source"));
    assert!((left + 16.0).abs() > 2.0, "{left}");
}
