//! `gpu`: what the machine can do.

use ::media::encoder::Processor;
use serde_json::json;

use super::State;
use crate::policy::bindings::codex::transcode::gpu::{Device, Host};
use crate::policy::bindings::codex::transcode::types::{Processor as WitProcessor, VideoCodec, VideoEncoder};

impl Host for State {
    async fn devices(&mut self) -> wasmtime::Result<Vec<Device>> {
        let powers = self.enter("gpu.devices")?;
        let devices = powers.means.tools.devices.iter();
        let devices = devices.map(|device| Device { name: device.name.clone(), memory_mib: device.memory_mib });
        let devices: Vec<Device> = devices.collect();
        self.told(self.tell("gpu.devices", || json!({})), &devices);
        self.leave(devices)
    }

    async fn encoders(&mut self) -> wasmtime::Result<Vec<VideoEncoder>> {
        let powers = self.enter("gpu.encoders")?;
        let encoders = powers.means.tools.proof.processors().into_iter().map(|processor| VideoEncoder {
            codec: VideoCodec::H264,
            processor: match processor {
                Processor::Gpu => WitProcessor::Gpu,
                Processor::Cpu => WitProcessor::Cpu,
            },
        });
        let encoders: Vec<VideoEncoder> = encoders.collect();
        self.told(self.tell("gpu.encoders", || json!({})), &encoders);
        self.leave(encoders)
    }
}
