use crate::types::*;

/// A job of the creator `creator-1` for the media item `media-1`.
pub fn job(kind: MediaKind) -> Job {
    Job {
        id: "job-1".into(),
        media_id: "media-1".into(),
        creator_id: "creator-1".into(),
        kind,
        source: Destination::new("originals", "creator-1/originals/media-1/upload.mov"),
        attributes: Vec::new(),
    }
}

/// Ten seconds of media with these tracks.
pub fn media_info(video: Option<VideoInfo>, audio: Option<AudioInfo>) -> MediaInfo {
    MediaInfo {
        container: "mov,mp4,m4a,3gp,3g2,mj2".into(),
        duration_ms: 10_000,
        size_bytes: 1_000_000,
        video,
        audio,
        attributes: Vec::new(),
    }
}

/// H.264 of this size at 30 frames per second.
pub fn video_info(width: u32, height: u32) -> VideoInfo {
    VideoInfo {
        codec: "h264".into(),
        width,
        height,
        frame_rate: Ratio { numerator: 30, denominator: 1 },
        bit_depth: 8,
        dynamic_range: DynamicRange::Sdr,
        interlaced: false,
        attributes: Vec::new(),
    }
}

/// Stereo AAC at 48 kHz.
pub fn audio_info() -> AudioInfo {
    AudioInfo { codec: "aac".into(), channels: 2, sample_rate: 48_000, attributes: Vec::new() }
}

/// The report of ten seconds that were encoded on the CPU, with these rungs and these objects, each a store and a key.
pub fn report(rungs: &[&str], objects: &[(&str, &str)]) -> Report {
    Report {
        duration_ms: 10_000,
        processor: Processor::Cpu,
        fell_back: None,
        rungs: rungs.iter().map(|name| rung_report(name, &format!("{name}/index.m3u8"))).collect(),
        objects: objects.iter().map(|(store, key)| published(Destination::new(store, *key))).collect(),
        loudness: None,
        attributes: Vec::new(),
    }
}

/// A rung without a picture that was published under this playlist.
pub(super) fn rung_report(name: &str, playlist: &str) -> RungReport {
    RungReport {
        name: name.into(),
        size: None,
        frame_rate: None,
        peak_bps: 1_000_000,
        average_bps: 900_000,
        codecs: "avc1.640028,mp4a.40.2".into(),
        playlist: playlist.into(),
    }
}

/// An object of 1000 bytes.
pub(super) fn published(destination: Destination) -> PublishedObject {
    PublishedObject { destination, bytes: 1000 }
}
