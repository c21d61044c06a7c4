//! What the policy asked for.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area {
    name: "plan",
    title: "what the policy asked for",
    about: "The policy asked for something impossible. Nothing was started.",
    codes: ALL,
};

codes! {
    pub OUT_OF_RANGE = "plan.out-of-range" {
        blame: Policy,
        retryable: false,
        meaning: "A number is out of its bounds. The message has the number and the bounds.",
        advice: "Correct the number in the policy.",
    }
    pub IMPOSSIBLE = "plan.impossible" {
        blame: Policy,
        retryable: false,
        meaning: "Some outputs contradict each other or the source.",
        advice: "Correct the policy. The message has the reason.",
    }
    pub SAME_DESTINATION = "plan.same-destination" {
        blame: Policy,
        retryable: false,
        meaning: "Two outputs have the same key.",
        advice: "Give every output a key of its own.",
    }
    pub BAD_KEY = "plan.bad-key" {
        blame: Policy,
        retryable: false,
        meaning: "A key can't be the name of an object. Also from `media.open` and `storage`.",
        advice: "Correct the key. The message has the reason.",
    }
    pub UNKNOWN_ATTRIBUTE = "plan.unknown-attribute" {
        blame: Policy,
        retryable: false,
        meaning: "An attribute of the plan, or of a record in it, that this host doesn't know. It is refused, because \
                  ignoring it would carry out another plan than the one that was asked for.",
        advice: "Leave the attribute out, or use a host that knows it.",
    }
    pub RESERVED_KEY = "plan.reserved-key" {
        blame: Policy,
        retryable: false,
        meaning: "A segment of the key begins with `.codex` or `.unfinished-`, in any case or Unicode form: those names \
                  are the host's own.",
        advice: "Give the object another name.",
    }
    pub FOREIGN_PREFIX = "plan.foreign-prefix" {
        blame: Policy,
        retryable: false,
        meaning: "A key does not begin with the id of the job's creator. Also from `media.open`, `storage.head` and \
                  `storage.put`.",
        advice: "Begin the key with the creator's id.",
    }
    pub OUT_OF_ORDER = "plan.out-of-order" {
        blame: Policy,
        retryable: false,
        meaning: "The policy opened a second source, started a second transcode, or called `wait` a second time.",
        advice: "Do each of them once per job.",
    }
}
