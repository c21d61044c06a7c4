//! Media playlists.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::cbcs::Scheme;
use crate::moment::millis;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    pub length: u64,
    pub offset: u64,
}

impl ByteRange {
    /// `None` if its end can't be counted.
    pub fn new(length: u64, offset: u64) -> Option<Self> {
        offset.checked_add(length).map(|_| Self { length, offset })
    }

    /// The offset behind the last byte.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

/// One segment of a rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The file, beside the playlist.
    pub uri: String,
    /// Exact to the microsecond.
    pub duration: Duration,
    /// `None` for the whole file.
    pub byte_range: Option<ByteRange>,
}

/// The initialisation map, which players of fragmented MP4 read before any segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The file, beside the playlist.
    pub uri: String,
    /// `None` for the whole file.
    pub byte_range: Option<ByteRange>,
}

/// From which segment on a key is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The number of the segment.
    pub first: usize,
    /// Where players get the key.
    pub uri: String,
    /// Of samples that are encrypted; `None` for whole segments.
    pub scheme: Option<Scheme>,
}

impl KeyChange {
    /// The tags that tell it.
    fn render(&self, text: &mut String) {
        let Self { uri, scheme, .. } = self;
        // Writing to a String can't fail, so the results are dropped.
        let Some(Scheme { key_id, constant_iv }) = scheme else {
            let _ = writeln!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\"");
            return;
        };
        let (key_id, vector) = (hex::encode(key_id), hex::encode(constant_iv));
        let both = format!("KEYFORMATVERSIONS=\"1\",IV=0x{vector}");
        let _ = writeln!(text, "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{uri}\",KEYFORMAT=\"identity\",{both}");
        // The same for players that decrypt in the browser's own module. Others leave out what they don't know.
        let clear_key = format!("KEYFORMAT=\"org.w3.clearkey\",KEYID=0x{key_id},{both}");
        let _ = writeln!(text, "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{uri}\",{clear_key}");
    }
}

/// One rendition: its segments in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// Seconds. RFC 8216 wants one value for all renditions of a ladder, so it may be set higher than this playlist
    /// needs; it is never written lower.
    pub target_duration: u32,
    /// In playing order.
    pub segments: Vec<Segment>,
    /// Fragmented MP4 has one. Transport streams have none, but their I-frame playlists have one for the tables.
    pub map: Option<Map>,
    /// Whether every segment can be decoded without the others.
    pub independent_segments: bool,
    /// Whether it has an end tag.
    pub ended: bool,
    /// Whether each segment is a single keyframe.
    pub iframes_only: bool,
    /// In their order; none if the segments are not encrypted.
    pub keys: Vec<KeyChange>,
}

