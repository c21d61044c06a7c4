//! What every object is called.

use policy_sdk::types::{Asset, Destination, Job};

/// Where viewers read from.
const MEDIA: &str = "media";
/// Where what is kept for later goes.
const ARCHIVE: &str = "archive";
/// Where pages take their pictures from.
const ASSETS: &str = "assets";

/// Where an asset goes.
#[must_use]
pub fn key_for(job: &Job, asset: &Asset) -> Destination {
    let (store, folder, file): (_, _, &[&str]) = match asset {
        Asset::MasterPlaylist => (MEDIA, "hls", &["master.m3u8"]),
        Asset::RungPlaylist(rung) => (MEDIA, "hls", &[rung, "/index.m3u8"]),
        // The platform's playlist proxy serves folders with a rung's name and no others, so the preview has none of its
        // own. It is in this one whichever rung it is cut from: a key depends on nothing but the job.
        Asset::PreviewPlaylist => (MEDIA, "hls", &["720p/preview.m3u8"]),
        Asset::Still(name) => (ASSETS, "media-thumbnails", &[name, ".webp"]),
        Asset::WaveformData => (MEDIA, "waveforms", &["waveform.json"]),
        Asset::WaveformImage => (MEDIA, "waveforms", &["waveform.png"]),
        Asset::Mezzanine => (ARCHIVE, "mezzanine", &["mezzanine.mp4"]),
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
