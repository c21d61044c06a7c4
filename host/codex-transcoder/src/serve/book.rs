//! Every job that the API knows: those that wait and run, and for a while those that have ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::entry::{End, Entry, Status};
use super::request::{Limits, Request};

/// Most jobs that wait.
pub const MOST_WAITING: usize = 1000;

/// Most jobs that have ended and are still known, and for how long they are. The time is the cloud's.
const MOST_ENDED: usize = 2000;
const KEPT: Duration = Duration::from_secs(30 * 60);

/// Most bytes of inputs and outputs together, as JSON. In memory they take a few times as much.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Why a job is not taken, or nothing is done about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too much waits.
    #[error("too many jobs wait; try again when some have ended")]
    Full,
    /// The server goes.
    #[error("the server is stopping and takes no more jobs")]
    Stopping,
    /// The id is in use.
    #[error("a job with this id waits or runs already")]
    Known,
    /// The id is not in use.
    #[error("no job has this id; what has ended is kept for 30 minutes")]
    Unknown,
    /// Nothing to try again.
    #[error("only a job that has failed or timed out can be tried again; this one is {0}")]
    NotRetryable(&'static str),
}

/// What a job's task needs.
pub struct Ticket {
    /// The job.
    pub id: String,
    /// Which run of it.
    pub serial: u64,
    /// What to work on.
    pub input: Value,
    /// How long it may take.
    pub limits: Limits,
    /// Whom to tell.
    pub webhook: Option<String>,
    /// When it came.
    pub submitted: Instant,
    /// Calls it off.
    pub stop: CancellationToken,
}

/// The jobs. Clones are the same book.
#[derive(Clone)]
pub struct Book(Arc<Mutex<Pages>>);

struct Pages {
    entries: HashMap<String, Entry>,
    /// In the order of their ends.
    ended: VecDeque<(Instant, String, u64)>,
    serial: u64,
    bytes: usize,
    completed: u64,
    failed: u64,
    retried: u64,
    stop: CancellationToken,
}

