//! Storyboards: sheets of small pictures, and a WebVTT file that says where the picture of each time is.
//!
//! The encode writes the pictures raw, which is little at their size, and the sheets are put together from them.

use async_trait::async_trait;
use serde::Serialize;
use storage::{Body, Destination};

use super::still::{StillFormat, fit};
use super::{Description, OutputKind, Process};
use crate::collector::Collector;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::error::MediaError;
use crate::graph::{Branches, MADE};
use crate::info::{MediaInfo, Video};
use crate::moment::millis;
use crate::output_file::Role;
use crate::plan::{Plan, PlanError, impossible, in_range};

/// How often a picture leaves the graph. Of these, one for each interval is kept: a branch that falls silent makes ffmpeg
/// keep the frames of all others in memory.
const STEP_MS: u32 = 250;

/// Most pictures of a storyboard: with 160x90 pixels each, 430 MB while they are raw.
const MAX_PICTURES: u64 = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Storyboard {
    /// The WebVTT file.
    pub index: Destination,
    pub interval_ms: u32,
    /// Of a picture.
    pub width: u32,
    /// Pictures in a row of a sheet.
    pub columns: u32,
    pub rows: u32,
    pub format: StillFormat,
    /// 1 to 100.
    pub quality: u8,
}

#[async_trait]
impl OutputKind for Storyboard {
    fn check(&self, _plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        in_range("a storyboard's interval in ms", self.interval_ms.into(), 1_000..=60_000)?;
        in_range("a storyboard's width in pixels", self.width.into(), 16..=640)?;
        in_range("a storyboard's columns", self.columns.into(), 1..=20)?;
        in_range("a storyboard's rows", self.rows.into(), 1..=20)?;
        in_range("a storyboard's quality", self.quality.into(), 1..=100)?;
        if !self.interval_ms.is_multiple_of(STEP_MS) {
            return impossible("a storyboard's interval is a multiple of 250 ms");
        }
        if info.video.is_none() {
            return impossible("it wants a storyboard from a source without a picture");
        }
        in_range("a storyboard's number of pictures", self.expected(info), 1..=MAX_PICTURES)
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.index.clone()]
    }

    fn describe(&self) -> Description {
        let Self { interval_ms, width, columns, rows, .. } = self;
        let (format, _) = self.format.names();
        let seconds = f64::from(*interval_ms) / 1000.0;
        let how = format!("{format}, one every {seconds} s, up to {width} wide, sheets of {columns}x{rows}");
        Description { what: "storyboard", how, destinations: self.destinations() }
    }

    fn estimate(&self, _plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let picture = u64::from(self.width) * u64::from(self.width) * 9 / 16 / 8;
        vec![(self.index.clone(), self.expected(info) * (picture + 80))]
    }

    fn folders(&self, index: usize) -> Vec<String> {
        vec![folder(index)]
    }

    fn add_to_graph(&self, index: usize, _plan: &Plan, graph: &mut Branches<'_>) {
        let Some(video) = &graph.info.video else { return };
        let filters = format!("fps={}:start_time=0,{}", 1000 / STEP_MS, graph.scale(fit(video, self.width)));
        let arguments = graph
            .raw_picture(&format!("storyboard{index}"), filters)
            .pair("-c:v", "rawvideo")
            .pair("-bsf:v", format_args!("noise=drop='not(eq(mod(n,{}),0))'", self.interval_ms / STEP_MS))
            .pair("-f", "rawvideo")
            .flag(format!("file:{}", pictures(index)));
        graph.output(arguments);
    }

    async fn collect(&self, index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        let context = collector.context;
        let lost = |detail: &str| MediaError::Lost { detail: detail.to_owned() };
        let video = context.info.video.as_ref().ok_or_else(|| lost("a storyboard without a picture"))?;
        let size = fit(video, self.width);
        let made = collector.size_of(&pictures(index)).await?;
        let count = made / (u64::from(size.0) * u64::from(size.1) * 3 / 2);
        let expected = self.expected(context.info);
        if count.abs_diff(expected) > 1 || count == 0 {
            let detail = format!("a storyboard has {count} pictures and not {expected}");
            return Err(MediaError::BadFile { detail });
        }
        for process in self.processes(index, context.plan, context.info) {
            let ran = context.tools.ffmpeg.capture(&process.arguments, context.work, context.cancel, 0).await;
            ran.map_err(|error| MediaError::process("making a storyboard", error))?;
        }
        let sheets = count.div_ceil(u64::from(self.columns * self.rows));
        let mut names = Vec::new();
        let (_, ending) = self.format.names();
        for sheet in 0..sheets {
            names.push(
                collector.add_piece(&folder(index), &format!("{sheet:05}.{ending}"), &self.index, &stem(index)).await?,
            );
        }
        let index = self.web_vtt(&names, count, size, millis(context.info.ladder_length()));
        collector.add(self.index.clone(), Body::Bytes(index.into_bytes()), Role::MediaPlaylist);
        Ok(())
    }

    fn processes(&self, index: usize, _plan: &Plan, info: &MediaInfo) -> Vec<Process> {
        let process = info.video.as_ref().map(|video| Process {
            what: "put a storyboard together".to_owned(),
            arguments: self.sheets(index, video),
        });
        process.into_iter().collect()
    }
}

