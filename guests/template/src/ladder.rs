//! Which renditions a source gets.

use policy_sdk::prelude::*;

use crate::settings::Settings;

/// A step of the ladder.
struct Rung {
    /// Its name, which is also its folder.
    name: &'static str,
    /// Pixels on the shorter side.
    short_side: u32,
    /// The rate that its video never exceeds.
    video_kbps: u32,
    /// The rate of its sound.
    audio_kbps: u32,
}

/// The ladder, the largest first.
const RUNGS: [Rung; 3] = [
    Rung { name: "1080p", short_side: 1080, video_kbps: 5000, audio_kbps: 192 },
    Rung { name: "720p", short_side: 720, video_kbps: 3000, audio_kbps: 128 },
    Rung { name: "360p", short_side: 360, video_kbps: 800, audio_kbps: 64 },
];

/// Constant quality: visually lossless for most material; what would cost more is held by the rung's rate.
const QUALITY: u8 = 23;

/// The renditions that need no enlarging, the largest first; one at the source's own size where each would.
pub fn select(info: &MediaInfo, settings: &Settings) -> Result<Vec<Rendition>, Refusal> {
    let has_sound = info.audio.is_some();
    let Some(video) = &info.video else {
        if has_sound {
            return Ok(vec![Rendition {
                name: "128k".into(),
                video: None,
                audio_kbps: Some(128),
                attributes: Vec::new(),
            }]);
        }
        return Err(Refusal {
            code: "upload.no-media".into(),
            message: "The file has neither a picture nor sound. Upload another file.".into(),
        });
    };
    let source = video.width.min(video.height);
    let rendition = |name: &str, short_side: u32, rung: &Rung| Rendition {
        name: name.into(),
        video: Some(VideoRendition { short_side, encoding: encoding(rung, settings) }),
        audio_kbps: has_sound.then_some(rung.audio_kbps),
        attributes: Vec::new(),
    };
    let fitting = RUNGS.iter().filter(|rung| rung.short_side <= source);
    let mut renditions: Vec<Rendition> = fitting.map(|rung| rendition(rung.name, rung.short_side, rung)).collect();
    if renditions.is_empty() {
        // An odd side can't be encoded.
        let own_size = (source & !1).max(2);
        renditions.extend(RUNGS.last().map(|smallest| rendition("source", own_size, smallest)));
    }
    Ok(renditions)
}

fn encoding(rung: &Rung, settings: &Settings) -> VideoEncoding {
    VideoEncoding {
        codec: VideoCodec::H264,
        quality: QUALITY,
        max_kbps: Some(rung.video_kbps),
        effort: settings.effort,
        attributes: Vec::new(),
    }
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
    fn sound_alone_gets_a_rung_without_a_picture() {
        assert_eq!(names(&media_info(None, Some(audio_info()))), ["128k"]);
    }

    #[test]
    fn a_file_with_nothing_in_it_is_refused() {
        let refusal = select(&media_info(None, None), &Settings::default()).unwrap_err();
        assert_eq!(refusal.code, "upload.no-media");
    }
}
