//! Ladders of fixed rungs, of which a source gets those that it is large enough for.

use crate::types::{Effort, Refusal, Rendition, VideoCodec, VideoEncoding, VideoRendition};

/// Constant quality of a rung, visually lossless for most material; what would cost more is held by the rung's rate.
const QUALITY: u8 = 23;

/// The rung of a source that is below all others.
const OWN_SIZE: &str = "source";

/// A step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its name, which is also its folder.
    pub name: &'static str,
    /// Pixels on the shorter side.
    pub short_side: u32,
    /// The rate that its video never exceeds.
    pub video_kbps: u32,
    /// The rate of its sound.
    pub audio_kbps: u32,
}

impl Rung {
    /// As a rendition in H.264.
    #[must_use]
    pub fn rendition(self, has_sound: bool, effort: Effort) -> Rendition {
        let encoding = VideoEncoding {
            codec: VideoCodec::H264,
            quality: QUALITY,
            max_kbps: Some(self.video_kbps),
            effort,
            attributes: Vec::new(),
        };
        Rendition {
            name: self.name.into(),
            video: Some(VideoRendition { short_side: self.short_side, encoding }),
            audio_kbps: has_sound.then_some(self.audio_kbps),
            attributes: Vec::new(),
        }
    }
}

/// The rungs that need no enlarging; `rungs` are the largest first. Where none fits, one called `source` at the source's
/// own size, with the rates of the rung that is the least too large.
#[must_use]
pub fn fitting(short_side: u32, rungs: &[Rung]) -> Vec<Rung> {
    let fitting: Vec<Rung> = rungs.iter().filter(|rung| rung.short_side <= short_side).copied().collect();
    if !fitting.is_empty() {
        return fitting;
    }
    // 4:2:0 video halves both sides for its colour, so an odd side can't be encoded.
    let own_size = (short_side & !1).max(2);
    rungs.last().map(|rung| Rung { name: OWN_SIZE, short_side: own_size, ..*rung }).into_iter().collect()
}

/// A rendition without pictures.
#[must_use]
pub fn sound(name: &str, kbps: u32) -> Rendition {
    Rendition { name: name.into(), video: None, audio_kbps: Some(kbps), attributes: Vec::new() }
}

/// Puts the rendition nearest to a rate in front: a player starts with the first one of the master playlist.
pub fn begin_near(renditions: &mut Vec<Rendition>, kbps: u32) {
    let distance = |rendition: &Rendition| {
        let video = rendition.video.as_ref().and_then(|video| video.encoding.max_kbps).unwrap_or(0);
        video.saturating_add(rendition.audio_kbps.unwrap_or(0)).abs_diff(kbps)
    };
    if let Some(first) = (0..renditions.len()).min_by_key(|&index| renditions.get(index).map(distance)) {
        let rendition = renditions.remove(first);
        renditions.insert(0, rendition);
    }
}

/// Why a source without any track is refused.
#[must_use]
pub fn no_media() -> Refusal {
    Refusal {
        code: "upload.no-media".into(),
        message: "The file has neither a video nor an audio track that can be read. Upload another file.".into(),
    }
}

/// Why a video upload without a video track is refused.
#[must_use]
pub fn no_video() -> Refusal {
    Refusal {
        code: "upload.no-video".into(),
        message: "The file was uploaded as a video but has no video track. Upload it as audio, or upload another file."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNGS: [Rung; 2] = [
        Rung { name: "large", short_side: 720, video_kbps: 3000, audio_kbps: 128 },
        Rung { name: "small", short_side: 480, video_kbps: 1500, audio_kbps: 96 },
    ];

    fn names(rungs: &[Rung]) -> Vec<&str> {
        rungs.iter().map(|rung| rung.name).collect()
    }

    #[test]
    fn a_source_gets_the_rungs_that_it_is_large_enough_for() {
        for (short_side, expected) in [(2160, &["large", "small"][..]), (720, &["large", "small"]), (719, &["small"])] {
            assert_eq!(names(&fitting(short_side, &RUNGS)), expected, "{short_side}");
        }
    }

    #[test]
    fn a_source_below_every_rung_keeps_its_own_size_made_even() {
        for (short_side, own) in [(479, 478), (90, 90), (1, 2)] {
            let expected = Rung { name: "source", short_side: own, video_kbps: 1500, audio_kbps: 96 };
            assert_eq!(fitting(short_side, &RUNGS), [expected], "{short_side}");
        }
        assert_eq!(fitting(100, &[]), []);
    }

    #[test]
    fn the_rendition_nearest_to_the_rate_comes_first_and_the_rest_keeps_its_order() {
        let all = || RUNGS.iter().map(|rung| rung.rendition(true, Effort::Fast)).collect::<Vec<_>>();
        for (kbps, first) in [(2000, "small"), (3000, "large"), (0, "small")] {
            let mut renditions = all();
            begin_near(&mut renditions, kbps);
            assert_eq!((renditions[0].name.as_str(), renditions.len()), (first, 2), "{kbps}");
        }
        let mut none = Vec::new();
        begin_near(&mut none, 2000);
        assert_eq!(none, []);
    }
}
