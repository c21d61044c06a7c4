//! Pictures from the video that show something.
//!
//! The pass over everything writes a few small raw frames near the wanted moment; we look at their brightness, take the
//! first that shows something, and only that one is coded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::command::Arguments;
use super::containment::quiet_ffmpeg;
use super::error::{MediaError, UploadError};
use super::graph::{MADE, candidates_file};
use super::info::{MediaInfo, Video};
use super::plan::{Moment, Output, Plan, Still, StillFormat};
use super::process::Tool;

/// How far from the wanted moment a better frame is still "near".
const NEAR_MS: u64 = 12_000;

/// Most frames that are looked at, besides the very first one.
const MAX_CANDIDATES: u64 = 24;

/// Where to look for the stills of one moment, and how large they are at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateWindow {
    /// The wanted moment.
    pub at: Moment,
    /// The same in milliseconds.
    pub from_ms: u64,
    /// The end of what is near.
    pub until_ms: u64,
    /// Size of the raw frames.
    pub size: (u32, u32),
}

impl CandidateWindow {
    /// The filter that lets the candidates through. The very first frame is always one, so that there is one at all.
    pub fn select(&self) -> String {
        let step = ((self.until_ms - self.from_ms) / MAX_CANDIDATES).max(1);
        let [from, until, step] = [self.from_ms, self.until_ms, step].map(|ms| ms as f64 / 1000.0);
        format!(
            "select='eq(n,0)+between(t,{from},{until})*gte(t-prev_selected_t,{step})*lt(selected_n,{})'",
            MAX_CANDIDATES + 2
        )
    }

    fn frame_bytes(&self) -> usize {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        width * height * 3 / 2
    }
}

/// The windows of a plan: stills of the same moment share one.
pub fn windows(plan: &Plan, info: &MediaInfo) -> Vec<CandidateWindow> {
    let Some(video) = &info.video else { return Vec::new() };
    let mut windows: Vec<CandidateWindow> = Vec::new();
    for output in &plan.outputs {
        let Output::Still(still) = output else { continue };
        let size = fit(video, still.max_width);
        if let Some(window) = windows.iter_mut().find(|window| window.at == still.at) {
            window.size = window.size.max(size);
        } else {
            let duration_ms = u64::try_from(info.duration.as_millis()).unwrap_or(u64::MAX);
            let from_ms = still.at.within(duration_ms);
            windows.push(CandidateWindow { at: still.at, from_ms, until_ms: duration_ms.min(from_ms + NEAR_MS), size });
        }
    }
    windows
}

/// The size of a still: the video's own, or narrower.
fn fit(video: &Video, max_width: u32) -> (u32, u32) {
    let (width, height) = video.scaled_to(video.short_side());
    if width <= max_width {
        return (width, height);
    }
    let wide = max_width & !1;
    let high = (u64::from(height) * u64::from(wide) / u64::from(width)) as u32 & !1;
    (wide, high.max(2))
}

/// What a frame's brightness says about it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Look {
    mean: f64,
    spread: f64,
}

impl Look {
    /// From a plane of brightness, 16 black to 235 white.
    fn of(plane: &[u8]) -> Self {
        let count = plane.len().max(1) as f64;
        let (sum, squares) = plane
            .iter()
            .fold((0u64, 0u64), |(sum, squares), &y| (sum + u64::from(y), squares + u64::from(y) * u64::from(y)));
        let mean = sum as f64 / count;
        Self { mean, spread: (squares as f64 / count - mean * mean).max(0.0).sqrt() }
    }

    /// Black, white, or all of one colour. A night scene has a spread of 10 and more; coding noise on a blank frame stays
    /// under 3.
    fn is_blank(self) -> bool {
        self.spread < 6.0 || self.mean < 20.0 && self.spread < 12.0
    }
}

/// The first candidate that shows something, and not much less than the others nearby: a picture that is still fading
/// in is passed over. The very first frame of the video counts last.
fn choose(looks: &[Look]) -> Option<usize> {
    let most = looks.iter().map(|look| look.spread).fold(0.0, f64::max);
    let good = |look: &Look| !look.is_blank() && look.spread >= most * 0.5;
    let near = looks.iter().enumerate().skip(1).find(|(_, look)| good(look)).map(|(at, _)| at);
    let best = || {
        let by_spread = |a: &(usize, &Look), b: &(usize, &Look)| a.1.spread.total_cmp(&b.1.spread);
        // Of equals the later one: only when the window is as blank as the first frame.
        looks.iter().enumerate().max_by(by_spread).map(|(at, _)| at)
    };
    near.or_else(best)
}

/// The frame that was chosen for a window.
fn chosen_file(number: usize) -> String {
    format!("{MADE}/chosen{number}.yuv")
}

