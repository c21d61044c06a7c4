//! From an original and a plan to a publication: download the original, encode, upload early segments, stage the rest,
//! commit, and record every step in the journal.

mod companions;
mod original;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fault::Failure;
use media::context::MediaTools;
use media::error::MediaError;
use media::info::MediaInfo;
use media::outputs::{GrowingOutput, SegmentedPlaylist};
use media::plan::Plan;
use media::transcode::{self, EncodeProgress, Source, TranscodeResult, TranscodeSummary};
use media::{Role, segment_prefix};
pub use original::Original;
use publish::journal::{self, Attempt, Journal, JournalError, Objects, Published, RungRecord};
use publish::{
    FileUpload, GrowingUploader, GrowingUploads, Labels, Piece, PieceKind, RungUpload, SegmentUploader,
    UploadedSegments, fresh_name,
};
use serde::Deserialize as _;
use storage::{Body, Destination, GrowingFile, Stores};
use timeline::{Part, RunningPart};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::event::{Event, Observer, seconds_left};

/// The largest and the longest original that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    pub bytes: u64,
    pub length: Duration,
}

impl UploadLimits {
    /// Accepts every original.
    pub const NONE: Self = Self { bytes: u64::MAX, length: Duration::MAX };
}

/// What one attempt works with.
#[derive(Clone)]
pub struct JobContext {
    pub job_id: String,
    pub stores: Stores,
    /// Cache rules and metadata of the published objects.
    pub labels: Labels,
    pub tools: Arc<MediaTools>,
    /// The attempt's work directory.
    pub work: PathBuf,
    /// The job's journal; none for runs that keep no state.
    pub journal: Option<Arc<Journal>>,
    pub observer: Arc<dyn Observer>,
    /// Cancels the job.
    pub cancel: CancellationToken,
    /// Nothing is ever sent. The receiver sees the channel close when the last task of the job has ended.
    pub alive: mpsc::Sender<()>,
    pub limits: UploadLimits,
}

impl JobContext {
    pub(crate) fn begin(&self, part: Part) -> RunningPart {
        self.tools.timeline.begin(part)
    }

    /// The same within this part of the job.
    pub(crate) fn within(&self, part: &RunningPart) -> Self {
        Self { tools: Arc::new(self.tools.within(part.timeline())), ..self.clone() }
    }

    /// Runs `work` until it ends or the job is cancelled.
    async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, MediaError> {
        self.cancel.run_until_cancelled(work).await.ok_or(MediaError::Cancelled)
    }
}

/// What was uploaded during the encode.
type Uploaded = (UploadedSegments, GrowingUploads);

/// The outcome of [`make`].
enum Product {
    /// Encoded by this attempt and not published yet.
    Encoded { made: TranscodeResult, uploaded: Uploaded, publication: String, digest: String },
    /// Published by an earlier run, and still complete.
    Published { summary: TranscodeSummary, objects: Objects },
}

/// A running plan. It has its own task, so that the policy can wait for it, ask for its progress, and cancel it.
pub struct Production {
    context: JobContext,
    original: Arc<Original>,
    plan: Plan,
    task: Option<JoinHandle<Result<Product, Failure>>>,
    /// ffmpeg's progress.
    pub advance: watch::Receiver<EncodeProgress>,
    /// Cancels this production only.
    pub cancel: CancellationToken,
}

impl Drop for Production {
    /// A policy that traps, or drops its transcode, must leave no process and no uploaded object behind.
    fn drop(&mut self) {
        self.cancel.cancel();
        let Some(task) = self.task.take() else { return };
        let context = self.context.clone();
        let cleanup = async move {
            if let Ok(Ok(Product::Encoded { uploaded: (segments, _), publication, .. })) = task.await {
                abandon(&context, segments, &publication).await;
            }
        };
        tokio::spawn(cleanup.in_current_span());
    }
}

