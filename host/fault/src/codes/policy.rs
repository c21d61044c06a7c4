//! Finding, loading and running policies.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area {
    name: "policy",
    title: "loading and running it",
    about: "\
Limits are given with their defaults; a manifest can set them ([limits.md](limits.md)). Retryable here is about loading:
a worker that could not load a policy for such a reason tries the same one again at the next poll.

The workflow of a policy may return failures with codes of its own.",
    codes: ALL,
};

codes! {
    pub UNREADABLE = "policy.unreadable" {
        blame: Host,
        retryable: true,
        meaning: "The file or folder of the policy can't be read.",
        advice: "Check the path and its permissions.",
    }
    pub MISSING = "policy.missing" {
        blame: Policy,
        retryable: true,
        meaning: "There is no manifest at the policy's location, or no module beside the manifest.",
        advice: "Check `policy.place`. Put the module there before the manifest, as `policy activate` does.",
    }
    pub CLIENT = "policy.client" {
        blame: Host,
        retryable: false,
        meaning: "The HTTP client that fetches policies can't be set up.",
        advice: "Install the system's root certificates (`ca-certificates`).",
    }
    pub UNREACHABLE = "policy.unreachable" {
        blame: Host,
        retryable: true,
        meaning: "The address of the policy does not answer, or not with 200.",
        advice: "Check the address. Redirects are not followed.",
    }
    pub MANIFEST = "policy.manifest" {
        blame: Policy,
        retryable: false,
        meaning: "The manifest is not JSON, or one of its fields is unknown or wrong. The message says which.",
        advice: "Correct it, or build the policy again.",
    }
    pub DIGEST = "policy.digest" {
        blame: Policy,
        retryable: true,
        meaning: "The sha256 of the module is not the one in the manifest.",
        advice: "Put the module there that belongs to the manifest.",
    }
    pub UNSIGNED = "policy.unsigned" {
        blame: Policy,
        retryable: false,
        meaning: "The policy is not signed, and only signed ones are accepted.",
        advice: "Sign it, or set `policy.require_signature` to false.",
    }
    pub NO_PUBLIC_KEYS = "policy.no-public-keys" {
        blame: Host,
        retryable: false,
        meaning: "Only signed policies are accepted, and there is no public key to check signatures with.",
        advice: "Set `policy.public_keys`.",
    }
    pub LIMITS = "policy.limits" {
        blame: Policy,
        retryable: false,
        meaning: "The manifest has limits that don't exist, or that are above what the host allows.",
        advice: "Correct them. The message lists every problem.",
    }
    pub SMOKE = "policy.smoke" {
        blame: Policy,
        retryable: false,
        meaning: "The policy failed its trial with made-up media: it returned a key, a ladder or a message that no job \
                  could use, or needed more than 30 s. If the trial took too long, a worker tries it four more times.",
        advice: "Correct the policy. The message names the function.",
    }
    pub READ_ONLY = "policy.read-only" {
        blame: Host,
        retryable: false,
        meaning: "Policies can't be written to this location: it is a component, an https address, or the built-in \
                  policy.",
        advice: "Name a folder or `STORE:PREFIX`.",
    }
    pub BUILD = "policy.build" {
        blame: Policy,
        retryable: false,
        meaning: "From `policy build`: the crate does not compile, or can't be made into a component.",
        advice: "Read what cargo printed above.",
    }
    pub NOT_A_COMPONENT = "policy.not-a-component" {
        blame: Policy,
        retryable: false,
        meaning: "The file is a core module, machine code, empty, or something else that is not a component. The \
                  message says which.",
        advice: "Build it with `make guests` or `build-policy`.",
    }
    pub TOO_LARGE = "policy.too-large" {
        blame: Policy,
        retryable: false,
        meaning: "The module has more than 8 MiB, or the manifest is too large. The message has the limit.",
        advice: "Build the module with the profile `guest`.",
    }
    pub COMPILE = "policy.compile" {
        blame: Policy,
        retryable: false,
        meaning: "The module does not compile. Or it was not compiled because two slow ones are still being compiled: \
                  then the blame is `host`, and a worker tries it again at the next poll.",
        advice: "Build it again. The message has the compiler's reason.",
    }
    pub IMPORT = "policy.import" {
        blame: Policy,
        retryable: false,
        meaning: "The policy imports something other than `codex:transcode`. The message has its name.",
        advice: "Remove what needs it. For WASI in a policy made from Python or JavaScript, allow it: see \
                 [languages.md](languages.md).",
    }
    pub CONTRACT = "policy.contract" {
        blame: Policy,
        retryable: false,
        meaning: "An export is missing or has another type.",
        advice: "Build the policy against this version's `wit/`.",
    }
    pub SIGNATURE = "policy.signature" {
        blame: Policy,
        retryable: false,
        meaning: "The signature belongs to another module, or is not a signature at all.",
        advice: "Sign the module again, with `policy build --sign` or minisign.",
    }
    pub UNKNOWN_SIGNER = "policy.unknown-signer" {
        blame: Policy,
        retryable: false,
        meaning: "The policy is signed with a key that is not trusted here. The message has the key's id.",
        advice: "Sign it with a trusted key, or add this key to `policy.public_keys`.",
    }
    pub PUBLIC_KEY = "policy.public-key" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "A key to check signatures with can't be read.",
        advice: "Use the text of a `.pub` file, or its second line.",
    }
    pub SECRET_KEY = "policy.secret-key" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "A key to sign with can't be read or unlocked.",
        advice: "Check the file, and `CODEX_POLICY_KEY_PASSWORD`.",
    }
    pub SETTINGS = "policy.settings" {
        blame: Policy,
        retryable: false,
        exit: 2,
        meaning: "The policy does not accept its settings.",
        advice: "Correct them. The message lists every problem.",
    }
    pub BAD_SETTINGS = "policy.bad-settings" {
        blame: Policy,
        retryable: false,
        meaning: "From the policy: its workflow got settings that were never validated.",
        advice: "Report it.",
    }
    pub TRAP = "policy.trap" {
        blame: Policy,
        retryable: false,
        meaning: "The policy panicked or executed an invalid instruction. The message has the panic's text and place.",
        advice: "Correct the policy.",
    }
    pub LIMIT_COMPUTE = "policy.limit-compute" {
        blame: Policy,
        retryable: false,
        meaning: "The policy computed for 2 s without calling the host.",
        advice: "Look for an endless loop in the policy, or raise `compute-ms`.",
    }
    pub LIMIT_COMPUTE_TOTAL = "policy.limit-compute-total" {
        blame: Policy,
        retryable: false,
        meaning: "The policy computed for 10 s in one call, such as one run of its workflow.",
        advice: "Make the policy faster, or raise `compute-total-ms`.",
    }
    pub LIMIT_TIME = "policy.limit-time" {
        blame: Policy,
        retryable: false,
        meaning: "A pure function took over 20 s. If that was while loading, a worker tries the policy four more \
                  times.",
        advice: "Make the function faster, or raise `pure-call-ms`.",
    }
    pub LIMIT_WORKFLOW = "policy.limit-workflow" {
        blame: Policy,
        retryable: false,
        meaning: "The workflow took 10 minutes, not counting the work on the media.",
        advice: "Find out what it waits for: a receiver or a store.",
    }
    pub LIMIT_MEMORY = "policy.limit-memory" {
        blame: Policy,
        retryable: false,
        meaning: "The policy needs more than 64 MiB of memory.",
        advice: "Make it use less, or raise `memory-bytes`.",
    }
    pub LIMIT_TABLE = "policy.limit-table" {
        blame: Policy,
        retryable: false,
        meaning: "The policy needs more than 100,000 table elements.",
        advice: "Make it use less, or raise `table-elements`.",
    }
    pub LIMIT_STACK = "policy.limit-stack" {
        blame: Policy,
        retryable: false,
        meaning: "The calls of the policy go deeper than 512 KiB of stack.",
        advice: "Look for a recursion without an end in the policy.",
    }
    pub LIMIT_HANDLES = "policy.limit-handles" {
        blame: Policy,
        retryable: false,
        meaning: "The policy holds more than 32 handles at once.",
        advice: "Drop sources and transcodes after use, or raise `handles`.",
    }
    pub LIMIT_HOST_CALLS = "policy.limit-host-calls" {
        blame: Policy,
        retryable: false,
        meaning: "The policy made more than 20,000 calls to the host.",
        advice: "Look for an endless loop in the policy, or raise `host-calls`.",
    }
    pub LIMIT_IMPORT_CALLS = "policy.limit-import-calls" {
        blame: Policy,
        retryable: false,
        meaning: "The policy called one function of the host too often. The message has its name and the limit.",
        advice: "Call it less often, or raise its limit in `import-calls`.",
    }
    pub LIMIT_CALL_BYTES = "policy.limit-call-bytes" {
        blame: Policy,
        retryable: false,
        meaning: "The policy passed more than 2 MiB in one call or answer.",
        advice: "Pass less, or raise `call-bytes`.",
    }
    pub LIMIT_TOTAL_BYTES = "policy.limit-total-bytes" {
        blame: Policy,
        retryable: false,
        meaning: "The policy passed more than 64 MiB in all calls together.",
        advice: "Pass less, or raise `total-bytes`.",
    }
    pub LIMIT_LOG_LINES = "policy.limit-log-lines" {
        blame: Policy,
        retryable: false,
        meaning: "The policy logged more than 1,000 lines.",
        advice: "Log less, or raise `log-lines`.",
    }
    pub LIMIT_LOG_BYTES = "policy.limit-log-bytes" {
        blame: Policy,
        retryable: false,
        meaning: "The policy logged more than 256 KiB.",
        advice: "Log less, or raise `log-bytes`.",
    }
    pub LIMIT_OUTPUT = "policy.limit-output" {
        blame: Policy,
        retryable: false,
        meaning: "The output of the workflow has more than 1 MiB.",
        advice: "Shorten it, or raise `output-bytes`.",
    }
    pub LIMIT_MESSAGE = "policy.limit-message" {
        blame: Policy,
        retryable: false,
        meaning: "The body of a message has more than 1 MiB.",
        advice: "Shorten it.",
    }
    pub LIMIT_OBJECT = "policy.limit-object" {
        blame: Policy,
        retryable: false,
        meaning: "The content of a `storage.put` has more than 1 MiB.",
        advice: "Shorten it, or have `media` make the object.",
    }
    pub LIMIT_COMPILE = "policy.limit-compile" {
        blame: Policy,
        retryable: false,
        meaning: "Compiling the policy takes more than 30 s. A worker tries it four more times.",
        advice: "Make the component simpler or the machine less busy, or raise `compile-ms`.",
    }
    pub BROKE_CONTRACT = "policy.broke-contract" {
        blame: Policy,
        retryable: false,
        meaning: "A pure function called the host, the output is not JSON, or a value can't be read: a string or list \
                  that extends beyond the policy's memory, or text that is not UTF-8.",
        advice: "Correct the policy.",
    }
}
