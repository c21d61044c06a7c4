//! The host calls of a rehearsal. They have no effect outside of the process, and a script can answer them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use contract::asked;
use contract::json::{from_value, to_value};
use contract::v0_1::convert::refused;
use contract::v0_1::gpu::Device;
use contract::v0_1::media::{ProgressReport, Report};
use contract::v0_1::storage::ObjectInfo;
use contract::v0_1::types::{Failure, MediaKind, Message};
use contract::v0_1::webhook::{Delivery, Event};
use contract::v0_2::encoding::VideoEncoder;
use contract::v0_2::quality::{Measure, Reached};
use media::encoder::Processor;
use media::error::{MediaError, UploadError};
use media::info::MediaInfo;
use media::plan::{Plan, PlanError, Preference};
use media::proof::Proof;
use policy::HostCalls;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use storage::{Destination, StoreError};

use crate::nominal;
use crate::scene::{Scene, Script};

/// Replaces media programs, stores and the webhook's receiver.
pub struct RehearsalHost {
    scene: Scene,
    script: Box<dyn Script>,
    /// The sizes of the objects in the stores.
    objects: BTreeMap<Destination, u64>,
    opened: Option<MediaInfo>,
    transcode: Option<RehearsedTranscode>,
}

/// An accepted plan. It is reported as done without being executed.
struct RehearsedTranscode {
    plan: Plan,
    info: MediaInfo,
    /// Whether the scripted answers to `transcode.wait` apply to this plan.
    scripted: bool,
    halfway_reported: bool,
    waited: bool,
    cancelled: bool,
}

impl RehearsalHost {
    pub fn new(scene: Scene, script: Box<dyn Script>) -> Self {
        let objects = scene.objects.clone();
        Self { scene, script, objects, opened: None, transcode: None }
    }

    /// The script's answer to a call, if it has one. Its type was checked when the script was read.
    fn scripted<T: DeserializeOwned>(&self, call: &str, arguments: Value) -> Option<T> {
        from_value(call, self.script.answer(call, arguments)?).ok()
    }

    fn scripted_failure(&self, call: &str, arguments: Value) -> Result<(), Failure> {
        self.scripted::<Result<(), Failure>>(call, arguments).unwrap_or(Ok(()))
    }

    /// The original as the host would probe it.
    fn probed(&self, from: &Destination) -> Result<MediaInfo, Failure> {
        let Scene { job, source, .. } = &self.scene;
        let is_original = job.source.store == from.store && job.source.key == from.key.as_str();
        let Some(info) = source.as_ref().filter(|_| is_original) else {
            return Err(refused(StoreError::NotFound { key: from.key.clone() }));
        };
        let mut info = info.clone();
        match job.kind {
            MediaKind::Video if info.video.is_none() => return Err(refused(MediaError::from(UploadError::NoVideo))),
            MediaKind::Audio if info.audio.is_none() => return Err(refused(MediaError::from(UploadError::NoAudio))),
            // The picture is a cover, or the video was uploaded for its sound.
            MediaKind::Audio => info.video = None,
            MediaKind::Video => {}
        }
        Ok(info)
    }
}

fn object(object: &Destination) -> Value {
    json!({ "store": object.store, "key": object.key.as_str() })
}

#[async_trait]
impl HostCalls for RehearsalHost {
    fn devices(&self) -> Vec<Device> {
        self.scene.devices.clone()
    }

    fn encoders(&self) -> Vec<VideoEncoder> {
        self.scene.encoders()
    }

    fn measures(&self) -> Vec<Measure> {
        self.scripted("gpu.measures", json!({})).unwrap_or_else(|| vec![Measure::Ssim])
    }

    async fn open(&mut self, from: Destination) -> Result<MediaInfo, Failure> {
        self.scripted_failure("media.open", object(&from))?;
        let info = self.probed(&from)?;
        self.opened = Some(info.clone());
        Ok(info)
    }

    async fn start(&mut self, plan: Plan, asked: &asked::Plan) -> Result<(), Failure> {
        let Some(info) = self.opened.as_ref().map(|info| plan.source(info).into_owned()) else {
            let (call, reason) = ("transcode.start", "no source is open");
            return Err(refused(PlanError::OutOfOrder { call, reason }));
        };
        let scripted = self.script.is_for(asked);
        self.transcode =
            Some(RehearsedTranscode { plan, info, scripted, halfway_reported: false, waited: false, cancelled: false });
        Ok(())
    }

