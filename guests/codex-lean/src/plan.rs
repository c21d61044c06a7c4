//! Everything that is made from a source, as one plan.

use policy_sdk::ladder::begin_near;
use policy_sdk::types::{
    Asset, ClipOutput, Effort, FileOutput, HlsOutput, HlsRung, Job, LoudnessTarget, MediaInfo, Moment, Output, Plan,
    Rendition, SegmentContainer, SegmentLayout, StillFormat, StillOutput, VideoCodec, VideoEncoding, WaveformOutput,
};

use crate::layout::key_for;
use crate::settings::Settings;

/// Apple's recommendation for HLS: six-second segments, and a keyframe every two seconds to switch at.
const SEGMENT_MS: u32 = 6000;
const KEYFRAME_MS: u32 = 2000;

/// A player starts with the first rung of the master playlist. 2000 kbps is what Apple's authoring specification has
/// for that on an ordinary line.
const FIRST_RUNG_KBPS: u32 = 2000;

/// 10 % in is past most titles and before most endings.
const INTO_THE_STORY: Moment = Moment::AtPermille(100);

/// The platform's loudness: -16 LUFS, -1.5 dBTP, 11 LU.
const LOUDNESS: LoudnessTarget = LoudnessTarget { integrated: -1600, true_peak: -150, range: 1100 };

/// A thumbnail.
#[derive(Clone, Copy, Debug)]
pub struct Thumbnail {
    /// Its name, in its key and in the message.
    pub name: &'static str,
    max_width: u32,
    quality: u8,
}

/// All of them, the smallest first.
pub const THUMBNAILS: [Thumbnail; 3] = [
    Thumbnail { name: "sm", max_width: 200, quality: 75 },
    Thumbnail { name: "md", max_width: 400, quality: 80 },
    LARGEST,
];

/// The one that stands for all, and is made also where the others are not.
pub const LARGEST: Thumbnail = Thumbnail { name: "lg", max_width: 800, quality: 82 };

/// The plan for a source and the renditions that it was given.
#[must_use]
pub fn build(job: &Job, info: &MediaInfo, renditions: Vec<Rendition>, settings: &Settings) -> Plan {
    let has_video = info.video.is_some();
    let has_sound = info.audio.is_some();
    let loudness = settings.loudness && has_sound;

    let mut outputs = vec![Output::Hls(hls(job, renditions))];
    if settings.mezzanine && has_video {
        outputs.push(Output::File(mezzanine(job, has_sound, settings)));
    }
    if settings.preview && has_video {
        outputs.push(Output::Clip(preview(job)));
    }
    if has_video {
        let thumbnails = if settings.thumbnail_variants { THUMBNAILS.to_vec() } else { vec![LARGEST] };
        outputs.extend(thumbnails.into_iter().map(|thumbnail| Output::Still(still(job, thumbnail))));
    }
    if has_sound && !has_video {
        outputs.push(Output::Waveform(waveform(job, settings)));
    }
    if loudness {
        outputs.push(Output::Loudness);
    }
    Plan { outputs, loudness: loudness.then_some(LOUDNESS), prefer: settings.processor, attributes: Vec::new() }
}

/// In transport streams, because the platform's proxy passes on `#` lines as they are, and fragmented MP4 needs one that
/// names its map.
fn hls(job: &Job, mut renditions: Vec<Rendition>) -> HlsOutput {
    begin_near(&mut renditions, FIRST_RUNG_KBPS);
    let rung = |rendition: Rendition| {
        let playlist = key_for(job, &Asset::RungPlaylist(rendition.name.clone())).key;
        HlsRung { rendition, playlist }
    };
    let master = key_for(job, &Asset::MasterPlaylist);
    HlsOutput {
        store: master.store,
        master: master.key,
        rungs: renditions.into_iter().map(rung).collect(),
        segment_ms: SEGMENT_MS,
        keyframe_ms: KEYFRAME_MS,
        container: SegmentContainer::Ts,
        layout: SegmentLayout::SingleFile,
        attributes: Vec::new(),
    }
}

/// The archive's file: good enough to make every later ladder from.
fn mezzanine(job: &Job, has_sound: bool, settings: &Settings) -> FileOutput {
    let video = VideoEncoding {
        codec: VideoCodec::H264,
        quality: 18,
        max_kbps: None,
        effort: settings.effort.unwrap_or(Effort::Slow),
        attributes: Vec::new(),
    };
    FileOutput {
        destination: key_for(job, &Asset::Mezzanine),
        video: Some(video),
        audio_kbps: has_sound.then_some(256),
        attributes: Vec::new(),
    }
}

fn preview(job: &Job) -> ClipOutput {
    let playlist = key_for(job, &Asset::PreviewPlaylist);
    ClipOutput {
        store: playlist.store,
        playlist: playlist.key,
        start: INTO_THE_STORY,
        length_ms: 30_000,
        short_side: 720,
        attributes: Vec::new(),
    }
}

fn still(job: &Job, thumbnail: Thumbnail) -> StillOutput {
    StillOutput {
        destination: key_for(job, &Asset::Still(thumbnail.name.into())),
        at: INTO_THE_STORY,
        max_width: thumbnail.max_width,
        format: StillFormat::Webp,
        quality: thumbnail.quality,
        attributes: Vec::new(),
    }
}

fn waveform(job: &Job, settings: &Settings) -> WaveformOutput {
    WaveformOutput {
        data: Some(key_for(job, &Asset::WaveformData)),
        image: settings.waveform_image.then(|| key_for(job, &Asset::WaveformImage)),
        pixels_per_second: 10,
        bits: 8,
        image_width: 1800,
        image_height: 140,
        attributes: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