impl Book {
    /// An empty one. `stop` calls everything off.
    pub fn new(stop: CancellationToken) -> Self {
        let entries = HashMap::new();
        let ended = VecDeque::new();
        Self(Arc::new(Mutex::new(Pages {
            entries,
            ended,
            serial: 0,
            bytes: 0,
            completed: 0,
            failed: 0,
            retried: 0,
            stop,
        })))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a job whose body has so many bytes. It counts as running if a runner is free for it.
    pub fn enter(&self, request: Request, bytes: usize, free: bool) -> Result<Ticket, Refusal> {
        let now = Instant::now();
        let mut pages = self.pages();
        pages.sweep(now, bytes);
        pages.may_enter(bytes, free)?;
        let id = request.id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        if pages.entries.get(&id).is_some_and(|entry| entry.busy || !entry.now().is_final()) {
            return Err(Refusal::Known);
        }
        pages.forget(&id, None);
        pages.serial += 1;
        let entry = Entry {
            serial: pages.serial,
            input: request.input,
            webhook: request.webhook,
            limits: request.limits,
            stop: pages.stop.child_token(),
            status: watch::Sender::new(waiting(free)),
            busy: true,
            submitted: now,
            started: free.then_some(now),
            ended: None,
            end: None,
            progress: None,
            chunks: VecDeque::new(),
            bytes,
        };
        let ticket = ticket(&id, &entry);
        pages.bytes += bytes;
        pages.entries.insert(id, entry);
        Ok(ticket)
    }

    /// Begins a failed job again under its id.
    pub fn retry(&self, id: &str, free: bool) -> Result<Ticket, Refusal> {
        let now = Instant::now();
        let mut pages = self.pages();
        pages.sweep(now, 0);
        let known = pages.entries.get(id).ok_or(Refusal::Unknown)?;
        if !known.now().is_retryable() {
            return Err(Refusal::NotRetryable(known.now().name()));
        }
        if known.busy {
            return Err(Refusal::Known);
        }
        pages.may_enter(0, free)?;
        pages.serial += 1;
        pages.retried += 1;
        let (serial, stop) = (pages.serial, pages.stop.child_token());
        let entry = pages.entries.get_mut(id).ok_or(Refusal::Unknown)?;
        let freed = entry.end.take().map_or(0, |end| end.bytes());
        entry.bytes -= freed.min(entry.bytes);
        (entry.serial, entry.stop, entry.busy) = (serial, stop, true);
        (entry.submitted, entry.started, entry.ended) = (now, free.then_some(now), None);
        entry.progress = None;
        entry.chunks.clear();
        entry.status.send_replace(waiting(free));
        let ticket = ticket(id, entry);
        pages.bytes -= freed.min(pages.bytes);
        Ok(ticket)
    }

    /// A runner has the job.
    pub fn started(&self, id: &str, serial: u64) {
        self.with(id, serial, |entry| {
            if !entry.now().is_final() {
                entry.started.get_or_insert_with(Instant::now);
                entry.status.send_replace(Status::InProgress);
            }
        });
    }

    /// The handler shows how far it is.
    pub fn show(&self, id: &str, serial: u64, output: Value) {
        self.with(id, serial, |entry| {
            if !entry.now().is_final() {
                entry.show(output);
            }
        });
    }

    /// The job has ended. Who has called it off before is right.
    pub fn finish(&self, id: &str, serial: u64, end: End) {
        let mut pages = self.pages();
        let now = Instant::now();
        let Some(entry) = pages.entries.get_mut(id).filter(|entry| entry.serial == serial && entry.end.is_none())
        else {
            return;
        };
        let more = end.bytes();
        let mut less = 0;
        if !end.status.is_retryable() {
            entry.input = Value::Null;
            less = entry.bytes;
        }
        entry.bytes = entry.bytes - less + more;
        entry.ended = Some(now);
        if let Some(output) = &end.output {
            entry.chunks.push_back(output.clone());
        }
        let status = end.status;
        entry.end = Some(end);
        entry.status.send_replace(status);
        pages.bytes = pages.bytes.saturating_sub(less) + more;
        pages.ended.push_back((now, id.to_owned(), serial));
        match status {
            Status::Completed => pages.completed += 1,
            Status::Failed | Status::TimedOut => pages.failed += 1,
            Status::InQueue | Status::InProgress | Status::Cancelled => {}
        }
        pages.sweep(now, 0);
    }

    /// The job's task has nothing more to do with it.
    pub fn leave(&self, id: &str, serial: u64) {
        self.with(id, serial, |entry| entry.busy = false);
    }

    /// Calls a job off, if it has not ended, and says where it is.
    pub fn cancel(&self, id: &str) -> Result<Value, Refusal> {
        let (serial, stop) = {
            let pages = self.pages();
            let entry = pages.entries.get(id).ok_or(Refusal::Unknown)?;
            (entry.serial, entry.stop.clone())
        };
        self.finish(id, serial, cancelled());
        stop.cancel();
        self.view(id)
    }

    /// As `/status` shows it.
    pub fn view(&self, id: &str) -> Result<Value, Refusal> {
        let mut pages = self.pages();
        pages.sweep(Instant::now(), 0);
        pages.entries.get(id).map(|entry| entry.view(id)).ok_or(Refusal::Unknown)
    }

    /// As `/stream` shows it.
    pub fn stream(&self, id: &str) -> Result<Value, Refusal> {
        self.pages().entries.get_mut(id).map(|entry| entry.stream(id)).ok_or(Refusal::Unknown)
    }

    /// Where a job is, for whoever waits.
    pub fn watch(&self, id: &str) -> Result<watch::Receiver<Status>, Refusal> {
        self.pages().entries.get(id).map(|entry| entry.status.subscribe()).ok_or(Refusal::Unknown)
    }

    /// The `jobs` of `/health`.
    pub fn counts(&self) -> Value {
        let pages = self.pages();
        json!({
            "completed": pages.completed,
            "failed": pages.failed,
            "inProgress": pages.count(Status::InProgress),
            "inQueue": pages.count(Status::InQueue),
            "retried": pages.retried,
        })
    }

    fn with(&self, id: &str, serial: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.pages().entries.get_mut(id).filter(|entry| entry.serial == serial) {
            change(entry);
        }
    }
}

impl Pages {
    fn may_enter(&self, bytes: usize, free: bool) -> Result<(), Refusal> {
        if self.stop.is_cancelled() {
            return Err(Refusal::Stopping);
        }
        let waits = !free && self.count(Status::InQueue) >= MOST_WAITING;
        if waits || self.bytes + bytes > MOST_BYTES { Err(Refusal::Full) } else { Ok(()) }
    }

    fn count(&self, status: Status) -> usize {
        self.entries.values().filter(|entry| entry.now() == status).count()
    }

    /// Forgets what has ended: what is old, what is too much, and what is in the way of so many bytes more.
    fn sweep(&mut self, now: Instant, more: usize) {
        while let Some((then, ..)) = self.ended.front() {
            let old = now.duration_since(*then) > KEPT;
            if !old && self.ended.len() <= MOST_ENDED && self.bytes + more <= MOST_BYTES {
                break;
            }
            if let Some((_, id, serial)) = self.ended.pop_front() {
                self.forget(&id, Some(serial));
            }
        }
    }

