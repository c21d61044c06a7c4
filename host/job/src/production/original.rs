//! The original: brought to the work directory when it is needed there, and probed once.

use std::time::Instant;

use media::containment::INPUT_NAME;
use media::describe;
use media::error::{MediaError, UploadError};
use media::info::MediaInfo;
use media::probe::{self, Declared};
use publish::journal::SourceVersion;
use storage::{Destination, StoreError};
use tokio::sync::OnceCell;

use super::{JobContext, ProductionError};
use crate::event::Event;

/// An original of which everything is known that a policy may ask.
#[derive(Debug)]
pub struct Original {
    /// Which version of which object.
    pub version: SourceVersion,
    /// What is in it.
    pub info: MediaInfo,
    downloaded: OnceCell<()>,
}

impl Original {
    /// Looks at the original, and brings and probes it unless this very version was probed by an earlier attempt.
    pub async fn open(context: &JobContext, from: &Destination, declared: Declared) -> Result<Self, ProductionError> {
        let store = context.stores.get(&from.store)?;
        let found = context.unless_cancelled(store.head(&from.key)).await??;
        let found = found.ok_or_else(|| StoreError::NotFound { key: from.key.clone() })?;
        if found.size > context.max_original {
            let error = UploadError::TooManyBytes { size: found.size, limit: context.max_original };
            return Err(MediaError::from(error).into());
        }
        let version = SourceVersion { from: from.clone(), size: found.size, tag: found.tag };
        if let Some(journal) = &context.journal
            && let Some(info) = journal.probed(&version).await
        {
            return Ok(Self { version, info, downloaded: OnceCell::new() });
        }
        fetch(context, &version).await?;
        let began = Instant::now();
        let info = probe::probe(&context.tools.ffprobe, &context.work, declared, &context.cancel).await?;
        context.observer.on(&Event::done("probe", began));
        for note in &info.notes {
            tracing::warn!(job = context.job_id, "{note}");
        }
        context.observer.on(&Event::Probed { summary: describe(&info), duration_seconds: info.duration.as_secs_f64() });
        if let Some(journal) = &context.journal {
            journal.keep_probed(version.clone(), &info).await;
        }
        Ok(Self { version, info, downloaded: OnceCell::new_with(Some(())) })
    }

    /// Makes sure that the original is in the work directory.
    pub async fn download(&self, context: &JobContext) -> Result<(), ProductionError> {
        self.downloaded.get_or_try_init(|| fetch(context, &self.version)).await.copied()
    }
}

async fn fetch(context: &JobContext, version: &SourceVersion) -> Result<(), ProductionError> {
    let began = Instant::now();
    let store = context.stores.get(&version.from.store)?;
    let to = context.work.join(INPUT_NAME);
    let fetched = context.unless_cancelled(store.fetch(&version.from.key, &to)).await??;
    if (fetched.size, &fetched.tag) != (version.size, &version.tag) {
        let detail = "the original was replaced while the job began; it is tried again".to_owned();
        return Err(
            StoreError::Damaged { doing: storage::Doing::Reading, key: version.from.key.clone(), detail }.into()
        );
    }
    context.observer.on(&Event::done("download", began));
    Ok(())
}
