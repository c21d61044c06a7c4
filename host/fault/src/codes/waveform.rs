//! Waveforms.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area { name: "waveform", title: "", about: "", codes: ALL };

codes! {
    pub BAD_FORMAT = "waveform.bad-format" {
        blame: Upload,
        retryable: false,
        meaning: "The sound has no sample rate or no channels.",
        advice: "Export the file again.",
    }
    pub BAD_RESOLUTION = "waveform.bad-resolution" {
        blame: Policy,
        retryable: false,
        meaning: "The policy asked for more points per second than there are samples, or for none.",
        advice: "Correct the policy.",
    }
    pub BAD_IMAGE_SIZE = "waveform.bad-image-size" {
        blame: Policy,
        retryable: false,
        meaning: "The policy asked for an image smaller than 16x16 or larger than 8192x2048.",
        advice: "Correct the policy.",
    }
    pub PNG = "waveform.png" {
        blame: Host,
        retryable: false,
        meaning: "The PNG can't be encoded.",
        advice: "Report it.",
    }
}
