//! `media`: reading an original and making everything else from it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Resource;

use super::convert::{self, destination, refused};
use super::{Powers, State, table_full};
use crate::event::{Event, seconds_left};
use crate::media::containment::INPUT_NAME;
use crate::media::error::MediaError;
use crate::media::info::MediaInfo;
use crate::media::plan::{Destination, Plan, PlanError};
use crate::media::transcode::{self, Advance, Made};
use crate::media::{describe, probe};
use crate::policy::bindings::codex::transcode::media::{
    Host, HostSource, HostTranscode, Plan as WitPlan, ProgressReport, Report,
};
use crate::policy::bindings::codex::transcode::types::{Failure, Key, MediaInfo as WitMediaInfo, StoreName};
use crate::publication;

/// Percent between two answers to `progress`. Waking a policy costs 30 microseconds while encoders fill the caches, so a
/// hundred times would cost more than all of its decisions.
const PROGRESS_STEP: u32 = 10;

/// An original that was brought and probed.
#[derive(Debug)]
pub struct Source {
    info: Arc<MediaInfo>,
}

/// A plan at work in a task of its own, so that the policy can wait, ask, and call it off.
#[derive(Debug)]
pub struct Transcode {
    task: Option<JoinHandle<Result<Made, MediaError>>>,
    plan: Plan,
    advance: watch::Receiver<Advance>,
    told: Option<u32>,
    cancel: CancellationToken,
}

