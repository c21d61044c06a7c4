//! Sends a job's progress messages in the background: in order, never awaited by the job, dropped rather than late.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::{Deliverer, DeliveryObserver, Message, WebhookUrl};

/// Messages that wait behind the one being sent. When the queue is full, the oldest is dropped. Larger than the number
/// of steps of any job, so a receiver that keeps up gets all of them.
const QUEUE_CAPACITY: usize = 16;

/// How long the remaining messages may take once the job ends. Receivers usually answer in a tenth of that, and the
/// machine is billed meanwhile.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct ProgressSender(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Active(Queue),
    /// The outcome is being sent: nothing may follow it.
    Closed,
}

struct Queue {
    messages: broadcast::Sender<Message>,
    /// The task that sends. Dropping the set aborts it.
    task: JoinSet<()>,
}

impl ProgressSender {
    /// Queues a message and returns at once. If the receiver is slower than the job, old messages are dropped.
    pub(super) fn send(&self, deliverer: &Deliverer, to: &WebhookUrl, message: Message, observer: &DeliveryObserver) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Idle) {
            let (messages, queued) = broadcast::channel(QUEUE_CAPACITY);
            let mut task = JoinSet::new();
            task.spawn(deliver(deliverer.clone(), to.clone(), queued, Arc::clone(observer)).in_current_span());
            *state = State::Active(Queue { messages, task });
        }
        if let State::Active(queue) = &*state {
            // Fails only if the task has ended, and then there is nothing to do about it.
            let _ = queue.messages.send(message);
        }
    }

    /// Sends what is queued, within [`DRAIN_TIMEOUT`]. Afterwards no message is in flight and no other will be sent.
    pub(super) async fn close(&self) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Closed);
        let State::Active(Queue { messages, mut task }) = before else { return };
        drop(messages);
        if tokio::time::timeout(DRAIN_TIMEOUT, task.join_next()).await.is_err() {
            tracing::info!("progress dropped: the receiver did not accept it in time");
            task.shutdown().await;
        }
    }
}

async fn deliver(deliverer: Deliverer, to: WebhookUrl, mut queued: Receiver<Message>, observer: DeliveryObserver) {
    loop {
        match queued.recv().await {
            Ok(message) => {
                let delivery = deliverer.deliver(&to, &message).await;
                observer(&message, &delivery, None);
            }
            Err(RecvError::Lagged(dropped)) => tracing::info!(dropped, "the receiver is too slow for progress"),
            Err(RecvError::Closed) => return,
        }
    }
}
