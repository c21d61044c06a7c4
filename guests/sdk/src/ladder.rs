//! Ladders of fixed rungs: a source gets those that need no enlarging.

use crate::joined;
use crate::types::{
    Effort, Measure, MediaInfo, Refusal, Rendition, Samples, Target, VideoCodec, VideoEncoder, VideoEncoding,
    VideoRendition,
};

/// Visually lossless for most material. The rung's rate caps what would need more bits.
const QUALITY: u8 = 23;

/// The rate in kbit/s that players should start with: what Apple's authoring specification has for an ordinary line.
pub const START_KBPS: u32 = 2000;

/// A rung of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The rendition's name, usually also its folder.
    pub name: &'static str,
    /// Pixels on the shorter side.
    pub short_side: u32,
    /// The cap on the video's rate in kbit/s.
    pub video_kbps: u32,
    /// The rate of the sound in kbit/s.
    pub audio_kbps: u32,
}

impl Rung {
    /// The rung as a rendition in H.264.
    pub fn rendition(self, has_sound: bool, effort: Effort) -> Rendition {
        let encoding = VideoEncoding {
            codec: VideoCodec::H264,
            quality: QUALITY,
            max_kbps: Some(self.video_kbps),
            effort,
            samples: None,
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

/// The rungs that fit a source's picture in another codec, with 10 bits and in the source's own dynamic range, called like
/// `1080p-hevc`. To be listed behind the same in H.264, which every player shows. None if no encoder for it works, or without
/// a picture.
pub fn in_codec(
    codec: VideoCodec,
    encoders: &[VideoEncoder],
    info: &MediaInfo,
    rungs: &[Rung],
    effort: Effort,
) -> Vec<Rendition> {
    // What comparisons of the codecs at equal quality agree on.
    let (ending, quality, percent) = match codec {
        VideoCodec::H264 => ("-h264", QUALITY, 100),
        VideoCodec::Hevc => ("-hevc", 26, 65),
        VideoCodec::Av1 => ("-av1", 35, 55),
    };
    let Some(video) = info.video.as_ref().filter(|_| encoders.iter().any(|encoder| encoder.codec == codec)) else {
        return Vec::new();
    };
    let rendition = |rung: Rung| {
        let kbps = rung.video_kbps / 100 * percent;
        let mut made = Rung { video_kbps: kbps, ..rung }.rendition(info.audio.is_some(), effort);
        made.name = joined(&[rung.name, ending]);
        if let Some(video) = &mut made.video {
            let samples = (codec != VideoCodec::H264).then_some(Samples::Source10);
            video.encoding = VideoEncoding { codec, quality, samples, ..video.encoding.clone() };
        }
        made
    };
    fitting(video.width.min(video.height), rungs).into_iter().map(rendition).collect()
}

/// The renditions of a source, the largest first: those of `rungs` that fit its picture, or one for each name and rate
/// of `sound_rungs` if it has sound alone. A source without any track is refused.
pub fn select(
    info: &MediaInfo,
    rungs: &[Rung],
    sound_rungs: &[(&str, u32)],
    effort: Effort,
) -> Result<Vec<Rendition>, Refusal> {
    let has_sound = info.audio.is_some();
    match &info.video {
        Some(video) => {
            let rungs = fitting(video.width.min(video.height), rungs);
            Ok(rungs.into_iter().map(|rung| rung.rendition(has_sound, effort)).collect())
        }
        None if has_sound => Ok(sound_rungs.iter().map(|(name, kbps)| sound(name, *kbps)).collect()),
        None => Err(Refusal {
            code: "upload.no-media".into(),
            message: "The file has neither a video nor an audio track that can be read. Upload another file.".into(),
        }),
    }
}

/// The rungs that need no enlarging; `rungs` must be sorted, the largest first. If none fits, the result is one rung
/// named `source` at the source's own size, with the rates of the smallest rung.
fn fitting(short_side: u32, rungs: &[Rung]) -> Vec<Rung> {
    let fitting: Vec<Rung> = rungs.iter().filter(|rung| rung.short_side <= short_side).copied().collect();
    if !fitting.is_empty() {
        return fitting;
    }
    // 4:2:0 video halves both sides for its colour, so an odd side can't be encoded.
    let own_size = (short_side & !1).max(2);
    rungs.last().map(|rung| Rung { name: "source", short_side: own_size, ..*rung }).into_iter().collect()
}

/// A rendition without a picture.
pub(crate) fn sound(name: &str, kbps: u32) -> Rendition {
    Rendition { name: name.into(), video: None, audio_kbps: Some(kbps), attributes: Vec::new() }
}

/// How much better and worse than its own quality a rendition may become to be like its source.
const BETTER: u8 = 6;
const WORSE: u8 = 9;

/// Targets that give each title what it needs: every rendition in H.264, or in another codec with standard dynamic range, gets
/// the worst quality at which it has this score, in thousandths, within some steps of its own. Its rate stays its cap.
pub fn alike(renditions: &[Rendition], measure: Measure, score: u32) -> Vec<Target> {
    let target = |rendition: &Rendition| {
        let encoding = &rendition.video.as_ref()?.encoding;
        let (best, worst) = (encoding.quality.saturating_sub(BETTER).max(1), encoding.quality + WORSE);
        let is_sdr = encoding.samples != Some(Samples::Source10);
        is_sdr.then(|| Target { rung: rendition.name.clone(), measure, score, best, worst })
    };
    renditions.iter().filter_map(target).collect()
}

/// Moves the rendition nearest to this rate to the front. The others keep their order. For the master playlist, because
/// players start with its first variant.
pub fn starting_near(kbps: u32, mut renditions: Vec<Rendition>) -> Vec<Rendition> {
    let distance = |rendition: &Rendition| {
        let video = rendition.video.as_ref().and_then(|video| video.encoding.max_kbps).unwrap_or(0);
        video.saturating_add(rendition.audio_kbps.unwrap_or(0)).abs_diff(kbps)
    };
    if let Some((first, _)) = renditions.iter().enumerate().min_by_key(|(_, rendition)| distance(rendition)) {
        let rendition = renditions.remove(first);
        renditions.insert(0, rendition);
    }
    renditions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{audio_info, media_info, video_info};

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
    fn another_codec_has_its_own_rates_and_the_sources_range() {
        let encoders = [VideoEncoder { codec: VideoCodec::Hevc, processor: crate::types::Processor::Cpu }];
        let info = media_info(Some(video_info(1280, 720)), None);
        let made = in_codec(VideoCodec::Hevc, &encoders, &info, &RUNGS, Effort::Fast);
        let names: Vec<&str> = made.iter().map(|rendition| rendition.name.as_str()).collect();
        assert_eq!(names, ["large-hevc", "small-hevc"]);
        let encoding = &made[0].video.as_ref().unwrap().encoding;
        assert_eq!((encoding.max_kbps, encoding.samples), (Some(1950), Some(Samples::Source10)));
        assert_eq!(in_codec(VideoCodec::Av1, &encoders, &info, &RUNGS, Effort::Fast), [], "there is no encoder for it");
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
            let renditions = starting_near(kbps, all());
            assert_eq!((renditions[0].name.as_str(), renditions.len()), (first, 2), "{kbps}");
        }
        assert_eq!(starting_near(2000, Vec::new()), []);
    }

    #[test]
    fn what_keeps_the_sources_range_has_no_target() {
        let mut renditions = vec![RUNGS[0].rendition(true, Effort::Fast), sound("sound", 64)];
        renditions.push(RUNGS[1].rendition(true, Effort::Fast));
        renditions[2].video.as_mut().unwrap().encoding.samples = Some(Samples::Source10);
        let target = Target { rung: "large".into(), measure: Measure::Ssim, score: 980, best: 17, worst: 32 };
        assert_eq!(alike(&renditions, Measure::Ssim, 980), [target]);
    }

    #[test]
    fn a_picture_is_measured_by_its_short_side() {
        for (width, height) in [(1280, 720), (720, 1280)] {
            let info = media_info(Some(video_info(width, height)), Some(audio_info()));
            let expected = RUNGS.map(|rung| rung.rendition(true, Effort::Slow));
            assert_eq!(select(&info, &RUNGS, &[], Effort::Slow).unwrap(), expected, "{width}x{height}");
        }
    }

    #[test]
    fn a_silent_video_gets_rungs_without_sound() {
        let renditions = select(&media_info(Some(video_info(1280, 720)), None), &RUNGS, &[], Effort::Fast).unwrap();
        assert!(renditions.iter().all(|rendition| rendition.audio_kbps.is_none()));
    }

    #[test]
    fn sound_alone_gets_rungs_without_pictures() {
        let info = media_info(None, Some(audio_info()));
        let renditions = select(&info, &RUNGS, &[("128k", 128), ("64k", 64)], Effort::Fast).unwrap();
        assert_eq!(renditions, [sound("128k", 128), sound("64k", 64)]);
    }

    #[test]
    fn a_file_without_tracks_is_refused() {
        let refusal = select(&media_info(None, None), &RUNGS, &[], Effort::Fast).unwrap_err();
        assert_eq!(refusal.code, "upload.no-media");
    }
}
