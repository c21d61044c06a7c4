//! The host calls of a production job, backed by media programs, stores and webhooks. A rehearsal has its own
//! implementation of the same trait.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use contract::asked;
use contract::v0_1::convert::{self, refused};
use contract::v0_1::gpu::Device;
use contract::v0_1::media::{ProgressReport, Report as ContractReport};
use contract::v0_1::storage::ObjectInfo;
use contract::v0_1::types::{Failure, Message, SignatureScheme};
use contract::v0_1::webhook::{Delivery, Event as MessageEvent};
use contract::v0_2;
use contract::v0_2::encoding::VideoEncoder;
use contract::v0_2::quality::{Measure, Reached};
use fault::text::printable;
use media::info::MediaInfo;
use media::plan::{Plan, PlanError};
use media::probe::DeclaredKind;
use policy::HostCalls;
use publish::PieceKind;
use storage::{Body, Destination, ObjectMeta};
use timeline::Part;
use webhook::{EventKind, JobWebhooks, Scheme};

use crate::event::{Event, delivery_events};
use crate::production::{JobContext, Original, Production};
use crate::transcode_report::TranscodeReport;

/// Percent between two answers to `progress`. Waking a policy takes 30 microseconds while encoders fill the CPU caches;
/// a hundred times would cost more than all of the policy's decisions.
const PROGRESS_STEP: u32 = 10;

/// Executes the host calls of one attempt.
pub struct JobHost {
    context: JobContext,
    declared: DeclaredKind,
    webhooks: Option<Arc<JobWebhooks>>,
    /// The result of the last transcode, for the job's report.
    report: Arc<Mutex<Option<TranscodeReport>>>,
    original: Option<Arc<Original>>,
    production: Option<Production>,
    /// The percentage of the last answer to `progress`.
    reported: Option<u32>,
    /// What the transcode found for the plan's targets of quality.
    reached: Vec<Reached>,
}

impl JobHost {
    pub fn new(
        context: JobContext,
        declared: DeclaredKind,
        webhooks: Option<Arc<JobWebhooks>>,
        report: Arc<Mutex<Option<TranscodeReport>>>,
    ) -> Self {
        let (original, production, reported) = (None, None, None);
        Self { context, declared, webhooks, report, original, production, reported, reached: Vec::new() }
    }
}

#[async_trait]
impl HostCalls for JobHost {
    fn devices(&self) -> Vec<Device> {
        convert::devices(&self.context.tools.devices)
    }

    fn encoders(&self) -> Vec<VideoEncoder> {
        self.context.tools.proof.encoders().into_iter().map(v0_2::convert::encoder).collect()
    }

    fn measures(&self) -> Vec<Measure> {
        self.context.tools.build.measures.iter().map(|measure| (*measure).into()).collect()
    }

    async fn open(&mut self, from: Destination) -> Result<MediaInfo, Failure> {
        let opening = self.context.begin(Part::MediaOpen);
        let context = self.context.within(&opening);
        let original = opening.around(Original::open(&context, &from, self.declared)).await?;
        let info = original.info.clone();
        self.original = Some(Arc::new(original));
        Ok(info)
    }

    async fn start(&mut self, plan: Plan, _: &asked::Plan) -> Result<(), Failure> {
        let Some(original) = &self.original else {
            let (call, reason) = ("transcode.start", "no source is open");
            return Err(refused(PlanError::OutOfOrder { call, reason }));
        };
        self.production = Some(Production::start(&self.context, Arc::clone(original), plan));
        Ok(())
    }

    async fn progress(&mut self) -> Option<ProgressReport> {
        let production = self.production.as_mut()?;
        loop {
            let advance = *production.advance.borrow_and_update();
            if self.reported.is_none_or(|reported| advance.percent >= reported + PROGRESS_STEP) {
                self.reported = Some(advance.percent);
                let speed_permille = (advance.speed.clamp(0.0, 1e6) * 1000.0) as u32;
                return Some(ProgressReport { percent: advance.percent, speed_permille });
            }
            // An error means that the task has ended: no more progress follows, and the policy should call `wait`.
            production.advance.changed().await.ok()?;
        }
    }

