//! The platform's side of a worker.

codes! {
    area "runpod", title "the platform's side", about "\
The platform sets the `RUNPOD_` variables, unless a template sets them by hand. If one is wrong, the worker ends with
exit code 5. Values are not printed, since they may contain a token.";

    VARIABLE_MISSING "runpod.variable-missing" (Host)
        "`RUNPOD_WEBHOOK_GET_JOB` is set and the variable for results is not." => "Set both or neither.";

    BAD_URL "runpod.bad-url" (Host)
        "A variable is not an http or https URL. The message names it." => "Correct it.";

    RESULT_URL "runpod.result-url" (Host)
        "The address for results does not contain `$ID`." => "Correct `RUNPOD_WEBHOOK_POST_OUTPUT`.";

    PING_INTERVAL "runpod.ping-interval" (Host)
        "`RUNPOD_PING_INTERVAL` is not a number of milliseconds above zero." => "Correct it, or leave it out.";

    API_KEY "runpod.api-key" (Host)
        "`RUNPOD_AI_API_KEY` has characters that an HTTP header can't carry." => "Correct it.";

    CLIENT "runpod.client" (Host, retryable)
        "The HTTP client can't be created." => "Install the system's root certificates (`ca-certificates`).";

    HEARTBEAT "runpod.heartbeat" (Host, retryable)
        "The thread of the heartbeat can't be started." => "Check how many threads the container may have.";

    SUBMIT "runpod.submit" (Host, retryable)
        "`jobs retry` could not send a job. The message has the answer, or why there was none."
            => "Check the address or the endpoint's id, and the key. Jobs that were sent are not sent again.";

    RESULT_TOO_LARGE "runpod.result-too-large" (Host)
        "The result has more than 20 MB. The queue gets this error in its place."
            => "Shorten the output of the policy's workflow.";
}
