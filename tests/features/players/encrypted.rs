//! Encrypted ladders, whose keys the web server has.

use testkit::browser::Player;
use testkit::site::Site;
use testkit::workspace;

use super::{Publication, all_through, assert_all_through, film, ladder_alone, showcase};

/// The first ten segments have the first key, and the next ones the second. The third is for encrypted samples.
const KEYS: [(&str, &[u8]); 3] =
    [("film-0", b"0123456789abcdef"), ("film-1", b"fedcba9876543210"), ("film", b"now to be secret")];

/// A publication whose players ask the site for the keys.
fn encrypted(settings: &[(&str, &str)]) -> (Publication, tempfile::TempDir) {
    let folder = workspace::scratch();
    let (out, keys) = (folder.path().join("out"), folder.path().join("keys"));
    std::fs::create_dir(&keys).unwrap();
    for (name, key) in KEYS {
        std::fs::write(keys.join(name), key).unwrap();
    }
    let site = Site::of(&[("media", &out.join("media")), ("keys", &keys)]);
    let job = ladder_alone(showcase(&film::with_all_tracks())).setting("key", "film");
    let job = settings.iter().fold(job, |job, (name, value)| job.setting(name, value));
    let keys = ["--keys", keys.to_str().unwrap(), "--key-uri", &site.url("/keys/")];
    let outcome = job.args(&keys).out(&out).run().done();
    (Publication { outcome, site }, folder)
}

#[test]
fn players_decrypt_the_default_segments_with_both_keys() {
    let (published, _folder) = encrypted(&[]);
    for player in [Player::HlsJs, Player::Shaka] {
        let report = published.watched(all_through(published.hls(player)));
        assert_all_through(&report);
        assert!(KEYS[..2].iter().all(|(name, _)| report.asked_for(&format!("/keys/{name}"))));
    }
}

#[test]
fn players_decrypt_fragmented_mp4_and_its_sound() {
    let (published, _folder) = encrypted(&[("languages", "true")]);
    for (player, german) in [(Player::HlsJs, "ger"), (Player::Shaka, "de")] {
        let report = published.watched(all_through(published.hls(player)).audio(german, film::GERMAN));
        assert_all_through(&report);
        assert!(KEYS[..2].iter().all(|(name, _)| report.asked_for(&format!("/keys/{name}"))));
    }
}

/// By the browser's own module for keys in the clear, which keeps pictures from the page. What they show is compared where
/// ffmpeg decrypts them; here they have to be decoded without an error, with B-frames and their longer slice headers.
#[test]
fn shaka_has_samples_decrypted_by_the_browser() {
    let (published, _folder) = encrypted(&[("languages", "true"), ("encrypt", "samples"), ("effort", "fast")]);
    let scenario = published.hls(Player::Shaka).tracks().watch(0.0, 1.5).watch(33.0, 1.5).watch(64.0, 1.0).end();
    let report = published.watched(scenario);
    for watched in report.steps("watch") {
        assert!(watched["frames"].as_u64().unwrap() >= 8 && watched["corrupted"] == 0, "{watched}");
        assert!(watched["size"][1].as_u64().unwrap() >= 360, "{watched}");
    }
    assert_eq!(report.steps("watch").len(), 3);
    assert!(report.asked_for("/keys/film") && !report.asked_for("/keys/film-0"));
}
