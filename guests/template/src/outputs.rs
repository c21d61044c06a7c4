//! What is made from a source, and where every object goes.

use policy_sdk::plan::{LOUDNESS, PlanBuilder, Thumbnail};
use policy_sdk::prelude::*;

/// The store that viewers read from.
const MEDIA: &str = "media";

const THUMBNAIL: Thumbnail = Thumbnail { name: "default", max_width: 1280, format: StillFormat::Jpeg, quality: 80 };

/// The store and key of an asset, such as `{creator}/hls/{media}/master.m3u8`.
pub fn key_for(job: &Job, asset: &Asset) -> Destination {
    let (folder, file): (_, &[&str]) = match asset {
        Asset::MasterPlaylist => ("hls", &["master.m3u8"]),
        Asset::RungPlaylist(rung) => ("hls", &[rung, "/index.m3u8"]),
        Asset::PreviewPlaylist => ("hls", &["preview/index.m3u8"]),
        Asset::Still(name) => ("thumbnails", &[name, ".jpg"]),
        Asset::Storyboard => ("storyboards", &["storyboard.vtt"]),
        Asset::WaveformData => ("waveforms", &["waveform.json"]),
        Asset::WaveformImage => ("waveforms", &["waveform.png"]),
        Asset::Mezzanine => ("mezzanine", &["mezzanine.mp4"]),
        Asset::AudioPlaylist(name) => ("hls", &["audio/", name, ".m3u8"]),
        Asset::SubtitlePlaylist(name) => ("hls", &["subtitles/", name, ".m3u8"]),
        Asset::DashManifest => ("hls", &["manifest.mpd"]),
        Asset::IframePlaylist(rung) => ("hls", &[rung, "/iframes.m3u8"]),
        Asset::Animation(name) => ("animations", &[name]),
        Asset::Download(rung) => ("downloads", &[rung, ".mp4"]),
    };
    Destination::of_job(job, MEDIA, folder, file)
}

/// A ladder, and a thumbnail if there is a picture.
pub fn plan(job: &Job, info: &MediaInfo, renditions: Vec<Rendition>) -> Plan {
    let mut plan = PlanBuilder::new(job, info, key_for);
    plan.ladder(renditions, SegmentLayout::Separate);
    plan.thumbnail(THUMBNAIL);
    Plan { loudness: Some(LOUDNESS), ..plan.finish(Preference::Auto) }
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::{audio_info, job, media_info};

    use super::*;

    #[test]
    fn every_key_begins_with_the_creator() {
        let key = key_for(&job(MediaKind::Video), &Asset::RungPlaylist("720p".into()));
        assert_eq!(key, Destination::new("media", "creator-1/hls/media-1/720p/index.m3u8"));
    }

    #[test]
    fn sound_alone_gets_no_thumbnail() {
        let plan = plan(&job(MediaKind::Audio), &media_info(None, Some(audio_info())), Vec::new());
        assert_eq!(plan.outputs.len(), 1);
    }
}
