//! Finding, loading and running policies.

codes! {
    area "policy", title "loading and running it", about "\
Limits are given with their defaults; a manifest can set them ([limits.md](limits.md)). Retryable here is about loading:
a worker that could not load a policy for such a reason tries the same one again at the next poll.

The workflow of a policy may return failures with codes of its own.";

    UNREADABLE "policy.unreadable" (Host, retryable)
        "The file or folder of the policy can't be read." => "Check the path and its permissions.";

    MISSING "policy.missing" (Policy, retryable)
        "There is no manifest at the policy's location, or no module beside the manifest."
            => "Check `policy.place`. Put the module there before the manifest, as `policy activate` does.";

    CLIENT "policy.client" (Host)
        "The HTTP client that fetches policies can't be set up."
            => "Install the system's root certificates (`ca-certificates`).";

    UNREACHABLE "policy.unreachable" (Host, retryable)
        "The address of the policy does not answer, or not with 200."
            => "Check the address. Redirects are not followed.";

    MANIFEST "policy.manifest" (Policy)
        "The manifest is not JSON, or one of its fields is unknown or wrong. The message says which."
            => "Correct it, or build the policy again.";

    DIGEST "policy.digest" (Policy, retryable)
        "The sha256 of the module is not the one in the manifest."
            => "Put the module there that belongs to the manifest.";

    UNSIGNED "policy.unsigned" (Policy)
        "The policy is not signed, and only signed ones are accepted."
            => "Sign it, or set `policy.require_signature` to false.";

    NO_PUBLIC_KEYS "policy.no-public-keys" (Host)
        "Only signed policies are accepted, and there is no public key to check signatures with."
            => "Set `policy.public_keys`.";

    LIMITS "policy.limits" (Policy)
        "The manifest has limits that don't exist, or that are above what the host allows."
            => "Correct them. The message lists every problem.";

    SMOKE "policy.smoke" (Policy)
        "The policy failed its trial with made-up media of several kinds: it returned a key, a ladder or a message that \
         no job could use, its workflow asked for something impossible, or failed for every kind, or all of it needed \
         more than 30 s. If the trial took too long, a worker tries it four more times."
            => "Correct the policy. The message names the function, the kind of media, and what was wrong.";

    JUDGED_BAD "policy.judged-bad" (Policy)
        "From `policy activate` and `policy rollback --to`: the policy was judged bad before, by workers that tried it as a \
         canary or by an operator. The message says by whom, and why."
            => "Correct the policy. `--even-if-bad` deploys it all the same.";

    READ_ONLY "policy.read-only" (Host)
        "Policies can't be written to this location: it is a component, an https address, or the built-in policy."
            => "Name a folder or `STORE:PREFIX`.";

    BUILD "policy.build" (Policy)
        "From `policy build`: the crate does not compile, or can't be made into a component."
            => "Read what cargo printed above.";

    NOT_A_COMPONENT "policy.not-a-component" (Policy)
        "The file is a core module, machine code, empty, or something else that is not a component. The message says \
         which."
            => "Build it with `make guests` or `build-policy`.";

    TOO_LARGE "policy.too-large" (Policy)
        "The module has more than 8 MiB, or the manifest is too large. The message has the limit."
            => "Build the module with the profile `guest`.";

    COMPILE "policy.compile" (Policy)
        "The module does not compile. Or it was not compiled because two slow ones are still being compiled: then the \
         blame is `host`, and a worker tries it again at the next poll."
            => "Build it again. The message has the compiler's reason.";

    IMPORT "policy.import" (Policy)
        "The policy imports something other than `codex:transcode`. The message has its name."
            => "Remove what needs it. For WASI in a policy made from Python or JavaScript, allow it: see \
                [languages.md](languages.md).";

    CONTRACT "policy.contract" (Policy)
        "An export is missing or has another type." => "Build the policy against this version's `wit/`.";

    SIGNATURE "policy.signature" (Policy)
        "The signature belongs to another module, or is not a signature at all."
            => "Sign the module again, with `policy build --sign` or minisign.";

    UNKNOWN_SIGNER "policy.unknown-signer" (Policy)
        "The policy is signed with a key that is not trusted here. The message has the key's id."
            => "Sign it with a trusted key, or add this key to `policy.public_keys`.";

    PUBLIC_KEY "policy.public-key" (Host, exit 2)
        "A key to check signatures with can't be read." => "Use the text of a `.pub` file, or its second line.";

    SECRET_KEY "policy.secret-key" (Host, exit 2)
        "A key to sign with can't be read or unlocked." => "Check the file, and `CODEX_POLICY_KEY_PASSWORD`.";

    SETTINGS "policy.settings" (Policy, exit 2)
        "The policy does not accept its settings." => "Correct them. The message lists every problem.";

    BAD_SETTINGS "policy.bad-settings" (Policy)
        "From the policy: its workflow got settings that were never validated." => "Report it.";

    TRAP "policy.trap" (Policy)
        "The policy panicked or executed an invalid instruction. The message has the panic's text and place."
            => "Correct the policy.";

    LIMIT_COMPUTE "policy.limit-compute" (Policy)
        "The policy computed for 2 s without calling the host."
            => "Look for an endless loop in the policy, or raise `compute-ms`.";

    LIMIT_COMPUTE_TOTAL "policy.limit-compute-total" (Policy)
        "The policy computed for 10 s in one call, such as one run of its workflow."
            => "Make the policy faster, or raise `compute-total-ms`.";

    LIMIT_TIME "policy.limit-time" (Policy)
        "A pure function took over 20 s. If that was while loading, a worker tries the policy four more times."
            => "Make the function faster, or raise `pure-call-ms`.";

    LIMIT_WORKFLOW "policy.limit-workflow" (Policy)
        "The workflow took 10 minutes, not counting the work on the media."
            => "Find out what it waits for: a receiver or a store.";

    LIMIT_MEMORY "policy.limit-memory" (Policy)
        "The policy needs more than 64 MiB of memory." => "Make it use less, or raise `memory-bytes`.";

    LIMIT_TABLE "policy.limit-table" (Policy)
        "The policy needs more than 100,000 table elements." => "Make it use less, or raise `table-elements`.";

    LIMIT_STACK "policy.limit-stack" (Policy)
        "The calls of the policy go deeper than 512 KiB of stack."
            => "Look for a recursion without an end in the policy.";

    LIMIT_HANDLES "policy.limit-handles" (Policy)
        "The policy holds more than 32 handles at once."
            => "Drop sources and transcodes after use, or raise `handles`.";

    LIMIT_HOST_CALLS "policy.limit-host-calls" (Policy)
        "The policy made more than 20,000 calls to the host."
            => "Look for an endless loop in the policy, or raise `host-calls`.";

    LIMIT_IMPORT_CALLS "policy.limit-import-calls" (Policy)
        "The policy called one function of the host too often. The message has its name and the limit."
            => "Call it less often, or raise its limit in `import-calls`.";

    LIMIT_CALL_BYTES "policy.limit-call-bytes" (Policy)
        "The policy passed more than 2 MiB in one call or answer." => "Pass less, or raise `call-bytes`.";

    LIMIT_TOTAL_BYTES "policy.limit-total-bytes" (Policy)
        "The policy passed more than 64 MiB in all calls together." => "Pass less, or raise `total-bytes`.";

    LIMIT_LOG_LINES "policy.limit-log-lines" (Policy)
        "The policy logged more than 1,000 lines." => "Log less, or raise `log-lines`.";

    LIMIT_LOG_BYTES "policy.limit-log-bytes" (Policy)
        "The policy logged more than 256 KiB." => "Log less, or raise `log-bytes`.";

    LIMIT_OUTPUT "policy.limit-output" (Policy)
        "The output of the workflow has more than 1 MiB." => "Shorten it, or raise `output-bytes`.";

    LIMIT_MESSAGE "policy.limit-message" (Policy)
        "The body of a message has more than 1 MiB." => "Shorten it.";

    LIMIT_OBJECT "policy.limit-object" (Policy)
        "The content of a `storage.put` has more than 1 MiB." => "Shorten it, or have `media` make the object.";

    LIMIT_COMPILE "policy.limit-compile" (Policy)
        "Compiling the policy takes more than 30 s. A worker tries it four more times."
            => "Make the component simpler or the machine less busy, or raise `compile-ms`.";

    BROKE_CONTRACT "policy.broke-contract" (Policy)
        "A pure function called the host, the output is not JSON, or a value can't be read: a string or list that \
         extends beyond the policy's memory, or text that is not UTF-8."
            => "Correct the policy.";
}
