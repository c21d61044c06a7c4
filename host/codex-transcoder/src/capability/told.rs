//! Calls of the host as they are told: to a recorder, and to a script that has the answer.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::State;
use crate::policy::bindings::codex::transcode::types::Failure;
use crate::policy::json;

/// A call that somebody listens to, with its arguments by the names of the contract. Handles are not among them.
pub(super) struct Told {
    call: &'static str,
    arguments: Value,
}

impl State {
    /// Begins to tell of a call. Nothing is made of its arguments where nobody listens.
    pub(super) fn tell(&self, call: &'static str, arguments: impl FnOnce() -> Value) -> Option<Told> {
        let recorder = self.powers.as_ref()?.recorder.as_ref()?;
        Some(Told { call, arguments: recorder.cleaner().clean(arguments()) })
    }

    /// What a script answers to it.
    pub(super) fn scripted<T: DeserializeOwned>(&self, told: Option<&Told>) -> wasmtime::Result<Option<T>> {
        let rehearsal = self.powers.as_ref().and_then(|powers| powers.rehearsal.as_ref());
        let Some((rehearsal, told)) = rehearsal.zip(told) else { return Ok(None) };
        let Some(answer) = rehearsal.answer(told.call, &told.arguments) else { return Ok(None) };
        Ok(Some(json::from_value(told.call, answer)?))
    }

    /// The failure that a script answers with, for calls that are carried out all the same where they are to succeed.
    pub(super) fn scripted_failure(&self, told: Option<&Told>) -> wasmtime::Result<Option<Failure>> {
        Ok(self.scripted::<Result<(), Failure>>(told)?.and_then(Result::err))
    }

    /// Tells what came of it.
    pub(super) fn told<T: Serialize + ?Sized>(&self, told: Option<Told>, answer: &T) {
        let recorder = self.powers.as_ref().and_then(|powers| powers.recorder.as_ref());
        if let (Some(recorder), Some(Told { call, arguments })) = (recorder, told) {
            recorder.call(call, arguments, json::to_value(answer));
        }
    }
}

/// An answer without the handle that it gave out.
pub(super) fn without_handle<T, F>(answer: &Result<T, F>) -> Result<(), &F> {
    answer.as_ref().map(drop)
}
