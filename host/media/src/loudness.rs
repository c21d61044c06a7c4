//! The loudness of a source, and the filter that brings it to a target (EBU R 128).
//!
//! Measured in a pass over the sound alone, so that one constant gain can do the work in the pass over everything. The
//! meter is `ebur128`: it agrees with `loudnorm`'s own measure to a tenth and costs a sixth of its time, because
//! `loudnorm` measures by normalising at 192 kHz.

use std::time::Duration;

use crate::plan::LoudnessTarget;

/// The measure of a silent or very short source: the absolute gate of BS.1770.
const GATE: f64 = -70.0;

/// The loudness of a source.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measure {
    /// LUFS.
    pub integrated: f64,
    /// dBTP.
    pub true_peak: f64,
    /// LU.
    pub range: f64,
    /// The meter's relative gate in LUFS, which `loudnorm` needs.
    pub threshold: f64,
}

/// How many decibels lower the peak of each side of stereo is than that of the mono sound that it was made of: ffmpeg gives
/// each side half of the power.
const MONO_TO_STEREO: f64 = 3.01;

impl Measure {
    /// Of mono sound, by the measure of the stereo that is made of it and published.
    ///
    /// Loudness adds up the power of the channels (BS.1770), so two sides of half the power are as loud as the one channel:
    /// only the peak differs.
    #[must_use]
    pub fn as_mono(self) -> Self {
        Self { true_peak: self.true_peak + MONO_TO_STEREO, ..self }
    }
}

/// The meter.
pub const METER: &str = "ebur128=peak=true:framelog=verbose";

/// Reads the summaries that the meter leaves on stderr. None for silence.
///
/// There are several where rate or channels changed on the way: the meter starts again. Together they are as loud as the
/// mean of their power.
pub fn parse_summary(stderr: &str) -> Option<Measure> {
    let measures: Vec<Measure> = summaries(stderr).filter_map(parse_one).collect();
    let mean = |value: fn(&Measure) -> f64| {
        let power: f64 = measures.iter().map(|measure| 10f64.powf(value(measure) / 10.0)).sum();
        10.0 * (power / measures.len() as f64).log10()
    };
    let most = |value: fn(&Measure) -> f64| measures.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
    match measures.as_slice() {
        [] => None,
        [only] => Some(*only),
        _ => Some(Measure {
            integrated: mean(|measure| measure.integrated),
            threshold: mean(|measure| measure.threshold),
            range: most(|measure| measure.range),
            true_peak: most(|measure| measure.true_peak),
        }),
    }
}

/// Whether the meter ran from start to end without starting again.
pub fn is_steady(stderr: &str) -> bool {
    summaries(stderr).count() < 2
}

/// The summaries of the meters that ran. ffmpeg 5 and 6 make the graph once before, to see what it needs, and that meter
/// leaves a summary too.
fn summaries(stderr: &str) -> impl Iterator<Item = &str> {
    let ran = stderr.split_once("Stream mapping:").map_or(stderr, |(_, ran)| ran);
    ran.split("Summary:").skip(1)
}

