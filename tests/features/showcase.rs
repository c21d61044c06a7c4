//! What the showcase policy asks for: a storyboard, and what a platform says of a job in its own words.

use std::path::{Path, PathBuf};

use testkit::colour::Picture;
use testkit::job::Job;
use testkit::outcome::Outcome;
use testkit::{fixtures, probe, workspace};

use crate::sound::flash_and_beep;
use crate::transcode;

fn showcase(upload: &Path) -> Job {
    transcode(upload).policy(workspace::showcase_policy())
}

/// A published object of the showcase policy, by its webhook's field.
fn object(outcome: &Outcome, field: &str) -> PathBuf {
    let output = &outcome.last("completed").unwrap()["output"];
    outcome.out.join("media").join(output[field].as_str().unwrap_or_else(|| panic!("{output}")))
}

/// A cue of a storyboard: from, until, the sheet, and the place and size of the picture in it.
struct Cue {
    from: f64,
    until: f64,
    sheet: PathBuf,
    place: [u32; 4],
}

fn cues(index: &Path) -> Vec<Cue> {
    let text = std::fs::read_to_string(index).unwrap();
    let mut blocks = text.split("\n\n");
    assert_eq!(blocks.next(), Some("WEBVTT"));
    let seconds = |time: &str| time.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap());
    let cue = |block: &str| {
        let (times, text) = block.trim_end().split_once('\n').unwrap();
        let (from, until) = times.split_once(" --> ").unwrap();
        let (sheet, place) = text.split_once("#xywh=").unwrap();
        let place: Vec<u32> = place.split(',').map(|number| number.parse().unwrap()).collect();
        let sheet = index.with_file_name(sheet);
        Cue { from: seconds(from), until: seconds(until), sheet, place: place.try_into().unwrap() }
    };
    blocks.map(cue).collect()
}

/// The film is brighter by a step every five seconds, and pauses for a minute.
#[test]
fn a_storyboard_shows_what_the_film_shows_at_each_time() {
    let source = "color=black:size=640x360:rate=25:duration=143,format=yuv420p,\
geq=lum='20+floor(T/5)*7':cb=128:cr=128,select='not(between(t,60.1,119.9))'";
    let upload = fixtures::picture("brighter.mkv", source, &["-fps_mode", "vfr"]);
    let outcome = showcase(&upload).run().done();
    let cues = cues(&object(&outcome, "storyboardKey"));
    assert_eq!(cues.len(), 29);
    let sheets: std::collections::BTreeSet<_> = cues.iter().map(|cue| &cue.sheet).collect();
    assert_eq!(sheets.len(), 2);
    for (number, cue) in cues.iter().enumerate() {
        let [x, y, width, height] = cue.place;
        let until = if number == 28 { 143.0 } else { cue.from + 5.0 };
        assert!((cue.from - 5.0 * number as f64).abs() < 0.001 && (cue.until - until).abs() < 0.1, "{}", cue.until);
        assert_eq!((width, height), (160, 90));
        let sheet = probe::video(&cue.sheet).unwrap().size;
        assert_eq!(sheet, (5 * 160, 5 * 90));
        let middle = [x + width / 2, y + height / 2];
        let [across, down] = [u64::from(middle[0]) * 100 / sheet.0, u64::from(middle[1]) * 100 / sheet.1];
        // The film stands still from the middle of the thirteenth step to the end of the twenty-fourth.
        let step = if (13..24).contains(&number) { 12 } else { number };
        let luma = (20 + 7 * step) as f64;
        let expected = (luma - 16.0) * 255.0 / 219.0;
        let found = Picture::of(&cue.sheet).colour(across as usize, down as usize)[1];
        assert!((found - expected).abs() < 4.0, "{number}: {found} and not {expected}");
    }
}

