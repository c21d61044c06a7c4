//! The faults, and which of them the settings select.

use policy_sdk::json::{self, Value};
use policy_sdk::types::Problem;

macro_rules! behaviours {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Behaviour {
            $($(#[$doc])* $variant,)*
        }

        impl Behaviour {
            /// Every fault with its name in the setting.
            pub const ALL: &[(&str, Self)] = &[$(($name, Self::$variant),)*];
        }
    };
}

behaviours! {
    /// No fault: the default policy.
    None = "none",
    /// Loops for ever without calling the host.
    EndlessLoop = "endless-loop",
    /// Calls the host for ever.
    EndlessHostCalls = "endless-host-calls",
    /// Allocates memory until an allocation fails.
    MemoryGrowth = "memory-growth",
    /// Panics with a short text.
    Panic = "panic",
    /// Panics with a text of one megabyte.
    PanicLong = "panic-long",
    /// Recurses until the stack overflows.
    DeepRecursion = "deep-recursion",
    /// Traps without a panic.
    Trap = "trap",
    /// Opens the original again and again and keeps every handle.
    HandleLeak = "handle-leak",
    /// Logs terminal escape sequences, in many long lines.
    LogFlood = "log-flood",
    /// Publishes to a key with `..`, outside of the store.
    KeyTraversal = "key-traversal",
    /// Publishes to a key with a terminal escape sequence.
    KeyControl = "key-control",
    /// Publishes to a key of two kilobytes.
    KeyLong = "key-long",
    /// Publishes among another creator's objects.
    ForeignPrefix = "foreign-prefix",
    /// Publishes to a key in the host's own folder.
    ReservedKey = "reserved-key",
    /// Reads, writes and deletes objects in the host's own folder, and then fails with a retryable failure.
    ForgeJournal = "forge-journal",
    /// Panics in every job but those of its trial, and those of the creator `idle`, for whom it does nothing.
    PanicInJobs = "panic-in-jobs",
    /// Plans two outputs whose keys differ only in case.
    SameKeyInAnotherCase = "same-key-in-another-case",
    /// Plans ten thousand rungs.
    TenThousandRungs = "ten-thousand-rungs",
    /// Plans rungs of 20000 pixels.
    GiantRung = "giant-rung",
    /// Plans rungs of 0 pixels.
    ZeroRung = "zero-rung",
    /// Plans rungs of -1 pixels, which is the largest `u32` in the contract.
    NegativeRung = "negative-rung",
    /// Plans segments of 0 ms.
    ZeroSegment = "zero-segment",
    /// Plans segments of -1 ms, which is the largest `u32` in the contract.
    NegativeSegment = "negative-segment",
    /// Plans two outputs with one key.
    SameKeyTwice = "same-key-twice",
    /// Sends a message that is not JSON.
    PayloadNotJson = "payload-not-json",
    /// Sends a message of 50 MB.
    PayloadHuge = "payload-huge",
    /// Panics in `run`, and again in `failed`.
    PanicInFailed = "panic-in-failed",
    /// Publishes to a store that isn't there.
    MissingStore = "missing-store",
    /// Keeps the archive in a store that isn't there.
    MissingArchive = "missing-archive",
    /// Plans one key for the playlists of all rungs.
    OneKeyForAllRungs = "one-key-for-all-rungs",
    /// Plans a ladder without rungs.
    NoRungs = "no-rungs",
    /// Plans no outputs.
    NoOutputs = "no-outputs",
    /// Plans two rungs of one name.
    SameNameTwice = "same-name-twice",
    /// Names a rung with a slash.
    BadName = "bad-name",
    /// Refuses every upload.
    RefusesAll = "refuses-all",
    /// Succeeds without a transcode.
    DoesNothing = "does-nothing",
    /// Opens another object than the original.
    OpensAnother = "opens-another",
    /// Starts a second transcode.
    StartsTwice = "starts-twice",
    /// Panics when everything is published.
    PanicAtTheEnd = "panic-at-the-end",
    /// Returns an output that is not JSON.
    OutputNotJson = "output-not-json",
    /// Returns an output of 50 MB.
    OutputHuge = "output-huge",
    /// Writes an object of 50 MB.
    PutHuge = "put-huge",
    /// Writes among another creator's objects.
    PutForeign = "put-foreign",
    /// Deletes another creator's object.
    DeleteForeign = "delete-foreign",
    /// Panics in `select`.
    PanicInSelect = "panic-in-select",
    /// Selects two rungs of one name.
    SelectsTwice = "selects-twice",
    /// Panics in `key-for`.
    PanicInKeyFor = "panic-in-key-for",
    /// Gives assets keys of another creator.
    ForeignKeyFor = "foreign-key-for",
    /// Panics in `completed`.
    PanicInCompleted = "panic-in-completed",
    /// Loops for ever in `failed`.
    LoopInFailed = "loop-in-failed",
    /// Fails with a failure of its own that it calls its own fault.
    FailsItself = "fails-itself",
    /// Loops for ever in `validate`.
    LoopInValidate = "loop-in-validate",
}

/// The fault, and the settings without it.
pub fn split(settings: &str) -> Result<(Behaviour, String), Problem> {
    let problem = |message: &str| Problem { field: "behaviour".into(), message: message.into() };
    let Ok(Value::Object(fields)) = json::parse(settings) else {
        return Err(problem("the settings must be a JSON object"));
    };
    let mut behaviour = Behaviour::None;
    let mut rest = json::Object::new();
    for (name, value) in fields {
        if name != "behaviour" {
            rest = rest.json(&name, &to_json(&value));
            continue;
        }
        let found = Behaviour::ALL.iter().find(|(name, _)| matches!(&value, Value::Text(text) if text == name));
        behaviour = found.map(|(_, behaviour)| *behaviour).ok_or_else(|| {
            let names: Vec<&str> = Behaviour::ALL.iter().map(|(name, _)| *name).collect();
            problem(&format!("is not known; known are {}", names.join(", ")))
        })?;
    }
    Ok((behaviour, rest.finish()))
}

/// The fault; [`Behaviour::None`] if the settings can't be read.
pub fn of(settings: &str) -> Behaviour {
    split(settings).map_or(Behaviour::None, |(behaviour, _)| behaviour)
}

/// The settings for the default policy.
pub fn rest(settings: &str) -> String {
    split(settings).map_or_else(|_| "{}".into(), |(_, rest)| rest)
}

fn to_json(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(digits) => (*digits).into(),
        Value::Text(text) => json::quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(to_json).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let object = json::Object::new();
            fields.iter().fold(object, |object, (name, value)| object.json(name, &to_json(value))).finish()
        }
    }
}
