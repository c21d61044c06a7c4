//! From an original and a plan to a publication: brought, made, sent ahead, staged, shown, and remembered.

mod original;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use fault::{Code, Fault};
use media::encode::Toolbox;
use media::error::MediaError;
use media::graph::rung_folder;
use media::plan::{Ladder, Output, Plan};
use media::transcode::{self, Advance, Made, Summary};
use media::{Role, segment_prefix};
pub use original::Original;
use publish::journal::{self, Begun, Journal, JournalError, Objects, Published, Rung};
use publish::{Early, Family, Labels, Piece, PublishError, Stage, Uploaded, fresh_name};
use serde::Deserialize as _;
use sha2::{Digest as _, Sha256};
use storage::{Body, Destination, StoreError, Stores};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::event::{Event, Observer, seconds_left};

/// What a production works with.
#[derive(Clone)]
pub struct JobContext {
    /// The job's id, for logs.
    pub job_id: String,
    /// The stores of this environment.
    pub stores: Stores,
    /// How its objects are served, and what is noted with them.
    pub labels: Labels,
    /// The media programs.
    pub tools: Arc<Toolbox>,
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

impl JobContext {
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
    New { made: Made, uploaded: Uploaded, publication: String },
    /// Published by an earlier attempt, and still there.
    Old { summary: Summary, objects: Objects },
}

/// A plan at work in a task of its own, so that the policy can wait, ask, and call it off.
pub struct Production {
    context: JobContext,
    original: Arc<Original>,
    plan: Plan,
    task: Option<JoinHandle<Result<Product, ProductionError>>>,
    /// How far it is.
    pub advance: watch::Receiver<Advance>,
    /// Calls it off.
    pub cancel: CancellationToken,
}

impl std::fmt::Debug for Production {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Production").field("job", &self.context.job_id).finish_non_exhaustive()
    }
}

impl Drop for Production {
    /// A guest that is gone, by a trap or by forgetting, leaves no process and no object behind.
    fn drop(&mut self) {
        self.cancel.cancel();
        let Some(task) = self.task.take() else { return };
        let context = self.context.clone();
        let cleanup = async move {
            if let Ok(Ok(Product::New { uploaded, publication, .. })) = task.await {
                abandon(&context, uploaded, &publication).await;
            }
        };
        tokio::spawn(cleanup.in_current_span());
    }
}

impl Production {
    /// Starts a checked plan.
    pub fn start(context: &JobContext, original: Arc<Original>, plan: Plan) -> Self {
        let (sender, advance) = watch::channel(Advance { percent: 0, speed: 0.0 });
        let cancel = context.cancel.child_token();
        let mut context = context.clone();
        context.cancel = cancel.clone();
        let task = {
            let (context, original, plan) = (context.clone(), Arc::clone(&original), plan.clone());
            tokio::spawn(async move { make(&context, &original, &plan, &sender).await }.in_current_span())
        };
        Self { context, original, plan, task: Some(task), advance, cancel }
    }

    /// Waits until everything is made, and publishes it. None when that was done before.
    pub async fn publish(&mut self) -> Option<Result<(Summary, Objects), ProductionError>> {
        let task = self.task.as_mut()?;
        let product = task.await;
        self.task = None;
        Some(match product {
            Ok(Ok(Product::Old { summary, objects })) => Ok((summary, objects)),
            Ok(Ok(Product::New { made, uploaded, publication })) => self.commit(made, uploaded, publication).await,
            Ok(Err(error)) => Err(error),
            Err(lost) => Err(MediaError::Lost { detail: lost.to_string() }.into()),
        })
    }