#[test]
fn a_storyboard_ends_with_the_picture_even_if_the_sound_goes_on() {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=7"];
    let sound = ["-f", "lavfi", "-i", "sine=duration=40", "-c:a", "aac"];
    let both = [&picture[..], &sound[..4], fixtures::X264, &sound[4..]].concat();
    let outcome = showcase(&fixtures::ffmpeg("long-sound.mp4", &both)).run().done();
    let cues = cues(&object(&outcome, "storyboardKey"));
    let lasts = testkit::playlist::media(&outcome.rung("source")).duration();
    assert!((cues.last().unwrap().until - lasts).abs() < 0.2, "{lasts}");
}

#[test]
fn a_second_storyboard_takes_the_place_of_the_first_and_leaves_its_sheets() {
    let upload = fixtures::silent_clip(320, 180, "25", 12.0);
    let first = showcase(&upload).run().done();
    let sheet = cues(&object(&first, "storyboardKey")).remove(0).sheet;
    let second = showcase(&upload).out(&first.out).run().done();
    let cues = cues(&object(&second, "storyboardKey"));
    assert!(sheet.exists() && cues.len() == 3);
    assert!(cues.iter().all(|cue| cue.sheet.exists() && cue.sheet != sheet));
}

/// The times and pictures of an animated WebP file, which ffmpeg can't read. Each picture covers all of it: the film's
/// brightness changes.
fn webp_pictures(file: &Path) -> Vec<(f64, Picture)> {
    let bytes = std::fs::read(file).unwrap();
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
    let (mut rest, mut at_ms, mut pictures) = (&bytes[12..], 0, Vec::new());
    while !rest.is_empty() {
        let (name, size) = (&rest[..4], number(&rest[4..8]));
        if name == b"ANMF" {
            let content = &rest[8..8 + size];
            let alone = file.with_extension(format!("{}.webp", pictures.len()));
            let length = u32::try_from(4 + size - 16).unwrap().to_le_bytes();
            std::fs::write(&alone, [b"RIFF", &length[..], b"WEBP", &content[16..]].concat()).unwrap();
            pictures.push((f64::from(at_ms) / 1000.0, Picture::of(&alone)));
            at_ms += u32::try_from(number(&content[12..15])).unwrap();
        }
        rest = &rest[8 + size + size % 2..];
    }
    pictures
}

/// 30 s that are brighter by a step every half second, and dark again after seven.
fn half_second_steps() -> PathBuf {
    let source = "color=black:size=640x360:rate=25:duration=30,format=yuv420p,\
geq=lum='30+mod(floor(T*2),7)*25':cb=128:cr=128";
    fixtures::picture("steps.mp4", source, &[])
}

/// The brightness of that film, as it is coded.
fn step_at(seconds: f64) -> f64 {
    30.0 + (seconds * 2.0).floor() % 7.0 * 25.0
}

/// A tenth of the film is over when an animation starts.
#[test]
fn an_animation_shows_three_seconds_of_the_film_without_sound() {
    let outcome = showcase(&half_second_steps()).run().done();
    let pictures = webp_pictures(&object(&outcome, "animationKey"));
    // Pictures that are the same are one that stays.
    assert!((6..=36).contains(&pictures.len()), "{}", pictures.len());
    for (at, picture) in &pictures {
        assert_eq!(picture.size, (320, 180));
        let (found, film) = (picture.colour(50, 50)[1], 3.0 + at);
        let expected = [film - 0.1, film, film + 0.1].map(|at| (step_at(at) - 16.0) * 255.0 / 219.0);
        assert!(expected.iter().any(|expected| (found - expected).abs() < 4.0), "{found} at {at}: {expected:?}");
    }
    let last = pictures.last().unwrap().0;
    assert!((2.4..3.0).contains(&last), "{last}");

    let mp4 = showcase(&half_second_steps()).setting("animation", "mp4").run().done();
    let file = object(&mp4, "animationKey");
    assert!(file.to_str().unwrap().ends_with("default.mp4"));
    assert_eq!((probe::size(&file), probe::audio(&file).is_none()), ((320, 180), true));
    let brightness = testkit::colour::brightness_over_time(&file);
    assert_eq!(brightness.len(), 36);
    for (at, luma) in brightness {
        let film = 3.0 + at;
        let expected = [film - 0.1, film, film + 0.1].map(step_at);
        assert!(expected.iter().any(|expected| (luma - expected).abs() < 2.0), "{luma} at {at}: {expected:?}");
    }
}

