//! Incomplete files of ffmpeg.

/// The codes share a few causes, and so the advice.
const MACHINE: &str = "If it repeats, check disk and GPU, and run the job with `-vv`.";

codes! {
    area "output", title "incomplete files of ffmpeg", about "\
ffmpeg reported success, but its files did not pass the check. Nothing was published. Another machine may succeed.";

    MISSING_PLAYLIST "output.missing-playlist" (Host, retryable)
        "ffmpeg wrote no playlist." => MACHINE;

    PLAYLIST "output.playlist" (Host, retryable)
        "A playlist can't be parsed, or lists no segments." => MACHINE;

    NOT_ENDED "output.not-ended" (Host, retryable)
        "A playlist has no end marker." => MACHINE;

    MISSING_SEGMENT "output.missing-segment" (Host, retryable)
        "A playlist lists a file that is not there." => MACHINE;

    EMPTY_SEGMENT "output.empty-segment" (Host, retryable)
        "A file that a playlist lists is empty." => MACHINE;

    DAMAGED_SEGMENT "output.damaged-segment" (Host, retryable)
        "A segment does not consist of whole packets or boxes." => MACHINE;

    LONG_SEGMENT "output.long-segment" (Host, retryable)
        "A segment is longer than requested: a keyframe is missing." => MACHINE;

    SHORT "output.short" (Host, retryable)
        "The output is shorter than the source." => MACHINE;

    LONG "output.long" (Host, retryable)
        "The output is longer than the source." => MACHINE;

    SEGMENT_TIMES "output.segment-times" (Host, retryable)
        "A segment does not hold the picture and the sound of its own time, or frames are missing or doubled." => MACHINE;

    DIFFERS "output.differs" (Host, retryable)
        "A rung does not show or sound like the source: other pictures, other colours, another loudness, or out of step."
            => "The encoder or its driver is at fault more often than the source. If it repeats on one machine only, take \
                that machine out; if it repeats on all of them, keep the source and report it.";

    NO_KEYFRAME "output.no-keyframe" (Host, retryable)
        "A segment does not begin with a keyframe." => MACHINE;

    CODECS "output.codecs" (Host, retryable)
        "The codecs can't be determined, or there is a track too few or too many." => MACHINE;

    UNREADABLE "output.unreadable" (Host, retryable)
        "A file can't be read." => MACHINE;

    NOT_WHOLE "output.not-whole" (Host, retryable)
        "The mezzanine, a still or another single file is empty, too short, lacks a track, or can't be decoded. Or a \
         rung can't be decoded."
            => MACHINE;
}
