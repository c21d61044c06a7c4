//! Animations: a few seconds of a rung at a small size and without sound, as animated WebP or MP4.
//!
//! They are made from the smallest rung that is wide enough, so that only its few segments are decoded.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use storage::{Destination, read_at_most};

use super::ladder::{Ladder, rung_folder};
use super::still::fit_into;
use super::{Description, OutputKind, Process};
use crate::collector::Collector;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::context::{TranscodeContext, blocking};
use crate::encoder::signalled_colour;
use crate::error::MediaError;
use crate::graph::MADE;
use crate::hls;
use crate::info::{DynamicRange, MediaInfo, Video};
use crate::moment::{Moment, millis};
use crate::plan::{Plan, PlanError, impossible, in_range};

/// Most bytes of an animation: 30 s of pictures without any compression have less than ten times as many.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnimationFormat {
    Webp,
    Mp4,
}

impl AnimationFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Mp4 => "mp4",
        }
    }

    /// The filters to its colours, the encoder and the muxer's options.
    fn coded(self, quality: u8) -> (&'static str, Arguments) {
        let arguments = Arguments::new();
        match self {
            // A WebP file doesn't say its matrix, and BT.601 is meant.
            Self::Webp => (
                "scale=in_color_matrix=bt709:out_color_matrix=bt601,format=yuv420p",
                arguments.pair("-c:v", "libwebp_anim").pair("-quality", quality).pair("-loop", 0).pair("-f", "webp"),
            ),
            Self::Mp4 => (
                "format=yuv420p",
                arguments
                    .pair("-c:v", "libx264")
                    .pair("-profile:v", "high")
                    // 45 is the worst that is still a picture, 18 looks like the rung.
                    .pair("-crf", 45 - u32::from(quality) * 27 / 100)
                    .all(signalled_colour(DynamicRange::Sdr))
                    .pair("-movflags", "+faststart")
                    .pair("-f", "mp4"),
            ),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Animation {
    #[serde(rename = "destination")]
    pub to: Destination,
    pub start: Moment,
    /// Milliseconds at most.
    pub length_ms: u32,
    pub max_width: u32,
    /// Pictures per second.
    pub frame_rate: u32,
    pub format: AnimationFormat,
    /// 1 to 100.
    pub quality: u8,
}

#[async_trait]
impl OutputKind for Animation {
    fn check(&self, plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        in_range("an animation's length in ms", self.length_ms.into(), 500..=30_000)?;
        in_range("an animation's width in pixels", self.max_width.into(), 16..=640)?;
        in_range("an animation's pictures per second", self.frame_rate.into(), 1..=30)?;
        in_range("an animation's quality", self.quality.into(), 1..=100)?;
        let Some(video) = &info.video else {
            return impossible("it wants an animation from a source without a picture");
        };
        if plan.ladder().and_then(|ladder| self.rung_of(ladder, video)).is_none() {
            return impossible(
                "an animation is made from a rung with a picture in standard dynamic range, and it has none",
            );
        }
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.to.clone()]
    }

    fn describe(&self) -> Description {
        let Self { start, length_ms, max_width, frame_rate, format, .. } = self;
        let (format, seconds) = (format.name(), f64::from(*length_ms) / 1000.0);
        let how =
            format!("{format}, {seconds} s from {start}, {frame_rate} pictures per second, up to {max_width} wide");
        Description { what: "animation", how, destinations: self.destinations() }
    }

    fn estimate(&self, _plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let (_, length_ms) = self.span(millis(info.ladder_length()));
        let pictures = length_ms * u64::from(self.frame_rate) / 1000;
        // Motion of this kind takes about a bit for two pixels. Its shape is taken to be 16:9.
        vec![(self.to.clone(), pictures * u64::from(self.max_width) * u64::from(self.max_width) * 9 / 16 / 16)]
    }

    async fn collect(&self, index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        let context = collector.context;
        let lost = || MediaError::Lost { detail: "an animation without its rung".to_owned() };
        let (ladder, video) = context.plan.ladder().zip(context.info.video.as_ref()).ok_or_else(lost)?;
        let (number, size) = self.rung_of(ladder, video).ok_or_else(lost)?;
        let playlist = collector.encoded.rungs.get(number).ok_or_else(lost)?.playlist.clone();
        let duration_ms = playlist.duration_ms();
        let (start_ms, length_ms) = self.span(duration_ms);

        let failed = MediaError::work("making an animation");
        let (from, to) = (context.work.join(rung_folder(number)), context.work.join(joined(index)));
        let began =
            blocking(move || hls::join_span(&from, &playlist, (start_ms, length_ms), &to)).await?.map_err(&failed)?;
        let arguments = self.command(index, ladder, size, (start_ms.saturating_sub(began), length_ms));
        let ran = context.tools.ffmpeg.capture(&arguments, context.work, context.cancel, 0).await;
        ran.map_err(|error| MediaError::process("making an animation", error))?;
        tokio::fs::remove_file(context.work.join(joined(index))).await.map_err(&failed)?;
        self.verify_file(index, length_ms, &context).await?;
        collector.add_file(&self.to, &self.file(index)).await
    }

    fn processes(&self, index: usize, plan: &Plan, info: &MediaInfo) -> Vec<Process> {
        let (Some(ladder), Some(video)) = (plan.ladder(), &info.video) else { return Vec::new() };
        let Some((_, size)) = self.rung_of(ladder, video) else { return Vec::new() };
        let (start_ms, length_ms) = self.span(millis(info.ladder_length()));
        let arguments = self.command(index, ladder, size, (start_ms % u64::from(ladder.segment_ms.max(1)), length_ms));
        vec![Process { what: "make an animation".to_owned(), arguments }]
    }
}

/// The joined segments, below the work directory.
fn joined(index: usize) -> String {
    format!("{MADE}/animation{index}.joined")
}

impl Animation {
    /// The place in the ladder of the smallest rung that is wide enough, else of the widest, and its size. Only rungs in
    /// standard dynamic range count.
    fn rung_of(&self, ladder: &Ladder, video: &Video) -> Option<(usize, (u32, u32))> {
        let rungs = ladder.rungs.iter().enumerate().filter(|(_, rung)| rung.range(video) == Some(DynamicRange::Sdr));
        let with_picture = rungs.filter_map(|(number, rung)| Some((number, rung.size(video)?)));
        let width = |(_, (width, _)): &(usize, (u32, u32))| *width;
        let wide = with_picture.clone().filter(|rung| width(rung) >= self.max_width).min_by_key(width);
        wide.or_else(|| with_picture.max_by_key(width))
    }

    /// Start and length in milliseconds.
    fn span(&self, duration_ms: u64) -> (u64, u64) {
        let length = u64::from(self.length_ms).min(duration_ms);
        (self.start.within(duration_ms).min(duration_ms - length), length)
    }

    fn file(&self, index: usize) -> String {
        format!("{MADE}/animation{index}.{}", self.format.name())
    }

    /// The command that makes it of the joined segments, from `offset_ms` behind their start.
    fn command(
        &self,
        index: usize,
        ladder: &Ladder,
        size: (u32, u32),
        (offset_ms, length_ms): (u64, u64),
    ) -> Arguments {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        let (from, until) = (seconds(offset_ms), seconds(offset_ms + length_ms));
        let (width, height) = fit_into(size, self.max_width);
        let (colours, encoder) = self.format.coded(self.quality);
        quiet_ffmpeg()
            .pair("-f", ladder.container.demuxer())
            .pair("-i", format_args!("file:{}", joined(index)))
            .pair("-map", "0:v")
            // Segments begin with a picture, whatever their clock says.
            .pair(
                "-vf",
                format_args!(
                    "setpts=PTS-STARTPTS,trim=start={from}:end={until},setpts=PTS-STARTPTS,fps={},scale={width}:{height},{colours}",
                    self.frame_rate
                ),
            )
            .all(encoder)
            .pair("-map_metadata", -1)
            .flag(format!("file:{}", self.file(index)))
    }

    /// Checks that the file is whole and lasts as long as it should.
    async fn verify_file(
        &self,
        index: usize,
        length_ms: u64,
        context: &TranscodeContext<'_>,
    ) -> Result<(), MediaError> {
        let bad = |detail: String| MediaError::BadFile { detail: format!("the animation {detail}") };
        if self.format == AnimationFormat::Mp4 {
            let input = Arguments::new().pair("-i", format_args!("file:{}", self.file(index)));
            return context.decodes(input, "the animation").await;
        }
        let path = context.work.join(self.file(index));
        let read = blocking(move || read_at_most(&path, MAX_BYTES)).await?;
        let bytes = read.map_err(MediaError::work("checking an animation"))?;
        // ffmpeg can't read animations, so the file is.
        let Some(length) = webp_length(&bytes) else { return Err(bad("is not a whole WebP file".to_owned())) };
        let (wanted, step) = (Duration::from_millis(length_ms), Duration::from_secs(1) / self.frame_rate.max(1));
        if !length.is_zero() && length.abs_diff(wanted) > step * 2 {
            return Err(bad(format!("lasts {length:?} and not {wanted:?}")));
        }
        Ok(())
    }
}

/// How long a WebP file's pictures are shown; nothing for a single picture. `None` if the file isn't whole.
///
/// Its chunks are as in the WebP container specification: a name, a length, and content that is padded to an even length.
/// An `ANMF` chunk has its duration in the three bytes from the twelfth on.
fn webp_length(bytes: &[u8]) -> Option<Duration> {
    let number = |bytes: &[u8]| bytes.first_chunk().map(|four| u32::from_le_bytes(*four));
    let riff = number(bytes.strip_prefix(b"RIFF")?)?;
    let mut rest = bytes.get(8..)?.strip_prefix(b"WEBP")?;
    if usize::try_from(riff).ok()? != bytes.len() - 8 {
        return None;
    }
    let mut length = Duration::ZERO;
    while !rest.is_empty() {
        let size = usize::try_from(number(rest.get(4..)?)?).ok()?;
        let content = rest.get(8..)?.get(..size)?;
        if rest.starts_with(b"ANMF") {
            let [low, middle, high] = *content.get(12..)?.first_chunk()?;
            length += Duration::from_millis(u32::from_le_bytes([low, middle, high, 0]).into());
        }
        rest = rest.get(8 + size + size % 2..)?;
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use storage::Key;

    use super::*;

    fn animation(start: Moment) -> Animation {
        let to = Destination { store: "media".into(), key: Key::parse("u/a.webp").unwrap() };
        let format = AnimationFormat::Webp;
        Animation { to, start, length_ms: 3_000, max_width: 320, frame_rate: 10, format, quality: 60 }
    }

    #[test]
    fn an_animation_ends_with_the_video_at_the_latest() {
        assert_eq!(animation(Moment::At(5_000)).span(60_000), (5_000, 3_000));
        assert_eq!(animation(Moment::Permille(1000)).span(60_000), (57_000, 3_000));
        assert_eq!(animation(Moment::At(500)).span(1_000), (0, 1_000));
    }

    #[test]
    fn the_length_of_a_webp_file_is_the_sum_of_its_pictures() {
        let chunk = |name: &[u8; 4], content: &[u8]| {
            let size = u32::try_from(content.len()).unwrap().to_le_bytes();
            [&name[..], &size, content, &[0][..content.len() % 2]].concat()
        };
        let picture = |ms: u8| chunk(b"ANMF", &[&[0; 12][..], &[ms, 1, 0], &[7; 6]].concat());
        let content = [&b"WEBP"[..], &chunk(b"VP8X", &[2; 10]), &picture(4), &picture(0)].concat();
        let file = chunk(b"RIFF", &content);
        assert_eq!(webp_length(&file), Some(Duration::from_millis(256 + 4 + 256)));
        for end in 0..file.len() {
            assert_eq!(webp_length(&file[..end]), None, "{end}");
        }
    }
}
