//! Tells whether colours were converted with the wrong matrix or range.
//!
//! An encode blurs colours but doesn't shift them, so the means of small areas stay. A wrong conversion shifts them in one of
//! few known ways. Whether one of these explains the difference shows small shifts too, in a film that is nearly grey.

/// The mean red, green and blue of a small area, 0 to 255.
pub(super) type Mean = [f64; 3];

/// The most that colours may differ in the mean: those of all pictures, and those of one, where a frame of quick motion
/// may be another one.
const MOST_DIFFERENCE: f64 = 12.0;
pub(super) const MOST_DIFFERENCE_OF_ONE: f64 = 20.0;

/// The same for a keyframe, which is as good as an encoder can make it. One that differs more is looked at again with the
/// frames around it.
pub(super) const MOST_DIFFERENCE_OF_KEYFRAME: f64 = 2.0;

/// Less than this is the encoder's rounding.
const LEAST_DIFFERENCE: f64 = 1.0;

/// A wrong conversion is told if it leaves less than this of the difference.
const EXPLAINED: f64 = 0.5;

/// From here on a small area has a colour that nobody takes for grey: red, green and blue are so far apart.
const COLOURFUL: f64 = 40.0;

/// The share of such areas that makes a picture colourful.
const COLOURFUL_SHARE: f64 = 0.03;

/// How much of their colour these areas have to keep. Motion and encoders take a little.
const LEAST_KEPT: f64 = 0.4;

/// The weights of red and blue in brightness.
const BT601: (f64, f64) = (0.299, 0.114);
const BT709: (f64, f64) = (0.2126, 0.0722);
const BT2020: (f64, f64) = (0.2627, 0.0593);

/// What can be done to colours by mistake.
enum Mistake {
    /// Coded with the weights of one matrix, shown with another's.
    Matrix((f64, f64), (f64, f64)),
    /// 16 to 235 shown as 0 to 255.
    Stretched,
    /// 0 to 255 shown as 16 to 235.
    Squeezed,
}

impl Mistake {
    const ALL: [Self; 6] = [
        Self::Matrix(BT601, BT709),
        Self::Matrix(BT709, BT601),
        Self::Matrix(BT2020, BT709),
        Self::Matrix(BT709, BT2020),
        Self::Stretched,
        Self::Squeezed,
    ];

    fn apply(&self, colour: Mean) -> Mean {
        let changed = match self {
            Self::Matrix(coded, shown) => reinterpreted(colour, *coded, *shown),
            Self::Stretched => colour.map(|value| (value - 16.0) * 255.0 / 219.0),
            Self::Squeezed => colour.map(|value| value * 219.0 / 255.0 + 16.0),
        };
        changed.map(|value| value.clamp(0.0, 255.0))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Matrix(..) => "matrix",
            Self::Stretched | Self::Squeezed => "range",
        }
    }
}

/// To brightness and colour differences with one pair of weights, and back with another.
fn reinterpreted([red, green, blue]: Mean, coded: (f64, f64), shown: (f64, f64)) -> Mean {
    let weighted = |(of_red, of_blue): (f64, f64)| of_red * red + (1.0 - of_red - of_blue) * green + of_blue * blue;
    let brightness = weighted(coded);
    let (of_red, of_blue) = shown;
    // The differences are coded in units of their own largest values.
    let red = brightness + (red - brightness) * (1.0 - of_red) / (1.0 - coded.0);
    let blue = brightness + (blue - brightness) * (1.0 - of_blue) / (1.0 - coded.1);
    let green = (brightness - of_red * red - of_blue * blue) / (1.0 - of_red - of_blue);
    [red, green, blue]
}

/// How much pairs of colours differ in the mean, once those of the source are changed.
fn difference(pairs: &[(Mean, Mean)], change: impl Fn(Mean) -> Mean) -> f64 {
    let one = |(source, made): &(Mean, Mean)| {
        change(*source).iter().zip(made).map(|(one, other)| (one - other).abs()).sum::<f64>() / 3.0
    };
    pairs.iter().map(one).sum::<f64>() / pairs.len().max(1) as f64
}

