//! Faults that a test asked for, and how many of them happened.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::front::Asked;

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset once so many bytes of the answer's body are on their way.
    ResetMidBody(u64),
    /// Nothing more comes once so many bytes of the answer's body are on their way.
    SilenceMidBody(u64),
    /// The request is done, and the connection ends without an answer.
    CommitThenDrop,
    /// 503, to be tried again after so many seconds.
    SlowDown {
        /// Retry-After.
        retry_after: u64,
    },
    /// An answer with this status and no more.
    Status(u16),
    /// 403.
    Deny,
    /// The object is written again just before this request is looked at.
    Rewritten(Vec<u8>),
    /// No answer, on a connection that stays open.
    Silence,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    words: String,
    left: usize,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Mutex<Vec<Rule>>,
    injected: AtomicUsize,
    down: AtomicBool,
    /// Zero for never.
    every: AtomicUsize,
    seen: AtomicUsize,
}

impl Faults {
    pub(super) fn add(&self, fault: Fault, words: &str, times: usize) {
        self.rules.lock().unwrap().push(Rule { fault, words: words.to_owned(), left: times });
    }

    pub(super) fn slow_down_every(&self, nth: Option<usize>) {
        self.every.store(nth.unwrap_or(0), Ordering::SeqCst);
    }

    pub(super) fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Whether this connection is to be dropped before anything is read from it.
    pub(super) fn is_down(&self) -> bool {
        let down = self.down.load(Ordering::SeqCst);
        if down {
            self.injected.fetch_add(1, Ordering::SeqCst);
        }
        down
    }

    pub(super) fn injected(&self) -> usize {
        self.injected.load(Ordering::SeqCst)
    }

    /// What goes wrong with this one.
    pub(super) fn for_request(&self, asked: &Asked) -> Option<Fault> {
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = {
            let mut rules = self.rules.lock().unwrap();
            let rule = rules.iter_mut().find(|rule| rule.left > 0 && asked.matches(&rule.words));
            rule.map(|rule| {
                rule.left -= 1;
                rule.fault.clone()
            })
        };
        let every = self.every.load(Ordering::SeqCst);
        let slow = (every > 0 && seen.is_multiple_of(every)).then_some(Fault::SlowDown { retry_after: 0 });
        let fault = fault.or(slow);
        if fault.is_some() {
            self.injected.fetch_add(1, Ordering::SeqCst);
        }
        fault
    }
}