    /// Forgets a job that has ended; of a job that was tried again, nothing.
    fn forget(&mut self, id: &str, serial: Option<u64>) {
        if self.entries.get(id).is_some_and(|entry| serial.is_none_or(|serial| serial == entry.serial))
            && let Some(entry) = self.entries.remove(id)
        {
            self.bytes -= entry.bytes.min(self.bytes);
        }
    }
}

/// The end of a job that was called off.
pub fn cancelled() -> End {
    End { status: Status::Cancelled, output: None, error: None }
}

fn waiting(free: bool) -> Status {
    if free { Status::InProgress } else { Status::InQueue }
}

fn ticket(id: &str, entry: &Entry) -> Ticket {
    Ticket {
        id: id.to_owned(),
        serial: entry.serial,
        input: entry.input.clone(),
        limits: entry.limits,
        webhook: entry.webhook.clone(),
        submitted: entry.submitted,
        stop: entry.stop.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str) -> Request {
        Request::read(json!({ "id": id, "input": {} })).unwrap()
    }

    fn done() -> End {
        End { status: Status::Completed, output: Some(json!("x")), error: None }
    }

    fn ended(book: &Book, id: &str, bytes: usize) {
        let ticket = book.enter(request(id), bytes, true).unwrap();
        book.finish(id, ticket.serial, done());
        book.leave(id, ticket.serial);
    }

    #[test]
    fn what_has_ended_is_known_for_half_an_hour() {
        let book = Book::new(CancellationToken::new());
        ended(&book, "a", 10);
        let now = Instant::now();
        book.pages().sweep(now + Duration::from_secs(29 * 60), 0);
        assert_eq!(book.view("a").unwrap()["output"], "x");
        book.pages().sweep(now + Duration::from_secs(31 * 60), 0);
        assert_eq!(book.view("a"), Err(Refusal::Unknown));
        assert_eq!(book.pages().bytes, 0);
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let book = Book::new(CancellationToken::new());
        for number in 0..=MOST_ENDED {
            ended(&book, &format!("job-{number}"), 10);
        }
        assert_eq!(book.view("job-0"), Err(Refusal::Unknown));
        assert!(book.view("job-1").is_ok());
        assert_eq!(book.counts()["completed"], 2001);
    }

    #[test]
    fn inputs_that_wait_can_not_fill_the_memory_and_old_ends_make_room() {
        let book = Book::new(CancellationToken::new());
        let failed = book.enter(request("failed"), MOST_BYTES / 2, true).unwrap();
        book.finish("failed", failed.serial, End { status: Status::Failed, output: None, error: None });
        book.enter(request("a"), MOST_BYTES / 2, false).unwrap();
        book.enter(request("b"), MOST_BYTES / 2, false).unwrap();
        assert_eq!(book.view("failed"), Err(Refusal::Unknown));
        assert_eq!(book.enter(request("c"), 1, true).err(), Some(Refusal::Full));
    }

    #[test]
    fn a_queue_has_an_end() {
        let book = Book::new(CancellationToken::new());
        for number in 0..MOST_WAITING {
            book.enter(request(&format!("job-{number}")), 1, false).unwrap();
        }
        assert_eq!(book.enter(request("more"), 1, false).err(), Some(Refusal::Full));
        assert!(book.enter(request("more"), 1, true).is_ok(), "a free runner needs no queue");
    }

    #[test]
    fn what_an_earlier_run_says_is_not_heard() {
        let book = Book::new(CancellationToken::new());
        let first = book.enter(request("a"), 10, true).unwrap();
        book.finish("a", first.serial, End { status: Status::TimedOut, output: None, error: Some("late".to_owned()) });
        assert_eq!(book.retry("a", true).err(), Some(Refusal::Known), "its task has not left");
        book.leave("a", first.serial);
        let second = book.retry("a", true).unwrap();
        book.show("a", first.serial, json!("old"));
        book.finish("a", first.serial, done());
        assert_eq!(book.view("a").unwrap()["status"], "IN_PROGRESS");
        book.finish("a", second.serial, done());
        assert_eq!(book.view("a").unwrap()["status"], "COMPLETED");
        assert_eq!(book.counts()["retried"], 1);
        // The first end is still in the list of what to forget, and is none of the second's.
        book.pages().ended.truncate(1);
        book.pages().sweep(Instant::now() + Duration::from_secs(3600), 0);
        assert!(book.view("a").is_ok());
    }

    #[test]
    fn a_job_that_was_called_off_stays_so() {
        let book = Book::new(CancellationToken::new());
        let ticket = book.enter(request("a"), 10, true).unwrap();
        assert_eq!(book.cancel("a").unwrap()["status"], "CANCELLED");
        assert!(ticket.stop.is_cancelled());
        book.finish("a", ticket.serial, done());
        book.started("a", ticket.serial);
        assert_eq!(book.view("a").unwrap()["status"], "CANCELLED");
        assert_eq!(book.enter(request("a"), 1, true).err(), Some(Refusal::Known), "its task has not left");
    }
}
