//! The local API.

codes! {
    area "serve", title "the local API";

    BAD_REQUEST "serve.bad-request" (Upload)
        "The body of `/run`, or the file of `--test-input`, is not a job."
            => "Correct it. The message says what is expected.";

    LISTEN "serve.listen" (Host)
        "The local API can't listen on its address: the port is taken or not allowed."
            => "Choose another address or port.";
}
