//! Tests of everything but large transfers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fault::secret::SecretText;
use testkit::s3::{ACCESS_KEY_ID, BUCKET, Fault, Personality, S3Server, SECRET_ACCESS_KEY};

use super::fixture::{ALL, PART, key, meta, noise, pair, settings};
use super::{S3Settings, S3Store, Timeouts};
use crate::{Body, ObjectMeta, Store, StoreError, UploadsTo};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_comes_back_from_every_store_as_it_was_written() {
    for personality in ALL {
        let (server, store) = pair(personality);
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, PART, PART + 1, 2 * PART, 2 * PART + 77] {
            let (name, path) = (format!("o/{length}.mp4"), folder.path().join(format!("{length}")));
            let bytes = noise(length);
            std::fs::write(&path, &bytes).unwrap();
            let written = store.put(&key(&name), Body::File(path.clone()), &meta()).await.unwrap();
            assert_eq!(written, length as u64);
            assert!(server.object(&name).unwrap() == bytes, "{personality:?} has other bytes of {length}");
            let copy = folder.path().join(format!("{length}.copy"));
            let info = store.fetch(&key(&name), &copy).await.unwrap();
            assert_eq!(info.size, length as u64);
            assert!(std::fs::read(copy).unwrap() == bytes, "{personality:?} gave back other bytes of {length}");
            assert_eq!(store.head(&key(&name)).await.unwrap(), Some(info));
        }
        assert_eq!(server.uploads_in_progress(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn making_a_store_sends_no_request() {
    let (server, store) = pair(Personality::Plain);
    assert!(server.requests().is_empty());
    store.check().await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_metadata_are_kept_by_single_and_multipart_uploads() {
    let (server, store) = pair(Personality::R2);
    let labelled = ObjectMeta {
        content_type: "video/mp2t".into(),
        cache_control: Some("public, max-age=31536000, immutable".into()),
        notes: BTreeMap::from([("job".into(), "8c1f".into())]),
    };
    for (name, length) in [("one", 10), ("parts", PART + 1)] {
        store.put(&key(name), Body::Bytes(noise(length)), &labelled).await.unwrap();
        assert_eq!(server.content_type(name).as_deref(), Some("video/mp2t"));
        assert_eq!(server.cache_control(name), labelled.cache_control);
        let notes = server.metadata(name);
        assert_eq!(notes["job"], "8c1f");
        assert_eq!(notes["sha256"], hex::encode(<sha2::Sha256 as sha2::Digest>::digest(noise(length))));
    }
    store.put(&key("plain"), Body::Bytes(noise(10)), &meta()).await.unwrap();
    assert_eq!(server.cache_control("plain"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_header_is_refused_before_anything_is_sent() {
    let (server, store) = pair(Personality::Plain);
    let odd = ObjectMeta { notes: BTreeMap::from([("job".into(), "a\r\nx: y".into())]), ..meta() };
    let error = store.put(&key("o"), Body::Bytes(noise(10)), &odd).await.unwrap_err();
    assert!(matches!(error, StoreError::Rejected { .. }), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_not_found_and_removing_it_is_no_error() {
    let (server, store) = pair(Personality::Plain);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(store.head(&key("a/b")).await.unwrap(), None);
    assert_eq!(store.read(&key("a/b"), 10).await.unwrap(), None);
    let error = store.fetch(&key("a/b"), &folder.path().join("copy")).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    store.delete(&key("a/b")).await.unwrap();
    server.put_object("a/b", b"there".to_vec());
    store.delete(&key("a/b")).await.unwrap();
    assert!(server.keys().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_names_a_missing_bucket() {
    let server = S3Server::start(Personality::Plain);
    let store = S3Store::new(S3Settings { bucket: "nowhere".into(), ..settings(&server) }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let errors = [
        store.check().await.unwrap_err(),
        store.fetch(&key("o"), &folder.path().join("copy")).await.unwrap_err(),
        store.read(&key("o"), 10).await.unwrap_err(),
        store.list("").await.unwrap_err(),
        store.put(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap_err(),
        store.put(&key("o"), Body::Bytes(noise(PART + 1)), &meta()).await.unwrap_err(),
        store.delete(&key("o")).await.unwrap_err(),
        store.sweep(UploadsTo { key: &key("o"), is_prefix: false }).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, StoreError::NoBucket { bucket } if bucket == "nowhere"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_denied_and_not_printed() {
    let server = S3Server::start(Personality::Plain);
    let wrong = "another-secret-than-the-right-one";
    let store = S3Store::new(S3Settings { secret_access_key: SecretText::new(wrong), ..settings(&server) }).unwrap();
    let error = store.put(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap_err();
    let StoreError::Denied { reason, .. } = &error else { panic!("{error}") };
    assert!(reason.contains("SignatureDoesNotMatch"), "{reason}");
    assert!(matches!(store.check().await.unwrap_err(), StoreError::Denied { .. }));
    assert!(matches!(store.head(&key("o")).await.unwrap_err(), StoreError::Denied { .. }));
    for text in [format!("{error:?} {error}"), format!("{store:?}")] {
        assert!(!text.contains(wrong) && !text.contains("Signature="), "{text}");
    }
    // A wrong key isn't retried.
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_objects_are_read_completely_or_not_at_all() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", b"twelve bytes".to_vec());
    assert_eq!(store.read(&key("o"), 12).await.unwrap().as_deref(), Some(&b"twelve bytes"[..]));
    let error = store.read(&key("o"), 11).await.unwrap_err();
    assert!(error.to_string().contains("more than 11 bytes"), "{error}");
    server.fail(Fault::ResetMidBody(5), "GET", 2);
    assert_eq!(store.read(&key("o"), 12).await.unwrap().as_deref(), Some(&b"twelve bytes"[..]));
    assert_eq!(server.injected(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_all_pages_and_only_valid_keys() {
    let (server, store) = pair(Personality::B2);
    for number in 0..1003 {
        server.put_object(&format!("jobs/{number:04}.json"), Vec::new());
    }
    for odd in ["jobs//twice.json", "jobs/folder/", r"jobs/what\", "other/0000.json"] {
        server.put_object(odd, Vec::new());
    }
    let found = store.list("jobs/").await.unwrap();
    assert_eq!(found.len(), 1003);
    assert_eq!(found.last(), Some(&key("jobs/1002.json")));
    assert!(found.is_sorted());
    assert_eq!(server.requests().len(), 2);
    assert!(store.list("nothing/").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured_up_to_the_maximum() {
    let server = S3Server::start(Personality::B2);
    let impatient = Timeouts { initial_backoff: Duration::from_millis(1), ..settings(&server).timeouts };
    let store = S3Store::new(S3Settings { timeouts: impatient, ..settings(&server) }).unwrap();
    server.fail(Fault::SlowDown { retry_after: 1 }, "PUT", 1);
    let began = Instant::now();
    store.put(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "the store asked for a second: {:?}", began.elapsed());
    assert_eq!(server.injected(), 1);

    let impatient = Timeouts { max_backoff: Duration::from_millis(5), ..impatient };
    let store = S3Store::new(S3Settings { timeouts: impatient, ..settings(&server) }).unwrap();
    server.fail(Fault::SlowDown { retry_after: 3600 }, "PUT", 1);
    store.put(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap();
    assert_eq!(server.injected(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_to_a_busy_store_succeed_in_the_end() {
    let (server, store) = pair(Personality::B2);
    server.slow_down_every(Some(3));
    for number in 0..20 {
        store.put(&key(&format!("{number}")), Body::Bytes(noise(100)), &meta()).await.unwrap();
    }
    assert_eq!(server.keys().len(), 20);
    assert!(server.injected() > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_are_reported_after_all_attempts() {
    let (server, store) = pair(Personality::Plain);
    for status in [500, 503, 429] {
        server.forget_requests();
        server.fail(Fault::Status(status), "PUT", 4);
        let error = store.put(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap_err();
        let StoreError::Unavailable { reason, .. } = &error else { panic!("{error}") };
        assert!(reason.contains(&status.to_string()), "{reason}");
        assert_eq!(server.requests_for("PUT").len(), 4);
    }
    server.forget_requests();
    server.fail(Fault::Status(400), "PUT", 1);
    let error = store.put(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Rejected { reason, .. } if reason.contains("A test asked")), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_is_unavailable_until_it_is_back() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", b"here".to_vec());
    server.down(true);
    let error = store.head(&key("o")).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(server.injected() > 0);
    server.down(false);
    assert!(store.head(&key("o")).await.unwrap().is_some());

    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = S3Settings::new(format!("http://{address}"), BUCKET, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    let away = S3Store::new(S3Settings { timeouts: settings(&server).timeouts, ..away }).unwrap();
    let error = away.check().await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_store_times_out() {
    let server = S3Server::start(Personality::Plain);
    let brief = Timeouts { response: Duration::from_millis(500), attempts: 2, ..settings(&server).timeouts };
    let store = S3Store::new(S3Settings { timeouts: brief, ..settings(&server) }).unwrap();
    server.fail(Fault::Silence, "HEAD", 2);
    let error = store.head(&key("o")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable { reason, .. } if reason == "no answer in time"), "{error}");
    assert_eq!(server.injected(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_more_objects_than_one_answer_has_comes_page_by_page() {
    let (server, store) = pair(Personality::R2);
    let names: Vec<String> = (0..1203).map(|number| format!("u/{number:05}")).collect();
    names.iter().for_each(|name| server.put_object(name, *b"12345"));
    server.put_object("u/a//no-key", *b"1");
    server.put_object("v/other", *b"1");
    let (mut found, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let page = store.list_page("u/", after.as_deref()).await.unwrap();
        assert!(page.objects.iter().all(|object| object.size == 5 && object.modified > 1_700_000_000));
        found.extend(page.objects.into_iter().map(|object| object.key.as_str().to_owned()));
        pages += 1;
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!((found, pages), (names, 2));
    let rest = store.list_page("u/", Some("u/01200")).await.unwrap();
    assert_eq!((rest.objects.len(), rest.next), (2, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_notes_of_an_object_are_read_without_it() {
    let (_server, store) = pair(Personality::B2);
    let noted = ObjectMeta { notes: BTreeMap::from([("job".into(), "8c1f".into())]), ..meta() };
    store.put(&key("one"), Body::Bytes(noise(10)), &noted).await.unwrap();
    assert_eq!(store.notes(&key("one")).await.unwrap().unwrap()["job"], "8c1f");
    assert_eq!(store.notes(&key("two")).await.unwrap(), None);
}
