//! The local API.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area { name: "serve", title: "the local API", about: "", codes: ALL };

codes! {
    pub BAD_REQUEST = "serve.bad-request" {
        blame: Upload,
        retryable: false,
        meaning: "The body of `/run`, or the file of `--test-input`, is not a job.",
        advice: "Correct it. The message says what is expected.",
    }
    pub LISTEN = "serve.listen" {
        blame: Host,
        retryable: false,
        meaning: "The local API can't listen on its address: the port is taken or not allowed.",
        advice: "Choose another address or port.",
    }
}
