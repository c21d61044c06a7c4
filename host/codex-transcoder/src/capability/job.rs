//! `job`: how far it is, and what this environment set.

use fault::text::printable;
use serde_json::json;

use super::State;
use crate::event::Event;
use crate::policy::bindings::codex::transcode::job::Host;

/// Longest name of a step, in characters.
const MAX_STEP: usize = 64;

impl Host for State {
    async fn progress(&mut self, step: String, percent: u32) -> wasmtime::Result<()> {
        let powers = self.enter("job.progress")?;
        self.meter.hand_over(step.len())?;
        self.told(self.tell("job.progress", || json!({ "step": step, "percent": percent })), &());
        powers.means.observer.on(&Event::Step { step: printable(&step, MAX_STEP), percent: percent.min(100) });
        self.leave(())
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        let powers = self.enter("job.cancelled")?;
        let told = self.tell("job.cancelled", || json!({}));
        let cancelled = self.scripted(told.as_ref())?.unwrap_or_else(|| powers.means.cancel.is_cancelled());
        self.told(told, &cancelled);
        self.leave(cancelled)
    }

    async fn settings(&mut self) -> wasmtime::Result<String> {
        let powers = self.enter("job.settings")?;
        self.told(self.tell("job.settings", || json!({})), &*powers.settings);
        self.leave(powers.settings.to_string())
    }
}
