//! The image: the whole waveform, for the seek bar of a player.

use fault::codes;

use super::{Peak, Waveform};
use crate::error::CodedError;

/// Largest width in pixels.
const MAX_WIDTH: u32 = 8192;
/// Largest height in pixels.
const MAX_HEIGHT: u32 = 2048;
/// Smallest width and height in pixels.
const MIN_SIDE: u32 = 16;

/// Quiet sound is amplified by at most this much (18 dB), so that a quiet lecture fills the image and the noise of a silent
/// recording does not.
const MAX_GAIN: i64 = 8;

/// Colours by palette index: background, peaks, means. Both blues are visible on white and on black.
const PALETTE: [u8; 9] = [255, 255, 255, 0x8f, 0xb8, 0xf6, 0x25, 0x63, 0xd9];
/// Opacity by palette index; other colours are opaque.
const OPACITY: [u8; 1] = [0];
const NOTHING: u8 = 0;
const PEAKS: u8 = 1;
const BODY: u8 = 2;

/// One column, above the centre line and below it.
type Column = [Half; 2];

/// Distances from the centre line in samples, 0 to 32768.
#[derive(Clone, Copy)]
struct Half {
    /// The highest peak.
    peak: i64,
    /// The mean of the peaks.
    body: i64,
}

impl Waveform {
    /// A PNG of `width` by `height` pixels, each 16 or more and at most 8192 and 2048, on a transparent ground.
    ///
    /// It covers the whole sound. If a column stands for several points, its light part reaches to the highest of them and
    /// its dark part to their mean. With fewer points than columns, the points are interpolated.
    /// Silence is a line in the middle. The same waveform gives the same bytes.
    pub fn to_png(&self, width: u32, height: u32) -> Result<Vec<u8>, CodedError> {
        if !(MIN_SIDE..=MAX_WIDTH).contains(&width) || !(MIN_SIDE..=MAX_HEIGHT).contains(&height) {
            let text =
                format!("a waveform image of {width}x{height} pixels is outside of 16x16 to {MAX_WIDTH}x{MAX_HEIGHT}");
            return Err(CodedError::new(&codes::waveform::BAD_IMAGE_SIZE, text));
        }
        let pixels = paint(&self.columns(width), height);
        let failed =
            |error| CodedError::new(&codes::waveform::PNG, format!("the waveform image could not be written: {error}"));
        encoded(&pixels, width, height).map_err(failed)
    }

    fn columns(&self, width: u32) -> Vec<Column> {
        let (points, width) = (self.peaks.len(), width as usize);
        if points < width {
            return (0..width).map(|x| stretched(&self.peaks, x, width)).collect();
        }
        let edge = |x: usize| x * points / width;
        (0..width).map(|x| gathered(self.peaks.get(edge(x)..edge(x + 1)).unwrap_or_default())).collect()
    }
}

/// The file of these palette indices.
fn encoded(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(PALETTE.as_slice());
    encoder.set_trns(OPACITY.as_slice());
    // Rows mostly repeat the one above, and with a palette no other filter helps.
    encoder.set_filter(png::Filter::Up);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(png)
}

/// Distances from the centre line. A point always touches it, even with a DC offset.
impl Peak {
    fn up(&self) -> i64 {
        i64::from(self.max).max(0)
    }

    fn down(&self) -> i64 {
        (-i64::from(self.min)).max(0)
    }
}

/// Several points in one column.
fn gathered(points: &[Peak]) -> Column {
    let count = (points.len() as i64).max(1);
    [Peak::up, Peak::down].map(|reach| Half {
        peak: points.iter().map(reach).max().unwrap_or(0),
        body: points.iter().map(reach).sum::<i64>() / count,
    })
}

/// The column `x` of `width` between the two points that are nearest to its middle.
fn stretched(points: &[Peak], x: usize, width: usize) -> Column {
    // In halves of a column, to use integers: the middle of column x lies at (2x + 1) / 2 columns, and that of
    // point n at (2n + 1) / 2 points.
    let position = ((2 * x + 1) * points.len()).saturating_sub(width);
    let (left, part) = (position / (2 * width), (position % (2 * width)) as i64);
    let at = |n: usize, reach: fn(&Peak) -> i64| points.get(n).or(points.last()).map_or(0, reach);
    [Peak::up, Peak::down].map(|reach| {
        let (left, right) = (at(left, reach), at(left + 1, reach));
        let between = left + (right - left) * part / (2 * width) as i64;
        Half { peak: between, body: between }
    })
}

/// Palette indices, row by row.
fn paint(columns: &[Column], height: u32) -> Vec<u8> {
    let height = i64::from(height);
    // With an even height the two middle rows are the line, with an odd one the middle row: symmetrical either way.
    let reach = (height - 1) / 2;
    let top_of_line = reach;
    let bottom_of_line = height - 1 - reach;
    let loudest = columns.iter().flatten().map(|half| half.peak).max().unwrap_or(0);
    let full_scale = loudest.max(32768 / MAX_GAIN);
    let rows = |samples: i64| (samples * reach + full_scale / 2) / full_scale;

    let mut picture = Vec::with_capacity(columns.len() * usize::try_from(height).unwrap_or(0));
    for y in 0..height {
        let above = top_of_line - y;
        let below = y - bottom_of_line;
        picture.extend(columns.iter().map(|[up, down]| {
            let (distance, half) = if above > 0 { (above, up) } else { (below.max(0), down) };
            if distance <= rows(half.body) {
                BODY
            } else if distance <= rows(half.peak) {
                PEAKS
            } else {
                NOTHING
            }
        }));
    }
    picture
}

