//! The host's own records, such as job journals. They lie under a reserved prefix and carry an HMAC, because anyone with
//! write access to the bucket could put a forged record there.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{Body, Counted, Key, ObjectMeta, Store, StoreError, Traffic};

/// Domain separation: derives a key that differs from every other use of the same secret. Also names the format.
const DOMAIN: &[u8] = b"codex-transcoder records 1";

/// Begins a record. The HMAC-SHA256 in hex and a line feed follow, then the content.
const HEADER: &[u8] = b"codex-record-1 ";

/// The HMAC in hex, and the line feed.
const SEAL_LENGTH: usize = 64 + 1;

/// Reads and writes records that only a host with the same secret can produce.
///
/// The HMAC covers key and content, so a record copied to another key is not authentic.
#[derive(Clone, Debug)]
pub struct Records {
    store: Arc<dyn Store>,
    mac: Hmac<Sha256>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Missing,
    /// Written by a host with the same secret.
    Authentic(Vec<u8>),
    /// Forged, copied from another key, truncated, or written with another secret.
    Foreign(Vec<u8>),
}

impl Records {
    pub fn new(store: Arc<dyn Store>, secret: &[u8]) -> Self {
        let derived = keyed(secret).chain_update(DOMAIN).finalize().into_bytes();
        Self { store, mac: keyed(&derived) }
    }

    /// The same records, with transferred bytes added to `traffic`.
    #[must_use]
    pub fn counted(&self, traffic: &Arc<Traffic>) -> Self {
        Self { store: Counted::over(&self.store, traffic), mac: self.mac.clone() }
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// A record of more than `limit` bytes is an error.
    pub async fn read(&self, key: &Key, limit: usize) -> Result<Record, StoreError> {
        let limit = limit.saturating_add(HEADER.len() + SEAL_LENGTH);
        let Some(bytes) = self.store.read(key, limit).await? else { return Ok(Record::Missing) };
        Ok(match self.verified(key, &bytes) {
            Some(content) => Record::Authentic(content.to_vec()),
            None => Record::Foreign(bytes),
        })
    }

    /// Writes a record atomically.
    pub async fn write(&self, key: &Key, content: &[u8]) -> Result<(), StoreError> {
        self.store
            .put(key, Body::Bytes(self.sealed(key, content)), &ObjectMeta::of_type("application/octet-stream"))
            .await
            .map(drop)
    }

    fn sealed(&self, key: &Key, content: &[u8]) -> Vec<u8> {
        let seal = hex::encode(self.mac_of(key, content).finalize().into_bytes());
        [HEADER, seal.as_bytes(), b"\n", content].concat()
    }

    fn verified<'a>(&self, key: &Key, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, content) = bytes.strip_prefix(HEADER)?.split_at_checked(SEAL_LENGTH)?;
        let seal = seal.strip_suffix(b"\n")?;
        let mac = hex::decode(seal).ok()?;
        self.mac_of(key, content).verify_slice(&mac).ok()?;
        // Decoding accepts upper case, which we never write.
        (!seal.iter().any(u8::is_ascii_uppercase)).then_some(content)
    }

    fn mac_of(&self, key: &Key, content: &[u8]) -> Hmac<Sha256> {
        let length = (key.as_str().len() as u64).to_be_bytes();
        self.mac.clone().chain_update(length).chain_update(key.as_str()).chain_update(content)
    }
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    // HMAC accepts keys of any length, so the fallback is unreachable.
    Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::LocalDirectory;

    fn records(folder: &std::path::Path, secret: &[u8]) -> Records {
        Records::new(Arc::new(LocalDirectory::open(folder).unwrap()), secret)
    }

    fn key(text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_record_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let records = records(folder.path(), b"secret");
        assert_eq!(records.read(&key(".codex/a"), 100).await.unwrap(), Record::Missing);
        for content in [&b"{\"a\":1}\n"[..], b""] {
            records.write(&key(".codex/a"), content).await.unwrap();
            assert_eq!(records.read(&key(".codex/a"), 100).await.unwrap(), Record::Authentic(content.to_vec()));
        }
    }

    #[tokio::test]
    async fn a_record_is_foreign_when_changed_copied_cut_off_unsealed_or_of_another_secret() {
        let folder = tempfile::tempdir().unwrap();
        let ours = records(folder.path(), b"secret");
        ours.write(&key("a"), b"content").await.unwrap();
        let path = folder.path().join("a");
        let sealed = std::fs::read(&path).unwrap();
        let foreign = async |records: &Records, at: &str| {
            matches!(records.read(&key(at), 100).await.unwrap(), Record::Foreign(_))
        };
        assert!(foreign(&records(folder.path(), b"another"), "a").await, "of another secret");
        std::fs::write(folder.path().join("b"), &sealed).unwrap();
        assert!(foreign(&ours, "b").await, "copied");
        for at in 0..sealed.len() {
            // The second turns a lower-case hex digit into an upper-case one.
            for change in [1, 0x20] {
                let mut changed = sealed.clone();
                changed[at] ^= change;
                std::fs::write(&path, &changed).unwrap();
                assert!(foreign(&ours, "a").await, "byte {at} changed by {change}");
            }
            std::fs::write(&path, &sealed[..at]).unwrap();
            assert!(foreign(&ours, "a").await, "cut off at {at}");
        }
        std::fs::write(&path, "content").unwrap();
        assert!(foreign(&ours, "a").await, "unsealed");
    }

    #[tokio::test]
    async fn a_record_of_more_than_the_limit_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let records = records(folder.path(), b"secret");
        records.write(&key("a"), &[b'x'; 101]).await.unwrap();
        assert!(records.read(&key("a"), 100).await.is_err());
        assert!(records.read(&key("a"), 101).await.is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_change_of_a_byte_makes_a_record_foreign(
            content in proptest::collection::vec(any::<u8>(), 0..64),
            at in any::<proptest::sample::Index>(),
            change in 1..=u8::MAX,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let records = records(folder.path(), b"secret");
            let mut bytes = records.sealed(&key("a"), &content);
            prop_assert_eq!(records.verified(&key("a"), &bytes), Some(&content[..]));
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert_eq!(records.verified(&key("a"), &bytes), None);
        }

        #[test]
        fn arbitrary_bytes_are_foreign(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let folder = tempfile::tempdir().unwrap();
            let records = records(folder.path(), b"secret");
            prop_assert_eq!(records.verified(&key("a"), &bytes), None);
            let headed = [HEADER, &bytes].concat();
            prop_assert_eq!(records.verified(&key("a"), &headed), None);
        }
    }
}
