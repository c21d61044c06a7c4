//! Choosing a frame that shows something, from the brightness of several.

/// Mean and standard deviation of a frame's luma.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Brightness {
    mean: f64,
    spread: f64,
}

impl Brightness {
    /// From a luma plane, 16 black to 235 white.
    pub(crate) fn of(plane: &[u8]) -> Self {
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

/// The first candidate that isn't blank and shows at least half as much as the best one, so that a picture that is still
/// fading in is skipped. The first candidate is the video's first frame; it is taken only if nothing else will do.
pub(crate) fn choose(candidates: &[Brightness]) -> Option<usize> {
    let most = candidates.iter().map(|candidate| candidate.spread).fold(0.0, f64::max);
    let good = |candidate: &Brightness| !candidate.is_blank() && candidate.spread >= most * 0.5;
    let near = candidates.iter().enumerate().skip(1).find(|(_, candidate)| good(candidate)).map(|(at, _)| at);
    let best = || {
        let by_spread = |a: &(usize, &Brightness), b: &(usize, &Brightness)| a.1.spread.total_cmp(&b.1.spread);
        // Of equals the later one: only when the others are as blank as the first frame.
        candidates.iter().enumerate().max_by(by_spread).map(|(at, _)| at)
    };
    near.or_else(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brightness(mean: f64, spread: f64) -> Brightness {
        Brightness { mean, spread }
    }

    #[test]
    fn black_and_blank_frames_are_skipped() {
        let candidates = [(16.0, 0.0), (16.0, 0.5), (128.0, 1.0), (90.0, 40.0), (95.0, 60.0)];
        assert_eq!(choose(&candidates.map(|(mean, spread)| brightness(mean, spread))), Some(3));
    }

    #[test]
    fn a_picture_that_is_still_fading_in_is_skipped() {
        let candidates = [(16.0, 0.0), (25.0, 13.0), (60.0, 30.0), (90.0, 55.0)];
        assert_eq!(choose(&candidates.map(|(mean, spread)| brightness(mean, spread))), Some(2));
    }

    #[test]
    fn the_first_frame_is_taken_only_if_no_other_is_better() {
        assert_eq!(choose(&[brightness(90.0, 50.0), brightness(90.0, 49.0)]), Some(1));
        assert_eq!(choose(&[brightness(90.0, 50.0), brightness(16.0, 0.0)]), Some(0));
        assert_eq!(choose(&[brightness(16.0, 0.0)]), Some(0));
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn a_plane_of_one_colour_has_no_spread() {
        assert_eq!(Brightness::of(&[16; 64]), brightness(16.0, 0.0));
        assert!(Brightness::of(&[16, 235, 16, 235]).spread > 100.0);
    }
}
