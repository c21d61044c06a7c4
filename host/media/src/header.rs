//! The output of ffprobe for a container and its streams.

use std::collections::BTreeMap;

use fault::text::printable;
use serde::Deserialize;

use crate::info::{Coded, DynamicRange, Label, Matrix, Ratio};
use crate::label::is_language;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub(super) streams: Vec<Stream>,
    pub(super) chapters: Vec<serde::de::IgnoredAny>,
    pub(super) format: Format,
    /// Whether its samples had to be counted, because its times can't be believed.
    #[serde(skip)]
    pub(super) counted: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Format {
    pub(super) format_name: String,
    duration: String,
    start_time: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Video,
    Audio,
    Subtitle,
    #[default]
    #[serde(other)]
    Other,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Subtitle => "subtitle",
            Self::Other => "other",
        }
    }
}

/// A stream's description. Everything can be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) index: u32,
    #[serde(rename = "codec_type")]
    pub(super) kind: Kind,
    codec_name: String,
    codec_tag_string: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pix_fmt: String,
    r_frame_rate: String,
    avg_frame_rate: String,
    sample_aspect_ratio: String,
    color_transfer: String,
    color_space: String,
    color_range: String,
    field_order: String,
    sample_rate: String,
    pub(super) channels: u32,
    nb_frames: String,
    duration: String,
    bits_per_raw_sample: String,
    /// Marks, each 1 or 0.
    disposition: BTreeMap<String, u8>,
    side_data_list: Vec<SideData>,
    tags: Tags,
}

/// ffmpeg's names of subtitles that consist of pictures.
const PICTURE_TEXTS: [&str; 5] = ["dvd_subtitle", "dvb_subtitle", "hdmv_pgs_subtitle", "xsub", "dvb_teletext"];

/// Longest title of a track, in characters: containers keep any text.
const MAX_LABEL: usize = 64;

/// The marks of sound beside or instead of the programme's.
const PURPOSES: &str =
    "dub,original,comment,lyrics,karaoke,hearing_impaired,visual_impaired,clean_effects,descriptions";

#[derive(Debug, Deserialize)]
struct SideData {
    rotation: Option<f64>,
    dv_profile: Option<u8>,
    /// What the base layer is by itself: 1 HDR10, 2 SDR, 4 HLG, 6 that of a Blu-ray; 0 nothing that others can show.
    dv_bl_signal_compatibility_id: Option<u8>,
}

/// The profile of Dolby Vision whose base layer is never compatible.
const INCOMPATIBLE: u8 = 5;

/// Later profiles, AV1 and stereoscopic HEVC, leave it to their compatibility id. Earlier ones write 0 for lack of one.
const BY_ITS_ID: [u8; 2] = [10, 20];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tags {
    /// Old muxers use it instead of side data.
    rotate: String,
    language: String,
    title: String,
    handler_name: String,
}

/// A number of seconds; `None` for `N/A`.
fn seconds(text: &str) -> Option<f64> {
    text.parse().ok().filter(|seconds: &f64| seconds.is_finite())
}

/// Containers of sound without times: the demuxer counts what it reads, and knows nothing of gaps.
const UNTIMED: [&str; 14] =
    ["flac", "mp3", "wav", "w64", "aiff", "aac", "amr", "ac3", "eac3", "dts", "au", "wv", "ape", "tta"];

impl Header {
    pub(super) fn is_untimed(&self) -> bool {
        self.counted || UNTIMED.contains(&self.format.format_name.as_str())
    }

    /// Seconds, according to the header.
    pub(super) fn duration(&self) -> Option<f64> {
        seconds(&self.format.duration)
    }

    /// The container's zero in seconds: ffmpeg moves it to 0.
    pub(super) fn start_time(&self) -> Option<f64> {
        seconds(&self.format.start_time)
    }
}

impl Stream {
    /// A cover picture, which is not a video.
    pub(super) fn is_cover(&self) -> bool {
        self.is_marked("attached_pic")
    }

    /// Whether it is picture or sound, and no cover picture.
    pub(super) fn is_media(&self) -> bool {
        matches!(self.kind, Kind::Video | Kind::Audio) && !self.is_cover()
    }

    pub(super) fn is_default(&self) -> bool {
        self.is_marked("default")
    }

    fn is_marked(&self, mark: &str) -> bool {
        self.disposition.get(mark) == Some(&1)
    }

    /// As its container has it, such as `eng`; none if it doesn't say.
    pub(super) fn language(&self) -> Option<&str> {
        Some(self.tags.language.as_str()).filter(|language| !matches!(*language, "" | "und"))
    }

    /// What tells it from other tracks of its kind.
    pub(super) fn label(&self) -> Label {
        let text = |text: &str| Some(printable(text.trim(), MAX_LABEL)).filter(|text| !text.is_empty());
        Label {
            language: self.language().filter(|language| is_language(language)).map(str::to_owned),
            title: text(&self.tags.title),
            is_default: self.is_default(),
            is_forced: self.is_marked("forced"),
        }
    }

    /// Whether it is marked as something beside or instead of the programme's sound: a commentary, a dub, a description.
    pub(super) fn has_a_purpose(&self) -> bool {
        let names = [&self.tags.title, &self.tags.handler_name].map(|name| name.to_lowercase());
        PURPOSES.split(',').any(|mark| self.is_marked(mark))
            || names.iter().any(|name| name.contains("comment") || name.contains("descri"))
    }

