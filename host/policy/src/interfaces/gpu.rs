//! `gpu`: the machine's GPUs and encoders.

use contract::v0_1::gpu::{Device, Host};
use contract::v0_1::types::VideoEncoder;

use crate::state::{HostCall, State};

impl Host for State {
    async fn devices(&mut self) -> wasmtime::Result<Vec<Device>> {
        self.call(HostCall::plain("gpu.devices"), async |context| context.host.calls.devices()).await
    }

    async fn encoders(&mut self) -> wasmtime::Result<Vec<VideoEncoder>> {
        self.call(HostCall::plain("gpu.encoders"), async |context| context.host.calls.encoders()).await
    }
}
