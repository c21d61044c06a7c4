//! Stills: pictures from the video that show something.
//!
//! The encode writes a few small raw frames near the wanted moment. One that shows something is chosen by its brightness,
//! and only that one is coded. Stills of the same moment share their candidates.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use async_trait::async_trait;
use serde::Serialize;
use storage::{Destination, open_regular};

use super::{Description, OutputKind, Process};
use crate::collector::Collector;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::context::blocking;
use crate::error::{MediaError, UploadError};
use crate::frame_choice::{Brightness, choose};
use crate::graph::{Branches, MADE};
use crate::info::{MediaInfo, Video};
use crate::moment::{Moment, millis};
use crate::plan::{Plan, PlanError, impossible, in_range};

/// How far from the wanted moment a better frame is still "near".
const NEAR_MS: u64 = 12_000;

/// Longest time in seconds in which nothing comes from the branch of a still.
const LONGEST_SILENCE: f64 = 0.25;

/// Most candidates, besides the video's first frame.
const MAX_CANDIDATES: u64 = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StillFormat {
    Jpeg,
    Webp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Still {
    #[serde(rename = "destination")]
    pub to: Destination,
    /// Where to look first.
    pub at: Moment,
    pub max_width: u32,
    pub format: StillFormat,
    /// 1 to 100.
    pub quality: u8,
}

impl StillFormat {
    /// Its name, and the ending of its files.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Jpeg => ("jpeg", "jpg"),
            Self::Webp => ("webp", "webp"),
        }
    }

    /// The encoder, the options of a scaler that ends in its form, and those of the encoder for a quality of 1 to 100.
    pub(super) fn coded(self, quality: u8) -> (&'static str, &'static str, Arguments) {
        let (options, quality) = (Arguments::new(), u32::from(quality));
        // JPEG is full range BT.601 by its file format (JFIF); a WebP file doesn't say, and the same matrix is meant.
        match self {
            // mjpeg counts from 31 (worst) to 2.
            Self::Jpeg => (
                "mjpeg",
                "out_color_matrix=bt601:out_range=pc,format=yuvj420p",
                options.pair("-q:v", 31 - quality * 29 / 100),
            ),
            Self::Webp => {
                ("libwebp", "out_color_matrix=bt601:out_range=tv,format=yuv420p", options.pair("-quality", quality))
            }
        }
    }
}

#[async_trait]
impl OutputKind for Still {
    fn check(&self, _plan: &Plan, info: &MediaInfo) -> Result<(), PlanError> {
        in_range("a still's width in pixels", self.max_width.into(), 16..=4_096)?;
        in_range("a still's quality", self.quality.into(), 1..=100)?;
        if info.video.is_none() {
            return impossible("it wants a still from a source without a picture");
        }
        Ok(())
    }

    fn destinations(&self) -> Vec<Destination> {
        vec![self.to.clone()]
    }

    fn describe(&self) -> Description {
        let (format, _) = self.format.names();
        let how = format!("{format}, up to {} wide, at {}", self.max_width, self.at);
        Description { what: "still", how, destinations: self.destinations() }
    }

    fn estimate(&self, _plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)> {
        let width = info.video.as_ref().map_or(0, |video| video.width).min(self.max_width);
        // A photograph takes about a bit per pixel as JPEG. Its shape is taken to be 16:9.
        vec![(self.to.clone(), u64::from(width) * u64::from(width) * 9 / 16 / 8)]
    }

    fn add_to_graph(&self, index: usize, plan: &Plan, graph: &mut Branches<'_>) {
        let Some(window) = window_of(self.at, plan, graph.info) else { return };
        // Of the stills that share candidates, the first one has them made.
        if window.first != index {
            return;
        }
        let filters = format!("{},{}", window.select(), graph.scale(window.size));
        let arguments = graph
            .raw_picture(&format!("still{index}"), filters)
            .pair("-c:v", "rawvideo")
            .pair("-bsf:v", window.only_candidates())
            .pair("-f", "rawvideo")
            .flag(format!("file:{}", window.candidates_file()));
        graph.output(arguments);
    }

    async fn collect(&self, index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError> {
        let context = collector.context;
        let lost = || MediaError::Lost { detail: "a still without candidates".to_owned() };
        let window = window_of(self.at, context.plan, context.info).ok_or_else(lost)?;
        if window.first == index {
            let work = context.work.to_owned();
            blocking(move || pick(&work, &window)).await??;
        }
        for process in self.processes(index, context.plan, context.info) {
            let ran = context.tools.ffmpeg.capture(&process.arguments, context.work, context.cancel, 0).await;
            ran.map_err(|error| MediaError::process("coding a still", error))?;
        }
        collector.add_file(&self.to, &self.file(index)).await
    }

    fn processes(&self, index: usize, plan: &Plan, info: &MediaInfo) -> Vec<Process> {
        let window = window_of(self.at, plan, info).zip(info.video.as_ref());
        let process = window.map(|(window, video)| Process {
            what: "code a still".to_owned(),
            arguments: self.code(&window.chosen_file(), window.size, fit(video, self.max_width), index),
        });
        process.into_iter().collect()
    }
}

/// Where to look for a still. Stills of the same moment share one window, and its files have the number of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CandidateWindow {
    /// The first still of the plan that wants this moment.
    first: usize,
    from_ms: u64,
    until_ms: u64,
    /// Size of the raw frames: the largest that a still of this moment needs.
    size: (u32, u32),
}

