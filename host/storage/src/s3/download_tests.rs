//! Tests of downloads.

use std::time::Duration;

use testkit::s3::{Asked, Fault, Personality, S3Server};

use super::fixture::{PART, key, noise, pair, settings};
use super::{S3Settings, S3Store, Timeouts};
use crate::{Store, StoreError};

/// The first and last byte of a request.
fn range(asked: &Asked) -> (u64, u64) {
    let text = asked.header("range").and_then(|text| text.strip_prefix("bytes=")).unwrap();
    let (first, last) = text.split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_is_downloaded_in_ranges_of_one_version() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", noise(2 * PART + 9));
    let folder = tempfile::tempdir().unwrap();
    let info = store.fetch(&key("o"), &folder.path().join("copy")).await.unwrap();
    let asked = server.requests_for("GET");
    let mut ranges: Vec<_> = asked.iter().map(range).collect();
    ranges.sort_unstable();
    let part = PART as u64;
    assert_eq!(ranges, [(0, part - 1), (part, 2 * part - 1), (2 * part, 2 * part + 8)]);
    assert!(asked.iter().all(|asked| asked.header("if-match") == info.tag.as_deref() && info.tag.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_range_resumes_where_it_stopped() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", noise(2 * PART));
    let cut = 3_000_000;
    server.fail(Fault::ResetMidBody(cut), "GET", 1);
    let folder = tempfile::tempdir().unwrap();
    store.fetch(&key("o"), &folder.path().join("copy")).await.unwrap();
    assert!(std::fs::read(folder.path().join("copy")).unwrap() == noise(2 * PART));
    assert_eq!(server.injected(), 1);
    let mut ranges: Vec<_> = server.requests_for("GET").iter().map(range).collect();
    ranges.sort_unstable();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    let part = PART as u64;
    let resumed: Vec<_> = ranges.into_iter().filter(|(first, _)| first % part != 0).collect();
    let [(first, last)] = resumed[..] else { panic!("nothing was resumed: {resumed:?}") };
    assert_eq!((last + 1) % part, 0, "more than the rest of the range was asked for");
    assert!(first % part <= cut, "bytes were skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_connection_may_break_more_often_than_there_are_attempts() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", noise(PART));
    server.fail(Fault::ResetMidBody(400_000), "GET", 8);
    let folder = tempfile::tempdir().unwrap();
    store.fetch(&key("o"), &folder.path().join("copy")).await.unwrap();
    assert!(std::fs::read(folder.path().join("copy")).unwrap() == noise(PART));
    assert_eq!(server.injected(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_delivers_nothing_is_given_up() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", noise(1000));
    server.fail(Fault::ResetMidBody(0), "GET", usize::MAX);
    let folder = tempfile::tempdir().unwrap();
    let error = store.fetch(&key("o"), &folder.path().join("copy")).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    // Whether a reset comes before or after the response headers decides who retries, so this is only bounded.
    assert!((4..=16).contains(&server.injected()), "{}", server.injected());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_body_is_requested_again() {
    let server = S3Server::start(Personality::Plain);
    let brief = Timeouts { idle: Duration::from_millis(300), ..settings(&server).timeouts };
    let store = S3Store::new(S3Settings { timeouts: brief, ..settings(&server) }).unwrap();
    server.put_object("o", noise(PART));
    server.fail(Fault::SilenceMidBody(1_000_000), "GET", 1);
    let folder = tempfile::tempdir().unwrap();
    store.fetch(&key("o"), &folder.path().join("copy")).await.unwrap();
    assert!(std::fs::read(folder.path().join("copy")).unwrap() == noise(PART));
    assert_eq!(server.injected(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_overwritten_during_its_download_is_an_error() {
    for length in [2 * PART, 10] {
        let (server, store) = pair(Personality::Plain);
        server.put_object("o", noise(2 * PART));
        server.fail(Fault::Rewritten(vec![7; length]), "GET /o", 1);
        let folder = tempfile::tempdir().unwrap();
        let error = store.fetch(&key("o"), &folder.path().join("copy")).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("it was overwritten while it was being read"), "{error}");
        assert_eq!(server.injected(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_file_is_not_overwritten() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", noise(10));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    std::fs::write(&path, "mine").unwrap();
    let error = store.fetch(&key("o"), &path).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_download_sends_no_more_requests() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", noise(12 * PART));
    server.fail(Fault::SilenceMidBody(1000), "GET", 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let fetch = tokio::spawn(async move { store.fetch(&key("o"), &path).await });
    super::fixture::wait_until(&server, |server| server.injected() == 3);
    fetch.abort();
    assert!(fetch.await.unwrap_err().is_cancelled());
    assert_eq!(server.requests_for("GET").len(), 3);
}