/// Chooses a frame for a window and leaves it in a file of its own.
fn pick(work: &Path, number: usize, window: &CandidateWindow) -> Result<(), MediaError> {
    let failed = MediaError::work("choosing a still");
    let mut file = File::open(work.join(candidates_file(number))).map_err(&failed)?;
    let mut frame = vec![0u8; window.frame_bytes()];
    let luma = window.size.0 as usize * window.size.1 as usize;
    let mut looks = Vec::new();
    while file.read_exact(&mut frame).is_ok() {
        looks.push(Look::of(frame.get(..luma).unwrap_or_default()));
    }
    let chosen =
        choose(&looks).ok_or(UploadError::Damaged { detail: "no frame of its video could be decoded".to_owned() })?;
    file.seek(SeekFrom::Start((chosen * frame.len()) as u64)).map_err(&failed)?;
    file.read_exact(&mut frame).map_err(&failed)?;
    File::create(work.join(chosen_file(number))).and_then(|mut file| file.write_all(&frame)).map_err(&failed)
}

/// The file of a still.
pub fn still_file(index: usize, format: StillFormat) -> String {
    let ending = match format {
        StillFormat::Jpeg => "jpg",
        StillFormat::Webp => "webp",
    };
    format!("{MADE}/still{index}.{ending}")
}

/// Makes every still of a plan from the candidates.
pub async fn make(
    ffmpeg: &Tool,
    work: &Path,
    plan: &Plan,
    info: &MediaInfo,
    windows: &[CandidateWindow],
    cancel: &CancellationToken,
) -> Result<(), MediaError> {
    for (number, window) in windows.iter().enumerate() {
        pick(work, number, window)?;
    }
    for arguments in commands(plan, info, windows) {
        let ran = ffmpeg.capture(&arguments, work, cancel, 0).await;
        ran.map_err(|error| MediaError::process("coding a still", error))?;
    }
    Ok(())
}

/// The commands that code the chosen frames.
pub fn commands(plan: &Plan, info: &MediaInfo, windows: &[CandidateWindow]) -> Vec<Arguments> {
    let Some(video) = &info.video else { return Vec::new() };
    let mut commands = Vec::new();
    for (number, window) in windows.iter().enumerate() {
        for (index, output) in plan.outputs.iter().enumerate() {
            if let Output::Still(still) = output
                && still.at == window.at
            {
                commands.push(code(&chosen_file(number), window.size, still, fit(video, still.max_width), index));
            }
        }
    }
    commands
}

fn code(frame: &str, from: (u32, u32), still: &Still, to: (u32, u32), index: usize) -> Arguments {
    // JPEG is full range BT.601 by its file format (JFIF); a WebP file says nothing and means the same matrix.
    let (codec, colour) = match still.format {
        StillFormat::Jpeg => ("mjpeg", "out_color_matrix=bt601:out_range=pc,format=yuvj420p"),
        StillFormat::Webp => ("libwebp", "out_color_matrix=bt601:out_range=tv,format=yuv420p"),
    };
    let quality = Arguments::new();
    let quality = match still.format {
        // mjpeg counts from 31 (worst) to 2.
        StillFormat::Jpeg => quality.pair("-q:v", 31 - u32::from(still.quality) * 29 / 100),
        StillFormat::Webp => quality.pair("-quality", still.quality),
    };
    quiet_ffmpeg()
        .pair("-f", "rawvideo")
        .pair("-pix_fmt", "yuv420p")
        .pair("-video_size", format_args!("{}x{}", from.0, from.1))
        .pair("-i", format_args!("file:{frame}"))
        .pair("-vf", format_args!("scale={}:{}:in_color_matrix=bt709:in_range=tv:{colour}", to.0, to.1))
        .pair("-frames:v", 1)
        .pair("-c:v", codec)
        .all(quality)
        .pair("-f", if still.format == StillFormat::Jpeg { "image2" } else { "webp" })
        .flag_if(still.format == StillFormat::Jpeg, "-update")
        .flag_if(still.format == StillFormat::Jpeg, "1")
        .flag(still_file(index, still.format))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(mean: f64, spread: f64) -> Look {
        Look { mean, spread }
    }

    #[test]
    fn black_and_blank_frames_are_passed_over() {
        let looks = [look(16.0, 0.0), look(16.0, 0.5), look(128.0, 1.0), look(90.0, 40.0), look(95.0, 60.0)];
        assert_eq!(choose(&looks), Some(3));
    }

    #[test]
    fn a_picture_that_is_still_fading_in_is_passed_over() {
        let looks = [look(16.0, 0.0), look(25.0, 13.0), look(60.0, 30.0), look(90.0, 55.0)];
        assert_eq!(choose(&looks), Some(2));
    }

    #[test]
    fn the_first_frame_is_taken_only_when_nothing_near_is_better() {
        assert_eq!(choose(&[look(90.0, 50.0), look(90.0, 49.0)]), Some(1));
        assert_eq!(choose(&[look(90.0, 50.0), look(16.0, 0.0)]), Some(0));
        assert_eq!(choose(&[look(16.0, 0.0)]), Some(0));
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn a_plane_of_one_colour_has_no_spread() {
        assert_eq!(Look::of(&[16; 64]), look(16.0, 0.0));
        assert!(Look::of(&[16, 235, 16, 235]).spread > 100.0);
    }
}
