//! Encoders and their options.

use crate::command::Arguments;
use crate::encoding::{Codec, Effort, Encoding};
use crate::info::{DynamicRange, Light};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Processor {
    /// NVENC.
    Gpu,
    /// libx264, libx265, SVT-AV1.
    Cpu,
}

impl Processor {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        }
    }
}

/// An encoder of ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoder {
    pub codec: Codec,
    pub processor: Processor,
}

impl Encoder {
    /// Its name in ffmpeg.
    pub fn name(self) -> &'static str {
        match (self.codec, self.processor) {
            (Codec::H264, Processor::Gpu) => "h264_nvenc",
            (Codec::H264, Processor::Cpu) => "libx264",
            (Codec::Hevc, Processor::Gpu) => "hevc_nvenc",
            (Codec::Hevc, Processor::Cpu) => "libx265",
            (Codec::Av1, Processor::Gpu) => "av1_nvenc",
            (Codec::Av1, Processor::Cpu) => "libsvtav1",
        }
    }

    /// All of a processor.
    pub fn all_on(processor: Processor) -> [Self; 3] {
        Codec::ALL.map(|codec| Self { codec, processor })
    }

    fn preset(self, effort: Effort) -> &'static str {
        let (x26x, svt, nvenc) = match effort {
            Effort::Fastest => ("ultrafast", "12", "p1"),
            Effort::Fast => ("fast", "8", "p4"),
            Effort::Medium => ("medium", "6", "p5"),
            Effort::Slow => ("slow", "4", "p6"),
        };
        match (self.processor, self.codec) {
            (Processor::Gpu, _) => nvenc,
            (Processor::Cpu, Codec::H264 | Codec::Hevc) => x26x,
            (Processor::Cpu, Codec::Av1) => svt,
        }
    }
}

/// Keyframes at these instants and nowhere else, so that every rung of a ladder has the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keyframes {
    pub seconds: f64,
    /// Frames per second.
    pub frame_rate: f64,
    /// Whether they are a whole number of frames apart, as SVT-AV1 makes them, which can't be told single ones in every
    /// version. Otherwise each is at the first frame behind its instant, which never drifts away from the clock.
    pub are_counted: bool,
}

impl Keyframes {
    /// Frames from one to the next, rounded up: segments that are measured in seconds must not end before their keyframe.
    fn frames(self) -> f64 {
        (self.frame_rate * self.seconds - 0.001).ceil().max(1.0)
    }

    fn options(self, encoder: Encoder) -> Arguments {
        let arguments = match (encoder.processor, encoder.codec) {
            (Processor::Cpu, Codec::H264) => Arguments::new().pair("-sc_threshold", 0),
            (Processor::Cpu, Codec::Hevc) => Arguments::new().pair("-forced-idr", 1),
            (Processor::Cpu, Codec::Av1) => return Arguments::new().pair("-g", self.frames()),
            (Processor::Gpu, _) => Arguments::new().pair("-no-scenecut", 1).pair("-forced-idr", 1),
        };
        let (seconds, frames) = (self.seconds, self.frames());
        let condition =
            if self.are_counted { format!("not(mod(n,{frames}))") } else { format!("gte(t,n_forced*{seconds})") };
        arguments
            // The encoder's own longest distance must never come before a forced keyframe.
            .pair("-g", (self.frame_rate * seconds * 2.0).ceil())
            .pair("-force_key_frames", format_args!("expr:{condition}"))
    }
}

/// One encode of a picture.
#[derive(Clone, Copy, Debug)]
pub struct VideoEncode<'a> {
    pub processor: Processor,
    pub encoding: &'a Encoding,
    /// Of the source.
    pub range: DynamicRange,
    /// Of the source.
    pub light: Option<Light>,
    pub threads: usize,
    /// Where keyframes have to be; `None` where the encoder puts them.
    pub keyframes: Option<Keyframes>,
    /// Whether it gets pictures that are on the card, in the right form.
    pub is_on_card: bool,
}

impl<'a> VideoEncode<'a> {
    /// Of pictures that show nothing.
    pub(crate) fn test(processor: Processor, encoding: &'a Encoding) -> Self {
        let (range, light, keyframes) = (DynamicRange::Sdr, None, None);
        Self { processor, encoding, range, light, threads: 1, keyframes, is_on_card: false }
    }

    /// Its options.
    ///
    /// Rates are capped quality: the cap holds over a buffer of two seconds, and no average is aimed at. Colour is always
    /// what standard players assume, or high dynamic range as HDR10 and HLG define it, and always signalled.
    pub fn options(self) -> Arguments {
        let Self { processor, encoding, threads, .. } = self;
        let encoder = Encoder { codec: encoding.codec, processor };
        let arguments = Arguments::new().pair("-c:v", encoder.name()).pair("-preset", encoder.preset(encoding.effort));
        let arguments = match processor {
            Processor::Cpu => arguments.pair("-crf", encoding.quality).pair("-threads", threads),
            Processor::Gpu => arguments.pair("-rc", "vbr").pair("-cq", encoding.quality).pair("-b:v", 0),
        };
        let (is_deep, on_gpu) = (encoding.samples.bits() == 10, processor == Processor::Gpu);
        let profile = match encoding.codec {
            Codec::H264 => Some("high"),
            Codec::Hevc if is_deep => Some("main10"),
            Codec::Hevc => Some("main"),
            Codec::Av1 => None,
        };
        let pixels = match (is_deep, on_gpu) {
            _ if self.is_on_card => None,
            (false, _) => Some("yuv420p"),
            (true, false) => Some("yuv420p10le"),
            (true, true) => Some("p010le"),
        };
        let arguments = arguments
            .pair_opt("-profile:v", profile)
            .pair_opt("-pix_fmt", pixels)
            .pair_opt("-maxrate", encoding.max_kbps.map(|kbps| format!("{kbps}k")))
            .pair_opt("-bufsize", encoding.max_kbps.map(|kbps| format!("{}k", kbps * 2)))
            .all(signalled_colour(encoding.samples.range(self.range)))
            .all(self.own_options(encoder));
        match self.keyframes {
            Some(keyframes) => arguments.all(keyframes.options(encoder)),
            None => arguments,
        }
    }

