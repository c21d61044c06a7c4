//! The master playlist: which renditions there are, and what each asks of a viewer.

use std::fmt::Write as _;

use super::attributes;
use super::parse::{MAX_BYTES, number};

/// Most renditions that a master playlist is read with. A ladder has at most twelve; ten times that.
const MAX_VARIANTS: usize = 120;

/// One rendition as the master playlist lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its media playlist, relative to the master playlist, as a path: escaping is done when it is written.
    pub uri: String,
    /// The measured peak in bits per second, sound included.
    pub bandwidth: u64,
    /// The measured average in bits per second, sound included.
    pub average_bandwidth: u64,
    /// The real ones, as in `avc1.640028,mp4a.40.2`.
    pub codecs: String,
    /// The real width and height; absent for sound alone.
    pub resolution: Option<(u32, u32)>,
    /// Frames per second as numerator and denominator; absent for sound alone.
    pub frame_rate: Option<(u32, u32)>,
}

/// Why a text is no master playlist of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterError {
    /// Something else, cut off, or without bounds.
    #[error("not a master playlist of a usable size")]
    NotAMaster,
    /// A line that is wrong, or that we never write.
    #[error("line {line}: {problem}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is the matter with it.
        problem: &'static str,
    },
}

/// The text that is published. The order is the caller's: players start with the first variant.
pub fn render_master(variants: &[Variant]) -> String {
    // Nothing in a master playlist of ours needs more than version 1. 3 is what players without any support for
    // fractional seconds, which the media playlists use, are to stay away from.
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

/// Reads a master playlist as [`render_master`] writes it: anything else in it is an error.
pub fn parse_master(text: &str) -> Result<Vec<Variant>, MasterError> {
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    if text.len() > MAX_BYTES || lines.next().is_none_or(|(_, first)| first != "#EXTM3U") {
        return Err(MasterError::NotAMaster);
    }
    let mut variants = Vec::new();
    while let Some((line, content)) = lines.next() {
        let wrong = |problem| MasterError::Line { line, problem };
        if content.starts_with("#EXT-X-VERSION:") || content == "#EXT-X-INDEPENDENT-SEGMENTS" || content.is_empty() {
            continue;
        }
        let list = content.strip_prefix("#EXT-X-STREAM-INF:").ok_or(wrong("a line that is not expected here"))?;
        let uri = lines.next().and_then(|(_, uri)| unescaped(uri)).ok_or(wrong("no playlist follows"))?;
        if variants.len() >= MAX_VARIANTS {
            return Err(MasterError::NotAMaster);
        }
        variants.push(variant(list, uri).map_err(wrong)?);
    }
    Ok(variants)
}

fn variant(list: &str, uri: String) -> Result<Variant, &'static str> {
    let (mut bandwidth, mut average, mut codecs) = (None, None, None);
    let (mut resolution, mut frame_rate) = (None, None);
    for attribute in attributes::parse(list).ok_or("the attributes are malformed")? {
        let value = attribute.value;
        match (attribute.name, attribute.quoted) {
            ("BANDWIDTH", false) => bandwidth = Some(number(value).ok_or("BANDWIDTH is no number")?),
            ("AVERAGE-BANDWIDTH", false) => average = Some(number(value).ok_or("AVERAGE-BANDWIDTH is no number")?),
            ("CODECS", true) if !value.is_empty() => codecs = Some(value.to_owned()),
            ("RESOLUTION", false) => resolution = Some(size(value).ok_or("RESOLUTION is no size")?),
            ("FRAME-RATE", false) => frame_rate = Some(decimal_rate(value).ok_or("FRAME-RATE has not three decimals")?),
            _ => return Err("an attribute that is not expected"),
        }
    }
    Ok(Variant {
        uri,
        bandwidth: bandwidth.ok_or("BANDWIDTH is missing")?,
        average_bandwidth: average.ok_or("AVERAGE-BANDWIDTH is missing")?,
        codecs: codecs.ok_or("CODECS is missing")?,
        resolution,
        frame_rate,
    })
}

/// Rounded to the nearest; none without a denominator.
fn thousandths((numerator, denominator): (u32, u32)) -> Option<u64> {
    let denominator = u64::from(denominator);
    (u64::from(numerator) * 1000 + denominator / 2).checked_div(denominator)
}

fn size(value: &str) -> Option<(u32, u32)> {
    let (width, height) = value.split_once('x')?;
    Some((number(width)?, number(height)?))
}

fn decimal_rate(value: &str) -> Option<(u32, u32)> {
    let (whole, decimals) = value.split_once('.')?;
    let thousandths = number::<u32>(whole)?.checked_mul(1000)?.checked_add(number(decimals)?)?;
    (decimals.len() == 3).then_some((thousandths, 1000))
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

/// The path again; none for what [`escaped`] does not write, such as an absolute URI.
fn unescaped(uri: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            byte => byte,
        });
    }
    let path = String::from_utf8(bytes).ok()?;
    (escaped(&path) == uri && !path.is_empty() && !path.starts_with('/')).then_some(path)
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
    fn what_is_written_reads_back_the_same() {
        let exact = Variant { frame_rate: Some((25_000, 1000)), ..full_hd() };
        let up = Variant { uri: "../a#b?c:d%.m3u8".into(), ..exact.clone() };
        let variants = [exact, up, sound()];
        assert_eq!(parse_master(&render_master(&variants)).unwrap(), variants);
        let text = render_master(&[full_hd(), sound()]);
        assert_eq!(render_master(&parse_master(&text).unwrap()), text);
    }

    #[test]
    fn a_key_cannot_become_a_line_of_its_own() {
        let text = render_master(&[Variant { uri: "#EXT-X\n#EXT-X-ENDLIST".into(), ..sound() }]);
        assert!(text.ends_with("\n%23EXT-X%0A%23EXT-X-ENDLIST\n"), "{text}");
    }

    #[test]
    fn what_we_never_write_is_refused() {
        let good = render_master(&[full_hd()]);
        for (from, to) in [
            ("BANDWIDTH=5600001,", ""),
            ("CODECS=\"avc1.640028,mp4a.40.2\"", "CODECS=\"\""),
            ("29.970", "29.97"),
            ("1920x1080", "1920"),
            ("1080p/video.m3u8", "https://elsewhere/video.m3u8"),
            ("1080p/video.m3u8", "/video.m3u8"),
            ("1080p/video.m3u8", ""),
            ("#EXT-X-INDEPENDENT-SEGMENTS", "#EXTINF:6,"),
            ("#EXTM3U\n", ""),
        ] {
            assert!(parse_master(&good.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
    }
}
