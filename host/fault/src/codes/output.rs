//! Incomplete files of ffmpeg.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area {
    name: "output",
    title: "incomplete files of ffmpeg",
    about: "\
ffmpeg reported success, but its files did not pass the check. Nothing was published. Another machine may succeed.",
    codes: ALL,
};

/// The codes share a few causes, and so the advice.
const MACHINE: &str = "If it repeats, check disk and GPU, and run the job with `-vv`.";

codes! {
    pub MISSING_PLAYLIST = "output.missing-playlist" {
        blame: Host,
        retryable: true,
        meaning: "ffmpeg wrote no playlist.",
        advice: MACHINE,
    }
    pub PLAYLIST = "output.playlist" {
        blame: Host,
        retryable: true,
        meaning: "A playlist can't be parsed, or lists no segments.",
        advice: MACHINE,
    }
    pub NOT_ENDED = "output.not-ended" {
        blame: Host,
        retryable: true,
        meaning: "A playlist has no end marker.",
        advice: MACHINE,
    }
    pub MISSING_SEGMENT = "output.missing-segment" {
        blame: Host,
        retryable: true,
        meaning: "A playlist lists a file that is not there.",
        advice: MACHINE,
    }
    pub EMPTY_SEGMENT = "output.empty-segment" {
        blame: Host,
        retryable: true,
        meaning: "A file that a playlist lists is empty.",
        advice: MACHINE,
    }
    pub DAMAGED_SEGMENT = "output.damaged-segment" {
        blame: Host,
        retryable: true,
        meaning: "A segment does not consist of whole packets or boxes.",
        advice: MACHINE,
    }
    pub LONG_SEGMENT = "output.long-segment" {
        blame: Host,
        retryable: true,
        meaning: "A segment is longer than requested: a keyframe is missing.",
        advice: MACHINE,
    }
    pub SHORT = "output.short" {
        blame: Host,
        retryable: true,
        meaning: "The output is shorter than the source.",
        advice: MACHINE,
    }
    pub LONG = "output.long" {
        blame: Host,
        retryable: true,
        meaning: "The output is longer than the source.",
        advice: MACHINE,
    }
    pub NO_KEYFRAME = "output.no-keyframe" {
        blame: Host,
        retryable: true,
        meaning: "A segment does not begin with a keyframe.",
        advice: MACHINE,
    }
    pub CODECS = "output.codecs" {
        blame: Host,
        retryable: true,
        meaning: "The codecs can't be determined, or there is a track too few or too many.",
        advice: MACHINE,
    }
    pub UNREADABLE = "output.unreadable" {
        blame: Host,
        retryable: true,
        meaning: "A file can't be read.",
        advice: MACHINE,
    }
    pub NOT_WHOLE = "output.not-whole" {
        blame: Host,
        retryable: true,
        meaning: "The mezzanine, a still or another single file is empty, too short, lacks a track, or can't be \
                  decoded. Or a rung can't be decoded.",
        advice: MACHINE,
    }
}
