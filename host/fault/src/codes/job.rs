//! Jobs, from their request to their end.

codes! {
    area "job";

    BAD_REQUEST "job.bad-request" (Upload, exit 2)
        "An id is not 1 to 128 letters, digits, `_` and `-` (`run` prints the message without the code). From a worker \
         also: the job came without an input."
            => "Correct the request.";

    BAD_INPUT "job.bad-input" (Upload, exit 2)
        "The job's input can't be used. The message lists every problem. The platform is notified if `mediaId` and \
         `webhookUrl` can be read."
            => "Correct the input.";

    CANCELLED "job.cancelled" (Host, retryable, exit 130)
        "The job was cancelled: by Ctrl-C or SIGTERM, by its sender, or because its time was over. No webhook is sent. \
         Not retryable if the work that was interrupted was failing anyway."
            => "Send the job again if it is still wanted.";

    TAKEN_OVER "job.taken-over" (Host)
        "The queue also gave the job to another worker, which has started it. Nothing of this attempt is published."
            => "Nothing to do: the other worker finishes the job.";

    TIMED_OUT "job.timed-out" (Receiver)
        "The job took longer than the `policy.executionTimeout` that its sender allowed."
            => "Send it with a longer timeout.";
}
