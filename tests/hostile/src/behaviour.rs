//! Which fault the settings ask for.

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
            /// Every fault with the name that the setting has for it.
            pub const ALL: &[(&str, Self)] = &[$(($name, Self::$variant),)*];
        }
    };
}

behaviours! {
    /// None: the default policy's own doing.
    None = "none",
    /// Computes for ever and calls nothing.
    EndlessLoop = "endless-loop",
    /// Calls the host for ever.
    EndlessHostCalls = "endless-host-calls",
    /// Asks for memory until it is refused.
    MemoryGrowth = "memory-growth",
    /// Panics.
    Panic = "panic",
    /// Panics with a megabyte of text.
    PanicLong = "panic-long",
    /// Calls itself until the stack ends.
    DeepRecursion = "deep-recursion",
    /// Traps without a word.
    Trap = "trap",
    /// Opens the original over and over and closes none.
    HandleLeak = "handle-leak",
    /// Logs what a terminal would obey, many times and at length.
    LogFlood = "log-flood",
    /// Publishes to a key that climbs out of its store.
    KeyTraversal = "key-traversal",
    /// Publishes to a key that clears the screen of whoever looks at it.
    KeyControl = "key-control",
    /// Publishes to a key of two kilobytes.
    KeyLong = "key-long",
    /// Publishes among another creator's objects.
    ForeignPrefix = "foreign-prefix",
    /// Publishes to a key among the host's own records.
    ReservedKey = "reserved-key",
    /// Reads, writes and removes keys among the host's own records, and ends in a failure that may pass.
    ForgeJournal = "forge-journal",
    /// Sends two outputs to keys that differ in their case alone.
    SameKeyInAnotherCase = "same-key-in-another-case",
    /// Asks for ten thousand rungs.
    TenThousandRungs = "ten-thousand-rungs",
    /// Asks for a rung of 20000 pixels.
    GiantRung = "giant-rung",
    /// Asks for rungs of no size.
    ZeroRung = "zero-rung",
    /// Asks for rungs of -1 pixels, as far as the contract's numbers allow to say so.
    NegativeRung = "negative-rung",
    /// Asks for segments of no length.
    ZeroSegment = "zero-segment",
    /// Asks for segments of -1 milliseconds.
    NegativeSegment = "negative-segment",
    /// Sends two outputs to one key.
    SameKeyTwice = "same-key-twice",
    /// Sends a message that is not JSON.
    PayloadNotJson = "payload-not-json",
    /// Sends a message of 50 MB.
    PayloadHuge = "payload-huge",
    /// Panics, and panics again when the platform is to be told.
    PanicInFailed = "panic-in-failed",
    /// Never ends to look at its settings.
    LoopInValidate = "loop-in-validate",
}

/// The fault and the settings without it, or what is wrong with them.
pub fn split(settings: &str) -> Result<(Behaviour, String), Problem> {
    let problem = |message: &str| Problem { field: "behaviour".into(), message: message.into() };
    let Ok(Value::Object(fields)) = json::parse(settings) else {
        return Err(problem("the settings are no JSON object"));
    };
    let mut behaviour = Behaviour::None;
    let mut rest = json::Object::new();
    for (name, value) in fields {
        if name != "behaviour" {
            rest = rest.json(&name, &written(&value));
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

/// The fault; none for settings that can't be read.
pub fn of(settings: &str) -> Behaviour {
    split(settings).map_or(Behaviour::None, |(behaviour, _)| behaviour)
}

/// The settings for the default policy.
pub fn rest(settings: &str) -> String {
    split(settings).map_or_else(|_| "{}".into(), |(_, rest)| rest)
}

fn written(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(digits) => (*digits).into(),
        Value::Text(text) => json::quoted(text),
        Value::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let object = json::Object::new();
            fields.iter().fold(object, |object, (name, value)| object.json(name, &written(value))).finish()
        }
    }
}
