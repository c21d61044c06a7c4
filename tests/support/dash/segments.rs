//! The segments that a template and its timeline name.

use std::fs;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::xml::Element;
use crate::authoring::samples;

/// Segments of a representation.
#[derive(Clone, Debug, Default)]
pub(super) struct Segments {
    pub init: PathBuf,
    pub files: Vec<PathBuf>,
    /// Seconds: when each begins, and how long it lasts.
    pub starts: Vec<f64>,
    pub durations: Vec<f64>,
}

/// A file that a manifest names.
pub(super) fn file(manifest: &Path, uri: &str) -> PathBuf {
    manifest.with_file_name(percent_decode_str(uri).decode_utf8_lossy().as_ref())
}

impl Segments {
    pub fn of(manifest: &Path, template: &Element) -> Self {
        let named = |name: &str| template.attribute(name).unwrap_or_default();
        let scale = template.number("timescale").unwrap_or(1) as f64;
        let mut segments = Self { init: file(manifest, named("initialization")), ..Self::default() };
        let (mut at, mut number) = (0, template.number("startNumber").unwrap_or(1));
        for run in template.first("SegmentTimeline").into_iter().flat_map(|timeline| timeline.all("S")) {
            at = run.number("t").unwrap_or(at);
            let lasts = run.number("d").unwrap_or(0);
            for _ in 0..=run.number("r").unwrap_or(0) {
                segments.files.push(file(manifest, &numbered(named("media"), number)));
                segments.starts.push(at as f64 / scale);
                segments.durations.push(lasts as f64 / scale);
                (at, number) = (at + lasts, number + 1);
            }
        }
        segments
    }

    pub fn missing(&self) -> Vec<&PathBuf> {
        let is_missing = |path: &&PathBuf| fs::metadata(path).map_or(0, |found| found.len()) == 0;
        std::iter::once(&self.init).chain(&self.files).filter(is_missing).collect()
    }

    pub fn seconds(&self) -> f64 {
        self.durations.iter().sum()
    }

    /// Whether each begins where the one before ends, and the first one at zero.
    pub fn is_seamless(&self) -> bool {
        let mut end = 0.0;
        self.starts.iter().zip(&self.durations).all(|(start, lasts)| {
            let is_next = (start - end).abs() < 1e-4;
            end = start + lasts;
            is_next
        })
    }

    /// The samples of each segment, as [`samples`] has them.
    fn samples(&self) -> Vec<Vec<(f64, usize)>> {
        let init = fs::read(&self.init).unwrap_or_default();
        self.files.iter().map(|file| samples(&init, &fs::read(file).unwrap_or_default())).collect()
    }

    /// How far the media is at most from where the timeline says.
    pub fn off_by(&self) -> f64 {
        let off = self
            .samples()
            .into_iter()
            .zip(&self.starts)
            .map(|(samples, start)| samples.first().map_or(f64::MAX, |(decoded, _)| (decoded - start).abs()));
        off.fold(0.0, f64::max)
    }

    /// The least bit rate at which a player that begins with any segment, and waits for the time of its buffer, always has
    /// the next sample when it is to be decoded: what @bandwidth promises together with @minBufferTime (5.3.5.2).
    pub fn needed_rate(&self, buffer: f64) -> f64 {
        let size = |file: &PathBuf| fs::metadata(file).map_or(0, |found| found.len() as usize);
        let sizes: Vec<usize> = self.files.iter().map(size).collect();
        let samples = self.samples();
        let mut needed = 0.0_f64;
        for first in 0..sizes.len() {
            let Some((start, _)) = samples[first].first() else { continue };
            let mut before = 0;
            for (samples, size) in samples[first..].iter().zip(&sizes[first..]) {
                for (decoded, end) in samples {
                    needed = needed.max((before + end) as f64 * 8.0 / (buffer + decoded - start));
                }
                before += size;
            }
        }
        needed
    }
}

/// A name with its number put in.
fn numbered(template: &str, number: u64) -> String {
    let mut parts = template.split('$');
    let (before, identifier) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let behind = parts.next().unwrap_or_default();
    let digits = identifier.strip_prefix("Number%0").and_then(|width| width.strip_suffix('d')?.parse().ok());
    format!("{before}{number:0width$}{behind}", width = digits.unwrap_or(1))
}