impl MediaPlaylist {
    /// Reads what ffmpeg's HLS muxer wrote, finished or still growing.
    ///
    /// A tag that this type can't hold is refused, because it would be lost when the playlist is written anew. The error
    /// says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        super::parse::parse(text)
    }

    /// The sum of its segments' durations.
    pub fn duration(&self) -> Duration {
        self.segments.iter().fold(Duration::ZERO, |sum, segment| sum.saturating_add(segment.duration))
    }

    /// The same of durations in whole milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.segments.iter().map(|segment| millis(segment.duration)).sum()
    }

    /// The lowest target duration that RFC 8216 allows: no segment, rounded to whole seconds, may be longer.
    pub fn least_target_duration(&self) -> u32 {
        self.segments.iter().map(|segment| rounded_seconds(segment.duration)).max().unwrap_or(0).max(1)
    }

    /// Every file that it names, once, in order. The map's is first.
    pub fn files(&self) -> Vec<&str> {
        let map = self.map.iter().map(|map| map.uri.as_str());
        let mut seen = HashSet::new();
        map.chain(self.segments.iter().map(|segment| segment.uri.as_str())).filter(|uri| seen.insert(*uri)).collect()
    }

    /// The playlist with other file names. The same old name always gets the same new one, so that ranges of one file stay
    /// ranges of one file.
    pub fn renamed(&self, name: impl Fn(&str) -> String) -> Self {
        let mut renamed = self.clone();
        let uris = renamed.map.iter_mut().map(|map| &mut map.uri);
        for uri in uris.chain(renamed.segments.iter_mut().map(|segment| &mut segment.uri)) {
            *uri = name(uri);
        }
        renamed
    }

    /// The text that is published.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(256 + self.segments.len() * 64);
        text.push_str("#EXTM3U\n");
        // Writing to a String can't fail, so the results below are dropped.
        let _ = writeln!(text, "#EXT-X-VERSION:{}", self.needed_version());
        let _ = writeln!(text, "#EXT-X-TARGETDURATION:{}", self.target_duration.max(self.least_target_duration()));
        text.push_str("#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n");
        if self.independent_segments {
            text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        if self.iframes_only {
            text.push_str("#EXT-X-I-FRAMES-ONLY\n");
        }
        let mut keys = self.keys.iter().peekable();
        // An init segment tells how samples are encrypted.
        while let Some(key) = keys.next_if(|key| key.scheme.is_some()) {
            key.render(&mut text);
        }
        if let Some(map) = &self.map {
            let _ = write!(text, "#EXT-X-MAP:URI=\"{}\"", map.uri);
            if let Some(range) = map.byte_range {
                let _ = write!(text, ",BYTERANGE=\"{}@{}\"", range.length, range.offset);
            }
            text.push('\n');
        }
        for (number, Segment { uri, duration, byte_range }) in self.segments.iter().enumerate() {
            // Behind the map, which is not encrypted.
            if let Some(key) = keys.next_if(|key| key.first <= number) {
                key.render(&mut text);
            }
            let _ = writeln!(text, "#EXTINF:{}.{:06},", duration.as_secs(), duration.subsec_micros());
            if let Some(range) = byte_range {
                let _ = writeln!(text, "#EXT-X-BYTERANGE:{}@{}", range.length, range.offset);
            }
            let _ = writeln!(text, "{uri}");
        }
        if self.ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }

    /// A client must not play a version that it does not know, so the lowest one that covers what is used: a map is 6,
    /// or 5 in an I-frame playlist; byte ranges and I-frames are 4, fractions of seconds are 3. Nothing of 7 is used.
    fn needed_version(&self) -> u32 {
        if self.map.is_some() {
            if self.iframes_only { 5 } else { 6 }
        } else if self.segments.iter().any(|segment| segment.byte_range.is_some()) {
            4
        } else {
            3
        }
    }
}

