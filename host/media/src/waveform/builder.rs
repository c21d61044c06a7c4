//! Builds a waveform from samples.

use fault::codes;

use super::{Peak, Waveform};
use crate::error::CodedError;

#[derive(Debug)]
pub struct WaveformBuilder {
    waveform: Waveform,
    /// Channels of the samples that come in.
    channels: u16,
    current: Peak,
    /// Frames in `current`; less than the samples of a point between calls.
    frames: u32,
    /// The first bytes of an incomplete frame.
    torn: Vec<u8>,
}

impl WaveformBuilder {
    /// For sound of `channels` channels at `sample_rate` hertz, mixed to one, with `pixels_per_second` points in each
    /// second, 1 or more.
    ///
    /// The number of samples in a point is a whole one, rounded down: 44100 Hz at 1000 points is 44 samples a point and
    /// so a little more than 1000 points a second. The sidecar has the samples per point, and players use them.
    pub fn new(sample_rate: u32, channels: u16, pixels_per_second: u32) -> Result<Self, CodedError> {
        if sample_rate == 0 || channels == 0 {
            let text = format!("sound of {channels} channels at {sample_rate} Hz has no waveform");
            return Err(CodedError::new(&codes::waveform::BAD_FORMAT, text));
        }
        let samples_per_pixel = sample_rate.checked_div(pixels_per_second).unwrap_or(0);
        if samples_per_pixel == 0 {
            let text =
                format!("{pixels_per_second} points per second can't be made of {sample_rate} samples per second");
            return Err(CodedError::new(&codes::waveform::BAD_RESOLUTION, text));
        }
        let waveform = Waveform { sample_rate, samples_per_pixel, peaks: Vec::new() };
        Ok(Self { waveform, channels, current: Peak::NONE, frames: 0, torn: Vec::new() })
    }

    /// Takes interleaved signed 16-bit little-endian samples, cut anywhere, also in the middle of a sample.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut whole = std::mem::take(&mut self.torn);
        whole.extend_from_slice(bytes);
        self.torn = whole.split_off(whole.len() - whole.len() % self.frame_bytes());
        self.push_frames(&whole);
    }

    /// The waveform of everything so far. A short last point is kept; an incomplete frame is dropped.
    pub fn finish(mut self) -> Waveform {
        if self.frames > 0 {
            self.close_pixel();
        }
        self.waveform
    }

    fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * size_of::<i16>()
    }

    /// Takes whole frames, point by point, so that the inner loop needs no counter.
    fn push_frames(&mut self, mut bytes: &[u8]) {
        let frame = self.frame_bytes();
        while !bytes.is_empty() {
            let room = usize::try_from(self.waveform.samples_per_pixel - self.frames).unwrap_or(usize::MAX);
            let taken = room.min(bytes.len() / frame);
            let (now, later) = bytes.split_at(taken * frame);
            mix_into(&mut self.current, now, self.channels);
            // No more than `room`, which came from a u32.
            self.frames += u32::try_from(taken).unwrap_or(0);
            if self.frames == self.waveform.samples_per_pixel {
                self.close_pixel();
            }
            bytes = later;
        }
    }

    fn close_pixel(&mut self) {
        self.waveform.peaks.push(std::mem::replace(&mut self.current, Peak::NONE));
        self.frames = 0;
    }
}

/// Widens `peak` by the mean of each frame, truncated toward zero as integer division does it.
fn mix_into(peak: &mut Peak, frames: &[u8], channels: u16) {
    let (samples, _) = frames.as_chunks::<2>();
    match channels {
        1 => samples.iter().for_each(|&bytes| peak.widen(i16::from_le_bytes(bytes))),
        // The common case, without a loop.
        2 => {
            let (pairs, _) = samples.as_chunks::<2>();
            for [left, right] in pairs {
                let sum = i32::from(i16::from_le_bytes(*left)) + i32::from(i16::from_le_bytes(*right));
                peak.widen(mean(sum, 2));
            }
        }
        _ => {
            for frame in samples.chunks_exact(usize::from(channels)) {
                let sum = frame.iter().map(|&bytes| i32::from(i16::from_le_bytes(bytes))).sum();
                peak.widen(mean(sum, i32::from(channels)));
            }
        }
    }
}

