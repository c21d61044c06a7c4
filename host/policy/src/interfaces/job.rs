//! `job`: progress, cancellation and settings.

use contract::v0_1::job::Host;
use fault::text::printable;
use serde_json::json;

use crate::state::{HostCall, State};

/// Most characters of a step's name.
const MAX_STEP: usize = 64;

impl Host for State {
    async fn progress(&mut self, step: String, percent: u32) -> wasmtime::Result<()> {
        let call = self.host_call("job.progress", step.len(), || json!({ "step": step, "percent": percent }));
        self.call(call, async |context| context.host.calls.step(printable(&step, MAX_STEP), percent.min(100))).await
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        self.call(HostCall::plain("job.cancelled"), async |context| context.host.calls.cancelled()).await
    }

    async fn settings(&mut self) -> wasmtime::Result<String> {
        self.call(HostCall::plain("job.settings"), async |context| context.host.settings.to_string()).await
    }
}
