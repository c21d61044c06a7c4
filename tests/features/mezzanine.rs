//! The mezzanine: one file to make everything else from, years later.

use testkit::{fixtures, probe};

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
