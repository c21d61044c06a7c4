//! A picture that is drawn over every rung of a ladder.
//!
//! It is brought to its size and colours once, by a process of its own, because it comes from outside.

use std::time::Duration;

use serde::Serialize;
use storage::Destination;

use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::{guarded_picture, quiet_ffmpeg};
use crate::context::{TranscodeContext, blocking};
use crate::error::MediaError;
use crate::graph::MADE;
use crate::info::{DynamicRange, Matrix, Video};
use crate::plan::{Plan, PlanError, impossible, in_range};
use crate::process::{ProcessError, last_lines};

/// Most bytes of the image.
pub const MAX_FILE: usize = 4 << 20;

/// Processor time for decoding and scaling it, in seconds.
const CPU_SECONDS: u64 = 20;

/// The name of the image below the work directory.
pub const COMPANION: &str = "watermark";

/// The image where a confined ffmpeg may read it, and as it is drawn.
const SOURCE: &str = "watermark.image";
const DRAWN: &str = "watermark.nut";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

impl Corner {
    fn is_left(self) -> bool {
        matches!(self, Self::TopLeft | Self::BottomLeft)
    }

    fn is_top(self) -> bool {
        matches!(self, Self::TopLeft | Self::TopRight)
    }
}

/// What a policy asks for. Sizes are thousandths of the picture's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Watermark {
    pub image: Destination,
    pub corner: Corner,
    /// Of the box that it is fitted into, at the corner.
    pub width_permille: u32,
    pub height_permille: u32,
    /// Between the box and the picture's edges, of the shorter side.
    pub margin_permille: u32,
    pub opacity_percent: u32,
    /// When it is seen, in milliseconds of the outputs.
    pub from_ms: Option<u64>,
    pub until_ms: Option<u64>,
}

/// Left, top, width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

impl Watermark {
    pub(crate) fn check(&self, plan: &Plan, video: Option<&Video>) -> Result<(), PlanError> {
        in_range("a watermark's width in thousandths", self.width_permille.into(), 10..=1_000)?;
        in_range("a watermark's height in thousandths", self.height_permille.into(), 10..=1_000)?;
        in_range("a watermark's margin in thousandths", self.margin_permille.into(), 0..=250)?;
        in_range("a watermark's opacity in percent", self.opacity_percent.into(), 1..=100)?;
        if self.from_ms.unwrap_or(0) >= self.until_ms.unwrap_or(u64::MAX) {
            return impossible("the watermark ends before it begins");
        }
        let (Some(ladder), Some(video)) = (plan.ladder(), video) else {
            return impossible("a watermark is drawn over a ladder with a picture, and it has none");
        };
        let is_high = |range: Option<DynamicRange>| range.is_some_and(|range| range != DynamicRange::Sdr);
        if ladder.rungs.iter().any(|rung| is_high(rung.range(video))) {
            return impossible("a watermark can't be drawn over a rung in high dynamic range");
        }
        let (margin, size) = (self.margin(video), self.size(video));
        if size.0 + margin > video.width || size.1 + margin > video.height {
            return impossible("the watermark is larger than the picture within its margins");
        }
        Ok(())
    }

    fn margin(&self, video: &Video) -> u32 {
        video.short_side() * self.margin_permille / 1000
    }

    /// Of the box, in whole samples of colour.
    fn size(&self, video: &Video) -> (u32, u32) {
        let share = |side: u32, permille: u32| (side * permille / 1000).max(2) & !1;
        (share(video.width, self.width_permille), share(video.height, self.height_permille))
    }

    /// Where the box is, in a source's picture as it is shown.
    pub(crate) fn place(&self, video: &Video) -> Place {
        let (margin, (width, height)) = (self.margin(video), self.size(video));
        let left = if self.corner.is_left() { margin } else { video.width.saturating_sub(width + margin) };
        let top = if self.corner.is_top() { margin } else { video.height.saturating_sub(height + margin) };
        Place { left, top, width, height }
    }

    /// The input that has it.
    pub(crate) fn input() -> Arguments {
        Arguments::new().pair("-f", "nut").pair("-i", format_args!("file:{MADE}/{DRAWN}"))
    }

    /// The filters that bring the picture to its shown size and draw what the input with this number has over it.
    pub(crate) fn filters(&self, video: &Video, input: usize) -> String {
        let Place { left, top, .. } = self.place(video);
        let seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
        let enabled = match (self.from_ms, self.until_ms) {
            (None, None) => String::new(),
            (from, None) => format!(":enable='gte(t,{})'", seconds(from.unwrap_or(0))),
            (from, Some(until)) => {
                format!(":enable='gte(t,{})*lt(t,{})'", seconds(from.unwrap_or(0)), seconds(until))
            }
        };
        let (width, height) = (video.width, video.height);
        // From version 7 on, ffmpeg converts one of both if they say that their colours differ.
        let (matrix, range) = colours(video);
        let same = match video.matrix {
            Matrix::Rgb => String::new(),
            _ => format!(",setparams=range={range}:colorspace={matrix}"),
        };
        format!(
            "scale={width}:{height},setsar=1{same}[sized];[{input}:v]null{same}[drawn];\
[sized][drawn]overlay=x={left}:y={top}:format=auto:eof_action=repeat{enabled}"
        )
    }

