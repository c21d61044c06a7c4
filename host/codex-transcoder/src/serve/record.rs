//! The state of one job.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
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

/// How a job ended. `status` is final.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedJob {
    pub status: Status,
    pub output: Option<Value>,
    pub error: Option<String>,
}

impl FinishedJob {
    pub fn cancelled() -> Self {
        Self { status: Status::Cancelled, output: None, error: None }
    }

    /// Approximate size in memory.
    pub fn bytes(&self) -> usize {
        let output = self.output.as_ref().map_or(0, |output| output.to_string().len());
        output + self.error.as_ref().map_or(0, String::len)
    }
}

pub struct JobRecord {
    pub stop: CancellationToken,
    /// Requests that wait for the job subscribe to it.
    pub status: watch::Sender<Status>,
    /// Whether the job's task has ended. A cancelled job is final before its task is.
    pub task_ended: bool,
    pub submitted: Instant,
    pub started: Option<Instant>,
    pub ended: Option<Instant>,
    pub result: Option<FinishedJob>,
    /// The latest only.
    pub progress: Option<Value>,
    /// Size of its input, later of its result, as JSON.
    pub bytes: usize,
}

impl JobRecord {
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// The answer of `/status`. While the job runs, `output` is its progress.
    pub fn view(&self, id: &str) -> Value {
        let mut view =
            Map::from_iter([("id".to_owned(), json!(id)), ("status".to_owned(), json!(self.status().name()))]);
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                view.insert(name.to_owned(), value);
            }
        };
        set("delayTime", self.started.or(self.ended).map(|then| ms(then - self.submitted)));
        set("executionTime", self.started.zip(self.ended).map(|(from, to)| ms(to - from)));
        match &self.result {
            Some(result) => {
                set("output", result.output.clone());
                set("error", result.error.clone().map(Value::from));
            }
            None => set("output", self.progress.clone()),
        }
        Value::Object(view)
    }
}

fn ms(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}
