use crate::types::{AudioInfo, Destination, DynamicRange, Job, MediaInfo, MediaKind, Ratio, VideoInfo};

/// A job of creator `creator-1` for the media item `media-1`.
#[must_use]
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

/// Ten seconds of media with the given tracks.
#[must_use]
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

/// Ordinary H.264 of that size, 30 frames per second.
#[must_use]
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

/// Ordinary stereo AAC.
#[must_use]
pub fn audio_info() -> AudioInfo {
    AudioInfo { codec: "aac".into(), channels: 2, sample_rate: 48_000, attributes: Vec::new() }
}
