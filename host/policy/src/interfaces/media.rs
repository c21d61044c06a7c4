//! `media`: opening an original and transcoding it.

use ::media::plan::PlanError;
use contract::asked;
use contract::json::to_value;
use contract::v0_1::convert::{self, destination, refused};
use contract::v0_1::media::{Host, HostSource, HostTranscode, Plan, ProgressReport, Report};
use contract::v0_1::types::{Failure, Key, MediaInfo, StoreName};
use contract::v0_1::{Source, Transcode};
use contract::v0_2;
use serde_json::json;
use wasmtime::component::Resource;

use crate::state::{CallContext, HostCall, State};

impl Host for State {
    async fn open(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Resource<Source>, Failure>> {
        let arguments = || json!({ "store": store, "key": key });
        let call = self.host_call("media.open", store.len() + key.len(), arguments);
        let opened = self.call(call, async |context| open(context, &store, &key).await).await?;
        self.handle_if(opened, Source)
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
        recorder.media(convert::media_info(&info), v0_2::convert::tracks(&info));
    }
    context.guest.opened = Some((from, info));
    Ok(())
}

impl HostSource for State {
    async fn info(&mut self, source: Resource<Source>) -> wasmtime::Result<MediaInfo> {
        self.table.get(&source)?;
        let info = self.call(HostCall::plain("source.info"), async |context| {
            context.guest.opened.as_ref().map(|(_, info)| convert::media_info(info))
        });
        // Without a source the guest has no handle.
        info.await?.ok_or_else(|| wasmtime::Error::msg("a source was used before it was opened"))
    }

    async fn drop(&mut self, source: Resource<Source>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}

impl State {
    /// Starts a plan of any version.
    pub(super) async fn start(
        &mut self,
        source: &Resource<Source>,
        plan: &asked::Plan,
    ) -> wasmtime::Result<Result<Resource<Transcode>, Failure>> {
        self.table.get(source)?;
        let call = self.host_call("transcode.start", asked::size(plan), || json!({ "plan": to_value(plan) }));
        let started = self.call(call, async |context| start(context, plan).await).await?;
        self.handle_if(started, Transcode)
    }
}

impl HostTranscode for State {
    async fn start(
        &mut self,
        source: Resource<Source>,
        plan: Plan,
    ) -> wasmtime::Result<Result<Resource<Transcode>, Failure>> {
        self.start(&source, &plan.into()).await
    }

    async fn progress(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Option<ProgressReport>> {
        self.table.get(&transcode)?;
        self.call(HostCall::plain("transcode.progress"), async |context| context.host.calls.progress().await).await
    }

    async fn wait(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Result<Report, Failure>> {
        self.table.get(&transcode)?;
        self.call(HostCall::plain("transcode.wait"), async |context| {
            let reason = "the transcode was already waited for";
            let again = || refused(PlanError::OutOfOrder { call: "transcode.wait", reason });
            context.host.calls.wait().await.unwrap_or_else(|| Err(again()))
        })
        .await
    }

    async fn cancel(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.table.get(&transcode)?;
        self.call(HostCall::plain("transcode.cancel"), async |context| context.host.calls.cancel()).await
    }

    async fn drop(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        self.table.delete(transcode)?;
        self.drop_transcode();
        Ok(())
    }
}

async fn start(context: CallContext<'_>, asked: &asked::Plan) -> Result<(), Failure> {
    let CallContext { host, guest } = context;
    let Some((_, info)) = guest.opened.as_ref().filter(|_| !guest.transcoding) else {
        let reason = "a transcode was already started";
        return Err(refused(PlanError::OutOfOrder { call: "transcode.start", reason }));
    };
    let plan = asked.convert().map_err(refused)?;
    plan.check(info, host.may_write()).map_err(refused)?;
    for (_, from, _) in plan.companions() {
        host.may_read(from).map_err(refused)?;
    }
    host.calls.start(plan, asked).await?;
    guest.transcoding = true;
    Ok(())
}
