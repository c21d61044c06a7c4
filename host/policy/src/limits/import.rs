//! The host functions, and the limits on the number of their calls.

/// A host function and its limits.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// `interface.function`, as in the contract.
    pub name: &'static str,
    /// How often a job may call it, unless the manifest sets a limit.
    pub default: u64,
    /// The highest limit that a manifest may set.
    pub cap: u64,
    /// Whether the host works on the media during the call. Such work depends on the media's length and has its own
    /// limits, so it doesn't count as the guest's time.
    pub on_media: bool,
}

/// A call that costs next to nothing. Its limit is that of all calls together.
const fn cheap(name: &'static str) -> Import {
    Import { name, default: 20_000, cap: 1_000_000, on_media: false }
}

/// A call that causes a log line, an event or a request.
const fn rare(name: &'static str, default: u64, cap: u64) -> Import {
    Import { name, default, cap, on_media: false }
}

const fn on_media(name: &'static str, default: u64, cap: u64) -> Import {
    Import { name, default, cap, on_media: true }
}

/// How many there are. A number of its own: with optimisation, the compiler (1.95) needs all types of the package to work
/// out a length from the value of [`IMPORTS`], and that length to work out the types.
pub const IMPORT_COUNT: usize = 22;

/// Every host function.
pub const IMPORTS: [Import; IMPORT_COUNT] = [
    cheap("gpu.devices"),
    cheap("gpu.encoders"),
    cheap("gpu.measures"),
    // The first call downloads the original; later ones only create a handle.
    on_media("media.open", 100, 1_000),
    cheap("source.info"),
    cheap("source.tracks"),
    cheap("plan.constructor"),
    // All functions that add an output.
    cheap("plan.add"),
    // All functions that set something of the whole plan.
    cheap("plan.set"),
    // Only one call is accepted, but each is checked.
    rare("transcode.start", 10, 100),
    // One call per percent, and some more.
    on_media("transcode.progress", 1_000, 20_000),
    on_media("transcode.wait", 10, 100),
    cheap("transcode.reached"),
    rare("transcode.cancel", 100, 1_000),
    // Stores charge for these requests.
    rare("storage.head", 1_000, 10_000),
    rare("storage.put", 200, 5_000),
    rare("storage.delete", 200, 5_000),
    // One call for the end, and one for each step if the platform wants them.
    rare("webhook.deliver", 200, 2_000),
    rare("job.progress", 1_000, 20_000),
    cheap("job.cancelled"),
    cheap("job.settings"),
    // Limited by `log-lines` and `log-bytes`.
    cheap("log.write"),
];
