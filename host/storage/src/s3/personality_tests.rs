//! Checks that the test servers are as unfriendly as the stores they imitate. Otherwise the other tests prove nothing.

use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use testkit::s3::{BUCKET, Personality, S3Server};

use super::client::client;
use super::fixture::{PART, key, meta, noise, pair, settings};
use super::request_error::RequestError;
use super::{S3Settings, Timeouts};
use crate::{Body, Operation, Store};

/// The SDK's client without our precautions and without retries.
fn bare(server: &S3Server) -> aws_sdk_s3::Client {
    let timeouts = Timeouts { attempts: 1, ..settings(server).timeouts };
    client(&S3Settings { timeouts, ..settings(server) }).unwrap()
}

/// The text of a refusal.
fn refusal<T>(response: Result<T, impl Into<RequestError>>) -> String {
    let error: RequestError = response.err().expect("the request was accepted").into();
    error.into_store_error(Operation::Write, &key("o"), BUCKET).to_string()
}

async fn in_parts(server: &S3Server, sizes: &[usize]) -> Result<(), String> {
    let client = bare(server);
    let id = client.create_multipart_upload().bucket(BUCKET).key("o").send().await.unwrap().upload_id.unwrap();
    let mut parts = CompletedMultipartUpload::builder();
    for (number, size) in (1..).zip(sizes) {
        let part = client.upload_part().bucket(BUCKET).key("o").upload_id(&id).part_number(number);
        let sent = part.body(ByteStream::from(noise(*size))).send().await.unwrap();
        parts = parts.parts(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
    }
    let complete = client.complete_multipart_upload().bucket(BUCKET).key("o").upload_id(id);
    match complete.multipart_upload(parts.build()).send().await {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_refuses_parts_of_unequal_size_and_others_take_them() {
    for (personality, taken) in [(Personality::R2, false), (Personality::B2, true), (Personality::Plain, true)] {
        let server = S3Server::start(personality);
        let answer = in_parts(&server, &[PART, PART + 1, 10]).await;
        assert_eq!(answer.is_ok(), taken, "{personality:?}: {answer:?}");
        assert!(answer.is_ok() || answer.unwrap_err().contains("10048"));
        // All of them refuse small parts.
        assert!(in_parts(&server, &[PART - 1, 10]).await.unwrap_err().contains("EntityTooSmall"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_has_no_conditional_writes_and_the_others_do() {
    for (personality, code) in [
        (Personality::R2, "PreconditionFailed"),
        (Personality::B2, "not possible"),
        (Personality::Plain, "PreconditionFailed"),
    ] {
        let server = S3Server::start(personality);
        server.put_object("o", b"there".to_vec());
        let put = bare(&server).put_object().bucket(BUCKET).key("o").if_none_match("*");
        let text = refusal(put.body(ByteStream::from_static(b"new")).send().await);
        assert!(text.contains(code), "{personality:?}: {text}");
        assert_eq!(server.object("o").unwrap(), b"there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checksums_that_the_sdk_adds_by_default_are_refused() {
    for personality in [Personality::R2, Personality::B2] {
        let server = S3Server::start(personality);
        let put = bare(&server).put_object().bucket(BUCKET).key("o").checksum_algorithm(ChecksumAlgorithm::Crc32);
        let put = put.content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").body(ByteStream::from_static(b""));
        refusal(put.send().await);
        assert!(server.keys().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_link_is_slow_both_ways() {
    let (server, store) = pair(Personality::Plain);
    server.throttle(Some(400_000));
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    store.put(&key("o"), Body::Bytes(noise(200_000)), &meta()).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(400), "up in {:?}", began.elapsed());
    let began = Instant::now();
    store.fetch(&key("o"), &folder.path().join("copy")).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(400), "down in {:?}", began.elapsed());
}
