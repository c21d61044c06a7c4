//! The original: brought to the work directory when it is needed there, and probed once.

use std::time::Instant;

use media::containment::INPUT_NAME;
use media::describe;
use media::error::{MediaError, UploadError};
use media::info::MediaInfo;
use media::probe::{self, DeclaredKind};
use publish::journal::SourceVersion;
use storage::{Destination, StoreError};
use tokio::sync::OnceCell;

use super::{Means, ProductionError};
use crate::event::Event;

/// An original of which everything is known that a policy may ask.
#[derive(Debug)]
pub struct Original {
    /// Which version of which object.
    pub version: SourceVersion,
    /// What is in it.
    pub info: MediaInfo,
    here: OnceCell<()>,
}

impl Original {
    /// Looks at the original, and brings and probes it unless this very version was probed by an earlier attempt.
    pub async fn open(means: &Means, from: &Destination, declared: DeclaredKind) -> Result<Self, ProductionError> {
        let store = means.stores.get(&from.store)?;
        let found = means.unless_cancelled(store.head(&from.key)).await??;
        let found = found.ok_or_else(|| StoreError::NotFound { key: from.key.clone() })?;
        if found.size > means.max_original {
            let error = UploadError::TooManyBytes { size: found.size, limit: means.max_original };
            return Err(MediaError::from(error).into());
        }
        let version = SourceVersion { from: from.clone(), size: found.size, tag: found.tag };
        if let Some(journal) = &means.journal
            && let Some(info) = journal.probed(&version).await
        {
            return Ok(Self { version, info, here: OnceCell::new() });
        }
        fetch(means, &version).await?;
        let began = Instant::now();
        let info = probe::probe(&means.tools.ffprobe, &means.work, declared, &means.cancel).await?;
        means.observer.on(&Event::done("probe", began));
        for note in &info.notes {
            tracing::warn!(job = means.job_id, "{note}");
        }
        means.observer.on(&Event::Probed { summary: describe(&info), duration_seconds: info.duration.as_secs_f64() });
        if let Some(journal) = &means.journal {
            journal.keep_probed(version.clone(), &info).await;
        }
        Ok(Self { version, info, here: OnceCell::new_with(Some(())) })
    }

    /// One of which all is known, and that is not brought: for a plan that is looked at and not carried out.
    pub fn known(version: SourceVersion, info: MediaInfo) -> Self {
        Self { version, info, here: OnceCell::new() }
    }

    /// Makes sure that the original is in the work directory.
    pub async fn bring(&self, means: &Means) -> Result<(), ProductionError> {
        self.here.get_or_try_init(|| fetch(means, &self.version)).await.copied()
    }
}

async fn fetch(means: &Means, version: &SourceVersion) -> Result<(), ProductionError> {
    let began = Instant::now();
    let store = means.stores.get(&version.from.store)?;
    let to = means.work.join(INPUT_NAME);
    let fetched = means.unless_cancelled(store.fetch(&version.from.key, &to)).await??;
    if (fetched.size, &fetched.tag) != (version.size, &version.tag) {
        let detail = "the original was replaced while the job began; it is tried again".to_owned();
        return Err(
            StoreError::Damaged { doing: storage::Doing::Reading, key: version.from.key.clone(), detail }.into()
        );
    }
    means.observer.on(&Event::done("download", began));
    Ok(())
}