    /// What ffmpeg has no options for.
    fn own_options(self, encoder: Encoder) -> Arguments {
        let threads = self.threads;
        let light = self.light.filter(|_| self.encoding.samples.range(self.range) == DynamicRange::Pq);
        match (encoder.codec, encoder.processor) {
            (Codec::H264, _) | (Codec::Av1, Processor::Gpu) => Arguments::new(),
            // Apple's players want parameter sets in the header only, which this tag promises.
            (Codec::Hevc, Processor::Gpu) => Arguments::new().pair("-tag:v", "hvc1"),
            (Codec::Hevc, Processor::Cpu) => {
                let only_forced = if self.keyframes.is_some() { ":scenecut=0" } else { "" };
                let light = light.map_or(String::new(), |light| format!(":{}", light.for_x265()));
                let parameters = format!("log-level=error:pools={threads}:open-gop=0{only_forced}{light}");
                Arguments::new().pair("-tag:v", "hvc1").pair("-x265-params", parameters)
            }
            // Type 2 begins each group with a picture that nothing later refers behind.
            (Codec::Av1, Processor::Cpu) => {
                let light = light.map_or(String::new(), |light| format!(":{}", light.for_svt()));
                Arguments::new().pair("-svtav1-params", format_args!("lp={threads}:irefresh-type=2:scd=0{light}"))
            }
        }
    }
}

/// What players are told of the colours: BT.709, or BT.2020 for high dynamic range.
pub fn signalled_colour(range: DynamicRange) -> Arguments {
    let (primaries, transfer, matrix) = colours(range);
    Arguments::new()
        .pair("-color_primaries", primaries)
        .pair("-color_trc", transfer)
        .pair("-colorspace", matrix)
        .pair("-color_range", "tv")
}

/// The filter that says so of frames. From version 7 on, ffmpeg converts colours where it takes those of a frame for others
/// than those of the encoder, and it takes frames that say nothing for BT.601.
pub(crate) fn with_colour(range: DynamicRange) -> String {
    let (primaries, transfer, matrix) = colours(range);
    format!("setparams=range=tv:color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}")
}

/// ffmpeg's names of primaries, transfer and matrix.
fn colours(range: DynamicRange) -> (&'static str, &'static str, &'static str) {
    match range {
        DynamicRange::Sdr => ("bt709", "bt709", "bt709"),
        DynamicRange::Pq => ("bt2020", "smpte2084", "bt2020nc"),
        DynamicRange::Hlg => ("bt2020", "arib-std-b67", "bt2020nc"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Samples;

    #[test]
    fn each_encoder_gets_the_options_of_the_ladder() {
        let options = |processor, encoding: Encoding| VideoEncode::test(processor, &encoding).options().to_string();
        let h264 = Encoding::h264(23, Some(5000), Effort::Fast);
        let cpu = options(Processor::Cpu, h264);
        assert!(cpu.starts_with("-c:v libx264 -preset fast -crf 23 "), "{cpu}");
        assert!(cpu.contains("-maxrate 5000k -bufsize 10000k"), "{cpu}");
        let gpu = options(Processor::Gpu, h264);
        assert!(gpu.starts_with("-c:v h264_nvenc -preset p4 -rc vbr -cq 23 -b:v 0 "), "{gpu}");
        assert!(!cpu.contains("-b:v"), "an average beside a CRF is ignored by libx264: {cpu}");
        let deep = options(Processor::Cpu, Encoding { codec: Codec::Hevc, samples: Samples::Sdr10, ..h264 });
        assert!(deep.contains("-profile:v main10 -pix_fmt yuv420p10le") && deep.contains("-tag:v hvc1"), "{deep}");
        let deep = options(Processor::Gpu, Encoding { codec: Codec::Av1, samples: Samples::Sdr10, ..h264 });
        assert!(deep.starts_with("-c:v av1_nvenc ") && deep.contains("-pix_fmt p010le"), "{deep}");
    }

    #[test]
    fn high_dynamic_range_is_signalled_only_where_it_is_kept() {
        let transfer = |samples: Samples| {
            let encoding = Encoding { codec: Codec::Hevc, samples, ..Encoding::h264(23, None, Effort::Fast) };
            let encode = VideoEncode { range: DynamicRange::Pq, ..VideoEncode::test(Processor::Cpu, &encoding) };
            let options = encode.options().to_string();
            options.split("-color_trc ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned()
        };
        assert_eq!(transfer(Samples::Source10), "smpte2084");
        assert_eq!(transfer(Samples::Sdr10), "bt709");
    }

    #[test]
    fn counted_keyframes_are_a_whole_number_of_frames_apart() {
        let frames = |frame_rate| Keyframes { seconds: 2.0, frame_rate, are_counted: true }.frames();
        assert_eq!([25.0, 30_000.0 / 1001.0, 24.2, 0.4].map(frames), [50.0, 60.0, 49.0, 1.0]);
    }
}
