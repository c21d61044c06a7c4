use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::bindings::codex::transcode::log::{self, Level};
use crate::joined;

/// Bytes of a panic's text that are logged. Below the host's own limit of 8 KiB for a line, so that the host never cuts
/// it.
const TEXT_LIMIT: usize = 4096;

/// Logs a panic's text before the instance traps. Without it the host sees only `unreachable`.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(report)));
}

fn report(info: &PanicHookInfo<'_>) {
    let text = info.payload_as_str().unwrap_or("no text");
    let text = text.get(..text.floor_char_boundary(TEXT_LIMIT)).unwrap_or_default();
    let message = joined(&["panic: ", text]);
    let mut fields = Vec::new();
    if let Some(location) = info.location() {
        fields.push(("file".to_string(), location.file().to_string()));
        fields.push(("line".to_string(), location.line().to_string()));
    }
    log::write(Level::Error, &message, &fields);
}
