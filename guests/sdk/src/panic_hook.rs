use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::bindings::codex::transcode::log::{self, Level};
use crate::cut;

/// Most of a panic's text that is worth a line in a log. Below the 8 KiB that the host allows, so that the host never
/// has to cut it.
const TEXT_LIMIT: usize = 4096;

/// Sends a panic's text to the host before the instance traps; without it, all that is left of one is `unreachable`.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(report)));
}

fn report(info: &PanicHookInfo<'_>) {
    let mut message = String::from("panic: ");
    message.push_str(cut(info.payload_as_str().unwrap_or("no text"), TEXT_LIMIT));
    let mut fields = Vec::new();
    if let Some(location) = info.location() {
        fields.push(("file".to_string(), location.file().to_string()));
        fields.push(("line".to_string(), location.line().to_string()));
    }
    log::write(Level::Error, &message, &fields);
}
