//! Which renditions a source gets.

use policy_sdk::ladder::Rung;
use policy_sdk::types::{Effort, MediaInfo, Refusal, Rendition};

use crate::settings::Settings;

/// The rungs of a video, the largest first.
const RUNGS: [Rung; 2] = [
    Rung { name: "720p", short_side: 720, video_kbps: 3000, audio_kbps: 128 },
    Rung { name: "480p", short_side: 480, video_kbps: 1500, audio_kbps: 96 },
];

/// The rungs of sound alone.
const SOUND_RUNGS: [(&str, u32); 2] = [("128k", 128), ("64k", 64)];

/// The renditions, the largest first.
pub fn select(info: &MediaInfo, settings: &Settings) -> Result<Vec<Rendition>, Refusal> {
    policy_sdk::ladder::select(info, &RUNGS, &SOUND_RUNGS, settings.effort.unwrap_or(Effort::Fast))
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::{audio_info, media_info, video_info};

    use super::*;

    /// Name and short side of every rendition.
    fn ladder(width: u32, height: u32) -> Vec<(String, u32)> {
        let info = media_info(Some(video_info(width, height)), Some(audio_info()));
        let renditions = select(&info, &Settings::default()).unwrap();
        renditions.into_iter().map(|rendition| (rendition.name, rendition.video.unwrap().short_side)).collect()
    }

    fn rows(rows: &[(&str, u32)]) -> Vec<(String, u32)> {
        rows.iter().map(|(name, short_side)| ((*name).to_string(), *short_side)).collect()
    }

    #[test]
    fn a_video_gets_at_most_two_rungs_and_a_small_one_keeps_its_own_size() {
        let both = rows(&[("720p", 720), ("480p", 480)]);
        assert_eq!(ladder(3840, 2160), both);
        assert_eq!(ladder(720, 1280), both);
        assert_eq!(ladder(1278, 719), rows(&[("480p", 480)]));
        assert_eq!(ladder(480, 854), rows(&[("480p", 480)]));
        assert_eq!(ladder(854, 479), rows(&[("source", 478)]));
        assert_eq!(ladder(192, 108), rows(&[("source", 108)]));
    }

    #[test]
    fn sound_alone_gets_two_rungs_without_pictures() {
        let renditions = select(&media_info(None, Some(audio_info())), &Settings::default()).unwrap();
        let rows: Vec<_> = renditions.iter().map(|rung| (rung.name.as_str(), rung.audio_kbps)).collect();
        assert_eq!(rows, [("128k", Some(128)), ("64k", Some(64))]);
        assert!(renditions.iter().all(|rung| rung.video.is_none()));
    }

    #[test]
    fn a_file_without_tracks_is_refused() {
        let refusal = select(&media_info(None, None), &Settings::default()).unwrap_err();
        assert_eq!(refusal.code, "upload.no-media");
    }
}