impl Storyboard {
    /// How many pictures it has.
    fn expected(&self, info: &MediaInfo) -> u64 {
        millis(info.ladder_length()).div_ceil(u64::from(self.interval_ms.max(1))).max(1)
    }

    /// The command that puts the raw pictures together.
    fn sheets(&self, index: usize, video: &Video) -> Arguments {
        let (width, height) = fit(video, self.width);
        let (codec, colour, options) = self.format.coded(self.quality);
        let (_, ending) = self.format.names();
        quiet_ffmpeg()
            .pair("-f", "rawvideo")
            .pair("-pix_fmt", "yuv420p")
            .pair("-video_size", format_args!("{width}x{height}"))
            .pair("-i", format_args!("file:{}", pictures(index)))
            .pair(
                "-vf",
                format_args!("tile={}x{},scale=in_color_matrix=bt709:in_range=tv:{colour}", self.columns, self.rows),
            )
            .pair("-c:v", codec)
            .all(options)
            .pair("-f", "image2")
            .pair("-start_number", 0)
            .flag(format!("{}/%05d.{ending}", folder(index)))
    }

    /// The WebVTT file: a cue for each picture, the last one until the end.
    fn web_vtt(&self, sheets: &[String], count: u64, (width, height): (u32, u32), duration_ms: u64) -> String {
        let (columns, interval) = (u64::from(self.columns), u64::from(self.interval_ms));
        let each = columns * u64::from(self.rows);
        let mut text = "WEBVTT\n".to_owned();
        for number in 0..count {
            let (from, next) = (number * interval, (number + 1) * interval);
            let until = if number + 1 == count { duration_ms.max(from + 1) } else { next };
            let (sheet, place) = (number / each, number % each);
            let name = usize::try_from(sheet).ok().and_then(|sheet| sheets.get(sheet)).map_or("", String::as_str);
            let (x, y) = (place % columns * u64::from(width), place / columns * u64::from(height));
            let (from, until) = (time(from), time(until));
            text.push_str(&format!("\n{from} --> {until}\n{name}#xywh={x},{y},{width},{height}\n"));
        }
        text
    }
}

/// The folder of the sheets, below the work directory.
fn folder(index: usize) -> String {
    format!("{MADE}/storyboard{index}")
}

/// The raw pictures.
fn pictures(index: usize) -> String {
    format!("{MADE}/storyboard{index}.yuv")
}

/// What the sheets' names begin with.
fn stem(index: usize) -> String {
    format!("storyboard{index}")
}

/// A time of WebVTT.
fn time(ms: u64) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use storage::Key;

    use super::*;

    #[test]
    fn each_cue_names_its_sheet_and_its_place_there() {
        let index = Destination { store: "media".into(), key: Key::parse("u/board.vtt").unwrap() };
        let format = StillFormat::Jpeg;
        let board = Storyboard { index, interval_ms: 10_000, width: 160, columns: 2, rows: 1, format, quality: 80 };
        let sheets = ["a.jpg".to_owned(), "b.jpg".to_owned()];
        let expected = "WEBVTT\n\
            \n00:00:00.000 --> 00:00:10.000\na.jpg#xywh=0,0,160,90\n\
            \n00:00:10.000 --> 00:00:20.000\na.jpg#xywh=160,0,160,90\n\
            \n00:00:20.000 --> 00:00:24.500\nb.jpg#xywh=0,0,160,90\n";
        assert_eq!(board.web_vtt(&sheets, 3, (160, 90), 24_500), expected);
        assert_eq!(time(3_600_000 * 26 + 61_001), "26:01:01.001");
    }
}
