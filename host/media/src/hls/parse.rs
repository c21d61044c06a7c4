//! Reading media playlists.

use std::collections::HashSet;
use std::time::Duration;

use super::playlist::{ByteRange, Map, MediaPlaylist, Segment, is_plain_name};

/// Largest playlist that is read. A day in one-second segments with byte ranges takes 7 MB; twice that.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// Most lines: a day in one-second segments takes 260,000.
const MAX_LINES: usize = 500_000;

#[derive(Default)]
struct Reader<'a> {
    playlist: MediaPlaylist,
    /// The tags so far that may occur only once.
    seen: HashSet<&'a str>,
    /// Of the next segment.
    duration: Option<Duration>,
    /// Of the next segment: length, and offset if given.
    range: Option<(u64, Option<u64>)>,
}

/// The error says why the text is not a usable media playlist. Lines are counted from 1.
pub(super) fn parse(text: &str) -> Result<MediaPlaylist, String> {
    let too_large = || format!("it has more than {MAX_BYTES} bytes or {MAX_LINES} lines");
    if text.len() > MAX_BYTES {
        return Err(too_large());
    }
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, first)| first != "#EXTM3U") {
        return Err("it does not begin with #EXTM3U".to_owned());
    }
    let mut reader = Reader::default();
    for (index, line) in lines {
        if index >= MAX_LINES {
            return Err(too_large());
        }
        reader.line(line).map_err(|problem| format!("line {}: {problem}", index + 1))?;
    }
    if reader.duration.is_some() || reader.range.is_some() {
        return Err("it has no file for its last segment".to_owned());
    }
    if !reader.seen.contains("-X-TARGETDURATION") {
        return Err("it has no EXT-X-TARGETDURATION".to_owned());
    }
    Ok(reader.playlist)
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) -> Result<(), &'static str> {
        if line.is_empty() || (line.starts_with('#') && !line.starts_with("#EXT")) {
            return Ok(());
        }
        if self.playlist.ended {
            return Err("there is more after EXT-X-ENDLIST");
        }
        let Some(tag) = line.strip_prefix("#EXT") else { return self.file(line) };
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        let is_new = match name {
            "INF" => self.duration.is_none(),
            "-X-BYTERANGE" => self.range.is_none(),
            _ => self.seen.insert(name),
        };
        if !is_new {
            return Err("said twice");
        }
        let is_between_segments = self.duration.is_none() && self.range.is_none();
        let playlist = &mut self.playlist;
        match name {
            "-X-VERSION" if number::<u32>(value).is_some() => {}
            "-X-VERSION" => return Err("the version is no number"),
            "-X-TARGETDURATION" => {
                playlist.target_duration = number(value).ok_or("the target duration is no number")?;
            }
            "-X-MEDIA-SEQUENCE" if value == "0" => {}
            // A playlist that starts later has lost its first segments.
            "-X-MEDIA-SEQUENCE" => return Err("the first segment is not number 0"),
            // EVENT is what ffmpeg writes while the playlist grows.
            "-X-PLAYLIST-TYPE" if matches!(value, "VOD" | "EVENT") => {}
            "-X-INDEPENDENT-SEGMENTS" => playlist.independent_segments = true,
            "-X-MAP" if playlist.segments.is_empty() && self.duration.is_none() => playlist.map = Some(map(value)?),
            "-X-MAP" => return Err("a map that is not in front of all segments"),
            "INF" => {
                let (seconds, _title) = value.split_once(',').unwrap_or((value, ""));
                self.duration = Some(exact_seconds(seconds).ok_or("the duration is no number of seconds")?);
            }
            "-X-BYTERANGE" => self.range = Some(byte_range(value).ok_or("the byte range is malformed")?),
            "-X-ENDLIST" if is_between_segments => playlist.ended = true,
            "-X-ENDLIST" => return Err("the last segment has no file"),
            _ => return Err("a tag that is not expected here"),
        }
        Ok(())
    }

    fn file(&mut self, uri: &str) -> Result<(), &'static str> {
        if !is_plain_name(uri) {
            return Err("not the name of a file beside the playlist");
        }
        let duration = self.duration.take().ok_or("a segment without EXTINF")?;
        let byte_range = self.range.take().map(|(length, offset)| {
            // Without an offset it continues the range before it, which must be one of the same file.
            let previous = self.playlist.segments.last().filter(|previous| previous.uri == uri);
            let offset = offset
                .or_else(|| previous?.byte_range.map(|range| range.end()))
                .ok_or("a byte range without offset that continues nothing")?;
            ByteRange::new(length, offset).ok_or("the byte range is too large")
        });
        let byte_range = byte_range.transpose()?;
        self.playlist.segments.push(Segment { uri: uri.to_owned(), duration, byte_range });
        Ok(())
    }
}

/// `URI="file"`, or `URI="file",BYTERANGE="length@offset"`.
fn map(value: &str) -> Result<Map, &'static str> {
    let uri = value.strip_prefix("URI=\"").and_then(|rest| rest.split_once('"'));
    let (uri, rest) = uri.ok_or("the map is malformed")?;
    if !is_plain_name(uri) {
        return Err("the map is no file beside the playlist");
    }
    if rest.is_empty() {
        return Ok(Map { uri: uri.to_owned(), byte_range: None });
    }
    let range = rest.strip_prefix(",BYTERANGE=\"").and_then(|rest| rest.strip_suffix('"'));
    let range = range.ok_or("the map has an attribute that is not expected")?;
    let (length, offset) = byte_range(range).ok_or("the map's byte range is malformed")?;
    let range = ByteRange::new(length, offset.unwrap_or(0)).ok_or("the map's byte range is too large")?;
    Ok(Map { uri: uri.to_owned(), byte_range: Some(range) })
}

