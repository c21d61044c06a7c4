//! One job of the API.

use std::sync::Arc;
use std::time::Duration;

use fault::text::printable;
use runpod::{JobResult, Progress, error_text};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::request::{JobRequest, TimeLimits};
use crate::json::without_nulls;

/// The machine and the worker in errors, as the vendor's client names them outside of the platform.
const NO_NAME: &str = "unknown";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    #[default]
    InQueue,
    InProgress,
    Completed,
    Failed,
    Cancelled,
    TimedOut,
}

impl Status {
    /// As RunPod spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InQueue => "IN_QUEUE",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    pub fn is_final(self) -> bool {
        !matches!(self, Self::InQueue | Self::InProgress)
    }
}

/// How a job ended; the error is the message of a time limit.
pub type JobEnd = Result<JobResult, String>;

/// A job, shared by the list of jobs, the job's task and the requests that wait for it.
pub struct ApiJob {
    pub id: String,
    /// What the job is about, for people.
    pub media: String,
    pub limits: TimeLimits,
    pub submitted: Instant,
    /// Cancelled when the job is to stop.
    pub stop: CancellationToken,
    pub state: watch::Sender<JobState>,
}

#[derive(Default)]
pub struct JobState {
    pub status: Status,
    pub started: Option<Instant>,
    pub ended: Option<Instant>,
    /// While the job runs, its latest progress.
    pub output: Option<Value>,
    /// Whether `/stream` has not answered with the output yet.
    pub is_news: bool,
    pub error: Option<String>,
    /// Size of its input, later of its result, as JSON.
    pub bytes: usize,
    /// Whether the job's task has ended. A cancelled job is final before its task is.
    pub task_ended: bool,
}

impl ApiJob {
    /// A job whose body has this many bytes. With `slot_free` it counts as running at once.
    pub fn new(id: String, request: &JobRequest, stop: CancellationToken, bytes: usize, slot_free: bool) -> Self {
        let submitted = Instant::now();
        let state = JobState {
            status: if slot_free { Status::InProgress } else { Status::InQueue },
            started: slot_free.then_some(submitted),
            bytes,
            ..JobState::default()
        };
        let media = request.input.get("mediaId").and_then(Value::as_str).unwrap_or_default();
        let (media, limits) = (printable(media, 128), request.limits);
        Self { id, media, limits, submitted, stop, state: watch::Sender::new(state) }
    }

    pub fn status(&self) -> Status {
        self.state.borrow().status
    }

    pub fn start(&self) {
        self.change(|state| {
            state.started.get_or_insert_with(Instant::now);
            state.status = Status::InProgress;
        });
    }

    /// Cancels the job unless it has ended.
    pub fn cancel(&self) {
        self.stop.cancel();
        self.end(Ok(JobResult::Stopped));
    }

    /// Cancels the job if it waits for a slot. Returns whether it did.
    pub fn cancel_queued(&self) -> bool {
        let is_queued = self.status() == Status::InQueue;
        if is_queued {
            self.cancel();
        }
        is_queued
    }

    /// The first end counts.
    pub fn end(&self, end: JobEnd) {
        let (status, output, error) = match end {
            Ok(JobResult::Done(output)) => (Status::Completed, Some(output), None),
            Ok(JobResult::Failed { error, .. }) => (Status::Failed, None, Some(error_text(error, NO_NAME, NO_NAME))),
            Ok(JobResult::Stopped) => (Status::Cancelled, None, None),
            Err(message) => (Status::TimedOut, None, Some(message)),
        };
        self.change(|state| {
            let size = output.as_ref().map_or(0, |output| output.to_string().len());
            state.bytes = size + error.as_ref().map_or(0, String::len);
            state.ended = Some(Instant::now());
            state.is_news = output.is_some();
            (state.status, state.output, state.error) = (status, output, error);
        });
    }

    fn change(&self, change: impl FnOnce(&mut JobState)) {
        self.state.send_if_modified(|state| {
            let changes = !state.status.is_final();
            if changes {
                change(state);
            }
            changes
        });
    }

    /// Keeps the progress that the job's handler reports.
    pub fn progress(self: &Arc<Self>) -> Progress {
        let job = Arc::clone(self);
        Box::new(move |output| {
            job.change(|state| {
                state.output = Some(output);
                state.is_news = true;
            });
        })
    }

    /// The answer of `/stream`: progress and output that it has not answered with before.
    pub fn stream(&self) -> Value {
        let mut news = Vec::new();
        self.state.send_modify(|state| {
            if std::mem::take(&mut state.is_news) {
                news.extend(state.output.clone().map(|output| json!({ "output": output })));
            }
        });
        let state = self.state.borrow();
        without_nulls(json!({
            "id": self.id,
            "status": state.status.name(),
            "stream": news,
            "error": state.error,
        }))
    }

    /// The answer of `/status`.
    pub fn view(&self) -> Value {
        let state = self.state.borrow();
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        without_nulls(json!({
            "id": self.id,
            "status": state.status.name(),
            "delayTime": state.started.or(state.ended).map(|then| ms(then - self.submitted)),
            "executionTime": state.started.zip(state.ended).map(|(from, to)| ms(to - from)),
            "output": state.output,
            "error": state.error,
        }))
    }
}
