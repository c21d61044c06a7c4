//! The machine and its programs.

codes! {
    area "host", title "the machine";

    DISK_FULL "host.disk-full" (Host, retryable)
        "The disk of the work directory is full: the original does not fit, ffmpeg reported it, or less than 1 MiB was \
         free after ffmpeg failed."
            => "See [troubleshooting](troubleshooting.md#the-disk-is-full).";

    WORK_DIRECTORY "host.work-directory" (Host, retryable)
        "The work directory can't be created or used." => "Check `--work-dir` or `job.work_dir`.";

    FFMPEG "host.ffmpeg" (Host)
        "When a worker starts: ffmpeg or ffprobe is missing, or no encoder works." => "Run `doctor`.";

    NO_SANDBOX "host.no-sandbox" (Host)
        "When a worker starts: `job.require_sandbox` is set, and ffmpeg can't be confined wholly here. The message \
         says what is missing."
            => "Use a kernel of 6.2 or later and a container that allows Landlock and seccomp, as Docker's default does.";

    FFMPEG_MISSING "host.ffmpeg-missing" (Host, retryable)
        "In a job: ffmpeg or ffprobe can't be started." => "Run `doctor`.";

    FFMPEG_FAILED "host.ffmpeg-failed" (Host, retryable)
        "ffmpeg failed, and not because of the upload. The message has the last lines that it printed."
            => "Run the job with `-vv`, then run the ffmpeg command by itself.";

    FFMPEG_STALLED "host.ffmpeg-stalled" (Host, retryable)
        "ffmpeg made no progress for 120 s." => "Look for a disk or GPU that hangs.";

    TOO_SLOW "host.too-slow" (Host, retryable)
        "ffmpeg went on, but had not ended in many times the time that its work usually takes."
            => "Look for what else uses the machine; run fewer jobs at the same time.";

    NO_GPU "host.no-gpu" (Host)
        "A GPU is required, and none passed the test encode." => "Run `doctor`, or allow the CPU.";

    PROBE "host.probe" (Host)
        "The output of ffprobe can't be read." => "Report it with the version of ffprobe.";

    BUG "host.bug" (Host, exit 1)
        "A bug of this program." => "Report it.";
}
