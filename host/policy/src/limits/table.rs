//! Every limit with its name, its default and its cap.

use std::fmt::Write as _;

use fault::{Code, codes};

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// CPU time between two host calls.
    Compute,
    /// CPU time of a call.
    ComputeTotal,
    /// Wall-clock time of a pure function.
    PureCall,
    /// Wall-clock time of the workflow, without the work on media.
    Workflow,
    /// Bytes of all memories.
    Memory,
    /// Elements of all tables.
    TableElements,
    /// Handles held at once.
    Handles,
    /// Host calls.
    HostCalls,
    /// Bytes passed to the host in one call or result.
    CallBytes,
    /// Bytes passed to the host in total.
    TotalBytes,
    /// Logged lines.
    LogLines,
    /// Logged bytes.
    LogBytes,
    /// Bytes of the workflow's output.
    Output,
    /// Bytes of a message to the platform.
    Message,
    /// Bytes of an object that the policy writes itself.
    Object,
    /// Bytes of the component.
    Module,
    /// Wall-clock time of the compilation.
    Compile,
}

/// The unit of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Ms,
    Bytes,
    Count,
}

/// A limit's name, default and cap.
#[derive(Clone, Copy, Debug)]
pub struct LimitSpec {
    pub limit: Limit,
    /// Its name in a manifest, with its unit.
    pub name: &'static str,
    pub unit: Unit,
    /// The value unless a manifest sets another.
    pub default: u64,
    /// The highest value that a manifest may set.
    pub cap: u64,
    /// What it limits, for the reference.
    pub about: &'static str,
}

/// Every limit, in the order of [`Limit`].
pub const TABLE: [LimitSpec; 17] = [
    LimitSpec {
        limit: Limit::Compute,
        name: "compute-ms",
        unit: Unit::Ms,
        default: 2_000,
        cap: 60_000,
        about: "CPU time between two host calls; a pure function takes microseconds",
    },
    LimitSpec {
        limit: Limit::ComputeTotal,
        name: "compute-total-ms",
        unit: Unit::Ms,
        default: 10_000,
        cap: 300_000,
        about: "CPU time of a whole call, including its instantiation",
    },
    // Ten times the limit on CPU time: while encoders use all cores, a guest may get only a tenth of one.
    LimitSpec {
        limit: Limit::PureCall,
        name: "pure-call-ms",
        unit: Unit::Ms,
        default: 20_000,
        cap: 120_000,
        about: "wall-clock time of a pure function",
    },
    // A message is retried for 100 s if the receiver is down, and a store's request for about as long.
    LimitSpec {
        limit: Limit::Workflow,
        name: "workflow-ms",
        unit: Unit::Ms,
        default: 600_000,
        cap: 3_600_000,
        about: "wall-clock time of `workflow.run`, without the host's work on the media",
    },
    // The default policy uses 1.1 MB; one made from Python or JavaScript some tens of MB.
    LimitSpec {
        limit: Limit::Memory,
        name: "memory-bytes",
        unit: Unit::Bytes,
        default: 64 << 20,
        cap: 1 << 30,
        about: "size of all memories together",
    },
    LimitSpec {
        limit: Limit::TableElements,
        name: "table-elements",
        unit: Unit::Count,
        default: 100_000,
        cap: 1_000_000,
        about: "elements of all tables together",
    },
    // A job needs two.
    LimitSpec {
        limit: Limit::Handles,
        name: "handles",
        unit: Unit::Count,
        default: 32,
        cap: 1_000,
        about: "handles held at once, including the policy's own resources",
    },
    LimitSpec {
        limit: Limit::HostCalls,
        name: "host-calls",
        unit: Unit::Count,
        default: 20_000,
        cap: 1_000_000,
        about: "all host calls together",
    },
    // The largest use is an object of 1 MiB.
    LimitSpec {
        limit: Limit::CallBytes,
        name: "call-bytes",
        unit: Unit::Bytes,
        default: 2 << 20,
        cap: 16 << 20,
        about: "what is passed to the host in one call or result",
    },
    LimitSpec {
        limit: Limit::TotalBytes,
        name: "total-bytes",
        unit: Unit::Bytes,
        default: 64 << 20,
        cap: 1 << 30,
        about: "what is passed to the host in all calls together",
    },
    LimitSpec {
        limit: Limit::LogLines,
        name: "log-lines",
        unit: Unit::Count,
        default: 1_000,
        cap: 20_000,
        about: "lines in the log",
    },
    LimitSpec {
        limit: Limit::LogBytes,
        name: "log-bytes",
        unit: Unit::Bytes,
        default: 256 << 10,
        cap: 16 << 20,
        about: "the text of those lines, after each was truncated",
    },
    LimitSpec {
        limit: Limit::Output,
        name: "output-bytes",
        unit: Unit::Bytes,
        default: 1 << 20,
        cap: 4 << 20,
        about: "the output of `workflow.run`",
    },
    // The contract limits messages and objects to 1 MiB.
    LimitSpec {
        limit: Limit::Message,
        name: "message-bytes",
        unit: Unit::Bytes,
        default: 1 << 20,
        cap: 1 << 20,
        about: "the body of a message, passed to `webhook.deliver` or returned by a `payload` function",
    },
    LimitSpec {
        limit: Limit::Object,
        name: "object-bytes",
        unit: Unit::Bytes,
        default: 1 << 20,
        cap: 1 << 20,
        about: "the content of one `storage.put`",
    },
    // The policies of this repository are under 150 KB; one made from Python has 20 to 40 MB.
    LimitSpec {
        limit: Limit::Module,
        name: "module-bytes",
        unit: Unit::Bytes,
        default: 8 << 20,
        cap: 64 << 20,
        about: "the component's file",
    },
    // The default policy takes 50 ms.
    LimitSpec {
        limit: Limit::Compile,
        name: "compile-ms",
        unit: Unit::Ms,
        default: 30_000,
        cap: 300_000,
        about: "wall-clock time of the compilation",
    },
];

