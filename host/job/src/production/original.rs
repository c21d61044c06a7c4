//! The original. It is probed once, and downloaded to the work directory only when a transcode needs it there.

use std::sync::{Mutex, PoisonError};

use fault::Failure;
use media::containment::INPUT_NAME;
use media::describe;
use media::early::{EarlyReading, EarlySound};
use media::error::{MediaError, UploadError};
use media::info::MediaInfo;
use media::probe::{self, DeclaredKind};
use publish::journal::SourceVersion;
use storage::{Arrival, Destination, Operation, StoreError};
use timeline::Part;
use tokio::sync::OnceCell;

use super::{JobContext, UploadLimits};
use crate::event::Event;

/// An original that has been probed.
#[derive(Debug)]
pub struct Original {
    /// The object, and the version of it that was probed.
    pub version: SourceVersion,
    /// What ffprobe found.
    pub info: MediaInfo,
    downloaded: OnceCell<()>,
    /// The analysis of its sound, if that was begun while it arrived.
    sound: Mutex<Option<EarlySound>>,
}

impl Original {
    /// Looks up the original. Downloads and probes it, unless an earlier attempt probed the same version.
    pub async fn open(context: &JobContext, from: &Destination, declared: DeclaredKind) -> Result<Self, Failure> {
        let store = context.stores.get(&from.store)?;
        let found = context.unless_cancelled(store.head(&from.key)).await??;
        let found = found.ok_or_else(|| StoreError::NotFound { key: from.key.clone() })?;
        let UploadLimits { bytes, length } = context.limits;
        if found.size > bytes {
            return Err(MediaError::from(UploadError::TooManyBytes { size: found.size, limit: bytes }).into());
        }
        let version = SourceVersion { from: from.clone(), size: found.size, tag: found.tag };
        if let Some(journal) = &context.journal
            && let Some(info) = journal.probed(&version).await
        {
            return Ok(Self { version, info, downloaded: OnceCell::new(), sound: Mutex::default() });
        }
        let arrival = Arrival::default();
        let mut early = EarlyReading::start(&context.tools, &context.work, arrival.watch(), &context.cancel);
        fetch(context, &version, arrival).await?;
        let probing = context.begin(Part::Probe);
        let ffprobe = &context.tools.ffprobe;
        let info = probe::probe_arrived(ffprobe, &context.work, declared, &mut early, &context.cancel).await?;
        probing.done();
        for note in info.notes_beside(&[]) {
            tracing::info!(job = context.job_id, "{note}");
        }
        if info.duration > length {
            return Err(MediaError::from(UploadError::TooLong { length: info.duration, limit: length }).into());
        }
        context.observer.on(&Event::Probed { summary: describe(&info), duration_seconds: info.duration.as_secs_f64() });
        if let Some(journal) = &context.journal {
            journal.keep_probed(version.clone(), &info).await;
        }
        let sound = Mutex::new(early.into_sound());
        Ok(Self { version, info, downloaded: OnceCell::new_with(Some(())), sound })
    }

    /// Downloads the original to the work directory, unless that was done before.
    pub async fn download(&self, context: &JobContext) -> Result<(), Failure> {
        self.downloaded.get_or_try_init(|| fetch(context, &self.version, Arrival::default())).await.copied()
    }

    /// The analysis of its sound that was begun while it arrived, for the first transcode of it.
    pub(super) fn take_sound(&self) -> Option<EarlySound> {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Says by `arrival` how much of it is there; dropping that ends what waits for the rest.
async fn fetch(context: &JobContext, version: &SourceVersion, arrival: Arrival) -> Result<(), Failure> {
    let downloading = context.begin(Part::Download);
    let store = context.stores.get(&version.from.store)?;
    let to = context.work.join(INPUT_NAME);
    let fetched = context.unless_cancelled(store.fetch_reporting(&version.from.key, &to, &arrival)).await??;
    if (fetched.size, &fetched.tag) != (version.size, &version.tag) {
        let detail = "the original was replaced while the job was starting; the job is retried";
        return Err(StoreError::damaged(Operation::Read, &version.from.key, detail).into());
    }
    downloading.done();
    Ok(())
}
