//! A source and plans for tests.

use std::time::Duration;

use storage::{Destination, Key};

use crate::containment::ProbeDepth;
use crate::context::MediaTools;
use crate::encoder::Processor;
use crate::encoding::{Effort, Encoding};
use crate::info::{Audio, Coded, DynamicRange, Matrix, MediaInfo, Ratio, Video};
use crate::moment::Moment;
use crate::outputs::{Archive, Container, Ladder, Output, Rung, Still, StillFormat};
use crate::plan::{Plan, Preference};
use crate::process::Tool;
use crate::proof::{Build, Proof};
use crate::sessions::Sessions;

pub(crate) fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

pub(crate) fn at(text: &str) -> Destination {
    Destination { store: "media".into(), key: key(text) }
}

/// The real programs, without a GPU.
pub(crate) fn tools() -> MediaTools {
    let tool = |name: &str| Tool::new(name.into(), Duration::from_secs(60));
    MediaTools {
        ffmpeg: tool("ffmpeg"),
        build: Build::default(),
        ffprobe: tool("ffprobe"),
        proof: Proof::assumed(&[Processor::Cpu]),
        devices: Vec::new(),
        sessions: Sessions::default(),
        cores: 1,
        forced_preference: None,
        keys: None,
        timeline: timeline::Timeline::default(),
    }
}

/// A minute of 1080p with stereo sound.
pub(crate) fn info() -> MediaInfo {
    let length = Duration::from_secs(60);
    MediaInfo {
        depth: ProbeDepth::Usual,
        container: "mov".into(),
        duration: length,
        size: 1,
        video: Some(Video {
            index: 0,
            codec: "h264".into(),
            width: 1920,
            height: 1080,
            frame_rate: Ratio { numerator: 30_000, denominator: 1001 },
            bit_depth: 8,
            range: DynamicRange::Sdr,
            light: None,
            matrix: Matrix::Bt709,
            full_range: false,
            limited_grey: false,
            interlaced: false,
            coded: Coded { width: 1920, height: 1080, pixels: "yuv420p".into(), is_turned: false },
            packets: 0,
            start: Duration::ZERO,
            length,
        }),
        audio: Some(Audio {
            index: 1,
            right: None,
            codec: "aac".into(),
            channels: 2,
            sample_rate: 44_100,
            packets: 0,
            start: Duration::ZERO,
            untimed: false,
            length,
        }),
        sounds: Vec::new(),
        texts: Vec::new(),
        notes: Vec::new(),
        unused: Vec::new(),
        part: None,
        sample_of: None,
    }
}

pub(crate) fn encoding() -> Encoding {
    Encoding::h264(23, Some(3000), Effort::Fast)
}

pub(crate) fn rung(name: &str, short_side: u32) -> Rung {
    Rung {
        name: name.into(),
        video: Some((short_side, encoding())),
        audio_kbps: Some(128),
        playlist: key(&format!("u/{name}/index.m3u8")),
    }
}

pub(crate) fn ladder() -> Ladder {
    Ladder {
        store: "media".into(),
        master: key("u/master.m3u8"),
        rungs: vec![rung("720p", 720), rung("360p", 360)],
        segment_ms: 6000,
        keyframe_ms: 2000,
        container: Container::Ts,
        single_file: false,
    }
}

pub(crate) fn archive() -> Archive {
    Archive {
        to: Destination { store: "archive".into(), key: key("u/mezzanine.mp4") },
        video: Some(Encoding::h264(18, None, Effort::Slow)),
        audio_kbps: Some(256),
        keep: false,
    }
}

pub(crate) fn still(max_width: u32) -> Output {
    let (to, at) = (at("u/still.jpg"), Moment::Permille(100));
    Output::Still(Still { to, at, max_width, format: StillFormat::Jpeg, quality: 80 })
}

/// A ladder and an archive file.
pub(crate) fn plan() -> Plan {
    plan_of([Output::Ladder(ladder()), Output::Archive(archive())])
}

pub(crate) fn plan_of(outputs: impl Into<Vec<Output>>) -> Plan {
    Plan {
        outputs: outputs.into(),
        loudness: None,
        prefer: Preference::Auto,
        trim: None,
        encryption: None,
        watermark: None,
        targets: Vec::new(),
    }
}
