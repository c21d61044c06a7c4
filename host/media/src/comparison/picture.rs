//! Compares small pictures of a rung with those of its source.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use storage::read_at_most;

use super::colour::{self, Mean};

/// The size of a small picture, whatever the shape of the film.
pub(super) const WIDTH: usize = 64;
pub(super) const HEIGHT: usize = 36;

/// Pictures of a source for each of a rung.
pub(super) const CANDIDATES: usize = 3;

/// The side of the squares that the similarity is worked out in, and their distance.
const SQUARE: usize = 8;
const STEP: usize = 4;

/// The least structural similarity. Encodes of a tenth of the usual rate have 0.9, a frame of another scene has 0.2.
const LEAST_SIMILARITY: f64 = 0.6;

/// The least correlation of brightness where the tones are mapped.
const LEAST_CORRELATION: f64 = 0.6;

/// What is flatter than this has no shape: the standard deviation of its brightness.
const FLAT: f64 = 4.0;

/// How many pictures in a row must fit another instant better, for a rung to be out of step.
const RUN: u64 = 3;

/// How many instants they are looked for before and behind their own.
const MOST_SHIFT: i64 = 12;

/// How much better they must fit there: as a ratio of the differences, and of 255.
const LEAST_RATIO: f64 = 2.0;
const LEAST_GAIN: f64 = 2.0;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// With the most that those of a picture may differ in the mean.
    Colours(f64),
    /// Tone mapping has changed all colours.
    Shapes,
}

/// A part of a small picture that is not compared, because something is drawn over it: its columns and its lines.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Covered {
    pub columns: Range<usize>,
    pub lines: Range<usize>,
}

/// Red, green and blue of each pixel.
struct Picture(Vec<[u8; 3]>);

impl Picture {
    /// BT.709's weights.
    fn brightness(&self) -> Vec<f64> {
        let weigh = |[red, green, blue]: &[u8; 3]| {
            0.2126 * f64::from(*red) + 0.7152 * f64::from(*green) + 0.0722 * f64::from(*blue)
        };
        self.0.iter().map(weigh).collect()
    }

    /// The same with one colour where something is drawn.
    fn without(mut self, covered: Option<&Covered>) -> Self {
        let Some(Covered { columns, lines }) = covered else { return self };
        for line in self.0.chunks_exact_mut(WIDTH).skip(lines.start).take(lines.len()) {
            line.iter_mut().skip(columns.start).take(columns.len()).for_each(|pixel| *pixel = [128; 3]);
        }
        self
    }

    /// The one that differs least.
    fn closest<'a>(&self, candidates: &'a [Self]) -> Option<&'a Self> {
        candidates.iter().min_by(|one, other| self.difference(one).total_cmp(&self.difference(other)))
    }

    /// Of all values, in the mean.
    fn difference(&self, other: &Self) -> f64 {
        let values = self.0.as_flattened().iter().zip(other.0.as_flattened());
        let sum: u32 = values.map(|(one, other)| u32::from(one.abs_diff(*other))).sum();
        f64::from(sum) / (3 * WIDTH * HEIGHT) as f64
    }
}

