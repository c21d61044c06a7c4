//! The keys of encrypted ladders.

codes! {
    area "keys", title "the keys of encrypted ladders";

    NO_SERVICE "keys.no-service" (Policy)
        "The policy asks for encryption, and this environment has no key service."
            => "Set `keys.place` and `keys.uri`, or have the policy encrypt nothing.";

    NOT_FOUND "keys.not-found" (Policy)
        "The key service has no key of the name that the policy asks for."
            => "Make the key, or correct the name in the policy. Where keys change, their names end in `-0`, `-1` and so on.";

    NO_KEY "keys.no-key" (Host)
        "What the key service has under that name is neither 16 bytes nor 32 hexadecimal digits."
            => "Correct the key.";

    UNAVAILABLE "keys.unavailable" (Host, retryable)
        "The key service did not answer, or answered with an error. The message has the reason."
            => "Check `keys.place` and `keys.token`, and the service.";
}
