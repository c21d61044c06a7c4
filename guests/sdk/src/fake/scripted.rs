use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::publish;
use crate::api::{HostApi, OpenSource, RunningTranscode};
use crate::types::*;

/// A call of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is a method of `HostApi` or of a handle, with its arguments")]
pub enum Call {
    Devices,
    Encoders,
    Measures,
    Open { store: String, key: String },
    Info,
    Tracks,
    Start(Plan),
    NextProgress,
    Wait,
    Cancel,
    Reached,
    Deliver(Event, Message),
    Progress { step: String, percent: u32 },
    Cancelled,
    Settings,
    Log { level: Level, message: String, fields: Attributes },
    Head { store: String, key: String },
    Put { store: String, key: String, content_type: String, content: Vec<u8> },
    Delete { store: String, key: String },
}

/// A host that answers from a script. By default it has software H.264 and no settings, publishes everything that a
/// plan asks for, and delivers every message.
#[must_use]
#[derive(Clone)]
pub struct ScriptedHost {
    script: Rc<Script>,
    calls: Rc<RefCell<Vec<Call>>>,
    objects: Rc<RefCell<Objects>>,
}

/// The objects that this job put, by store and key.
type Objects = BTreeMap<(String, String), Vec<u8>>;

#[derive(Clone)]
struct Script {
    info: MediaInfo,
    tracks: TrackList,
    settings: String,
    encoders: Vec<VideoEncoder>,
    devices: Vec<Device>,
    cancelled: bool,
    open: Result<(), Failure>,
    start: Result<(), Failure>,
    progress: VecDeque<ProgressReport>,
    /// `None` gives a report of everything in the plan.
    wait: Option<Result<Report, Failure>>,
    delivery: Result<Delivery, Failure>,
}

impl ScriptedHost {
    /// A host whose originals are all like this one.
    pub fn new(info: MediaInfo) -> Self {
        let script = Script {
            info,
            tracks: TrackList { audio: Vec::new(), text: Vec::new() },
            settings: "{}".into(),
            encoders: vec![VideoEncoder { codec: VideoCodec::H264, processor: Processor::Cpu }],
            devices: Vec::new(),
            cancelled: false,
            open: Ok(()),
            start: Ok(()),
            progress: VecDeque::new(),
            wait: None,
            delivery: Ok(Delivery { delivered: true, attempts: 1, status: Some(200) }),
        };
        Self { script: Rc::new(script), calls: Rc::default(), objects: Rc::default() }
    }

    fn scripted(mut self, change: impl FnOnce(&mut Script)) -> Self {
        change(Rc::make_mut(&mut self.script));
        self
    }

    /// Sets the tracks of every original. By default it has none to choose from.
    pub fn with_tracks(self, tracks: TrackList) -> Self {
        self.scripted(|script| script.tracks = tracks)
    }

    /// Sets the environment's settings for the policy.
    pub fn with_settings(self, json: &str) -> Self {
        self.scripted(|script| script.settings = json.into())
    }

    /// Sets the encoders that passed the test encode.
    pub fn with_encoders(self, encoders: Vec<VideoEncoder>) -> Self {
        self.scripted(|script| script.encoders = encoders)
    }

    /// Sets the graphics processors.
    pub fn with_devices(self, devices: Vec<Device>) -> Self {
        self.scripted(|script| script.devices = devices)
    }

    /// Makes the job a cancelled one.
    pub fn with_cancellation(self) -> Self {
        self.scripted(|script| script.cancelled = true)
    }

    /// Makes every `open` fail.
    pub fn open_fails(self, failure: Failure) -> Self {
        self.scripted(|script| script.open = Err(failure))
    }

    /// Makes every `start` fail.
    pub fn start_fails(self, failure: Failure) -> Self {
        self.scripted(|script| script.start = Err(failure))
    }

    /// Sets the percents that a transcode reports.
    pub fn with_progress(self, percents: &[u32]) -> Self {
        let reports = percents.iter().map(|&percent| ProgressReport { percent, speed_permille: 2500 });
        self.scripted(|script| script.progress = reports.collect())
    }

    /// Sets how a transcode ends.
    pub fn wait_gives(self, result: Result<Report, Failure>) -> Self {
        self.scripted(|script| script.wait = Some(result))
    }

    /// Sets the result of every delivery.
    pub fn delivery(self, delivery: Result<Delivery, Failure>) -> Self {
        self.scripted(|script| script.delivery = delivery)
    }

    /// All calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }

    /// The plans that the policy started.
    pub fn plans(&self) -> Vec<Plan> {
        self.picked(|call| if let Call::Start(plan) = call { Some(plan) } else { None })
    }

    /// The messages that the policy sent.
    pub fn messages(&self) -> Vec<(Event, Message)> {
        self.picked(|call| if let Call::Deliver(event, message) = call { Some((event, message)) } else { None })
    }

