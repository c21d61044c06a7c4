//! Shared by the tests of this store.

use std::time::Duration;

use testkit::s3::{ACCESS_KEY_ID, BUCKET, Personality, S3Server, SECRET_ACCESS_KEY};

use crate::s3::{Dialect, S3Settings, S3Store, Timeouts};
use crate::{Key, ObjectMeta};

pub(super) const ALL: [Personality; 3] = [Personality::R2, Personality::B2, Personality::Plain];
/// Bytes of a part: the fewest that stores accept, except for the last one.
pub(super) const PART: usize = 5 << 20;

/// Settings for a server's bucket, with short waits.
pub(super) fn settings(server: &S3Server) -> S3Settings {
    S3Settings {
        dialect: Dialect::Plain,
        part_size: PART as u64,
        multipart_above: PART as u64,
        at_once: 3,
        timeouts: Timeouts { attempts: 4, initial_backoff: Duration::from_millis(10), ..Timeouts::default() },
        ..S3Settings::new(server.url(), BUCKET, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    }
}

pub(super) fn store(server: &S3Server) -> S3Store {
    S3Store::new(settings(server)).unwrap()
}

pub(crate) fn pair(personality: Personality) -> (S3Server, S3Store) {
    let server = S3Server::start(personality);
    let store = store(&server);
    (server, store)
}

pub(super) fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

pub(super) fn meta() -> ObjectMeta {
    ObjectMeta::of_type("video/mp4")
}

/// Bytes without repetition.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Waits for a server without blocking the runtime.
pub(super) fn wait_until(server: &S3Server, holds: impl FnMut(&S3Server) -> bool) {
    tokio::task::block_in_place(|| server.wait_until(holds));
}
