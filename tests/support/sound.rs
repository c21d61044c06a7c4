//! What is heard: loudness by a meter, and when something begins to sound.

use std::path::Path;

use crate::tool;

/// Integrated loudness in LUFS, by ffmpeg's meter; -70 for silence.
pub fn loudness(path: &Path) -> f64 {
    measured(path, "I:")
}

/// Loudness range in LU, by ffmpeg's meter.
pub fn loudness_range(path: &Path) -> f64 {
    measured(path, "LRA:")
}

/// The true peak in dBTP, by ffmpeg's meter.
pub fn true_peak(path: &Path) -> f64 {
    measured(path, "Peak:")
}

fn measured(path: &Path, name: &str) -> f64 {
    let meter = ["-map", "0:a:0", "-af", "ebur128=peak=true", "-f", "null", "-"];
    let said = tool::ffmpeg_says(&[&["-i", path.to_str().unwrap()], &meter[..]].concat());
    let (_, summary) = said.rsplit_once("Summary:").unwrap();
    let line = summary.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Samples of all channels, one after the other, at 48 kHz.
pub fn samples(path: &Path) -> Vec<i16> {
    let path = path.to_str().unwrap();
    let pcm = tool::ffmpeg(&["-i", path, "-map", "0:a:0", "-ar", "48000", "-f", "s16le", "-"]);
    pcm.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect()
}

/// How strong each of two channels is: the root of the mean of squares, 0 to 1.
pub fn strength_of_both(path: &Path) -> [f64; 2] {
    let samples = samples(path);
    [0, 1].map(|channel| {
        let own = samples.iter().skip(channel).step_by(2);
        let squares: f64 = own.clone().map(|&sample| (f64::from(sample) / 32768.0).powi(2)).sum();
        (squares / own.count().max(1) as f64).sqrt()
    })
}

/// How strong a tone of each of two channels is: its amplitude, 0 to 1.
pub fn tone_of_both(path: &Path, hertz: f64) -> [f64; 2] {
    let samples = samples(path);
    [0, 1].map(|channel| {
        let own: Vec<f64> =
            samples.iter().skip(channel).step_by(2).map(|&sample| f64::from(sample) / 32768.0).collect();
        let step = std::f64::consts::TAU * hertz / 48_000.0;
        let along = |wave: fn(f64) -> f64| -> f64 {
            own.iter().enumerate().map(|(moment, sample)| sample * wave(step * moment as f64)).sum()
        };
        2.0 * along(f64::cos).hypot(along(f64::sin)) / own.len().max(1) as f64
    })
}

/// When it becomes louder than a tenth of full scale, on the clock that sound and picture share.
pub fn first_beep(path: &Path) -> Option<f64> {
    let filter = "asetnsamples=240,astats=metadata=1:reset=1,\
ametadata=print:key=lavfi.astats.Overall.Peak_level:file=-";
    let text = tool::ffmpeg(&["-i", path.to_str().unwrap(), "-map", "0:a:0", "-af", filter, "-f", "null", "-"]);
    crate::colour::measured(&text).into_iter().find(|(_, decibels)| *decibels > -20.0).map(|(at, _)| at)
}
