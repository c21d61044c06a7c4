//! Recordings of jobs.

codes! {
    area "recording", title "recordings of jobs";

    UNREADABLE "recording.unreadable" (Host, exit 2)
        "The file is not a recording, or has another version of the format." => "Record the job again.";

    IO "recording.io" (Host)
        "A recording, or the folder of `--record`, can't be read or written. The `policy` commands end with exit code \
         2."
            => "Check the path and its permissions.";
}