/// A mean of 16-bit samples is a 16-bit sample; 65535 channels of them still add up within 32 bits.
fn mean(sum: i32, channels: i32) -> i16 {
    (sum / channels) as i16
}

#[cfg(test)]
mod tests {
    use fault::{Blame, Fault as _};

    use super::*;

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn waveform(channels: u16, samples_per_pixel: u32, samples: &[i16]) -> Waveform {
        let mut builder = WaveformBuilder::new(8000, channels, 8000 / samples_per_pixel).unwrap();
        builder.push(&bytes(samples));
        builder.finish()
    }

    fn pairs(waveform: &Waveform) -> Vec<(i16, i16)> {
        waveform.peaks.iter().map(|peak| (peak.min, peak.max)).collect()
    }

    #[test]
    fn samples_may_arrive_in_pieces_of_any_size() {
        let sound = bytes(&(0..997).map(|n: i32| (n * 7919 % 65536 - 32768) as i16).collect::<Vec<_>>());
        for channels in [1, 2, 3, 6] {
            let mut whole = WaveformBuilder::new(8000, channels, 800).unwrap();
            whole.push(&sound);
            let whole = whole.finish();
            for step in [1, 2, 3, 5, 7, 64, 129] {
                let mut cut = WaveformBuilder::new(8000, channels, 800).unwrap();
                sound.chunks(step).for_each(|chunk| cut.push(chunk));
                cut.push(&[]);
                assert_eq!(cut.finish(), whole, "{channels} channels in steps of {step} bytes");
            }
        }
    }

    #[test]
    fn a_short_last_point_is_kept() {
        assert_eq!(pairs(&waveform(1, 2, &[1, 5, -3])), [(1, 5), (-3, -3)]);
    }

    #[test]
    fn half_a_frame_at_the_end_is_dropped() {
        assert_eq!(pairs(&waveform(2, 2, &[10, 20, 99])), [(15, 15)]);
    }

    #[test]
    fn the_mean_of_channels_is_truncated_toward_zero() {
        assert_eq!(pairs(&waveform(2, 1, &[-1, 0, -2, -1, 1, 0, 2, 1])), [(0, 0), (-1, -1), (0, 0), (1, 1)]);
        assert_eq!(pairs(&waveform(3, 1, &[-1, -2, -2, i16::MIN, i16::MIN, i16::MIN])), [(-1, -1), (-32768, -32768)]);
    }

    #[test]
    fn loud_opposite_channels_cancel_out_without_overflow() {
        assert_eq!(pairs(&waveform(2, 4, &[32767, -32767, 32767, 32767, -32768, -32768])), [(-32768, 32767)]);
    }

    #[test]
    fn points_per_second_become_whole_samples_per_point() {
        let spp = |rate, pps| WaveformBuilder::new(rate, 1, pps).unwrap().finish().samples_per_pixel;
        assert_eq!((spp(44100, 10), spp(48000, 10), spp(44100, 1000)), (4410, 4800, 44));
    }

    #[test]
    fn impossible_requests_are_refused_with_their_code() {
        let refused = |rate, channels, pps| {
            let error = WaveformBuilder::new(rate, channels, pps).unwrap_err();
            (error.code().name, error.code().blame)
        };
        assert_eq!(refused(8000, 1, 0), ("waveform.bad-resolution", Blame::Policy));
        assert_eq!(refused(8000, 1, 8001), ("waveform.bad-resolution", Blame::Policy));
        assert_eq!(refused(0, 1, 10), ("waveform.bad-format", Blame::Upload));
        assert_eq!(refused(8000, 0, 10), ("waveform.bad-format", Blame::Upload));
    }
}