fn parse_one(summary: &str) -> Option<Measure> {
    let value = |section: &str, name: &str| -> Option<f64> {
        let (_, rest) = summary.split_once(section)?;
        let line = rest.lines().find_map(|line| line.trim().strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok().filter(|value| value.is_finite())
    };
    let measure = Measure {
        integrated: value("Integrated loudness:", "I:")?,
        threshold: value("Integrated loudness:", "Threshold:")?,
        range: value("Loudness range:", "LRA:")?,
        true_peak: value("True peak:", "Peak:")?,
    };
    (measure.integrated > GATE).then_some(measure)
}

/// The shortest sound that `loudnorm` levels. It looks 3 s ahead, and passes on what is not longer as it is.
const LOUDNORM_LEAST: Duration = Duration::from_secs(4);

/// What is quieter than this, in LUFS, is noise: it stays as it is.
const NOISE: f64 = -50.0;

/// What is quieter than this may be noise between quiet words: it gets this gain in dB at most. Speech that was recorded
/// from too far away has about -40 LUFS.
const QUIET: f64 = -40.0;
const MOST_GAIN_OF_QUIET: f64 = 12.0;

/// The filter that brings a measured source to the target; `None` without a measure, and for noise.
///
/// If peak and range allow it, one constant gain, which keeps the dynamics. Otherwise `loudnorm` compresses, and its 192 kHz
/// become 48 again. Sound that `loudnorm` can't level gets the gain and a limiter.
///
/// `is_steady` is false where filters start again on the way, because rate or channels change: `loudnorm` would lose the 3 s
/// that it holds each time. `channels` is ffmpeg's name of the channels that it has.
pub fn filter_to(
    target: LoudnessTarget,
    measure: Option<Measure>,
    length: Duration,
    is_steady: bool,
    channels: &str,
) -> Option<String> {
    let measure = measure.filter(|measure| measure.integrated >= NOISE)?;
    let wanted = target.integrated - measure.integrated;
    let gain = if measure.integrated < QUIET { wanted.min(MOST_GAIN_OF_QUIET) } else { wanted };
    if measure.true_peak + gain <= target.true_peak && measure.range <= target.range {
        return Some(format!("volume={gain:.2}dB:precision=float"));
    }
    // `loudnorm` takes no measure above 0 LUFS, and aims at the target.
    if length < LOUDNORM_LEAST || !is_steady || measure.integrated > 0.0 || gain < wanted {
        // In 192 kHz, so that what is between two samples is seen as well; a little less for what is still missed.
        let limit = 10f64.powf((target.true_peak - 0.3) / 20.0);
        return Some(format!(
            "volume={gain:.2}dB:precision=float,aresample=192000,alimiter=limit={limit:.4}:attack=1:release=20:level=false,\
aresample=48000,aformat=sample_fmts=fltp:channel_layouts={channels}"
        ));
    }
    Some(format!(
        "loudnorm=I={:.2}:TP={:.2}:LRA={:.2}:measured_I={:.2}:measured_TP={:.2}:measured_LRA={:.2}:measured_thresh={:.2},\
aresample=48000,aformat=sample_fmts=fltp:channel_layouts={channels}",
        target.integrated,
        target.true_peak,
        // The filter's own bounds.
        target.range.clamp(1.0, 50.0),
        measure.integrated,
        measure.true_peak.clamp(-99.0, 99.0),
        measure.range.clamp(0.0, 99.0),
        measure.threshold.clamp(-99.0, 0.0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: LoudnessTarget = LoudnessTarget { integrated: -16.0, true_peak: -1.5, range: 11.0 };

    const MINUTE: Duration = Duration::from_secs(60);

    const SUMMARY: &str = "[Parsed_ebur128_2 @ 0x55] Summary:\n\n  Integrated loudness:\n    I:         -33.8 LUFS\n    \
Threshold: -44.1 LUFS\n\n  Loudness range:\n    LRA:         7.4 LU\n    Threshold: -54.3 LUFS\n    LRA low:   -39.3 LUFS\n    \
LRA high:  -31.9 LUFS\n\n  True peak:\n    Peak:      -25.6 dBFS\n";

    #[test]
    fn the_meters_summary_is_read() {
        let expected = Measure { integrated: -33.8, true_peak: -25.6, range: 7.4, threshold: -44.1 };
        assert_eq!(parse_summary(SUMMARY), Some(expected));
    }

    #[test]
    fn a_meter_that_started_again_counts_as_a_whole() {
        let both = SUMMARY.to_owned() + &SUMMARY.replace("-33.8", "-23.8").replace("-25.6", "-5.6");
        let measure = parse_summary(&both).unwrap();
        // A tenth and all of the same power: 5.5 tenths.
        assert!((measure.integrated - -26.4).abs() < 0.01 && measure.true_peak > -5.7, "{measure:?}");
        assert!(!is_steady(&both) && is_steady(SUMMARY) && is_steady(""));
        let filter = filter_to(TARGET, Some(measure), MINUTE, false, "stereo").unwrap();
        assert!(!filter.contains("loudnorm") && filter.contains("alimiter"), "{filter}");
    }

    #[test]
    fn the_meter_of_a_graph_that_never_ran_does_not_count() {
        let tried = SUMMARY.replace("-33.8", "-70.0").replace("-25.6", "-inf");
        let stderr = format!("{tried}Stream mapping:\n  Stream #0:0 (flac) -> aresample:default\n{SUMMARY}");
        assert!(is_steady(&stderr) && parse_summary(&stderr) == parse_summary(SUMMARY));
        assert!(!is_steady(&format!("{stderr}{SUMMARY}")));
    }

    #[test]
    fn silence_has_no_measure_and_gets_no_filter() {
        let silent = SUMMARY.replace("-33.8", "-70.0").replace("-25.6", "-inf");
        assert_eq!(parse_summary(&silent), None);
        assert_eq!(filter_to(TARGET, None, MINUTE, true, "stereo"), None);
        assert_eq!(parse_summary("nothing of the kind"), None);
    }

    #[test]
    fn a_source_with_headroom_gets_a_constant_gain() {
        let measure = Measure { integrated: -26.0, true_peak: -12.0, range: 5.0, threshold: -36.0 };
        assert_eq!(filter_to(TARGET, Some(measure), MINUTE, true, "stereo").unwrap(), "volume=10.00dB:precision=float");
    }

    #[test]
    fn the_gain_of_what_may_be_noise_has_a_ceiling() {
        let quiet = |integrated| Measure { integrated, true_peak: integrated + 10.0, range: 5.0, threshold: -70.0 };
        let filter = |integrated| filter_to(TARGET, Some(quiet(integrated)), MINUTE, true, "stereo");
        assert_eq!(filter(-39.0).unwrap(), "volume=23.00dB:precision=float");
        assert_eq!(filter(-41.0).unwrap(), "volume=12.00dB:precision=float");
        assert_eq!(filter(-61.0), None);
    }

    #[test]
    fn a_source_above_full_scale_is_turned_down_by_gain_and_limiter() {
        let loud = Measure { integrated: 1.7, true_peak: 4.0, range: 20.0, threshold: -8.0 };
        let filter = filter_to(TARGET, Some(loud), MINUTE, true, "stereo").unwrap();
        assert!(filter.starts_with("volume=-17.70dB") && filter.contains("alimiter"), "{filter}");
    }

    #[test]
    fn a_source_whose_peaks_would_clip_is_compressed_and_resampled_to_48_khz() {
        let measure = Measure { integrated: -26.0, true_peak: -3.0, range: 5.0, threshold: -36.0 };
        let filter = filter_to(TARGET, Some(measure), MINUTE, true, "stereo").unwrap();
        assert!(filter.starts_with("loudnorm=I=-16.00:") && filter.contains("aresample=48000"), "{filter}");
        let filter = filter_to(TARGET, Some(measure), Duration::from_secs(2), true, "stereo").unwrap();
        assert!(filter.starts_with("volume=10.00dB") && filter.contains("alimiter=limit=0.8128:"), "{filter}");
    }
}
