//! Converts the contract's description of a source to the host's own.

use std::time::Duration;

use contract::v0_1::types::{DynamicRange as WitRange, MediaInfo as WitMediaInfo, VideoInfo as WitVideo};
use media::containment::ProbeDepth;
use media::info::{Audio, DynamicRange, Matrix, MediaInfo, Ratio, Video};

/// A description that no real source can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value} is not {expected}")]
pub struct SourceError {
    field: &'static str,
    value: String,
    expected: &'static str,
}

/// Fields that the contract does not have get usual values: the colour matrix that players assume for the size, and
/// tracks as long as the file.
pub fn source_info(info: &WitMediaInfo) -> Result<MediaInfo, SourceError> {
    if info.duration_ms == 0 {
        let value = info.duration_ms.to_string();
        return Err(SourceError { field: "duration-ms", value, expected: "1 or more" });
    }
    let duration = Duration::from_millis(info.duration_ms);
    let audio = info.audio.as_ref().map(|audio| Audio {
        start: Duration::ZERO,
        untimed: false,
        index: u32::from(info.video.is_some()),
        codec: audio.codec.clone(),
        channels: audio.channels,
        sample_rate: audio.sample_rate,
        length: duration,
    });
    if let Some(audio) = audio.as_ref().filter(|audio| audio.channels == 0 || audio.sample_rate == 0) {
        let value = format!("{} at {} Hz", audio.channels, audio.sample_rate);
        return Err(SourceError {
            field: "audio.channels",
            value,
            expected: "at least one channel with a sample rate",
        });
    }
    Ok(MediaInfo {
        depth: ProbeDepth::Usual,
        container: info.container.clone(),
        duration,
        size: info.size_bytes,
        video: info.video.as_ref().map(|video| picture(video, duration)).transpose()?,
        audio,
        notes: Vec::new(),
    })
}

fn picture(video: &WitVideo, length: Duration) -> Result<Video, SourceError> {
    let side = 16..=16_384;
    if !side.contains(&video.width) || !side.contains(&video.height) {
        let value = format!("{}x{}", video.width, video.height);
        return Err(SourceError { field: "video.width and video.height", value, expected: "16 to 16384 pixels" });
    }
    let rate = video.frame_rate;
    let frame_rate = Ratio::new(rate.numerator.into(), rate.denominator.into()).ok_or_else(|| SourceError {
        field: "video.frame-rate",
        value: format!("{}/{}", rate.numerator, rate.denominator),
        expected: "a fraction above 0",
    })?;
    let range = match video.dynamic_range {
        WitRange::Sdr => DynamicRange::Sdr,
        WitRange::Pq => DynamicRange::Pq,
        WitRange::Hlg => DynamicRange::Hlg,
    };
    Ok(Video {
        index: 0,
        start: Duration::ZERO,
        codec: video.codec.clone(),
        width: video.width,
        height: video.height,
        frame_rate,
        bit_depth: video.bit_depth,
        range,
        matrix: match range {
            DynamicRange::Sdr if video.width.min(video.height) >= 720 => Matrix::Bt709,
            DynamicRange::Sdr => Matrix::Bt601,
            DynamicRange::Pq | DynamicRange::Hlg => Matrix::Bt2020,
        },
        full_range: false,
        interlaced: video.interlaced,
        length,
    })
}
