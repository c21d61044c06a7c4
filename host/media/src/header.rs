//! The output of ffprobe for a container and its streams.

use serde::Deserialize;

use crate::info::{DynamicRange, Matrix, Ratio};

#[derive(Debug, Default, Deserialize)]
pub(super) struct Header {
    #[serde(default)]
    pub(super) streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Deserialize)]
struct Format {
    format_name: Option<String>,
    duration: Option<String>,
    start_time: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Video,
    Audio,
    #[default]
    #[serde(other)]
    Other,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Other => "other",
        }
    }
}

/// A stream's description. Everything but its index can be missing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Stream {
    pub(super) index: u32,
    #[serde(default, rename = "codec_type")]
    pub(super) kind: Kind,
    codec_name: Option<String>,
    codec_tag_string: Option<String>,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    pix_fmt: Option<String>,
    r_frame_rate: Option<String>,
    avg_frame_rate: Option<String>,
    sample_aspect_ratio: Option<String>,
    color_transfer: Option<String>,
    color_space: Option<String>,
    color_range: Option<String>,
    field_order: Option<String>,
    sample_rate: Option<String>,
    #[serde(default)]
    pub(super) channels: u32,
    nb_frames: Option<String>,
    bits_per_raw_sample: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
    #[serde(default)]
    tags: Tag,
}

#[derive(Debug, Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
    #[serde(default, rename = "default")]
    chosen: u8,
}

#[derive(Debug, Default, Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

/// Tags that old muxers use instead of side data.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Tag {
    rotate: Option<String>,
}

fn number<T: std::str::FromStr>(text: Option<&String>) -> Option<T> {
    text.and_then(|text| text.parse().ok())
}

impl Header {
    pub(super) fn container(&self) -> String {
        self.format.format_name.clone().unwrap_or_default()
    }

    /// Seconds, according to the header.
    pub(super) fn duration(&self) -> Option<f64> {
        number(self.format.duration.as_ref()).filter(|seconds: &f64| seconds.is_finite())
    }

    /// The container's zero in seconds: ffmpeg moves it to 0.
    pub(super) fn start_time(&self) -> Option<f64> {
        number(self.format.start_time.as_ref()).filter(|seconds: &f64| seconds.is_finite())
    }
}

impl Stream {
    /// A cover picture, which is not a video.
    pub(super) fn is_cover(&self) -> bool {
        self.disposition.attached_pic == 1
    }

    pub(super) fn is_default(&self) -> bool {
        self.disposition.chosen == 1
    }

    /// Whether a decoder exists and could describe the stream.
    pub(super) fn is_known(&self) -> bool {
        let named = self.codec_name.as_deref().is_some_and(|name| !matches!(name, "unknown" | "none" | ""));
        match self.kind {
            Kind::Video => named && self.width > 0 && self.height > 0 && self.pix_fmt.is_some(),
            Kind::Audio => named && self.sample_rate() > 0,
            Kind::Other => false,
        }
    }

    pub(super) fn codec_or_tag(&self) -> String {
        let name = self.codec_name.as_deref().filter(|name| *name != "unknown");
        name.or(self.codec_tag_string.as_deref()).unwrap_or("unknown").to_owned()
    }

    pub(super) fn coded_size(&self) -> (u64, u64) {
        (u64::from(self.width), u64::from(self.height))
    }

    pub(super) fn pixels(&self) -> u64 {
        let (width, height) = self.coded_size();
        width * height
    }

    /// Packets in the container's index; 0 without one.
    pub(super) fn announced_frames(&self) -> u64 {
        number(self.nb_frames.as_ref()).unwrap_or(0)
    }

    pub(super) fn nominal_rate(&self) -> Option<Ratio> {
        self.r_frame_rate.as_deref().and_then(Ratio::parse)
    }

    pub(super) fn average_rate(&self) -> Option<f64> {
        self.avg_frame_rate.as_deref().and_then(Ratio::parse).map(Ratio::value)
    }

    pub(super) fn sample_rate(&self) -> u32 {
        number(self.sample_rate.as_ref()).unwrap_or(0)
    }

    /// With square pixels, then rotated.
    pub(super) fn shown_size(&self) -> (u32, u32) {
        let shape = self.sample_aspect_ratio.as_deref().and_then(Ratio::parse).map_or(1.0, Ratio::value);
        // Broken headers claim absurd shapes; a real lens squeezes by at most about 2.
        let shape = if (0.25..=4.0).contains(&shape) { shape } else { 1.0 };
        let width = (f64::from(self.width) * shape).round() as u32;
        if self.is_turned() { (self.height, width) } else { (width, self.height) }
    }

    /// Whether rotation swaps width and height.
    fn is_turned(&self) -> bool {
        let degrees = self
            .side_data_list
            .iter()
            .find_map(|data| data.rotation)
            .or_else(|| number(self.tags.rotate.as_ref()))
            .unwrap_or(0.0);
        ((degrees / 90.0).round() as i64).rem_euclid(2) == 1
    }

    pub(super) fn is_interlaced(&self) -> bool {
        matches!(self.field_order.as_deref(), Some("tt" | "bb" | "tb" | "bt"))
    }

    pub(super) fn bit_depth(&self) -> u8 {
        let format = self.pix_fmt.as_deref().unwrap_or_default();
        let named = [16u8, 14, 12, 10, 9].into_iter().find(|depth| {
            format.trim_end_matches("le").trim_end_matches("be").ends_with(&format!("p{depth}"))
                || format == "p010le" && *depth == 10
        });
        named
            .or_else(|| number(self.bits_per_raw_sample.as_ref()).filter(|depth| (8..=16).contains(depth)))
            .unwrap_or(8)
    }

    pub(super) fn dynamic_range(&self) -> DynamicRange {
        match self.color_transfer.as_deref() {
            Some("smpte2084") => DynamicRange::Pq,
            Some("arib-std-b67") => DynamicRange::Hlg,
            _ => DynamicRange::Sdr,
        }
    }

    /// Whether black is 0 and not 16.
    pub(super) fn is_full_range(&self) -> bool {
        self.color_range.as_deref() == Some("pc")
            || self.pix_fmt.as_deref().is_some_and(|name| name.starts_with("yuvj"))
    }

    pub(super) fn matrix(&self) -> Matrix {
        match self.color_space.as_deref() {
            Some("bt709") => Matrix::Bt709,
            Some("bt2020nc" | "bt2020c") => Matrix::Bt2020,
            Some("gbr") => Matrix::Rgb,
            Some("bt470bg" | "smpte170m" | "fcc") => Matrix::Bt601,
            // Not signalled: what players assume, by size.
            _ if self.width.min(self.height) >= 720 => Matrix::Bt709,
            _ => Matrix::Bt601,
        }
    }
}
