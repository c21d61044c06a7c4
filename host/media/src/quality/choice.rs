//! Which quality to try next, and which one to use.
//!
//! Over the numbers of an encoder, likeness falls nearly along a line if it is measured in decibels (and VMAF as it is): so
//! two tries, one at the start and one where a usual slope leads to, bring the third close.

use super::Measure;

/// The decibels, or VMAF points, that a step of quality costs as a rule. Only the second try depends on them. Measured on
/// drawn and noisy pictures with libx264 between 20 and 32: SSIM 0.3 to 0.7; the others fall about as PSNR does.
fn usual_slope(measure: Measure) -> f64 {
    match measure {
        Measure::Ssim => 0.45,
        Measure::Xpsnr => 0.5,
        Measure::Vmaf => 1.5,
    }
}

/// How far a measured slope is believed: noise over a single step can be worth any number.
const STEEPEST: f64 = 4.0;

/// A search for one rung.
#[derive(Clone, Debug)]
pub(super) struct Search {
    measure: Measure,
    /// The score that is wanted, on the line.
    wanted: f64,
    best: u8,
    worst: u8,
    start: u8,
    /// Each quality that was tried, with its score in thousandths.
    tried: Vec<(u8, u32)>,
}

/// A score in thousandths, as it falls along a line.
fn on_line(measure: Measure, thousandths: u32) -> f64 {
    let score = f64::from(thousandths) / 1000.0;
    match measure {
        Measure::Ssim => -10.0 * (1.0 - score).max(1e-4).log10(),
        Measure::Xpsnr | Measure::Vmaf => score,
    }
}

impl Search {
    pub(super) fn new(target: &super::Target, start: u8) -> Self {
        let super::Target { measure, score, best, worst, .. } = *target;
        let start = start.clamp(best, worst);
        Self { measure, wanted: on_line(measure, score), best, worst, start, tried: Vec::new() }
    }

    /// How far a try is above what is wanted.
    fn above(&self, score: u32) -> f64 {
        on_line(self.measure, score) - self.wanted
    }

    /// The worst quality that is good enough, and the best one that isn't.
    fn bracket(&self) -> [Option<(u8, u32)>; 2] {
        let is_enough = |(_, score): &(u8, u32)| self.above(*score) >= 0.0;
        let good = self.tried.iter().copied().filter(is_enough).max_by_key(|(quality, _)| *quality);
        let bad = self.tried.iter().copied().filter(|tried| !is_enough(tried)).min_by_key(|(quality, _)| *quality);
        [good, bad]
    }

    /// The next quality to try; `None` if trying more finds nothing better.
    pub(super) fn next(&self) -> Option<u8> {
        let usual = usual_slope(self.measure);
        let quality = match (self.bracket(), self.tried.as_slice()) {
            (_, []) => self.start,
            ([Some((good, high)), Some((bad, low))], _) => {
                let slope = (self.above(high) - self.above(low)) / (f64::from(bad) - f64::from(good));
                let guess = step(good, self.above(high) / slope.clamp(usual / STEEPEST, usual * STEEPEST));
                // Between the two, where there is something between them.
                guess.clamp(good.saturating_add(1), bad.saturating_sub(1).max(good.saturating_add(1)))
            }
            ([Some((nearest, score)), None] | [None, Some((nearest, score))], tried) => {
                let others = tried.iter().filter(|(quality, _)| *quality != nearest);
                let slope = others.map(|(quality, other)| {
                    (self.above(*other) - self.above(score)) / (f64::from(nearest) - f64::from(*quality))
                });
                let slope = slope.fold(usual, |_, slope| slope.clamp(usual / STEEPEST, usual * STEEPEST));
                step(nearest, self.above(score) / slope)
            }
            ([None, None], _) => return None,
        };
        let quality = quality.clamp(self.best, self.worst);
        self.tried.iter().all(|(tried, _)| *tried != quality).then_some(quality)
    }

    pub(super) fn add(&mut self, quality: u8, score: u32) {
        self.tried.push((quality, score));
    }

    /// The quality to use, with its score: the worst one that is good enough, or else the best that was tried.
    pub(super) fn chosen(&self) -> (u8, Option<u32>) {
        let [good, bad] = self.bracket();
        good.or(bad).map_or((self.start, None), |(quality, score)| (quality, Some(score)))
    }
}

/// So many steps worse than a quality; fewer where it isn't a whole number, which is the better side.
fn step(from: u8, steps: f64) -> u8 {
    (f64::from(from) + steps).floor().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::super::Target;
    use super::*;

    fn target(measure: Measure, score: u32) -> Target {
        Target { rung: "r".into(), measure, score, best: 16, worst: 40 }
    }

    /// Searches over an encoder with this likeness. Returns what was chosen, and in how many tries.
    fn found(target: &Target, start: u8, likeness: impl Fn(u8) -> f64) -> (u8, Option<u32>, usize) {
        let mut search = Search::new(target, start);
        while let Some(quality) = search.next() {
            assert!((target.best..=target.worst).contains(&quality), "{quality}");
            search.add(quality, (likeness(quality) * 1000.0).round() as u32);
        }
        let (quality, score) = search.chosen();
        (quality, score, search.tried.len())
    }

    fn ssim(at_23: f64, slope: f64) -> impl Fn(u8) -> f64 {
        move |quality| 1.0 - 10f64.powf(-(at_23 - slope * (f64::from(quality) - 23.0)) / 10.0)
    }

    #[test]
    fn the_worst_quality_that_is_good_enough_is_found_in_few_tries() {
        for (at_23, slope) in [(17.0, 0.35), (15.0, 0.2), (19.0, 0.6), (16.0, 0.45)] {
            let likeness = ssim(at_23, slope);
            let (quality, score, tries) = found(&target(Measure::Ssim, 970), 23, &likeness);
            assert!(likeness(quality) >= 0.9695 && likeness(quality + 1) < 0.9705, "{quality} {at_23} {slope}");
            assert!(score.unwrap() >= 970 && tries <= 5, "{quality} after {tries}: {score:?}");
        }
        let vmaf = |quality: u8| 100.0 - 0.08 * (f64::from(quality) - 14.0).powi(2);
        let (quality, _, tries) = found(&target(Measure::Vmaf, 93_000), 30, vmaf);
        assert_eq!((quality, vmaf(quality) >= 93.0, vmaf(quality + 1) < 93.0), (23, true, true), "{tries}");
    }

    #[test]
    fn the_bounds_hold() {
        assert_eq!(found(&target(Measure::Ssim, 999), 23, ssim(12.0, 0.3)).0, 16, "it can't be reached");
        assert_eq!(found(&target(Measure::Ssim, 600), 23, ssim(17.0, 0.3)).0, 40, "it is exceeded by everything");
        assert_eq!(Search::new(&target(Measure::Ssim, 900), 50).chosen(), (40, None));
    }

    #[test]
    fn pictures_without_noise_end_the_search() {
        let (quality, score, tries) = found(&target(Measure::Ssim, 980), 23, |_| 1.0);
        assert_eq!((quality, score), (40, Some(1000)));
        assert!(tries <= 4, "{tries}");
    }
}
