//! The data of a guest's store: its meter, its handles and its host functions.
//!
//! The host functions are private to this file. Interfaces reach them only through [`State::call`], which meters each
//! call before it and records it afterwards, so no interface can forget to.

use std::collections::BTreeSet;

use contract::json::to_value;
use contract::v0_1::types::Failure;
use media::info::MediaInfo;
use serde::Serialize;
use serde_json::{Value, json};
use storage::Destination;
use wasmtime::component::{Resource, ResourceTable, ResourceTableError};

use crate::host::{CallRecorder, HostContext};
use crate::limits::{Limit, Limits, Meter};
use crate::wasi::Wasi;

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
    pub opened: Option<(Destination, MediaInfo)>,
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
pub(crate) struct HostCall {
    /// The function's name in the contract.
    name: &'static str,
    /// Bytes that the guest passed.
    bytes: usize,
    /// A further limit of this call, and the amount that counts against it.
    limit: Option<(Limit, usize)>,
    /// The arguments by their names in the contract, without handles; `None` if calls are not recorded.
    arguments: Option<Value>,
}

impl HostCall {
    /// A call without arguments.
    pub fn plain(name: &'static str) -> Self {
        Self { name, bytes: 0, limit: None, arguments: Some(json!({})) }
    }

    /// A call whose content a later call records.
    pub fn unrecorded(name: &'static str, bytes: usize) -> Self {
        Self { name, bytes, limit: None, arguments: None }
    }

    /// The same call with a further limit.
    pub fn limited(self, limit: Limit, amount: usize) -> Self {
        Self { limit: Some((limit, amount)), ..self }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a pure function called the host: its result may depend only on its arguments")]
struct NotPure;

impl State {
    /// The state for one call. Pure functions have no host.
    pub(crate) fn new(limits: Limits, host: Option<HostContext>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.size(Limit::Handles));
        let time = if host.is_some() { Limit::Workflow } else { Limit::PureCall };
        Self {
            meter: Meter::new(limits, time),
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

    fn recorder(&self) -> Option<&dyn CallRecorder> {
        self.host.as_ref()?.recorder.as_deref()
    }

    /// A call with arguments, which are created only if calls are recorded.
    pub(crate) fn host_call(&self, name: &'static str, bytes: usize, arguments: impl FnOnce() -> Value) -> HostCall {
        HostCall { name, bytes, limit: None, arguments: self.recorder().map(|_| arguments()) }
    }

    /// Performs a host call: meters it, does the work, records it, and resumes the guest's time.
    pub(crate) async fn call<T: Serialize>(
        &mut self,
        call: HostCall,
        work: impl AsyncFnOnce(CallContext<'_>) -> T,
    ) -> wasmtime::Result<T> {
        self.meter_call(&call)?;
        let host = self.host.as_mut().ok_or(NotPure)?;
        let answer = work(CallContext { host, guest: &mut self.guest }).await;
        self.finish_call(call, &answer);
        Ok(answer)
    }

    /// Performs a host call that pure functions may make too, because nothing outside of the guest's own state depends on
    /// it. Recorded without its result.
    pub(crate) fn notify<T>(
        &mut self,
        call: HostCall,
        work: impl FnOnce(&mut Self) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<T> {
        self.meter_call(&call)?;
        let answer = work(self)?;
        self.finish_call(call, &());
        Ok(answer)
    }

    fn meter_call(&mut self, call: &HostCall) -> wasmtime::Result<()> {
        self.meter.host_call(call.name)?;
        self.meter.pass_bytes(call.bytes)?;
        if let Some((limit, amount)) = call.limit {
            self.meter.peak(limit, amount)?;
        }
        Ok(())
    }

    fn finish_call<T: Serialize>(&mut self, call: HostCall, answer: &T) {
        if let Some((recorder, arguments)) = self.recorder().zip(call.arguments) {
            recorder.call(call.name, arguments, to_value(answer));
        }
        self.meter.resume();
    }

    /// Creates a handle for the guest after a call that succeeded.
    pub(crate) fn handle_if<T: Send + 'static>(
        &mut self,
        answer: Result<(), Failure>,
        entry: T,
    ) -> wasmtime::Result<Result<Resource<T>, Failure>> {
        if let Err(failure) = answer {
            return Ok(Err(failure));
        }
        self.handle(entry).map(Ok)
    }

    /// Creates a handle for the guest. A full table means that the guest holds too many.
    pub(crate) fn handle<T: Send + 'static>(&mut self, entry: T) -> wasmtime::Result<Resource<T>> {
        let handle = match self.table.push(entry) {
            Ok(handle) => handle,
            Err(ResourceTableError::Full) => return Err(self.meter.limits().hit(Limit::Handles).into()),
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
