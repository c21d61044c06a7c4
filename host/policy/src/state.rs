//! The data of a guest's store: its meter, its handles and its host functions.
//!
//! The host functions are private to this file. Interfaces reach them only through [`State::call`], which meters each
//! call before it and records it afterwards, so no interface can forget to.

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

/// The future of a host function, which borrows its [`CallContext`].
pub(crate) type AnswerFuture<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>>;

/// The data of a guest's store.
pub struct State {
    pub(crate) meter: Meter,
    /// The message of the guest's panic.
    pub(crate) panic_text: Option<String>,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Option<Box<Wasi>>,
    guest: GuestState,
    host: Option<HostContext>,
}

/// What the guest did so far that later calls depend on.
#[derive(Debug, Default)]
pub(crate) struct GuestState {
    /// The opened original.
    pub opened: Option<(Destination, Arc<MediaInfo>)>,
    /// Whether a transcode was started.
    pub transcoding: bool,
    /// The objects that the guest wrote.
    pub put: BTreeSet<Destination>,
}

/// What a host function works with.
pub(crate) struct CallContext<'a> {
    pub host: &'a mut HostContext,
    pub guest: &'a mut GuestState,
}

/// A host call, for metering and recording.
pub(crate) struct HostCall<A> {
    /// The function's name in the contract.
    pub name: &'static str,
    /// Bytes that the guest passed.
    pub bytes: usize,
    /// A further limit of this call, and the amount that counts against it.
    pub limit: Option<(Limit, usize)>,
    /// Creates the arguments by their names in the contract, without handles. Called only if they are recorded.
    pub arguments: A,
}

#[derive(Debug, thiserror::Error)]
#[error("a pure function called the host: its result may depend only on its arguments")]
struct NotPure;

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("meter", &self.meter).finish_non_exhaustive()
    }
}

impl State {
    /// The state for one call. Pure functions have no host.
    pub(crate) fn new(limits: Limits, host: Option<HostContext>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.size(Limit::Handles));
        let kind = if host.is_some() { CallKind::Workflow } else { CallKind::PureCall };
        Self {
            meter: Meter::new(limits, kind),
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

    /// Whether calls are recorded. Lets a caller skip the creation of expensive arguments.
    pub(crate) fn records(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.recorder.is_some())
    }

    /// Performs a host call: meters it, does the work, records it, and resumes the guest's time.
    pub(crate) async fn call<T: Serialize>(
        &mut self,
        call: HostCall<impl FnOnce() -> Value>,
        work: impl for<'a> FnOnce(CallContext<'a>) -> AnswerFuture<'a, T>,
    ) -> wasmtime::Result<T> {
        self.meter_call(&call)?;
        let host = self.host.as_mut().ok_or(NotPure)?;
        let recorder = host.recorder.clone();
        let arguments = recorder.as_ref().map(|_| (call.arguments)());
        let answer = work(CallContext { host, guest: &mut self.guest }).await?;
        self.finish_call(recorder, call.name, arguments, &answer);
        Ok(answer)
    }

    /// Performs a host call that pure functions may make too, because it has no result and no effect.
    pub(crate) fn notify(
        &mut self,
        call: HostCall<impl FnOnce() -> Value>,
        work: impl FnOnce(&mut Self) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<()> {
        self.meter_call(&call)?;
        let recorder = self.host.as_ref().and_then(|host| host.recorder.clone());
        let arguments = recorder.as_ref().map(|_| (call.arguments)());
        work(self)?;
        self.finish_call(recorder, call.name, arguments, &());
        Ok(())
    }

    fn meter_call<A>(&mut self, call: &HostCall<A>) -> wasmtime::Result<()> {
        self.meter.host_call(call.name)?;
        self.meter.pass_bytes(call.bytes)?;
        if let Some((limit, amount)) = call.limit {
            self.meter.peak(limit, amount)?;
        }
        Ok(())
    }

    fn finish_call<T: Serialize>(
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

    /// Creates a handle for the guest. A full table means that the guest holds too many.
    pub(crate) fn new_handle<T: Send + 'static>(&mut self, entry: T) -> wasmtime::Result<Resource<T>> {
        let handle = match self.table.push(entry) {
            Ok(handle) => handle,
            Err(ResourceTableError::Full) => return Err(self.meter.hit(Limit::Handles).into()),
            Err(other) => return Err(other.into()),
        };
        let held = self.table.iter_mut().count();
        self.meter.peak(Limit::Handles, held)?;
        Ok(handle)
    }

    /// Called when the guest drops its transcode. Not a function of the contract, so it is neither metered nor
    /// recorded.
    pub(crate) fn drop_transcode(&mut self) {
        if let Some(host) = &mut self.host {
            host.calls.drop_transcode();
        }
    }
}