/// To the nearest second, halves upwards.
pub(super) fn rounded_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_millis().saturating_add(500) / 1000;
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// Whether a name can only be a file beside the playlist: no folder, no scheme, nothing that needs escaping.
pub fn is_plain_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playlist(durations_ms: &[u64]) -> MediaPlaylist {
        let segment = |(index, ms): (usize, &u64)| Segment {
            uri: format!("s{index}.ts"),
            duration: Duration::from_millis(*ms),
            byte_range: None,
        };
        MediaPlaylist {
            target_duration: 0,
            segments: durations_ms.iter().enumerate().map(segment).collect(),
            map: None,
            independent_segments: true,
            ended: true,
            iframes_only: false,
            keys: Vec::new(),
        }
    }

    #[test]
    fn a_playlist_is_written_as_players_expect_it() {
        let expected = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXTINF:6.006000,\ns0.ts\n#EXTINF:2.040000,\ns1.ts\n\
            #EXT-X-ENDLIST\n";
        assert_eq!(playlist(&[6006, 2040]).render(), expected);
    }

    #[test]
    fn the_target_duration_is_never_below_a_rounded_segment() {
        for (ms, target) in [(6499, "6"), (6500, "7"), (6501, "7"), (200, "1")] {
            let text = playlist(&[ms, 100]).render();
            assert!(text.contains(&format!("#EXT-X-TARGETDURATION:{target}\n")), "{ms}: {text}");
        }
        let raised = MediaPlaylist { target_duration: 9, ..playlist(&[6000]) };
        assert!(raised.render().contains("#EXT-X-TARGETDURATION:9\n"));
    }

    #[test]
    fn the_version_is_the_lowest_that_covers_what_is_used() {
        let range = Some(ByteRange { length: 5, offset: 0 });
        let mut playlist = playlist(&[6000]);
        assert!(playlist.render().contains("#EXT-X-VERSION:3\n"));
        playlist.segments[0].byte_range = range;
        assert!(playlist.render().contains("#EXT-X-VERSION:4\n"));
        playlist.map = Some(Map { uri: "init.mp4".into(), byte_range: range });
        let text = playlist.render();
        assert!(text.contains("#EXT-X-VERSION:6\n") && text.contains("URI=\"init.mp4\",BYTERANGE=\"5@0\"\n"), "{text}");
    }

    #[test]
    fn the_ranges_of_one_file_are_renamed_together() {
        let mut playlist = playlist(&[6000, 6000]);
        playlist.map = Some(Map { uri: "all.mp4".into(), byte_range: None });
        for segment in &mut playlist.segments {
            segment.uri = "all.mp4".into();
        }
        let renamed = playlist.renamed(|old| format!("r-{old}"));
        assert_eq!(renamed.files(), ["r-all.mp4"]);
        assert_eq!(renamed.segments[1].uri, "r-all.mp4");
    }

    #[test]
    fn a_key_is_named_in_front_of_its_first_segment() {
        let mut playlist = playlist(&[6000, 6000, 6000]);
        let key = |first, uri: &str| KeyChange { first, uri: uri.into(), scheme: None };
        playlist.keys = vec![key(0, "https://k/a-0"), key(2, "https://k/a-1")];
        let text = playlist.render();
        let tags: Vec<&str> =
            text.lines().filter(|line| line.starts_with("#EXT-X-KEY") || !line.starts_with('#')).collect();
        let of = |uri: &str| format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\"");
        assert_eq!(tags, [&*of("https://k/a-0"), "s0.ts", "s1.ts", &*of("https://k/a-1"), "s2.ts"]);
    }

    #[test]
    fn the_key_of_samples_is_named_in_front_of_the_map() {
        let scheme = Some(Scheme { key_id: [0x11; 16], constant_iv: [0x22; 16] });
        let keys = vec![KeyChange { first: 0, uri: "https://k/a".into(), scheme }];
        let map = Some(Map { uri: "init.mp4".into(), byte_range: None });
        let text = MediaPlaylist { keys, map, ..playlist(&[6000]) }.render();
        let tags: Vec<&str> = text.lines().filter(|line| line.contains("-KEY:") || line.contains("-MAP:")).collect();
        let (key_id, vector) = ("11".repeat(16), "22".repeat(16));
        let start = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"https://k/a\",KEYFORMAT=";
        let end = format!("KEYFORMATVERSIONS=\"1\",IV=0x{vector}");
        let expected = [
            format!("{start}\"identity\",{end}"),
            format!("{start}\"org.w3.clearkey\",KEYID=0x{key_id},{end}"),
            "#EXT-X-MAP:URI=\"init.mp4\"".to_owned(),
        ];
        assert_eq!(tags, expected);
    }

    #[test]
    fn each_file_is_renamed_and_the_map_is_the_first() {
        let mut playlist = playlist(&[6000, 6000]);
        playlist.map = Some(Map { uri: "init.mp4".into(), byte_range: None });
        let renamed = playlist.renamed(|old| format!("r-{old}"));
        assert_eq!(renamed.files(), ["r-init.mp4", "r-s0.ts", "r-s1.ts"]);
        assert_eq!(renamed.map.unwrap().uri, "r-init.mp4");
    }

    #[test]
    fn only_a_file_beside_the_playlist_is_a_plain_name() {
        assert!(is_plain_name("seg-0001_a.m4s"));
        for name in ["", ".", "..", ".hidden", "a/b", "..\\b", "http:x", "a b", "a%2fb", "a\"b", "ü", &"a".repeat(256)]
        {
            assert!(!is_plain_name(name), "{name}");
        }
    }
}
