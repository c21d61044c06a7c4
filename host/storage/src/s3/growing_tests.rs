//! Tests of uploads of files that are still being written.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use testkit::s3::{Fault, Personality, S3Server};

use super::S3Store;
use super::fixture::{ALL, PART, key, meta, noise, pair, wait_until};
use super::growing::part_size;
use crate::{Growing, GrowingFile, Store};

struct Scene {
    server: S3Server,
    store: S3Store,
    folder: tempfile::TempDir,
}

impl Scene {
    fn of(personality: Personality) -> Self {
        let (server, store) = pair(personality);
        Self { server, store, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("film.mp4")
    }

    fn append(&self, bytes: &[u8]) {
        OpenOptions::new().create(true).append(true).open(self.path()).unwrap().write_all(bytes).unwrap();
    }

    fn begin(&self, unsettled: u64) -> Box<dyn Growing> {
        self.store.begin(&key("o"), GrowingFile { path: self.path(), unsettled, likely: u64::MAX }, &meta()).unwrap()
    }

    fn parts(&self) -> usize {
        self.server.requests_for("PUT partNumber=").len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_sent_while_the_file_grows_and_the_beginning_at_its_end() {
    for personality in ALL {
        let scene = Scene::of(personality);
        let film = noise(4 * PART + 7);
        let mut upload = scene.begin(100);
        assert_eq!(upload.advance().await.unwrap(), 0, "there is no file yet");
        scene.append(&film[..2 * PART]);
        assert_eq!(upload.advance().await.unwrap(), 0, "the second part may be the last one");
        assert_eq!(scene.server.uploads_in_progress(), 0);
        scene.append(&film[2 * PART..3 * PART + 1]);
        assert_eq!(upload.advance().await.unwrap(), PART as u64);
        assert_eq!(upload.advance().await.unwrap(), PART as u64);
        assert_eq!(upload.advance().await.unwrap(), 0);
        assert_eq!(scene.parts(), 2);
        scene.append(&film[3 * PART + 1..]);
        // As a muxer writes its index in front.
        OpenOptions::new().write(true).open(scene.path()).unwrap().write_all_at(b"index", 50).unwrap();
        let prepared = upload.finish().await.unwrap();
        assert_eq!((prepared.length(), scene.parts()), (film.len() as u64, 5), "only the others are sent");
        assert!(scene.server.object("o").is_none(), "it is not visible yet");
        prepared.commit().await.unwrap();
        let mut expected = film;
        expected[50..55].copy_from_slice(b"index");
        assert!(scene.server.object("o").unwrap() == expected, "{personality:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_since_it_was_sent_is_sent_again() {
    let scene = Scene::of(Personality::R2);
    let mut upload = scene.begin(0);
    scene.append(&noise(3 * PART + 1));
    while upload.advance().await.unwrap() > 0 {}
    assert_eq!(scene.parts(), 3);
    // Another encode began the file anew: one part is the same.
    let mut film = noise(3 * PART + 1);
    film[..PART].reverse();
    film[2 * PART] ^= 1;
    std::fs::remove_file(scene.path()).unwrap();
    scene.append(&film);
    upload.finish().await.unwrap().commit().await.unwrap();
    assert_eq!(scene.parts(), 6, "two that changed, and the last");
    assert!(scene.server.object("o").unwrap() == film);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_ends_before_its_first_part_is_sent_as_any_other() {
    let scene = Scene::of(Personality::B2);
    let mut upload = scene.begin(PART as u64);
    scene.append(&noise(PART + 9));
    assert_eq!(upload.advance().await.unwrap(), 0);
    upload.finish().await.unwrap().commit().await.unwrap();
    assert!(scene.server.object("o").unwrap() == noise(PART + 9));
    assert!(scene.server.metadata("o").contains_key("sha256"), "its digest is among its notes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_shrinks_keeps_nothing_of_what_it_was() {
    let scene = Scene::of(Personality::Plain);
    let mut upload = scene.begin(0);
    scene.append(&noise(3 * PART + 1));
    while upload.advance().await.unwrap() > 0 {}
    std::fs::write(scene.path(), b"little").unwrap();
    assert_eq!(upload.advance().await.unwrap(), 0);
    upload.finish().await.unwrap().commit().await.unwrap();
    assert_eq!(scene.server.object("o").unwrap(), b"little");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_given_up_or_fails_leaves_nothing() {
    let scene = Scene::of(Personality::Plain);
    scene.append(&noise(2 * PART + 1));
    let mut upload = scene.begin(0);
    upload.advance().await.unwrap();
    assert_eq!(scene.server.uploads_in_progress(), 1);
    drop(upload);
    wait_until(&scene.server, |server| server.uploads_in_progress() == 0);

    let mut upload = scene.begin(0);
    upload.advance().await.unwrap();
    scene.server.fail(Fault::Deny, "PUT partNumber=3", 1);
    assert!(upload.finish().await.is_err());
    assert_eq!((scene.server.injected(), scene.server.uploads_in_progress()), (1, 0));
}

#[test]
fn parts_of_what_is_not_large_are_smaller() {
    let mib = |bytes: u64| bytes << 20;
    assert_eq!(part_size(mib(16), mib(20)), mib(5));
    assert_eq!(part_size(mib(16), mib(80)), mib(10));
    assert_eq!(part_size(mib(16), mib(9000)), mib(16));
    assert_eq!(part_size(mib(5), u64::MAX), mib(5));
}
