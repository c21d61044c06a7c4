//! Stores of objects.

codes! {
    area "storage";

    NOT_FOUND "storage.not-found" (Storage)
        "There is no such object." => "Check the job's `inputKey`.";

    UNAVAILABLE "storage.unavailable" (Storage, retryable)
        "The store did not answer, or answered 408, 429 or 5xx, on every attempt. When a worker starts: it did not \
         answer within 10 s."
            => "Wait for the store, or check the endpoint.";

    TOO_SLOW "storage.too-slow" (Storage, retryable)
        "The last step of publishing, which makes the uploaded files visible, took over 15 s. No playlist was \
         replaced."
            => "Wait for the store.";

    DENIED "storage.denied" (Storage)
        "The store answered 401 or 403."
            => "Check the keys, and [what they must allow](operations.md#what-the-keys-of-the-stores-must-allow).";

    NO_BUCKET "storage.no-bucket" (Storage)
        "There is no such bucket." => "Check the name of the bucket, and the account.";

    REJECTED "storage.rejected" (Storage)
        "The store rejected the request as invalid. The message has its answer."
            => "Report it with the name of the store.";

    DAMAGED "storage.damaged" (Storage, retryable)
        "The received bytes differ from those that were sent, or the object (the original, for example) changed during \
         the transfer."
            => "If it repeats, check whether another program writes the same keys.";

    SETTINGS "storage.settings" (Host)
        "The bucket or the region of a store is not valid." => "Correct `stores.NAME`.";

    UNKNOWN_STORE "storage.unknown-store" (Policy)
        "There is no store of this name, or policies may not write to it. The message lists the stores."
            => "Correct the policy, or add the store.";

    FULL "storage.full" (Storage, retryable)
        "The store is a folder on a full disk (`--out`), or a service that reports it has no more room."
            => "Make room.";

    IO "storage.io" (Storage, retryable)
        "The operating system refused to read or write. The message has the reason."
            => "Check permissions, look for a folder in the way, and check the disk.";

    UNSUPPORTED "storage.unsupported" (Storage)
        "The store can't do this: `originals` of `run` is never written to, and some services lack an operation."
            => "Correct the policy, or use another service.";

    NOT_OURS "storage.not-ours" (Policy)
        "The policy called `storage.delete` on an object that this job did not write." => "Correct the policy.";

    INJECTED "storage.injected" (Storage, retryable)
        "A test asked for this fault." => "Nothing to do: only tests cause it.";
}
