//! The constant frame rate that outputs get.
//!
//! Fixed keyframes and segments need a constant rate, and HLS allows at most 60 frames per second. Cameras of phones
//! and screen recorders vary theirs, so the nominal rate and the measured average can differ.

use crate::info::Ratio;

/// Standard rates over 1: a source with a varying rate gets the nearest standard one.
const WHOLE: [u32; 11] = [10, 12, 15, 20, 24, 25, 30, 40, 48, 50, 60];

/// Standard rates over 1001.
const BROADCAST: [u32; 3] = [24_000, 30_000, 60_000];

/// Apple's authoring rules for HLS: at most 60 frames per second.
const MAX: f64 = 60.0;

/// Lower rates are multiplied to about the other one.
const LEAST: f64 = 2.0;
const LIFTED: f64 = 10.0;

/// How far the measured average may be from the nominal rate for the source to count as constant.
const CONSTANT_WITHIN: f64 = 0.01;

/// Chooses from the container's nominal rate and the average over all packets.
pub fn choose(nominal: Option<Ratio>, average: f64) -> Ratio {
    let nominal = nominal.filter(|rate| rate.value() <= MAX + 0.01);
    if let Some(rate) = nominal {
        let constant = average <= 0.0 || (rate.value() / average - 1.0).abs() <= CONSTANT_WITHIN;
        // A camera at a standard rate that skipped some frames in the dark.
        let skipped =
            standard_rates().any(|standard| standard == rate) && average < rate.value() && rate.value() < average * 1.5;
        if constant || skipped {
            return lifted(rate);
        }
    }
    standard_for(average.clamp(1.0, MAX))
}

/// Slides and time lapses. Keyframes and segments need more frames than they have, so each is shown several times.
fn lifted(rate: Ratio) -> Ratio {
    if rate.value() >= LEAST {
        return rate;
    }
    let times = (LIFTED / rate.value()).round() as u64;
    Ratio::new(u64::from(rate.numerator) * times, rate.denominator.into()).unwrap_or(rate)
}

fn standard_rates() -> impl Iterator<Item = Ratio> {
    let whole = WHOLE.into_iter().map(|numerator| Ratio { numerator, denominator: 1 });
    whole.chain(BROADCAST.into_iter().map(|numerator| Ratio { numerator, denominator: 1001 }))
}

/// The standard rate that is nearest, as a proportion.
fn standard_for(average: f64) -> Ratio {
    let distance = |rate: &Ratio| (rate.value() / average).ln().abs();
    let nearest = standard_rates().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.unwrap_or(Ratio { numerator: 60, denominator: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(nominal: &str, average: f64) -> String {
        choose(Ratio::parse(nominal), average).to_string()
    }

    #[test]
    fn a_constant_source_keeps_its_rate_however_odd() {
        assert_eq!(chosen("24000/1001", 23.976), "24000/1001");
        assert_eq!(chosen("5/1", 5.0), "5/1");
        assert_eq!(chosen("30/1", 0.0), "30/1");
    }

    #[test]
    fn a_rate_below_two_is_multiplied_to_about_ten() {
        assert_eq!(chosen("1/5", 0.2), "10/1");
        assert_eq!(chosen("1/20", 0.05), "10/1");
        assert_eq!(chosen("3/2", 1.5), "21/2");
        assert_eq!(chosen("2/1", 2.0), "2/1");
    }

    #[test]
    fn a_camera_that_skipped_frames_keeps_its_nominal_rate() {
        assert_eq!(chosen("30/1", 27.5), "30/1");
    }

    #[test]
    fn a_varying_source_gets_a_standard_rate_near_its_average() {
        assert_eq!(chosen("120/1", 29.88), "30000/1001");
        assert_eq!(chosen("90000/1", 24.4), "24/1");
        assert_eq!(chosen("600/1", 1.2), "10/1");
    }

    #[test]
    fn nothing_is_faster_than_sixty() {
        assert_eq!(chosen("120/1", 120.0), "60/1");
        assert_eq!(chosen("60/1", 60.06), "60/1", "a rounding in the average");
    }
}
