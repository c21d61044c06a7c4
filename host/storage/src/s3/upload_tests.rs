//! Tests of uploads.

use testkit::s3::{Fault, Personality, S3Server};

use super::fixture::{ALL, PART, key, meta, noise, pair, settings, wait_until};
use super::{S3Settings, S3Store, Timeouts};
use crate::{Body, Store, StoreError, UploadsTo};

#[tokio::test(flavor = "multi_thread")]
async fn all_parts_but_the_last_are_of_one_size() {
    let (server, store) = pair(Personality::R2);
    store.put(&key("o"), Body::Bytes(noise(3 * PART + 5)), &meta()).await.unwrap();
    let mut parts: Vec<(String, usize)> = server
        .requests_for("PUT partNumber=")
        .iter()
        .map(|part| (part.query.clone(), part.header("content-length").unwrap().parse().unwrap()))
        .collect();
    parts.sort();
    assert_eq!(parts.iter().map(|(_, size)| *size).collect::<Vec<_>>(), [PART, PART, PART, 5]);
    assert!(server.object("o").unwrap() == noise(3 * PART + 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_failed_part_is_sent_again() {
    let (server, store) = pair(Personality::B2);
    server.fail(Fault::Status(500), "PUT partNumber=2", 2);
    server.fail(Fault::CommitThenDrop, "PUT partNumber=3", 1);
    store.put(&key("o"), Body::Bytes(noise(3 * PART)), &meta()).await.unwrap();
    assert_eq!(server.injected(), 3);
    assert_eq!(server.requests_for("PUT partNumber=").len(), 6);
    assert!(server.object("o").unwrap() == noise(3 * PART));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_upload_leaves_the_previous_object_and_nothing_else() {
    let (server, store) = pair(Personality::Plain);
    server.put_object("o", b"before".to_vec());
    for words in ["PUT partNumber=2", "POST uploadId="] {
        server.fail(Fault::Deny, words, 1);
        let error = store.put(&key("o"), Body::Bytes(noise(3 * PART)), &meta()).await.unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
        assert_eq!(server.object("o").unwrap(), b"before");
        assert_eq!(server.uploads_in_progress(), 0, "after a fault of {words}");
    }
    assert_eq!(server.injected(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_cancelled_at_any_point_leaves_nothing() {
    for words in ["POST uploads", "PUT partNumber=2", "POST uploadId="] {
        let (server, store) = pair(Personality::Plain);
        if words != "POST uploads" {
            server.fail(Fault::Silence, words, 1);
        }
        let put = tokio::spawn(async move { store.put(&key("o"), Body::Bytes(noise(3 * PART)), &meta()).await });
        wait_until(&server, |server| !server.requests_for(words).is_empty());
        put.abort();
        assert!(put.await.unwrap_err().is_cancelled());
        wait_until(&server, |server| !server.requests_for("DELETE uploadId=").is_empty());
        wait_until(&server, |server| server.uploads_in_progress() == 0);
        assert!(server.keys().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_object_is_invisible_until_it_is_committed() {
    for personality in ALL {
        let (server, store) = pair(personality);
        for length in [0, 10, PART + 1] {
            let name = format!("o{length}");
            server.put_object(&name, b"before".to_vec());
            let prepared = store.prepare(&key(&name), Body::Bytes(noise(length)), &meta()).await.unwrap();
            assert_eq!(prepared.length(), length as u64);
            assert_eq!(server.object(&name).unwrap(), b"before");
            prepared.commit().await.unwrap();
            assert!(server.object(&name).unwrap() == noise(length));
            assert_eq!(server.uploads_in_progress(), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_or_dropped_upload_is_aborted() {
    let (server, store) = pair(Personality::R2);
    let prepared = store.prepare(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap();
    assert_eq!(server.uploads_in_progress(), 1);
    prepared.discard().await;
    assert_eq!(server.uploads_in_progress(), 0);
    drop(store.prepare(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap());
    wait_until(&server, |server| server.uploads_in_progress() == 0);
    assert!(server.keys().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_does_not_lose_the_object() {
    // Once, so that the retry finds no upload any more; and every time, so that no response ever arrives.
    for times in [1, 4] {
        let (server, store) = pair(Personality::Plain);
        server.fail(Fault::CommitThenDrop, "PUT /small", times);
        store.put(&key("small"), Body::Bytes(noise(10)), &meta()).await.unwrap();
        server.fail(Fault::CommitThenDrop, "POST uploadId=", times);
        store.put(&key("large"), Body::Bytes(noise(PART + 1)), &meta()).await.unwrap();
        assert!(server.injected() > times);
        assert_eq!(server.keys(), ["large", "small"]);
        assert_eq!(server.uploads_in_progress(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_writer_is_not_taken_for_ours() {
    let (server, store) = pair(Personality::Plain);
    // The same bytes, but not written by this upload.
    for (name, length, words) in [("small", 10, "PUT /small"), ("large", PART + 1, "POST uploadId=")] {
        store.put(&key(name), Body::Bytes(noise(length)), &meta()).await.unwrap();
        server.fail(Fault::Status(500), words, 4);
        let error = store.put(&key(name), Body::Bytes(noise(length)), &meta()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert_eq!(server.uploads_in_progress(), 0);
    }
    assert_eq!(server.injected(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_aborted_by_another_process_is_damaged() {
    let (server, store) = pair(Personality::Plain);
    let prepared = store.prepare(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap();
    assert_eq!(store.sweep(UploadsTo { key: &key("o"), is_prefix: false }).await.unwrap(), 1);
    let error = prepared.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(server.keys().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_accepts_a_second_write_of_a_key_after_a_second() {
    let server = S3Server::start(Personality::R2);
    // Waits are random; so many of them certainly outlast the server's window.
    let steady = Timeouts { attempts: 12, ..settings(&server).timeouts };
    let store = S3Store::new(S3Settings { timeouts: steady, ..settings(&server) }).unwrap();
    for text in ["first", "second"] {
        store.put(&key("o"), Body::Bytes(text.into()), &meta()).await.unwrap();
    }
    assert_eq!(server.object("o").unwrap(), b"second");
    // Whether the second write came too soon depends on the clock; this one certainly does.
    let hurried = Timeouts { attempts: 1, ..settings(&server).timeouts };
    let hurried = S3Store::new(S3Settings { timeouts: hurried, ..settings(&server) }).unwrap();
    server.rewrite_window(std::time::Duration::from_secs(3600));
    let error = hurried.put(&key("o"), Body::Bytes(noise(10)), &meta()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable { reason, .. } if reason.contains("10058")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_aborts_only_the_uploads_to_its_key() {
    let (server, store) = pair(Personality::B2);
    for name in ["jobs/1", "jobs/1", "jobs/12"] {
        let prepared = store.prepare(&key(name), Body::Bytes(noise(10)), &meta()).await.unwrap();
        // Like a killed process: no destructor runs.
        std::mem::forget(prepared);
    }
    assert_eq!(server.uploads_in_progress(), 3);
    assert_eq!(store.sweep(UploadsTo { key: &key("jobs/1"), is_prefix: false }).await.unwrap(), 2);
    assert_eq!(server.uploads_in_progress(), 1);
    assert_eq!(store.sweep(UploadsTo { key: &key("jobs/1"), is_prefix: false }).await.unwrap(), 0);
    std::mem::forget(store.prepare(&key("jobs/1"), Body::Bytes(noise(10)), &meta()).await.unwrap());
    assert_eq!(store.sweep(UploadsTo { key: &key("jobs/1"), is_prefix: true }).await.unwrap(), 2);
    assert_eq!(server.uploads_in_progress(), 0);
    server.fail(Fault::Status(501), "GET uploads", 1);
    assert_eq!(
        store.sweep(UploadsTo { key: &key("jobs/12"), is_prefix: false }).await.unwrap(),
        0,
        "a store that can't list uploads has none to sweep"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_local_file_is_a_local_error() {
    let (server, store) = pair(Personality::Plain);
    let error = store.put(&key("o"), Body::File("/nowhere/at/all".into()), &meta()).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn stores_of_two_runtimes_share_a_server() {
    let server = S3Server::start(Personality::Plain);
    for text in ["first", "second"] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = super::fixture::store(&server);
        runtime.block_on(store.put(&key("o"), Body::Bytes(text.into()), &meta())).unwrap();
    }
    assert_eq!(server.object("o").unwrap(), b"second");
}
