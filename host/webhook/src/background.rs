//! Messages that are sent beside the job: one after the other, never waited for, and lost rather than late.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::DeliveryObserver;
use super::{Deliverer, Message, WebhookUrl};

/// Most messages that wait behind the one that is being sent; beyond that the oldest is dropped. More than the steps of
/// any job, so that a receiver that keeps up gets all of them.
const WAITING: usize = 16;

/// How long those that are left may take when the job comes to its end. A receiver answers in a tenth of it as a rule, and
/// the machine is paid for meanwhile.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A way for a job's progress messages.
#[derive(Default)]
pub(super) struct Background(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Running(Running),
    /// The end was told; nothing is sent after it.
    Over,
}

struct Running {
    messages: broadcast::Sender<Message>,
    /// The one that sends. Ended when it is dropped.
    sender: JoinSet<()>,
}

impl Background {
    /// Sends a message when those before it are sent. It is lost where the receiver is slower than the job.
    pub(super) fn send(
        &self,
        deliverer: &Deliverer,
        to: &WebhookUrl,
        message: Message,
        observer: &Arc<dyn DeliveryObserver>,
    ) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Idle) {
            let (messages, waiting) = broadcast::channel(WAITING);
            let mut sender = JoinSet::new();
            sender.spawn(deliver(deliverer.clone(), to.clone(), waiting, Arc::clone(observer)).in_current_span());
            *state = State::Running(Running { messages, sender });
        }
        if let State::Running(running) = &*state {
            // Refused only where nobody sends any more, and then there is nobody to lose it either.
            let _ = running.messages.send(message);
        }
    }

    /// Comes to an end, soon. After it nothing is on its way, and nothing more is sent.
    pub(super) async fn end(&self) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Over);
        let State::Running(Running { messages, mut sender }) = before else { return };
        drop(messages);
        if tokio::time::timeout(LAST_WORDS, sender.join_next()).await.is_err() {
            tracing::info!("progress that the receiver did not take in time is dropped");
            sender.shutdown().await;
        }
    }
}

async fn deliver(
    deliverer: Deliverer,
    to: WebhookUrl,
    mut waiting: broadcast::Receiver<Message>,
    observer: Arc<dyn DeliveryObserver>,
) {
    loop {
        match waiting.recv().await {
            Ok(message) => {
                let delivery = deliverer.deliver(&to, &message).await;
                observer.delivered(message.kind(), &delivery, None);
            }
            Err(RecvError::Lagged(dropped)) => tracing::info!(dropped, "the receiver is too slow for progress"),
            Err(RecvError::Closed) => return,
        }
    }
}
