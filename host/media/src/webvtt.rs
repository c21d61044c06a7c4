//! WebVTT: reads what ffmpeg made of subtitles, and writes it in segments.
//!
//! ffmpeg is the one that knows the formats; its text is not trusted all the same, because it holds what an upload said.

use std::fmt::Write as _;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::part::Part;

/// Most cues of a track. A film has two thousand, a day of live captions thirty.
const MAX_CUES: usize = 50_000;

/// A text and when it is shown, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cue {
    pub start_ms: u64,
    pub end_ms: u64,
    /// Where it is shown, as WebVTT has it.
    settings: String,
    /// One or more lines, none of them empty.
    text: String,
}

/// Reads the cues of a file, in the order of their starts. The error says what is wrong.
pub(crate) fn parse(file: &str) -> Result<Vec<Cue>, String> {
    let file = file.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    if !file.starts_with("WEBVTT") {
        return Err("it is not WebVTT".to_owned());
    }
    let mut cues = Vec::new();
    for block in file.split("\n\n") {
        let mut lines = block.lines().skip_while(|line| !line.contains("-->"));
        // Headers, comments and style sheets have no times.
        let Some(times) = lines.next() else { continue };
        let (start_ms, end_ms, settings) = timing(times)
            .ok_or_else(|| format!("`{}` is not the time of a text", fault::text::printable(times, 80)))?;
        let text: Vec<&str> =
            lines.map(str::trim_end).filter(|line| !line.is_empty() && !line.contains("-->")).collect();
        if text.is_empty() || end_ms <= start_ms {
            continue;
        }
        if cues.len() == MAX_CUES {
            return Err(format!("it has more than {MAX_CUES} texts"));
        }
        cues.push(Cue { start_ms, end_ms, settings: settings.to_owned(), text: text.join("\n") });
    }
    cues.sort_by_key(|cue| cue.start_ms);
    Ok(cues)
}

/// `00:00:01.000 --> 00:00:02.500 line:0`: start, end and settings.
fn timing(line: &str) -> Option<(u64, u64, &str)> {
    let (start, rest) = line.split_once("-->")?;
    let rest = rest.trim();
    let (end, settings) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Some((milliseconds(start.trim())?, milliseconds(end)?, settings.trim()))
}

/// Hours may be missing, and have any number of digits.
fn milliseconds(time: &str) -> Option<u64> {
    let (clock, fraction) = time.split_once('.')?;
    let number = |text: &str| -> Option<u64> {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let parts: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let seconds = match *parts.as_slice() {
        [minutes, seconds] => minutes.checked_mul(60)?.checked_add(seconds)?,
        [hours, minutes, seconds] => {
            hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)?
        }
        _ => return None,
    };
    (fraction.len() == 3).then_some(())?;
    seconds.checked_mul(1000)?.checked_add(number(fraction)?)
}

/// The cues of a part, on its own clock.
pub(crate) fn only_part(cues: Vec<Cue>, part: Part) -> Vec<Cue> {
    let [start, end] = [part.start, part.end].map(|time| time.as_millis() as u64);
    let within = |cue: Cue| {
        let (from, until) = (cue.start_ms.max(start), cue.end_ms.min(end));
        (from < until).then(|| Cue { start_ms: from - start, end_ms: until - start, ..cue })
    };
    cues.into_iter().filter_map(within).collect()
}

/// The cues that are shown in a span, as a file of its own. `mpegts` is the media's clock at the time zero of the cues, in
/// ticks of 90 kHz, for players of HLS.
pub(crate) fn render(cues: &[Cue], (from_ms, until_ms): (u64, u64), mpegts: Option<u64>) -> String {
    let mut text = "WEBVTT\n".to_owned();
    // Writing to a String can't fail.
    if let Some(mpegts) = mpegts {
        let _ = writeln!(text, "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{mpegts}");
    }
    for cue in cues.iter().filter(|cue| cue.start_ms < until_ms && cue.end_ms > from_ms) {
        let space = if cue.settings.is_empty() { "" } else { " " };
        let (start, end) = (clock(cue.start_ms), clock(cue.end_ms));
        let _ = write!(text, "\n{start} --> {end}{space}{}\n{}\n", cue.settings, cue.text);
    }
    text
}

