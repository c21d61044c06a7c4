//! `gpu`: the machine's GPUs and encoders.

use contract::v0_1::gpu::{Device, Host};
use contract::v0_1::types::VideoEncoder;
use contract::v0_2::convert::encoders_in_0_1;
use contract::v0_2::encoding;

use crate::state::{HostCall, State};

impl Host for State {
    async fn devices(&mut self) -> wasmtime::Result<Vec<Device>> {
        self.call(HostCall::plain("gpu.devices"), async |context| context.host.calls.devices()).await
    }

    async fn encoders(&mut self) -> wasmtime::Result<Vec<VideoEncoder>> {
        Ok(encoders_in_0_1(&self.all_encoders().await?))
    }
}

impl State {
    /// Of all codecs.
    pub(super) async fn all_encoders(&mut self) -> wasmtime::Result<Vec<encoding::VideoEncoder>> {
        self.call(HostCall::plain("gpu.encoders"), async |context| context.host.calls.encoders()).await
    }
}
