//! Every limit with its name, its default and its cap.

use fault::{Code, codes};

/// The unit of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Ms,
    Bytes,
    Count,
}

impl Unit {
    /// What follows a number in messages.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Ms => " ms",
            Self::Bytes => " bytes",
            Self::Count => "",
        }
    }
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
    /// The error code for exceeding it; each limit has its own.
    pub code: &'static Code,
    /// What it limits, for the reference.
    pub about: &'static str,
    /// What a policy did that exceeded it. The message goes on with the limit.
    pub exceeded: &'static str,
}

/// Defines [`Limit`] and [`TABLE`]. An entry reads
///
/// ```text
/// Limit "name-in-a-manifest" (Unit, default, at most cap) codes::policy::CODE:
///     "what it limits" => "what a policy did that exceeded it";
/// ```
macro_rules! limits {
    ($(
        $limit:ident $name:literal ($unit:ident, $default:expr, at most $cap:expr) $code:path:
            $about:literal => $exceeded:literal;
    )+) => {
        /// A limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Limit {
            $(#[doc = $about] $limit,)+
        }

        /// The number of limits.
        pub const COUNT: usize = [$(Limit::$limit),+].len();

        /// Every limit, in the order of [`Limit`].
        pub static TABLE: [LimitSpec; COUNT] = [$(
            LimitSpec {
                limit: Limit::$limit,
                name: $name,
                unit: Unit::$unit,
                default: $default,
                cap: $cap,
                code: &$code,
                about: $about,
                exceeded: $exceeded,
            },
        )+];
    };
}

limits! {
    Compute "compute-ms" (Ms, 2_000, at most 60_000) codes::policy::LIMIT_COMPUTE:
        "CPU time between two host calls; a pure function takes microseconds"
        => "used more CPU time between two host calls than";
    ComputeTotal "compute-total-ms" (Ms, 10_000, at most 300_000) codes::policy::LIMIT_COMPUTE_TOTAL:
        "CPU time of a whole call, including its instantiation"
        => "used more CPU time than";
    // Ten times the limit on CPU time: while encoders use all cores, a guest may get only a tenth of one.
    PureCall "pure-call-ms" (Ms, 20_000, at most 120_000) codes::policy::LIMIT_TIME:
        "wall-clock time of a pure function"
        => "did not return within";
    // A message is retried for 100 s if the receiver is down, and a store's request for about as long.
    Workflow "workflow-ms" (Ms, 600_000, at most 3_600_000) codes::policy::LIMIT_WORKFLOW:
        "wall-clock time of `workflow.run`, without the host's work on the media"
        => "took, apart from the work on the media, more than";
    // The default policy uses 1.1 MB; one made from Python or JavaScript some tens of MB.
    Memory "memory-bytes" (Bytes, 64 << 20, at most 1 << 30) codes::policy::LIMIT_MEMORY:
        "size of all memories together"
        => "requested more memory than";
    TableElements "table-elements" (Count, 100_000, at most 1_000_000) codes::policy::LIMIT_TABLE:
        "elements of all tables together"
        => "requested more table elements than";
    // A job needs two.
    Handles "handles" (Count, 32, at most 1_000) codes::policy::LIMIT_HANDLES:
        "handles held at once, including the policy's own resources"
        => "held more handles than";
    HostCalls "host-calls" (Count, 20_000, at most 1_000_000) codes::policy::LIMIT_HOST_CALLS:
        "all host calls together"
        => "made more host calls than";
    // The largest use is an object of 1 MiB.
    CallBytes "call-bytes" (Bytes, 2 << 20, at most 16 << 20) codes::policy::LIMIT_CALL_BYTES:
        "what is passed to the host in one call or result"
        => "passed more data in one call or result than";
    TotalBytes "total-bytes" (Bytes, 64 << 20, at most 1 << 30) codes::policy::LIMIT_TOTAL_BYTES:
        "what is passed to the host in all calls together"
        => "passed more data in total than";
    LogLines "log-lines" (Count, 1_000, at most 20_000) codes::policy::LIMIT_LOG_LINES:
        "lines in the log"
        => "logged more lines than";
    LogBytes "log-bytes" (Bytes, 256 << 10, at most 16 << 20) codes::policy::LIMIT_LOG_BYTES:
        "the text of those lines, after each was truncated"
        => "logged more text than";
    Output "output-bytes" (Bytes, 1 << 20, at most 4 << 20) codes::policy::LIMIT_OUTPUT:
        "the output of `workflow.run`"
        => "returned an output larger than";
    // The contract limits messages and objects to 1 MiB.
    Message "message-bytes" (Bytes, 1 << 20, at most 1 << 20) codes::policy::LIMIT_MESSAGE:
        "the body of a message, passed to `webhook.deliver` or returned by a `payload` function"
        => "returned or sent a message larger than";
    Object "object-bytes" (Bytes, 1 << 20, at most 1 << 20) codes::policy::LIMIT_OBJECT:
        "the content of one `storage.put`"
        => "wrote an object larger than";
    // The policies of this repository are under 150 KB; one made from Python has 20 to 40 MB.
    Module "module-bytes" (Bytes, 8 << 20, at most 64 << 20) codes::policy::TOO_LARGE:
        "the component's file"
        => "is larger than";
    // The default policy takes 50 ms.
    Compile "compile-ms" (Ms, 30_000, at most 300_000) codes::policy::LIMIT_COMPILE:
        "wall-clock time of the compilation"
        => "took longer to compile than";
}

impl Limit {
    pub fn spec(self) -> &'static LimitSpec {
        let [first, ..] = &TABLE;
        TABLE.get(self as usize).unwrap_or(first)
    }
}
