//! What is made from a source, and where every object goes.

use policy_sdk::ladder;
use policy_sdk::plan::{LOUDNESS, PlanBuilder, Thumbnail};
use policy_sdk::prelude::*;

use crate::settings::Settings;
use crate::wishes::Wishes;

/// The store that viewers read from.
const MEDIA: &str = "media";

/// The store that users upload to.
const ORIGINALS: &str = "originals";

const THUMBNAIL: Thumbnail = Thumbnail { name: "default", max_width: 1280, format: StillFormat::Jpeg, quality: 85 };

/// How many segments have the same key: a minute.
const KEY_SEGMENTS: u32 = 10;

/// From one picture of the storyboard to the next.
const STORYBOARD_MS: u32 = 5_000;

/// The animation in this format.
pub fn animation(format: AnimationFormat) -> Asset {
    Asset::Animation(animation_name(format).into())
}

/// Browsers and stores tell a file's type by how its name ends.
fn animation_name(format: AnimationFormat) -> &'static str {
    match format {
        AnimationFormat::Webp => "default.webp",
        AnimationFormat::Mp4 => "default.mp4",
    }
}

/// The store and key of an asset.
pub fn key_for(job: &Job, asset: &Asset) -> Destination {
    let (folder, file): (_, &[&str]) = match asset {
        Asset::MasterPlaylist => ("hls", &["master.m3u8"]),
        Asset::RungPlaylist(rung) => ("hls", &[rung, "/index.m3u8"]),
        Asset::PreviewPlaylist => ("hls", &["preview/index.m3u8"]),
        Asset::Still(name) => ("thumbnails", &[name, ".jpg"]),
        Asset::Storyboard => ("storyboards", &["storyboard.vtt"]),
        Asset::WaveformData => ("waveforms", &["waveform.json"]),
        Asset::WaveformImage => ("waveforms", &["waveform.png"]),
        Asset::Mezzanine => return Destination::of_job(job, "archive", "mezzanine", &["mezzanine.mp4"]),
        Asset::AudioPlaylist(name) => ("hls", &["audio/", name, ".m3u8"]),
        Asset::SubtitlePlaylist(name) => ("hls", &["subtitles/", name, ".m3u8"]),
        Asset::DashManifest => ("hls", &["manifest.mpd"]),
        Asset::IframePlaylist(rung) => ("hls", &[rung, "/iframes.m3u8"]),
        Asset::Animation(name) => ("animations", &[name]),
        Asset::Download(rung) => ("downloads", &[rung, ".mp4"]),
    };
    Destination::of_job(job, MEDIA, folder, file)
}

/// An image in the corner where nothing is written as a rule, a fifth of the picture wide, seen through a little.
fn watermark(job: &Job, name: &str) -> Watermark {
    Watermark {
        image: Destination::of_job(job, ORIGINALS, "originals", &[name]),
        corner: Corner::TopRight,
        width_permille: 200,
        height_permille: 150,
        margin_permille: 40,
        opacity_percent: 75,
        from_ms: None,
        until_ms: None,
    }
}

/// Whether a rendition is in a codec that not every player shows.
fn is_modern(rendition: &Rendition) -> bool {
    rendition.video.as_ref().is_some_and(|video| video.encoding.codec != VideoCodec::H264)
}

/// The plan for a source with these tracks, and its renditions.
pub fn plan(job: &Job, info: &MediaInfo, tracks: &TrackList, renditions: Vec<Rendition>, settings: &Settings) -> Plan {
    let mut plan = PlanBuilder::new(job, info, key_for);
    let targets = settings.ssim.map(|score| ladder::alike(&renditions, Measure::Ssim, score).into());
    let rungs: Vec<String> = renditions.iter().map(|rendition| rendition.name.clone()).collect();
    let smallest = renditions.iter().rfind(|rendition| !is_modern(rendition)).map(|rendition| rendition.name.clone());
    let wishes = Wishes::of(job);
    if settings.languages && info.video.is_some() {
        plan.ladder_with_languages(renditions, tracks);
        plan.surround(tracks);
        if settings.key.is_none() || settings.encrypt == EncryptionMethod::Samples {
            plan.dash();
        }
    } else {
        plan.ladder(renditions, SegmentLayout::Separate);
    }
    if settings.subtitles {
        plan.subtitles(tracks);
    }
    if let Some(name) = &wishes.captions {
        let file = Destination::of_job(job, ORIGINALS, "originals", &[name]);
        plan.subtitles_from(SubtitleSource::File(file), "Captions", None, false);
    }
    // Keyframes can't be taken out of what is encrypted.
    for rung in rungs.iter().filter(|_| settings.iframes && settings.key.is_none()) {
        plan.iframes(rung);
    }
    if let Some(smallest) = smallest.filter(|_| settings.download) {
        plan.download(&smallest);
    }
    match wishes.poster_ms {
        Some(ms) => plan.thumbnail_at(THUMBNAIL, Moment::AtMs(ms)),
        None => plan.thumbnail(THUMBNAIL),
    }
    if settings.archive {
        plan.kept_mezzanine(settings.effort);
    }
    if settings.storyboard {
        plan.storyboard(STORYBOARD_MS);
    }
    if let Some(format) = settings.animation {
        plan.animation(animation_name(format), format);
    }
    let encryption = settings.key.clone().map(|key_id| {
        let method = settings.encrypt;
        let rotate_segments = (method == EncryptionMethod::Segments).then_some(KEY_SEGMENTS);
        Encryption { key_id, rotate_segments, method }.into()
    });
    let watermark = wishes.logo.as_ref().map(|name| watermark(job, name).into());
    Plan {
        encryption,
        watermark,
        targets,
        loudness: Some(LOUDNESS),
        trim: wishes.part.map(Into::into),
        ..plan.finish(Preference::Auto)
    }
}
