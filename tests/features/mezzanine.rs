//! The mezzanine: one file to make everything else from, years later.

use std::path::{Path, PathBuf};

use testkit::outcome::Outcome;
use testkit::{fixtures, probe, workspace};

use crate::ladder::full_hd;
use crate::transcode;

#[test]
fn it_has_the_sources_size_and_every_frame_of_it() {
    let mezzanine = full_hd().mezzanine();
    assert_eq!(probe::size(&mezzanine), (1920, 1080));
    assert_eq!(probe::frames(&mezzanine).len(), 200);
    assert!((probe::duration(&mezzanine) - 8.0).abs() < 0.1, "{}", probe::duration(&mezzanine));
    probe::decodes(&mezzanine);
}

#[test]
fn a_player_can_start_before_it_has_the_end() {
    let boxes = probe::boxes(&full_hd().mezzanine());
    let at = |name: &str| boxes.iter().position(|found| found == name).unwrap_or_else(|| panic!("{name}: {boxes:?}"));
    assert!(at("moov") < at("mdat"), "{boxes:?}");
}

#[test]
fn it_looks_like_the_source() {
    let upload = fixtures::clip(1920, 1080, "25", 8.0);
    let picture = |path| testkit::colour::Picture::at(path, 4.0);
    let distance = picture(&full_hd().mezzanine()).distance(&picture(&upload));
    assert!(distance < 3.0, "{distance}");
}

#[test]
fn its_sound_is_aac_at_a_rate_of_its_own() {
    let audio = probe::audio(&full_hd().mezzanine()).unwrap();
    assert_eq!((audio.codec.as_str(), audio.rate), ("aac", 48_000));
}

/// Phones write where a film was made. Whoever gets an output must not learn that.
#[test]
fn nothing_of_what_the_upload_says_about_itself_is_passed_on() {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1"];
    let said = ["-metadata", "location=+52.5200+013.4050/", "-metadata", "title=holiday with the neighbours"];
    let upload = fixtures::ffmpeg("holiday.mp4", &[&picture, fixtures::X264, &said].concat());
    assert!(contains(&std::fs::read(&upload).unwrap(), "neighbours"));
    let outcome = transcode(&upload).run().done();
    for (file, contents) in testkit::workspace::contents(&outcome.out) {
        for text in ["neighbours", "+52.52"] {
            assert!(!contains(&contents, text), "{text} is in {}", file.display());
        }
    }
}

fn contains(contents: &[u8], text: &str) -> bool {
    contents.windows(text.len()).any(|window| window == text.as_bytes())
}

fn archived(upload: &Path, further: &[&str]) -> Outcome {
    let job = transcode(upload).policy(workspace::showcase_policy()).setting("archive", "true");
    job.args(further).run().done()
}

/// Two seconds of moving picture and sound, encoded like this.
fn encoded(name: &str, encoders: &str) -> PathBuf {
    let inputs = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -f lavfi -i sine=duration=2";
    let arguments: Vec<&str> = inputs.split(' ').chain(encoders.split(' ')).collect();
    fixtures::ffmpeg(name, &arguments)
}

#[test]
fn an_upload_that_an_archive_wants_is_kept_to_the_last_bit() {
    for (name, encoders, codec) in [
        ("kept.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac", "h264"),
        ("kept.ts", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac", "h264"),
        ("kept.mkv", "-c:v libx265 -preset ultrafast -x265-params log-level=error -c:a ac3", "hevc"),
        ("kept.mov", "-c:v prores_ks -profile:v 1 -pix_fmt yuv422p10le -c:a pcm_s24le", "prores"),
        ("kept-av1.mp4", "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p -c:a libopus", "av1"),
    ] {
        let upload = encoded(name, encoders);
        let outcome = archived(&upload, &[]);
        let file = outcome.mezzanine();
        assert_eq!(probe::video(&file).unwrap().says("codec_name"), codec, "{name}");
        assert_eq!(probe::digests(&file), probe::digests(&upload), "{name}");
        assert_eq!(probe::audio(&file).unwrap().codec, probe::audio(&upload).unwrap().codec, "{name}");
        let boxes = probe::boxes(&file);
        let place = |kind: &str| boxes.iter().position(|found| found == kind);
        assert!(place("moov") < place("mdat"), "{boxes:?}");
        assert!((probe::duration(&file) - 2.0).abs() < 0.1, "{name}");
        probe::decodes(&file);
    }
}

#[test]
fn an_upload_that_an_archive_does_not_want_is_encoded() {
    // Its edit list begins and ends between keyframes, which a copy can't.
    let whole = encoded("whole.mp4", "-c:v libx264 -preset ultrafast -g 250 -pix_fmt yuv420p -c:a aac");
    let cut = fixtures::ffmpeg("cut.mp4", &["-ss", "0.6", "-t", "0.8", "-i", whole.to_str().unwrap(), "-c", "copy"]);
    let vp9 = encoded("not-kept.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus");
    let h264 = encoded("kept-part.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac");
    for (upload, further, frames) in [(vp9, &[][..], 50), (cut, &[], 20), (h264, &["--attribute", "from=1000"][..], 25)]
    {
        let outcome = archived(&upload, further);
        let file = outcome.mezzanine();
        assert_eq!(probe::video(&file).unwrap().says("codec_name"), "h264");
        assert_eq!(probe::frames(&file).len(), frames);
        assert_eq!(probe::audio(&file).unwrap().codec, "aac");
    }
}
