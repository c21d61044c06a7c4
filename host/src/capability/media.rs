//! `media`: reading an original and making everything else from it.

use std::sync::{Arc, PoisonError};

use wasmtime::component::Resource;

use super::convert::{self, destination, refused};
use super::{Powers, State};
use crate::media::plan::{Destination, PlanError};
use crate::policy::bindings::codex::transcode::media::{
    Host, HostSource, HostTranscode, Plan as WitPlan, ProgressReport, Report,
};
use crate::policy::bindings::codex::transcode::types::{Failure, Key, MediaInfo as WitMediaInfo, StoreName};
use crate::production::{Original, Production};

/// Percent between two answers to `progress`. Waking a policy costs 30 microseconds while encoders fill the caches, so a
/// hundred times would cost more than all of its decisions.
const PROGRESS_STEP: u32 = 10;

/// An original that was looked at.
#[derive(Debug)]
pub struct Source {
    original: Arc<Original>,
}

/// A plan at work.
#[derive(Debug)]
pub struct Transcode {
    production: Production,
    told: Option<u32>,
}

impl Host for State {
    async fn open(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Resource<Source>, Failure>> {
        let powers = self.enter("media.open")?;
        self.meter.hand_over(store.len() + key.len())?;
        let original = match self.opened.as_ref() {
            Some((from, original)) if from.store == store && from.key.as_str() == key => Ok(Arc::clone(original)),
            Some(_) => Err(refused(PlanError::OutOfOrder { call: "media.open", reason: "another source is open" })),
            None => match destination(&store, &key) {
                Ok(from) => open(&powers, &from).await.map(|original| {
                    let original = Arc::new(original);
                    self.opened = Some((from, Arc::clone(&original)));
                    original
                }),
                Err(failure) => Err(failure),
            },
        };
        let answer = match original {
            Ok(original) => Ok(self.hold(Source { original })?),
            Err(failure) => Err(failure),
        };
        self.leave(answer)
    }
}

async fn open(powers: &Powers, from: &Destination) -> Result<Original, Failure> {
    powers.may_read(from).map_err(refused)?;
    Original::open(&powers.means, from, powers.declared).await.map_err(refused)
}

impl HostSource for State {
    async fn info(&mut self, source: Resource<Source>) -> wasmtime::Result<WitMediaInfo> {
        self.enter("source.info")?;
        let info = convert::media_info(&self.table.get(&source)?.original.info);
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
        let powers = self.enter("transcode.start")?;
        self.meter.hand_over(convert::size(&plan))?;
        let original = Arc::clone(&self.table.get(&source)?.original);
        let accepted = if self.transcoding {
            Err(PlanError::OutOfOrder { call: "transcode.start", reason: "a transcode has been started already" })
        } else {
            convert::plan(&plan).and_then(|plan| plan.check(&original.info, powers.bounds()).map(|()| plan))
        };
        let answer = match accepted {
            Ok(plan) => {
                self.transcoding = true;
                let production = Production::start(&powers.means, original, plan);
                Ok(self.hold(Transcode { production, told: None })?)
            }
            Err(error) => Err(refused(error)),
        };
        self.leave(answer)
    }

    async fn progress(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Option<ProgressReport>> {
        self.enter("transcode.progress")?;
        let transcode = self.table.get_mut(&transcode)?;
        let answer = loop {
            let advance = *transcode.production.advance.borrow_and_update();
            if transcode.told.is_none_or(|told| advance.percent >= told + PROGRESS_STEP) {
                transcode.told = Some(advance.percent);
                let speed_permille = (advance.speed.clamp(0.0, 1e6) * 1000.0) as u32;
                break Some(ProgressReport { percent: advance.percent, speed_permille });
            }
            // The task has ended: there is nothing more to tell, and `wait` is due.
            if transcode.production.advance.changed().await.is_err() {
                break None;
            }
        };
        self.leave(answer)
    }

    async fn wait(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Result<Report, Failure>> {
        let powers = self.enter("transcode.wait")?;
        let transcode = self.table.get_mut(&transcode)?;
        let answer = match transcode.production.publish().await {
            None => {
                Err(refused(PlanError::OutOfOrder { call: "transcode.wait", reason: "it has been waited for already" }))
            }
            Some(Ok((summary, objects))) => {
                let report = crate::report::Report::of(&summary, &objects);
                *powers.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
                Ok(convert::report(&summary, &objects))
            }
            Some(Err(error)) => Err(refused(error)),
        };
        self.leave(answer)
    }

    async fn cancel(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.enter("transcode.cancel")?;
        self.table.get(&transcode)?.production.cancel.cancel();
        self.leave(())
    }

    async fn drop(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.table.delete(transcode)?;
        Ok(())
    }
}