    /// Whether a decoder exists and could describe the stream.
    pub(super) fn is_known(&self) -> bool {
        let named = !matches!(self.codec_name.as_str(), "unknown" | "none" | "");
        match self.kind {
            Kind::Video => named && self.width > 0 && self.height > 0 && !self.pix_fmt.is_empty(),
            Kind::Audio => named && self.sample_rate() > 0,
            Kind::Subtitle | Kind::Other => false,
        }
    }

    pub(super) fn codec_or_tag(&self) -> String {
        let names = [self.codec_name.as_str(), self.codec_tag_string.as_str()];
        names.into_iter().find(|name| !matches!(*name, "unknown" | "")).unwrap_or("unknown").to_owned()
    }

    /// Whether it is subtitles that consist of pictures, not of text.
    pub(super) fn is_picture_text(&self) -> bool {
        PICTURE_TEXTS.contains(&self.codec_or_tag().as_str())
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Packets in the container's index; 0 without one.
    pub(super) fn announced_frames(&self) -> u64 {
        self.nb_frames.parse().unwrap_or(0)
    }

    /// Seconds, according to the header: after its edit list.
    pub(super) fn duration(&self) -> Option<f64> {
        seconds(&self.duration)
    }

    pub(super) fn nominal_rate(&self) -> Option<Ratio> {
        Ratio::parse(&self.r_frame_rate)
    }

    pub(super) fn average_rate(&self) -> Option<f64> {
        Ratio::parse(&self.avg_frame_rate).map(Ratio::value)
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate.parse().unwrap_or(0)
    }

    /// With square pixels, then rotated.
    pub(super) fn shown_size(&self) -> (u32, u32) {
        let shape = Ratio::parse(&self.sample_aspect_ratio).map_or(1.0, Ratio::value);
        // Broken headers claim absurd shapes; a real lens squeezes by at most about 2.
        let shape = if (0.25..=4.0).contains(&shape) { shape } else { 1.0 };
        let width = (f64::from(self.width) * shape).round() as u32;
        if self.is_turned() { (self.height, width) } else { (width, self.height) }
    }

    /// Quarters of a turn.
    fn turns(&self) -> i64 {
        let side_data = self.side_data_list.iter().find_map(|data| data.rotation);
        let degrees: f64 = side_data.or_else(|| self.tags.rotate.parse().ok()).unwrap_or(0.0);
        ((degrees / 90.0).round() as i64).rem_euclid(4)
    }

    /// Whether rotation swaps width and height.
    fn is_turned(&self) -> bool {
        self.turns() % 2 == 1
    }

    pub(super) fn coded(&self) -> Coded {
        // A mirrored picture has a matrix too, whose rotation may be 0.
        let has_matrix = self.side_data_list.iter().any(|data| data.rotation.is_some());
        let (width, height) = (self.width, self.height);
        Coded { width, height, pixels: self.pix_fmt.clone(), is_turned: has_matrix || self.turns() != 0 }
    }

    pub(super) fn is_interlaced(&self) -> bool {
        matches!(self.field_order.as_str(), "tt" | "bb" | "tb" | "bt")
    }

    pub(super) fn bit_depth(&self) -> u8 {
        let format = self.pix_fmt.trim_end_matches("le").trim_end_matches("be");
        let named = match self.pix_fmt.as_str() {
            "p010le" => Some(10),
            _ => [16u8, 14, 12, 10, 9].into_iter().find(|depth| format.ends_with(&format!("p{depth}"))),
        };
        let raw = || self.bits_per_raw_sample.parse().ok().filter(|depth| (8..=16).contains(depth));
        named.or_else(raw).unwrap_or(8)
    }

    pub(super) fn dynamic_range(&self) -> DynamicRange {
        match self.color_transfer.as_str() {
            "smpte2084" => DynamicRange::Pq,
            "arib-std-b67" => DynamicRange::Hlg,
            _ => DynamicRange::Sdr,
        }
    }

    /// The profile of Dolby Vision, if nothing but Dolby Vision can show its colours.
    pub(super) fn incompatible_dolby_vision(&self) -> Option<u8> {
        let record = self.side_data_list.iter().find_map(|data| Some((data.dv_profile?, data)));
        let (profile, record) = record?;
        let has_no_base = BY_ITS_ID.contains(&profile) && record.dv_bl_signal_compatibility_id == Some(0);
        (profile == INCOMPATIBLE || has_no_base).then_some(profile)
    }

    /// Whether black is 0 and not 16.
    pub(super) fn is_full_range(&self) -> bool {
        self.color_range == "pc" || self.pix_fmt.starts_with("yuvj")
    }

    /// Grey from 16 to 235. ffmpeg takes every grey for one from 0 to 255.
    pub(super) fn is_limited_grey(&self) -> bool {
        self.pix_fmt.starts_with("gray") && self.color_range == "tv"
    }

    pub(super) fn matrix(&self) -> Matrix {
        let is_rgb = ["rgb", "bgr", "gbr", "0rgb", "0bgr", "argb", "abgr", "pal8", "x2rgb", "x2bgr"];
        if is_rgb.iter().any(|format| self.pix_fmt.starts_with(format)) {
            return Matrix::Rgb;
        }
        match self.color_space.as_str() {
            "bt709" => Matrix::Bt709,
            "bt2020nc" | "bt2020c" => Matrix::Bt2020,
            "gbr" => Matrix::Rgb,
            "bt470bg" | "smpte170m" | "fcc" => Matrix::Bt601,
            // Not signalled: what players assume, by size.
            _ if self.width.min(self.height) >= 720 => Matrix::Bt709,
            _ => Matrix::Bt601,
        }
    }
}
