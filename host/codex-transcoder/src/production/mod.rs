//! From an original and a plan to a publication: brought, made, sent ahead, staged, shown, and remembered.

mod original;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use fault::{Code, Fault};
use media::context::MediaTools;
use media::error::MediaError;
use media::outputs::SegmentedPlaylist;
use media::plan::Plan;
use media::transcode::{self, EncodeProgress, TranscodeResult, TranscodeSummary};
use media::{Role, segment_prefix};
pub use original::Original;
use publish::journal::{self, Begun, Journal, JournalError, Objects, Published, Rung};
use publish::{Early, Family, Labels, Piece, PublishError, Stage, Uploaded, fresh_name};
use serde::Deserialize as _;
use storage::{Body, Destination, StoreError, Stores};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::event::{Event, Observer, seconds_left};

/// What a production works with.
#[derive(Clone)]
pub struct Means {
    /// The job's id, for logs.
    pub job_id: String,
    /// The stores of this environment.
    pub stores: Stores,
    /// How its objects are served, and what is noted with them.
    pub labels: Labels,
    /// The media programs.
    pub tools: Arc<MediaTools>,
    /// The job's own directory.
    pub work: PathBuf,
    /// The job's memory; none where every run stands alone.
    pub journal: Option<Arc<Journal>>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// Calls the job off.
    pub cancel: CancellationToken,
    /// Never sent on: its receiver learns when the last task of the job is gone.
    pub alive: mpsc::Sender<()>,
    /// The largest original in bytes.
    pub max_original: u64,
}

impl Means {
    /// Waits for this, but not beyond the job's end.
    async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, ProductionError> {
        tokio::select! {
            done = work => Ok(done),
            () = self.cancel.cancelled() => Err(MediaError::Cancelled.into()),
        }
    }
}

/// Why there is no publication.
#[derive(Debug, thiserror::Error)]
pub enum ProductionError {
    /// It could not be made.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The original could not be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// It could not be remembered.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Fault for ProductionError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Media(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Publish(error) => error.code(),
            Self::Journal(error) => error.code(),
        }
    }
}

/// What a plan came to, ready to be published.
enum Product {
    /// Made now.
    New { made: TranscodeResult, uploaded: Uploaded, publication: String },
    /// Published by an earlier attempt, and still there.
    Old { summary: TranscodeSummary, objects: Objects },
}

/// A plan at work in a task of its own, so that the policy can wait, ask, and call it off.
pub struct Production {
    means: Means,
    original: Arc<Original>,
    plan: Plan,
    task: Option<JoinHandle<Result<Product, ProductionError>>>,
    /// How far it is.
    pub advance: watch::Receiver<EncodeProgress>,
    /// Calls it off.
    pub cancel: CancellationToken,
}

impl std::fmt::Debug for Production {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Production").field("job", &self.means.job_id).finish_non_exhaustive()
    }
}

impl Drop for Production {
    /// A guest that is gone, by a trap or by forgetting, leaves no process and no object behind.
    fn drop(&mut self) {
        self.cancel.cancel();
        let Some(task) = self.task.take() else { return };
        let means = self.means.clone();
        let tidy = async move {
            if let Ok(Ok(Product::New { uploaded, publication, .. })) = task.await {
                abandon(&means, uploaded, &publication).await;
            }
        };
        tokio::spawn(tidy.in_current_span());
    }
}

impl Production {
    /// Starts a checked plan.
    pub fn start(means: &Means, original: Arc<Original>, plan: Plan) -> Self {
        let (sender, advance) = watch::channel(EncodeProgress { percent: 0, speed: 0.0 });
        let cancel = means.cancel.child_token();
        let mut means = means.clone();
        means.cancel = cancel.clone();
        let task = {
            let (means, original, plan) = (means.clone(), Arc::clone(&original), plan.clone());
            tokio::spawn(async move { make(&means, &original, &plan, &sender).await }.in_current_span())
        };
        Self { means, original, plan, task: Some(task), advance, cancel }
    }

    /// Waits until everything is made, and publishes it. None when that was done before.
    pub async fn publish(&mut self) -> Option<Result<(TranscodeSummary, Objects), ProductionError>> {
        let task = self.task.as_mut()?;
        let product = task.await;
        self.task = None;
        Some(match product {
            Ok(Ok(Product::Old { summary, objects })) => Ok((summary, objects)),
            Ok(Ok(Product::New { made, uploaded, publication })) => self.show(made, uploaded, publication).await,
            Ok(Err(error)) => Err(error),
            Err(lost) => Err(MediaError::Lost { detail: lost.to_string() }.into()),
        })
    }

