//! The host calls of a rehearsal. They have no effect outside of the process, and a script can answer them.

use async_trait::async_trait;
use contract::json::from_value;
use contract::v0_1::convert::{self, refused};
use contract::v0_1::gpu::Device;
use contract::v0_1::media::{Plan as AskedPlan, ProgressReport, Report};
use contract::v0_1::storage::ObjectInfo;
use contract::v0_1::types::{Failure, Message, VideoEncoder};
use contract::v0_1::webhook::{Delivery, Event};
use media::context::MediaTools;
use media::encoder::Processor;
use media::error::{MediaError, UploadError};
use media::info::MediaInfo;
use media::loudness::Measure;
use media::plan::{Plan, Preference};
use media::probe::DeclaredKind;
use policy::HostCalls;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use storage::{Body, Destination, ObjectMeta, StoreError, Stores};

use super::answers::Answers;
use super::nominal;
use crate::recording::Cleaner;

/// Replaces media programs, stores and the webhook's receiver.
pub(super) struct RehearsalHost {
    pub job: String,
    /// The original's location.
    pub from: Destination,
    /// The probed original; `None` if it can't be opened.
    pub source: Option<MediaInfo>,
    pub declared: DeclaredKind,
    pub loudness: Measure,
    /// The report of the recorded job, if there is one.
    pub known: Option<Report>,
    /// The scripted answers to `transcode.wait` apply only to this plan; `None` for any plan.
    pub plan: Option<Value>,
    pub answers: Answers,
    /// Removes secrets from arguments before they are compared with the script.
    pub cleaner: Cleaner,
    pub tools: MediaTools,
    /// In-memory stores.
    pub stores: Stores,
    pub opened: Option<MediaInfo>,
    pub transcode: Option<RehearsedTranscode>,
}

/// An accepted plan. It is reported as done without being executed.
pub(super) struct RehearsedTranscode {
    plan: Plan,
    info: MediaInfo,
    /// Whether the scripted answers to `transcode.wait` apply to this plan.
    scripted: bool,
    processor: Result<Processor, String>,
    halfway_reported: bool,
    waited: bool,
    cancelled: bool,
}

impl RehearsalHost {
    /// The script's answer to a call, if it has one. Its type was checked when the script was read.
    fn scripted<T: DeserializeOwned>(&self, call: &str, arguments: Value) -> Option<T> {
        let answer = self.answers.take(call, &self.cleaner.clean(arguments))?;
        from_value(call, answer).ok()
    }

    fn scripted_failure(&self, call: &str, arguments: Value) -> Result<(), Failure> {
        self.scripted::<Result<(), Failure>>(call, arguments).unwrap_or(Ok(()))
    }

    fn source_of(&self, from: &Destination) -> Result<MediaInfo, Failure> {
        let Some(info) = self.source.as_ref().filter(|_| *from == self.from) else {
            return Err(refused(StoreError::NotFound { key: from.key.clone() }));
        };
        let mut info = info.clone();
        match self.declared {
            DeclaredKind::Video if info.video.is_none() => return Err(refused(MediaError::from(UploadError::NoVideo))),
            DeclaredKind::Audio if info.audio.is_none() => return Err(refused(MediaError::from(UploadError::NoAudio))),
            // The picture is a cover, or the video was uploaded for its sound.
            DeclaredKind::Audio => info.video = None,
            DeclaredKind::Video => {}
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
        convert::devices(&self.tools.devices)
    }

    fn encoders(&self) -> Vec<VideoEncoder> {
        self.tools.proof.processors().into_iter().map(convert::encoder).collect()
    }

    async fn open(&mut self, from: Destination) -> Result<MediaInfo, Failure> {
        self.scripted_failure("media.open", object(&from))?;
        let info = self.source_of(&from)?;
        self.opened = Some(info.clone());
        Ok(info)
    }

    async fn start(&mut self, plan: Plan, asked: &AskedPlan) -> Result<(), Failure> {
        let Some(info) = self.opened.clone() else {
            return Err(refused(StoreError::NotFound { key: self.from.key.clone() }));
        };
        let scripted = self.plan.as_ref().is_none_or(|plan| *plan == contract::json::to_value(asked));
        let processor = processor(&plan, &info, &self.tools);
        self.transcode = Some(RehearsedTranscode {
            plan,
            info,
            scripted,
            processor,
            halfway_reported: false,
            waited: false,
            cancelled: false,
        });
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
        Some(match &transcode.processor {
            Err(reason) => Err(refused(MediaError::NoGpu { reason: reason.clone() })),
            Ok(processor) => {
                let known = self.known.as_ref();
                Ok(nominal::report(&transcode.plan, &transcode.info, *processor, self.loudness, known))
            }
        })
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
        let found = self.stores.get(&to.store).map_err(refused)?.head(&to.key).await.map_err(refused)?;
        Ok(found.map(|info| ObjectInfo { size: info.size }))
    }

    async fn put(&mut self, to: Destination, content_type: String, content: Vec<u8>) -> Result<(), Failure> {
        let arguments = json!({
            "store": to.store, "key": to.key.as_str(), "content-type": content_type,
            "content": policy::fingerprint(&content),
        });
        self.scripted_failure("storage.put", arguments)?;
        let store = self.stores.get(&to.store).map_err(refused)?;
        store.put(&to.key, Body::Bytes(content), &ObjectMeta::default()).await.map(drop).map_err(refused)
    }

    async fn delete(&mut self, to: Destination) -> Result<(), Failure> {
        self.scripted_failure("storage.delete", object(&to))?;
        self.stores.get(&to.store).map_err(refused)?.delete(&to.key).await.map_err(refused)
    }

    /// Delivery succeeds unless the script says otherwise. An invalid message is refused either way.
    async fn deliver(&mut self, event: Event, message: Message) -> Result<Delivery, Failure> {
        let arguments =
            json!({ "event": contract::json::to_value(&event), "message": contract::json::to_value(&message) });
        let scripted = self.scripted("webhook.deliver", arguments);
        let (kind, scheme) = (job::kind(event), job::scheme(message.signature));
        webhook::Message::new(&self.job, kind, message.body, scheme).map_err(refused)?;
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
pub(super) fn processor(plan: &Plan, info: &MediaInfo, tools: &MediaTools) -> Result<Processor, String> {
    let prefer = tools.forced_preference.unwrap_or(plan.prefer);
    match (&tools.proof.gpu_missing, prefer) {
        _ if info.video.is_none() => Ok(Processor::Cpu),
        (_, Preference::Cpu) | (Some(_), Preference::Auto) => Ok(Processor::Cpu),
        (None, _) => Ok(Processor::Gpu),
        (Some(reason), Preference::Gpu) => Err(reason.clone()),
    }
}
