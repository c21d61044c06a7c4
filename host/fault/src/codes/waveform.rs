//! Waveforms.

codes! {
    area "waveform";

    BAD_FORMAT "waveform.bad-format" (Upload)
        "The sound has no sample rate or no channels." => "Export the file again.";

    BAD_RESOLUTION "waveform.bad-resolution" (Policy)
        "The policy asked for more points per second than there are samples, or for none." => "Correct the policy.";

    BAD_IMAGE_SIZE "waveform.bad-image-size" (Policy)
        "The policy asked for an image smaller than 16x16 or larger than 8192x2048." => "Correct the policy.";

    PNG "waveform.png" (Host)
        "The PNG can't be encoded." => "Report it.";
}
