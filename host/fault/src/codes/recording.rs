//! Recordings of jobs.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area { name: "recording", title: "recordings of jobs", about: "", codes: ALL };

codes! {
    pub UNREADABLE = "recording.unreadable" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "The file is not a recording, or has another version of the format.",
        advice: "Record the job again.",
    }
    pub IO = "recording.io" {
        blame: Host,
        retryable: false,
        meaning: "A recording, or the folder of `--record`, can't be read or written. The `policy` commands end with \
                  exit code 2.",
        advice: "Check the path and its permissions.",
    }
}
