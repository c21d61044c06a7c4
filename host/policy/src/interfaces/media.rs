//! `media`: opening an original and transcoding it.

use std::sync::Arc;

use ::media::plan::PlanError;
use contract::json::to_value;
use contract::v0_1::convert::{self, destination, refused};
use contract::v0_1::media::{Host, HostSource, HostTranscode, Plan, ProgressReport, Report};
use contract::v0_1::types::{Failure, Key, MediaInfo, StoreName};
use contract::v0_1::{Source, Transcode};
use serde_json::json;
use wasmtime::component::Resource;

use super::plain;
use crate::state::{CallContext, HostCall, State};

impl Host for State {
    async fn open(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Resource<Source>, Failure>> {
        let asked = (store.clone(), key.clone());
        let call = HostCall {
            name: "media.open",
            bytes: store.len() + key.len(),
            limit: None,
            arguments: || json!({ "store": store, "key": key }),
        };
        let opened =
            self.call(call, |context| Box::pin(async move { Ok(open(context, &asked.0, &asked.1).await) })).await?;
        Ok(match opened {
            Ok(()) => Ok(self.new_handle(Source)?),
            Err(failure) => Err(failure),
        })
    }
}

async fn open(context: CallContext<'_>, store: &str, key: &str) -> Result<(), Failure> {
    match &context.guest.opened {
        Some((from, _)) if from.store == store && from.key.as_str() == key => return Ok(()),
        Some(_) => {
            return Err(refused(PlanError::OutOfOrder { call: "media.open", reason: "another source is open" }));
        }
        None => {}
    }
    let from = destination(store, key)?;
    context.host.may_read(&from).map_err(refused)?;
    let info = context.host.calls.open(from.clone()).await?;
    if let Some(recorder) = &context.host.recorder {
        recorder.media(convert::media_info(&info));
    }
    context.guest.opened = Some((from, Arc::new(info)));
    Ok(())
}

impl HostSource for State {
    async fn info(&mut self, source: Resource<Source>) -> wasmtime::Result<MediaInfo> {
        self.table.get(&source)?;
        self.call(plain("source.info"), |context| {
            Box::pin(async move {
                let opened = context.guest.opened.as_ref();
                opened.map(|(_, info)| convert::media_info(info)).ok_or_else(|| NoSource.into())
            })
        })
        .await
    }

    async fn drop(&mut self, source: Resource<Source>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}

/// A bug of the host: source handles exist only while a source is open.
#[derive(Debug, thiserror::Error)]
#[error("a source was used before it was opened")]
struct NoSource;

impl HostTranscode for State {
    async fn start(
        &mut self,
        source: Resource<Source>,
        plan: Plan,
    ) -> wasmtime::Result<Result<Resource<Transcode>, Failure>> {
        self.table.get(&source)?;
        let asked = Arc::new(plan);
        let recorded = Arc::clone(&asked);
        let call = HostCall {
            name: "transcode.start",
            bytes: convert::size(&asked),
            limit: None,
            arguments: move || json!({ "plan": to_value(&*recorded) }),
        };
        let started = self.call(call, |context| Box::pin(async move { Ok(start(context, &asked).await) })).await?;
        Ok(match started {
            Ok(()) => Ok(self.new_handle(Transcode)?),
            Err(failure) => Err(failure),
        })
    }

    async fn progress(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Option<ProgressReport>> {
        self.table.get(&transcode)?;
        self.call(plain("transcode.progress"), |context| {
            Box::pin(async move { Ok(context.host.calls.progress().await) })
        })
        .await
    }

    async fn wait(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Result<Report, Failure>> {
        self.table.get(&transcode)?;
        self.call(plain("transcode.wait"), |context| {
            Box::pin(async move {
                let again =
                    PlanError::OutOfOrder { call: "transcode.wait", reason: "the transcode was already waited for" };
                Ok(context.host.calls.wait().await.unwrap_or_else(|| Err(refused(again))))
            })
        })
        .await
    }

    async fn cancel(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.table.get(&transcode)?;
        self.call(plain("transcode.cancel"), |context| {
            Box::pin(async move {
                context.host.calls.cancel();
                Ok(())
            })
        })
        .await
    }

    async fn drop(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.table.delete(transcode)?;
        self.drop_transcode();
        Ok(())
    }
}

async fn start(context: CallContext<'_>, asked: &Plan) -> Result<(), Failure> {
    let CallContext { host, guest } = context;
    let Some((_, info)) = guest.opened.as_ref().filter(|_| !guest.transcoding) else {
        let reason = "a transcode was already started";
        return Err(refused(PlanError::OutOfOrder { call: "transcode.start", reason }));
    };
    let plan = convert::plan(asked).map_err(refused)?;
    plan.check(info, host.may_write()).map_err(refused)?;
    host.calls.start(plan, asked).await?;
    guest.transcoding = true;
    Ok(())
}
