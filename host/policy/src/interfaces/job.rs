//! `job`: progress, cancellation and settings.

use contract::v0_1::job::Host;
use fault::text::printable;
use serde_json::json;

use super::plain;
use crate::state::{HostCall, State};

/// Most characters of a step's name.
const MAX_STEP: usize = 64;

impl Host for State {
    async fn progress(&mut self, step: String, percent: u32) -> wasmtime::Result<()> {
        let name = printable(&step, MAX_STEP);
        let call = HostCall {
            name: "job.progress",
            bytes: step.len(),
            limit: None,
            arguments: || json!({ "step": step, "percent": percent }),
        };
        self.call(call, |context| {
            Box::pin(async move {
                context.host.calls.step(name, percent.min(100));
                Ok(())
            })
        })
        .await
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        self.call(plain("job.cancelled"), |context| Box::pin(async move { Ok(context.host.calls.cancelled()) })).await
    }

    async fn settings(&mut self) -> wasmtime::Result<String> {
        self.call(plain("job.settings"), |context| Box::pin(async move { Ok(context.host.settings.to_string()) })).await
    }
}
