//! Metrics.

codes! {
    area "observe", title "metrics";

    LISTEN "observe.listen" (Host)
        "Metrics can't be served on `metrics.address`: the port is taken or not allowed. The worker does not start."
            => "Choose another address or port.";

    SERVE "observe.serve" (Host)
        "The operating system closed the port for metrics. The worker continues."
            => "Restart the worker if its metrics are needed.";
}