impl Drop for Transcode {
    /// A guest that is gone, by a trap or by forgetting, leaves no process behind: the task ends them and itself.
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Host for State {
    async fn open(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Resource<Source>, Failure>> {
        let powers = self.enter()?;
        let info = match self.opened.as_ref() {
            Some((from, info)) if from.store == store && from.key.as_str() == key => Ok(Arc::clone(info)),
            Some(_) => Err(refused(PlanError::OutOfOrder { call: "media.open", reason: "another source is open" })),
            None => match destination(&store, &key) {
                Ok(from) => bring(&powers, &from).await.map(|info| {
                    let info = Arc::new(info);
                    self.opened = Some((from, Arc::clone(&info)));
                    info
                }),
                Err(failure) => Err(failure),
            },
        };
        let answer = match info {
            Ok(info) => Ok(self.table.push(Source { info }).map_err(table_full(&self.meter))?),
            Err(failure) => Err(failure),
        };
        self.leave(answer)
    }
}

/// Fetches the original and probes it.
async fn bring(powers: &Powers, from: &Destination) -> Result<MediaInfo, Failure> {
    powers.may_read(from).map_err(refused)?;
    let store = powers.stores.get(&from.store).map_err(refused)?;
    let to = powers.work.join(INPUT_NAME);
    tokio::select! {
        fetched = store.fetch(&from.key, &to) => fetched.map_err(refused)?,
        () = powers.cancel.cancelled() => return Err(refused(MediaError::Cancelled)),
    };
    let probed = probe::probe(&powers.tools.ffprobe, &powers.work, powers.declared, &powers.cancel).await;
    let info = probed.map_err(refused)?;
    for note in &info.notes {
        tracing::warn!(job = powers.job_id, "{note}");
    }
    powers.observer.on(&Event::Probed { summary: describe(&info), duration_seconds: info.duration.as_secs_f64() });
    Ok(info)
}

impl HostSource for State {
    async fn info(&mut self, source: Resource<Source>) -> wasmtime::Result<WitMediaInfo> {
        self.enter()?;
        let info = convert::media_info(&self.table.get(&source)?.info);
        self.leave(info)
    }

    async fn drop(&mut self, source: Resource<Source>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}

impl HostTranscode for State {
    async fn start(
        &mut self,
        source: Resource<Source>,
        plan: WitPlan,
    ) -> wasmtime::Result<Result<Resource<Transcode>, Failure>> {
        let powers = self.enter()?;
        let info = Arc::clone(&self.table.get(&source)?.info);
        let accepted = if self.transcoding {
            Err(PlanError::OutOfOrder { call: "transcode.start", reason: "a transcode has been started already" })
        } else {
            convert::plan(&plan).and_then(|plan| plan.check(&info, powers.bounds()).map(|()| plan))
        };
        let answer = match accepted {
            Ok(plan) => {
                self.transcoding = true;
                let transcode = begin(&powers, info, plan);
                Ok(self.table.push(transcode).map_err(table_full(&self.meter))?)
            }
            Err(error) => Err(refused(error)),
        };
        self.leave(answer)
    }

    async fn progress(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Option<ProgressReport>> {
        self.enter()?;
        let transcode = self.table.get_mut(&transcode)?;
        let answer = loop {
            let advance = *transcode.advance.borrow_and_update();
            if transcode.told.is_none_or(|told| advance.percent >= told + PROGRESS_STEP) {
                transcode.told = Some(advance.percent);
                let speed_permille = (advance.speed.clamp(0.0, 1e6) * 1000.0) as u32;
                break Some(ProgressReport { percent: advance.percent, speed_permille });
            }
            // The task has ended: there is nothing more to tell, and `wait` is due.
            if transcode.advance.changed().await.is_err() {
                break None;
            }
        };
        self.leave(answer)
    }

    async fn wait(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Result<Report, Failure>> {
        let powers = self.enter()?;
        let transcode = self.table.get_mut(&transcode)?;
        let answer = match transcode.task.as_mut() {
            None => {
                Err(refused(PlanError::OutOfOrder { call: "transcode.wait", reason: "it has been waited for already" }))
            }
            Some(task) => {
                let made = task.await;
                transcode.task = None;
                match made {
                    Ok(Ok(made)) => publish(&powers, &transcode.plan, &transcode.cancel, made).await,
                    Ok(Err(error)) => Err(refused(error)),
                    Err(lost) => Err(refused(MediaError::Lost { detail: lost.to_string() })),
                }
            }
        };
        self.leave(answer)
    }

    async fn cancel(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.enter()?;
        self.table.get(&transcode)?.cancel.cancel();
        self.leave(())
    }

    async fn drop(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.table.delete(transcode)?;
        Ok(())
    }
}

/// Starts a checked plan.
fn begin(powers: &Powers, info: Arc<MediaInfo>, plan: Plan) -> Transcode {
    let (sender, advance) = watch::channel(Advance { percent: 0, speed: 0.0 });
    let cancel = powers.cancel.child_token();
    let task = {
        let (powers, plan, cancel) = (powers.clone(), plan.clone(), cancel.clone());
        tokio::spawn(async move {
            let publication = publication::fresh_name();
            let length = info.ladder_length();
            let watch = |advance: Advance| {
                let left = length.mul_f64(1.0 - f64::from(advance.percent.min(100)) / 100.0);
                powers.observer.on(&Event::Encoding {
                    percent: advance.percent,
                    speed: advance.speed,
                    seconds_left: seconds_left(left, advance.speed),
                });
                sender.send_replace(advance);
            };
            transcode::make(&powers.tools, &powers.work, &info, &plan, &publication, &cancel, watch).await
        })
    };
    Transcode { task: Some(task), plan, advance, told: None, cancel }
}

/// Publishes what was made, and reports it in the plan's order.
async fn publish(powers: &Powers, plan: &Plan, cancel: &CancellationToken, made: Made) -> Result<Report, Failure> {
    let (pieces, counted_with): (Vec<_>, Vec<_>) = made.pieces.iter().cloned().unzip();
    let owners: std::collections::BTreeMap<_, _> =
        pieces.iter().map(|piece| piece.to.clone()).zip(counted_with).collect();
    let written = publication::publish(&powers.stores, pieces, cancel).await.map_err(refused)?;
    let mut objects: Vec<(Destination, u64)> = plan.destinations().into_iter().map(|to| (to, 0)).collect();
    for (to, bytes) in written {
        let owner = owners.get(&to).unwrap_or(&to);
        if let Some((_, sum)) = objects.iter_mut().find(|(object, _)| object == owner) {
            *sum += bytes;
        }
    }
    let report = crate::report::Report::of(&made, &objects);
    match powers.report.lock() {
        Ok(mut kept) => *kept = Some(report),
        Err(poisoned) => *poisoned.into_inner() = Some(report),
    }
    Ok(convert::report(&made, &objects))
}
