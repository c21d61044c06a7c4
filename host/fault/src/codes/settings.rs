//! The worker's settings.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area {
    name: "settings",
    title: "the worker's settings",
    about: "\
All problems are reported at once, each with the place where the value was set. No message contains a secret. A worker
on RunPod ends with exit code 1 instead.",
    codes: ALL,
};

codes! {
    pub UNREADABLE = "settings.unreadable" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "The settings file can't be read.",
        advice: "Check `--config` or `CODEX_CONFIG`.",
    }
    pub SYNTAX = "settings.syntax" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "The file is not TOML, or `CODEX_POLICY_SETTINGS` is not a JSON object.",
        advice: "Correct it. The message has the line or the position.",
    }
    pub UNKNOWN = "settings.unknown" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "There is no such setting, or a variable that begins with `CODEX_` belongs to no setting.",
        advice: "Use one of the names that the message lists.",
    }
    pub MISSING = "settings.missing" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "A required setting is not set.",
        advice: "Set it. The message names the key and its variables.",
    }
    pub BAD_VALUE = "settings.bad-value" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "A setting does not take this value.",
        advice: "Correct the value. The message says what the setting takes.",
    }
    pub UNSAFE = "settings.unsafe" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "The value is valid but forbidden here: a short secret, http to another machine, private addresses \
                  in `production`.",
        advice: "Follow the instructions in the message.",
    }
    pub CONTRADICTION = "settings.contradiction" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "Two settings contradict each other.",
        advice: "Follow the instructions in the message.",
    }
    pub SECRET_EXPOSED = "settings.secret-exposed" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "The settings of the policy contain a secret.",
        advice: "Remove it there. A policy never needs one.",
    }
    pub INVALID = "settings.invalid" {
        blame: Host,
        retryable: false,
        exit: 2,
        meaning: "There is more than one of these problems.",
        advice: "Correct each of them. The message has a line for each.",
    }
}