/// Each range is played alone: the tables of its segment, and the bytes that the playlist names.
#[test]
fn a_playlist_of_keyframes_shows_every_second_second_of_a_rung() {
    let outcome = showcase(&half_second_steps()).run().done();
    outcome.is_whole();
    assert_eq!(testkit::authoring::check_trick_play(&outcome.master()), []);
    let iframes = testkit::playlist::iframes(&outcome.master());
    assert_eq!(iframes.len(), 1);
    assert_eq!(iframes[0].attribute("RESOLUTION"), Some("640x360"));
    let whole = testkit::playlist::media(&outcome.rung("360p"));
    let keyframes = testkit::playlist::media(&iframes[0].path);
    assert_eq!(keyframes.segments.len(), 15);
    assert!((keyframes.duration() - whole.duration()).abs() < 0.1);
    let peak = keyframes.rates().0.into_iter().fold(0.0, f64::max);
    assert!((0.9..1.1).contains(&(iframes[0].number("BANDWIDTH") / peak)), "{peak}");
    let scratch = workspace::scratch();
    for (number, (seconds, segment)) in keyframes.segments.iter().enumerate() {
        assert!((seconds - 2.0).abs() < 0.05, "{seconds}");
        let tables = std::fs::read(segment).unwrap()[..3 * 188].to_vec();
        let alone = scratch.path().join(format!("{number}.ts"));
        std::fs::write(&alone, [tables, keyframes.bytes(number)].concat()).unwrap();
        let (found, expected) = (Picture::of(&alone).colour(50, 50)[1], step_at(2.0 * number as f64));
        assert!((found - (expected - 16.0) * 255.0 / 219.0).abs() < 4.0, "{found} at {number}");
    }
}

#[test]
fn a_trimmed_film_begins_and_ends_with_the_frames_that_were_asked_for() {
    let words = ["--attribute", "from=7240", "--attribute", "until=16500"];
    let outcome = showcase(&half_second_steps()).args(&words).run().done();
    outcome.is_whole();
    let brightness = testkit::colour::brightness_over_time(&outcome.rung("360p"));
    assert!((231..=232).contains(&brightness.len()), "{}", brightness.len());
    let start = brightness[0].0;
    for (at, luma) in brightness {
        let expected = step_at(7.24 + at - start + 0.001);
        assert!((luma - expected).abs() < 2.5, "{luma} and not {expected} at {at}");
    }
    let seconds = outcome.last("completed").unwrap()["output"]["durationSeconds"].as_u64();
    assert_eq!(seconds, Some(9));
    assert!((probe::duration(&object(&outcome, "downloadKey")) - 9.26).abs() < 0.1);
    assert_eq!(cues(&object(&outcome, "storyboardKey")).len(), 2);
}

/// One picture with a tone that is 500 Hz in its first five seconds and 2 kHz behind them.
#[test]
fn a_part_of_a_talk_over_a_single_picture_has_its_picture() {
    let picture = ["-f", "lavfi", "-i", "color=red:size=320x180:rate=25:duration=0.04"];
    let sound = "aevalsrc='0.5*sin(2*PI*t*if(lt(t,5),500,2000))':sample_rate=48000:duration=10";
    let both = [&picture[..], &["-f", "lavfi", "-i", sound], fixtures::X264, &["-c:a", "aac"]].concat();
    let words = ["--attribute", "from=6000", "--attribute", "until=9000"];
    let outcome = showcase(&fixtures::ffmpeg("trim-talk.mkv", &both)).args(&words).run().done();
    let path = &outcome.variants()[0].path;
    assert_eq!(testkit::colour::brightness_over_time(path).len(), 75);
    testkit::colour::assert_close(Picture::at(path, 2.0).colour(50, 50), [254, 0, 0], 8.0, "the picture");
    let [low, high] = [500.0, 2000.0].map(|hertz| testkit::sound::tone_of_both(path, hertz)[0]);
    assert!(high > 10.0 * low, "{low} {high}");
}

