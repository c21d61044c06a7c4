//! How often figures of each size were seen, in steps of a fixed factor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A step is a factor of the root of 1.5.
pub(super) const STEPS_OF_TOLERANCE: u8 = 2;

/// How much larger the canary's figures may be.
pub(super) const TOLERANCE: f64 = 1.5;

/// Steps from 1 to 3.7e10: milliseconds and bytes per second of media.
pub(super) const STEPS: u8 = 120;

/// Counts by step. Only steps with a count are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(BTreeMap<u8, u32>);

impl Histogram {
    pub fn add(&mut self, value: f64) {
        let step = (value.max(1.0).ln() / TOLERANCE.ln() * f64::from(STEPS_OF_TOLERANCE)).floor();
        // Saturates: what is larger is in the last step.
        self.count((step as u8).min(STEPS), 1);
    }

    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(step, count)| self.count((*step).min(STEPS), *count));
    }

    fn count(&mut self, step: u8, more: u32) {
        let count = self.0.entry(step).or_default();
        *count = count.saturating_add(more);
    }

    /// How many figures are in this step or above it.
    pub fn from(&self, step: u8) -> u32 {
        self.0.range(step..).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The geometric middle of the step that the median is in; none without figures.
    pub fn median(&self) -> Option<f64> {
        let all = self.from(0);
        let mut below = 0u32;
        let (step, _) = self.0.iter().find(|(_, count)| {
            below = below.saturating_add(**count);
            below >= all.div_ceil(2)
        })?;
        Some(TOLERANCE.powf((f64::from(*step) + 0.5) / f64::from(STEPS_OF_TOLERANCE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_larger_by_the_tolerance_is_as_many_steps_higher() {
        for value in [1.1, 7.0, 1_000.0, 3e8] {
            let (mut smaller, mut larger) = (Histogram::default(), Histogram::default());
            smaller.add(value);
            larger.add(value * TOLERANCE);
            let step = *smaller.0.keys().next().unwrap();
            assert_eq!(larger.from(step + STEPS_OF_TOLERANCE), 1, "{value}");
            assert_eq!(larger.from(step + STEPS_OF_TOLERANCE + 1), 0, "{value}");
        }
    }

    #[test]
    fn any_number_has_a_step_and_nothing_overflows() {
        let mut histogram = Histogram::default();
        for value in [f64::NAN, -1.0, 0.0, f64::INFINITY, 1e300] {
            histogram.add(value);
        }
        assert_eq!((histogram.from(0), histogram.from(STEPS)), (5, 2));
        let full: Histogram = serde_json::from_str(r#"{"3": 4294967295, "255": 4294967295}"#).unwrap();
        histogram.merge(&full);
        histogram.merge(&full);
        assert_eq!((histogram.from(0), histogram.from(STEPS + 1)), (u32::MAX, 0));
    }

    #[test]
    fn the_median_is_near_the_middle_figure() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.median(), None);
        [100.0, 100.0, 200.0, 9_000.0, 50.0].into_iter().for_each(|value| histogram.add(value));
        let median = histogram.median().unwrap();
        assert!((82.0..123.0).contains(&median), "{median}");
    }
}