/// Compares the pictures of a rung with the candidates in its source's folder; the names are the numbers of the instants.
/// All that are selected, up to `needed`, must be there. The inner error says what differs.
pub(super) fn compare(
    source: &Path,
    rung: &Path,
    is_selected: &dyn Fn(u64) -> bool,
    needed: u64,
    (kind, covered): (Kind, Option<&Covered>),
) -> std::io::Result<Result<(), String>> {
    let (mut originals, mut made) = (BTreeMap::<u64, Vec<Picture>>::new(), BTreeMap::new());
    for entry in std::fs::read_dir(source)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let Some(instant) = name.strip_suffix(".rgb").and_then(|number| number.parse::<u64>().ok()) else { continue };
        let reach = MOST_SHIFT.unsigned_abs();
        if (instant.saturating_sub(reach)..=instant + reach).any(is_selected) {
            let pictures = read(&source.join(&*name))?.into_iter().map(|picture| picture.without(covered));
            originals.insert(instant, pictures.collect());
        }
        if is_selected(instant) {
            made.extend(read(&rung.join(&*name))?.pop().map(|picture| (instant, picture.without(covered))));
        }
    }
    let mut colours = Vec::new();
    for (instant, candidates) in originals.iter().filter(|(instant, _)| is_selected(**instant)) {
        let shown = made.get(instant);
        let Some((original, shown)) = shown.and_then(|shown| shown.closest(candidates)).zip(shown) else {
            if *instant > needed {
                continue;
            }
            return Ok(Err(format!("it shows nothing at instant {instant} of {}", originals.len())));
        };
        if !is_similar(original, shown, kind) {
            let difference = original.difference(shown);
            return Ok(Err(format!(
                "its picture is another one than the source's at instant {instant} of {} (by {difference:.0} of 255 in the mean)",
                originals.len()
            )));
        }
        let pairs: Vec<_> = means(original).zip(means(shown)).collect();
        if let Kind::Colours(most) = kind
            && let Err(problem) = colour::compare_picture(&pairs, most)
        {
            return Ok(Err(format!("at instant {instant} of {}, {problem}", originals.len())));
        }
        colours.extend(pairs);
    }
    if kind == Kind::Shapes {
        return Ok(Ok(()));
    }
    let in_step = originals.keys().try_for_each(|instant| check_step(*instant, &originals, &made));
    Ok(in_step.and_then(|()| colour::compare(&colours)))
}

/// Checks that the pictures from an instant on aren't those that the source has earlier or later.
fn check_step(
    first: u64,
    originals: &BTreeMap<u64, Vec<Picture>>,
    made: &BTreeMap<u64, Picture>,
) -> Result<(), String> {
    let difference = |shift: i64| -> Option<f64> {
        let one = |instant: u64| {
            let shown = made.get(&instant)?;
            Some(shown.difference(shown.closest(originals.get(&instant.checked_add_signed(shift)?)?)?))
        };
        Some((first..first + RUN).map(one).sum::<Option<f64>>()? / RUN as f64)
    };
    let Some(own) = difference(0).filter(|own| *own > LEAST_GAIN) else { return Ok(()) };
    let is_clearly_better =
        |shift: &i64| difference(*shift).is_some_and(|other| own > LEAST_RATIO * other && own - other > LEAST_GAIN);
    let Some(shift) = (-MOST_SHIFT..=MOST_SHIFT).find(is_clearly_better) else { return Ok(()) };
    let (count, other) = (originals.len(), first as i64 + shift);
    Err(format!("at instant {first} of {count} it shows what the source shows at instant {other}"))
}

/// Pictures side by side. None if the file isn't there.
fn read(file: &Path) -> std::io::Result<Vec<Picture>> {
    const BYTES: usize = WIDTH * HEIGHT * 3;
    let bytes = match read_at_most(file, (CANDIDATES * BYTES) as u64) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes?,
    };
    let (count, (pixels, _)) = (bytes.len() / BYTES, bytes.as_chunks::<3>());
    let lines = |place: usize| pixels.chunks_exact(WIDTH).skip(place).step_by(count).flatten().copied().collect();
    Ok((0..count).map(|place| Picture(lines(place))).collect())
}

fn is_similar(original: &Picture, made: &Picture, kind: Kind) -> bool {
    let (one, other) = (original.brightness(), made.brightness());
    match kind {
        Kind::Colours(_) => similarity(&one, &other) >= LEAST_SIMILARITY,
        Kind::Shapes => {
            let all = Moments::of(one.iter().copied().zip(other));
            all.variance.0.sqrt() < FLAT || all.correlation() >= LEAST_CORRELATION
        }
    }
}

/// Means, variances and covariance of pairs.
struct Moments {
    mean: (f64, f64),
    variance: (f64, f64),
    covariance: f64,
}

impl Moments {
    fn of(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let count = pairs.clone().count().max(1) as f64;
        let mean_of = |value: &dyn Fn((f64, f64)) -> f64| pairs.clone().map(value).sum::<f64>() / count;
        let mean = (mean_of(&|(one, _)| one), mean_of(&|(_, other)| other));
        Self {
            mean,
            variance: (mean_of(&|(one, _)| (one - mean.0).powi(2)), mean_of(&|(_, other)| (other - mean.1).powi(2))),
            covariance: mean_of(&|(one, other)| (one - mean.0) * (other - mean.1)),
        }
    }

