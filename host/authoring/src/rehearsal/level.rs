//! Computes the H.264 level from frame size and rate.

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

/// The CODECS string of High-profile video of this size and rate.
pub(super) fn avc1((width, height): (u32, u32), frames_per_second: f64) -> String {
    let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
    let each_second = (blocks as f64 * frames_per_second).ceil() as u64;
    let fitting = LEVELS.iter().find(|(_, per_second, per_frame)| each_second <= *per_second && blocks <= *per_frame);
    let level = fitting.map_or(62, |(level, ..)| *level);
    format!("avc1.6400{level:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_follows_from_size_and_rate() {
        assert_eq!(avc1((1920, 1080), 30.0), "avc1.640028");
        assert_eq!(avc1((1920, 1080), 60.0), "avc1.64002A");
        assert_eq!(avc1((1280, 720), 30.0), "avc1.64001F");
        assert_eq!(avc1((640, 360), 25.0), "avc1.64001E");
        assert_eq!(avc1((8192, 4320), 60.0), "avc1.64003E");
    }
}
