//! Which renditions a source gets.

use policy_sdk::ladder::{self, Rung};
use policy_sdk::prelude::*;

use crate::settings::Settings;

/// The rungs of a video, the largest first.
const RUNGS: [Rung; 3] = [
    Rung { name: "1080p", short_side: 1080, video_kbps: 5000, audio_kbps: 192 },
    Rung { name: "720p", short_side: 720, video_kbps: 3000, audio_kbps: 128 },
    Rung { name: "360p", short_side: 360, video_kbps: 800, audio_kbps: 64 },
];

/// The rungs of sound alone.
const SOUND_RUNGS: [(&str, u32); 1] = [("128k", 128)];

/// The renditions that need no enlarging, the largest first. A video that is smaller than every rung keeps its own
/// size.
pub fn select(info: &MediaInfo, settings: &Settings) -> Result<Vec<Rendition>, Refusal> {
    ladder::select(info, &RUNGS, &SOUND_RUNGS, settings.effort)
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::{audio_info, media_info, video_info};

    use super::*;

    fn names(info: &MediaInfo) -> Vec<String> {
        let renditions = select(info, &Settings::default()).unwrap();
        renditions.into_iter().map(|rendition| rendition.name).collect()
    }

    #[test]
    fn no_rung_is_larger_than_the_source() {
        let of = |width, height| names(&media_info(Some(video_info(width, height)), Some(audio_info())));
        assert_eq!(of(1920, 1080), ["1080p", "720p", "360p"]);
        assert_eq!(of(1080, 1920), ["1080p", "720p", "360p"]);
        assert_eq!(of(1280, 720), ["720p", "360p"]);
        assert_eq!(of(320, 181), ["source"]);
    }

    #[test]
    fn sound_alone_gets_one_rung() {
        assert_eq!(names(&media_info(None, Some(audio_info()))), ["128k"]);
    }

    #[test]
    fn a_file_without_tracks_is_refused() {
        let refusal = select(&media_info(None, None), &Settings::default()).unwrap_err();
        assert_eq!(refusal.code, "upload.no-media");
    }
}
