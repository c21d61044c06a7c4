//! The platform's side of a worker.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area {
    name: "runpod",
    title: "the platform's side",
    about: "\
The platform sets the `RUNPOD_` variables, unless a template sets them by hand. If one is wrong, the worker ends with
exit code 5. Values are not printed, since they may contain a token.",
    codes: ALL,
};

codes! {
    pub VARIABLE_MISSING = "runpod.variable-missing" {
        blame: Host,
        retryable: false,
        meaning: "`RUNPOD_WEBHOOK_GET_JOB` is set and the variable for results is not.",
        advice: "Set both or neither.",
    }
    pub BAD_URL = "runpod.bad-url" {
        blame: Host,
        retryable: false,
        meaning: "A variable is not an http or https URL. The message names it.",
        advice: "Correct it.",
    }
    pub RESULT_URL = "runpod.result-url" {
        blame: Host,
        retryable: false,
        meaning: "The address for results does not contain `$ID`.",
        advice: "Correct `RUNPOD_WEBHOOK_POST_OUTPUT`.",
    }
    pub PING_INTERVAL = "runpod.ping-interval" {
        blame: Host,
        retryable: false,
        meaning: "`RUNPOD_PING_INTERVAL` is not a number of milliseconds above zero.",
        advice: "Correct it, or leave it out.",
    }
    pub API_KEY = "runpod.api-key" {
        blame: Host,
        retryable: false,
        meaning: "`RUNPOD_AI_API_KEY` has characters that an HTTP header can't carry.",
        advice: "Correct it.",
    }
    pub CLIENT = "runpod.client" {
        blame: Host,
        retryable: true,
        meaning: "The HTTP client can't be created.",
        advice: "Install the system's root certificates (`ca-certificates`).",
    }
    pub HEARTBEAT = "runpod.heartbeat" {
        blame: Host,
        retryable: true,
        meaning: "The thread of the heartbeat can't be started.",
        advice: "Check how many threads the container may have.",
    }
    pub RESULT_TOO_LARGE = "runpod.result-too-large" {
        blame: Host,
        retryable: false,
        meaning: "The result has more than 20 MB. The queue gets this error in its place.",
        advice: "Shorten the output of the policy's workflow.",
    }
}
