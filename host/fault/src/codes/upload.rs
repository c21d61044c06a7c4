//! The uploaded file.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area {
    name: "upload",
    title: "the file",
    about: "A policy's `ladder.select` may refuse a source with codes of its own.",
    codes: ALL,
};

codes! {
    pub EMPTY = "upload.empty" {
        blame: Upload,
        retryable: false,
        meaning: "The file has no bytes.",
        advice: "Upload it again.",
    }
    pub NOT_MEDIA = "upload.not-media" {
        blame: Upload,
        retryable: false,
        meaning: "The file is not audio or video in a supported container. Playlists, scripts and pictures are refused \
                  too, whatever the name of the file.",
        advice: "Export it as MP4, MOV, MKV, WebM, MP3, M4A, WAV or FLAC.",
    }
    pub TRUNCATED = "upload.truncated" {
        blame: Upload,
        retryable: false,
        meaning: "Part of the file is missing: it has no index, or the index names packets that are not there.",
        advice: "Upload it again from the source.",
    }
    pub UNSUPPORTED_CODEC = "upload.unsupported-codec" {
        blame: Upload,
        retryable: false,
        meaning: "A track has a codec that can't be decoded here. The message names the codec.",
        advice: "Export the file as H.264 with AAC.",
    }
    pub TOO_LARGE = "upload.too-large" {
        blame: Upload,
        retryable: false,
        meaning: "The picture has more pixels than 8192x4320.",
        advice: "Export it smaller.",
    }
    pub TOO_MANY_BYTES = "upload.too-many-bytes" {
        blame: Upload,
        retryable: false,
        meaning: "The original is larger than `job.max_original_gib`. It was not downloaded.",
        advice: "Export a smaller file or several parts, or raise the setting.",
    }
    pub TOO_DEMANDING = "upload.too-demanding" {
        blame: Upload,
        retryable: false,
        meaning: "Reading or encoding the file took more memory or processor time than a file of its size and length may \
                  take. The message has the limit.",
        advice: "Export it again from the source; a file that a program made as it should be stays far below the limits.",
    }
    pub TOO_SMALL = "upload.too-small" {
        blame: Upload,
        retryable: false,
        meaning: "The picture is less than 16 pixels wide or high.",
        advice: "Export it larger.",
    }
    pub ZERO_DURATION = "upload.zero-duration" {
        blame: Upload,
        retryable: false,
        meaning: "The file has no duration, or holds a single moment.",
        advice: "Upload the whole recording.",
    }
    pub NO_AUDIO = "upload.no-audio" {
        blame: Upload,
        retryable: false,
        meaning: "The file was declared as audio and has no usable sound.",
        advice: "Upload it as video, or upload a file with sound.",
    }
    pub NO_VIDEO = "upload.no-video" {
        blame: Upload,
        retryable: false,
        meaning: "The file was declared as video and has no usable picture.",
        advice: "Upload it as audio, or upload a file with a picture.",
    }
    pub DAMAGED = "upload.damaged" {
        blame: Upload,
        retryable: false,
        meaning: "The file is complete but can't be decoded.",
        advice: "Export it again.",
    }
    pub NO_MEDIA = "upload.no-media" {
        blame: Upload,
        retryable: false,
        meaning: "Reported by the policies: the file has neither a picture nor sound.",
        advice: "Upload another file.",
    }
}
