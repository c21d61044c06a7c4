//! A job as the API knows it.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::request::Limits;

/// Most messages of progress that are kept for `/stream`; the oldest are forgotten.
const MOST_CHUNKS: usize = 256;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waits for a runner.
    InQueue,
    /// Runs.
    InProgress,
    /// Done.
    Completed,
    /// Failed.
    Failed,
    /// Called off.
    Cancelled,
    /// Took longer than its sender allowed.
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

    /// Whether nothing more happens.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::InQueue | Self::InProgress)
    }

    /// Whether it may be tried again.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

/// How a job ended, and what its sender gets.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// A final one.
    pub status: Status,
    /// Its output.
    pub output: Option<Value>,
    /// Why there is none.
    pub error: Option<String>,
}

impl End {
    /// Roughly what it holds in memory.
    pub fn bytes(&self) -> usize {
        let output = self.output.as_ref().map_or(0, |output| output.to_string().len());
        output + self.error.as_ref().map_or(0, String::len)
    }
}

/// A job that is known.
pub struct Entry {
    /// Tells the runs of one id apart: what an earlier run still has to say is not heard.
    pub serial: u64,
    /// Kept for a retry, and dropped when there can't be one.
    pub input: Value,
    /// Whom to tell.
    pub webhook: Option<String>,
    /// How long it may take.
    pub limits: Limits,
    /// Calls it off.
    pub stop: CancellationToken,
    /// Where it is, for whoever waits for it.
    pub status: watch::Sender<Status>,
    /// Whether it has a task, which it may for a moment after its end.
    pub busy: bool,
    /// When it came.
    pub submitted: Instant,
    /// When it began.
    pub started: Option<Instant>,
    /// When it ended.
    pub ended: Option<Instant>,
    /// How it ended.
    pub end: Option<End>,
    /// The latest progress.
    pub progress: Option<Value>,
    /// What `/stream` hands out next.
    pub chunks: VecDeque<Value>,
    /// Bytes of its input and of its end, as JSON.
    pub bytes: usize,
}

impl Entry {
    /// Where it is now.
    pub fn now(&self) -> Status {
        *self.status.borrow()
    }

    /// Takes what the handler shows.
    pub fn show(&mut self, output: Value) {
        if self.chunks.len() == MOST_CHUNKS {
            self.chunks.pop_front();
        }
        self.chunks.push_back(output.clone());
        self.progress = Some(output);
    }

    /// As `/status` shows it. While it runs, its progress stands where the output will be.
    pub fn view(&self, id: &str) -> Value {
        let mut view = Map::from_iter([("id".to_owned(), json!(id)), ("status".to_owned(), json!(self.now().name()))]);
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                view.insert(name.to_owned(), value);
            }
        };
        set("delayTime", self.started.or(self.ended).map(|then| ms(then - self.submitted)));
        set("executionTime", self.started.zip(self.ended).map(|(from, to)| ms(to - from)));
        match &self.end {
            Some(end) => {
                set("output", end.output.clone());
                set("error", end.error.clone().map(Value::from));
            }
            None => set("output", self.progress.clone()),
        }
        Value::Object(view)
    }

    /// What `/stream` shows: everything since it was last asked, and the output at the end.
    pub fn stream(&mut self, id: &str) -> Value {
        let chunks: Vec<Value> = self.chunks.drain(..).map(|output| json!({ "output": output })).collect();
        let mut view = json!({ "id": id, "status": self.now().name(), "stream": chunks });
        if let (Some(error), Some(view)) = (self.end.as_ref().and_then(|end| end.error.clone()), view.as_object_mut()) {
            view.insert("error".to_owned(), Value::from(error));
        }
        view
    }
}

fn ms(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}