#[cfg(test)]
mod tests {
    use fault::Fault as _;

    use super::*;
    use crate::waveform::WaveformBuilder;

    fn waveform(samples: impl IntoIterator<Item = i16>) -> Waveform {
        let mut builder = WaveformBuilder::new(1000, 1, 100).unwrap();
        samples.into_iter().for_each(|sample| builder.push(&sample.to_le_bytes()));
        builder.finish()
    }

    /// The picture as rows of palette indices, read back from the file.
    fn drawn(waveform: &Waveform, width: u32, height: u32) -> Vec<Vec<u8>> {
        let png = waveform.to_png(width, height).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (width, height));
        pixels.chunks(info.line_size).map(<[u8]>::to_vec).collect()
    }

    /// How many rows of each column are painted.
    fn heights(picture: &[Vec<u8>]) -> Vec<usize> {
        (0..picture[0].len()).map(|x| picture.iter().filter(|row| row[x] != NOTHING).count()).collect()
    }

    /// Full-scale and back within each point.
    fn loud(points: usize) -> impl Iterator<Item = i16> {
        (0..points * 10).map(|n| if n % 2 == 0 { 30000 } else { -30000 })
    }

    #[test]
    fn silence_is_a_line_in_the_middle() {
        for (height, line) in [(20, vec![9, 10]), (21, vec![10])] {
            for silence in [waveform([0; 400]), waveform([])] {
                let rows = drawn(&silence, 64, height);
                let painted: Vec<usize> = (0..rows.len()).filter(|&y| rows[y].iter().all(|&p| p == BODY)).collect();
                assert_eq!(painted, line);
                assert!(heights(&rows).iter().all(|&rows| rows == line.len()));
            }
        }
    }

    #[test]
    fn the_whole_sound_is_shown_however_long_it_is() {
        for points in [16, 63, 64, 65, 1000] {
            let sound = waveform(loud(points / 2).chain(std::iter::repeat_n(0, points / 2 * 10)));
            let heights = heights(&drawn(&sound, 64, 40));
            assert_eq!((heights[0], heights[24]), (40, 40), "{points} points: the loud half");
            assert_eq!((heights[40], heights[63]), (2, 2), "{points} points: the quiet half");
        }
    }

    #[test]
    fn a_click_in_a_long_silence_is_visible() {
        let mut samples = vec![0; 100_000];
        samples[50_003] = 32000;
        let rows = drawn(&waveform(samples), 100, 40);
        assert!(heights(&rows)[50] > 18, "{:?}", heights(&rows));
        assert!(rows[5][50] == PEAKS, "one point of a hundred is a peak and not the body");
    }

    #[test]
    fn above_and_below_mirror_each_other() {
        for height in [40, 41] {
            let rows = drawn(&waveform(loud(100).map(|sample| sample / 3)), 32, height);
            let mirrored: Vec<_> = rows.iter().rev().cloned().collect();
            assert_eq!(rows, mirrored);
        }
    }

    #[test]
    fn quiet_sound_fills_the_picture_and_hiss_does_not() {
        let quiet = waveform(loud(100).map(|sample| sample / 6));
        assert_eq!(heights(&drawn(&quiet, 32, 100))[16], 100);
        let hiss = waveform(loud(100).map(|sample| sample / 1000));
        assert!(heights(&drawn(&hiss, 32, 100))[16] <= 4);
    }

    #[test]
    fn few_points_are_joined_by_slopes() {
        let two = waveform(loud(1).chain([0; 10]));
        let heights = heights(&drawn(&two, 16, 100));
        assert_eq!((heights[0], heights[15]), (100, 2));
        assert!(heights.is_sorted_by(|a, b| a >= b), "{heights:?}");
        assert!(heights[7] > 40 && heights[7] < 70, "{heights:?}");
    }

    #[test]
    fn the_same_waveform_gives_the_same_bytes_and_few_of_them() {
        let sound = waveform((0..90_000i64).map(|n| (n * n % 65521 - 32760) as i16));
        let first = sound.to_png(1800, 140).unwrap();
        assert_eq!(first, sound.to_png(1800, 140).unwrap());
        assert!(first.len() < 40_000, "{} bytes", first.len());
    }

    #[test]
    fn sizes_outside_of_the_limits_are_refused() {
        for (width, height) in [(15, 140), (8193, 140), (1800, 15), (1800, 2049), (0, 0)] {
            let error = waveform([]).to_png(width, height).unwrap_err();
            assert_eq!(error.code(), "waveform.bad-image-size");
        }
        assert!(waveform([1]).to_png(8192, 2048).is_ok());
    }
}
