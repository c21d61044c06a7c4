//! `gpu`: the machine's GPUs and encoders.

use contract::v0_1::gpu::{Device, Host};
use contract::v0_1::types::VideoEncoder;

use super::plain;
use crate::state::State;

impl Host for State {
    async fn devices(&mut self) -> wasmtime::Result<Vec<Device>> {
        self.call(plain("gpu.devices"), |context| Box::pin(async move { Ok(context.host.calls.devices()) })).await
    }

    async fn encoders(&mut self) -> wasmtime::Result<Vec<VideoEncoder>> {
        self.call(plain("gpu.encoders"), |context| Box::pin(async move { Ok(context.host.calls.encoders()) })).await
    }
}
