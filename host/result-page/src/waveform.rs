//! The waveform under the player: the data of an audiowaveform file, drawn as one path.

use std::fmt::Write as _;

use serde::Deserialize;

/// Columns of the drawing.
const COLUMNS: usize = 400;

/// Its height in the same units.
const HEIGHT: f64 = 100.0;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    channels: Option<u32>,
    bits: u32,
    data: Vec<i32>,
}

/// The loudest point of each column, from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform(Vec<f64>);

impl Waveform {
    /// `None` for JSON that is something else.
    pub fn read(text: &[u8]) -> Option<Self> {
        let File { channels, bits, data } = serde_json::from_slice(text).ok()?;
        let largest = f64::from(1_u32 << bits.clamp(2, 31).saturating_sub(1));
        // A lowest and a highest value for each channel.
        let width = 2 * channels.unwrap_or(1).clamp(1, 64) as usize;
        let points: Vec<f64> = data
            .chunks_exact(width)
            .map(|point| {
                point.iter().map(|value| f64::from(value.unsigned_abs()) / largest).fold(0.0, f64::max).min(1.0)
            })
            .collect();
        let columns = COLUMNS.min(points.len());
        let column = |at: usize| {
            let (from, to) = (at * points.len() / columns, (at + 1) * points.len() / columns);
            points.get(from..to.max(from + 1)).unwrap_or_default().iter().copied().fold(0.0, f64::max)
        };
        (columns > 0).then(|| Self((0..columns).map(column).collect()))
    }

    /// Two drawings of it, one over the other: the second shows how far the player is.
    pub fn svg(&self) -> String {
        let loudest = self.0.iter().copied().fold(0.05, f64::max);
        let mut path = String::new();
        for (at, value) in self.0.iter().enumerate() {
            let half = (value / loudest * HEIGHT * 0.48).max(0.8);
            let _ = write!(path, "M{at}.5 {:.1}v{:.1}", HEIGHT / 2.0 - half, 2.0 * half);
        }
        let drawing = |class: &str| {
            format!(
                "<svg class=\"{class}\" viewBox=\"0 0 {} {HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\" \
                 focusable=\"false\"><path d=\"{path}\"/></svg>",
                self.0.len()
            )
        };
        format!("{}{}", drawing("ahead"), drawing("played"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_point_of_each_column_is_kept() {
        let loud_at_the_end: Vec<i32> = (0..4000).map(|at| if at == 3999 { -128 } else { at % 2 }).collect();
        let text = serde_json::json!({ "version": 2, "channels": 1, "bits": 8, "data": loud_at_the_end }).to_string();
        let Waveform(columns) = Waveform::read(text.as_bytes()).unwrap();
        assert_eq!(columns.len(), COLUMNS);
        assert_eq!((columns.first(), columns.last()), (Some(&(1.0 / 128.0)), Some(&1.0)));
    }

    #[test]
    fn other_json_is_no_waveform() {
        for text in ["{}", "[]", "{\"bits\":8,\"data\":[]}", "{\"bits\":8,\"data\":\"x\"}", "not JSON"] {
            assert_eq!(Waveform::read(text.as_bytes()), None, "{text}");
        }
        let odd = "{\"bits\":99,\"channels\":4000000000,\"data\":[1,2,-2147483648]}";
        assert_eq!(Waveform::read(odd.as_bytes()), None);
    }
}
