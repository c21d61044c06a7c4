//! Real renditions for tests, made by ffmpeg.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};

/// What to make: 14 s with a keyframe every 2 s, in segments of 6 s, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::hls) enum Kind {
    Ts,
    TsSingleFile,
    Fmp4,
    Fmp4SingleFile,
    /// Sound alone, in a transport stream.
    Sound,
    /// Pictures alone, in a transport stream.
    Silent,
    /// One second of noise whose keyframes are larger than a megabyte, in a transport stream.
    Heavy,
    /// Cut by the clock, between keyframes.
    TsWithoutKeyframes,
    /// The same in fragmented MP4.
    Fmp4WithoutKeyframes,
}

/// A folder with `out.m3u8` and its files, deleted on drop.
pub(in crate::hls) struct Sample(tempfile::TempDir);

impl Sample {
    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.dir().join(file)).unwrap()
    }

    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.dir().join(file), bytes).unwrap();
    }
}

/// Each caller gets its own folder, so that a test may damage the files. ffmpeg runs once per kind.
pub(in crate::hls) fn make(kind: Kind) -> Sample {
    type Files = Arc<Vec<(std::ffi::OsString, Vec<u8>)>>;
    static MADE: LazyLock<Mutex<HashMap<Kind, Files>>> = LazyLock::new(Mutex::default);
    let files = MADE.lock().unwrap().entry(kind).or_insert_with(|| Arc::new(run_ffmpeg(kind))).clone();
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files.iter() {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    Sample(dir)
}

fn run_ffmpeg(kind: Kind) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let (fmp4, single) = match kind {
        Kind::Fmp4 | Kind::Fmp4WithoutKeyframes => (true, false),
        Kind::Fmp4SingleFile => (true, true),
        Kind::TsSingleFile => (false, true),
        _ => (false, false),
    };
    let by_the_clock = matches!(kind, Kind::TsWithoutKeyframes | Kind::Fmp4WithoutKeyframes);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.current_dir(dir.path()).args(["-v", "error", "-nostdin"]);
    if !matches!(kind, Kind::Sound) {
        // Sizes that are no multiple of 16, so that cropping matters.
        let usual = "testsrc2=s=322x182:r=25";
        let noise = "nullsrc=s=1280x720:r=2,geq=random(1)*255:128:128";
        ffmpeg.args(["-f", "lavfi", "-i", if matches!(kind, Kind::Heavy) { noise } else { usual }]);
    }
    if !matches!(kind, Kind::Silent) {
        ffmpeg.args(["-f", "lavfi", "-i", "sine=f=440:r=48000"]);
    }
    ffmpeg.args(["-t", if matches!(kind, Kind::Heavy) { "1" } else { "14" }]);
    if !matches!(kind, Kind::Sound) {
        // Main profile at level 4.0, whatever the preset would choose.
        ffmpeg.args(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-level", "4.0"]);
        ffmpeg.args(["-pix_fmt", "yuv420p", "-sc_threshold", "0", "-threads", "1"]);
        ffmpeg.args(["-crf", if matches!(kind, Kind::Heavy) { "1" } else { "23" }]);
        let keyframes = if by_the_clock { "0" } else { "expr:gte(t,n_forced*2)" };
        ffmpeg.args(["-g", "1000", "-force_key_frames", keyframes]);
    }
    if !matches!(kind, Kind::Silent) {
        ffmpeg.args(["-c:a", "aac", "-b:a", "96k"]);
    }
    ffmpeg.args(["-f", "hls", "-hls_time", "6", "-hls_playlist_type", "vod"]);
    ffmpeg.args(["-hls_segment_type", if fmp4 { "fmp4" } else { "mpegts" }]);
    if by_the_clock {
        ffmpeg.args(["-hls_flags", "split_by_time"]);
    }
    let segments = match (fmp4, single) {
        (false, false) => "seg%d.ts",
        (false, true) => "all.ts",
        (true, false) => "seg%d.m4s",
        (true, true) => "all.mp4",
    };
    if single {
        ffmpeg.args(["-hls_flags", "single_file"]);
    }
    let status = ffmpeg.args(["-hls_segment_filename", segments, "out.m3u8"]).status().unwrap();
    assert!(status.success(), "{kind:?}");
    let entries = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect()
}