    /// The progress that the policy reported: steps and percents.
    pub fn steps(&self) -> Vec<(String, u32)> {
        self.picked(|call| if let Call::Progress { step, percent } = call { Some((step, percent)) } else { None })
    }

    /// The lines that the policy logged.
    pub fn logged(&self) -> Vec<(Level, String)> {
        self.picked(|call| if let Call::Log { level, message, .. } = call { Some((level, message)) } else { None })
    }

    fn picked<T>(&self, pick: impl FnMut(Call) -> Option<T>) -> Vec<T> {
        self.calls().into_iter().filter_map(pick).collect()
    }

    fn record(&self, call: Call) {
        self.calls.borrow_mut().push(call);
    }
}

impl HostApi for ScriptedHost {
    type Source = ScriptedSource;
    type Transcode = ScriptedTranscode;

    fn devices(&self) -> Vec<Device> {
        self.record(Call::Devices);
        self.script.devices.clone()
    }

    fn encoders(&self) -> Vec<VideoEncoder> {
        self.record(Call::Encoders);
        self.script.encoders.clone()
    }

    fn measures(&self) -> Vec<Measure> {
        self.record(Call::Measures);
        vec![Measure::Ssim]
    }

    fn open(&self, store: &str, key: &str) -> Result<ScriptedSource, Failure> {
        self.record(Call::Open { store: store.into(), key: key.into() });
        self.script.open.clone().map(|()| ScriptedSource(self.clone()))
    }

    fn start(&self, _source: &ScriptedSource, plan: &Plan) -> Result<ScriptedTranscode, Failure> {
        self.record(Call::Start(plan.clone()));
        self.script.start.clone()?;
        let ahead = RefCell::new(self.script.progress.clone());
        Ok(ScriptedTranscode { host: self.clone(), plan: plan.clone(), ahead })
    }

    fn deliver(&self, event: Event, message: &Message) -> Result<Delivery, Failure> {
        self.record(Call::Deliver(event, message.clone()));
        self.script.delivery.clone()
    }

    fn progress(&self, step: &str, percent: u32) {
        self.record(Call::Progress { step: step.into(), percent });
    }

    fn cancelled(&self) -> bool {
        self.record(Call::Cancelled);
        self.script.cancelled
    }

    fn settings(&self) -> String {
        self.record(Call::Settings);
        self.script.settings.clone()
    }

    fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let fields = fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.record(Call::Log { level, message: message.into(), fields });
    }

    fn head(&self, store: &str, key: &str) -> Result<Option<ObjectInfo>, Failure> {
        self.record(Call::Head { store: store.into(), key: key.into() });
        let objects = self.objects.borrow();
        Ok(objects.get(&(store.into(), key.into())).map(|content| ObjectInfo { size: content.len() as u64 }))
    }

    fn put(&self, store: &str, key: &str, content_type: &str, content: &[u8]) -> Result<(), Failure> {
        let (content_type, content) = (content_type.to_string(), content.to_vec());
        self.objects.borrow_mut().insert((store.into(), key.into()), content.clone());
        self.record(Call::Put { store: store.into(), key: key.into(), content_type, content });
        Ok(())
    }

    fn delete(&self, store: &str, key: &str) -> Result<(), Failure> {
        self.record(Call::Delete { store: store.into(), key: key.into() });
        let removed = self.objects.borrow_mut().remove(&(store.into(), key.into()));
        removed.map(|_| ()).ok_or_else(|| Failure {
            code: "storage.not-ours".into(),
            blame: Blame::Policy,
            message: format!("this job did not put {key:?} in the store {store:?}"),
            retryable: false,
        })
    }
}

/// An original of a [`ScriptedHost`].
pub struct ScriptedSource(ScriptedHost);

impl OpenSource for ScriptedSource {
    fn info(&self) -> MediaInfo {
        self.0.record(Call::Info);
        self.0.script.info.clone()
    }

    fn tracks(&self) -> TrackList {
        self.0.record(Call::Tracks);
        self.0.script.tracks.clone()
    }
}

/// A transcode of a [`ScriptedHost`].
pub struct ScriptedTranscode {
    host: ScriptedHost,
    plan: Plan,
    ahead: RefCell<VecDeque<ProgressReport>>,
}

impl RunningTranscode for ScriptedTranscode {
    fn progress(&self) -> Option<ProgressReport> {
        self.host.record(Call::NextProgress);
        self.ahead.borrow_mut().pop_front()
    }

    fn wait(&self) -> Result<Report, Failure> {
        self.host.record(Call::Wait);
        let script = &self.host.script;
        script.wait.clone().unwrap_or_else(|| Ok(publish::everything(&script.info, &self.plan)))
    }

    fn reached(&self) -> Vec<Reached> {
        self.host.record(Call::Reached);
        publish::reached(&self.plan)
    }

    fn cancel(&self) {
        self.host.record(Call::Cancel);
    }
}