impl Production {
    /// Starts a plan that was already checked.
    pub fn start(context: &JobContext, original: Arc<Original>, plan: Plan) -> Self {
        let (sender, advance) = watch::channel(EncodeProgress { percent: 0, speed: 0.0 });
        let cancel = context.cancel.child_token();
        let mut context = context.clone();
        context.cancel = cancel.clone();
        let task = {
            let (context, original, plan) = (context.clone(), Arc::clone(&original), plan.clone());
            tokio::spawn(async move { make(&context, &original, &plan, &sender).await }.in_current_span())
        };
        Self { context, original, plan, task: Some(task), advance, cancel }
    }

    /// Waits for the encodes and publishes the result. Returns none on every call after the first.
    pub async fn publish(&mut self) -> Option<Result<(TranscodeSummary, Objects), Failure>> {
        let task = self.task.as_mut()?;
        let product = task.await;
        self.task = None;
        Some(match product {
            Ok(Ok(Product::Published { summary, objects })) => Ok((summary, objects)),
            Ok(Ok(Product::Encoded { made, uploaded, publication, digest })) => {
                self.commit(made, uploaded, publication, digest).await
            }
            Ok(Err(error)) => Err(error),
            Err(lost) => Err(MediaError::Lost { detail: lost.to_string() }.into()),
        })
    }

    async fn commit(
        &self,
        made: TranscodeResult,
        uploaded: Uploaded,
        publication: String,
        digest: String,
    ) -> Result<(TranscodeSummary, Objects), Failure> {
        let context = &self.context;
        let owners: BTreeMap<Destination, Destination> =
            made.files.iter().map(|file| (file.to.clone(), file.counted_with.clone())).collect();
        let pieces: Vec<Piece> = made
            .files
            .into_iter()
            .map(|file| Piece { to: file.to, body: file.body, kind: kind_of(file.role) })
            .collect();
        let master = |piece: &Piece| match &piece.body {
            Body::Bytes(text) if piece.kind == PieceKind::Master => {
                Some((piece.to.clone(), String::from_utf8_lossy(text).into_owned()))
            }
            _ => None,
        };
        let masters = pieces.iter().filter_map(master).collect();

        let uploading = context.begin(Part::Upload);
        let staged = publish::stage(&context.stores, pieces, uploaded, &context.labels, &context.cancel).await;
        let staged = match staged {
            Ok(staged) => staged,
            Err(error) => {
                remove_from_journal(context, &publication).await;
                return Err(error.into());
            }
        };
        uploading.done();
        let objects = self.object_sizes(&staged.objects(), &owners);

        let (publishing, began) = (context.begin(Part::Show), Instant::now());
        if let Some(journal) = &context.journal {
            let published = Published {
                publication: publication.clone(),
                source: self.original.version.clone(),
                plan: digest,
                summary: serde_json::to_value(&made.summary).unwrap_or_default(),
                objects: objects.clone(),
                pieces: staged.objects(),
            };
            if let Err(error) = journal.staged(published, masters).await {
                staged.discard().await;
                return Err(error.into());
            }
        }
        // Other workers leave the commit alone for `COMMIT_LEASE`. A shorter deadline keeps a slow last request inside it.
        staged.commit(began + journal::COMMIT_LEASE * 3 / 4).await?;
        publishing.done();
        if let Some(journal) = &context.journal
            && let Err(error) = journal.finish(&context.stores, &context.labels, &publication).await
        {
            // The publication is complete all the same. The next run of this job verifies it object by object.
            tracing::warn!(job = context.job_id, %error, "the journal can't record that the publication is complete");
        }
        Ok((made.summary, objects))
    }

