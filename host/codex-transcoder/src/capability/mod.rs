//! The host's powers as a policy sees them: one file for each interface that `wit/` imports, named after it.
//!
//! Glue only: WIT types in, domain calls out. What a call may use is metered here, in one place for all of them.

pub(crate) mod convert;
mod gpu;
mod job;
mod log;
mod media;
mod storage;
mod told;
pub mod wasi;
mod webhook;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ::media::probe::DeclaredKind;
use ::storage::{Destination, OutOfScope, Scope};
use ::webhook::Courier;
use wasmtime::component::{Resource, ResourceTable, ResourceTableError};

pub use self::media::{Source, Transcode};
pub use self::webhook::scheme;
use crate::policy::Limits;
use crate::policy::limits::{Limit, Meter, Span};
use crate::production::{Means, Original};
use crate::recording::Recorder;
use crate::rehearsal::Rehearsal;
use crate::report::Report;

/// What one job may use of the host.
#[derive(Clone)]
pub struct Powers {
    /// What originals are brought and made with.
    pub means: Means,
    /// The first segment of every key that it may write.
    pub creator: String,
    /// What the uploader declared.
    pub declared: DeclaredKind,
    /// The stores that a policy may write to: all but the originals'.
    pub writable: Arc<[String]>,
    /// The policy's settings: a JSON object.
    pub settings: Arc<str>,
    /// Who is told; none where the job has nowhere to send to.
    pub courier: Option<Arc<Courier>>,
    /// What the last transcode made, for the job's own report.
    pub report: Arc<Mutex<Option<Report>>>,
    /// Who writes down what the job does; nobody where nothing is recorded.
    pub recorder: Option<Arc<Recorder>>,
    /// What stands in for the media programs; none for a job that is really done.
    pub rehearsal: Option<Arc<Rehearsal>>,
}

/// The data of a store: what a guest holds, and what it may use.
pub struct State {
    /// What it has used so far.
    pub meter: Meter,
    /// What its panic hook said last.
    pub panic_text: Option<String>,
    table: ResourceTable,
    powers: Option<Powers>,
    opened: Option<(Destination, Arc<Original>)>,
    transcoding: bool,
    put: BTreeSet<Destination>,
    wasi: Option<Box<wasi::Wasi>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("meter", &self.meter).finish_non_exhaustive()
    }
}

/// What a pure function gets when it calls the host.
#[derive(Debug, thiserror::Error)]
#[error("a pure function called the host: decisions may depend on their arguments alone")]
struct NotPure;

impl State {
    /// For one call.
    pub fn new(limits: Limits, powers: Option<Powers>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.size(Limit::Handles));
        let span = if powers.is_some() { Span::Workflow } else { Span::PureCall };
        Self {
            meter: Meter::new(limits, span),
            panic_text: None,
            table,
            powers,
            opened: None,
            transcoding: false,
            put: BTreeSet::new(),
            wasi: None,
        }
    }

    /// Every host function begins with this: it counts the call, under its name in the contract, and hands out the
    /// powers. What came with the call is counted by [`Meter::hand_over`].
    fn enter(&mut self, call: &'static str) -> wasmtime::Result<Powers> {
        self.meter.host_call(call)?;
        self.powers.clone().ok_or_else(|| NotPure.into())
    }

    /// Every host function ends with this: the guest's time to compute begins anew.
    fn leave<T>(&mut self, answer: T) -> wasmtime::Result<T> {
        self.meter.resume();
        Ok(answer)
    }

    /// A handle for the guest. A full table is the guest's doing, not ours.
    fn hold<T: Send + 'static>(&mut self, entry: T) -> wasmtime::Result<Resource<T>> {
        let handle = match self.table.push(entry) {
            Ok(handle) => handle,
            Err(ResourceTableError::Full) => return Err(self.meter.hit(Limit::Handles).into()),
            Err(other) => return Err(other.into()),
        };
        let held = self.table.iter_mut().count();
        self.meter.peak(Limit::Handles, held)?;
        Ok(handle)
    }
}

impl Powers {
    /// Where the policy may write.
    fn may_write(&self) -> Scope<'_> {
        Scope { creator: &self.creator, stores: &self.writable }
    }

    /// Whether the policy may read this: its own creator's objects, of any store.
    fn may_read(&self, from: &Destination) -> Result<(), OutOfScope> {
        Scope { creator: &self.creator, stores: &self.means.stores.names() }.check(from)
    }
}

/// The interface of shared records has no functions.
impl crate::policy::bindings::codex::transcode::types::Host for State {}
