//! The interfaces of version 0.2. What is as in 0.1 is done by 0.1's functions.

use contract::asked::{Output, Plan, size};
use contract::v0_1::media::{
    ClipOutput, LoudnessTarget, Preference, ProgressReport, Report, StillOutput, WaveformOutput,
};
use contract::v0_1::types::{Attributes, Failure, Key, MediaInfo, Message, StoreName};
use contract::v0_1::{self, Source, Transcode};
use contract::v0_2::animation::AnimationOutput;
use contract::v0_2::audio::AudioOutput;
use contract::v0_2::convert;
use contract::v0_2::dash::DashOutput;
use contract::v0_2::download::DownloadOutput;
use contract::v0_2::encoding::VideoEncoder;
use contract::v0_2::encryption::Encryption;
use contract::v0_2::file::FileOutput;
use contract::v0_2::hls::HlsOutput;
use contract::v0_2::iframes::IframeOutput;
use contract::v0_2::media::{Host, HostPlan, HostSource, HostTranscode};
use contract::v0_2::quality::{Measure, Reached, Target};
use contract::v0_2::storyboard::StoryboardOutput;
use contract::v0_2::subtitles::SubtitleOutput;
use contract::v0_2::tracks::TrackList;
use contract::v0_2::trim::Part;
use contract::v0_2::watermark::Watermark;
use contract::v0_2::{gpu, job, log, storage, webhook};
use media::plan::MAX_OUTPUTS;
use wasmtime::component::Resource;

use crate::state::{HostCall, State};

impl gpu::Host for State {
    async fn devices(&mut self) -> wasmtime::Result<Vec<gpu::Device>> {
        let devices = v0_1::gpu::Host::devices(self).await?;
        let device = |v0_1::gpu::Device { name, memory_mib }: v0_1::gpu::Device| gpu::Device { name, memory_mib };
        Ok(devices.into_iter().map(device).collect())
    }

    async fn encoders(&mut self) -> wasmtime::Result<Vec<VideoEncoder>> {
        self.all_encoders().await
    }

    async fn measures(&mut self) -> wasmtime::Result<Vec<Measure>> {
        self.call(HostCall::plain("gpu.measures"), async |context| context.host.calls.measures()).await
    }
}

impl job::Host for State {
    async fn progress(&mut self, step: String, percent: u32) -> wasmtime::Result<()> {
        v0_1::job::Host::progress(self, step, percent).await
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        v0_1::job::Host::cancelled(self).await
    }

    async fn settings(&mut self) -> wasmtime::Result<String> {
        v0_1::job::Host::settings(self).await
    }
}

impl log::Host for State {
    async fn write(&mut self, level: log::Level, message: String, fields: Attributes) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => v0_1::log::Level::Debug,
            log::Level::Info => v0_1::log::Level::Info,
            log::Level::Warn => v0_1::log::Level::Warn,
            log::Level::Error => v0_1::log::Level::Error,
        };
        v0_1::log::Host::write(self, level, message, fields).await
    }
}

impl storage::Host for State {
    async fn head(
        &mut self,
        store: StoreName,
        key: Key,
    ) -> wasmtime::Result<Result<Option<storage::ObjectInfo>, Failure>> {
        let found = v0_1::storage::Host::head(self, store, key).await?;
        Ok(found.map(|found| found.map(|v0_1::storage::ObjectInfo { size }| storage::ObjectInfo { size })))
    }

    async fn put(
        &mut self,
        store: StoreName,
        key: Key,
        content_type: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Failure>> {
        v0_1::storage::Host::put(self, store, key, content_type, content).await
    }

    async fn delete(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<(), Failure>> {
        v0_1::storage::Host::delete(self, store, key).await
    }
}

impl webhook::Host for State {
    async fn deliver(
        &mut self,
        event: webhook::Event,
        message: Message,
    ) -> wasmtime::Result<Result<webhook::Delivery, Failure>> {
        let event = match event {
            webhook::Event::Completed => v0_1::webhook::Event::Completed,
            webhook::Event::Progress => v0_1::webhook::Event::Progress,
        };
        let delivery = |delivery: v0_1::webhook::Delivery| {
            let v0_1::webhook::Delivery { delivered, attempts, status } = delivery;
            webhook::Delivery { delivered, attempts, status }
        };
        Ok(v0_1::webhook::Host::deliver(self, event, message).await?.map(delivery))
    }
}

impl Host for State {
    async fn open(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Resource<Source>, Failure>> {
        v0_1::media::Host::open(self, store, key).await
    }
}

impl HostSource for State {
    async fn info(&mut self, source: Resource<Source>) -> wasmtime::Result<MediaInfo> {
        v0_1::media::HostSource::info(self, source).await
    }

    async fn tracks(&mut self, source: Resource<Source>) -> wasmtime::Result<TrackList> {
        self.table.get(&source)?;
        let tracks = self.call(HostCall::plain("source.tracks"), async |context| {
            context.guest.opened.as_ref().map(|(_, info)| convert::tracks(info))
        });
        tracks.await?.ok_or_else(|| wasmtime::Error::msg("a source was used before it was opened"))
    }

    async fn drop(&mut self, source: Resource<Source>) -> wasmtime::Result<()> {
        v0_1::media::HostSource::drop(self, source).await
    }
}

impl State {
    /// Changes a plan. `transcode.start` records the whole plan.
    fn change(
        &mut self,
        call: HostCall,
        plan: &Resource<Plan>,
        change: impl FnOnce(&mut Plan),
    ) -> wasmtime::Result<()> {
        self.notify(call, |state| {
            change(state.table.get_mut(plan)?);
            Ok(())
        })
    }

    /// Every function that adds an output counts as `plan.add`.
    fn add_output(&mut self, plan: &Resource<Plan>, output: Output) -> wasmtime::Result<()> {
        self.change(HostCall::unrecorded("plan.add", size(&output)), plan, |plan| {
            // One too many is enough for `transcode.start` to refuse the plan.
            if plan.outputs.len() <= MAX_OUTPUTS {
                plan.outputs.push(output);
            }
        })
    }
}

impl HostPlan for State {
    async fn new(&mut self) -> wasmtime::Result<Resource<Plan>> {
        self.notify(HostCall::unrecorded("plan.constructor", 0), |state| state.handle(Plan::default()))
    }

    async fn add_hls(&mut self, plan: Resource<Plan>, output: HlsOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Hls(output))
    }

    async fn add_file(&mut self, plan: Resource<Plan>, output: FileOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::File(output))
    }

    async fn add_kept_file(&mut self, plan: Resource<Plan>, output: FileOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::KeptFile(output))
    }

