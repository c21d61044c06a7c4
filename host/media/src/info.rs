//! The description of an original that the rest of the host uses.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::containment::ProbeDepth;
use crate::part::{Part, Shown};

/// A fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    pub numerator: u32,
    /// Never 0.
    pub denominator: u32,
}

impl Ratio {
    /// `None` if it is not a fraction, is 0, or is too large.
    pub fn new(numerator: u64, denominator: u64) -> Option<Self> {
        fn gcd(a: u64, b: u64) -> u64 {
            if b == 0 { a } else { gcd(b, a % b) }
        }
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let divisor = gcd(numerator, denominator);
        let reduced = |number: u64| u32::try_from(number / divisor).ok();
        Some(Self { numerator: reduced(numerator)?, denominator: reduced(denominator)? })
    }

    /// As ffprobe writes it: `30000/1001`, also `16:15`.
    pub fn parse(text: &str) -> Option<Self> {
        let (above, below) = text.split_once(['/', ':'])?;
        Self::new(above.parse().ok()?, below.parse().ok()?)
    }

    pub fn value(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

/// The transfer function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DynamicRange {
    Sdr,
    /// SMPTE ST 2084.
    Pq,
    /// Hybrid log-gamma.
    Hlg,
}

/// The coefficients between RGB and the coded planes, by swscale's names for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Matrix {
    Bt709,
    /// Standard definition, both systems. Also assumed for small pictures without a signalled matrix.
    Bt601,
    /// Ultra-high definition.
    Bt2020,
    /// Not converted: RGB.
    Rgb,
}

/// The light that a film in HDR10 was graded for (SMPTE ST 2086), and has (CTA-861.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Light {
    /// Of the display: x and y of green, blue, red and white, in fifty-thousandths.
    pub primaries: [[u32; 2]; 4],
    /// Of the display: most and least, in ten-thousandths of a candela per square metre.
    pub luminance: [u32; 2],
    /// Of the film: the brightest pixel, and the brightest frame in the mean, in candelas per square metre.
    pub levels: Option<[u32; 2]>,
}

/// A picture as it is coded, which decides who can decode it. Empty where that isn't known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coded {
    /// Pixels, before it is turned and made square.
    pub width: u32,
    pub height: u32,
    /// The form of its samples, by ffmpeg's name.
    pub pixels: String,
    /// Whether it is shown turned or mirrored.
    pub is_turned: bool,
}

/// The video track that outputs are made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// The stream's index in the container.
    pub index: u32,
    pub codec: String,
    /// Size as shown: rotated, with square pixels.
    pub width: u32,
    /// Size as shown: rotated, with square pixels.
    pub height: u32,
    /// The constant rate that outputs get.
    pub frame_rate: Ratio,
    /// Bits per sample.
    pub bit_depth: u8,
    /// The transfer function.
    pub range: DynamicRange,
    /// Of a film in PQ, if it says so.
    #[serde(default)]
    pub light: Option<Light>,
    pub matrix: Matrix,
    /// Whether black is 0 and not 16.
    pub full_range: bool,
    /// Whether it is grey with black at 16.
    #[serde(default)]
    pub limited_grey: bool,
    /// Whether two fields make a frame.
    pub interlaced: bool,
    #[serde(default)]
    pub coded: Coded,
    /// How many packets it has.
    #[serde(default)]
    pub packets: u64,
    /// From the container's zero to the first frame.
    #[serde(default)]
    pub start: Duration,
    /// From the container's zero to the end of the last frame.
    pub length: Duration,
}

impl Video {
    /// Of one frame, as shown.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Of a frame as it comes from the decoder, turned.
    pub(crate) fn decoded_size(&self) -> (u32, u32) {
        let Coded { width, height, is_turned, .. } = self.coded;
        match (width, height) {
            (0, _) | (_, 0) => (self.width, self.height),
            // Pixels that aren't square stretch the width as it is coded.
            _ if is_turned && self.width == height => (height, width),
            _ => (width, height),
        }
    }

    /// The shorter side in pixels, by which rungs are chosen.
    pub fn short_side(&self) -> u32 {
        self.width.min(self.height)
    }

    /// The size of a rung with this short side: the source's shape, both sides even, as 4:2:0 needs.
    pub fn scaled_to(&self, short_side: u32) -> (u32, u32) {
        let short_side = short_side.max(2) & !1;
        let long = u64::from(self.width.max(self.height));
        let source_short = u64::from(self.short_side()).max(1);
        // To the nearest even number: 1920x1080 at 480 is 853.33, so 854.
        let exact_twice = long * u64::from(short_side) * 2 / source_short;
        let long = u32::try_from((exact_twice + 2) / 4 * 2).unwrap_or(u32::MAX).max(2);
        if self.width >= self.height { (long, short_side) } else { (short_side, long) }
    }
}

/// The audio track that outputs are made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    /// The stream's index in the container.
    pub index: u32,
    /// The index of the stream that holds the right channel, where left and right are tracks of their own.
    #[serde(default)]
    pub right: Option<u32>,
    pub codec: String,
    pub channels: u32,
    pub sample_rate: u32,
    /// How many packets it has; of two tracks, the first.
    #[serde(default)]
    pub packets: u64,
    /// From the container's zero to the first packet.
    #[serde(default)]
    pub start: Duration,
    /// Whether the packets' times say nothing: samples follow each other.
    #[serde(default)]
    pub untimed: bool,
    /// From the container's zero to the end of the last packet.
    pub length: Duration,
}

