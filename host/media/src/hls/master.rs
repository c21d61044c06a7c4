//! Writing the master playlist.

use std::fmt::Write as _;

/// One rendition as the master playlist lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its media playlist, relative to the master playlist, as a path: escaping is done when it is written.
    pub uri: String,
    /// The measured peak in bits per second, sound included.
    pub bandwidth: u64,
    /// The measured average in bits per second, sound included.
    pub average_bandwidth: u64,
    /// As in `avc1.640028,mp4a.40.2`.
    pub codecs: String,
    /// Width and height; absent for sound alone.
    pub resolution: Option<(u32, u32)>,
    /// Frames per second as numerator and denominator; absent for sound alone.
    pub frame_rate: Option<(u32, u32)>,
}

/// The text of a master playlist. Players start with the first variant.
pub fn render_master(variants: &[Variant]) -> String {
    // Nothing here needs more than version 1. Version 3 keeps away players that don't support fractional seconds, which
    // the media playlists have.
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for variant in variants {
        // Writing to a String can't fail, so the results below are dropped.
        let _ = write!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={}",
            variant.bandwidth, variant.average_bandwidth
        );
        if let Some((width, height)) = variant.resolution {
            let _ = write!(text, ",RESOLUTION={width}x{height}");
        }
        if let Some(thousandths) = variant.frame_rate.and_then(thousandths) {
            let _ = write!(text, ",FRAME-RATE={}.{:03}", thousandths / 1000, thousandths % 1000);
        }
        let _ = writeln!(text, ",CODECS=\"{}\"\n{}", variant.codecs, escaped(&variant.uri));
    }
    text
}

/// Rounded to the nearest; none without a denominator.
fn thousandths((numerator, denominator): (u32, u32)) -> Option<u64> {
    let denominator = u64::from(denominator);
    (u64::from(numerator) * 1000 + denominator / 2).checked_div(denominator)
}

/// Keys may hold what a URI may not, such as spaces, and a `#` or `:` would change what the line means.
fn escaped(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'~') {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full_hd() -> Variant {
        Variant {
            uri: "1080p/video.m3u8".into(),
            bandwidth: 5_600_001,
            average_bandwidth: 4_100_000,
            codecs: "avc1.640028,mp4a.40.2".into(),
            resolution: Some((1920, 1080)),
            frame_rate: Some((30000, 1001)),
        }
    }

    fn sound() -> Variant {
        Variant {
            uri: "audio/a ü.m3u8".into(),
            codecs: "mp4a.40.2".into(),
            resolution: None,
            frame_rate: None,
            ..full_hd()
        }
    }

    #[test]
    fn a_master_is_written_as_players_expect_it() {
        let expected = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-STREAM-INF:BANDWIDTH=5600001,AVERAGE-BANDWIDTH=4100000,RESOLUTION=1920x1080,FRAME-RATE=29.970,\
            CODECS=\"avc1.640028,mp4a.40.2\"\n1080p/video.m3u8\n";
        assert_eq!(render_master(&[full_hd()]), expected);
    }

    #[test]
    fn sound_alone_has_neither_size_nor_frame_rate() {
        let text = render_master(&[sound()]);
        assert!(!text.contains("RESOLUTION") && !text.contains("FRAME-RATE"), "{text}");
    }

    #[test]
    fn frame_rates_have_three_rounded_decimals() {
        for (rate, text) in
            [((24000, 1001), "23.976"), ((60, 1), "60.000"), ((25, 2), "12.500"), ((2999, 50), "59.980")]
        {
            let master = render_master(&[Variant { frame_rate: Some(rate), ..full_hd() }]);
            assert!(master.contains(&format!("FRAME-RATE={text},")), "{master}");
        }
        assert!(!render_master(&[Variant { frame_rate: Some((1, 0)), ..full_hd() }]).contains("FRAME-RATE"));
    }

    #[test]
    fn what_a_uri_may_not_hold_is_escaped() {
        let text = render_master(&[Variant { uri: "../a#b?c:d%.m3u8".into(), ..full_hd() }, sound()]);
        assert!(text.contains("\n../a%23b%3Fc%3Ad%25.m3u8\n"), "{text}");
        assert!(text.ends_with("\naudio/a%20%C3%BC.m3u8\n"), "{text}");
    }

    #[test]
    fn a_key_cannot_become_a_line_of_its_own() {
        let text = render_master(&[Variant { uri: "#EXT-X\n#EXT-X-ENDLIST".into(), ..sound() }]);
        assert!(text.ends_with("\n%23EXT-X%0A%23EXT-X-ENDLIST\n"), "{text}");
    }
}