    fn correlation(&self) -> f64 {
        self.covariance / (self.variance.0 * self.variance.1).sqrt().max(f64::EPSILON)
    }
}

/// The structural similarity of two pictures' brightness (Wang, Bovik, Sheikh and Simoncelli, 2004, with its constants),
/// in squares of 8 pixels: 1 for the same picture.
fn similarity(one: &[f64], other: &[f64]) -> f64 {
    const C1: f64 = 0.01 * 255.0 * 0.01 * 255.0;
    const C2: f64 = 0.03 * 255.0 * 0.03 * 255.0;
    let (mut sum, mut count) = (0.0, 0_u32);
    for top in (0..=HEIGHT - SQUARE).step_by(STEP) {
        for left in (0..=WIDTH - SQUARE).step_by(STEP) {
            let rows = (top..top + SQUARE).map(|row| row * WIDTH + left);
            let pairs = rows.flat_map(|start| {
                let square = |values: &'_ [f64]| values.get(start..start + SQUARE).unwrap_or_default().to_vec();
                square(one).into_iter().zip(square(other))
            });
            let pairs: Vec<(f64, f64)> = pairs.collect();
            let Moments { mean, variance, covariance } = Moments::of(pairs.into_iter());
            sum += (2.0 * mean.0 * mean.1 + C1) * (2.0 * covariance + C2)
                / ((mean.0.powi(2) + mean.1.powi(2) + C1) * (variance.0 + variance.1 + C2));
            count += 1;
        }
    }
    sum / f64::from(count)
}

/// The mean colours of squares of 4 pixels.
fn means(picture: &Picture) -> impl Iterator<Item = Mean> {
    const SIDE: usize = 4;
    let places = (0..HEIGHT / SIDE).flat_map(|row| (0..WIDTH / SIDE).map(move |column| (row * SIDE, column * SIDE)));
    places.map(|(top, left)| {
        let rows = (top..top + SIDE).filter_map(|row| picture.0.get(row * WIDTH + left..)?.get(..SIDE));
        let mut sum = [0.0; 3];
        for pixel in rows.flatten() {
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        sum.map(|sum| sum / (SIDE * SIDE) as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(shift: usize) -> Picture {
        let pixel = |at: usize| {
            let (row, column) = (at / WIDTH, (at + shift) % WIDTH);
            [(column * 4) as u8, (row * 7) as u8, ((row / 6 + column / 6) % 2 * 200) as u8]
        };
        Picture((0..WIDTH * HEIGHT).map(pixel).collect())
    }

    #[test]
    fn a_picture_is_like_itself_and_unlike_another() {
        let (one, moved) = (gradient(0), gradient(30));
        assert!((similarity(&one.brightness(), &one.brightness()) - 1.0).abs() < 1e-9);
        assert!(is_similar(&one, &gradient(0), Kind::Colours(colour::MOST_DIFFERENCE_OF_ONE)));
        assert!(!is_similar(&one, &moved, Kind::Colours(colour::MOST_DIFFERENCE_OF_ONE)));
        let negative = Picture(one.0.iter().map(|pixel| pixel.map(|value| 255 - value)).collect());
        assert!(is_similar(&one, &gradient(0), Kind::Shapes) && !is_similar(&one, &negative, Kind::Shapes));
    }

    #[test]
    fn black_is_like_black_and_unlike_white() {
        let flat = |value| Picture(vec![[value; 3]; WIDTH * HEIGHT]);
        assert!(is_similar(&flat(0), &flat(1), Kind::Colours(colour::MOST_DIFFERENCE_OF_ONE)));
        assert!(!is_similar(&flat(0), &flat(255), Kind::Colours(colour::MOST_DIFFERENCE_OF_ONE)));
    }

    #[test]
    fn candidates_lie_side_by_side() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pixels: Vec<u8> =
            (0..CANDIDATES * WIDTH * HEIGHT).flat_map(|at| [(at / WIDTH % CANDIDATES) as u8; 3]).collect();
        std::fs::write(file.path(), pixels).unwrap();
        let pictures = read(file.path()).unwrap();
        let same = |(place, picture): (usize, &Picture)| picture.0.iter().all(|pixel| *pixel == [place as u8; 3]);
        assert!(pictures.len() == CANDIDATES && pictures.iter().enumerate().all(same));
    }
}