    async fn add_clip(&mut self, plan: Resource<Plan>, output: ClipOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Clip(output))
    }

    async fn add_still(&mut self, plan: Resource<Plan>, output: StillOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Still(output))
    }

    async fn add_storyboard(&mut self, plan: Resource<Plan>, output: StoryboardOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Storyboard(output))
    }

    async fn add_download(&mut self, plan: Resource<Plan>, output: DownloadOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Download(output))
    }

    async fn add_animation(&mut self, plan: Resource<Plan>, output: AnimationOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Animation(output))
    }

    async fn add_iframes(&mut self, plan: Resource<Plan>, output: IframeOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Iframes(output))
    }

    async fn add_audio(&mut self, plan: Resource<Plan>, output: AudioOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Audio(output))
    }

    async fn add_subtitles(&mut self, plan: Resource<Plan>, output: SubtitleOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Subtitles(output))
    }

    async fn add_dash(&mut self, plan: Resource<Plan>, output: DashOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Dash(output))
    }

    async fn add_waveform(&mut self, plan: Resource<Plan>, output: WaveformOutput) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Waveform(output))
    }

    async fn add_loudness(&mut self, plan: Resource<Plan>) -> wasmtime::Result<()> {
        self.add_output(&plan, Output::Loudness)
    }

    async fn set_loudness(&mut self, plan: Resource<Plan>, target: LoudnessTarget) -> wasmtime::Result<()> {
        self.change(HostCall::unrecorded("plan.set", size(&target)), &plan, |plan| plan.loudness = Some(target))
    }

    async fn set_trim(&mut self, plan: Resource<Plan>, part: Part) -> wasmtime::Result<()> {
        self.change(HostCall::unrecorded("plan.set", size(&part)), &plan, |plan| plan.trim = Some(part))
    }

    async fn set_watermark(&mut self, plan: Resource<Plan>, watermark: Watermark) -> wasmtime::Result<()> {
        let call = HostCall::unrecorded("plan.set", size(&watermark));
        self.change(call, &plan, |plan| plan.watermark = Some(watermark))
    }

    async fn set_targets(&mut self, plan: Resource<Plan>, targets: Vec<Target>) -> wasmtime::Result<()> {
        self.change(HostCall::unrecorded("plan.set", size(&targets)), &plan, |plan| plan.targets = targets)
    }

    async fn set_encryption(&mut self, plan: Resource<Plan>, encryption: Encryption) -> wasmtime::Result<()> {
        let call = HostCall::unrecorded("plan.set", size(&encryption));
        self.change(call, &plan, |plan| plan.encryption = Some(encryption))
    }

    async fn set_preference(&mut self, plan: Resource<Plan>, prefer: Preference) -> wasmtime::Result<()> {
        self.change(HostCall::unrecorded("plan.set", size(&prefer)), &plan, |plan| plan.prefer = prefer)
    }

    async fn drop(&mut self, plan: Resource<Plan>) -> wasmtime::Result<()> {
        self.table.delete(plan)?;
        Ok(())
    }
}

impl HostTranscode for State {
    async fn start(
        &mut self,
        source: Resource<Source>,
        plan: Resource<Plan>,
    ) -> wasmtime::Result<Result<Resource<Transcode>, Failure>> {
        let plan = self.table.delete(plan)?;
        self.start(&source, &plan).await
    }

    async fn progress(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Option<ProgressReport>> {
        v0_1::media::HostTranscode::progress(self, transcode).await
    }

    async fn wait(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Result<Report, Failure>> {
        v0_1::media::HostTranscode::wait(self, transcode).await
    }

    async fn reached(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<Vec<Reached>> {
        self.table.get(&transcode)?;
        self.call(HostCall::plain("transcode.reached"), async |context| context.host.calls.reached()).await
    }

    async fn cancel(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        v0_1::media::HostTranscode::cancel(self, transcode).await
    }

    async fn drop(&mut self, transcode: Resource<Transcode>) -> wasmtime::Result<()> {
        v0_1::media::HostTranscode::drop(self, transcode).await
    }
}
