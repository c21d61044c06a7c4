//! What is seen: pixels as a player shows them.

use std::path::Path;

use crate::{probe, tool};

/// A picture in RGB.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Width and height in pixels.
    pub size: (usize, usize),
    pixels: Vec<u8>,
}

impl Picture {
    /// A file that is a picture, or the first frame of a video.
    pub fn of(path: &Path) -> Self {
        Self::at(path, 0.0)
    }

    /// The frame that is shown at this time.
    pub fn at(path: &Path, seconds: f64) -> Self {
        let seconds = seconds.to_string();
        let name = path.to_str().unwrap();
        // The same precision in both directions: what is compared is colour, not swscale's shortcuts.
        let filter = "scale=flags=accurate_rnd+full_chroma_int+bitexact,format=rgb24";
        let after = ["-ss", &seconds, "-frames:v", "1", "-map", "0:v:0", "-vf", filter, "-f", "rawvideo", "-"];
        let pixels = tool::ffmpeg(&[&["-i", name], &after[..]].concat());
        let (width, height) = shown_size(path);
        assert_eq!(pixels.len(), width * height * 3, "no frame of {width}x{height} in {name}");
        Self { size: (width, height), pixels }
    }

    /// The mean colour of the surroundings of a point, which is given in hundredths of width and height.
    pub fn colour(&self, across: usize, down: usize) -> [f64; 3] {
        let (width, height) = self.size;
        let reach = (width.min(height) / 32).max(1);
        let (x, y) = (width * across / 100, height * down / 100);
        let mut sums = [0.0; 3];
        let mut count = 0.0;
        for row in y.saturating_sub(reach)..(y + reach).min(height) {
            for column in x.saturating_sub(reach)..(x + reach).min(width) {
                let pixel = &self.pixels[(row * width + column) * 3..][..3];
                sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += f64::from(value));
                count += 1.0;
            }
        }
        sums.map(|sum| sum / count)
    }

    /// The brightness of a line of pixels, counted from above.
    pub fn line(&self, number: usize) -> Vec<f64> {
        let line = &self.pixels[number * self.size.0 * 3..][..self.size.0 * 3];
        line.chunks_exact(3).map(|pixel| pixel.iter().map(|&v| f64::from(v)).sum::<f64>() / 3.0).collect()
    }

    /// Mean brightness and how far pixels are from it, of 0 to 255.
    pub fn brightness(&self) -> (f64, f64) {
        let values: Vec<f64> =
            self.pixels.chunks_exact(3).map(|pixel| pixel.iter().map(|&v| f64::from(v)).sum::<f64>() / 3.0).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
    }

    /// How different two pictures of one size are: the mean distance of their values, of 0 to 255.
    #[track_caller]
    pub fn distance(&self, other: &Self) -> f64 {
        assert_eq!(self.size, other.size);
        let distances = self.pixels.iter().zip(&other.pixels).map(|(&a, &b)| f64::from(a.abs_diff(b)));
        distances.sum::<f64>() / self.pixels.len() as f64
    }
}

/// Asserts that a colour is another one, within a tolerance for each of red, green and blue.
#[track_caller]
pub fn assert_close(found: [f64; 3], expected: [u8; 3], tolerance: f64, what: &str) {
    let far = found.iter().zip(expected).any(|(found, expected)| (found - f64::from(expected)).abs() > tolerance);
    assert!(!far, "{what} is {found:.0?} and not {expected:?}, give or take {tolerance}");
}

/// A quarter turn in the container swaps the sides that the stream has.
fn shown_size(path: &Path) -> (usize, usize) {
    let (width, height) = probe::size(path);
    let turned = tool::ffprobe(path, &["-select_streams", "v:0", "-show_entries", "stream_side_data=rotation"]);
    let rotation = turned["streams"][0]["side_data_list"][0]["rotation"].as_i64().unwrap_or(0);
    let (width, height) = (width as usize, height as usize);
    if rotation % 180 == 0 { (width, height) } else { (height, width) }
}

/// Time and mean brightness of every frame, on the clock that sound and picture share.
pub fn brightness_over_time(path: &Path) -> Vec<(f64, f64)> {
    let filter = "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-";
    let through = ["-map", "0:v:0", "-fps_mode", "passthrough", "-vf", filter, "-f", "null", "-"];
    measured(&tool::ffmpeg(&[&["-i", path.to_str().unwrap()], &through[..]].concat()))
}

/// Reads what ffmpeg's filters `metadata` and `ametadata` print: times and values.
pub(crate) fn measured(text: &[u8]) -> Vec<(f64, f64)> {
    let text = String::from_utf8_lossy(text);
    let mut found = Vec::new();
    let mut at = None;
    for line in text.lines() {
        if let Some((_, time)) = line.split_once("pts_time:") {
            at = time.trim().parse().ok();
        } else if let (Some(at), Some((_, value))) = (at, line.split_once('=')) {
            found.extend(value.trim().parse().map(|value| (at, value)));
        }
    }
    found
}
