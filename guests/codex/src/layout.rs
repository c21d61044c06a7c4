//! Where every object goes.

use policy_sdk::types::{Asset, Destination, Job};

/// The store that viewers read from.
const MEDIA: &str = "media";
/// The store for what is kept but not shown.
const ARCHIVE: &str = "archive";

/// The name of this policy's only still.
pub const DEFAULT_STILL: &str = "default";

/// The store and key of an asset.
pub fn key_for(job: &Job, asset: &Asset) -> Destination {
    let (store, folder, file) = match asset {
        Asset::MasterPlaylist => (MEDIA, "hls", "master.m3u8"),
        Asset::AudioPlaylist(name) => return Destination::of_job(job, MEDIA, "hls", &["audio/", name, ".m3u8"]),
        Asset::SubtitlePlaylist(name) => return Destination::of_job(job, MEDIA, "hls", &["subtitles/", name, ".m3u8"]),
        Asset::DashManifest => (MEDIA, "hls", "manifest.mpd"),
        Asset::IframePlaylist(rung) => return Destination::of_job(job, MEDIA, "hls", &[rung, "/iframes.m3u8"]),
        Asset::RungPlaylist(rung) => return Destination::of_job(job, MEDIA, "hls", &[rung, "/index.m3u8"]),
        Asset::PreviewPlaylist => (MEDIA, "hls", "preview/preview.m3u8"),
        Asset::Still(name) if name == DEFAULT_STILL => (MEDIA, "thumbnails", "auto-generated.jpg"),
        Asset::Still(name) => return Destination::of_job(job, MEDIA, "thumbnails", &[name, ".jpg"]),
        Asset::Storyboard => (MEDIA, "storyboards", "storyboard.vtt"),
        Asset::WaveformData => (MEDIA, "waveforms", "waveform.json"),
        Asset::WaveformImage => (MEDIA, "waveforms", "waveform.png"),
        Asset::Mezzanine => (ARCHIVE, "mezzanine", "mezzanine.mp4"),
        Asset::Animation(name) => return Destination::of_job(job, MEDIA, "animations", &[name]),
        Asset::Download(rung) => return Destination::of_job(job, MEDIA, "downloads", &[rung, ".mp4"]),
    };
    Destination::of_job(job, store, folder, &[file])
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::job;
    use policy_sdk::types::MediaKind;

    use super::*;

    #[test]
    fn every_asset_has_the_key_of_contract_1() {
        let table = [
            (Asset::MasterPlaylist, "media", "creator-1/hls/media-1/master.m3u8"),
            (Asset::RungPlaylist("720p".into()), "media", "creator-1/hls/media-1/720p/index.m3u8"),
            (Asset::PreviewPlaylist, "media", "creator-1/hls/media-1/preview/preview.m3u8"),
            (Asset::Still("default".into()), "media", "creator-1/thumbnails/media-1/auto-generated.jpg"),
            (Asset::Still("poster".into()), "media", "creator-1/thumbnails/media-1/poster.jpg"),
            (Asset::WaveformData, "media", "creator-1/waveforms/media-1/waveform.json"),
            (Asset::WaveformImage, "media", "creator-1/waveforms/media-1/waveform.png"),
            (Asset::Mezzanine, "archive", "creator-1/mezzanine/media-1/mezzanine.mp4"),
        ];
        for (asset, store, key) in table {
            assert_eq!(key_for(&job(MediaKind::Video), &asset), Destination::new(store, key));
        }
    }
}
