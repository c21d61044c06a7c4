//! Where every object goes.

use policy_sdk::types::{Asset, Destination, Job};

/// The store that viewers read from.
const MEDIA: &str = "media";
/// The store for what is kept but not shown.
const ARCHIVE: &str = "archive";
/// The store for the pictures of web pages.
const ASSETS: &str = "assets";

/// The store and key of an asset.
pub fn key_for(job: &Job, asset: &Asset) -> Destination {
    let (store, folder, file): (_, _, &[&str]) = match asset {
        Asset::MasterPlaylist => (MEDIA, "hls", &["master.m3u8"]),
        Asset::AudioPlaylist(name) => (MEDIA, "hls", &["audio/", name, ".m3u8"]),
        Asset::SubtitlePlaylist(name) => (MEDIA, "hls", &["subtitles/", name, ".m3u8"]),
        Asset::DashManifest => (MEDIA, "hls", &["manifest.mpd"]),
        Asset::IframePlaylist(rung) => (MEDIA, "hls", &[rung, "/iframes.m3u8"]),
        Asset::RungPlaylist(rung) => (MEDIA, "hls", &[rung, "/index.m3u8"]),
        // The platform's playlist proxy serves only folders that have a rung's name, so the preview can't have one of
        // its own. A key depends on the job alone, so it is this folder whichever rung the preview is cut from.
        Asset::PreviewPlaylist => (MEDIA, "hls", &["720p/preview.m3u8"]),
        Asset::Still(name) => (ASSETS, "media-thumbnails", &[name, ".webp"]),
        Asset::Storyboard => (ASSETS, "media-storyboards", &["storyboard.vtt"]),
        Asset::WaveformData => (MEDIA, "waveforms", &["waveform.json"]),
        Asset::WaveformImage => (MEDIA, "waveforms", &["waveform.png"]),
        Asset::Mezzanine => (ARCHIVE, "mezzanine", &["mezzanine.mp4"]),
        Asset::Animation(name) => (ASSETS, "media-animations", &[name]),
        Asset::Download(rung) => (MEDIA, "downloads", &[rung, ".mp4"]),
    };
    Destination::of_job(job, store, folder, file)
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::job;
    use policy_sdk::types::MediaKind;

    use super::*;

    #[test]
    fn every_asset_has_the_key_of_contract_2() {
        let table = [
            (Asset::MasterPlaylist, "media", "creator-1/hls/media-1/master.m3u8"),
            (Asset::RungPlaylist("480p".into()), "media", "creator-1/hls/media-1/480p/index.m3u8"),
            (Asset::PreviewPlaylist, "media", "creator-1/hls/media-1/720p/preview.m3u8"),
            (Asset::Still("sm".into()), "assets", "creator-1/media-thumbnails/media-1/sm.webp"),
            (Asset::Still("lg".into()), "assets", "creator-1/media-thumbnails/media-1/lg.webp"),
            (Asset::WaveformData, "media", "creator-1/waveforms/media-1/waveform.json"),
            (Asset::WaveformImage, "media", "creator-1/waveforms/media-1/waveform.png"),
            (Asset::Mezzanine, "archive", "creator-1/mezzanine/media-1/mezzanine.mp4"),
        ];
        for (asset, store, key) in table {
            assert_eq!(key_for(&job(MediaKind::Video), &asset), Destination::new(store, key));
        }
    }
}