#[test]
fn a_part_that_is_not_there_is_refused() {
    let upload = fixtures::silent_clip(320, 180, "25", 2.0);
    let outcome = showcase(&upload).args(&["--attribute", "from=5000"]).run();
    outcome.failed(4, "plan.impossible");
    assert!(outcome.message().contains("the part from 5000 ms to 2000 ms"), "{}", outcome.message());
}

/// A flash and a beep two seconds into the film are 760 ms into the part, wherever its tracks begin.
#[test]
fn the_sound_of_a_part_stays_with_its_picture() {
    let together = flash_and_beep("trim.mp4", 0.0, 0.0);
    let stream = fixtures::ffmpeg("trim.ts", &["-i", together.to_str().unwrap(), "-c", "copy"]);
    for upload in [together, flash_and_beep("trim-late-sound.mp4", 0.0, 1.5), stream] {
        let outcome = showcase(&upload).args(&["--attribute", "from=1240"]).run().done();
        let path = &outcome.variants()[0].path;
        let brightness = testkit::colour::brightness_over_time(path);
        let (start, flash) = (brightness[0].0, brightness.iter().find(|(_, luma)| *luma > 100.0).unwrap().0);
        let beep = testkit::sound::first_beep(path).unwrap();
        assert!((flash - start - 0.76).abs() < 0.05, "{}: {start} {flash}", upload.display());
        assert!((flash - beep).abs() < 0.045, "{}: flash at {flash}, beep at {beep}", upload.display());
    }
}

#[test]
fn a_rung_can_be_downloaded_as_one_file_that_holds_what_the_rung_holds() {
    let upload = fixtures::clip(640, 360, "30000/1001", 9.0);
    let outcome = showcase(&upload).run().done();
    let (file, rung) = (object(&outcome, "downloadKey"), outcome.rung("360p"));
    assert_eq!(probe::digests(&file), probe::digests(&rung));
    let boxes = probe::boxes(&file);
    let place = |name: &str| boxes.iter().position(|found| found == name).unwrap();
    assert!(place("moov") < place("mdat"), "{boxes:?}");
    assert!((probe::duration(&file) - 9.0).abs() < 0.1);
    assert!((probe::sound_after_picture(&file) - probe::sound_after_picture(&rung)).abs() < 0.03);
    probe::decodes(&file);
}

#[test]
fn sound_alone_has_no_storyboard() {
    let upload = fixtures::ffmpeg("sound.mp3", &["-f", "lavfi", "-i", "sine=duration=3"]);
    let outcome = showcase(&upload).run().done();
    assert!(outcome.last("completed").unwrap()["output"]["storyboardKey"].is_null());
    assert!(outcome.last("completed").unwrap()["output"]["animationKey"].is_null());
}

#[test]
fn the_platforms_own_words_choose_the_thumbnail_and_the_ladder() {
    let upload = fixtures::silent_clip(1280, 720, "25", 12.0);
    let words = ["--attribute", "poster=7000", "--attribute", "plan=free", "--attribute", "tenant={\"id\":7}"];
    let outcome = showcase(&upload).args(&words).run().done();
    let thumbnail = Picture::of(&object(&outcome, "thumbnailKey"));
    let there = thumbnail.distance(&Picture::at(&upload, 7.0));
    assert!(there < 6.0, "{there}");
    assert!(thumbnail.distance(&Picture::at(&upload, 1.2)) > 2.0 * there);
    assert_eq!(outcome.last("completed").unwrap()["output"]["rungs"], serde_json::json!(["480p", "360p"]));
}

#[test]
fn words_that_are_too_many_are_refused_before_anything_runs() {
    let upload = fixtures::silent_clip(320, 180, "25", 1.0);
    let long = format!("a={}", "x".repeat(17_000));
    showcase(&upload).args(&["--attribute", &long]).run().refused(2, "at most 16384 are allowed");
    showcase(&upload).args(&["--attribute", "poster"]).run().refused(2, "NAME=VALUE is expected");
}
