//! Files that a plan needs beside the original, such as subtitles.

use fault::Failure;
use media::error::{MediaError, UploadError};
use media::plan::Plan;
use sha2::{Digest as _, Sha256};
use storage::StoreError;

use super::JobContext;

/// Downloads them to the work directory. Returns the digest of the plan and of their contents: by it, a job finds the work
/// of an earlier attempt again.
pub async fn fetch(context: &JobContext, plan: &Plan) -> Result<String, Failure> {
    let mut digest: Option<Sha256> = None;
    for (name, from, most) in plan.companions() {
        let store = context.stores.get(&from.store)?;
        let found = context.unless_cancelled(store.head(&from.key)).await??;
        let size = found.map_or(0, |found| found.size);
        if size > most as u64 {
            return Err(MediaError::from(UploadError::TooManyBytes { size, limit: most as u64 }).into());
        }
        let content = context.unless_cancelled(store.read(&from.key, most)).await??;
        let content = content.ok_or_else(|| StoreError::NotFound { key: from.key.clone() })?;
        digest.get_or_insert_with(|| Sha256::new_with_prefix(plan.digest())).update(Sha256::digest(&content));
        let to = context.work.join(name);
        let written = tokio::fs::write(&to, content).await;
        written.map_err(MediaError::work("keeping a file beside the original"))?;
    }
    Ok(digest.map_or_else(|| plan.digest(), |digest| hex::encode(digest.finalize())))
}
