use crate::api::{HostApi, OpenSource, RunningTranscode};
use crate::bindings::codex::transcode::{gpu, job, log, media, storage, webhook};
use crate::types::*;

/// The real host: every method calls the import of the same name.
pub struct Host;

impl HostApi for Host {
    type Source = media::Source;
    type Transcode = media::Transcode;

    fn devices(&self) -> Vec<Device> {
        gpu::devices()
    }

    fn encoders(&self) -> Vec<VideoEncoder> {
        gpu::encoders()
    }

    fn measures(&self) -> Vec<Measure> {
        gpu::measures()
    }

    fn open(&self, store: &str, key: &str) -> Result<media::Source, Failure> {
        media::open(store, key)
    }

    fn start(&self, source: &media::Source, plan: &Plan) -> Result<media::Transcode, Failure> {
        media::Transcode::start(source, written(plan))
    }

    fn deliver(&self, event: Event, message: &Message) -> Result<Delivery, Failure> {
        webhook::deliver(event, message)
    }

    fn progress(&self, step: &str, percent: u32) {
        job::progress(step, percent);
    }

    fn cancelled(&self) -> bool {
        job::cancelled()
    }

    fn settings(&self) -> String {
        job::settings()
    }

    fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        log::write(level, message, &fields);
    }

    fn head(&self, store: &str, key: &str) -> Result<Option<ObjectInfo>, Failure> {
        storage::head(store, key)
    }

    fn put(&self, store: &str, key: &str, content_type: &str, content: &[u8]) -> Result<(), Failure> {
        storage::put(store, key, content_type, content)
    }

    fn delete(&self, store: &str, key: &str) -> Result<(), Failure> {
        storage::delete(store, key)
    }
}

impl OpenSource for media::Source {
    fn info(&self) -> MediaInfo {
        self.info()
    }

    fn tracks(&self) -> TrackList {
        self.tracks()
    }
}

impl RunningTranscode for media::Transcode {
    fn progress(&self) -> Option<ProgressReport> {
        self.progress()
    }

    fn wait(&self) -> Result<Report, Failure> {
        self.wait()
    }

    fn reached(&self) -> Vec<Reached> {
        self.reached()
    }

    fn cancel(&self) {
        self.cancel();
    }
}

/// A plan in the host's hands.
fn written(plan: &Plan) -> media::Plan {
    let made = media::Plan::new();
    for output in &plan.outputs {
        (output.add)(output, &made);
    }
    if let Some(target) = plan.loudness {
        made.set_loudness(target);
    }
    if let Some(trim) = &plan.trim {
        (trim.set)(trim, &made);
    }
    if let Some(encryption) = &plan.encryption {
        (encryption.set)(encryption, &made);
    }
    if let Some(watermark) = &plan.watermark {
        (watermark.set)(watermark, &made);
    }
    if let Some(targets) = &plan.targets {
        (targets.set)(targets, &made);
    }
    made.set_preference(plan.prefer);
    made
}