    /// The command that makes what is drawn: fitted into the box at its corner, in the colours of the source.
    fn command(&self, video: &Video) -> Arguments {
        let (width, height) = self.size(video);
        let (x, y) =
            (if self.corner.is_left() { "0" } else { "ow-iw" }, if self.corner.is_top() { "0" } else { "oh-ih" });
        let (matrix, range) = colours(video);
        // The scaler of version 5 knows BT.2020 by a shorter name.
        let matrix = matrix.trim_end_matches("nc");
        let opacity = f64::from(self.opacity_percent) / 100.0;
        let filters = format!(
            "scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2,format=rgba,\
colorchannelmixer=aa={opacity},pad={width}:{height}:{x}:{y}:color=black@0,\
scale=out_color_matrix={matrix}:out_range={range},format=yuva420p"
        );
        quiet_ffmpeg()
            .all(guarded_picture(&format!("{MADE}/{SOURCE}")))
            .pair("-frames:v", 1)
            .pair("-vf", filters)
            .pair("-c:v", "ffv1")
            .pair("-f", "nut")
            .flag(format!("file:{MADE}/{DRAWN}"))
    }

    /// Makes what is drawn.
    pub(crate) async fn prepare(&self, video: &Video, context: &TranscodeContext<'_>) -> Result<(), MediaError> {
        // Where a confined ffmpeg may read.
        let (from, to) = (context.work.join(COMPANION), context.work.join(MADE).join(SOURCE));
        let copied = blocking(move || std::fs::copy(from, to)).await?;
        copied.map_err(MediaError::work("reading the watermark"))?;
        let ffmpeg = context.tools.ffmpeg.within(Budget::of_cpu(CPU_SECONDS));
        match ffmpeg.capture(&self.command(video), context.work, context.cancel, 0).await {
            Ok(_) => Ok(()),
            Err(ProcessError::Failed { stderr, .. }) => {
                let reason = format!("the watermark {} can't be read: {}", self.image, last_lines(&stderr, 1));
                Err(PlanError::Impossible { reason }.into())
            }
            Err(error) => Err(MediaError::process("reading the watermark", error)),
        }
    }
}

/// ffmpeg's names of the matrix and the range that the picture has where the watermark is drawn.
fn colours(video: &Video) -> (&'static str, &'static str) {
    let matrix = match (video.range, video.matrix) {
        (DynamicRange::Pq | DynamicRange::Hlg, _) | (_, Matrix::Bt709 | Matrix::Rgb) => "bt709",
        (DynamicRange::Sdr, Matrix::Bt601) => "smpte170m",
        (DynamicRange::Sdr, Matrix::Bt2020) => "bt2020nc",
    };
    let is_full = video.range == DynamicRange::Sdr && video.full_range;
    (matrix, if is_full { "pc" } else { "tv" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::testkit::{at, info};

    fn watermark(corner: Corner) -> Watermark {
        Watermark {
            image: at("u/logo.png"),
            corner,
            width_permille: 200,
            height_permille: 100,
            margin_permille: 50,
            opacity_percent: 80,
            from_ms: None,
            until_ms: None,
        }
    }

    #[test]
    fn each_corner_has_its_margins() {
        let video = info().video.unwrap();
        let place = |corner| {
            let Place { left, top, width, height } = watermark(corner).place(&video);
            assert_eq!((width, height), (384, 108));
            (left, top)
        };
        let corners = [Corner::TopLeft, Corner::TopRight, Corner::BottomLeft, Corner::BottomRight];
        assert_eq!(corners.map(place), [(54, 54), (1482, 54), (54, 918), (1482, 918)]);
    }

    #[test]
    fn its_time_is_in_seconds_of_the_outputs() {
        let video = info().video.unwrap();
        let filter =
            |from_ms, until_ms| Watermark { from_ms, until_ms, ..watermark(Corner::TopLeft) }.filters(&video, 2);
        assert!(!filter(None, None).contains("enable"));
        assert!(filter(Some(1_500), None).ends_with(":enable='gte(t,1.5)'"));
        assert!(filter(None, Some(3_000)).ends_with(":enable='gte(t,0)*lt(t,3)'"));
    }
}
