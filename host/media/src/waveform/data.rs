//! The sidecar, in version 2 of audiowaveform's JSON format.

use std::fmt::Write as _;

use super::Waveform;

impl Waveform {
    /// The sidecar, byte for byte what audiowaveform writes, with its newline at the end. Its values have 8 `bits`, which
    /// is what peaks.js reads, or 16.
    pub fn to_json(&self, bits: u8) -> String {
        let mut json = format!(
            "{{\"version\":2,\"channels\":1,\"sample_rate\":{},\"samples_per_pixel\":{},\"bits\":{bits},\
             \"length\":{},\"data\":[",
            self.sample_rate,
            self.samples_per_pixel,
            self.peaks.len(),
        );
        // Two values of up to four or seven bytes each with their commas.
        let per_peak = if bits == 8 { 10 } else { 14 };
        json.reserve(self.peaks.len() * per_peak + 3);
        for (at, peak) in self.peaks.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // Writing to a String can't fail.
            let _ = write!(json, "{comma}{},{}", reduced(peak.min, bits), reduced(peak.max, bits));
        }
        json.push_str("]}\n");
        json
    }
}

/// A sample at this resolution, truncated toward zero.
pub(super) fn reduced(sample: i16, bits: u8) -> i16 {
    if bits == 8 { sample / 256 } else { sample }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waveform::WaveformBuilder;

    fn mono(samples: &[i16]) -> Waveform {
        let mut builder = WaveformBuilder::new(44100, 1, 22_050).unwrap();
        samples.iter().for_each(|sample| builder.push(&sample.to_le_bytes()));
        builder.finish()
    }

    #[test]
    fn fields_come_in_audiowaveforms_order_and_end_with_a_newline() {
        assert_eq!(
            mono(&[-300, 300, 32767]).to_json(16),
            "{\"version\":2,\"channels\":1,\"sample_rate\":44100,\"samples_per_pixel\":2,\"bits\":16,\"length\":2,\
             \"data\":[-300,300,32767,32767]}\n"
        );
    }

    #[test]
    fn eight_bits_are_truncated_toward_zero() {
        let json = mono(&[-255, 255, -256, 511, i16::MIN, i16::MAX]).to_json(8);
        assert!(json.ends_with("\"data\":[0,0,-1,1,-128,127]}\n"), "{json}");
    }

    #[test]
    fn an_empty_waveform_is_valid_json_of_length_zero() {
        let empty = mono(&[]);
        assert!(empty.is_empty());
        let value: serde_json::Value = serde_json::from_str(&empty.to_json(8)).unwrap();
        assert_eq!(value["length"], 0);
        assert_eq!(value["data"], serde_json::json!([]));
    }
}