    async fn commit(
        &self,
        made: Made,
        uploaded: Uploaded,
        publication: String,
    ) -> Result<(Summary, Objects), ProductionError> {
        let context = &self.context;
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
        let staged = publish::stage(&context.stores, pieces, uploaded, &context.labels, &context.cancel).await;
        let staged = match staged {
            Ok(staged) => staged,
            Err(error) => {
                forget(context, &publication).await;
                return Err(error.into());
            }
        };
        context.observer.on(&Event::done("upload", began));
        let objects = self.counted(&staged.objects(), &owners);

        let began = Instant::now();
        if let Some(journal) = &context.journal {
            let published = Published {
                publication: publication.clone(),
                source: self.original.version.clone(),
                plan: plan_digest(&self.plan),
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
        context.observer.on(&Event::done("show", began));
        if let Some(journal) = &context.journal
            && let Err(error) = journal.finish(&context.stores, &context.labels, &publication).await
        {
            // The publication stands; the next delivery of the job finds out for itself.
            tracing::warn!(job = context.job_id, %error, "that the publication is whole could not be written down");
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

/// What identifies a plan: any change of it is another one.
fn plan_digest(plan: &Plan) -> String {
    hex::encode(Sha256::digest(format!("{plan:?}")))
}

async fn make(
    context: &JobContext,
    original: &Original,
    plan: &Plan,
    sender: &watch::Sender<Advance>,
) -> Result<Product, ProductionError> {
    if let Some(journal) = &context.journal {
        let began = Instant::now();
        let digest = plan_digest(plan);
        if let Some(published) = journal.published(&context.stores, &original.version, &digest).await?
            && let Ok(summary) = Summary::deserialize(&published.summary)
        {
            context.observer.on(&Event::done("verify", began));
            context.observer.on(&Event::Reused { publication: published.publication });
            return Ok(Product::Old { summary, objects: published.objects });
        }
    }
    original.download(context).await?;
    let publication = fresh_name();
    if let Some(journal) = &context.journal {
        journal.begin(begun(plan, &publication)).await.map_err(JournalError::from)?;
    }
    let families = plan.ladder().map(|ladder| families(context, ladder, &publication)).unwrap_or_default();
    let early = Early::start(&context.stores, families, &context.labels);
    let info = &original.info;
    let length = info.ladder_length();
    let watch = |advance: Advance| {
        let left = length.mul_f64(1.0 - f64::from(advance.percent.min(100)) / 100.0);
        context.observer.on(&Event::Encoding {
            percent: advance.percent,
            speed: advance.speed,
            seconds_left: seconds_left(left, advance.speed),
        });
        sender.send_replace(advance);
    };
    let made = transcode::make(&context.tools, &context.work, info, plan, &publication, &context.cancel, watch).await;
    match made {
        Ok(made) => {
            let uploaded = early.finish(&context.cancel).await;
            for (part, took) in &made.parts {
                let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                context.observer.on(&Event::Done { part, ms });
            }
            Ok(Product::New { made, uploaded, publication })
        }
        Err(error) => {
            abandon(context, early.abandon().await, &publication).await;
            Err(error.into())
        }
    }
}

/// What will be written, as the journal keeps it.
fn begun(plan: &Plan, publication: &str) -> Begun {
    let mut rungs = Vec::new();
    for (index, output) in plan.outputs.iter().enumerate() {
        match output {
            Output::Ladder(ladder) => rungs.extend(ladder.rungs.iter().map(|rung| Rung {
                playlist: Destination { store: ladder.store.clone(), key: rung.playlist.clone() },
                prefix: segment_prefix(transcode::rung_stem(ladder, rung), publication),
            })),
            Output::Clip(clip) => rungs.push(Rung {
                playlist: Destination { store: clip.store.clone(), key: clip.playlist.clone() },
                prefix: segment_prefix(&transcode::clip_stem(index), publication),
            }),
            _ => {}
        }
    }
    Begun { publication: publication.to_owned(), rungs, objects: plan.destinations(), ..Begun::default() }
}

/// The rungs whose segments are objects of their own. One file for all of them is whole only at the end.
fn families(context: &JobContext, ladder: &Ladder, publication: &str) -> Vec<Family> {
    if ladder.single_file {
        return Vec::new();
    }
    let family = |(number, rung): (usize, &media::plan::Rung)| Family {
        folder: context.work.join(rung_folder(number)),
        playlist: Destination { store: ladder.store.clone(), key: rung.playlist.clone() },
        prefix: segment_prefix(&rung.name, publication),
    };
    ladder.rungs.iter().enumerate().map(family).collect()
}

async fn abandon(context: &JobContext, uploaded: Uploaded, publication: &str) {
    uploaded.discard().await;
    forget(context, publication).await;
}

/// Nothing of it is left, so the journal need not know of it. Where it can't be told, the next attempt looks in vain.
async fn forget(context: &JobContext, publication: &str) {
    if let Some(journal) = &context.journal
        && let Err(error) = journal.abandon(publication).await
    {
        tracing::info!(job = context.job_id, %error, "the journal could not be told that an attempt was given up");
    }
}