/// Whether the colourful areas of one picture are hardly so in another.
fn has_faded(pairs: impl ExactSizeIterator<Item = (Mean, Mean)>) -> bool {
    let least = (pairs.len() as f64 * COLOURFUL_SHARE).max(1.0);
    let spans = pairs.map(|(one, other)| (span(&one), span(&other))).filter(|(one, _)| *one >= COLOURFUL);
    let (count, one, other) =
        spans.fold((0.0, 0.0, 0.0), |(count, sum, others), (one, other)| (count + 1.0, sum + one, others + other));
    count >= least && other < LEAST_KEPT * one
}

/// How far a colour is from grey.
fn span(colour: &Mean) -> f64 {
    colour.iter().copied().fold(0.0, f64::max) - colour.iter().copied().fold(255.0, f64::min)
}

fn check_bound(difference: f64, bound: f64) -> Result<(), String> {
    if difference <= bound {
        return Ok(());
    }
    Err(format!("its colours differ from the source's by {difference:.0} of 255 in the mean"))
}

/// Compares pairs of a source's and a rung's colours, of one picture. The error says what is wrong.
pub(super) fn compare_picture(pairs: &[(Mean, Mean)], most: f64) -> Result<(), String> {
    if has_faded(pairs.iter().copied()) {
        return Err("its colours have faded".to_owned());
    }
    if has_faded(pairs.iter().map(|(source, made)| (*made, *source))) {
        return Err("it has colours that the source has not".to_owned());
    }
    check_bound(difference(pairs, |colour| colour), most)
}

/// Compares those of all pictures.
pub(super) fn compare(pairs: &[(Mean, Mean)]) -> Result<(), String> {
    let plain = difference(pairs, |colour| colour);
    if plain < LEAST_DIFFERENCE {
        return Ok(());
    }
    let explains = |mistake: &&Mistake| difference(pairs, |colour| mistake.apply(colour)) < EXPLAINED * plain;
    match Mistake::ALL.iter().find(explains) {
        Some(mistake) => Err(format!("its colours are as if converted with the wrong {}", mistake.name())),
        None => check_bound(plain, MOST_DIFFERENCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours that are not very saturated.
    fn colours() -> impl Iterator<Item = Mean> {
        let steps = || (0..5).map(|step| 70.0 + f64::from(step) * 30.0);
        steps().flat_map(move |red| steps().flat_map(move |green| steps().map(move |blue| [red, green, blue])))
    }

    fn compared(change: impl Fn(Mean) -> Mean) -> Result<(), String> {
        let pairs: Vec<_> = colours().map(|colour| (colour, change(colour))).collect();
        compare(&pairs)
    }

    #[test]
    fn the_encoders_noise_passes() {
        compared(|colour| colour).unwrap();
        compared(|[red, green, blue]| [red + 4.0, green - 3.0, blue + 5.0 - green / 20.0]).unwrap();
    }

    #[test]
    fn every_mistake_is_told() {
        for mistake in &Mistake::ALL {
            let told = compared(|colour| mistake.apply(colour)).unwrap_err();
            assert!(told.contains(mistake.name()), "{told}");
        }
        assert!(compared(|[red, green, blue]| [blue, green, red]).unwrap_err().contains("differ"));
        assert!(compared(|_| [0.0, 120.0, 0.0]).unwrap_err().contains("differ"));
    }

    #[test]
    fn lost_and_invented_colours_are_found() {
        let red = [200.0, 60.0, 60.0];
        let grey = [110.0; 3];
        let mut pairs = vec![(grey, grey); 95];
        pairs.extend([(red, red); 5]);
        assert_eq!(compare_picture(&pairs, 2.0), Ok(()));
        for pair in &mut pairs[95..] {
            *pair = (red, grey);
        }
        assert!(compare_picture(&pairs, 20.0).unwrap_err().contains("faded"));
        for pair in &mut pairs[95..] {
            *pair = (grey, red);
        }
        assert!(compare_picture(&pairs, 20.0).unwrap_err().contains("that the source has not"));
        // A speck of colour that moves.
        pairs.truncate(96);
        assert_eq!(compare_picture(&pairs, 20.0), Ok(()));
    }

    #[test]
    fn grey_has_no_matrix() {
        let greys: Vec<(Mean, Mean)> = colours().map(|[grey, ..]| ([grey; 3], [grey; 3])).collect();
        compare(&greys).unwrap();
        compare(&[]).unwrap();
    }
}
