//! Scenarios of a policy's author.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area =
    Area { name: "scenario", title: "the scenarios of `policy test`", about: "", codes: ALL };

codes! {
    pub FAILED = "scenario.failed" {
        blame: Policy,
        retryable: false,
        meaning: "The result of a scenario differs from what was expected. The differences are printed.",
        advice: "Correct the policy, or the scenario.",
    }
    pub UNREADABLE = "scenario.unreadable" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "A scenario can't be run. The message has the place in the file, and what is allowed there.",
        advice: "Correct it. [scenarios.md](scenarios.md) has the format.",
    }
}
