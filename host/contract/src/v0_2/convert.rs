//! Converts between the host's codecs and the contract's, and what 0.1 says of encodes into 0.2.

use media::encoder::Encoder;
use media::encoding::{Encoding, Samples};
use media::info::{self, Label, MediaInfo, SoundTrack};
use media::plan::PlanError;

use super::encoding::{Rendition, VideoCodec, VideoEncoder, VideoEncoding, VideoRendition};
use super::file::FileOutput;
use super::hls::{HlsOutput, HlsRung};
use super::quality::Reached;
use super::tracks::{AudioTrack, TextTrack, TrackList};
use crate::asked::no_unknown;
use crate::v0_1;

same_cases! {
    media::encoding::Codec = VideoCodec { H264, Hevc, Av1 }
    media::encoding::Samples = super::encoding::Samples { Sdr8, Sdr10, Source10 }
    media::outputs::AnimationFormat = super::animation::AnimationFormat { Webp, Mp4 }
    media::outputs::AudioCodec = super::audio::AudioCodec { Aac, Eac3 }
    media::outputs::Channels = super::audio::Channels { Stereo, Source }
    media::encryption::Method = super::encryption::EncryptionMethod { Segments, Samples }
    media::quality::Measure = super::quality::Measure { Ssim, Xpsnr, Vmaf }
    media::watermark::Corner = super::watermark::Corner { TopLeft, TopRight, BottomLeft, BottomRight }
}

/// An encoder that passed its test encode.
pub fn encoder(Encoder { codec, processor }: Encoder) -> VideoEncoder {
    VideoEncoder { codec: codec.into(), processor: processor.into() }
}

impl From<VideoEncoder> for Encoder {
    fn from(VideoEncoder { codec, processor }: VideoEncoder) -> Self {
        Self { codec: codec.into(), processor: processor.into() }
    }
}

/// Gives a source the tracks of a scenario or a recording.
pub fn set_tracks(info: &mut MediaInfo, tracks: &TrackList) {
    let sound = |track: &AudioTrack| {
        // Of the main track more is known.
        let main = info.audio.as_ref();
        let length = main.map_or(info.duration, |audio| audio.length);
        let audio = main.filter(|_| track.is_main).cloned().unwrap_or_else(|| info::Audio {
            index: track.index,
            right: None,
            codec: track.codec.clone(),
            channels: track.channels,
            sample_rate: track.sample_rate,
            packets: 0,
            start: std::time::Duration::ZERO,
            untimed: false,
            length,
        });
        let AudioTrack { index, language, title, is_default, .. } = track.clone();
        let label = Label { language, title, is_default, is_forced: false };
        SoundTrack { audio: info::Audio { index, ..audio }, label }
    };
    let text = |track: &TextTrack| {
        let TextTrack { index, codec, language, title, is_default, is_forced, is_picture } = track.clone();
        info::TextTrack { index, codec, label: Label { language, title, is_default, is_forced }, is_picture }
    };
    let (sounds, texts) = (tracks.audio.iter().map(sound).collect(), tracks.text.iter().map(text).collect());
    if let (Some(audio), Some(main)) = (&mut info.audio, tracks.audio.iter().find(|track| track.is_main)) {
        audio.index = main.index;
    }
    (info.sounds, info.texts) = (sounds, texts);
}

/// The tracks of a probed source.
pub fn tracks(info: &MediaInfo) -> TrackList {
    let main = info.audio.as_ref().map(|audio| audio.index);
    let audio = |SoundTrack { audio, label }: &SoundTrack| AudioTrack {
        index: audio.index,
        codec: audio.codec.clone(),
        channels: audio.channels,
        sample_rate: audio.sample_rate,
        language: label.language.clone(),
        title: label.title.clone(),
        is_default: label.is_default,
        is_main: main == Some(audio.index),
    };
    let text = |info::TextTrack { index, codec, label, is_picture }: &info::TextTrack| TextTrack {
        index: *index,
        codec: codec.clone(),
        language: label.language.clone(),
        title: label.title.clone(),
        is_default: label.is_default,
        is_forced: label.is_forced,
        is_picture: *is_picture,
    };
    TrackList { audio: info.sounds.iter().map(audio).collect(), text: info.texts.iter().map(text).collect() }
}

/// What was found for a target of quality.
pub fn reached(found: &media::quality::Reached) -> Reached {
    let media::quality::Reached { rung, quality, score, not_tried, .. } = found.clone();
    Reached { rung, quality, score, not_tried }
}

/// Those of these encoders that 0.1 has a name for.
pub fn encoders_in_0_1(encoders: &[VideoEncoder]) -> Vec<v0_1::types::VideoEncoder> {
    let encoder = |VideoEncoder { codec, processor }: &VideoEncoder| match codec {
        VideoCodec::H264 => {
            Some(v0_1::types::VideoEncoder { codec: v0_1::types::VideoCodec::H264, processor: *processor })
        }
        VideoCodec::Hevc | VideoCodec::Av1 => None,
    };
    encoders.iter().filter_map(encoder).collect()
}

/// The host's encoding.
pub fn encoding(encoding: &VideoEncoding) -> Result<Encoding, PlanError> {
    no_unknown(&encoding.attributes)?;
    let VideoEncoding { codec, quality, max_kbps, effort, samples, .. } = encoding;
    let samples = samples.map_or(Samples::Sdr8, Samples::from);
    let (codec, effort) = ((*codec).into(), (*effort).into());
    Ok(Encoding { codec, quality: *quality, max_kbps: *max_kbps, effort, samples })
}

impl From<v0_1::types::VideoEncoding> for VideoEncoding {
    fn from(encoding: v0_1::types::VideoEncoding) -> Self {
        let v0_1::types::VideoEncoding { codec, quality, max_kbps, effort, attributes } = encoding;
        // That version has one codec. A second one must fail to compile here.
        let codec = match codec {
            v0_1::types::VideoCodec::H264 => VideoCodec::H264,
        };
        Self { codec, quality, max_kbps, effort, samples: None, attributes }
    }
}

impl From<v0_1::types::Rendition> for Rendition {
    fn from(rendition: v0_1::types::Rendition) -> Self {
        let v0_1::types::Rendition { name, video, audio_kbps, attributes } = rendition;
        let video = video.map(|v0_1::types::VideoRendition { short_side, encoding }| VideoRendition {
            short_side,
            encoding: encoding.into(),
        });
        Self { name, video, audio_kbps, attributes }
    }
}

impl From<v0_1::media::HlsOutput> for HlsOutput {
    fn from(output: v0_1::media::HlsOutput) -> Self {
        let v0_1::media::HlsOutput { store, master, rungs, segment_ms, keyframe_ms, container, layout, attributes } =
            output;
        let rung = |v0_1::media::HlsRung { rendition, playlist }: v0_1::media::HlsRung| HlsRung {
            rendition: rendition.into(),
            playlist,
        };
        let rungs = rungs.into_iter().map(rung).collect();
        Self { store, master, rungs, segment_ms, keyframe_ms, container, layout, attributes }
    }
}

impl From<v0_1::media::FileOutput> for FileOutput {
    fn from(output: v0_1::media::FileOutput) -> Self {
        let v0_1::media::FileOutput { destination, video, audio_kbps, attributes } = output;
        Self { destination, video: video.map(VideoEncoding::from), audio_kbps, attributes }
    }
}
