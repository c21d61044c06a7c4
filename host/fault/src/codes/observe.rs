//! Metrics.

codes! {
    area "observe", title "metrics";

    LISTEN "observe.listen" (Host)
        "Metrics can't be served on `metrics.address`: the port is taken or not allowed. The worker does not start."
            => "Choose another address or port.";
}
