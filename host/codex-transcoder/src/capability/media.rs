//! `media`: reading an original and making everything else from it.

use std::sync::{Arc, PoisonError};

use ::media::plan::PlanError;
use ::storage::Destination;
use serde_json::json;
use wasmtime::component::Resource;

use super::convert::{self, destination, refused};
use super::told::without_handle;
use super::{Powers, State};
use crate::policy::bindings::codex::transcode::media::{
    Host, HostSource, HostTranscode, Plan as WitPlan, ProgressReport, Report,
};
use crate::policy::bindings::codex::transcode::types::{Failure, Key, MediaInfo as WitMediaInfo, StoreName};
use crate::policy::json::to_value;
use crate::production::{Original, Production};
use crate::rehearsal::Rehearsed;

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
    work: Work,
    told: Option<u32>,
}

/// What carries a plan out.
#[derive(Debug)]
enum Work {
    /// The media programs and the stores.
    Real(Production),
    /// Nothing: a policy is tried out.
    Rehearsed(Rehearsed),
}

impl Host for State {
    async fn open(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Resource<Source>, Failure>> {
        let powers = self.enter("media.open")?;
        self.meter.hand_over(store.len() + key.len())?;
        let told = self.tell("media.open", || json!({ "store": store, "key": key }));
        let scripted = self.scripted_failure(told.as_ref())?;
        let original = match self.opened.as_ref() {
            Some((from, original)) if from.store == store && from.key.as_str() == key => Ok(Arc::clone(original)),
            Some(_) => Err(refused(PlanError::OutOfOrder { call: "media.open", reason: "another source is open" })),
            None => match destination(&store, &key) {
                Ok(from) => open(&powers, &from, scripted).await.map(|original| {
                    if let Some(recorder) = &powers.recorder {
                        recorder.media(convert::media_info(&original.info));
                    }
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
        self.told(told, &without_handle(&answer));
        self.leave(answer)
    }
}

async fn open(powers: &Powers, from: &Destination, scripted: Option<Failure>) -> Result<Original, Failure> {
    powers.may_read(from).map_err(refused)?;
    if let Some(failure) = scripted {
        return Err(failure);
    }
    if let Some(rehearsal) = &powers.rehearsal {
        return rehearsal.open(from, powers.declared).map_err(refused);
    }
    Original::open(&powers.means, from, powers.declared).await.map_err(refused)
}

impl HostSource for State {
    async fn info(&mut self, source: Resource<Source>) -> wasmtime::Result<WitMediaInfo> {
        self.enter("source.info")?;
        let info = convert::media_info(&self.table.get(&source)?.original.info);
        self.told(self.tell("source.info", || json!({})), &info);
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
        let told = self.tell("transcode.start", || json!({ "plan": to_value(&plan) }));
        let original = Arc::clone(&self.table.get(&source)?.original);
        let accepted = if self.transcoding {
            Err(PlanError::OutOfOrder { call: "transcode.start", reason: "a transcode has been started already" })
        } else {
            convert::plan(&plan).and_then(|plan| plan.check(&original.info, powers.may_write()).map(|()| plan))
        };
        let answer = match accepted {
            Ok(checked) => {
                self.transcoding = true;
                let work = match &powers.rehearsal {
                    Some(rehearsal) => {
                        let (asked, tools) = (to_value(&plan), &powers.means.tools);
                        Work::Rehearsed(Rehearsed::start(rehearsal, original, checked, asked, tools))
                    }
                    None => Work::Real(Production::start(&powers.means, original, checked)),
                };
                Ok(self.hold(Transcode { work, told: None })?)
            }
            Err(error) => Err(refused(error)),
        };
        self.told(told, &without_handle(&answer));
        self.leave(answer)
    }

    async fn progress(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Option<ProgressReport>> {
        self.enter("transcode.progress")?;
        let told = self.tell("transcode.progress", || json!({}));
        let scripted = self.scripted(told.as_ref())?;
        let transcode = self.table.get_mut(&transcode)?;
        let production = match &mut transcode.work {
            Work::Real(production) => production,
            Work::Rehearsed(rehearsed) => {
                let answer = scripted.unwrap_or_else(|| rehearsed.progress());
                self.told(told, &answer);
                return self.leave(answer);
            }
        };
        let answer = loop {
            let advance = *production.advance.borrow_and_update();
            if transcode.told.is_none_or(|told| advance.percent >= told + PROGRESS_STEP) {
                transcode.told = Some(advance.percent);
                let speed_permille = (advance.speed.clamp(0.0, 1e6) * 1000.0) as u32;
                break Some(ProgressReport { percent: advance.percent, speed_permille });
            }
            // The task has ended: there is nothing more to tell, and `wait` is due.
            if production.advance.changed().await.is_err() {
                break None;
            }
        };
        self.told(told, &answer);
        self.leave(answer)
    }

    async fn wait(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Result<Report, Failure>> {
        let powers = self.enter("transcode.wait")?;
        let told = self.tell("transcode.wait", || json!({}));
        let again =
            || refused(PlanError::OutOfOrder { call: "transcode.wait", reason: "it has been waited for already" });
        let scripted = match &self.table.get(&transcode)?.work {
            Work::Rehearsed(rehearsed) if rehearsed.is_scripted() => self.scripted(told.as_ref())?,
            _ => None,
        };
        let production = match &mut self.table.get_mut(&transcode)?.work {
            Work::Real(production) => production,
            Work::Rehearsed(rehearsed) => {
                let answer = match rehearsed.wait() {
                    None => Err(again()),
                    Some(answer) => scripted.unwrap_or_else(|| answer.map_err(refused)),
                };
                self.told(told, &answer);
                return self.leave(answer);
            }
        };
        let answer = match production.publish().await {
            None => Err(again()),
            Some(Ok((summary, objects))) => {
                let report = crate::report::Report::of(&summary, &objects);
                *powers.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
                Ok(convert::report(&summary, &objects))
            }
            Some(Err(error)) => Err(refused(error)),
        };
        self.told(told, &answer);
        self.leave(answer)
    }

    async fn cancel(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.enter("transcode.cancel")?;
        match &mut self.table.get_mut(&transcode)?.work {
            Work::Real(production) => production.cancel.cancel(),
            Work::Rehearsed(rehearsed) => rehearsed.cancel(),
        }
        self.told(self.tell("transcode.cancel", || json!({})), &());
        self.leave(())
    }

    async fn drop(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.table.delete(transcode)?;
        Ok(())
    }
}