impl Limit {
    pub fn spec(self) -> &'static LimitSpec {
        static ALL: [LimitSpec; TABLE.len()] = TABLE;
        let [first, ..] = &ALL;
        ALL.get(self as usize).unwrap_or(first)
    }

    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The error code for exceeding it; each limit has its own.
    pub fn code(self) -> &'static Code {
        match self {
            Self::Compute => &codes::policy::LIMIT_COMPUTE,
            Self::ComputeTotal => &codes::policy::LIMIT_COMPUTE_TOTAL,
            Self::PureCall => &codes::policy::LIMIT_TIME,
            Self::Workflow => &codes::policy::LIMIT_WORKFLOW,
            Self::Memory => &codes::policy::LIMIT_MEMORY,
            Self::TableElements => &codes::policy::LIMIT_TABLE,
            Self::Handles => &codes::policy::LIMIT_HANDLES,
            Self::HostCalls => &codes::policy::LIMIT_HOST_CALLS,
            Self::CallBytes => &codes::policy::LIMIT_CALL_BYTES,
            Self::TotalBytes => &codes::policy::LIMIT_TOTAL_BYTES,
            Self::LogLines => &codes::policy::LIMIT_LOG_LINES,
            Self::LogBytes => &codes::policy::LIMIT_LOG_BYTES,
            Self::Output => &codes::policy::LIMIT_OUTPUT,
            Self::Message => &codes::policy::LIMIT_MESSAGE,
            Self::Object => &codes::policy::LIMIT_OBJECT,
            Self::Module => &codes::policy::TOO_LARGE,
            Self::Compile => &codes::policy::LIMIT_COMPILE,
        }
    }
}

/// The number, and for bytes also a readable size.
fn format_value(value: u64, unit: Unit) -> String {
    match unit {
        Unit::Bytes if value.is_multiple_of(1 << 20) => format!("{value} ({} MiB)", value >> 20),
        Unit::Bytes if value.is_multiple_of(1 << 10) => format!("{value} ({} KiB)", value >> 10),
        _ => value.to_string(),
    }
}

/// The tables of docs/limits.md.
pub fn reference_markdown() -> String {
    let mut text = String::from("| name | what it limits | default | at most | code |\n|---|---|---|---|---|\n");
    for spec in &TABLE {
        let (default, cap) = (format_value(spec.default, spec.unit), format_value(spec.cap, spec.unit));
        let code = spec.limit.code();
        let _ = writeln!(text, "| `{}` | {} | {default} | {cap} | `{code}` |", spec.name, spec.about);
    }
    text.push_str("\n| call | default | at most |\n|---|---|---|\n");
    for import in &super::IMPORTS {
        let _ = writeln!(text, "| `{}` | {} | {} |", import.name, import.default, import.cap);
    }
    text
}
