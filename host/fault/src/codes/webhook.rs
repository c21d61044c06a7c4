//! Addresses, bodies and delivery of webhooks.

codes! {
    area "webhook", about "\
A webhook that is not delivered does not fail the job: see the event `webhook`, the job's report, and the
[outbox](operations.md#webhooks-and-the-outbox). A forbidden address does: the job fails before it begins, and only the
queue is notified.";

    BAD_URL "webhook.bad-url" (Receiver)
        "The address is not an http or https URL." => "Correct `webhookUrl`.";

    URL_CREDENTIALS "webhook.url-credentials" (Receiver)
        "The URL contains a user name or a password." => "Remove them. The signature proves who sent the webhook.";

    URL_INSECURE "webhook.url-insecure" (Receiver)
        "The URL is http. `run` allows that to this machine only." => "Use https, or set `webhook.allow_http`.";

    URL_LITERAL "webhook.url-literal" (Receiver)
        "The host is an IP address, or this machine. `run` allows both."
            => "Use a public host name, or set `webhook.allow_private`.";

    URL_UNLISTED "webhook.url-unlisted" (Receiver)
        "The host is not in `webhook.allowed_hosts`. `run` has no such list."
            => "Use an allowed host, or add this one to the setting.";

    BODY_TOO_LARGE "webhook.body-too-large" (Policy)
        "The message has more than 1 MiB." => "Shorten the message in the policy.";

    BODY_NOT_JSON "webhook.body-not-json" (Policy)
        "The message is not JSON." => "Correct the policy.";

    SECRET_TOO_SHORT "webhook.secret-too-short" (Host)
        "The signing secret has fewer than 24 bytes. `run` allows a short one."
            => "Use a longer secret, or set `webhook.allow_short_secret` for local work.";

    SECRET_UNUSABLE "webhook.secret-unusable" (Host)
        "The signing secret can't be used as a key." => "Use another secret.";

    CLIENT "webhook.client" (Host)
        "The HTTP client can't be created." => "Install the system's root certificates (`ca-certificates`).";

    UNDELIVERED "webhook.undelivered" (Receiver, retryable)
        "From `outbox deliver`: the receiver still does not accept the message. It stays in the outbox."
            => "Check the receiver, then deliver again.";

    BAD_OUTBOX "webhook.bad-outbox" (Host)
        "An object in the outbox is not a message of this program, or `outbox.prefix` can't be used."
            => "Remove the object, or correct `outbox.prefix`.";

    LISTEN "webhook.listen" (Host)
        "The receiver of `demo` can't listen on 127.0.0.1."
            => "Check whether this machine lets programs listen on local ports.";
}
