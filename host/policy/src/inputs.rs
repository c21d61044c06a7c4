//! Sample arguments for pure functions: a minute of 1080p from a phone.

use contract::v0_1::media::{Dimensions, LoudnessMeasure, PublishedObject, Report, RungReport};
use contract::v0_1::types::{
    AudioInfo, Blame, Destination, DynamicRange, Failure, Job, MediaInfo, MediaKind, Processor, Ratio, VideoCodec,
    VideoEncoder, VideoInfo,
};
use fault::codes;

/// Arguments for every pure function.
#[derive(Clone, Debug)]
pub struct SampleInputs {
    pub job: Job,
    pub info: MediaInfo,
    pub encoders: Vec<VideoEncoder>,
    pub report: Report,
    pub failure: Failure,
}

impl SampleInputs {
    /// The same values every time.
    pub fn typical() -> Self {
        Self {
            job: Job {
                id: "job-1".to_owned(),
                media_id: "media-1".to_owned(),
                creator_id: "creator-1".to_owned(),
                kind: MediaKind::Video,
                source: to(storage::ORIGINALS, "originals/media-1/upload.mov"),
                attributes: Vec::new(),
            },
            info: info(),
            encoders: vec![VideoEncoder { codec: VideoCodec::H264, processor: Processor::Cpu }],
            report: report(),
            failure: Failure {
                code: codes::upload::TRUNCATED.name.to_owned(),
                blame: Blame::Upload,
                message: "the file is cut off: upload it again from the source".to_owned(),
                retryable: false,
            },
        }
    }
}

fn info() -> MediaInfo {
    MediaInfo {
        container: "mov,mp4,m4a,3gp,3g2,mj2".to_owned(),
        duration_ms: 60_000,
        size_bytes: 50_000_000,
        video: Some(VideoInfo {
            codec: "h264".to_owned(),
            width: 1920,
            height: 1080,
            frame_rate: Ratio { numerator: 30, denominator: 1 },
            bit_depth: 8,
            dynamic_range: DynamicRange::Sdr,
            interlaced: false,
            attributes: Vec::new(),
        }),
        audio: Some(AudioInfo { codec: "aac".to_owned(), channels: 2, sample_rate: 48_000, attributes: Vec::new() }),
        attributes: Vec::new(),
    }
}

fn report() -> Report {
    let rung = |name: &str, width, height| RungReport {
        name: name.to_owned(),
        size: Some(Dimensions { width, height }),
        frame_rate: Some(Ratio { numerator: 30, denominator: 1 }),
        peak_bps: 3_000_000,
        average_bps: 2_500_000,
        codecs: "avc1.640028,mp4a.40.2".to_owned(),
        playlist: format!("creator-1/hls/media-1/{name}/index.m3u8"),
    };
    let rungs = vec![rung("1080p", 1920, 1080), rung("720p", 1280, 720), rung("360p", 640, 360)];
    let playlists = rungs.iter().map(|rung| to("media", rung.playlist.trim_start_matches("creator-1/")));
    let master = to("media", "hls/media-1/master.m3u8");
    let objects = playlists.chain([master]).map(|destination| PublishedObject { destination, bytes: 1000 }).collect();
    Report {
        duration_ms: 60_000,
        processor: Processor::Cpu,
        fell_back: None,
        rungs,
        objects,
        loudness: Some(LoudnessMeasure { integrated: -2300, true_peak: -300, range: 600 }),
        attributes: Vec::new(),
    }
}

fn to(store: &str, key: &str) -> Destination {
    Destination { store: store.to_owned(), key: format!("creator-1/{key}") }
}
