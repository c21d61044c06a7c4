//! Metrics.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area { name: "observe", title: "metrics", about: "", codes: ALL };

codes! {
    pub LISTEN = "observe.listen" {
        blame: Host,
        retryable: false,
        meaning: "Metrics can't be served on `metrics.address`: the port is taken or not allowed. The worker does not \
                  start.",
        advice: "Choose another address or port.",
    }
    pub SERVE = "observe.serve" {
        blame: Host,
        retryable: false,
        meaning: "The operating system closed the port for metrics. The worker continues.",
        advice: "Restart the worker if its metrics are needed.",
    }
}