/// `length` or `length@offset`.
fn byte_range(value: &str) -> Option<(u64, Option<u64>)> {
    match value.split_once('@') {
        Some((length, offset)) => Some((number(length)?, Some(number(offset)?))),
        None => Some((number(value)?, None)),
    }
}

/// Digits only: `parse` alone would also take a plus sign.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Seconds with up to six decimals, kept exact: durations are added up, and a float would drift.
fn exact_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !(1..=6).contains(&fraction.len()) {
        return None;
    }
    let micros: u64 = number(&format!("{fraction:0<6}"))?;
    Some(Duration::from_secs(u64::from(number::<u32>(whole)?)) + Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n";

    fn with(body: &str) -> Result<MediaPlaylist, String> {
        MediaPlaylist::parse(&format!("{HEAD}{body}"))
    }

    #[test]
    fn durations_are_exact() {
        let playlist = with("#EXTINF:6.005999,\na.ts\n#EXTINF:6,\nb.ts\n#EXTINF:0.1,\nc.ts\n#EXT-X-ENDLIST\n").unwrap();
        let micros: Vec<u128> = playlist.segments.iter().map(|s| s.duration.as_micros()).collect();
        assert_eq!(micros, [6_005_999, 6_000_000, 100_000]);
    }

    #[test]
    fn a_range_without_offset_continues_the_one_before_it() {
        let playlist = with("#EXTINF:6,\n#EXT-X-BYTERANGE:10@7\na.ts\n#EXTINF:6,\n#EXT-X-BYTERANGE:5\na.ts\n").unwrap();
        assert_eq!(playlist.segments[1].byte_range, Some(ByteRange { length: 5, offset: 17 }));
        assert!(with("#EXTINF:6,\n#EXT-X-BYTERANGE:5\na.ts\n").is_err());
        assert!(with("#EXTINF:6,\n#EXT-X-BYTERANGE:5@0\na.ts\n#EXTINF:6,\n#EXT-X-BYTERANGE:5\nb.ts\n").is_err());
    }

    #[test]
    fn a_playlist_that_still_grows_is_read_as_not_ended() {
        let playlist = with("#EXT-X-PLAYLIST-TYPE:EVENT\n#EXTINF:6.000000,\na.ts\n").unwrap();
        assert!(!playlist.ended);
        assert_eq!(playlist.segments.len(), 1);
    }

    #[test]
    fn unsupported_and_malformed_lines_are_refused_with_their_number() {
        for body in [
            "#EXTINF:6,\n../a.ts\n",
            "#EXTINF:6,\nhttp://a/b.ts\n",
            "#EXTINF:6,\n/etc/passwd\n",
            "a.ts\n",
            "#EXTINF:-6,\na.ts\n",
            "#EXTINF:nan,\na.ts\n",
            "#EXTINF:6.0000001,\na.ts\n",
            "#EXTINF:6,\n#EXTINF:6,\na.ts\n",
            "#EXTINF:6,\n#EXT-X-ENDLIST\n",
            "#EXT-X-DISCONTINUITY\n",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n",
            "#EXT-X-MAP:URI=\"../init.mp4\"\n",
            "#EXT-X-MAP:\n",
            "#EXT-X-MAP:URI=i.mp4\n",
            "#EXT-X-MAP:URI=\"i.mp4\n",
            "#EXT-X-MAP:URI=\"i.mp4\",\n",
            "#EXT-X-MAP:URI=\"i.mp4\",URI=\"j.mp4\"\n",
            "#EXT-X-MAP:URI=\"i.mp4\"BYTERANGE=\"1@0\"\n",
            "#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"1@0\n",
            "#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"1@0\",BYTERANGE=\"1@0\"\n",
            "#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"x@0\"\n",
            "#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"2@18446744073709551615\"\n",
            "#EXTINF:6,\na.ts\n#EXT-X-MAP:URI=\"i.mp4\"\n",
            "#EXTINF:6,\n#EXT-X-BYTERANGE:2@18446744073709551615\na.ts\n",
            "#EXT-X-VERSION:4\n",
            "#EXT-X-ENDLIST\n#EXTINF:6,\na.ts\n",
        ] {
            let problem = with(body).unwrap_err();
            let line = problem.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
            let (number, _) = line.unwrap_or_else(|| panic!("{body} {problem}"));
            assert!(number.parse::<u32>().unwrap() >= 5, "{body} {problem}");
        }
    }

    #[test]
    fn truncated_and_other_files_are_refused() {
        for text in ["", "<html>"] {
            assert_eq!(MediaPlaylist::parse(text).unwrap_err(), "it does not begin with #EXTM3U");
        }
        assert_eq!(MediaPlaylist::parse("#EXTM3U\n").unwrap_err(), "it has no EXT-X-TARGETDURATION");
        assert_eq!(with("#EXTINF:6,\n").unwrap_err(), "it has no file for its last segment");
        assert!(MediaPlaylist::parse(&HEAD.replace("SEQUENCE:0", "SEQUENCE:3")).is_err());
    }

    #[test]
    fn an_oversized_playlist_is_refused() {
        for body in ["#\n".repeat(MAX_LINES), "#".repeat(MAX_BYTES)] {
            assert_eq!(with(&body).unwrap_err(), "it has more than 16777216 bytes or 500000 lines");
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let text = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"1334@0\"\n\
            #EXTINF:6.000000,\n#EXT-X-BYTERANGE:100@1334\nall.mp4\n#EXTINF:0.040000,\n#EXT-X-BYTERANGE:7@1434\nall.mp4\n\
            #EXT-X-ENDLIST\n";
        assert_eq!(MediaPlaylist::parse(text).unwrap().render(), text);
    }
}