    /// The plan's objects in its order. The size of each includes the objects that belong to it, such as segments.
    fn object_sizes(&self, written: &Objects, owners: &BTreeMap<Destination, Destination>) -> Objects {
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

fn kind_of(role: Role) -> PieceKind {
    match role {
        Role::Segment => PieceKind::Segment,
        Role::Object => PieceKind::Object,
        Role::MediaPlaylist => PieceKind::MediaPlaylist,
        Role::Master => PieceKind::Master,
    }
}

async fn make(
    context: &JobContext,
    original: &Original,
    plan: &Plan,
    sender: &watch::Sender<EncodeProgress>,
) -> Result<Product, Failure> {
    let digest = companions::fetch(context, plan).await?;
    if let Some(journal) = &context.journal {
        let began = Instant::now();
        let found = journal.published(&context.stores, &original.version, &digest).await?;
        if let Some(published) = found
            && let Ok(summary) = TranscodeSummary::deserialize(&published.summary)
        {
            context.tools.timeline.add(Part::Verify, began, Instant::now());
            context.observer.on(&Event::Reused { publication: published.publication });
            return Ok(Product::Published { summary, objects: published.objects });
        }
    }
    original.download(context).await?;
    let publication = fresh_name();
    if let Some(journal) = &context.journal {
        journal.begin(attempt(plan, &publication)).await.map_err(JournalError::from)?;
    }
    let rungs = rung_uploads(context, plan, &publication);
    let uploader = SegmentUploader::start(&context.stores, rungs, &context.labels);
    let info = &*plan.source(&original.info);
    let files = GrowingUploader::start(&context.stores, file_uploads(context, plan, info), &context.labels);
    let length = info.ladder_length();
    let watch = |advance: EncodeProgress| {
        let left = length * (100 - advance.percent.min(100)) / 100;
        context.observer.on(&Event::Encoding {
            percent: advance.percent,
            speed: advance.speed,
            seconds_left: seconds_left(left, advance.speed),
        });
        sender.send_replace(advance);
    };
    let source = Source { work: &context.work, info, sound: original.take_sound() };
    let transcoding = context.begin(Part::Transcode);
    let tools = context.tools.within(transcoding.timeline());
    let making = transcode::make(&tools, source, plan, &publication, &context.cancel, watch);
    let made = transcoding.around(making).await;
    match made {
        Ok(made) => {
            let uploaded = tokio::join!(uploader.finish(&context.cancel), files.finish(&context.cancel));
            let sent = [(Part::UploadSegments, uploaded.0.sending), (Part::UploadFile, uploaded.1.sending)];
            for (part, sending) in sent {
                if let Some((began, ended)) = sending.times() {
                    context.tools.timeline.add(part, began, ended);
                }
            }
            Ok(Product::Encoded { made, uploaded, publication, digest })
        }
        Err(error) => {
            files.abandon();
            abandon(context, uploader.abandon().await, &publication).await;
            Err(error.into())
        }
    }
}

/// The journal's entry for what this attempt is about to write.
fn attempt(plan: &Plan, publication: &str) -> Attempt {
    let record = |rung: SegmentedPlaylist| RungRecord {
        prefix: segment_prefix(&rung.stem, publication),
        playlist: rung.playlist,
    };
    let rungs = plan.playlists().into_iter().map(record).collect();
    Attempt { publication: publication.to_owned(), rungs, objects: plan.destinations(), ..Attempt::default() }
}

/// The rungs whose segments can be uploaded during the encode.
fn rung_uploads(context: &JobContext, plan: &Plan, publication: &str) -> Vec<RungUpload> {
    let upload = |rung: SegmentedPlaylist| {
        Some(RungUpload {
            folder: context.work.join(rung.early_folder?),
            prefix: segment_prefix(&rung.stem, publication),
            playlist: rung.playlist,
        })
    };
    plan.playlists().into_iter().filter_map(upload).collect()
}

/// The files that can be uploaded during the encode.
fn file_uploads(context: &JobContext, plan: &Plan, info: &MediaInfo) -> Vec<FileUpload> {
    let upload = |GrowingOutput { to, path, unsettled, likely }: GrowingOutput| FileUpload {
        to,
        file: GrowingFile { path: context.work.join(path), unsettled, likely },
    };
    plan.growing(info).into_iter().map(upload).collect()
}

async fn abandon(context: &JobContext, uploaded: UploadedSegments, publication: &str) {
    uploaded.discard().await;
    remove_from_journal(context, publication).await;
}

/// Removes a discarded publication from the journal. If that fails, the next attempt looks for its objects in vain.
async fn remove_from_journal(context: &JobContext, publication: &str) {
    if let Some(journal) = &context.journal
        && let Err(error) = journal.abandon(publication).await
    {
        tracing::info!(job = context.job_id, %error, "the journal can't record that the attempt was abandoned");
    }
}
