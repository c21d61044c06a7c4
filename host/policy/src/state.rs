//! The data of a guest's store: its meter, its handles, and its one way to the host.
//!
//! The host is private to this file. An interface reaches it only through [`State::call`], which meters the call before,
//! and records it and resumes the guest's time after; so no interface can forget either.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use contract::json::to_value;
use media::info::MediaInfo;
use serde::Serialize;
use serde_json::Value;
use storage::Destination;
use wasmtime::component::{Resource, ResourceTable, ResourceTableError};

use crate::host::{CallRecorder, HostContext};
use crate::limits::{CallKind, Limit, Limits, Meter};
use crate::wasi::Wasi;

/// A future of an answer that borrows what the call works with.
pub(crate) type AnswerFuture<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>>;

/// What a guest holds, and what it may use.
pub struct State {
    /// What it has used so far.
    pub(crate) meter: Meter,
    /// The text of its panic hook.
    pub(crate) panic_text: Option<String>,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Option<Box<Wasi>>,
    guest: GuestState,
    host: Option<HostContext>,
}

/// What a guest did so far, as far as later calls depend on it.
#[derive(Debug, Default)]
pub(crate) struct GuestState {
    /// The original that it opened.
    pub opened: Option<(Destination, Arc<MediaInfo>)>,
    /// Whether it started a transcode.
    pub transcoding: bool,
    /// The objects that it wrote.
    pub put: BTreeSet<Destination>,
}

/// What a call works with.
pub(crate) struct CallContext<'a> {
    pub host: &'a mut HostContext,
    pub guest: &'a mut GuestState,
}

/// A call of the host as it is metered and recorded.
pub(crate) struct HostCall<A> {
    /// Its name in the contract.
    pub name: &'static str,
    /// Bytes that the guest handed over.
    pub bytes: usize,
    /// A limit of this call's own, and how much of it the call takes.
    pub limit: Option<(Limit, usize)>,
    /// The arguments by the names of the contract, without handles. Made only if they are recorded.
    pub arguments: A,
}

/// A pure function called the host.
#[derive(Debug, thiserror::Error)]
#[error("a pure function called the host: decisions may depend on their arguments alone")]
struct NotPure;

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("meter", &self.meter).finish_non_exhaustive()
    }
}

impl State {
    /// For one call of a policy; without a host for its pure functions.
    pub(crate) fn new(limits: Limits, host: Option<HostContext>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.size(Limit::Handles));
        let span = if host.is_some() { CallKind::Workflow } else { CallKind::PureCall };
        Self {
            meter: Meter::new(limits, span),
            panic_text: None,
            table,
            wasi: None,
            guest: GuestState::default(),
            host,
        }
    }

    /// The job's id, for logs; empty for a pure function.
    pub(crate) fn job(&self) -> &str {
        self.host.as_ref().map_or("", |host| &host.job)
    }

    /// Whether calls are recorded, for arguments that are costly to describe.
    pub(crate) fn records(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.recorder.is_some())
    }

    /// Makes a call of the host: meters it, does the work, records it, and lets the guest's time go on.
    pub(crate) async fn call<T: Serialize>(
        &mut self,
        call: HostCall<impl FnOnce() -> Value>,
        work: impl for<'a> FnOnce(CallContext<'a>) -> AnswerFuture<'a, T>,
    ) -> wasmtime::Result<T> {
        self.admit(&call)?;
        let host = self.host.as_mut().ok_or(NotPure)?;
        let recorder = host.recorder.clone();
        let arguments = recorder.as_ref().map(|_| (call.arguments)());
        let answer = work(CallContext { host, guest: &mut self.guest }).await?;
        self.end(recorder, call.name, arguments, &answer);
        Ok(answer)
    }

    /// The same for a call that pure functions may make, because it has no answer and changes nothing.
    pub(crate) fn notify(
        &mut self,
        call: HostCall<impl FnOnce() -> Value>,
        work: impl FnOnce(&mut Self) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<()> {
        self.admit(&call)?;
        let recorder = self.host.as_ref().and_then(|host| host.recorder.clone());
        let arguments = recorder.as_ref().map(|_| (call.arguments)());
        work(self)?;
        self.end(recorder, call.name, arguments, &());
        Ok(())
    }

    fn admit<A>(&mut self, call: &HostCall<A>) -> wasmtime::Result<()> {
        self.meter.host_call(call.name)?;
        self.meter.pass_bytes(call.bytes)?;
        if let Some((limit, amount)) = call.limit {
            self.meter.peak(limit, amount)?;
        }
        Ok(())
    }

    fn end<T: Serialize>(
        &mut self,
        recorder: Option<Arc<dyn CallRecorder>>,
        name: &'static str,
        arguments: Option<Value>,
        answer: &T,
    ) {
        if let Some((recorder, arguments)) = recorder.zip(arguments) {
            recorder.call(name, arguments, to_value(answer));
        }
        self.meter.resume();
    }

    /// A handle for the guest. A full table is the guest's doing, not ours.
    pub(crate) fn hold<T: Send + 'static>(&mut self, entry: T) -> wasmtime::Result<Resource<T>> {
        let handle = match self.table.push(entry) {
            Ok(handle) => handle,
            Err(ResourceTableError::Full) => return Err(self.meter.hit(Limit::Handles).into()),
            Err(other) => return Err(other.into()),
        };
        let held = self.table.iter_mut().count();
        self.meter.peak(Limit::Handles, held)?;
        Ok(handle)
    }

    /// The guest dropped its transcode. Not a call of the contract: neither metered nor recorded.
    pub(crate) fn drop_transcode(&mut self) {
        if let Some(host) = &mut self.host {
            host.calls.drop_transcode();
        }
    }
}
