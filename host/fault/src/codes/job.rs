//! Jobs, from their request to their end.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area { name: "job", title: "", about: "", codes: ALL };

codes! {
    pub BAD_REQUEST = "job.bad-request" {
        blame: Upload,
        retryable: false,
        exit: 2,
        meaning: "An id is not 1 to 128 letters, digits, `_` and `-` (`run` prints the message without the code). From \
                  a worker also: the job came without an input.",
        advice: "Correct the request.",
    }
    pub BAD_INPUT = "job.bad-input" {
        blame: Upload,
        retryable: false,
        exit: 2,
        meaning: "The job's input can't be used. The message lists every problem. The platform is \
                  notified if `mediaId` and `webhookUrl` can be read.",
        advice: "Correct the input.",
    }
    pub CANCELLED = "job.cancelled" {
        blame: Host,
        retryable: true,
        exit: 130,
        meaning: "The job was cancelled: by Ctrl-C or SIGTERM, by its sender, or because its time was over. No webhook \
                  is sent. Not retryable if the work that was interrupted was failing anyway.",
        advice: "Send the job again if it is still wanted.",
    }
    pub TAKEN_OVER = "job.taken-over" {
        blame: Host,
        retryable: false,
        meaning: "The queue also gave the job to another worker, which has started it. Nothing of this attempt is \
                  published.",
        advice: "Nothing to do: the other worker finishes the job.",
    }
    pub TIMED_OUT = "job.timed-out" {
        blame: Receiver,
        retryable: false,
        meaning: "The job took longer than the `policy.executionTimeout` that its sender allowed.",
        advice: "Send it with a longer timeout.",
    }
}