impl CandidateWindow {
    /// The filter that selects the candidates. The first frame of the video is always one, so that there is at least one.
    ///
    /// Elsewhere a frame passes from time to time, for [`Self::only_candidates`] to drop: where the picture pauses, ffmpeg
    /// fills the whole pause with frames at once until each branch has one, and keeps those of the others in memory.
    fn select(&self) -> String {
        let step = ((self.until_ms - self.from_ms) / MAX_CANDIDATES).max(1);
        let [from, until, step] = [self.from_ms, self.until_ms, step].map(|ms| ms as f64 / 1000.0);
        format!(
            "select='eq(n,0)+if(between(t,{from},{until}),lt(prev_selected_t,{from})+gte(t-prev_selected_t,{step}),\
gte(t-prev_selected_t,{LONGEST_SILENCE}))'"
        )
    }

    /// The bitstream filter that drops all but the candidates.
    fn only_candidates(&self) -> String {
        // A millisecond more, since times are rounded here.
        let [from, until] = [self.from_ms.saturating_sub(1), self.until_ms + 1].map(|ms| ms as f64 / 1000.0);
        format!("noise=drop='not(eq(n,0)+between(pts*tb,{from},{until}))'")
    }

    /// The raw candidates.
    fn candidates_file(&self) -> String {
        format!("{MADE}/candidates{}.yuv", self.first)
    }

    /// The raw frame that was chosen.
    fn chosen_file(&self) -> String {
        format!("{MADE}/chosen{}.yuv", self.first)
    }
}

/// The window of the stills of a moment.
fn window_of(at: Moment, plan: &Plan, info: &MediaInfo) -> Option<CandidateWindow> {
    let video = info.video.as_ref()?;
    let sharing: Vec<(usize, &Still)> = plan.all_of().filter(|(_, still): &(usize, &Still)| still.at == at).collect();
    let (first, _) = *sharing.first()?;
    let size = sharing.iter().map(|(_, still)| fit(video, still.max_width)).max()?;
    let duration_ms = millis(info.duration);
    let from_ms = at.within(duration_ms);
    Some(CandidateWindow { first, from_ms, until_ms: duration_ms.min(from_ms + NEAR_MS), size })
}

/// The size of a still: the video's own, or narrower.
pub(super) fn fit(video: &Video, max_width: u32) -> (u32, u32) {
    fit_into(video.scaled_to(video.short_side()), max_width)
}

/// The same shape, not wider than this, with even sides.
pub(super) fn fit_into((width, height): (u32, u32), max_width: u32) -> (u32, u32) {
    if width <= max_width {
        return (width, height);
    }
    let wide = max_width & !1;
    let high = (u64::from(height) * u64::from(wide) / u64::from(width)) as u32 & !1;
    (wide, high.max(2))
}

/// Chooses a candidate of a window and writes it to a file of its own.
fn pick(work: &Path, window: &CandidateWindow) -> Result<(), MediaError> {
    let failed = MediaError::work("choosing a still");
    let mut file = open_regular(&work.join(window.candidates_file())).map_err(&failed)?;
    let luma = window.size.0 as usize * window.size.1 as usize;
    let mut frame = vec![0u8; luma * 3 / 2];
    let mut candidates = Vec::new();
    while file.read_exact(&mut frame).is_ok() {
        candidates.push(Brightness::of(frame.get(..luma).unwrap_or_default()));
    }
    let chosen = choose(&candidates)
        .ok_or(UploadError::Damaged { detail: "no frame of its video could be decoded".to_owned() })?;
    file.seek(SeekFrom::Start((chosen * frame.len()) as u64)).map_err(&failed)?;
    file.read_exact(&mut frame).map_err(&failed)?;
    File::create_new(work.join(window.chosen_file())).and_then(|mut file| file.write_all(&frame)).map_err(&failed)
}

impl Still {
    fn file(&self, index: usize) -> String {
        let (_, ending) = self.format.names();
        format!("{MADE}/still{index}.{ending}")
    }

    /// The command that codes a raw frame.
    fn code(&self, frame: &str, from: (u32, u32), to: (u32, u32), index: usize) -> Arguments {
        let (codec, colour, options) = self.format.coded(self.quality);
        quiet_ffmpeg()
            .pair("-f", "rawvideo")
            .pair("-pix_fmt", "yuv420p")
            .pair("-video_size", format_args!("{}x{}", from.0, from.1))
            .pair("-i", format_args!("file:{frame}"))
            .pair("-vf", format_args!("scale={}:{}:in_color_matrix=bt709:in_range=tv:{colour}", to.0, to.1))
            .pair("-frames:v", 1)
            .pair("-c:v", codec)
            .all(options)
            .pair("-f", "image2")
            .pair("-update", 1)
            .flag(self.file(index))
    }
}