impl Audio {
    /// The indexes of all streams that it is made from.
    pub fn streams(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.index).chain(self.right)
    }

    /// Where its outputs begin: if it starts late, with silence.
    pub(crate) fn begin(&self) -> Duration {
        if self.untimed || self.right.is_some() || self.start > LATE { Duration::ZERO } else { self.start }
    }
}

/// A track of sound that a rendition of its own can be made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoundTrack {
    pub audio: Audio,
    pub label: Label,
}

/// A track of subtitles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextTrack {
    /// The stream's index in the container.
    pub index: u32,
    pub codec: String,
    pub label: Label,
    /// Whether it consists of pictures, which can't be made into text.
    pub is_picture: bool,
}

/// What is to be known of a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackNote {
    /// The stream's index in the container; `None` for several.
    pub track: Option<u32>,
    pub text: String,
}

/// What a container says of one of several tracks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// As the container has it, such as `eng`; none that isn't in the form of a language tag.
    pub language: Option<String>,
    pub title: Option<String>,
    pub is_default: bool,
    /// Of subtitles: whether they are for what isn't in the language of the sound.
    pub is_forced: bool,
}

/// A track that starts later than this is filled from the source's zero.
pub(crate) const LATE: Duration = Duration::from_millis(100);

/// Whether times may start over in a container of this name: ffmpeg's demuxers that have `AVFMT_TS_DISCONT`.
pub fn may_start_over(container: &str) -> bool {
    matches!(container, "mpegts" | "mpeg" | "ogg")
}

/// How much longer than the picture the sound may be before the last picture is held for it.
const SOUND_TAIL: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// How far ffmpeg has to look into it.
    #[serde(default)]
    pub depth: ProbeDepth,
    /// ffmpeg's name of the demuxer.
    pub container: String,
    /// From its packets, not from its header.
    pub duration: Duration,
    pub size: u64,
    pub video: Option<Video>,
    pub audio: Option<Audio>,
    /// Every track of sound that can be used, `audio` among them.
    #[serde(default)]
    pub sounds: Vec<SoundTrack>,
    /// The tracks of subtitles.
    #[serde(default)]
    pub texts: Vec<TextTrack>,
    /// What support people and uploaders should know.
    pub notes: Vec<String>,
    /// The same of tracks that nothing is made from, unless a plan asks for them.
    #[serde(default)]
    pub unused: Vec<TrackNote>,
    /// The part that this describes, of a source that is trimmed. What is stored is always the whole.
    #[serde(skip)]
    pub part: Option<Part>,
    /// The length of the film, if this is a sample of one: no more pictures of it are compared than its share.
    #[serde(skip)]
    pub sample_of: Option<Duration>,
}

impl MediaInfo {
    /// How much of the source is decoded: also what is in front of a part.
    pub(crate) fn decoded_length(&self) -> Duration {
        self.part.map_or(self.duration, |part| part.end)
    }

    /// How long the last frame is held for sound that goes on: an hour of talk over a single picture must last an hour.
    pub fn held_picture(&self) -> Option<Duration> {
        let (video, audio) = (self.video.as_ref()?, self.audio.as_ref()?);
        audio.length.checked_sub(video.length).filter(|tail| *tail > SOUND_TAIL)
    }

    /// All notes, if these tracks are used besides the main ones.
    pub fn notes_beside(&self, used: &[u32]) -> Vec<String> {
        let unused = self.unused.iter().filter(|note| note.track.is_none_or(|track| !used.contains(&track)));
        self.notes.iter().chain(unused.map(|note| &note.text)).cloned().collect()
    }

    /// The track of sound with this index in the container.
    pub fn sound(&self, index: u32) -> Option<&Audio> {
        self.sounds.iter().map(|track| &track.audio).find(|audio| audio.index == index)
    }

    pub(crate) fn shown(&self) -> Option<Shown> {
        let video = self.video.as_ref()?;
        Some(Shown { start: video.start, length: video.length, held: self.held_picture() })
    }

    /// The length of a ladder of this source: that of its picture, if it has one.
    pub fn ladder_length(&self) -> Duration {
        match &self.video {
            Some(video) => video.length + self.held_picture().unwrap_or_default(),
            None => self.duration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: u32, height: u32) -> Video {
        Video {
            index: 0,
            codec: "h264".into(),
            width,
            height,
            frame_rate: Ratio { numerator: 25, denominator: 1 },
            bit_depth: 8,
            range: DynamicRange::Sdr,
            light: None,
            matrix: Matrix::Bt709,
            full_range: false,
            limited_grey: false,
            interlaced: false,
            coded: Coded::default(),
            packets: 0,
            start: Duration::ZERO,
            length: Duration::from_secs(10),
        }
    }

    #[test]
    fn rungs_keep_the_shape_and_have_even_sides() {
        assert_eq!(shown(1920, 1080).scaled_to(480), (854, 480));
        assert_eq!(shown(1920, 1080).scaled_to(360), (640, 360));
        assert_eq!(shown(1080, 1920).scaled_to(480), (480, 854));
        assert_eq!(shown(1920, 1080).scaled_to(1080), (1920, 1080));
        assert_eq!(shown(518, 488).scaled_to(480), (510, 480));
        assert_eq!(shown(101, 57).scaled_to(57), (100, 56));
        assert_eq!(shown(2, 2).scaled_to(2), (2, 2));
    }

    #[test]
    fn fractions_are_reduced_and_anything_else_is_refused() {
        assert_eq!(Ratio::parse("50/2"), Some(Ratio { numerator: 25, denominator: 1 }));
        assert_eq!(Ratio::parse("0/0"), None);
        assert_eq!(Ratio::parse("1/0"), None);
        assert_eq!(Ratio::parse("25"), None);
    }
}
