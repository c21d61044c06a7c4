//! Which renditions a source gets.

pub use policy_sdk::ladder::Rung;
use policy_sdk::types::{Effort, MediaInfo, Refusal, Rendition};

use crate::settings::Settings;

/// The rungs of a video, the largest first.
pub const RUNGS: [Rung; 4] = [
    Rung { name: "1080p", short_side: 1080, video_kbps: 5000, audio_kbps: 192 },
    Rung { name: "720p", short_side: 720, video_kbps: 3000, audio_kbps: 128 },
    Rung { name: "480p", short_side: 480, video_kbps: 1500, audio_kbps: 96 },
    Rung { name: "360p", short_side: 360, video_kbps: 800, audio_kbps: 64 },
];

/// The rungs of sound alone.
const SOUND_RUNGS: [(&str, u32); 2] = [("128k", 128), ("64k", 64)];

/// The renditions, the largest first.
pub fn select(info: &MediaInfo, settings: &Settings) -> Result<Vec<Rendition>, Refusal> {
    policy_sdk::ladder::select(info, &settings.rungs, &SOUND_RUNGS, settings.effort.unwrap_or(Effort::Fast))
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::{audio_info, media_info, video_info};

    use super::*;

    /// Name, short side, video rate and audio rate of every rendition.
    fn ladder(width: u32, height: u32, json: &str) -> Vec<(String, u32, u32, u32)> {
        let info = media_info(Some(video_info(width, height)), Some(audio_info()));
        let renditions = select(&info, &Settings::parse(json).unwrap()).unwrap();
        let row = |rendition: Rendition| {
            let video = rendition.video.unwrap();
            (rendition.name, video.short_side, video.encoding.max_kbps.unwrap(), rendition.audio_kbps.unwrap())
        };
        renditions.into_iter().map(row).collect()
    }

    fn names(width: u32, height: u32, json: &str) -> Vec<String> {
        ladder(width, height, json).into_iter().map(|row| row.0).collect()
    }

    fn row(name: &str, short_side: u32, video_kbps: u32, audio_kbps: u32) -> (String, u32, u32, u32) {
        (name.into(), short_side, video_kbps, audio_kbps)
    }

    #[test]
    fn a_1080p_source_gets_the_whole_ladder() {
        let whole = [
            row("1080p", 1080, 5000, 192),
            row("720p", 720, 3000, 128),
            row("480p", 480, 1500, 96),
            row("360p", 360, 800, 64),
        ];
        assert_eq!(ladder(1920, 1080, "{}"), whole);
    }

    #[test]
    fn no_rung_is_larger_than_the_source_by_its_short_side() {
        let table: [(u32, u32, &[&str]); 8] = [
            (3840, 2160, &["1080p", "720p", "480p", "360p"]),
            (1080, 1920, &["1080p", "720p", "480p", "360p"]),
            (1080, 720, &["720p", "480p", "360p"]),
            (1920, 1079, &["720p", "480p", "360p"]),
            (518, 488, &["480p", "360p"]),
            (16384, 480, &["480p", "360p"]),
            (640, 360, &["360p"]),
            (359, 640, &["source"]),
        ];
        for (width, height, expected) in table {
            assert_eq!(names(width, height, "{}"), expected, "{width}x{height}");
        }
    }

    #[test]
    fn a_source_below_the_smallest_rung_keeps_its_own_size_made_even() {
        assert_eq!(ladder(192, 108, "{}"), [row("source", 108, 800, 64)]);
        assert_eq!(ladder(359, 640, "{}"), [row("source", 358, 800, 64)]);
        assert_eq!(ladder(640, 1, "{}"), [row("source", 2, 800, 64)]);
    }

    #[test]
    fn settings_restrict_the_ladder_but_do_not_reorder_it() {
        assert_eq!(names(1920, 1080, r#"{"rungs": ["360p", "1080p", "360p"]}"#), ["1080p", "360p"]);
    }

    #[test]
    fn a_source_below_every_chosen_rung_gets_the_rates_of_the_smallest_of_them() {
        assert_eq!(ladder(854, 480, r#"{"rungs": ["1080p", "720p"]}"#), [row("source", 480, 3000, 128)]);
    }

    #[test]
    fn sound_alone_gets_two_rungs_without_pictures() {
        let renditions = select(&media_info(None, Some(audio_info())), &Settings::default()).unwrap();
        let rows: Vec<_> = renditions.iter().map(|rung| (rung.name.as_str(), rung.audio_kbps)).collect();
        assert_eq!(rows, [("128k", Some(128)), ("64k", Some(64))]);
        assert!(renditions.iter().all(|rung| rung.video.is_none()));
    }

    #[test]
    fn the_effort_of_every_rung_can_be_set() {
        for (json, effort) in [("{}", Effort::Fast), (r#"{"effort": "fastest"}"#, Effort::Fastest)] {
            let info = media_info(Some(video_info(1920, 1080)), None);
            let renditions = select(&info, &Settings::parse(json).unwrap()).unwrap();
            assert!(renditions.iter().all(|rung| rung.video.as_ref().unwrap().encoding.effort == effort), "{json}");
        }
    }

    #[test]
    fn a_file_without_tracks_is_refused() {
        let refusal = select(&media_info(None, None), &Settings::default()).unwrap_err();
        assert_eq!(refusal.code, "upload.no-media");
    }
}
