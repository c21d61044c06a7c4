//! Stores of objects.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area { name: "storage", title: "", about: "", codes: ALL };

codes! {
    pub NOT_FOUND = "storage.not-found" {
        blame: Storage,
        retryable: false,
        meaning: "There is no such object.",
        advice: "Check the job's `inputKey`.",
    }
    pub UNAVAILABLE = "storage.unavailable" {
        blame: Storage,
        retryable: true,
        meaning: "The store did not answer, or answered 408, 429 or 5xx, on every attempt. When a worker starts: it did \
                  not answer within 10 s.",
        advice: "Wait for the store, or check the endpoint.",
    }
    pub TOO_SLOW = "storage.too-slow" {
        blame: Storage,
        retryable: true,
        meaning: "The last step of publishing, which makes the uploaded files visible, took over 15 s. No playlist was \
                  replaced.",
        advice: "Wait for the store.",
    }
    pub DENIED = "storage.denied" {
        blame: Storage,
        retryable: false,
        meaning: "The store answered 401 or 403.",
        advice: "Check the keys, and [what they must allow](operations.md#what-the-keys-of-the-stores-must-allow).",
    }
    pub NO_BUCKET = "storage.no-bucket" {
        blame: Storage,
        retryable: false,
        meaning: "There is no such bucket.",
        advice: "Check the name of the bucket, and the account.",
    }
    pub REJECTED = "storage.rejected" {
        blame: Storage,
        retryable: false,
        meaning: "The store rejected the request as invalid. The message has its answer.",
        advice: "Report it with the name of the store.",
    }
    pub DAMAGED = "storage.damaged" {
        blame: Storage,
        retryable: true,
        meaning: "The received bytes differ from those that were sent, or the object (the original, for example) changed \
                  during the transfer.",
        advice: "If it repeats, check whether another program writes the same keys.",
    }
    pub SETTINGS = "storage.settings" {
        blame: Host,
        retryable: false,
        meaning: "The endpoint, bucket, region or keys of a store are not valid.",
        advice: "Correct `stores.NAME`.",
    }
    pub UNKNOWN_STORE = "storage.unknown-store" {
        blame: Policy,
        retryable: false,
        meaning: "There is no store of this name, or policies may not write to it. The message lists the stores.",
        advice: "Correct the policy, or add the store.",
    }
    pub FULL = "storage.full" {
        blame: Storage,
        retryable: true,
        meaning: "The store is a folder on a full disk (`--out`), or a service that reports it has no more room.",
        advice: "Make room.",
    }
    pub IO = "storage.io" {
        blame: Storage,
        retryable: true,
        meaning: "The operating system refused to read or write. The message has the reason.",
        advice: "Check permissions, look for a folder in the way, and check the disk.",
    }
    pub UNSUPPORTED = "storage.unsupported" {
        blame: Storage,
        retryable: false,
        meaning: "The store can't do this: `originals` of `run` is never written to, and some services lack an \
                  operation.",
        advice: "Correct the policy, or use another service.",
    }
    pub NOT_OURS = "storage.not-ours" {
        blame: Policy,
        retryable: false,
        meaning: "The policy called `storage.delete` on an object that this job did not write.",
        advice: "Correct the policy.",
    }
    pub INJECTED = "storage.injected" {
        blame: Storage,
        retryable: true,
        meaning: "A test asked for this fault.",
        advice: "Nothing to do: only tests cause it.",
    }
}