    async fn wait(&mut self) -> Option<Result<ContractReport, Failure>> {
        let waiting = self.context.begin(Part::TranscodeWait);
        let published = self.production.as_mut()?.publish().await?;
        waiting.ended(&published);
        Some(match published {
            Ok((summary, objects)) => {
                self.reached = summary.reached.iter().map(v0_2::convert::reached).collect();
                let report = TranscodeReport::of(&summary, &objects);
                *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
                Ok(convert::report(&summary, &objects))
            }
            Err(failure) => Err(failure.into()),
        })
    }

    fn reached(&self) -> Vec<Reached> {
        self.reached.clone()
    }

    fn cancel(&mut self) {
        if let Some(production) = &self.production {
            production.cancel.cancel();
        }
    }

    fn drop_transcode(&mut self) {
        self.production = None;
    }

    async fn head(&mut self, object: Destination) -> Result<Option<ObjectInfo>, Failure> {
        let store = self.context.stores.get(&object.store).map_err(refused)?;
        let asking = self.context.begin(Part::StorageHead);
        let found = asking.around(store.head(&object.key)).await.map_err(refused)?;
        Ok(found.map(|info| ObjectInfo { size: info.size }))
    }

    async fn put(&mut self, object: Destination, content_type: String, content: Vec<u8>) -> Result<(), Failure> {
        let meta = ObjectMeta {
            content_type: printable(&content_type, 128),
            ..self.context.labels.of(&object.key, PieceKind::Object)
        };
        let store = self.context.stores.get(&object.store).map_err(refused)?;
        let writing = self.context.begin(Part::StoragePut);
        let written = writing.around(store.put(&object.key, Body::Bytes(content), &meta)).await;
        written.map(drop).map_err(refused)
    }

    async fn delete(&mut self, object: Destination) -> Result<(), Failure> {
        let store = self.context.stores.get(&object.store).map_err(refused)?;
        let removing = self.context.begin(Part::StorageDelete);
        removing.around(store.delete(&object.key)).await.map_err(refused)
    }

    async fn deliver(&mut self, event: MessageEvent, message: Message) -> Result<Delivery, Failure> {
        let job = self.context.job_id.as_str();
        // Also for a job without a webhook: a bad message fails as it would with one.
        let message = webhook::Message::new(job, kind(event), message.body, scheme(message.signature));
        let message = message.map_err(refused)?;
        let observer = delivery_events(Arc::clone(&self.context.observer));
        let mut delivery = webhook::Delivery::default();
        let delivering = self.context.begin(Part::WebhookDeliver);
        match (&self.webhooks, event) {
            (Some(webhooks), MessageEvent::Progress) => webhooks.send_progress(message, &observer),
            (Some(webhooks), MessageEvent::Completed) => {
                let sending = delivering.timeline().begin(Part::Webhook);
                let sent = webhooks.send_outcome(job, &message, &observer);
                // Retries can take minutes, so cancellation ends them.
                delivery = self.context.cancel.run_until_cancelled(sent).await.unwrap_or_default();
                sending.ended_well(delivery.delivered);
            }
            (None, _) => {}
        }
        delivering.done();
        Ok(Delivery { delivered: delivery.delivered, attempts: delivery.attempts, status: delivery.status })
    }

    fn step(&mut self, step: String, percent: u32) {
        self.context.observer.on(&Event::Step { step, percent });
    }

    fn cancelled(&self) -> bool {
        self.context.cancel.is_cancelled()
    }
}

pub fn kind(event: MessageEvent) -> EventKind {
    match event {
        MessageEvent::Completed => EventKind::Completed,
        MessageEvent::Progress => EventKind::Progress,
    }
}

pub fn scheme(signature: SignatureScheme) -> Scheme {
    match signature {
        SignatureScheme::Body => Scheme::Body,
        SignatureScheme::TimestampedBody => Scheme::TimestampedBody,
    }
}
