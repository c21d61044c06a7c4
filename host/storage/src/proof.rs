//! Proves that a store can be used, by using it.

use super::{Body, Key, ObjectMeta, Operation, RESERVED, Store, StoreError};

/// The content of the objects that are written and removed.
const CONTENT: &[u8] = b"Written by codex-transcoder to see whether it may write here. It can be deleted.\n";

/// Writes one object in one request and one as an upload that is committed later, lists and reads both, and deletes both.
/// They lie under [`RESERVED`], where no policy and no other worker has any.
pub async fn prove_writable(store: &dyn Store) -> Result<(), StoreError> {
    store.check().await?;
    let name = uuid::Uuid::new_v4().simple();
    let key = |how: &str| Key::parse(&format!("{RESERVED}/checks/{name}-{how}"));
    let keys = [key("whole")?, key("upload")?];
    let written = write(store, &keys).await;
    // Also what a failed proof has left. The first failure is reported: it causes the others.
    let mut deleted = Ok(());
    for key in &keys {
        deleted = deleted.and(store.delete(key).await);
    }
    written.and(deleted)
}

async fn write(store: &dyn Store, [whole, upload]: &[Key; 2]) -> Result<(), StoreError> {
    let meta = ObjectMeta::of_type("text/plain");
    store.put(whole, Body::Bytes(CONTENT.to_vec()), &meta).await?;
    store.prepare(upload, Body::Bytes(CONTENT.to_vec()), &meta).await?.commit().await?;
    store.list(whole.as_str()).await?;
    for key in [whole, upload] {
        let size = store.head(key).await?.map(|found| found.size);
        let content = store.read(key, CONTENT.len()).await?;
        if size != Some(CONTENT.len() as u64) || content.as_deref() != Some(CONTENT) {
            return Err(StoreError::damaged(Operation::Read, key, "it was written, and what is there is not the same"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::s3::{Fault, Personality};

    use super::*;
    use crate::LocalDirectory;
    use crate::s3::fixture::pair;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_proof_leaves_nothing_in_the_store() {
        for personality in [Personality::Plain, Personality::R2, Personality::B2] {
            let (server, store) = pair(personality);
            prove_writable(&store).await.unwrap();
            assert_eq!((server.keys(), server.uploads_in_progress()), (Vec::new(), 0));
        }
        let folder = tempfile::tempdir().unwrap();
        prove_writable(&LocalDirectory::open(folder.path()).unwrap()).await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join(".codex/checks")).unwrap().count(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_right_that_is_missing_is_found() {
        for request in ["PUT .codex", "POST uploads", "HEAD .codex", "GET .codex", "GET list-type", "DELETE .codex"] {
            let (server, store) = pair(Personality::Plain);
            server.fail(Fault::Status(403), request, 100);
            let error = prove_writable(&store).await.expect_err(request);
            assert!(matches!(error, StoreError::Denied { .. }), "{request}: {error}");
        }
    }
}
