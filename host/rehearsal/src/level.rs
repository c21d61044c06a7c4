//! Computes codec names from frame size and rate, as they are likely to be.

use media::encoding::{Codec, Encoding};

/// A level's number, and its most units per second and per picture.
type Level = (u8, u64, u64);

/// Level, most macroblocks per second, most macroblocks per frame: ITU-T H.264, table A-1.
const LEVELS: [Level; 14] = [
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

/// Level (30 times its number), most luma samples per second, and per picture: ITU-T H.265, tables A.8 and A.9.
const HEVC_LEVELS: [Level; 10] = [
    (30, 552_960, 36_864),
    (60, 3_686_400, 122_880),
    (63, 7_372_800, 245_760),
    (90, 16_588_800, 552_960),
    (93, 33_177_600, 983_040),
    (120, 66_846_720, 2_228_224),
    (123, 133_693_440, 2_228_224),
    (150, 267_386_880, 8_912_896),
    (153, 534_773_760, 8_912_896),
    (156, 1_069_547_520, 8_912_896),
];

/// Level index, most samples per second, and per picture: AV1 specification, annex A.3.
const AV1_LEVELS: [Level; 9] = [
    (0, 4_423_680, 147_456),
    (1, 8_363_520, 278_784),
    (4, 19_975_680, 665_856),
    (5, 31_950_720, 1_065_024),
    (8, 70_778_880, 2_359_296),
    (9, 141_557_760, 2_359_296),
    (12, 267_386_880, 8_912_896),
    (13, 534_773_760, 8_912_896),
    (14, 1_069_547_520, 8_912_896),
];

/// The name in CODECS of a picture that is encoded like this at this size and rate.
pub(crate) fn codec_name(encoding: &Encoding, (width, height): (u32, u32), frames_per_second: f64) -> String {
    let samples = u64::from(width) * u64::from(height);
    let level = |levels: &[Level], beyond| lowest(levels, samples, frames_per_second).unwrap_or(beyond);
    let bits = encoding.samples.bits();
    match encoding.codec {
        Codec::H264 => avc1((width, height), frames_per_second),
        Codec::Hevc if bits == 8 => format!("hvc1.1.6.L{}.90", level(&HEVC_LEVELS, 186)),
        Codec::Hevc => format!("hvc1.2.4.L{}.90", level(&HEVC_LEVELS, 186)),
        Codec::Av1 => format!("av01.0.{:02}M.{bits:02}", level(&AV1_LEVELS, 19)),
    }
}

/// The lowest level that has room for pictures of this size at this rate.
fn lowest(levels: &[Level], picture: u64, frames_per_second: f64) -> Option<u8> {
    let each_second = (picture as f64 * frames_per_second).ceil() as u64;
    let fits = |(_, most_in_second, most): &&Level| each_second <= *most_in_second && picture <= *most;
    levels.iter().find(fits).map(|(level, ..)| *level)
}

/// The CODECS string of High-profile video of this size and rate.
fn avc1((width, height): (u32, u32), frames_per_second: f64) -> String {
    let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
    let level = lowest(&LEVELS, blocks, frames_per_second).unwrap_or(62);
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
