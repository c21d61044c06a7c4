//! The sidecar, in version 2 of audiowaveform's JSON format.

use std::fmt::Write as _;

use super::{Peak, Waveform};

/// The version of audiowaveform's format that is written.
const VERSION: u32 = 2;

/// The resolution of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// -128 to 127: what peaks.js reads.
    Eight,
    /// -32768 to 32767.
    Sixteen,
}

impl Bits {
    /// `None` unless it is 8 or 16.
    pub fn new(bits: u8) -> Option<Self> {
        match bits {
            8 => Some(Self::Eight),
            16 => Some(Self::Sixteen),
            _ => None,
        }
    }

    pub fn get(self) -> u8 {
        match self {
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }

    /// A sample at this resolution, truncated toward zero.
    pub(super) fn reduce(self, sample: i16) -> i16 {
        match self {
            Self::Eight => sample / 256,
            Self::Sixteen => sample,
        }
    }
}

impl Waveform {
    /// The sidecar, byte for byte what audiowaveform writes, with its newline at the end.
    pub fn to_json(&self, bits: Bits) -> String {
        // Two values of up to four or seven bytes each with their commas.
        let per_peak = match bits {
            Bits::Eight => 10,
            Bits::Sixteen => 14,
        };
        let mut json = self.json_head(bits);
        json.reserve(self.peaks.len() * per_peak + 3);
        let mut first = true;
        for peak in &self.peaks {
            push_peak(&mut json, *peak, bits, &mut first);
        }
        json.push_str("]}\n");
        json
    }

    fn json_head(&self, bits: Bits) -> String {
        format!(
            "{{\"version\":{VERSION},\"channels\":{},\"sample_rate\":{},\"samples_per_pixel\":{},\"bits\":{},\
             \"length\":{},\"data\":[",
            self.channels,
            self.sample_rate,
            self.samples_per_pixel,
            bits.get(),
            self.len(),
        )
    }
}

fn push_peak(text: &mut String, peak: Peak, bits: Bits, first: &mut bool) {
    let comma = if std::mem::take(first) { "" } else { "," };
    // Writing to a String can't fail.
    let _ = write!(text, "{comma}{},{}", bits.reduce(peak.min), bits.reduce(peak.max));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waveform::WaveformBuilder;

    fn mono(samples: &[i16]) -> Waveform {
        let mut builder = WaveformBuilder::with_samples_per_pixel(44100, 1, 2).unwrap();
        samples.iter().for_each(|sample| builder.push(&sample.to_le_bytes()));
        builder.finish()
    }

    #[test]
    fn fields_come_in_audiowaveforms_order_and_end_with_a_newline() {
        assert_eq!(
            mono(&[-300, 300, 32767]).to_json(Bits::Sixteen),
            "{\"version\":2,\"channels\":1,\"sample_rate\":44100,\"samples_per_pixel\":2,\"bits\":16,\"length\":2,\
             \"data\":[-300,300,32767,32767]}\n"
        );
    }

    #[test]
    fn eight_bits_are_truncated_toward_zero() {
        let json = mono(&[-255, 255, -256, 511, i16::MIN, i16::MAX]).to_json(Bits::Eight);
        assert!(json.ends_with("\"data\":[0,0,-1,1,-128,127]}\n"), "{json}");
    }

    #[test]
    fn an_empty_waveform_is_valid_json_of_length_zero() {
        let empty = mono(&[]);
        assert!(empty.is_empty());
        let value: serde_json::Value = serde_json::from_str(&empty.to_json(Bits::Eight)).unwrap();
        assert_eq!(value["length"], 0);
        assert_eq!(value["data"], serde_json::json!([]));
    }

    #[test]
    fn only_eight_and_sixteen_bits_exist() {
        assert_eq!(Bits::new(8).map(Bits::get), Some(8));
        assert_eq!(Bits::new(16).map(Bits::get), Some(16));
        assert_eq!(Bits::new(24), None);
    }
}