    /// Reports 50 % once, then the end.
    async fn progress(&mut self) -> Option<ProgressReport> {
        if let Some(answer) = self.scripted("transcode.progress", json!({})) {
            return answer;
        }
        let transcode = self.transcode.as_mut()?;
        let first = !transcode.halfway_reported && !transcode.cancelled;
        transcode.halfway_reported = true;
        first.then_some(ProgressReport { percent: 50, speed_permille: 1000 })
    }

    async fn wait(&mut self) -> Option<Result<Report, Failure>> {
        let applies = self.transcode.as_ref()?.scripted;
        let scripted = if applies { self.scripted("transcode.wait", json!({})) } else { None };
        let transcode = self.transcode.as_mut()?;
        if std::mem::replace(&mut transcode.waited, true) {
            return None;
        }
        if scripted.is_some() {
            return scripted;
        }
        if transcode.cancelled {
            return Some(Err(refused(MediaError::Cancelled)));
        }
        let RehearsedTranscode { plan, info, .. } = transcode;
        let Scene { proof, loudness, known, .. } = &self.scene;
        Some(match processor(plan, info, proof) {
            Err(reason) => Err(refused(MediaError::NoGpu { reason })),
            Ok(processor) => Ok(nominal::report(plan, info, processor, *loudness, known.as_ref())),
        })
    }

    fn reached(&self) -> Vec<Reached> {
        let waited = self.transcode.as_ref().filter(|transcode| transcode.waited);
        let nominal = || waited.map(|transcode| nominal::reached(&transcode.plan)).unwrap_or_default();
        self.scripted("transcode.reached", json!({})).unwrap_or_else(nominal)
    }

    fn cancel(&mut self) {
        if let Some(transcode) = &mut self.transcode {
            transcode.cancelled = true;
        }
    }

    fn drop_transcode(&mut self) {
        self.transcode = None;
    }

    async fn head(&mut self, to: Destination) -> Result<Option<ObjectInfo>, Failure> {
        if let Some(answer) = self.scripted("storage.head", object(&to)) {
            return answer;
        }
        Ok(self.objects.get(&to).map(|size| ObjectInfo { size: *size }))
    }

    async fn put(&mut self, to: Destination, content_type: String, content: Vec<u8>) -> Result<(), Failure> {
        let arguments = json!({
            "store": to.store, "key": to.key.as_str(), "content-type": content_type,
            "content": policy::fingerprint(&content),
        });
        self.scripted_failure("storage.put", arguments)?;
        self.objects.insert(to, content.len() as u64);
        Ok(())
    }

    async fn delete(&mut self, to: Destination) -> Result<(), Failure> {
        self.scripted_failure("storage.delete", object(&to))?;
        self.objects.remove(&to);
        Ok(())
    }

    /// Delivery succeeds unless the script says otherwise. An invalid message is refused either way.
    async fn deliver(&mut self, event: Event, message: Message) -> Result<Delivery, Failure> {
        let arguments = json!({ "event": to_value(&event), "message": to_value(&message) });
        let scripted = self.scripted("webhook.deliver", arguments);
        let (kind, scheme) = (job::kind(event), job::scheme(message.signature));
        webhook::Message::new(&self.scene.job.id, kind, message.body, scheme).map_err(refused)?;
        scripted.unwrap_or(Ok(match event {
            Event::Completed => Delivery { delivered: true, attempts: 1, status: Some(200) },
            Event::Progress => Delivery { delivered: false, attempts: 0, status: None },
        }))
    }

    fn step(&mut self, _: String, _: u32) {}

    fn cancelled(&self) -> bool {
        self.scripted("job.cancelled", json!({})).unwrap_or(false)
    }
}

/// The processor that would encode, or why a required GPU is not available.
pub fn processor(plan: &Plan, info: &MediaInfo, proof: &Proof) -> Result<Processor, String> {
    if info.video.is_none() || plan.prefer == Preference::Cpu {
        return Ok(Processor::Cpu);
    }
    match (proof.gpu_missing().is_none(), plan.prefer) {
        (true, _) => Ok(Processor::Gpu),
        (false, Preference::Gpu) => Err("no gpu in this rehearsal".to_owned()),
        (false, _) => Ok(Processor::Cpu),
    }
}
