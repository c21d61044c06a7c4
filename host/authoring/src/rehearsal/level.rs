//! Computes codec names from frame size and rate, as they are likely to be.

use media::encoding::{Codec, Encoding};

/// Level, most macroblocks per second, most macroblocks per frame: ITU-T H.264, table A-1.
const LEVELS: [(u8, u64, u64); 14] = [
    (10, 1_485, 99),
    (11, 3_000, 396),
    (12, 6_000, 396),
    (13, 11_880, 396),
    (21, 19_800, 792),
    (22, 20_250, 1_620),
    (30, 40_500, 1_620),
    (31, 108_000, 3_600),
    (32, 216_000, 5_120),
    (40, 245_760, 8_192),
    (42, 522_240, 8_704),
    (50, 589_824, 22_080),
    (51, 983_040, 36_864),
    (52, 2_073_600, 36_864),
];

/// Level (30 times its number), most luma samples per picture, and per second: ITU-T H.265, tables A.8 and A.9.
const HEVC_LEVELS: [(u8, u64, u64); 10] = [
    (30, 36_864, 552_960),
    (60, 122_880, 3_686_400),
    (63, 245_760, 7_372_800),
    (90, 552_960, 16_588_800),
    (93, 983_040, 33_177_600),
    (120, 2_228_224, 66_846_720),
    (123, 2_228_224, 133_693_440),
    (150, 8_912_896, 267_386_880),
    (153, 8_912_896, 534_773_760),
    (156, 8_912_896, 1_069_547_520),
];

/// Level index, most samples per picture, and per second: AV1 specification, annex A.3.
const AV1_LEVELS: [(u8, u64, u64); 9] = [
    (0, 147_456, 4_423_680),
    (1, 278_784, 8_363_520),
    (4, 665_856, 19_975_680),
    (5, 1_065_024, 31_950_720),
    (8, 2_359_296, 70_778_880),
    (9, 2_359_296, 141_557_760),
    (12, 8_912_896, 267_386_880),
    (13, 8_912_896, 534_773_760),
    (14, 8_912_896, 1_069_547_520),
];

/// The name in CODECS of a picture that is encoded like this at this size and rate.
pub(super) fn codec_name(encoding: &Encoding, (width, height): (u32, u32), frames_per_second: f64) -> String {
    let samples = u64::from(width) * u64::from(height);
    let each_second = (samples as f64 * frames_per_second).ceil() as u64;
    let level = |levels: &[(u8, u64, u64)], beyond| {
        let fitting = levels.iter().find(|(_, picture, second)| samples <= *picture && each_second <= *second);
        fitting.map_or(beyond, |(level, ..)| *level)
    };
    let bits = encoding.samples.bits();
    match encoding.codec {
        Codec::H264 => avc1((width, height), frames_per_second),
        Codec::Hevc if bits == 8 => format!("hvc1.1.6.L{}.90", level(&HEVC_LEVELS, 186)),
        Codec::Hevc => format!("hvc1.2.4.L{}.90", level(&HEVC_LEVELS, 186)),
        Codec::Av1 => format!("av01.0.{:02}M.{bits:02}", level(&AV1_LEVELS, 19)),
    }
}

/// The CODECS string of High-profile video of this size and rate.
fn avc1((width, height): (u32, u32), frames_per_second: f64) -> String {
    let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
    let each_second = (blocks as f64 * frames_per_second).ceil() as u64;
    let fitting = LEVELS.iter().find(|(_, per_second, per_frame)| each_second <= *per_second && blocks <= *per_frame);
    let level = fitting.map_or(62, |(level, ..)| *level);
    format!("avc1.6400{level:02X}")
}

#[cfg(test)]
mod tests {
    use media::encoding::{Effort, Samples};

    use super::*;

    #[test]
    fn every_codec_is_named() {
        let encoding = |codec, samples| Encoding { codec, samples, ..Encoding::h264(23, None, Effort::Fast) };
        let hevc = encoding(Codec::Hevc, Samples::Source10);
        assert_eq!(codec_name(&hevc, (3840, 2160), 30.0), "hvc1.2.4.L150.90");
        assert_eq!(codec_name(&encoding(Codec::Hevc, Samples::Sdr8), (1280, 720), 30.0), "hvc1.1.6.L93.90");
        assert_eq!(codec_name(&encoding(Codec::Av1, Samples::Sdr10), (1920, 1080), 60.0), "av01.0.09M.10");
        assert_eq!(codec_name(&encoding(Codec::H264, Samples::Sdr8), (640, 360), 25.0), "avc1.64001E");
    }

    #[test]
    fn the_level_follows_from_size_and_rate() {
        assert_eq!(avc1((1920, 1080), 30.0), "avc1.640028");
        assert_eq!(avc1((1920, 1080), 60.0), "avc1.64002A");
        assert_eq!(avc1((1280, 720), 30.0), "avc1.64001F");
        assert_eq!(avc1((640, 360), 25.0), "avc1.64001E");
        assert_eq!(avc1((8192, 4320), 60.0), "avc1.64003E");
    }
}
