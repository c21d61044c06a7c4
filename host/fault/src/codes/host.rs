//! The machine and its programs.

use super::Area;
use crate::code::codes;

pub(super) static AREA: Area = Area { name: "host", title: "the machine", about: "", codes: ALL };

codes! {
    pub DISK_FULL = "host.disk-full" {
        blame: Host,
        retryable: true,
        meaning: "The disk of the work directory is full: the original does not fit, ffmpeg reported it, or less than \
                  1 MiB was free after ffmpeg failed.",
        advice: "See [troubleshooting](troubleshooting.md#the-disk-is-full).",
    }
    pub WORK_DIRECTORY = "host.work-directory" {
        blame: Host,
        retryable: true,
        meaning: "The work directory can't be created or used.",
        advice: "Check `--work-dir` or `job.work_dir`.",
    }
    pub FFMPEG = "host.ffmpeg" {
        blame: Host,
        retryable: false,
        meaning: "When a worker starts: ffmpeg or ffprobe is missing, or no encoder works.",
        advice: "Run `doctor`.",
    }
    pub NO_SANDBOX = "host.no-sandbox" {
        blame: Host,
        retryable: false,
        meaning: "When a worker starts: `job.require_sandbox` is set, and ffmpeg can't be confined wholly here. The message \
                  says what is missing.",
        advice: "Use a kernel of 6.2 or later and a container that allows Landlock and seccomp, as Docker's default does.",
    }
    pub FFMPEG_MISSING = "host.ffmpeg-missing" {
        blame: Host,
        retryable: true,
        meaning: "In a job: ffmpeg or ffprobe can't be started.",
        advice: "Run `doctor`.",
    }
    pub FFMPEG_FAILED = "host.ffmpeg-failed" {
        blame: Host,
        retryable: true,
        meaning: "ffmpeg failed, and not because of the upload. The message has the last lines that it printed.",
        advice: "Run the job with `-vv`, then run the ffmpeg command by itself.",
    }
    pub FFMPEG_STALLED = "host.ffmpeg-stalled" {
        blame: Host,
        retryable: true,
        meaning: "ffmpeg made no progress for 120 s.",
        advice: "Look for a disk or GPU that hangs.",
    }
    pub NO_GPU = "host.no-gpu" {
        blame: Host,
        retryable: false,
        meaning: "A GPU is required, and none passed the test encode.",
        advice: "Run `doctor`, or allow the CPU.",
    }
    pub PROBE = "host.probe" {
        blame: Host,
        retryable: false,
        meaning: "The output of ffprobe can't be read.",
        advice: "Report it with the version of ffprobe.",
    }
    pub BUG = "host.bug" {
        blame: Host,
        retryable: false,
        exit: 1,
        meaning: "A bug of this program.",
        advice: "Report it.",
    }
}
