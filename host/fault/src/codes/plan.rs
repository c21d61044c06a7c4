//! What the policy asked for.

codes! {
    area "plan", title "what the policy asked for",
        about "The policy asked for something impossible. Nothing was started.";

    OUT_OF_RANGE "plan.out-of-range" (Policy)
        "A number is out of its bounds. The message has the number and the bounds."
            => "Correct the number in the policy.";

    IMPOSSIBLE "plan.impossible" (Policy)
        "Some outputs contradict each other or the source." => "Correct the policy. The message has the reason.";

    NO_ENCODER "plan.no-encoder" (Policy)
        "A codec was asked for that no encoder of this machine makes."
            => "Have the policy choose among the codecs of `gpu.encoders`, or use an ffmpeg that has the encoder.";

    NO_MEASURE "plan.no-measure" (Policy)
        "A target of quality is in a measure that this machine's ffmpeg doesn't have."
            => "Have the policy choose among `gpu.measures`, or use an ffmpeg that has it: XPSNR from 7.1 on, VMAF if built with libvmaf.";

    SAME_DESTINATION "plan.same-destination" (Policy)
        "Two outputs have the same key." => "Give every output a key of its own.";

    BAD_KEY "plan.bad-key" (Policy)
        "A key can't be the name of an object. Also from `media.open` and `storage`."
            => "Correct the key. The message has the reason.";

    UNKNOWN_ATTRIBUTE "plan.unknown-attribute" (Policy)
        "An attribute of the plan, or of a record in it, that this host doesn't know. It is refused, because ignoring \
         it would carry out another plan than the one that was asked for."
            => "Leave the attribute out, or use a host that knows it.";

    RESERVED_KEY "plan.reserved-key" (Policy)
        "A segment of the key begins with `.codex` or `.unfinished-`, in any case or Unicode form: those names are the \
         host's own."
            => "Give the object another name.";

    FOREIGN_PREFIX "plan.foreign-prefix" (Policy)
        "A key does not begin with the id of the job's creator. Also from `media.open`, `storage.head` and \
         `storage.put`."
            => "Begin the key with the creator's id.";

    OUT_OF_ORDER "plan.out-of-order" (Policy)
        "The policy opened a second source, started a second transcode, or called `wait` a second time."
            => "Do each of them once per job.";
}