    async fn show(
        &self,
        made: TranscodeResult,
        uploaded: Uploaded,
        publication: String,
    ) -> Result<(TranscodeSummary, Objects), ProductionError> {
        let means = &self.means;
        let owners: BTreeMap<Destination, Destination> =
            made.files.iter().map(|file| (file.to.clone(), file.counted_with.clone())).collect();
        let pieces: Vec<Piece> = made
            .files
            .into_iter()
            .map(|file| Piece { to: file.to, body: file.body, stage: stage_of(file.role) })
            .collect();
        let masters =
            pieces.iter().filter(|piece| piece.stage == Stage::Master).filter_map(|piece| match &piece.body {
                Body::Bytes(text) => Some((piece.to.clone(), String::from_utf8_lossy(text).into_owned())),
                Body::File(_) => None,
            });
        let masters = masters.collect();

        let began = Instant::now();
        let staged = publish::stage(&means.stores, pieces, uploaded, &means.labels, &means.cancel).await;
        let staged = match staged {
            Ok(staged) => staged,
            Err(error) => {
                forget(means, &publication).await;
                return Err(error.into());
            }
        };
        means.observer.on(&Event::done("upload", began));
        let objects = self.counted(&staged.objects(), &owners);

        let began = Instant::now();
        if let Some(journal) = &means.journal {
            let published = Published {
                publication: publication.clone(),
                source: self.original.version.clone(),
                plan: self.plan.digest(),
                summary: serde_json::to_value(&made.summary).unwrap_or_default(),
                objects: objects.clone(),
                pieces: staged.objects(),
            };
            if let Err(error) = journal.staged(published, masters).await {
                staged.discard().await;
                return Err(error.into());
            }
        }
        // Less than others leave us, so that a slow last request is within it.
        staged.commit(began + journal::SHOWING.mul_f64(0.75)).await?;
        means.observer.on(&Event::done("show", began));
        if let Some(journal) = &means.journal
            && let Err(error) = journal.finish(&means.stores, &means.labels, &publication).await
        {
            // The publication stands; the next delivery of the job finds out for itself.
            tracing::warn!(job = means.job_id, %error, "that the publication is whole could not be written down");
        }
        Ok((made.summary, objects))
    }

    /// The objects of the plan in its order, each with the bytes of all that belongs to it.
    fn counted(&self, written: &Objects, owners: &BTreeMap<Destination, Destination>) -> Objects {
        let mut objects: Objects = self.plan.destinations().into_iter().map(|to| (to, 0)).collect();
        for (to, bytes) in written {
            let owner = owners.get(to).unwrap_or(to);
            if let Some((_, sum)) = objects.iter_mut().find(|(object, _)| object == owner) {
                *sum += bytes;
            }
        }
        objects
    }
}

/// When a file of a publication is written.
fn stage_of(role: Role) -> Stage {
    match role {
        Role::Segment => Stage::Segment,
        Role::Object => Stage::Object,
        Role::MediaPlaylist => Stage::MediaPlaylist,
        Role::Master => Stage::Master,
    }
}

async fn make(
    means: &Means,
    original: &Original,
    plan: &Plan,
    sender: &watch::Sender<EncodeProgress>,
) -> Result<Product, ProductionError> {
    if let Some(journal) = &means.journal {
        let began = Instant::now();
        let digest = plan.digest();
        if let Some(published) = journal.published(&means.stores, &original.version, &digest).await?
            && let Ok(summary) = TranscodeSummary::deserialize(&published.summary)
        {
            means.observer.on(&Event::done("verify", began));
            means.observer.on(&Event::Reused { publication: published.publication });
            return Ok(Product::Old { summary, objects: published.objects });
        }
    }
    original.bring(means).await?;
    let publication = fresh_name();
    if let Some(journal) = &means.journal {
        journal.begin(begun(plan, &publication)).await.map_err(JournalError::from)?;
    }
    let families = families(means, plan, &publication);
    let early = Early::start(&means.stores, families, &means.labels);
    let info = &original.info;
    let length = info.ladder_length();
    let watch = |advance: EncodeProgress| {
        let left = length.mul_f64(1.0 - f64::from(advance.percent.min(100)) / 100.0);
        means.observer.on(&Event::Encoding {
            percent: advance.percent,
            speed: advance.speed,
            seconds_left: seconds_left(left, advance.speed),
        });
        sender.send_replace(advance);
    };
    let made = transcode::make(&means.tools, &means.work, info, plan, &publication, &means.cancel, watch).await;
    match made {
        Ok(made) => {
            let uploaded = early.finish(&means.cancel).await;
            for (part, took) in &made.parts {
                let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                means.observer.on(&Event::Done { part, ms });
            }
            Ok(Product::New { made, uploaded, publication })
        }
        Err(error) => {
            abandon(means, early.abandon().await, &publication).await;
            Err(error.into())
        }
    }
}

/// What will be written, as the journal keeps it.
fn begun(plan: &Plan, publication: &str) -> Begun {
    let rungs = plan
        .playlists()
        .into_iter()
        .map(|rung| Rung { prefix: segment_prefix(&rung.stem, publication), playlist: rung.playlist });
    Begun {
        publication: publication.to_owned(),
        rungs: rungs.collect(),
        objects: plan.destinations(),
        ..Begun::default()
    }
}

/// The rungs whose segments can be uploaded during the encode.
fn families(means: &Means, plan: &Plan, publication: &str) -> Vec<Family> {
    let family = |rung: SegmentedPlaylist| {
        Some(Family {
            folder: means.work.join(rung.early_folder?),
            prefix: segment_prefix(&rung.stem, publication),
            playlist: rung.playlist,
        })
    };
    plan.playlists().into_iter().filter_map(family).collect()
}

async fn abandon(means: &Means, uploaded: Uploaded, publication: &str) {
    uploaded.discard().await;
    forget(means, publication).await;
}

/// Nothing of it is left, so the journal need not know of it. Where it can't be told, the next attempt looks in vain.
async fn forget(means: &Means, publication: &str) {
    if let Some(journal) = &means.journal
        && let Err(error) = journal.abandon(publication).await
    {
        tracing::info!(job = means.job_id, %error, "the journal could not be told that an attempt was given up");
    }
}
