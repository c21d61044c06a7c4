//! The host functions, and how often a job may call each of them.

/// A host function as the meter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// `interface.function`, as in the contract.
    pub name: &'static str,
    /// How often a job may call it where a manifest says nothing.
    pub default: u64,
    /// The most that a manifest may ask for.
    pub cap: u64,
    /// Whether the host works on the media while the guest waits. Such work is as long as the media, has limits of its
    /// own, and is not held against the guest's time.
    pub on_media: bool,
}

/// Costs next to nothing: as often as the sum of all calls allows.
const fn cheap(name: &'static str) -> Import {
    Import { name, default: 20_000, cap: 1_000_000, on_media: false }
}

/// Costs a line, an event or a request.
const fn rare(name: &'static str, default: u64, cap: u64) -> Import {
    Import { name, default, cap, on_media: false }
}

const fn on_media(name: &'static str, default: u64, cap: u64) -> Import {
    Import { name, default, cap, on_media: true }
}

/// Every function that a policy can call.
pub const IMPORTS: [Import; 16] = [
    cheap("gpu.devices"),
    cheap("gpu.encoders"),
    // The first brings the original; each later one makes a handle to it.
    on_media("media.open", 100, 1_000),
    cheap("source.info"),
    // One is accepted; each is checked.
    rare("transcode.start", 10, 100),
    // One for each percent, and some.
    on_media("transcode.progress", 1_000, 20_000),
    on_media("transcode.wait", 10, 100),
    rare("transcode.cancel", 100, 1_000),
    // Requests that stores count and charge for.
    rare("storage.head", 1_000, 10_000),
    rare("storage.put", 200, 5_000),
    rare("storage.delete", 200, 5_000),
    // One for the end, and one for each step of a platform that wants them.
    rare("webhook.deliver", 200, 2_000),
    rare("job.progress", 1_000, 20_000),
    cheap("job.cancelled"),
    cheap("job.settings"),
    // `log-lines` and `log-bytes` bound it.
    cheap("log.write"),
];

/// Where this function is in [`IMPORTS`].
pub(super) fn import_index(name: &str) -> Option<usize> {
    IMPORTS.iter().position(|import| import.name == name)
}
