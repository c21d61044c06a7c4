//! Bit rates as RFC 8216, section 4.1, defines them.

use crate::playlist::Media;

/// Bits per second of a playlist.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub peak: f64,
    pub average: f64,
}

/// The peak is the most that neighbouring segments have which play for half to one and a half target durations together;
/// the average is over all. Where no neighbours play that long, the peak is the average.
pub(super) fn measure(media: &Media) -> Rates {
    let bits = |number: usize| media.size(number) as f64 * 8.0;
    let segments: Vec<(f64, f64)> =
        media.segments.iter().enumerate().map(|(number, (seconds, _))| (*seconds, bits(number))).collect();
    let sum = |segments: &[(f64, f64)]| segments.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let target = media.target as f64;
    let mut peak = 0.0_f64;
    for start in 0..segments.len() {
        for end in start + 1..=segments.len() {
            let (seconds, bits) = sum(&segments[start..end]);
            // Durations are written to the microsecond.
            if seconds > target * 1.5 + 1e-6 {
                break;
            }
            if seconds >= target * 0.5 - 1e-6 {
                peak = peak.max(bits / seconds);
            }
        }
    }
    let (seconds, bits) = sum(&segments);
    let average = if seconds > 0.0 { bits / seconds } else { 0.0 };
    Rates { peak: peak.max(average), average }
}
