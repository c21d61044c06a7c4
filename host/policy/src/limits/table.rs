//! Every limit with its name, its default, and the most that a manifest may ask for.

use std::fmt::Write as _;

use fault::{Code, codes};

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Computing between two calls of the host.
    Compute,
    /// Computing in all.
    ComputeTotal,
    /// The clock, for a pure function.
    PureCall,
    /// The clock, for the workflow without the work on media.
    Workflow,
    /// Bytes of all memories.
    Memory,
    /// Elements of all tables.
    TableElements,
    /// Handles held at once.
    Handles,
    /// Calls of the host.
    HostCalls,
    /// Bytes handed to the host in one call or one answer.
    CallBytes,
    /// Bytes handed to the host in all.
    TotalBytes,
    /// Lines in the host's log.
    LogLines,
    /// Bytes in the host's log.
    LogBytes,
    /// Bytes of the workflow's output.
    Output,
    /// Bytes of a message for the platform.
    Message,
    /// Bytes of an object that the policy writes itself.
    Object,
    /// Bytes of the component.
    Module,
    /// The clock, for compiling it.
    Compile,
}

/// What a limit's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

/// One limit.
#[derive(Clone, Copy, Debug)]
pub struct LimitSpec {
    /// Which.
    pub limit: Limit,
    /// Its name in a manifest, with its unit.
    pub name: &'static str,
    /// What the number counts.
    pub unit: Unit,
    /// Where a manifest says nothing.
    pub default: u64,
    /// The most that a manifest may ask for.
    pub cap: u64,
    /// What it bounds, for the reference.
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
        about: "CPU time between two calls of the host; a decision takes microseconds",
    },
    LimitSpec {
        limit: Limit::ComputeTotal,
        name: "compute-total-ms",
        unit: Unit::Ms,
        default: 10_000,
        cap: 300_000,
        about: "CPU time of a whole call, its instantiation included",
    },
    // Ten times what it may compute: where encoders have all the cores, a guest may get a tenth of one.
    LimitSpec {
        limit: Limit::PureCall,
        name: "pure-call-ms",
        unit: Unit::Ms,
        default: 20_000,
        cap: 120_000,
        about: "time on the clock for a pure function",
    },
    // A message that nobody takes is tried for 100 s, and a store that is down for about as long.
    LimitSpec {
        limit: Limit::Workflow,
        name: "workflow-ms",
        unit: Unit::Ms,
        default: 600_000,
        cap: 3_600_000,
        about: "time on the clock for `workflow.run`, without the time that the host works on the media",
    },
    // The default policy uses 1.1 MB; one made from Python or JavaScript some tens of MB.
    LimitSpec {
        limit: Limit::Memory,
        name: "memory-bytes",
        unit: Unit::Bytes,
        default: 64 << 20,
        cap: 1 << 30,
        about: "memory, all memories together",
    },
    LimitSpec {
        limit: Limit::TableElements,
        name: "table-elements",
        unit: Unit::Count,
        default: 100_000,
        cap: 1_000_000,
        about: "elements of tables, all tables together",
    },
    // A job needs two.
    LimitSpec {
        limit: Limit::Handles,
        name: "handles",
        unit: Unit::Count,
        default: 32,
        cap: 1_000,
        about: "handles held at once, the policy's own resources among them",
    },
    LimitSpec {
        limit: Limit::HostCalls,
        name: "host-calls",
        unit: Unit::Count,
        default: 20_000,
        cap: 1_000_000,
        about: "calls of the host, all of them together",
    },
    // The largest use is an object of 1 MiB.
    LimitSpec {
        limit: Limit::CallBytes,
        name: "call-bytes",
        unit: Unit::Bytes,
        default: 2 << 20,
        cap: 16 << 20,
        about: "what is handed to the host in one call, or in one answer",
    },
    LimitSpec {
        limit: Limit::TotalBytes,
        name: "total-bytes",
        unit: Unit::Bytes,
        default: 64 << 20,
        cap: 1 << 30,
        about: "what is handed to the host in all calls together",
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
        about: "what is in those lines, after each was cut to its length",
    },
    LimitSpec {
        limit: Limit::Output,
        name: "output-bytes",
        unit: Unit::Bytes,
        default: 1 << 20,
        cap: 4 << 20,
        about: "the output of `workflow.run`",
    },
    // More than 1 MiB no message and no object may have: the contract says so.
    LimitSpec {
        limit: Limit::Message,
        name: "message-bytes",
        unit: Unit::Bytes,
        default: 1 << 20,
        cap: 1 << 20,
        about: "the body of a message, both to `webhook.deliver` and from `payload.failed`",
    },
    LimitSpec {
        limit: Limit::Object,
        name: "object-bytes",
        unit: Unit::Bytes,
        default: 1 << 20,
        cap: 1 << 20,
        about: "the content of one `storage.put`",
    },
    // Our own policies are under 150 KB; one made from Python has 20 to 40 MB.
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
        about: "time on the clock for compiling it",
    },
];

impl Limit {
    /// All that is known of it.
    pub fn spec(self) -> &'static LimitSpec {
        static ALL: [LimitSpec; TABLE.len()] = TABLE;
        let [first, ..] = &ALL;
        ALL.get(self as usize).unwrap_or(first)
    }

    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The error of a policy that met it. Stable, one for each limit.
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

/// Bytes as people say them, beside the number that a manifest takes.
fn shown(value: u64, unit: Unit) -> String {
    match unit {
        Unit::Bytes if value.is_multiple_of(1 << 20) => format!("{value} ({} MiB)", value >> 20),
        Unit::Bytes if value.is_multiple_of(1 << 10) => format!("{value} ({} KiB)", value >> 10),
        _ => value.to_string(),
    }
}

/// The tables of docs/limits.md.
pub fn reference_markdown() -> String {
    let mut text = String::from("| name | what it bounds | default | at most | code |\n|---|---|---|---|---|\n");
    for spec in &TABLE {
        let (default, cap) = (shown(spec.default, spec.unit), shown(spec.cap, spec.unit));
        let code = spec.limit.code();
        let _ = writeln!(text, "| `{}` | {} | {default} | {cap} | `{code}` |", spec.name, spec.about);
    }
    text.push_str("\n| call | default | at most |\n|---|---|---|\n");
    for import in &super::IMPORTS {
        let _ = writeln!(text, "| `{}` | {} | {} |", import.name, import.default, import.cap);
    }
    text
}
