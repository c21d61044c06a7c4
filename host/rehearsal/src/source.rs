//! Converts the contract's description of a source to the host's own.

use std::time::Duration;

use contract::v0_1::{convert, types as wit_types};
use media::containment::ProbeDepth;
use media::info::{Audio, Coded, DynamicRange, Label, Matrix, MediaInfo, Ratio, SoundTrack, Video};

/// Fields that the contract does not have get usual values: the colour matrix that players assume for the size, and
/// tracks as long as the file.
/// An error says what no real source can have.
pub fn source_info(info: &wit_types::MediaInfo) -> Result<MediaInfo, String> {
    if info.duration_ms == 0 {
        return Err("duration-ms: 0 is not 1 or more".to_owned());
    }
    let duration = Duration::from_millis(info.duration_ms);
    let audio = info.audio.as_ref().map(|audio| Audio {
        packets: 0,
        start: Duration::ZERO,
        untimed: false,
        index: u32::from(info.video.is_some()),
        right: None,
        codec: audio.codec.clone(),
        channels: audio.channels,
        sample_rate: audio.sample_rate,
        length: duration,
    });
    if let Some(audio) = audio.as_ref().filter(|audio| audio.channels == 0 || audio.sample_rate == 0) {
        let (channels, rate) = (audio.channels, audio.sample_rate);
        let expected = "at least one channel with a sample rate";
        return Err(format!("audio.channels: {channels} at {rate} Hz is not {expected}"));
    }
    Ok(MediaInfo {
        depth: ProbeDepth::Usual,
        container: info.container.clone(),
        duration,
        size: info.size_bytes,
        video: info.video.as_ref().map(|video| picture(video, duration)).transpose()?,
        sounds: audio.clone().map(|audio| SoundTrack { audio, label: Label::default() }).into_iter().collect(),
        texts: Vec::new(),
        audio,
        notes: convert::notes(&info.attributes),
        unused: Vec::new(),
        part: None,
        sample_of: None,
    })
}

fn picture(video: &wit_types::VideoInfo, length: Duration) -> Result<Video, String> {
    let side = 16..=16_384;
    if !side.contains(&video.width) || !side.contains(&video.height) {
        let (width, height) = (video.width, video.height);
        return Err(format!("video.width and video.height: {width}x{height} is not 16 to 16384 pixels"));
    }
    let wit_types::Ratio { numerator, denominator } = video.frame_rate;
    let frame_rate = Ratio::new(numerator.into(), denominator.into())
        .ok_or_else(|| format!("video.frame-rate: {numerator}/{denominator} is not a fraction above 0"))?;
    let range = DynamicRange::from(video.dynamic_range);
    Ok(Video {
        index: 0,
        packets: 0,
        start: Duration::ZERO,
        codec: video.codec.clone(),
        width: video.width,
        height: video.height,
        frame_rate,
        bit_depth: video.bit_depth,
        range,
        light: None,
        matrix: match range {
            DynamicRange::Sdr if video.width.min(video.height) >= 720 => Matrix::Bt709,
            DynamicRange::Sdr => Matrix::Bt601,
            DynamicRange::Pq | DynamicRange::Hlg => Matrix::Bt2020,
        },
        full_range: false,
        limited_grey: false,
        interlaced: video.interlaced,
        // The usual form: a description doesn't say.
        coded: Coded {
            width: video.width,
            height: video.height,
            pixels: if video.bit_depth > 8 { "yuv420p10le" } else { "yuv420p" }.to_owned(),
            is_turned: false,
        },
        length,
    })
}
