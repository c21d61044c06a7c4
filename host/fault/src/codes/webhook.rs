//! Addresses, bodies and delivery of webhooks.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area {
    name: "webhook",
    title: "",
    about: "\
A webhook that is not delivered does not fail the job: see the event `webhook`, the job's report, and the
[outbox](operations.md#webhooks-and-the-outbox). A forbidden address does: the job fails before it begins, and only the
queue is notified.",
    codes: ALL,
};

codes! {
    pub BAD_URL = "webhook.bad-url" {
        blame: Receiver,
        retryable: false,
        meaning: "The address is not an http or https URL.",
        advice: "Correct `webhookUrl`.",
    }
    pub URL_CREDENTIALS = "webhook.url-credentials" {
        blame: Receiver,
        retryable: false,
        meaning: "The URL contains a user name or a password.",
        advice: "Remove them. The signature proves who sent the webhook.",
    }
    pub URL_INSECURE = "webhook.url-insecure" {
        blame: Receiver,
        retryable: false,
        meaning: "The URL is http. `run` allows that to this machine only.",
        advice: "Use https, or set `webhook.allow_http`.",
    }
    pub URL_LITERAL = "webhook.url-literal" {
        blame: Receiver,
        retryable: false,
        meaning: "The host is an IP address, or this machine. `run` allows both.",
        advice: "Use a public host name, or set `webhook.allow_private`.",
    }
    pub URL_UNLISTED = "webhook.url-unlisted" {
        blame: Receiver,
        retryable: false,
        meaning: "The host is not in `webhook.allowed_hosts`. `run` has no such list.",
        advice: "Use an allowed host, or add this one to the setting.",
    }
    pub BODY_TOO_LARGE = "webhook.body-too-large" {
        blame: Policy,
        retryable: false,
        meaning: "The message has more than 1 MiB.",
        advice: "Shorten the message in the policy.",
    }
    pub BODY_NOT_JSON = "webhook.body-not-json" {
        blame: Policy,
        retryable: false,
        meaning: "The message is not JSON.",
        advice: "Correct the policy.",
    }
    pub SECRET_TOO_SHORT = "webhook.secret-too-short" {
        blame: Host,
        retryable: false,
        meaning: "The signing secret has fewer than 24 bytes. `run` allows a short one.",
        advice: "Use a longer secret, or set `webhook.allow_short_secret` for local work.",
    }
    pub SECRET_UNUSABLE = "webhook.secret-unusable" {
        blame: Host,
        retryable: false,
        meaning: "The signing secret can't be used as a key.",
        advice: "Use another secret.",
    }
    pub CLIENT = "webhook.client" {
        blame: Host,
        retryable: false,
        meaning: "The HTTP client can't be created.",
        advice: "Install the system's root certificates (`ca-certificates`).",
    }
    pub UNDELIVERED = "webhook.undelivered" {
        blame: Receiver,
        retryable: true,
        meaning: "From `outbox deliver`: the receiver still does not accept the message. It stays in the outbox.",
        advice: "Check the receiver, then deliver again.",
    }
    pub BAD_OUTBOX = "webhook.bad-outbox" {
        blame: Host,
        retryable: false,
        meaning: "An object in the outbox is not a message of this program, or `outbox.prefix` can't be used.",
        advice: "Remove the object, or correct `outbox.prefix`.",
    }
    pub LISTEN = "webhook.listen" {
        blame: Host,
        retryable: false,
        meaning: "The receiver of `demo` can't listen on 127.0.0.1.",
        advice: "Check whether this machine lets programs listen on local ports.",
    }
}
