//! Converts between the host's codecs and the contract's, and what 0.1 says of encodes into 0.2.

use media::encoder::Encoder;
use media::encoding::{Codec, Encoding, Samples};
use media::info::{self, Label, MediaInfo, SoundTrack};
use media::plan::PlanError;

use super::encoding::{self as wit, Rendition, VideoCodec, VideoEncoder, VideoEncoding, VideoRendition};
use super::file::FileOutput;
use super::hls::{HlsOutput, HlsRung};
use super::tracks::{AudioTrack, TextTrack, TrackList};
use crate::asked::no_unknown;
use crate::v0_1;

/// An encoder that passed its test encode.
pub fn encoder(Encoder { codec, processor }: Encoder) -> VideoEncoder {
    let codec = match codec {
        Codec::H264 => VideoCodec::H264,
        Codec::Hevc => VideoCodec::Hevc,
        Codec::Av1 => VideoCodec::Av1,
    };
    VideoEncoder { codec, processor: processor.into() }
}

impl From<VideoEncoder> for Encoder {
    fn from(VideoEncoder { codec, processor }: VideoEncoder) -> Self {
        Self { codec: host_codec(codec), processor: processor.into() }
    }
}

fn host_codec(codec: VideoCodec) -> Codec {
    match codec {
        VideoCodec::H264 => Codec::H264,
        VideoCodec::Hevc => Codec::Hevc,
        VideoCodec::Av1 => Codec::Av1,
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
    let codec = host_codec(encoding.codec);
    let samples = match encoding.samples {
        None | Some(wit::Samples::Sdr8) => Samples::Sdr8,
        Some(wit::Samples::Sdr10) => Samples::Sdr10,
        Some(wit::Samples::Source10) => Samples::Source10,
    };
    let VideoEncoding { quality, max_kbps, effort, .. } = encoding;
    Ok(Encoding { codec, quality: *quality, max_kbps: *max_kbps, effort: (*effort).into(), samples })
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