fn clock(ms: u64) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A text file of unknown encoding: by its byte order mark, else UTF-8 if it can be, else Windows-1252, which never fails.
pub(crate) fn decoded(bytes: &[u8]) -> String {
    let encoding = match Encoding::for_bom(bytes) {
        Some((marked, _)) => marked,
        None if std::str::from_utf8(bytes).is_ok() => UTF_8,
        None => WINDOWS_1252,
    };
    encoding.decode(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FILE: &str = "WEBVTT\n\nNOTE a comment\n\n1\n00:01.000 --> 00:03.500 line:0\nHello\nthere\n\n\
        00:00:05.000 --> 00:00:08.000\n<i>Bye</i>\n";

    #[test]
    fn texts_and_their_times_are_read() {
        let cues = parse(FILE).unwrap();
        let read: Vec<_> = cues.iter().map(|cue| (cue.start_ms, cue.end_ms, cue.text.as_str())).collect();
        assert_eq!(read, [(1_000, 3_500, "Hello\nthere"), (5_000, 8_000, "<i>Bye</i>")]);
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let cues = parse(FILE).unwrap();
        assert_eq!(parse(&render(&cues, (0, u64::MAX), None)).unwrap(), cues);
        assert_eq!(parse(&render(&cues, (0, u64::MAX), Some(126_000))).unwrap(), cues);
    }

    #[test]
    fn a_segment_has_what_is_shown_in_it_with_its_whole_time() {
        let cues = parse(FILE).unwrap();
        let in_span = |from, until| parse(&render(&cues, (from, until), Some(0))).unwrap();
        assert_eq!(in_span(0, 3_000), cues[..1]);
        assert_eq!(in_span(3_000, 6_000), cues);
        assert_eq!(in_span(3_500, 5_000), []);
    }

    #[test]
    fn a_part_has_its_own_clock() {
        let part = Part { start: Duration::from_secs(3), end: Duration::from_secs(7), picture: None };
        let times: Vec<_> =
            only_part(parse(FILE).unwrap(), part).iter().map(|cue| (cue.start_ms, cue.end_ms)).collect();
        assert_eq!(times, [(0, 500), (2_000, 4_000)]);
    }

    #[test]
    fn other_files_and_times_are_refused() {
        assert!(parse("1\n00:00:01,000 --> 00:00:02,000\nSRT\n").is_err());
        for time in
            ["1.000", "00:01", "00:01.00", "aa:01.000", "+1:01.000", "99999999999999999999:00:01.000", ":01.000"]
        {
            assert_eq!(milliseconds(time), None, "{time}");
            assert!(parse(&format!("WEBVTT\n\n{time} --> 00:09.000\nx\n")).is_err(), "{time}");
        }
        assert!(parse(&format!("WEBVTT\n\n{}", "00:01.000 --> 00:02.000\nx\n\n".repeat(MAX_CUES + 1))).is_err());
    }

    #[test]
    fn a_text_cannot_become_a_time() {
        let cues = parse("WEBVTT\n\n00:01.000 --> 00:02.000\nx\n00:03.000 --> 00:04.000\ny\n").unwrap();
        assert_eq!(cues[0].text, "x\ny");
    }

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(decoded("Grüße".as_bytes()), "Grüße");
        assert_eq!(decoded(b"Gr\xfc\xdfe \x80"), "Grüße €");
        assert_eq!(decoded(&[0xff, 0xfe, b'H', 0, b'i', 0]), "Hi");
        assert_eq!(decoded(&[0xfe, 0xff, 0, b'H', 0, b'i']), "Hi");
        assert_eq!(decoded("\u{feff}Hi".as_bytes()), "Hi");
    }
}
